"""A schedule, and what it says of one message, in sentences that a records officer can check. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from gateway.records.retention.schedule import Schedule, Series
from gateway.records.retention.standing import Facts, Standing, State, Term, left_by
from gateway.records.retention.triggers import Calendar, Trigger, YearEnd

NO_ADVICE = "The schedule is the district's own. This is no legal advice; a legal hold goes before all of it."
CONFIRM = "confirm with counsel"


def day_of(day: date) -> str:
    """November 23, 2026."""
    return f"{day:%B} {day.day}, {day.year}"


def runs_from(series: Series, calendar: Calendar) -> str:
    """From when a series' period runs."""
    match series.trigger:
        case Trigger.RECEIVED:
            return "the day of receipt"
        case Trigger.CALENDAR_YEAR:
            return "the end of the year of receipt"
        case Trigger.SCHOOL_YEAR:
            return f"the end of the school year of receipt ({_year_end(calendar.school_year_ends)})"
        case Trigger.FISCAL_YEAR:
            return f"the end of the fiscal year of receipt ({_year_end(calendar.fiscal_year_ends)})"
        case Trigger.LEFT:
            return "the day by which all students taking part had left, or that of receipt, if it is later"


def authority(series: Series) -> str:
    """By which law a series stands, and whether that is to be confirmed."""
    return f"{series.authority} ({CONFIRM})" if series.confirm else series.authority


def sentences(facts: Facts, standing: Standing, schedule: Schedule, today: date) -> Iterator[str]:
    """Why a message is kept, from when, and until when."""
    yield f"It was received on {_moment(facts.received, schedule.calendar)}, by the gateway's clock."
    for term in standing.terms:
        yield from _term(term, facts, schedule.calendar)
    if len(standing.terms) > 1:
        yield "Several series cover it: the longest keeps it, and the first that asks it to be gone does so."
    yield from _conclusion(facts, standing, today)


def _term(term: Term, facts: Facts, calendar: Calendar) -> Iterator[str]:
    yield _covering(term)
    series = term.series
    yield f"  It is kept for {series.floor} from {runs_from(series, calendar)}: {authority(series)}."
    if series.trigger is Trigger.LEFT:
        yield f"  {_students(facts)}"
    if term.runs_from is None or term.floor_until is None:
        yield "  So this period has not begun."
        return
    begun = day_of(term.runs_from)
    yield f"  It runs from {begun}, so by this series the message is kept to the end of {day_of(term.floor_until)}."
    if term.ceiling_at is not None:
        at_most = f"at most {series.ceiling}, to the end of {day_of(term.ceiling_at)}"
        doubt = (
            "" if term.certain else "; that does not count, for it is not certain that the series covers it"
        )
        yield f"  And {at_most}{doubt}."


def _covering(term: Term) -> str:
    series = term.series
    called = f"{series.title} ({series.name})"
    if series.is_default:
        return f"{called} covers it, as everything that no other series covers."
    if term.certain:
        return f"{called} covers it: {series.query}"
    return f"{called} might cover it, for in a part that could not be read may stand what it asks for: {series.query}"


def _students(facts: Facts) -> str:
    if not facts.students:
        return "Of those who take part nobody is known as a student, or as the guardian of one."
    left = left_by(facts.students)
    if left is not None:
        return f"All students whom it concerns had left by {day_of(left)}."
    there = sum(day is None for day in facts.students)
    return f"Of {len(facts.students)} students whom it concerns {there} are not known to have left."


def _conclusion(facts: Facts, standing: Standing, today: date) -> Iterator[str]:
    if facts.held:
        yield "It waits for a reviewer, and is not disposed of before somebody has decided (mailgw hold)."
    if standing.floor_until is None:
        yield "So it is kept: a period that covers it has not begun."
    elif standing.state is State.KEPT:
        yield f"So it is kept to the end of {day_of(standing.floor_until)}."
        if standing.is_past_ceiling(today):
            yield "It ought to be gone, but what keeps it goes before that."
    else:
        yield f"So it may be disposed of, since {day_of(standing.floor_until)} is over, once that is permitted."
    if standing.state is State.OVERDUE and standing.ceiling_at is not None:
        yield f"It ought to be gone since {day_of(standing.ceiling_at)}."


def _moment(moment: datetime, calendar: Calendar) -> str:
    local = moment.astimezone(calendar.zone)
    return f"{day_of(local.date())} at {local:%H:%M}"


def _year_end(ends: YearEnd) -> str:
    day = date(2001, ends.month, ends.day)
    return f"{day:%B} {day.day}"
