"""Whole imports: what is refused, what is not, and that no secret or person shows in what is said about it."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.directory.importer import Import, RosterError, read_roster
from gateway.directory.model import Role
from gateway.directory.problems import Problems

Rosters = Any
ProblemsOf = Callable[[Any], list[str]]

NOW = datetime(2026, 10, 14, 6, 0, tzinfo=UTC)
USERS = "sourcedId,role,givenName,familyName,email\n"


def people(count: int) -> str:
    return USERS + "".join(f"u{n},teacher,Tea,Cher{n},u{n}@harbor.example\n" for n in range(count))


def test_counts(rosters: Rosters) -> None:
    found = rosters.load(rosters.one_one)
    assert dict(found.counts) == {
        "people": 9, "students": 3, "guardians": 3, "staff": 4, "coaches": 0, "advisors": 0, "administrators": 2,
        "principals": 1, "former": 0, "joined": 0, "addresses": 9, "schools": 3, "classes": 1, "groups": 0,
        "forms": 0, "problems": 0,
    }  # fmt: skip


def test_a_folder_and_a_zip_of_it_have_one_version(rosters: Rosters) -> None:
    plain = rosters.load(rosters.one_two).directory
    zipped = rosters.load(rosters.zip(rosters.one_two)).directory
    nested = rosters.load(rosters.zip(rosters.one_two, prefix="export 2026/")).directory
    assert plain.version == zipped.version == nested.version
    assert plain.people == zipped.people == nested.people
    assert len(plain.version) == 12


def test_another_content_is_another_version_and_another_day_is_not(rosters: Rosters) -> None:
    version = rosters.load(rosters.one_one).directory.version
    assert rosters.load(rosters.one_one, now=datetime(2027, 1, 1, tzinfo=UTC)).directory.version == version
    changed = rosters.with_rows("users.csv", "x,active,,true,high,teacher,,,X,Y,,,x@harbor.example,,,,,")
    assert rosters.load(changed).directory.version != version
    moved = {**rosters.one_one, "accounts.csv": "", "forms.csv": ""}
    assert rosters.load(moved).directory.version != version


def test_files_of_other_kinds_are_never_opened(rosters: Rosters) -> None:
    folder = rosters.folder({**rosters.one_one, "demographics.csv": "birthDate", "users.csv.bak": "x"})
    (folder / "courses.csv").mkdir()
    assert rosters.load(folder).directory.version == rosters.load(rosters.one_one).directory.version


@pytest.mark.parametrize("nul", [False, True])
def test_a_spreadsheet_saved_in_an_old_encoding(rosters: Rosters, nul: bool) -> None:
    users = "sourcedId,role,givenName,familyName\r\ns1,student,José,Núñez\r\n".encode("cp1252")
    if nul:
        users = users.replace(b"Jos", b"J\0os")
    found = rosters.load({"users.csv": b"\xef\xbb\xbf" + users})
    assert found.directory.people["s1"].name == "José Núñez"
    assert ("NUL octets; they were left out" in {problem.why for problem in found.problems}) is nul


# --- what is refused ---


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "expected users.csv among its files; there is none"),
        ({"orgs.csv": "sourcedId\n"}, "expected users.csv among its files; there is none"),
        ({"users.csv": ""}, "users.csv: expected a column sourcedId in its first line"),
        ({"users.csv": "jo@x.example,secret\n"}, "users.csv: expected a column sourcedId in its first line"),
        ({"users.csv": USERS}, "users.csv: expected at least one active user, found none"),
        (
            {"users.csv": USERS + ",teacher,A,B,a@b.example\n"},
            "users.csv: expected at least one active user, found none; "
            "first problem: users.csv:2: sourcedId: empty; the row is not used",
        ),
        (
            {"users.csv": people(1), "Users.CSV": people(1)},
            "users.csv and Users.CSV: expected one file of that name",
        ),
        (
            {"users.csv": people(1), "manifest.csv": "propertyName,value\nfile.users,delta\n"},
            "manifest.csv:2: file.users: expected bulk, found delta; a list of changes is no roster",
        ),
    ],
)
def test_a_roster_that_is_refused(rosters: Rosters, files: dict[str, str], why: str) -> None:
    for path in (rosters.folder(files), rosters.zip(files)):
        with pytest.raises(RosterError) as refused:
            rosters.load(path)
        assert str(refused.value) == f"{path}: {why}"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.write_text("sourcedId\n"), "it is damaged or no zip"),
        (lambda path: path.write_bytes(b"PK\x05\x06" + b"\0" * 10), "it is damaged or no zip"),
    ],
)
def test_what_is_no_roster_at_all(
    tmp_path: Path, rosters: Rosters, make: Callable[[Path], object], why: str
) -> None:
    path = tmp_path / "roster"
    make(path)
    with pytest.raises(RosterError) as refused:
        rosters.load(path)
    assert str(refused.value) == f"{path}: expected a folder or a zip with users.csv; {why}"


def test_a_bomb_is_refused_unpacked(rosters: Rosters) -> None:
    for path in (rosters.zip, rosters.folder):
        bomb = path({"users.csv": people(1), "orgs.csv": "sourcedId\n" + "x\n" * 2**20})
        with pytest.raises(RosterError, match=r"orgs\.csv: expected at most 1 MiB of files in all"):
            rosters.load(bomb, most_bytes=2**20)


def test_a_path_in_a_zip_leads_nowhere(tmp_path: Path, rosters: Rosters) -> None:
    path = rosters.zip({"../../escape/users.csv": people(3), "..\\..\\escape\\orgs.csv": "sourcedId\n"})
    before = set(tmp_path.rglob("*"))
    assert len(rosters.load(path).directory.people) == 3
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("before", "after", "max_shrink", "refused"),
    [
        (10, 8, 0.2, False),
        (10, 7, 0.2, True),
        (10, 12, 0.0, False),
        (10, 9, 0.0, True),
        (10, 1, 1.0, False),
    ],
)
def test_a_truncated_export(
    rosters: Rosters, before: int, after: int, max_shrink: float, refused: bool
) -> None:
    previous = rosters.load({"users.csv": people(before)}).directory
    path = rosters.folder({"users.csv": people(after)})
    if not refused:
        assert len(rosters.load(path, previous=previous, max_shrink=max_shrink).directory.people) == after
        return
    with pytest.raises(RosterError) as error:
        rosters.load(path, previous=previous, max_shrink=max_shrink)
    assert str(error.value) == (
        f"{path}: users.csv: expected a complete list; {before - after} of the {before} people of the directory "
        f"in use are missing, and max_shrink allows {max_shrink:.0%} (raise it if they have really left)"
    )


def test_the_end_of_the_school_year_is_no_truncation(rosters: Rosters) -> None:
    previous = rosters.load(rosters.one_two).directory
    summer = rosters.load(
        rosters.one_two, now=datetime(2027, 7, 1, tzinfo=UTC), previous=previous, max_shrink=0.0
    )
    assert summer.counts["former"] == 3
    assert not any(person.is_a(Role.STUDENT) for person in summer.directory.people.values())


def test_records_that_are_joined_are_not_missing(rosters: Rosters) -> None:
    header = "sourcedId,role,givenName,familyName,email\n"
    apart = rosters.load(
        {"users.csv": header + "a,parent,Ida,Orr,i@orr.example\nb,teacher,Ida,Orr,\n"}
    ).directory
    again = {"users.csv": header + "a,parent,Ida,Orr,i@orr.example\nb,teacher,Ida,Orr,i@orr.example\n"}
    assert set(rosters.load(again, previous=apart, max_shrink=0.0).directory.people) == {"b"}


# --- what is missing, and reported ---


def test_files_that_are_missing(problems_of: ProblemsOf) -> None:
    assert problems_of({"users.csv": people(1)}) == [
        "classes.csv: the file is missing; no class names",
        "enrollments.csv: the file is missing; nobody is in a class",
        "orgs.csv: the file is missing; no school is known",
    ]


def test_the_manifest_promises_more_than_there_is(rosters: Rosters, problems_of: ProblemsOf) -> None:
    files = {name: text for name, text in rosters.one_two.items() if name != "orgs.csv"}
    assert problems_of(files)[0] == "manifest.csv:5: value: says bulk, but there is no orgs.csv"


def test_a_flood_of_problems_is_counted_beyond_the_first(rosters: Rosters) -> None:
    found = rosters.load({"users.csv": people(1) + ",x\n" * 10_005})
    assert found.counts["problems"] == 2 * 10_005 + 3
    assert len(found.problems) == 10_000 + 3 + 1
    assert str(found.problems[-1]) == "users.csv: 10010 more problems are not listed"


def test_problems_come_in_the_order_of_the_files() -> None:
    problems = Problems(most=2)
    for file, line in (("b.csv", 2), ("a.csv", 9), ("b.csv", 1), ("b.csv", 3)):
        problems.add(file, line, "", "why")
    assert [str(problem) for problem in problems.all()] == [
        "a.csv:9: why",
        "b.csv:1: why",
        "b.csv:2: why",
        "b.csv: 1 more problems are not listed",
    ]


# --- what must not show ---


def test_nothing_that_is_said_quotes_a_person_or_a_password(rosters: Rosters) -> None:
    rows = (
        "x1,zapped,,true,moon,quux,plugh,,Frobozz,Grue,,,not-mail-xyzzy,,,nobody,10,Hunter2!",
        "x2,active,,true,high,student,plugh,,Frobozz,Grue,,,xyzzy@frobozz.example,,,x1,10,Hunter2!,extra,Grue",
        'x3,active,,true,high,student,"plugh,,Frobozz,Grue,,,xyzzy@frobozz.example,,,x1,10,Hunter2!',
        "s1,active,,true,high,student,plugh,,Frobozz,Grue,,,xyzzy@frobozz.example,,,,10,Hunter2!",
    )
    files = {
        **rosters.with_rows("users.csv", *rows),
        "accounts.csv": "user,address,kind\nxyzzy@frobozz.example,plugh,grue\nt1,tim@xyzzy.example,personal\n",
        "group_members.csv": "group_id,user,role\nplugh,xyzzy@frobozz.example,grue\n",
    }
    found = rosters.load(files)
    said = [*map(str, found.problems), *map(repr, found.problems), repr(found.directory), repr(found)]
    said += [repr(value) for value in (*found.directory.people.values(), *found.directory.groups.values())]
    said += [repr(match) for person in found.directory.people.values() for a in person.addresses
             for match in found.directory.matches(a.address)]  # fmt: skip
    assert len(found.problems) >= 9
    text = "\n".join(said)
    for secret in ("Hunter2", "Frobozz", "Grue", "xyzzy", "plugh", "@", "Lee", "Tim"):
        assert secret not in text


def test_passwords_are_nowhere_in_what_is_kept(rosters: Rosters) -> None:
    found = rosters.load(rosters.one_two)
    kept = [dataclasses.astuple(person) for person in found.directory.people.values()]
    assert "Hunter2!" not in repr(kept)
    assert "Lee" in repr(kept)  # the look is at the real thing


# --- anything at all ---


def outcome(path: Path) -> Import | RosterError:
    try:
        return read_roster(path, ("harbor.example",), now=NOW, previous=None, max_shrink=0.2)
    except RosterError as error:
        return error


HEADERS = {
    "manifest": "propertyName,value",
    "orgs": "sourcedId,status,name,identifier",
    "academicSessions": "sourcedId,startDate,endDate",
    "users": "sourcedId,status,role,givenName,familyName,email,agentSourcedIds,orgSourcedIds,beginDate",
    "roles": "userSourcedId,role,orgSourcedId,beginDate,endDate",
    "relationships": "userSourcedId,relationshipUserSourcedId,relationshipRole",
    "agents": "userSourcedId,agentSourcedId",
    "classes": "sourcedId,title,schoolSourcedId,termSourcedIds",
    "enrollments": "classSourcedId,userSourcedId,role,endDate",
    "groups": "group_id,name,kind,school,address,season_start,season_end",
    "group_members": "group_id,user,role",
    "accounts": "user,address,kind,source,verified_on",
    "forms": "user,form,signed_on",
}
CELL = st.sampled_from(
    ["", "1", "2", "3", "a,b", '"1,2"', '"', "student", "teacher", "parent", "coach", "member", "a@harbor.example",
     "a@b.example", "2026-01-01", "9/9/99", "active", "tobedeleted", "team", "guardian", "\0", "\n", "é", "bulk"]
)  # fmt: skip
ROW = st.lists(CELL, min_size=1, max_size=9).map(",".join)
FILE = st.one_of(st.binary(max_size=200), st.lists(ROW, max_size=8).map("\n".join).map(str.encode))
FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)


@FUZZ
@given(st.dictionaries(st.sampled_from(sorted(HEADERS)), FILE, max_size=6), st.booleans())
def test_any_files_are_imported_or_refused(rosters: Rosters, files: dict[str, bytes], headed: bool) -> None:
    content = {
        f"{name}.csv": HEADERS[name].encode() + b"\n" + data if headed else data
        for name, data in files.items()
    }
    assert isinstance(outcome(rosters.folder(content)), Import | RosterError)


@FUZZ
@given(st.binary(max_size=300))
def test_any_bytes_in_place_of_a_zip_are_refused(rosters: Rosters, data: bytes) -> None:
    path = rosters.folder({"roster.zip": b"PK\x03\x04" + data}) / "roster.zip"
    assert isinstance(outcome(path), RosterError)


def test_a_damaged_zip_is_refused_or_read_whole(rosters: Rosters) -> None:
    good = rosters.zip(rosters.one_two)
    version = rosters.load(good).directory.version
    data = good.read_bytes()
    dice = random.Random(20261014)
    for _ in range(400):
        damaged = bytearray(data)
        damaged[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        good.write_bytes(damaged)
        found = outcome(good)
        # Without a file's name in the zip's list, the file is not there; what is there is as it was.
        if isinstance(found, Import) and found.directory.version != version:
            assert len(found.directory.people) == 9


def test_the_sample_roster_of_others(corpus: Path) -> None:
    folder = corpus / "roster" / "sds-v2.1"
    found = read_roster(
        folder, ("classrmtest31.org",), now=datetime(2021, 10, 5, tzinfo=UTC), previous=None, max_shrink=0.2
    )
    directory = found.directory
    assert found.problems == ()
    assert (found.counts["students"], found.counts["guardians"], found.counts["staff"]) == (4, 2, 2)
    assert directory.guardians_of("114001") == {"114002"}
    assert directory.children_of("114005") == {"114004"}
    assert directory.members_of("112002") == {"114001", "114003", "114004"}
    assert [group.name for group in directory.classes_taught_by("114006")] == ["Computer Science 101"]
    match = directory.match("kfein@classrmtest31.org")
    assert match is not None
    assert match.person.id == "114007"
    today = read_roster(folder, ("classrmtest31.org",), now=NOW, previous=directory, max_shrink=0.0)
    assert today.counts["former"] == 8  # the school year of the sample is over
