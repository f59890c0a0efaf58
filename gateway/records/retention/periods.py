"""A length of time by the calendar: years, months and days, counted from a day to a day.

A month later is the same day of the next month, or its last one where it is shorter: a year after February 29, 2028
is February 28, 2029. Fails with ValueError, whose text says what was expected.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

WANTED = 'a period such as "7 years", "18 months", "90 days" or "1 year 6 months"'

_PART = re.compile(r"(\d{1,3}) (year|month|day)s?", re.ASCII)
_UNITS = ("year", "month", "day")


@dataclass(frozen=True, slots=True)
class Period:
    """Years and months are counted first, then days."""

    years: int = 0
    months: int = 0
    days: int = 0

    def after(self, day: date) -> date:
        """The day on which the period ends that begins on `day`; the last day there is, where that is sooner."""
        year, month = divmod(day.year * 12 + day.month - 1 + self.years * 12 + self.months, 12)
        if year > date.max.year:
            return date.max
        ended = date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
        try:
            return ended + timedelta(days=self.days)
        except OverflowError:
            return date.max

    def __str__(self) -> str:
        """As a schedule has it."""
        counts = zip((self.years, self.months, self.days), _UNITS, strict=True)
        said = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in counts if count]
        return " ".join(said) or "0 days"


def read_period(text: str) -> Period:
    """The period that a text says: each unit once, the longest first."""
    counts: dict[str, int] = {}
    for part in re.findall(r"\S+ \S+|\S+", " ".join(text.split()).lower()):
        found = _PART.fullmatch(part)
        if found is None or any(_UNITS.index(found[2]) <= _UNITS.index(unit) for unit in counts):
            raise ValueError(f"expected {WANTED}, got {text!r}")
        counts[found[2]] = int(found[1])
    if not counts:
        raise ValueError(f"expected {WANTED}, got {text!r}")
    return Period(counts.get("year", 0), counts.get("month", 0), counts.get("day", 0))
