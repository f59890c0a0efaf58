"""Days where clocks are changed at midnight, and lists of values that stand elsewhere as well."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.config import Severity
from gateway.directory.model import Role
from gateway.message import events
from gateway.search.query import FIELDS, QueryError, explain, parse, unparse
from gateway.search.query.keywords import OUTCOMES, ROLES, SEVERITIES
from gateway.search.query.tokens import Kind, Tokens
from gateway.search.query.tree import Between, Keyword, Number, Place, TextField
from tests.search.query.trees import NOW


@pytest.mark.parametrize(
    ("zone", "query", "low", "high"),
    [
        # The clock goes from 24:00 to 1:00: the day begins at 1:00 and has 23 hours.
        ("Asia/Beirut", "on:2024-03-31", "2024-03-30T22:00Z", "2024-03-31T21:00Z"),
        # It goes from 24:00 back to 23:00: the day before has 25 hours.
        ("Asia/Beirut", "on:2024-10-26", "2024-10-25T21:00Z", "2024-10-26T22:00Z"),
        ("America/New_York", "on:2026-03-08", "2026-03-08T05:00Z", "2026-03-09T04:00Z"),
        ("Asia/Tokyo", "on:1970", "1969-12-31T15:00Z", "1970-12-31T15:00Z"),
    ],
)
def test_a_day_has_the_hours_that_it_has(zone: str, query: str, low: str, high: str) -> None:
    tree = parse(query, now=NOW, zone=ZoneInfo(zone))
    assert isinstance(tree, Between)
    assert tree.low == datetime.fromisoformat(low)
    assert tree.high == datetime.fromisoformat(high)
    for written in (None, ZoneInfo(zone)):
        text = unparse(tree, zone=written)
        assert parse(text, now=NOW, zone=written or UTC) == tree
    assert ":" not in explain(tree, zone=ZoneInfo(zone))  # whole days, no time of day


def test_a_day_that_a_zone_left_out_is_refused() -> None:
    with pytest.raises(QueryError, match="the day does not exist in the time zone"):
        parse("on:2011-12-30", now=NOW, zone=ZoneInfo("Pacific/Apia"))


@pytest.mark.parametrize(
    ("now", "query", "day"),
    [
        ("2026-03-31T12:00-04:00", "after:1m", "2026-02-28T05:00Z"),  # the last day of a shorter month
        ("2024-02-29T12:00-05:00", "after:1y", "2023-02-28T05:00Z"),
        ("2026-01-15T12:00-05:00", "after:1m", "2025-12-15T05:00Z"),
        ("2026-11-23T02:00+00:00", "after:0d", "2026-11-22T05:00Z"),  # still the day before in the district
        ("2026-11-02T12:00-05:00", "after:1d", "2026-11-01T04:00Z"),  # over a change of clocks
        ("2026-01-04T12:00-05:00", "after:this-week", "2025-12-29T05:00Z"),  # a Sunday
    ],
)
def test_relative_dates_count_by_the_calendar_of_the_district(now: str, query: str, day: str) -> None:
    tree = parse(query, now=datetime.fromisoformat(now), zone=ZoneInfo("America/New_York"))
    assert tree == Between(Number.RECEIVED, low=datetime.fromisoformat(day).astimezone(UTC))


def test_the_lists_are_those_of_the_parts_that_make_the_values() -> None:
    assert set(ROLES) == {role.value for role in Role}
    assert set(SEVERITIES) == {severity.value for severity in Severity}
    made = {
        events.RELAYED, events.REFUSED, events.REJECTED, events.DEFERRED, events.FAILED, events.ABANDONED,
        events.HELD, events.RELEASED, events.TURNED_DOWN, events.RETURNED,
    }  # fmt: skip
    assert set(OUTCOMES) == made | {"pending", "journaled", "imported"}


def test_whatever_the_tree_can_ask_has_a_field() -> None:
    for each in (*TextField, *Place, *Keyword):
        assert each.value in FIELDS or each is TextField.ANY


def test_every_field_is_taken_for_one() -> None:
    for name in FIELDS:
        assert Tokens(f"{name}:x").take().kind is Kind.FIELD
