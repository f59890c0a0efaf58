"""Searches kept by name: whole or not there, none replaced unasked, and a damaged one harms no other."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.search.query import QueryError
from gateway.search.saved import (
    DamagedSearch,
    NameTaken,
    NoSuchSearch,
    SavedSearch,
    SavedSearchError,
    SavedSearches,
    moves,
)

NOW = datetime(2026, 11, 23, 14, 35, 20, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")


def search(name: str = "buses", query: str = 'from:ann "late bus" après') -> SavedSearch:
    return SavedSearch(name, query, "pat", NOW)


@pytest.fixture
def kept(tmp_path: Path) -> SavedSearches:
    return SavedSearches(tmp_path / "searches")


def test_what_is_saved_is_read(kept: SavedSearches) -> None:
    kept.save(search())
    assert kept.load("buses") == search()
    assert list(kept.all()) == [search()]


def test_before_the_first_one(kept: SavedSearches) -> None:
    assert list(kept.all()) == []
    with pytest.raises(NoSuchSearch):
        kept.load("buses")
    with pytest.raises(NoSuchSearch):
        kept.forget("buses")


def test_modes_whatever_the_umask(kept: SavedSearches, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        path = kept.save(search())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    kept.save(search(), replace=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [each.name for each in (tmp_path / "searches").iterdir()] == ["buses.json"]


def test_none_is_replaced_unasked(kept: SavedSearches, tmp_path: Path) -> None:
    kept.save(search())
    with pytest.raises(NameTaken):
        kept.save(search(query="other"))
    assert kept.load("buses") == search()
    kept.save(search(query="other"), replace=True)
    assert kept.load("buses") == search(query="other")
    assert [each.name for each in (tmp_path / "searches").iterdir()] == ["buses.json"]


def test_of_many_at_once_one_is_first(kept: SavedSearches) -> None:
    def save(number: int) -> bool:
        try:
            kept.save(search(query=f"number {number}"))
        except NameTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(save, range(8)))
    assert done.count(True) == 1
    assert kept.load("buses").query == f"number {done.index(True)}"


@pytest.mark.parametrize("name", ["a", "A-b_c.9", "2026", "x" * 100, "late..bus", "con.json"])
def test_names(kept: SavedSearches, name: str) -> None:
    kept.save(search(name))
    assert [each.name for each in kept.all() if isinstance(each, SavedSearch)] == [name]
    kept.forget(name)
    assert list(kept.all()) == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "-x",
        "_x",
        "a/b",
        "../a",
        "/etc/passwd",
        "a b",
        "a\n",
        "a\0",
        "é",
        "x" * 101,
        "٣",
    ],
)
def test_what_is_no_name(kept: SavedSearches, tmp_path: Path, name: str) -> None:
    for attempt in (lambda: kept.save(search(name)), lambda: kept.load(name), lambda: kept.forget(name)):
        with pytest.raises(SavedSearchError, match="is no name for a saved search"):
            attempt()
    assert list(tmp_path.iterdir()) == []


GOOD = {"format": 1, "name": "bad", "query": "x", "by": "pat", "at": "2026-11-23T14:35:20+00:00"}


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        json.dumps(GOOD | {"format": 2}).encode(),
        json.dumps(GOOD | {"name": "other"}).encode(),
        json.dumps(GOOD | {"query": 7}).encode(),
        json.dumps(GOOD | {"by": None}).encode(),
        json.dumps(GOOD | {"at": "yesterday"}).encode(),
        json.dumps(GOOD | {"at": "2026-11-23T14:35:20"}).encode(),
        *(json.dumps({key: GOOD[key] for key in GOOD if key != left_out}).encode() for left_out in GOOD),
        json.dumps(GOOD).encode() + b" " * 2**20,
    ],
)
def test_a_damaged_file_is_named_and_harms_no_other(
    kept: SavedSearches, tmp_path: Path, octets: bytes
) -> None:
    for name in ("a", "z"):
        kept.save(search(name))
    path = tmp_path / "searches" / "bad.json"
    path.write_bytes(octets)
    with pytest.raises(DamagedSearch) as caught:
        kept.load("bad")
    assert str(path) in str(caught.value)
    first, bad, last = kept.all()
    assert (first, last) == (search("a"), search("z"))
    assert isinstance(bad, DamagedSearch)
    kept.save(search("bad"), replace=True)
    assert kept.load("bad") == search("bad")
    path.write_bytes(octets)
    kept.forget("bad")
    assert list(kept.all()) == [search("a"), search("z")]


def test_the_good_one_is_good(kept: SavedSearches, tmp_path: Path) -> None:
    """The table above is about what is wrong in each row, and nothing else."""
    kept.save(search())
    (tmp_path / "searches" / "bad.json").write_text(json.dumps(GOOD))
    assert kept.load("bad").query == "x"


def test_what_cannot_be_read_harms_no_other_either(kept: SavedSearches, tmp_path: Path) -> None:
    kept.save(search())
    (tmp_path / "searches" / "folder.json").mkdir()
    (tmp_path / "searches" / "notes.txt").write_text("")
    (tmp_path / "searches" / ".half.new").write_text("")
    one, other = kept.all()
    assert one == search()
    assert isinstance(other, DamagedSearch)
    assert "folder.json" in str(other)


@pytest.mark.parametrize(
    ("query", "does"),
    [
        ("late bus", False),
        ("", False),
        ("after:2026-11-01", False),
        ("on:2026-11", False),
        ("date:..2026", False),
        ('"30d"', False),
        ("after:30d", True),
        ("before:2w", True),
        ("after:12h", True),
        ("bus OR on:yesterday", True),
        ("on:today", True),
        ("-on:this-week", True),
        ("on:last-month", True),
        ("on:this-year", True),
        ("date:last-year..", True),
        ("after:50y", True),
    ],
)
def test_which_move_with_time(query: str, does: bool) -> None:
    assert moves(query, now=NOW, zone=ZONE) is does


def test_what_is_no_query_does_not_move() -> None:
    with pytest.raises(QueryError):
        moves("(late", now=NOW, zone=ZONE)
