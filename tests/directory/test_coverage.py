from __future__ import annotations

from typing import Any

import pytest

from gateway.directory.coverage import coverage

Rosters = Any

GROUPS = "group_id,name,kind,school,address,season_start,season_end\n"
MEMBERS = "group_id,user,role\n"
GOOD = "soccer,Soccer,team,high,soccer@harbor.example,,\n"
GOOD_MEMBERS = "soccer,t1,coach\nsoccer,s1,member\nsoccer,p1,administrator\n"


def lines(rosters: Rosters, **files: str) -> set[tuple[str, str, tuple[str, ...]]]:
    found = rosters.load({**rosters.one_one, **{f"{name}.csv": text for name, text in files.items()}})
    return {(line.code, line.group, line.people) for line in coverage(found.directory)}


BASE = ("school-without-principal", "", ("middle",))


def test_a_district_in_order_has_one_gap(rosters: Rosters) -> None:
    assert lines(rosters, groups=GROUPS + GOOD, group_members=MEMBERS + GOOD_MEMBERS) == {BASE}


@pytest.mark.parametrize(
    ("groups", "members", "expected"),
    [
        (GOOD, "soccer,t1,coach\nsoccer,s1,member\n", ("group-without-administrator", "soccer", ())),
        (GOOD, "soccer,p1,administrator\nsoccer,s1,member\n", ("group-without-leader", "soccer", ())),
        (GOOD, "soccer,p1,administrator\nsoccer,t1,coach\n", ("empty-group", "soccer", ())),
        (GOOD.replace("high", "moon"), GOOD_MEMBERS, ("group-of-unknown-school", "soccer", ())),
        (GOOD.replace("soccer@", "tim.kay@"), GOOD_MEMBERS, ("list-address-of-person", "soccer", ("t1",))),
        (f"{GOOD}c1,,,,bio@harbor.example,,\n", GOOD_MEMBERS, ("group-without-administrator", "c1", ())),
    ],
)
def test_gaps_of_groups(rosters: Rosters, groups: str, members: str, expected: Any) -> None:
    assert lines(rosters, groups=GROUPS + groups, group_members=MEMBERS + members) == {BASE, expected}


USER = "x,active,,true,{school},{role},,,Xia,Yu,,,{email},,,{agents},,"


@pytest.mark.parametrize(
    ("role", "email", "agents", "expected"),
    [
        ("teacher", "x@yu.example", "", {("staff-without-district-address", "", ("x",))}),
        ("wizard", "x@yu.example", "", {("person-without-role", "", ("x",))}),
        ("student", "", "g1", {("student-without-address", "", ("x",))}),
        ("student", "x@harbor.example", "", {("student-without-guardian", "", ("x",))}),
        ("parent", "", "s1", {("guardian-without-address", "", ("x",))}),
        ("parent", "x@yu.example", "", {("guardian-without-student", "", ("x",))}),
        ("teacher", "tim.kay@harbor.example", "", {("shared-district-address", "", ("t1", "x"))}),
        ("parent", "gil@lee.example", "s1", {("shared-outside-address", "", ("g1", "x"))}),
    ],
)
def test_gaps_of_people(rosters: Rosters, role: str, email: str, agents: str, expected: set[Any]) -> None:
    row = USER.format(school="high", role=role, email=email, agents=agents)
    found = rosters.load(rosters.with_rows("users.csv", row))
    assert {(line.code, line.group, line.people) for line in coverage(found.directory)} == {BASE} | expected


def test_one_who_is_student_and_staff(rosters: Rosters) -> None:
    """Most likely a slip of the roster, and one that keeps a teacher out of every rule."""
    row = USER.format(school="high", role="student", email="x@harbor.example", agents="g1")
    both = rosters.with_rows("users.csv", row, row.replace("student", "teacher"))
    found = {(line.code, line.people) for line in coverage(rosters.load(both).directory)}
    assert ("student-and-staff", ("x",)) in found
    one = rosters.with_rows("users.csv", row)
    assert "student-and-staff" not in {line.code for line in coverage(rosters.load(one).directory)}


def test_members_without_an_address(rosters: Rosters) -> None:
    files = {
        **rosters.with_rows("users.csv", USER.format(school="high", role="student", email="", agents="g1")),
        "groups.csv": GROUPS + GOOD,
        "group_members.csv": MEMBERS + GOOD_MEMBERS + "soccer,x,member\n",
    }
    found = {line.code: line for line in coverage(rosters.load(files).directory)}
    line = found["members-without-address"]
    assert (line.group, line.people) == ("soccer", ("x",))
    assert line.text.startswith("team soccer: 1 of 2 members have no known address")


def test_a_fallback_answers_for_a_group(rosters: Rosters) -> None:
    files = {**rosters.one_one, "groups.csv": GROUPS + "chess,Chess,club,high,,,\n"}
    directory = rosters.load(files).directory
    codes = {line.code for line in coverage(directory, lambda group: directory.principals_of(group.school))}
    assert "group-without-administrator" not in codes
    assert "group-without-administrator" in {line.code for line in coverage(directory)}


def test_lines_name_people_by_id(rosters: Rosters) -> None:
    files = rosters.with_rows(
        "users.csv", USER.format(school="high", role="teacher", email="g@yu.example", agents="")
    )
    text = "".join(repr(line) for line in coverage(rosters.load(files).directory))
    assert "@" not in text
    assert "Yu" not in text
