"""What may be disposed of on a day, as a question to the search engine.

A message is asked for whose period is over in every series that covers it, or might cover it. Of series that wait until
students have left, no query can tell: for these the question finds more, everything whose period would be over if it
ran from the day of receipt, and `finding` looks at each message.

Pure. Promises: whatever `standing` calls eligible or overdue is found by `eligible`, and where no such series covers a
message nothing else is; `tests/records/retention/test_agreement.py` holds it to that.
"""

from __future__ import annotations

from datetime import date

from gateway.message.events import HELD
from gateway.records.retention.periods import Period
from gateway.records.retention.schedule import Schedule, Series
from gateway.records.retention.triggers import Trigger
from gateway.search.query.parser import one_of
from gateway.search.query.tree import And, Between, Is, Keyword, Node, Not, Number
from gateway.search.query.unparse import plain

HELD_BACK = Is(Keyword.OUTCOME, HELD)  # nobody has decided yet whether it is delivered


def eligible(schedule: Schedule, today: date, series: Series | None = None) -> Node:
    """The messages that may be disposed of on `today`; with `series`, those of them that it covers."""
    kept = [
        Not(And((schedule.possibly_covered(each), Not(over(schedule, each, today))))) for each in schedule
    ]
    among = () if series is None else (schedule.covered(series),)
    return plain(And((*among, *kept, Not(HELD_BACK))))


def over(schedule: Schedule, series: Series, today: date) -> Node:
    """The messages for which a series' floor is over on `today`, or for `left` could be."""
    return ended(schedule, series.trigger, series.floor, today)


def past_ceiling(schedule: Schedule, series: Series, today: date) -> Node | None:
    """Those that a series covers and asks to be gone, or for `left` could; None where it has no ceiling."""
    if series.ceiling is None:
        return None
    return plain(And((schedule.covered(series), ended(schedule, series.trigger, series.ceiling, today))))


def ended(schedule: Schedule, trigger: Trigger, period: Period, today: date) -> Node:
    """The messages received so long ago that a period was over when `today` began."""
    return Between(Number.RECEIVED, high=schedule.calendar.cutoff(trigger, period, today))


def waiting(schedule: Schedule) -> Node:
    """The messages that a series covers, or might, which waits until students have left."""
    left = [schedule.possibly_covered(each) for each in schedule if each.trigger is Trigger.LEFT]
    return one_of(left)
