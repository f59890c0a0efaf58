from __future__ import annotations

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.directory.dates import covers, parse_date

DAY = date(2026, 8, 21)


@pytest.mark.parametrize(
    "text",
    [
        "2026-08-21",
        "20260821",
        "2026/08/21",
        "2026-08-21T00:00:00Z",
        "2026-08-21T23:59:59.999-04:00",
        "2026-08-21 00:00:00",
        "8/21/2026",
        "08/21/2026",
        "08/21/26",
        "8-21-2026",
        "8.21.2026",
        "8/21/2026 12:00:00 AM",
    ],
)
def test_the_ways_to_write_a_day(text: str) -> None:
    assert parse_date(text) == DAY


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "2026",
        "2026-13-01",
        "2026-02-30",
        "21/8/2026",
        "0000-00-00",
        "2026-08/21",
        "8/21",
        "1/1/126",
        "٢٠٢٦-٠٨-٢١",
    ],
)
def test_what_names_no_day(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a date|must be in|out of range"):
        parse_date(text)


def test_an_empty_cell_names_none_and_is_no_mistake() -> None:
    assert parse_date("") is None


@pytest.mark.parametrize(
    ("text", "year"), [("1/1/68", 2068), ("1/1/69", 1969), ("1/1/00", 2000), ("1/1/99", 1999)]
)
def test_two_digit_years_are_those_of_posix(text: str, year: int) -> None:
    assert parse_date(text) == date(year, 1, 1)


@given(st.dates())
def test_every_day_is_read_back(day: date) -> None:
    assert parse_date(day.isoformat()) == day
    assert parse_date(f"{day.month}/{day.day}/{day.year:04}") == day


@given(st.text(max_size=30))
def test_any_text_is_a_day_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_date(text)


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [
        (None, None, True),
        (DAY, DAY, True),
        (None, date(2026, 8, 20), False),
        (date(2026, 8, 22), None, False),
    ],
)
def test_both_ends_are_included_and_none_is_open(start: date | None, end: date | None, inside: bool) -> None:
    assert covers(start, end, DAY) is inside
