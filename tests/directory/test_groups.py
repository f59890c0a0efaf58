from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from gateway.directory.model import GroupKind, Role

Rosters = Any
ProblemsOf = Callable[[Any], list[str]]

GROUPS = "group_id,name,kind,school,address,season_start,season_end\n"
MEMBERS = "group_id,user,role\n"
SOCCER = "soccer,Varsity Soccer,team,high,soccer@harbor.example,8/17/2026,2026-11-20\n"


def files(rosters: Rosters, groups: str = SOCCER, members: str = "") -> dict[str, Any]:
    return {**rosters.one_one, "groups.csv": GROUPS + groups, "group_members.csv": MEMBERS + members}


def test_a_team(rosters: Rosters) -> None:
    members = (
        "soccer,t1,coach\nsoccer,s1,member\nsoccer,bo.lee@students.harbor.example,player\n"
        "soccer,p1,administrator\nsoccer,g1,guardian\n"
    )
    found = rosters.load(files(rosters, members=members))
    directory = found.directory
    soccer = directory.groups["soccer"]
    assert found.problems == ()
    assert (soccer.name, soccer.kind, soccer.school) == ("Varsity Soccer", GroupKind.TEAM, "high")
    assert (soccer.start, soccer.end) == (date(2026, 8, 17), date(2026, 11, 20))
    assert soccer.in_season(date(2026, 11, 20))
    assert not soccer.in_season(date(2026, 11, 21))
    assert (soccer.leaders, soccer.administrators, soccer.guardians) == ({"t1"}, {"p1"}, {"g1"})
    assert directory.members_of("soccer") == {"s1", "s2"}
    assert directory.groups_led_by("t1") == (soccer,)
    assert directory.group_at("Soccer@Harbor.example") == soccer
    assert directory.people["t1"].roles == {Role.STAFF, Role.COACH}


@pytest.mark.parametrize(
    ("user", "role", "roles"),
    [
        (
            "g1",
            "coach",
            {Role.GUARDIAN, Role.COACH, Role.STAFF},
        ),  # a volunteer coach is staff in the policy's sense
        ("t1", "advisor", {Role.STAFF, Role.ADVISOR}),
        ("t1", "administrator", {Role.STAFF}),
        ("g1", "guardian", {Role.GUARDIAN}),
    ],
)
def test_leading_a_group_gives_a_role(rosters: Rosters, user: str, role: str, roles: set[Role]) -> None:
    directory = rosters.load(files(rosters, members=f"soccer,{user},{role}\n")).directory
    assert directory.people[user].roles == roles


def test_whoever_has_left_leads_nothing(rosters: Rosters) -> None:
    roles = rosters.one_two["roles.csv"].replace(
        "teacher,2020-08-26,,high", "teacher,2020-08-26,2026-06-30,high", 1
    )
    base = {**rosters.one_two, "roles.csv": roles}
    extra = {"groups.csv": GROUPS + SOCCER, "group_members.csv": f"{MEMBERS}soccer,t1,coach\n"}
    directory = rosters.load({**base, **extra}).directory
    assert directory.people["t1"].roles == frozenset()
    assert directory.groups["soccer"].leaders == frozenset()


@pytest.mark.parametrize(
    ("school", "org", "problems"),
    [
        ("high", "high", []),
        ("Harbor High School", "high", []),
        ("harbor high-school", "high", []),
        ("0502", "middle", []),
        ("", "", []),
        ("Atlantis", "Atlantis", ["groups.csv:2: school: no org has this id, name or code"]),
    ],
)
def test_a_school_by_id_name_or_code(rosters: Rosters, school: str, org: str, problems: list[str]) -> None:
    found = rosters.load(files(rosters, f"chess,Chess,club,{school},,,\n"))
    assert found.directory.groups["chess"].school == org
    assert [str(problem) for problem in found.problems] == problems


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        (",Chess,club,high,,,", ["group_id: empty; the row is not used"]),
        ("soccer,Again,team,high,,,", ["group_id: repeated; the first row is used"]),
        ("chess,Chess,guild,high,,,", ["kind: expected team, club, class or organization; taken as organization"]),
        ("chess,Chess,,high,,,", ["kind: expected team, club, class or organization; taken as organization"]),
        ("chess,Chess,club,high,chess club,,", ["address: not an e-mail address; the group has none"]),
        ("chess,Chess,club,high,,fall,", ["season_start: no date; expected one such as 2026-08-21 or 8/21/2026"]),
        ("chess,Chess,club,high,,2026-12-01,2026-09-01", ["season_end: lies before season_start; both are left out"]),
    ],
)  # fmt: skip
def test_dirty_groups(rosters: Rosters, problems_of: ProblemsOf, row: str, problems: list[str]) -> None:
    assert problems_of(files(rosters, f"{SOCCER}{row}\n")) == [
        f"groups.csv:3: {problem}" for problem in problems
    ]


PARTS = "expected coach, advisor, member, administrator or guardian"


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        ("soccer,nobody,member", ["user: names nobody in users.csv; not used"]),
        ("chess,s1,member", ["group_id: names no group of groups.csv; not used"]),
        ("soccer,t1,wizard", [f"role: unknown; {PARTS}; not used"]),
        ("soccer,t1,", [f"role: empty; {PARTS}; not used"]),
        ("soccer,s1,", [f"role: empty; {PARTS}; a student: taken as member"]),
        ("soccer,s1,coach", ["role: a student cannot be leader of a group; taken as member"]),
        ("soccer,soccer,member", ["user: names the group itself; not used"]),
        ("soccer,c1,coach", ["role: a group in a group can only be its member; not used"]),
    ],
)
def test_dirty_members(rosters: Rosters, problems_of: ProblemsOf, row: str, problems: list[str]) -> None:
    found = problems_of(files(rosters, members=f"{row}\n"))
    assert found == [f"group_members.csv:2: {problem}" for problem in problems]


def test_a_student_never_becomes_staff_by_a_slip_in_a_file(rosters: Rosters) -> None:
    directory = rosters.load(files(rosters, members="soccer,s1,coach\n")).directory
    assert directory.people["s1"].roles == {Role.STUDENT}
    assert directory.members_of("soccer") == {"s1"}


def test_groups_in_groups_and_circles_of_them(rosters: Rosters) -> None:
    groups = "all,All Sports,organization,,,,\nboys,Boys,team,,,,\ngirls,Girls,team,,,,\n"
    members = (
        "all,boys,member\nall,girls,member\ngirls,s1,member\nboys,s2,member\nboys,all,member\ngirls,c1,\n"
    )
    found = rosters.load(files(rosters, groups, members))
    assert found.problems == ()
    members_of = found.directory.members_of
    assert members_of("all") == members_of("boys") == {"s1", "s2"}
    assert members_of("girls") == {"s1", "s2"}  # s1, and the class c1
    assert members_of("nothing") == frozenset()


def test_groups_csv_adds_to_a_class_of_the_roster(rosters: Rosters) -> None:
    found = rosters.load(files(rosters, "c1,,,,bio@harbor.example,,\n", "c1,p1,administrator\n"))
    biology = found.directory.groups["c1"]
    assert found.problems == ()
    assert (biology.name, biology.kind, biology.school) == ("Biology", GroupKind.CLASS, "high")
    assert biology.administrators == {"p1"}
    assert found.directory.members_of("c1") == {"s1", "s2"}
    assert found.directory.group_at("bio@harbor.example") == biology
