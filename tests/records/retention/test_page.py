"""docs/retention.md tells the truth: its examples can be used, its tables are those of the code and of the file."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from gateway.records.retention.reading import load, read
from gateway.records.retention.standing import Facts, standing
from gateway.records.retention.telling import authority, day_of
from gateway.records.retention.triggers import Trigger
from tests.records.retention.schedules import BOSTON, DEFAULT, schedule, text_of

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "retention.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ")
]
DAYS = [row for row in ROWS if len(row) == 4 and row[1] and row[1][0].isdigit()]


def test_its_example_can_be_used() -> None:
    example = PAGE.split("```toml\n")[1].split("```")[0]
    (series, _) = read(text_of(default=DEFAULT).encode() + example.encode(), "page", zone=BOSTON)
    assert series.name == "athletics"


@pytest.mark.parametrize("row", DAYS, ids=[f"{row[0]}, {row[1]}" for row in DAYS])
def test_its_days_are_those(row: list[str]) -> None:
    received, period, until, eligible_from = row
    length, _, begin = period.partition(" from ")
    trigger = Trigger.SCHOOL_YEAR if "school year" in begin else Trigger.RECEIVED
    table = schedule(default=DEFAULT.replace("7 years", length).replace("received", trigger))
    moment = datetime.strptime(received, "%B %d, %Y").replace(hour=12, tzinfo=BOSTON)
    found = standing(Facts(moment), table, date(2100, 1, 1))
    assert found.floor_until is not None
    assert day_of(found.floor_until) == until
    assert day_of(date.fromordinal(found.floor_until.toordinal() + 1)) == eligible_from


def test_there_are_days() -> None:
    assert len(DAYS) == 4


def test_every_trigger_has_its_row() -> None:
    assert {row[0].strip("`") for row in ROWS if row[0].strip("`") in set(Trigger)} == set(Trigger)


def test_the_shipped_schedule_is_the_one_it_shows() -> None:
    shown = {row[0]: row for row in ROWS if len(row) == 6 and row[0] != "series"}
    when = {Trigger.RECEIVED: "receipt", Trigger.LEFT: "all students left"}
    for each in load(ROOT / "config" / "retention.toml", zone=BOSTON):
        row = shown.pop(f"`{each.name}`")
        covers = f"`{each.query}`" if each.query else "everything else"
        floor = "–" if str(each.floor) == "0 days" else str(each.floor)
        assert row[1:] == [covers, when[each.trigger], floor, str(each.ceiling or "–"), authority(each)]
    assert not shown
