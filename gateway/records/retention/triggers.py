"""From which day a period runs, and up to when mail must have been received for it to have ended.

All days are those of the district's calendar. The day on which a period ends still belongs to it: mail received on
November 23, 2026 and kept for 7 years is kept to the end of November 23, 2033. So nothing goes before the very hour at
which it was received comes round.

Pure; never fails.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from enum import StrEnum

from gateway.records.retention.periods import Period
from gateway.search.query.dates import day_start

# No mail was received before, and no query can say an earlier time.
_FIRST_DAY = date(1970, 1, 1)
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class Trigger(StrEnum):
    """From when a period runs."""

    RECEIVED = "received"  # the day of receipt
    CALENDAR_YEAR = "calendar-year"  # the last day of the year of receipt
    SCHOOL_YEAR = "school-year"
    FISCAL_YEAR = "fiscal-year"
    LEFT = "left"  # the day by which all students taking part had left; that of receipt, if it is later


@dataclass(frozen=True, slots=True)
class YearEnd:
    """The last day of a year, each year; never February 29."""

    month: int = 6
    day: int = 30

    def on_or_after(self, day: date) -> date:
        """The last day of the year in which `day` is."""
        ends = date(day.year, self.month, self.day)
        if ends >= day:
            return ends
        return ends.replace(year=day.year + 1) if day.year < date.max.year else date.max


@dataclass(frozen=True, slots=True)
class Calendar:
    """The district's days and years."""

    zone: tzinfo
    school_year_ends: YearEnd = YearEnd()
    fiscal_year_ends: YearEnd = YearEnd()

    def day(self, moment: datetime) -> date:
        """The day that it is in the district at a moment."""
        return moment.astimezone(self.zone).date()

    def runs_from(self, trigger: Trigger, received: date, left: date | None = None) -> date | None:
        """The day from which a period runs; None where what it waits for has not come.

        received: the day of receipt. left: the day by which all students had left; None: some have not.
        """
        match trigger:
            case Trigger.RECEIVED:
                return received
            case Trigger.CALENDAR_YEAR:
                return date(received.year, 12, 31)
            case Trigger.SCHOOL_YEAR:
                return self.school_year_ends.on_or_after(received)
            case Trigger.FISCAL_YEAR:
                return self.fiscal_year_ends.on_or_after(received)
            case Trigger.LEFT:
                return None if left is None else max(received, left)

    def cutoff(self, trigger: Trigger, period: Period, today: date) -> datetime:
        """Of mail received before this moment, and of no other, the period was over when today began.

        For `left`, which no time of receipt can tell, of mail received later it cannot be over.
        """
        trigger = Trigger.RECEIVED if trigger is Trigger.LEFT else trigger

        def last_day(ordinal: int) -> date:
            begun = self.runs_from(trigger, date.fromordinal(ordinal))
            assert begun is not None
            return period.after(begun)

        # A later day of receipt never ends sooner, and a period from today on has not ended.
        days = range(_FIRST_DAY.toordinal(), today.toordinal())
        first_kept = _FIRST_DAY.toordinal() + bisect_left(days, today, key=last_day)
        return max(day_start(date.fromordinal(first_kept), self.zone), _FIRST)
