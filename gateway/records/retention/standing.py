"""What a schedule says of one message on one day.

Floor before ceiling: of several series that cover a message the longest keeps it, whatever another one asks to be
gone. A legal hold goes before both, and is looked at where mail is disposed of. Pure; never fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from gateway.records.retention.schedule import Schedule, Series
from gateway.records.retention.triggers import Trigger


class State(StrEnum):
    """Where a message stands."""

    KEPT = "kept"  # it must be kept
    ELIGIBLE = "eligible"  # it may be disposed of, once that is permitted
    OVERDUE = "overdue"  # it may be, and ought to be gone already


@dataclass(frozen=True, slots=True)
class Facts:
    """What a schedule must know of a message."""

    received: datetime  # by the gateway
    covering: frozenset[str] = frozenset()  # names of the series that cover it, but the default
    possibly: frozenset[str] = (
        frozenset()
    )  # of those that might, if the right words stood where nobody can read
    # The day by which each student concerned had left; None: has not, or nobody knows. Empty: no student is known.
    students: Sequence[date | None] = ()
    held: bool = False  # it waits for a reviewer, and was not delivered


@dataclass(frozen=True, slots=True)
class Term:
    """How long one series keeps one message."""

    series: Series
    certain: bool  # it covers it; else it only might
    runs_from: date | None  # None: what its period waits for has not come
    floor_until: date | None  # the last day on which it must be kept; None: not known yet
    ceiling_at: (
        date | None
    )  # the last day on which it may be there; None: there is none, or it is not known yet


@dataclass(frozen=True, slots=True)
class Standing:
    """What follows from all series that cover a message."""

    terms: tuple[Term, ...]
    state: State
    floor_until: date | None  # None: not known yet, so it is kept
    ceiling_at: date | None

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the series, in the schedule's order."""
        return tuple(term.series.name for term in self.terms)

    def is_past_ceiling(self, today: date) -> bool:
        """Whether it ought to be gone, kept by a floor or not."""
        return self.ceiling_at is not None and self.ceiling_at < today


def left_by(students: Sequence[date | None]) -> date | None:
    """The day by which all students had left; None where one has not, or where none is known."""
    known = [day for day in students if day is not None]
    return max(known) if known and len(known) == len(students) else None


def standing(facts: Facts, schedule: Schedule, today: date) -> Standing:
    """How a message stands on a day, before it began."""
    terms = tuple(_term(series, facts, schedule) for series in applying(facts, schedule))
    floors = [term.floor_until for term in terms]
    known = [day for day in floors if day is not None]
    floor = max(known) if known and len(known) == len(floors) else None
    # What only might cover a message keeps it, and does not ask it to be gone.
    ceilings = [term.ceiling_at for term in terms if term.certain and term.ceiling_at is not None]
    ceiling = min(ceilings, default=None)
    return Standing(terms, _state(facts, floor, ceiling, today), floor, ceiling)


def applying(facts: Facts, schedule: Schedule) -> list[Series]:
    wanted = facts.covering | facts.possibly
    found = [series for series in schedule.others if series.name in wanted]
    if not any(series.name in facts.covering for series in schedule.others):
        found.append(schedule.default)
    return found


def _term(series: Series, facts: Facts, schedule: Schedule) -> Term:
    calendar = schedule.calendar
    left = left_by(facts.students) if series.trigger is Trigger.LEFT else None
    begun = calendar.runs_from(series.trigger, calendar.day(facts.received), left)
    return Term(
        series=series,
        certain=series.is_default or series.name in facts.covering,
        runs_from=begun,
        floor_until=None if begun is None else series.floor.after(begun),
        ceiling_at=None if begun is None or series.ceiling is None else series.ceiling.after(begun),
    )


def _state(facts: Facts, floor: date | None, ceiling: date | None, today: date) -> State:
    if facts.held or floor is None or today <= floor:
        return State.KEPT
    return State.OVERDUE if ceiling is not None and ceiling < today else State.ELIGIBLE
