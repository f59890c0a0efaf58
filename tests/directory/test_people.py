"""Users, roles and guardians, as OneRoster 1.1, 1.2 and SDS v2.1 write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from gateway.directory.model import AddressKind, Role

Rosters = Any
ProblemsOf = Callable[[Any], list[str]]

STAFF = {Role.STAFF}
PRINCIPAL = {Role.STAFF, Role.ADMINISTRATOR, Role.PRINCIPAL}


@pytest.mark.parametrize("version", ["one_one", "one_two"])
def test_both_versions_tell_of_the_same_people(rosters: Rosters, version: str) -> None:
    found = rosters.load(getattr(rosters, version))
    people = found.directory.people
    assert found.problems == ()
    assert {id: set(person.roles) for id, person in people.items()} == {
        "s1": {Role.STUDENT},
        "s2": {Role.STUDENT},
        "s3": {Role.STUDENT},
        "g1": {Role.GUARDIAN},
        "g2": {Role.GUARDIAN},
        "t1": STAFF,
        "t2": STAFF | {Role.GUARDIAN},  # the agent of s3
        "p1": PRINCIPAL,
        "a1": {Role.STAFF, Role.ADMINISTRATOR},  # an assistant principal is no principal
    }
    assert people["s1"].name == "Ann Lee"
    assert people["s1"].middle == "Q"
    assert people["t2"].schools == {"high", "middle"}
    assert found.directory.guardians_of("s2") == {"g1", "g2"}
    assert found.directory.children_of("g1") == {"s1", "s2"}
    assert found.directory.children_of("t2") == {"s3"}
    assert found.directory.principals_of("high") == {"p1"}
    assert found.directory.principals_of("middle") == frozenset()


def test_version_1_2_adds_preferred_names_and_dates(rosters: Rosters) -> None:
    ann = rosters.load(rosters.one_two).directory.people["s1"]
    assert ann.preferred == "Annie"
    assert (ann.start, ann.end) == (date(2026, 8, 26), date(2027, 6, 20))


def test_addresses_and_their_kinds(rosters: Rosters) -> None:
    people = rosters.load(rosters.one_one).directory.people
    assert {id: [(a.address, a.kind) for a in people[id].addresses] for id in ("s1", "s3", "g2", "t1")} == {
        "s1": [("ann.lee@students.harbor.example", AddressKind.DISTRICT)],
        "s3": [("cy.fox@gmail.com", AddressKind.PERSONAL)],
        "g2": [("Gia.Lee@GoogleMail.com", AddressKind.GUARDIAN)],
        "t1": [("tim.kay@harbor.example", AddressKind.DISTRICT)],
    }
    assert people["g2"].addresses[0].canonical == "gialee@gmail.com"


USER = "{id},{status},,true,high,{role},{username},,{given},{family},,,{email},,,{agents},,Hunter2!"


def user(id: str, role: str = "teacher", email: str = "x@harbor.example", **cells: str) -> str:
    """A row of users.csv (1.1)."""
    facts = {"status": "active", "username": "", "given": "Xia", "family": "Yu", "agents": "", **cells}
    return USER.format(id=id, role=role, email=email, **facts)


LINE = 11  # of the first row after those of the fixture


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        (user("x"), []),
        (user(""), ["sourcedId: empty; the row is not used"]),
        (user("x", email="not an address"), ["email: not an e-mail address"]),
        (user("x", email="a@b.example; nobody"), ["email: not an e-mail address"]),
        (user("x", email=""), ["email: empty; the roster has no address of this person"]),
        (user("x", email="", username="x@harbor.example"), []),
        (user("x", given="", family=""), ["familyName: no name; known by id and address only"]),
        (user("x", status="expelled"), ["status: unknown; expected active or tobedeleted; taken as active"]),
        (user("x", "student", agents="nobody"), ["agentSourcedIds: names nobody in users.csv; not used"]),
        (
            user("x", "student", agents="s1"),
            ["agentSourcedIds: both are students; nobody becomes a guardian"],
        ),
        (user("x", "student", agents="x"), ["agentSourcedIds: both are students; nobody becomes a guardian"]),
        (
            user("x", agents="t1"),
            ["agentSourcedIds: neither of the two is a student; nobody becomes a guardian"],
        ),
        (user("x", agents="s1"), []),
        (
            user("s1", "student", given="Ann", family="Lee"),
            ["sourcedId: repeated; its roles and schools are added to line 2"],
        ),
        (user("s1", "student"), ["sourcedId: repeated with another name; line 2 is used"]),
        (
            user("x", "wizard"),
            [
                "role: unknown; expected one such as student, guardian, teacher or administrator",
                "role: no known role in any file; no rule applies to this person",
            ],
        ),
        (user("x", ""), ["role: no known role in any file; no rule applies to this person"]),
        (user("x").replace(",high,", ",moon,"), ["orgSourcedIds: names an org that orgs.csv does not have"]),
    ],
)
def test_dirty_users(rosters: Rosters, problems_of: ProblemsOf, row: str, problems: list[str]) -> None:
    files = rosters.with_rows("users.csv", row)
    assert problems_of(files) == [f"users.csv:{LINE}: {problem}" for problem in problems]


@pytest.mark.parametrize("status", ["tobedeleted", "ToBeDeleted", "inactive", "to be deleted", "Withdrawn"])
def test_a_record_that_is_not_active_is_not_there(rosters: Rosters, status: str) -> None:
    rows = [user("x", "parent", status=status), user("y", "student", agents="x", email="y@harbor.example")]
    found = rosters.load(rosters.with_rows("users.csv", *rows))
    assert "x" not in found.directory.people
    assert found.directory.guardians_of("y") == frozenset()
    assert found.problems == ()  # a guardian who has left is no dangling one


def test_an_account_that_is_switched_off_is_still_a_person(rosters: Rosters) -> None:
    files = rosters.with_rows("users.csv", user("x").replace(",true,", ",false,"))
    assert "x" in rosters.load(files).directory.people


def test_headers_in_the_wild(rosters: Rosters) -> None:
    users = (
        "SourceId,Record Status,ENABLED_USER,Org Sourced Ids,Role,First Name,last_name,prefferedGivenName,E-Mail,"
        "agentSourceIds\n"
        "s1,Active,1,high,Student,Ann,Lee,Annie,ann@harbor.example,g1\n"
        "g1,Active,1,high,Parent,Gil,Lee,,gil@lee.example,\n"
    )
    found = rosters.load({"USERS.CSV": users})
    directory = found.directory
    assert directory.people["s1"].name == "Ann Lee"
    assert directory.people["s1"].preferred == "Annie"
    assert directory.guardians_of("s1") == {"g1"}
    assert {problem.file for problem in found.problems} == {"orgs.csv", "classes.csv", "enrollments.csv"}


def test_a_misspelled_column_is_read_and_reported(rosters: Rosters, problems_of: ProblemsOf) -> None:
    users = rosters.one_one["users.csv"].replace("familyName", "familiyName", 1)
    files = {**rosters.one_one, "users.csv": users}
    assert problems_of(files) == [
        "users.csv:1: familyName: the column's name is misspelled; read as familyName"
    ]
    assert rosters.load(files).directory.people["s1"].family == "Lee"


def test_users_of_sds_are_known_by_their_account_names(rosters: Rosters) -> None:
    users = (
        "sourcedId,username,givenName,familyName,password,activeDirectoryMatchId,email\n"
        "s1,ann,Ann,Lee,Hunter2!,ann@harbor.example,\n"
        "g1,gil,Gil,Lee,Hunter2!,,gil@lee.example\n"
        "o1,olga,Olga,Orr,Hunter2!,,olga@orr.example\n"
    )
    roles = (
        "userSourcedId,orgSourcedId,role,roleStartDate,roleEndDate\ns1,high,student,2026-08-26,2027-06-20\n"
    )
    relationships = (
        "userSourcedId,relationshipUserSourcedId,relationshipRole\n"
        "s1,g1,guardian\ns1,o1,doctor\ns1,g1,wizard\ns1,nobody,guardian\n"
    )
    found = rosters.load({"users.csv": users, "roles.csv": roles, "relationships.csv": relationships})
    directory = found.directory
    assert directory.people["s1"].addresses[0].address == "ann@harbor.example"
    assert directory.guardians_of("s1") == {"g1"}
    assert directory.people["g1"].addresses[0].kind is AddressKind.GUARDIAN
    assert [str(p) for p in found.problems if p.file == "relationships.csv"] == [
        "relationships.csv:4: relationshipRole: unknown; expected parent, guardian, relative or other",
        "relationships.csv:5: relationshipUserSourcedId: names nobody in users.csv; not used",
    ]


def test_agents_in_a_file_of_their_own_need_no_role(rosters: Rosters) -> None:
    files = {**rosters.one_one, "agents.csv": "userSourcedId,agentSourcedId\ns3,g2\n"}
    assert rosters.load(files).directory.guardians_of("s3") == {"t2", "g2"}


ROLES = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId\n"


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        ("r,active,,t1,secondary,coach,,,high", []),
        ("r,tobedeleted,,nobody,primary,teacher,,,high", []),
        ("r,active,,nobody,primary,teacher,,,high", ["userSourcedId: names nobody in users.csv; not used"]),
        (
            "r,active,,t1,primary,wizard,,,high",
            ["role: unknown; expected one such as student, guardian, teacher or administrator"],
        ),
        (
            "r,active,,t1,primary,,,,high",
            ["role: empty; expected one such as student, guardian, teacher or administrator"],
        ),
        ("r,active,,t1,primary,teacher,,,moon", ["orgSourcedId: names an org that orgs.csv does not have"]),
        (
            "r,active,,t1,primary,teacher,soon,,high",
            ["beginDate: no date; expected one such as 2026-08-21 or 8/21/2026"],
        ),
        (
            "r,active,,t1,primary,teacher,2026-09-01,2026-08-01,high",
            ["endDate: lies before beginDate; both are left out"],
        ),
    ],
)
def test_dirty_roles(rosters: Rosters, problems_of: ProblemsOf, row: str, problems: list[str]) -> None:
    files = {**rosters.one_one, "roles.csv": f"{ROLES}{row}\n"}
    assert problems_of(files) == [f"roles.csv:2: {problem}" for problem in problems]


@pytest.mark.parametrize(
    ("begin", "end", "coaches"),
    [
        ("", "", True),
        ("2026-10-14", "2026-10-14", True),
        ("", "10/13/2026", False),
        ("10/15/26", "", False),
        ("2026-08-01", "2026-12-01T00:00:00Z", True),
    ],
)
def test_a_role_counts_on_its_days_only(rosters: Rosters, begin: str, end: str, coaches: bool) -> None:
    roles = f"{ROLES}r,active,,t1,secondary,coach,{begin},{end},high\n"
    person = rosters.load({**rosters.one_one, "roles.csv": roles}).directory.people["t1"]
    assert person.is_a(Role.COACH) is coaches
    assert person.is_a(Role.STAFF)


def test_whoever_has_left_is_known_without_a_role(rosters: Rosters) -> None:
    roles = rosters.one_two["roles.csv"].replace(
        "r6,active,,t1,primary,teacher,2020-08-26,,high",
        "r6,active,,t1,primary,teacher,2020-08-26,2026-06-30,high",
    )
    found = rosters.load({**rosters.one_two, "roles.csv": roles})
    person = found.directory.people["t1"]
    assert person.roles == frozenset()
    assert person.end == date(2026, 6, 30)
    assert found.directory.groups["c1"].leaders == frozenset()
    assert found.counts["former"] == 1
    assert found.problems == ()


def test_a_principal_is_one_at_the_school_of_that_role(rosters: Rosters) -> None:
    roles = rosters.one_two["roles.csv"] + "r11,active,,t2,secondary,principal,,,middle,\n"
    directory = rosters.load({**rosters.one_two, "roles.csv": roles}).directory
    assert directory.principals_of("middle") == {"t2"}
    assert directory.principals_of("high") == {"p1"}


def test_students_of_a_family_keep_their_own_records(rosters: Rosters) -> None:
    rows = [
        user("x", "student", "lees@lee.example", given="Gil", family="Lee"),
        user("y", "parent", "lees@lee.example", given="Gil", family="Lee"),
    ]
    directory = rosters.load(rosters.with_rows("users.csv", *rows)).directory
    assert [match.person.id for match in directory.matches("LEES@lee.example")] == ["x", "y"]
