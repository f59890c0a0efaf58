"""Dates and times of a query: each text is a span, from its first moment up to the first one after it.

`2026` is a year, `2026-11` a month, `2026-11-05` a day, `2026-11-05T14:30` a minute, all in the district's time
zone; with `Z` or an offset in that one. `30d` is the day 30 days ago, `12h` the hour that began 12 hours ago.
A day of a change of clocks has its 23 or 25 hours.

Fails only with `QueryError`, with the place that it is given.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from gateway.search.query.errors import QueryError, quoted

Span = tuple[datetime, datetime]

WANTED = "a date such as 2026-11-05, 2026-11, 2026, 30d, yesterday or 2026-11-05T14:30"
_YEARS = range(1970, 2200)
_UTC_YEARS = range(1969, 2201)  # the ends of those, in whatever time zone
_IN_RANGE = "a year from 1970 to 2199"
_LONGEST = 40  # characters of a date

# Every repetition is bounded, and the text is short.
_DAY = re.compile(r"(\d{4})(?:([-/])(\d{1,2})(?:\2(\d{1,2}))?)?", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2})(:\d{2})?([.]\d{1,6})?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII
)
_AGO = re.compile(r"(\d{1,5})([hdwmy])", re.ASCII)


@dataclass(frozen=True, slots=True)
class Clock:
    """When and where a query is asked."""

    now: datetime  # aware
    zone: tzinfo

    @property
    def today(self) -> date:
        """The day that it is in the zone."""
        return self.now.astimezone(self.zone).date()


def day_start(day: date, zone: tzinfo) -> datetime:
    """The first moment of a day in `zone`, in UTC."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def read_span(text: str, position: int, clock: Clock) -> Span:
    """From and up to when the date `text` goes, in UTC."""
    if len(text) <= _LONGEST:
        try:
            span = _named(text, clock) or _ago(text, clock) or _moment(text, clock) or _day(text, clock)
        except (ValueError, OverflowError) as error:
            raise QueryError(position, f"{quoted(text)} is no date ({error})", WANTED) from None
        if span is not None:
            if span[0].year not in _UTC_YEARS or span[1].year not in _UTC_YEARS:
                raise QueryError(position, f"{quoted(text)} is out of range", _IN_RANGE)
            return span
    raise QueryError(position, f"{quoted(text)} is no date", WANTED)


def _days(first: date, after: date, clock: Clock) -> Span:
    span = day_start(first, clock.zone), day_start(after, clock.zone)
    if span[0] >= span[1]:  # a zone that moved across the date line
        raise ValueError("the day does not exist in the time zone")
    return span


def _day(text: str, clock: Clock) -> Span | None:
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    year = int(match[1])
    if year not in _YEARS:
        raise ValueError(_IN_RANGE)
    if match[3] is None:
        return _days(date(year, 1, 1), date(year + 1, 1, 1), clock)
    if match[4] is None:
        first = date(year, int(match[3]), 1)
        return _days(first, _months_later(first, 1), clock)
    day = date(year, int(match[3]), int(match[4]))
    return _days(day, day + timedelta(days=1), clock)


def _moment(text: str, clock: Clock) -> Span | None:
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    day, minute, second, fraction, offset = match.groups()
    if fraction and not second:
        return None
    moment = datetime.fromisoformat(f"{day}T{minute}{second or ''}{fraction or ''}{(offset or '').upper()}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=clock.zone)
    unit = timedelta(microseconds=1) if fraction else timedelta(seconds=1) if second else timedelta(minutes=1)
    begin = moment.astimezone(UTC)
    return begin, begin + unit


def _ago(text: str, clock: Clock) -> Span | None:
    match = _AGO.fullmatch(text.lower())
    if match is None:
        return None
    count, unit = int(match[1]), match[2]
    if unit == "h":
        begin = clock.now.astimezone(UTC).replace(microsecond=0) - timedelta(hours=count)
        return begin, begin + timedelta(hours=1)
    if unit in "dw":
        day = clock.today - timedelta(days=count * (7 if unit == "w" else 1))
    else:
        day = _months_later(clock.today, -count * (12 if unit == "y" else 1))
    return _days(day, day + timedelta(days=1), clock)


def _months_later(day: date, months: int) -> date:
    """The same day of another month, or its last one where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _week(today: date, back: int) -> tuple[date, date]:
    monday = today - timedelta(days=today.weekday() + 7 * back)
    return monday, monday + timedelta(days=7)


def _month(today: date, back: int) -> tuple[date, date]:
    first = _months_later(today.replace(day=1), -back)
    return first, _months_later(first, 1)


def _year(today: date, back: int) -> tuple[date, date]:
    return date(today.year - back, 1, 1), date(today.year - back + 1, 1, 1)


def _one(today: date, back: int) -> tuple[date, date]:
    return today - timedelta(days=back), today - timedelta(days=back - 1)


NAMED: Mapping[str, tuple[Callable[[date, int], tuple[date, date]], int]] = {
    "today": (_one, 0),
    "yesterday": (_one, 1),
    "this-week": (_week, 0),  # from Monday
    "last-week": (_week, 1),
    "this-month": (_month, 0),
    "last-month": (_month, 1),
    "this-year": (_year, 0),
    "last-year": (_year, 1),
}


def _named(text: str, clock: Clock) -> Span | None:
    found = NAMED.get(text.lower().replace(" ", "-"))
    return _days(*found[0](clock.today, found[1]), clock) if found else None


# --- writing -----------------------------------------------------------------------------------


def written_from(moment: datetime, zone: tzinfo | None) -> str:
    """The text whose span begins at `moment`: a day where it is the first moment of one in `zone`."""
    return _day_text(moment, zone, 0) or _moment_text(moment, fraction=moment.microsecond != 0)


def written_to(moment: datetime, zone: tzinfo | None) -> str:
    """The text whose span ends at `moment`."""
    fraction = moment.microsecond != 0
    unit = timedelta(microseconds=1) if fraction else timedelta(seconds=1)
    return _day_text(moment, zone, 1) or _moment_text(moment - unit, fraction=fraction)


def day_of(moment: datetime, zone: tzinfo) -> date | None:
    """The day that begins at `moment` in `zone`; None if none does."""
    day = moment.astimezone(zone).date()
    return day if day_start(day, zone) == moment else None


def _day_text(moment: datetime, zone: tzinfo | None, back: int) -> str:
    day = day_of(moment, zone) if zone is not None else None
    if day is not None:
        day -= timedelta(days=back)
    return day.isoformat() if day is not None and day.year in _YEARS else ""


def _moment_text(moment: datetime, *, fraction: bool) -> str:
    naive = moment.astimezone(UTC).replace(tzinfo=None)
    return naive.isoformat(timespec="microseconds" if fraction else "seconds") + "Z"
