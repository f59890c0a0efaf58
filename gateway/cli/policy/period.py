"""`--since` and `--until`: a day, a moment, or how long ago."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from gateway.cli.options import WRONG_USAGE, fail

SINCE = "First moment: 2026-11-01, 2026-11-01T08:00, or how long ago: 30d, 12h."
UNTIL = "Last day, or first moment after: 2026-11-30, 2026-11-30T16:00, or how long ago: 1d."

_AGO = re.compile(r"(\d{1,6})([wdhm])", re.ASCII)
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}
_EXPECTED = "expected a day (2026-11-01), a moment (2026-11-01T08:00) or how long ago (30d, 12h)"


@dataclass(frozen=True, slots=True)
class Period:
    """From a moment up to another, aware; None is open. The end does not belong to it."""

    since: datetime | None
    until: datetime | None

    def __contains__(self, moment: datetime) -> bool:
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)


def period(since: str | None, until: str | None, *, now: datetime) -> Period:
    """The period that the options name, in the zone of `now`; ends the command where they name none."""
    found = Period(_moment("--since", since, now), _moment("--until", until, now, last_day=True))
    if found.since is not None and found.until is not None and found.since >= found.until:
        raise fail(f"--until {until}: expected a moment after --since {since}", WRONG_USAGE)
    return found


def _moment(option: str, text: str | None, now: datetime, *, last_day: bool = False) -> datetime | None:
    if text is None:
        return None
    try:
        return _read(text.strip(), now, last_day=last_day).astimezone(UTC)
    except (ValueError, OverflowError):
        raise fail(f"{option} {text}: {_EXPECTED}", WRONG_USAGE) from None


def _read(text: str, now: datetime, *, last_day: bool) -> datetime:
    """Raises ValueError or OverflowError."""
    ago = _AGO.fullmatch(text.lower())
    if ago is not None:
        # in UTC: an hour is an hour, also across the night in which the clocks change
        return now.astimezone(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return _midnight(date.fromisoformat(text) + timedelta(days=last_day), now.tzinfo)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=now.tzinfo)


def _midnight(day: date, zone: tzinfo | None) -> datetime:
    return datetime.combine(day, time(), zone)
