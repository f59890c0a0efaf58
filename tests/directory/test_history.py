"""Directories kept by day: what comes back is what was kept, and each day gets the one it was judged by."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard

from gateway.directory.history import History, keep
from gateway.directory.model import AddressKind, Person
from gateway.directory.snapshot import Directory
from tests.directory.conftest import NOW, Rosters

GROUPS = (
    "group_id,name,kind,school,address,season_start,season_end\n"
    "g,Soccer,team,high,soccer@harbor.example,2026-08-01,2026-11-30\nh,All,club,high,,,\n"
)
MEMBERS = "group_id,user,role\ng,t1,coach\ng,s1,member\ng,p1,administrator\nh,s2,member\n"
ACCOUNTS = "user,address,kind,source,verified_on\nt1,tim@kay.example,personal,form,2026-09-01\n"
FORMS = "user,form,signed_on\nt1,digital-use,2026-09-02\n"


def district(rosters: Rosters, *, later: int = 0, **files: str) -> Directory:
    """The directory of a full roster, `later` days after NOW."""
    extra = {"groups.csv": GROUPS, "group_members.csv": MEMBERS, "accounts.csv": ACCOUNTS, "forms.csv": FORMS}
    named = {f"{name}.csv": text for name, text in files.items()}
    found = rosters.load({**rosters.one_two, **extra, **named}, now=NOW + timedelta(days=later))
    return found.directory


def told(directory: Directory) -> dict[str, Any]:
    """Everything that a directory knows, with what it derives, but for personal accounts."""
    bare = {id: _without_personal(person) for id, person in directory.people.items()}
    given = {one.name: getattr(directory, one.name) for one in fields(directory) if one.init}
    rebuilt = Directory(**{**given, "people": bare}, principals=directory.principals_by_school)
    return {one.name: getattr(rebuilt, one.name) for one in fields(rebuilt)}


def _without_personal(person: Person) -> Person:
    kept = (one for one in person.addresses if one.kind is not AddressKind.PERSONAL)
    return replace(person, addresses=tuple(kept))


def test_a_kept_directory_is_the_one_that_was_kept(rosters: Rosters, tmp_path: Path) -> None:
    before = district(rosters)
    path = keep(tmp_path / "history", before)
    after = History(tmp_path / "history").of(before.as_of, before.version)
    assert after is not None
    assert told(after) == told(before)
    assert before.match("tim@kay.example") is not None
    assert after.match("tim@kay.example") is None
    assert path.name == f"2026-10-14-{before.version}.json.zst"
    assert path.stat().st_mode & 0o007 == 0
    octets = zstandard.ZstdDecompressor().decompress(path.read_bytes(), max_output_size=2**20)
    assert b"tim.kay@harbor.example" in octets
    assert b"@kay.example" not in octets  # registered personal accounts are written nowhere
    assert b"cy.fox@gmail.com" not in octets
    assert b"Hunter2!" not in octets  # a column of the roster that nobody may read


def test_what_is_kept_already_is_left_alone(rosters: Rosters, tmp_path: Path) -> None:
    directory = district(rosters)
    before = keep(tmp_path, directory).stat()
    after = keep(tmp_path, directory).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert [one.as_of for one in History(tmp_path).kept()] == [date(2026, 10, 14)]


@pytest.fixture
def history(rosters: Rosters, tmp_path: Path) -> tuple[History, dict[str, str]]:
    """Kept on the days 0, 1, 5 (another version) and 9 (the first version again)."""
    one, two = district(rosters), district(rosters, later=5, groups=GROUPS.replace("Soccer", "Chess"))
    for directory in (one, district(rosters, later=1), two, district(rosters, later=9)):
        keep(tmp_path, directory)
    return History(tmp_path), {"one": one.version, "two": two.version, "never": "0123456789ab"}


@pytest.mark.parametrize(
    ("day", "version", "found"),
    [
        (0, "one", 0),
        (1, "one", 1),
        (3, "one", 1),  # nothing was read on that day: the files had not changed
        (5, "two", 5),
        (6, "two", 5),
        (9, "one", 9),
        (30, "one", 9),
        (4, "two", 5),  # the worker's day had not begun where the file's had
        (-3, "one", 0),
        (7, "never", 5),  # kept by nobody: the last one before
        (-3, "never", 0),
    ],
)
def test_each_day_has_its_directory(
    history: tuple[History, dict[str, str]], day: int, version: str, found: int
) -> None:
    kept, versions = history
    directory = kept.of(NOW.date() + timedelta(days=day), versions[version])
    assert directory is not None
    assert directory.as_of == NOW.date() + timedelta(days=found)


def test_nothing_was_ever_kept(tmp_path: Path) -> None:
    assert History(tmp_path / "nowhere").of(NOW.date(), "0123456789ab") is None


@pytest.mark.parametrize("octets", [b"", b"no frame", zstandard.compress(b"{}"), zstandard.compress(b"[1")])
def test_a_damaged_file_is_passed_over(rosters: Rosters, tmp_path: Path, octets: bytes) -> None:
    directory = district(rosters)
    keep(tmp_path, directory)
    (tmp_path / f"2026-10-15-{directory.version}.json.zst").write_bytes(octets)
    (tmp_path / "2026-10-16-notes.txt").write_text("not ours")
    found = History(tmp_path).of(NOW.date() + timedelta(days=1), directory.version)
    assert found is not None
    assert found.as_of == NOW.date()
