"""When students left, by rosters of several days, on files as the service keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from gateway.directory.history import History, keep
from gateway.directory.model import Person, Role
from gateway.directory.snapshot import Directory
from gateway.records.retention.leaving import Rosters, telling

# A roster is a day and its people: "ann" a student, "ann to 2026-06-20" one with a last day, "kay teaches", "eve gone".
ROSTERS = Mapping[str, str]


def person(said: str) -> Person:
    name, _, rest = said.strip().partition(" ")
    how, _, end = rest.partition(" ") if rest else ("", "", "")
    role = {"": Role.STUDENT, "to": Role.STUDENT, "teaches": Role.STAFF, "minds": Role.GUARDIAN}.get(how)
    day = date.fromisoformat(end) if how in ("to", "gone") and end else None
    return Person(name, name, "", roles=frozenset({role} if role else ()), end=day)


def roster(day: str, people: str, version: str = "") -> Directory:
    """`mum minds ann`: a guardian of hers."""
    said = [each for each in people.split(",") if each.strip()]
    found = [person(each) for each in said]
    minded = [each.split() for each in said if " minds " in each]
    return Directory(
        version=version or f"{abs(hash((day, people))):012x}"[:12],
        loaded_at=datetime(2026, 1, 1, tzinfo=UTC),
        as_of=date.fromisoformat(day),
        people={each.id: each for each in found},
        groups={},
        domains=("k12.example",),
        guardians={child: frozenset({guardian}) for guardian, _, child in minded},
    )


def left(folder: Path, rosters: ROSTERS, who: str, max_shrink: float = 1.0) -> list[str | None]:
    """When those had left; the last roster is today's, and not kept yet."""
    *before, today = (roster(day, people) for day, people in rosters.items())
    for each in before:
        keep(folder, each)
    found = Rosters(today, History(folder), max_shrink).of(who.split())
    return [None if day is None else day.isoformat() for day in found]


@pytest.mark.parametrize(
    ("rosters", "who", "when"),
    [
        # Still there; never heard of; not a student.
        ({"2026-09-01": "ann, bo"}, "ann", [None]),
        ({"2026-09-01": "ann, kay teaches"}, "kay x9", []),
        # The last day that the roster gives.
        (
            {"2026-06-01": "ann to 2026-06-20, bo", "2026-09-01": "ann gone 2026-06-20, bo"},
            "ann",
            ["2026-06-20"],
        ),
        ({"2026-06-01": "ann to 2026-06-20, bo", "2026-09-01": "bo"}, "ann", ["2026-06-20"]),
        ({"2026-06-01": "ann, bo", "2026-09-01": "ann gone 2026-06-20, bo"}, "ann", ["2026-06-20"]),
        # None: the first roster without them, for they were there up to some day before.
        ({"2026-06-01": "ann, bo", "2026-09-01": "bo", "2026-12-01": "bo"}, "ann", ["2026-09-01"]),
        # A last day that has not come when they are gone already.
        ({"2026-06-01": "ann to 2030-06-20, bo", "2026-09-01": "bo"}, "ann", ["2026-09-01"]),
        # An end that lies before a day on which they were there: the roster was corrected later.
        ({"2026-06-01": "ann, bo", "2026-09-01": "ann gone 2026-01-10, bo"}, "ann", ["2026-06-01"]),
        # Came back: not left. Left again: the second time counts.
        ({"2026-01-01": "ann, bo", "2026-02-01": "bo", "2026-09-01": "ann, bo"}, "ann", [None]),
        (
            {"2026-01-01": "ann, bo", "2026-02-01": "bo", "2026-03-01": "ann, bo", "2026-09-01": "bo"},
            "ann",
            ["2026-09-01"],
        ),
        # Became a teacher: the end of the teacher is not that of the student.
        ({"2026-06-01": "ann, bo", "2031-09-01": "ann teaches, bo"}, "ann", ["2031-09-01"]),
        # Gone before the first roster that was kept: somebody, perhaps a student.
        ({"2026-09-01": "eve gone 2026-03-01, bo"}, "eve", ["2026-03-01"]),
        ({"2026-09-01": "kay teaches, bo", "2027-09-01": "kay gone 2027-01-01, bo"}, "kay", []),
        # Several at once, in the order of their ids.
        ({"2026-06-01": "ann to 2026-06-20, bo", "2026-09-01": "bo"}, "bo ann", ["2026-06-20", None]),
        # No student takes part: the children of the guardians who do.
        (
            {"2026-06-01": "ann, bo, mum minds ann", "2026-09-01": "bo, mum minds ann"},
            "mum kay",
            ["2026-09-01"],
        ),
        ({"2026-06-01": "ann, bo, mum minds ann", "2026-09-01": "bo, mum minds ann"}, "mum bo", [None]),
        # No roster of today that names a student.
        ({"2026-06-01": "ann, bo", "2026-09-01": ""}, "ann", [None]),
    ],
)
def test_when_students_left(tmp_path: Path, rosters: ROSTERS, who: str, when: list[str | None]) -> None:
    assert left(tmp_path, rosters, who) == when


@pytest.mark.parametrize(("today", "known"), [("a, b, c, d", True), ("a, b, c", False), ("a", False)])
def test_a_roster_that_was_cut_short_makes_nobody_leave(tmp_path: Path, today: str, known: bool) -> None:
    rosters = {"2025-06-01": "x, a, b, c, d", "2026-06-01": "a, b, c, d", "2026-06-02": today}
    assert left(tmp_path, rosters, "x", max_shrink=0.2) == (["2026-06-01"] if known else [None])


def test_of_a_roster_that_stays_the_same_the_ends_are_read(tmp_path: Path) -> None:
    """A guest from October to November: in no roster that is read as a student, but as somebody who was there."""
    guest = Person("guest", "g", "", start=date(2026, 10, 1), end=date(2026, 11, 30))
    for day in ("2026-09-01", "2026-10-15", "2026-12-10"):
        one = roster(day, "ann", version="a" * 12)
        there = Person("guest", "g", "", roles=frozenset({Role.STUDENT}), start=guest.start, end=guest.end)
        people = {"ann": one.people["ann"]} | ({} if day < "2026-10" else {"guest": guest})
        people |= {"guest": there} if day == "2026-10-15" else {}
        keep(tmp_path, Directory(one.version, one.loaded_at, one.as_of, people, {}, one.domains))
    history = History(tmp_path)
    assert [each.as_of.isoformat() for each in telling(history.kept())] == ["2026-09-01", "2026-12-10"]
    found = Rosters(roster("2026-12-11", "ann"), history).of(["guest"])
    assert found == (date(2026, 11, 30),)


def test_rosters_of_later_days_are_not_looked_at(tmp_path: Path) -> None:
    keep(tmp_path, roster("2026-06-01", "ann"))
    keep(tmp_path, roster("2027-06-01", "bo"))
    assert Rosters(roster("2026-09-01", "ann"), History(tmp_path)).of(["ann", "bo"]) == (None,)


def test_what_cannot_be_read_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(tmp_path, roster("2026-06-01", "ann, bo"))
    keep(tmp_path, roster("2026-07-01", "bo")).write_bytes(b"nothing")
    keep(tmp_path, roster("2026-08-01", "bo"))
    (gone,) = Rosters(roster("2026-09-01", "bo"), History(tmp_path)).of(["ann"])
    assert gone in (date(2026, 7, 1), date(2026, 8, 1), date(2026, 9, 1))
    assert gone == date(2026, 8, 1)
    assert "directory_unreadable" in capsys.readouterr().out


def test_another_days_roster_does_not_stand_in_for_one_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In March the roster was January's again; its file is damaged, and January's knows nothing of Cy."""
    keep(tmp_path, roster("2026-01-01", "ann", version="a" * 12))
    keep(tmp_path, roster("2026-02-01", "ann, cy", version="b" * 12))
    keep(tmp_path, roster("2026-03-01", "ann", version="a" * 12)).write_bytes(b"nothing")
    found = Rosters(roster("2026-04-01", "ann"), History(tmp_path), max_shrink=1.0)
    assert found.of(["cy"]) == (date(2026, 4, 1),)
    assert "directory_unreadable" in capsys.readouterr().out
