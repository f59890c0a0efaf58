"""Periods as a schedule writes them, counted by the calendar."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.records.retention.periods import Period, read_period

days = st.dates(date(1970, 1, 1), date(2199, 12, 31))
periods = st.builds(Period, st.integers(0, 99), st.integers(0, 30), st.integers(0, 500))


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("7 years", Period(years=7)),
        ("1 year", Period(years=1)),
        ("18 months", Period(months=18)),
        ("90 days", Period(days=90)),
        ("0 days", Period()),
        ("1 year 6 months", Period(1, 6)),
        (" 1  Year  6 months 10 days ", Period(1, 6, 10)),
    ],
)
def test_a_period_is_read(text: str, period: Period) -> None:
    assert read_period(text) == period


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "years",
        "7years",
        "-7 years",
        "7.5 years",
        "7 weeks",
        "6 months 1 year",
        "1 year 1 year",
        "٧ years",
    ],
)
def test_what_is_no_period_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match='expected a period such as "7 years"'):
        read_period(text)


@pytest.mark.parametrize(
    ("day", "text", "ends"),
    [
        ("2026-11-23", "7 years", "2033-11-23"),
        ("2028-02-29", "1 year", "2029-02-28"),
        ("2028-02-29", "4 years", "2032-02-29"),
        ("2026-01-31", "1 month", "2026-02-28"),
        ("2028-01-31", "1 month", "2028-02-29"),
        ("2026-10-31", "6 months", "2027-04-30"),
        ("2026-12-31", "1 month", "2027-01-31"),
        ("2026-12-31", "1 day", "2027-01-01"),
        ("2026-01-31", "1 month 1 days", "2026-03-01"),
        ("2026-11-23", "0 days", "2026-11-23"),
        ("9990-01-01", "60 years", "9999-12-31"),
        ("9999-12-31", "1 day", "9999-12-31"),
    ],
)
def test_when_a_period_ends(day: str, text: str, ends: str) -> None:
    assert read_period(text).after(date.fromisoformat(day)) == date.fromisoformat(ends)


@given(periods)
def test_what_is_written_is_read_as_the_same(period: Period) -> None:
    assert read_period(str(period)) == period


@given(days, days, periods)
def test_what_begins_later_never_ends_sooner(one: date, other: date, period: Period) -> None:
    first, second = sorted((one, other))
    assert first <= period.after(first) <= period.after(second)
