"""The directory in use: replaced whole, kept when the new one is bad."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.directory import importer, reload
from gateway.directory.importer import Import, RosterError
from gateway.directory.reload import Watched

Rosters = Any

DOMAINS = ("harbor.example",)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 10, 14, 6, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def users(count: int, family: str = "Lee") -> str:
    rows = (f"u{n},teacher,Ann,{family},u{n}@harbor.example\n" for n in range(count))
    return "sourcedId,role,givenName,familyName,email\n" + "".join(rows)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(rosters: Rosters, clock: Clock) -> Path:
    path: Path = rosters.folder({"users.csv": users(10)})
    age(path, clock)
    return path


@pytest.fixture
def watched(folder: Path, clock: Clock) -> Watched:
    found = Watched(folder, DOMAINS, max_shrink=0.2, clock=clock)
    found.load()
    return found


def age(folder: Path, clock: Clock, seconds: float = 60) -> None:
    """Let the files of a folder have been written `seconds` ago."""
    when = clock.now.timestamp() - seconds
    for file in folder.iterdir():
        os.utime(file, (when, when))


def write(folder: Path, clock: Clock, text: str, seconds: float = 30) -> None:
    (folder / "users.csv").write_text(text)
    age(folder, clock, seconds)


def test_without_a_path_the_directory_is_empty(clock: Clock) -> None:
    watched = Watched(None, DOMAINS, max_shrink=0.2, clock=clock)
    assert (watched.load(), watched.reload(), watched.reload_if_changed()) == (None, None, None)
    assert len(watched.directory.people) == 0
    assert watched.directory.is_district("a@harbor.example")


def test_a_roster_that_cannot_be_read_at_start(tmp_path: Path, clock: Clock) -> None:
    watched = Watched(tmp_path / "missing", DOMAINS, max_shrink=0.2, clock=clock)
    with pytest.raises(RosterError):
        watched.load()
    assert len(watched.directory.people) == 0


def test_nothing_is_read_while_nothing_changes(watched: Watched) -> None:
    before = watched.directory
    assert watched.reload_if_changed() is None
    assert watched.directory is before


def test_changed_files_are_read(watched: Watched, folder: Path, clock: Clock) -> None:
    write(folder, clock, users(11))
    result = watched.reload_if_changed()
    assert isinstance(result, Import)
    assert watched.directory is result.directory
    assert len(watched.directory.people) == 11
    assert watched.reload_if_changed() is None


@pytest.mark.parametrize("change", ["added", "removed", "replaced"])
def test_every_kind_of_change_is_seen(watched: Watched, folder: Path, clock: Clock, change: str) -> None:
    forms = folder / "forms.csv"
    if change == "added":
        forms.write_text("user,form,signed_on\n")
    elif change == "removed":
        forms.write_text("user,form,signed_on\n")
        watched.reload()
        forms.unlink()
    else:  # same size and time, another file
        other = folder / "other"
        other.write_text(users(10, "Fox"))
        other.rename(folder / "users.csv")
    age(folder, clock)
    assert isinstance(watched.reload_if_changed(), Import)


def test_a_zip_is_watched_too(rosters: Rosters, clock: Clock) -> None:
    path = rosters.zip({"users.csv": users(3)})
    watched = Watched(path, DOMAINS, max_shrink=0.2, clock=clock)
    watched.load()
    rosters.zip({"users.csv": users(4)}).rename(path)
    assert isinstance(watched.reload_if_changed(), Import)
    assert len(watched.directory.people) == 4


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (users(5), "expected a complete list"),
        ("", "expected a column sourcedId"),
        (users(0), "expected at least one active user"),
    ],
)
def test_a_bad_roster_is_refused_once_and_the_old_one_stays(
    watched: Watched, folder: Path, clock: Clock, text: str, why: str
) -> None:
    before = watched.directory
    write(folder, clock, text)
    error = watched.reload_if_changed()
    assert isinstance(error, RosterError)
    assert why in str(error)
    assert watched.directory is before
    assert watched.reload_if_changed() is None  # said once
    assert isinstance(watched.reload(), RosterError)  # or when asked for
    write(folder, clock, users(9), seconds=20)
    assert isinstance(watched.reload_if_changed(), Import)


def test_a_roster_that_vanishes_changes_nothing(watched: Watched, folder: Path) -> None:
    before = watched.directory
    (folder / "users.csv").unlink()
    assert isinstance(watched.reload_if_changed(), RosterError)
    assert watched.directory is before


def test_files_that_are_still_being_written_are_left_for_the_next_look(
    watched: Watched, folder: Path, clock: Clock
) -> None:
    write(folder, clock, users(11), seconds=0.5)
    assert watched.reload_if_changed() is None
    clock.now += timedelta(seconds=2)
    assert isinstance(watched.reload_if_changed(), Import)


def test_files_that_change_while_they_are_read_are_not_used(
    watched: Watched, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = importer.read_roster

    def read_and_be_overtaken(path: Path, *args: Any, **kwargs: Any) -> Import:
        found = read(path, *args, **kwargs)
        write(folder, clock, users(12), seconds=20)
        return found

    before = watched.directory
    write(folder, clock, users(11))
    with monkeypatch.context() as patch:
        patch.setattr(reload, "read_roster", read_and_be_overtaken)
        error = watched.reload_if_changed()
    assert str(error) == f"{folder}: expected files at rest; they changed while they were read"
    assert watched.directory is before
    assert isinstance(watched.reload_if_changed(), Import)
    assert len(watched.directory.people) == 12


def test_a_new_day_is_a_change(rosters: Rosters, clock: Clock) -> None:
    roles = "userSourcedId,role,beginDate,endDate,orgSourcedId\nu0,coach,,2026-10-14,high\n"
    folder = rosters.folder({"users.csv": users(3), "roles.csv": roles})
    age(folder, clock)
    watched = Watched(folder, DOMAINS, max_shrink=0.2, clock=clock)
    watched.load()
    first = watched.directory
    assert "coach" in first.people["u0"].roles
    clock.now += timedelta(days=1)
    assert isinstance(watched.reload_if_changed(), Import)
    assert "coach" not in watched.directory.people["u0"].roles
    assert watched.directory.version == first.version
    assert watched.reload_if_changed() is None


def test_readers_see_the_old_or_the_new_directory_whole(watched: Watched, folder: Path, clock: Clock) -> None:
    """Every person of one roster has one family name; a reader that saw two would have seen half of each."""
    torn: list[set[str]] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            directory = watched.directory
            families = {directory.people[match.person.id].family for n in range(10)
                        if (match := directory.match(f"u{n}@harbor.example"))}  # fmt: skip
            if len(families) != 1:
                torn.append(families)

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for turn in range(20):
            write(folder, clock, users(10, "Fox" if turn % 2 else "Lee"))
            assert isinstance(watched.reload(), Import)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert torn == []
