"""Texts of others that stand in a letter: one line, no address."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.notices.wording import TEXT_LIMIT, moment, name_of, names, plain, shown, span

GONE = "[address not shown]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tim Kay wrote.", "Tim Kay wrote."),
        ("tim@kay.example wrote", f"{GONE} wrote"),
        ("to <tim@kay.example>, (ann@lee.example).", f"to <{GONE}>, ({GONE})."),
        ("“tim@kay.example”", f"“{GONE}”"),
        ('"tim kay"@kay.example', GONE),
        ('<"tim kay"@kay.example> is', f"{GONE}> is"),
        ("tim＠kay.example", GONE),
        ("mailto:tim@kay.example?subject=x", GONE),
        ("a@b,c@d;e@f", GONE),
        ("tim@\nkay.example", f"{GONE} kay.example"),  # the local part is what matters
        ("@", GONE),
        (
            "The sender's domain, kay.example, vouches for the message.",
            "The sender's domain vouches for the message.",
        ),
        ("x " * 5000 + "tim@kay.example", "x " * 1999 + "x…"),
    ],
)
def test_no_address_stands_in_what_is_shown(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_no_half_of_an_address_is_left_where_a_long_text_is_cut() -> None:
    found = shown("550 no " + ("tim" * 27 + "@kay.example, ") * 180)
    assert "tim" not in found and found.count(GONE) > 170


@given(st.text())
def test_what_is_shown_is_one_printable_line(text: str) -> None:
    found = shown(text)
    assert "@" not in found and "\n" not in found and len(found) <= TEXT_LIMIT
    found.encode()  # raises where an octet stands alone
    assert shown(found) == found
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ({"name": "Tim Kay", "person_id": "t1"}, "Tim Kay"),
        ({"name": "tim@kay.example", "person_id": "t1"}, "person t1"),
        ({"name": "", "person_id": "t1"}, "person t1"),
        (
            {"name": "tim@kay.example", "person_id": "tim@kay.example"},
            "somebody whose name is not in the roster",
        ),
        ({"name": None, "person_id": None}, "somebody whose name is not in the roster"),
    ],
)
def test_what_somebody_is_called(person: dict[str, str | None], expected: str) -> None:
    assert name_of(person) == expected


def test_many_names_are_counted() -> None:
    people = [{"name": f"N{number}"} for number in range(10)]
    assert names(people[:4]) == "N0, N1, N2 and N3"
    assert names(people) == "N0, N1, N2 and 7 others"
    assert names([]) == ""


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-10-14T04:05Z", "Wednesday, October 14, 2026, 12:05 AM EDT"),
        ("2026-10-14T16:00Z", "Wednesday, October 14, 2026, 12:00 PM EDT"),
        ("2026-11-01T05:30Z", "Sunday, November 1, 2026, 1:30 AM EDT"),
        ("2026-11-01T06:30Z", "Sunday, November 1, 2026, 1:30 AM EST"),
    ],
)
def test_times_are_those_of_the_district(at: str, expected: str) -> None:
    assert moment(datetime.fromisoformat(at), ZoneInfo("America/New_York")) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (60, "1 minute"),
        (90, "90 seconds"),
        (5400, "90 minutes"),
        (7200, "2 hours"),
        (86400, "24 hours"),
        (172800, "2 days"),
        (90061, "90,061 seconds"),
    ],
)
def test_lengths_of_time(seconds: float, expected: str) -> None:
    assert span(seconds) == expected
