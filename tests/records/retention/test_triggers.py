"""From which day a period runs, and up to which moment mail must have come in for it to be over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.records.retention.periods import Period, read_period
from gateway.records.retention.triggers import Calendar, Trigger, YearEnd

BOSTON = ZoneInfo("America/New_York")
HERE = Calendar(BOSTON)
ZONES = ["America/New_York", "UTC", "Asia/Tokyo", "America/Havana", "Asia/Beirut", "Pacific/Apia"]


@pytest.mark.parametrize(
    ("trigger", "received", "runs_from"),
    [
        ("received", "2026-11-23", "2026-11-23"),
        ("calendar-year", "2026-11-23", "2026-12-31"),
        ("calendar-year", "2026-12-31", "2026-12-31"),
        ("calendar-year", "2027-01-01", "2027-12-31"),
        ("school-year", "2026-11-23", "2027-06-30"),
        ("school-year", "2027-06-30", "2027-06-30"),
        ("school-year", "2027-07-01", "2028-06-30"),
        ("fiscal-year", "2027-07-01", "2028-06-30"),
        ("left", "2026-11-23", None),
    ],
)
def test_from_when_a_period_runs(trigger: str, received: str, runs_from: str | None) -> None:
    expected = None if runs_from is None else date.fromisoformat(runs_from)
    assert HERE.runs_from(Trigger(trigger), date.fromisoformat(received)) == expected


@pytest.mark.parametrize(
    ("received", "left", "runs_from"),
    [
        ("2026-11-23", "2030-06-12", "2030-06-12"),
        ("2031-01-05", "2030-06-12", "2031-01-05"),  # a letter that came after graduation
        ("2030-06-12", "2030-06-12", "2030-06-12"),
    ],
)
def test_the_later_of_receipt_and_leaving(received: str, left: str, runs_from: str) -> None:
    found = HERE.runs_from(Trigger.LEFT, date.fromisoformat(received), date.fromisoformat(left))
    assert found == date.fromisoformat(runs_from)


def test_the_ends_of_years_are_settings() -> None:
    other = Calendar(BOSTON, school_year_ends=YearEnd(8, 31), fiscal_year_ends=YearEnd(12, 31))
    assert other.runs_from(Trigger.SCHOOL_YEAR, date(2026, 7, 1)) == date(2026, 8, 31)
    assert other.runs_from(Trigger.FISCAL_YEAR, date(2026, 7, 1)) == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("trigger", "period", "today", "received_before"),
    [
        # Kept to the end of November 23, 2033: on the 24th what came on the 23rd may go.
        ("received", "7 years", "2033-11-23", "2026-11-23"),
        ("received", "7 years", "2033-11-24", "2026-11-24"),
        # A year after February 29 and after February 28 is the same day.
        ("received", "1 year", "2029-02-28", "2028-02-28"),
        ("received", "1 year", "2029-03-01", "2028-03-01"),
        ("received", "1 month", "2026-02-28", "2026-01-28"),
        ("received", "1 month", "2026-03-01", "2026-02-01"),
        ("received", "0 days", "2026-11-23", "2026-11-23"),
        ("received", "90 days", "2026-11-23", "2026-08-25"),
        ("calendar-year", "7 years", "2033-12-31", "2026-01-01"),
        ("calendar-year", "7 years", "2034-01-01", "2027-01-01"),
        ("school-year", "7 years", "2033-06-30", "2025-07-01"),
        ("school-year", "7 years", "2033-07-01", "2026-07-01"),
        ("left", "7 years", "2033-11-24", "2026-11-24"),  # not before; perhaps later
        ("received", "60 years", "2026-11-23", "1970-01-01"),
    ],
)
def test_up_to_when_mail_must_have_come_in(
    trigger: str, period: str, today: str, received_before: str
) -> None:
    found = HERE.cutoff(Trigger(trigger), read_period(period), date.fromisoformat(today))
    assert found == datetime.fromisoformat(received_before).replace(tzinfo=BOSTON)


@pytest.mark.parametrize(
    ("moment", "over"),
    [
        ("2026-11-23T23:59:59.999999-05:00", True),
        ("2026-11-24T00:00:00-05:00", False),
        ("2026-11-24T04:59Z", True),
    ],
)
def test_days_are_those_of_the_district(moment: str, over: bool) -> None:
    cutoff = HERE.cutoff(Trigger.RECEIVED, read_period("7 years"), date(2033, 11, 24))
    assert (datetime.fromisoformat(moment) < cutoff) is over


@given(
    st.sampled_from([each for each in Trigger if each is not Trigger.LEFT]),
    st.builds(Period, st.integers(0, 80), st.integers(0, 14), st.integers(0, 400)),
    st.dates(date(1999, 1, 1), date(2100, 1, 1)),
    st.integers(-90 * 366, 10),
    st.integers(0, 86_400 * 10**6 - 1),
    st.sampled_from(ZONES),
)
def test_received_before_the_cutoff_is_what_the_calendar_says(
    trigger: Trigger, period: Period, today: date, days: int, microseconds: int, zone: str
) -> None:
    """In every zone, days without a midnight and with two of them included."""
    calendar = Calendar(ZoneInfo(zone), YearEnd(6, 30), YearEnd(9, 30))
    midnight = datetime(today.year, today.month, today.day, tzinfo=UTC)
    received = midnight + timedelta(days=days, microseconds=microseconds)
    if received.year < 1970 or calendar.day(received).year < 1970:
        return  # before there was any mail
    begun = calendar.runs_from(trigger, calendar.day(received))
    assert begun is not None
    is_over = period.after(begun) < today
    assert (received < calendar.cutoff(trigger, period, today)) is is_over
