"""One human under several ids: who is joined, and who is not."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.directory.model import Role

Rosters = Any

HEADER = "sourcedId,role,givenName,familyName,preferredGivenName,email,agentSourcedIds\n"
CHILD = "kid,student,Kim,Orr,,kim@harbor.example,{guardian}\n"


def load(rosters: Rosters, *rows: str, guardian: str = "") -> Any:
    return rosters.load({"users.csv": HEADER + CHILD.format(guardian=guardian) + "\n".join(rows)}).directory


@pytest.mark.parametrize(
    ("one", "other", "kept"),
    [
        # a teacher's work address stands in her record as a parent
        ("a,parent,Ida,Orr,,ida@harbor.example,", "b,teacher,Ida,Orr,,Ida+school@harbor.example,", "b"),
        # a parent written once for each child
        ("a,parent,Ida,Orr,,ida@orr.example,", "b,parent,IDA,ORR,,ida@orr.example,", "a"),
        ("a,teacher,Ida,Orr,,ida@orr.example,", "b,administrator,Ida,Orr,,ida@orr.example,", "a"),
        ("a,teacher,Robert,Orr,Bob,bob@orr.example,", "b,parent,Bob,Orr,,bob@orr.example,", "a"),
    ],
)
def test_same_name_and_same_address_is_one_human(rosters: Rosters, one: str, other: str, kept: str) -> None:
    directory = load(rosters, one, other, guardian="a")
    (gone,) = {"a", "b"} - {kept}
    assert gone not in directory.people
    assert directory.guardians_of("kid") == {kept}
    assert Role.GUARDIAN in directory.people[kept].roles


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a,parent,Ida,Orr,,orrs@orr.example,", "b,teacher,Ivo,Orr,,orrs@orr.example,"),  # a couple's mailbox
        ("a,parent,Ida,Orr,,ida@orr.example,", "b,teacher,Ida,Orr,,ida@harbor.example,"),  # the name alone
        ("a,student,Ida,Orr,,ida@orr.example,", "b,teacher,Ida,Orr,,ida@orr.example,"),  # junior
        ("a,parent,,,,ida@orr.example,", "b,teacher,,,,ida@orr.example,"),
        ("a,wizard,Ida,Orr,,ida@orr.example,", "b,teacher,Ida,Orr,,ida@orr.example,"),
    ],
)
def test_anybody_else_stays_apart(rosters: Rosters, one: str, other: str) -> None:
    assert {"a", "b"} <= set(load(rosters, one, other).people)


def test_a_chain_of_records_ends_in_one(rosters: Rosters) -> None:
    directory = load(
        rosters,
        "a,parent,Ida,Orr,,ida@orr.example,",
        "b,parent,Ida,Orr,,ida@orr.example;ida@harbor.example,",
        "c,teacher,Ida,Orr,,ida@harbor.example,",
        guardian="a",
    )
    assert set(directory.people) == {"kid", "c"}
    assert directory.guardians_of("kid") == {"c"}
    assert {a.address for a in directory.people["c"].addresses} == {"ida@harbor.example", "ida@orr.example"}


def test_a_personal_account_of_a_teacher_finds_her_record_as_a_parent(rosters: Rosters) -> None:
    users = (
        HEADER
        + CHILD.format(guardian="a")
        + ("a,parent,Ida,Orr,,ida@orr.example,\nb,teacher,Ida,Orr,,ida@harbor.example,\n")
    )
    accounts = "user,address,kind,source,verified_on\nb,ida@orr.example,personal,hr,2026-09-01\n"
    members = "group_id,user,role\nchess,a,advisor\n"
    groups = "group_id,name,kind\nchess,Chess,club\n"
    directory = rosters.load(
        {"users.csv": users, "accounts.csv": accounts, "groups.csv": groups, "group_members.csv": members}
    ).directory
    assert directory.people["b"].roles == {Role.STAFF, Role.GUARDIAN, Role.ADVISOR}
    assert directory.children_of("b") == {"kid"}
    assert directory.groups["chess"].leaders == {"b"}  # named by the id that was given up
