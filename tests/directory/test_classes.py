from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from gateway.directory.model import GroupKind, Role

Rosters = Any
ProblemsOf = Callable[[Any], list[str]]


def test_a_class_is_a_group_of_teachers_and_students(rosters: Rosters) -> None:
    directory = rosters.load(rosters.one_one).directory
    biology = directory.groups["c1"]
    assert (biology.name, biology.kind, biology.school) == ("Biology", GroupKind.CLASS, "high")
    assert biology.leaders == {"t1"}
    assert directory.members_of("c1") == {"s1", "s2"}
    assert directory.classes_taught_by("t1") == (biology,)
    assert directory.groups_led_by("t1") == ()


@pytest.mark.parametrize(
    ("begin", "end", "enrolled"),
    [("", "", True), ("2026-10-14", "", True), ("", "2026-10-13", False), ("10/15/2026", "", False)],
)
def test_an_enrollment_counts_on_its_days_only(
    rosters: Rosters, begin: str, end: str, enrolled: bool
) -> None:
    files = rosters.with_rows("enrollments.csv", f"e4,active,,c1,high,s3,student,,{begin},{end}")
    assert ("s3" in rosters.load(files).directory.members_of("c1")) is enrolled


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        ("e,active,,c1,high,s3,student,,,", []),
        ("e,tobedeleted,,c9,high,nobody,student,,,", []),
        ("e,active,,c1,high,nobody,student,,,", ["userSourcedId: names nobody in users.csv; not used"]),
        ("e,active,,c9,high,s3,student,,,", ["classSourcedId: names no class of classes.csv; not used"]),
        ("e,active,,c1,high,s3,wizard,,,", ["role: unknown; expected student or teacher"]),
        ("e,active,,c1,high,s3,,,,", ["role: empty; expected student or teacher"]),
        (
            "e,active,,c1,high,s3,student,,31.12.2026,",
            ["beginDate: no date; expected one such as 2026-08-21 or 8/21/2026"],
        ),
        (
            "e,active,,c1,high,s3",
            ["6 fields, expected 10; the missing ones are empty", "role: empty; expected student or teacher"],
        ),
    ],
)
def test_dirty_enrollments(rosters: Rosters, problems_of: ProblemsOf, row: str, problems: list[str]) -> None:
    files = rosters.with_rows("enrollments.csv", row)
    assert problems_of(files) == [f"enrollments.csv:5: {problem}" for problem in problems]


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        (",active,,Art,,,,,,high,", ["sourcedId: empty; the row is not used"]),
        ("c1,active,,Art,,,,,,high,", ["sourcedId: repeated; the first row is used"]),
        ("c2,active,,Art,,,,,,moon,", ["schoolSourcedId: names an org that orgs.csv does not have"]),
        ("c2,tobedeleted,,Art,,,,,,moon,", []),
    ],
)
def test_dirty_classes(rosters: Rosters, problems_of: ProblemsOf, row: str, problems: list[str]) -> None:
    files = rosters.with_rows("classes.csv", row)
    assert problems_of(files) == [f"classes.csv:3: {problem}" for problem in problems]


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        (",active,,Lost,school,,", ["sourcedId: empty; the row is not used"]),
        ("high,active,,Again,school,,", ["sourcedId: repeated; the first row is used"]),
        ("old,inactive,,Old,school,,", []),
    ],
)
def test_dirty_orgs(rosters: Rosters, problems_of: ProblemsOf, row: str, problems: list[str]) -> None:
    files = rosters.with_rows("orgs.csv", row)
    assert problems_of(files) == [f"orgs.csv:5: {problem}" for problem in problems]


def test_without_classes_csv_the_ids_stand_for_the_names(rosters: Rosters) -> None:
    files = {name: text for name, text in rosters.one_one.items() if name != "classes.csv"}
    found = rosters.load(files)
    assert found.directory.groups["c1"].name == "c1"
    assert found.directory.members_of("c1") == {"s1", "s2"}
    assert [str(problem) for problem in found.problems] == [
        "classes.csv: the file is missing; no class names"
    ]


def test_an_enrollment_shows_what_somebody_without_a_role_is(rosters: Rosters) -> None:
    row = "x,active,,true,high,,,,Xia,Yu,,,x@harbor.example,,,g1,,"
    files = rosters.with_rows("users.csv", row)
    files = rosters.with_rows(
        "enrollments.csv",
        "e4,active,,c1,high,x,student,,,2026-01-31",
        "e5,active,,c1,high,x,student,,,",
        base=files,
    )
    found = rosters.load(files)
    assert found.directory.people["x"].roles == {Role.STUDENT}
    assert "g1" in found.directory.guardians_of("x")
    assert found.problems == ()


@pytest.mark.parametrize(
    ("terms", "start", "end"),
    [
        ("t1", date(2026, 8, 26), date(2027, 1, 22)),
        ('"t1,t2"', date(2026, 8, 26), date(2027, 6, 20)),
        ('"t1,unknown"', None, None),
        ("", None, None),
    ],
)
def test_a_class_is_in_session_during_its_terms(
    rosters: Rosters, terms: str, start: date | None, end: date | None
) -> None:
    sessions = (
        "sourcedId,status,dateLastModified,title,type,startDate,endDate\n"
        "t1,active,,Fall,term,2026-08-26,2027-01-22\nt2,active,,Spring,term,2027-01-25,2027-06-20\n"
    )
    files = rosters.with_rows("classes.csv", f"c2,active,,Art,,,,,,high,{terms}")
    group = rosters.load({**files, "academicSessions.csv": sessions}).directory.groups["c2"]
    assert (group.start, group.end) == (start, end)
