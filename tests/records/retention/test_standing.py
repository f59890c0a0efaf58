"""How one message stands on a day: tables that a records officer could check, and what holds whatever the schedule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.records.retention.periods import Period
from gateway.records.retention.schedule import Schedule, Series
from gateway.records.retention.standing import Facts, State, standing
from gateway.records.retention.triggers import Calendar, Trigger, YearEnd
from gateway.search.query.tree import Is, Keyword
from tests.records.retention.schedules import BOSTON, schedule, series

SCHEDULE = schedule(
    series("transcript", "label:transcript", "left", "60 years"),
    series("student", "label:student-record", "left", "0 days", "7 years"),
    series("entry", "label:student-record", "received", "7 years"),
    series("coach", "role:coach", "school-year", "5 years", "6 years"),
    series("note", "label:note", "received", "30 days", "1 year"),
)
RECEIVED = datetime(2026, 11, 23, 14, 5, tzinfo=BOSTON)


def facts(*names: str, **more: object) -> Facts:
    return Facts(RECEIVED, frozenset(names), **more)  # type: ignore[arg-type]


def days(*texts: str) -> tuple[date | None, ...]:
    return tuple(None if text == "there" else date.fromisoformat(text) for text in texts)


@pytest.mark.parametrize(
    ("covering", "students", "today", "state", "floor", "ceiling"),
    [
        # Nothing else covers it: 7 years from receipt.
        ("", (), "2033-11-23", "kept", "2033-11-23", None),
        ("", (), "2033-11-24", "eligible", "2033-11-23", None),
        # A shorter series instead of the default.
        ("note", (), "2026-12-23", "kept", "2026-12-23", "2027-11-23"),
        ("note", (), "2026-12-24", "eligible", "2026-12-23", "2027-11-23"),
        ("note", (), "2027-11-23", "eligible", "2026-12-23", "2027-11-23"),
        ("note", (), "2027-11-24", "overdue", "2026-12-23", "2027-11-23"),
        # From the end of the school year of receipt.
        ("coach", (), "2032-06-30", "kept", "2032-06-30", "2033-06-30"),
        ("coach", (), "2032-07-01", "eligible", "2032-06-30", "2033-06-30"),
        # Two series: the latest floor, the earliest ceiling, and a floor goes before a ceiling.
        ("coach note", (), "2028-01-01", "kept", "2032-06-30", "2027-11-23"),
        ("coach note", (), "2032-07-01", "overdue", "2032-06-30", "2027-11-23"),
        # While one of the students is there nothing begins.
        ("student entry", ("2030-06-12", "there"), "2099-01-01", "kept", None, None),
        ("student entry", (), "2099-01-01", "kept", None, None),  # nobody knows whose record it is
        # Both left: 7 years after receipt are over before the 7 years after leaving.
        ("student entry", ("2030-06-12", "2032-06-10"), "2033-11-24", "eligible", "2033-11-23", "2039-06-10"),
        ("student entry", ("2030-06-12", "2032-06-10"), "2039-06-11", "overdue", "2033-11-23", "2039-06-10"),
        # Left before the message came: the period runs from receipt.
        ("student entry", ("2020-06-12",), "2033-11-24", "overdue", "2033-11-23", "2033-11-23"),
        ("transcript", ("2030-06-12",), "2090-06-12", "kept", "2090-06-12", None),
        ("transcript", ("2030-06-12",), "2090-06-13", "eligible", "2090-06-12", None),
    ],
)
def test_how_a_message_stands(
    covering: str,
    students: tuple[str, ...],
    today: str,
    state: str,
    floor: str | None,
    ceiling: str | None,
) -> None:
    found = standing(facts(*covering.split(), students=days(*students)), SCHEDULE, date.fromisoformat(today))
    assert (found.state, found.floor_until, found.ceiling_at) == (
        State(state),
        date.fromisoformat(floor) if floor else None,
        date.fromisoformat(ceiling) if ceiling else None,
    )


def test_the_series_that_cover_it_are_told_in_the_order_of_the_schedule() -> None:
    assert standing(facts("note", "coach"), SCHEDULE, date(2026, 12, 1)).series == ("coach", "note")
    assert standing(facts(), SCHEDULE, date(2026, 12, 1)).series == ("rest",)


def test_what_might_cover_it_keeps_it_and_does_not_ask_it_to_be_gone() -> None:
    """The default covers it still, for no series is known to; the latest of both keeps it."""
    found = standing(facts(possibly=frozenset({"coach"})), SCHEDULE, date(2040, 1, 1))
    assert found.series == ("coach", "rest")
    assert (found.state, found.ceiling_at) == (State.ELIGIBLE, None)
    assert found.floor_until == date(2033, 11, 23)
    left = facts(possibly=frozenset({"transcript"}), students=(None,))
    assert standing(left, SCHEDULE, date(2040, 1, 1)).state is State.KEPT


def test_held_mail_is_kept_however_old_it_is() -> None:
    found = standing(facts(held=True), SCHEDULE, date(2099, 1, 1))
    assert (found.state, found.floor_until) == (State.KEPT, date(2033, 11, 23))


def test_the_day_of_receipt_is_the_districts() -> None:
    evening = Facts(datetime(2026, 12, 1, 3, 0, tzinfo=UTC))  # November 30 in Boston
    assert standing(evening, SCHEDULE, date(2033, 11, 30)).floor_until == date(2033, 11, 30)


# --- whatever the schedule -----------------------------------------------------------------------------------------

NAMES = ("a", "b", "c", "d")
CALENDARS = [Calendar(BOSTON), Calendar(UTC, YearEnd(8, 31), YearEnd(12, 31))]
periods = st.builds(Period, st.integers(0, 70), st.integers(0, 13), st.integers(0, 40))
triggers = st.sampled_from(Trigger)
todays = st.dates(date(1990, 1, 1), date(2120, 1, 1))
receipts = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
students = st.lists(st.none() | st.dates(date(1980, 1, 1), date(2100, 1, 1)), max_size=3).map(tuple)
ceilings = st.none() | periods


def made(name: str, trigger: Trigger, floor: Period, ceiling: Period | None) -> Series:
    covers = None if name == "rest" else Is(Keyword.LABEL, name)
    return Series(name, name, trigger, floor, "law", name, covers, ceiling)


schedules = st.builds(
    lambda values, default, calendar: Schedule(
        tuple(made(name, *each) for name, each in zip(NAMES, values, strict=False)),
        made("rest", *default),
        calendar,
        "v",
    ),
    st.lists(st.tuples(triggers, periods, ceilings), max_size=len(NAMES)),
    st.tuples(triggers, periods, ceilings),
    st.sampled_from(CALENDARS),
)
messages = st.builds(
    Facts,
    received=receipts,
    covering=st.frozensets(st.sampled_from(NAMES)),
    possibly=st.frozensets(st.sampled_from(NAMES)),
    students=students,
    held=st.booleans(),
)


def later(day: date, years: int) -> tuple[int, int, int]:
    """So many years later, as three numbers: February 29 of a year that has none comes before March 1 all the same."""
    return day.year + years, day.month, day.day


@given(schedules, messages, todays)
def test_nothing_is_eligible_before_receipt_and_the_years_of_each_floor(
    table: Schedule, message: Facts, today: date
) -> None:
    found = standing(message, table, today)
    assert found.terms
    if found.state is State.KEPT:
        return
    received = table.calendar.day(message.received)
    for term in found.terms:
        floor = term.series.floor
        assert (today.year, today.month, today.day) > later(received, floor.years)
        assert today > received + timedelta(days=floor.years * 365 + floor.months * 28 + floor.days)
        if term.series.trigger is Trigger.LEFT:
            assert message.students
            assert all(day is not None and today > day for day in message.students)


@given(schedules, messages, todays, st.data())
def test_a_longer_floor_never_makes_it_eligible_sooner(
    table: Schedule, message: Facts, today: date, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(table.others)))
    more = data.draw(periods)

    def longer(each: Series) -> Series:
        floor = each.floor
        return replace(
            each, floor=Period(floor.years + more.years, floor.months + more.months, floor.days + more.days)
        )

    if place == len(table.others):
        changed = replace(table, default=longer(table.default))
    else:
        others = list(table.others)
        others[place] = longer(others[place])
        changed = replace(table, others=tuple(others))
    if standing(message, table, today).state is State.KEPT:
        assert standing(message, changed, today).state is State.KEPT


@given(schedules, messages, todays, st.randoms(use_true_random=False))
def test_the_order_of_the_series_does_not_matter(
    table: Schedule, message: Facts, today: date, random: object
) -> None:
    others = list(table.others)
    random.shuffle(others)  # type: ignore[attr-defined]
    one = standing(message, table, today)
    other = standing(message, replace(table, others=tuple(others)), today)
    assert (one.state, one.floor_until, one.ceiling_at) == (other.state, other.floor_until, other.ceiling_at)
    assert sorted(one.series) == sorted(other.series)


@given(schedules, messages, todays, st.integers(0, 4000))
def test_what_is_eligible_stays_so(table: Schedule, message: Facts, today: date, days: int) -> None:
    if standing(message, table, today).state is not State.KEPT:
        assert standing(message, table, today + timedelta(days=days)).state is not State.KEPT


@given(schedules, messages, todays)
def test_what_is_overdue_is_past_its_ceiling_and_its_floor(
    table: Schedule, message: Facts, today: date
) -> None:
    found = standing(message, table, today)
    if found.state is State.OVERDUE:
        assert found.is_past_ceiling(today)
        assert found.floor_until is not None
        assert found.floor_until < today
    if found.state is State.ELIGIBLE:
        assert not found.is_past_ceiling(today)
