"""The question to the search engine says the same as `standing`, whatever the schedule: queries of every kind.

Queries, documents and schedules are made by chance; whether a query holds is looked up in the document, without engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.records.retention.eligible import eligible, past_ceiling
from gateway.records.retention.periods import Period
from gateway.records.retention.schedule import Schedule, Series
from gateway.records.retention.standing import Facts, State, standing
from gateway.records.retention.triggers import Calendar, Trigger, YearEnd
from gateway.search.document import Document
from gateway.search.query.tree import Node
from tests.records.retention.schedules import BOSTON
from tests.search.generated import documents, nodes
from tests.search.reference import holds

TODAYS = st.dates(date(2024, 1, 1), date(2036, 1, 1))
RECEIVED = st.datetimes(datetime(2022, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
PERIODS = st.builds(Period, st.integers(0, 6), st.integers(0, 13), st.integers(0, 40))
TRIGGERS = st.sampled_from(Trigger)
CALENDARS = st.sampled_from([Calendar(BOSTON), Calendar(UTC, YearEnd(8, 31), YearEnd(12, 31))])
STUDENTS = st.lists(st.none() | st.dates(date(2020, 1, 1), date(2032, 1, 1)), max_size=2).map(tuple)

Terms = tuple[Trigger, Period, Period | None]
terms = st.tuples(TRIGGERS, PERIODS, st.none() | PERIODS)


def made(name: str, covers: Node | None, of: Terms) -> Series:
    trigger, floor, ceiling = of
    return Series(name, name, trigger, floor, "law", name, covers, ceiling)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    others: Sequence[tuple[Node, Terms]] = draw(st.lists(st.tuples(nodes, terms), max_size=3))
    return Schedule(
        tuple(made(f"s{number}", covers, of) for number, (covers, of) in enumerate(others)),
        made("rest", None, draw(terms)),
        draw(CALENDARS),
        "v",
    )


@st.composite
def messages(draw: st.DrawFn) -> Document:
    document = draw(documents(1))
    has = draw(st.sampled_from([(), ("unreadable",)]))
    outcome = draw(st.sampled_from(["relayed", "held", "imported"]))
    return replace(document, received=draw(RECEIVED), has=has, unreadable=len(has), outcome=outcome)


def facts(table: Schedule, document: Document, students: tuple[date | None, ...]) -> Facts:
    return Facts(
        document.received,
        frozenset(each.name for each in table.others if holds(table.covered(each), document)),
        frozenset(each.name for each in table.others if holds(table.possibly_covered(each), document)),
        students,
        document.outcome == "held",
    )


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(schedules(), messages(), STUDENTS, TODAYS)
def test_what_is_asked_is_what_stands_so(
    table: Schedule, document: Document, students: tuple[date | None, ...], today: date
) -> None:
    found = standing(facts(table, document, students), table, today)
    waits = any(term.series.trigger is Trigger.LEFT for term in found.terms)
    is_asked = holds(eligible(table, today), document)
    if waits:
        assert is_asked or found.state is State.KEPT
    else:
        assert is_asked is (found.state is not State.KEPT)
    for series in table:
        of_this = any(term.series is series and term.certain for term in found.terms)
        assert holds(eligible(table, today, series), document) is (is_asked and of_this)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(schedules(), messages(), STUDENTS, TODAYS)
def test_what_is_past_a_ceiling_is_asked_for(
    table: Schedule, document: Document, students: tuple[date | None, ...], today: date
) -> None:
    found = standing(facts(table, document, students), table, today)
    for term in found.terms:
        node = past_ceiling(table, term.series, today)
        late = term.certain and term.ceiling_at is not None and term.ceiling_at < today
        assert not late or node is not None
        if node is not None and term.series.trigger is not Trigger.LEFT:
            assert holds(node, document) is late
        elif node is not None and late:
            assert holds(node, document)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(schedules(), messages())
def test_a_message_that_is_covered_might_be_and_the_default_covers_the_rest(
    table: Schedule, document: Document
) -> None:
    covering = [each for each in table if holds(table.covered(each), document)]
    assert covering
    assert (table.default in covering) is (covering == [table.default])
    assert all(holds(table.possibly_covered(each), document) for each in covering)
    for each in table.others:
        if holds(table.possibly_covered(each), document) and each not in covering:
            assert document.unreadable
