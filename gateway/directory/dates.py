"""Dates as rosters write them.

ISO 8601 (with or without a time, dashes or not), and US order: `8/21/2026`, `08/21/26`, `8-21-2026`.
A time and its zone are dropped: a roster's dates are calendar days of the district.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

_TIME = r"(?:[T ]+\d{1,2}:\d{2}.*)?"
_ISO = re.compile(r"(\d{4})([-/]?)(\d{2})\2(\d{2})" + _TIME, re.ASCII)
_US = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})" + _TIME, re.ASCII)


@lru_cache(maxsize=8192)  # a roster repeats a handful of dates in hundreds of thousands of rows
def parse_date(text: str) -> date | None:
    """The day that `text` names; None where it is empty. Raises ValueError where it names none.

    Two-digit years are those of POSIX: 69-99 are 19xx, 00-68 are 20xx.
    """
    if not text:
        return None
    if iso := _ISO.fullmatch(text):
        return date(int(iso[1]), int(iso[3]), int(iso[4]))
    if us := _US.fullmatch(text):
        year = int(us[4])
        if len(us[4]) == 2:
            year += 1900 if year >= 69 else 2000
        return date(year, int(us[1]), int(us[3]))
    raise ValueError("expected a date such as 2026-08-21 or 8/21/2026")


def covers(start: date | None, end: date | None, day: date) -> bool:
    """Whether `day` lies from `start` to `end`, both included; None is open."""
    return (start is None or start <= day) and (end is None or day <= end)
