"""The follower: once each, whatever happens."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError

from gateway.catalog.files import catalog_files
from gateway.catalog.sqlite import open_writer
from gateway.generations import BuildRunning
from gateway.indexer.batch import Limits
from gateway.indexer.follower import Follower

Dump = Callable[[Path], dict[str, list[tuple[Any, ...]]]]


def drain(follower: Follower) -> None:
    while follower.step().entries:
        pass


def fill(archive: Any, count: int) -> None:
    for _ in range(count):
        archive.event(archive.message())


def test_an_empty_archive_makes_an_empty_catalog(follower: Follower, dump: Dump, tmp_path: Path) -> None:
    assert follower.step().entries == 0
    assert dump(tmp_path / "catalog")["messages"] == []


def test_it_goes_on_where_it_was(
    follower: Follower, archive: Any, watcher: Any, dump: Dump, tmp_path: Path
) -> None:
    fill(archive, 2)
    assert (follower.step().entries, follower.step().entries) == (4, 0)
    fill(archive, 1)
    assert follower.step().entries == 2
    assert follower.mark.position == 6
    assert watcher.kinds == {"message": 3, "event": 3}
    assert watcher.failures == []
    assert len(dump(tmp_path / "catalog")["messages"]) == 3


def test_lag_is_the_age_of_the_oldest_entry_not_indexed(
    follower: Follower, archive: Any, watcher: Any
) -> None:
    fill(archive, 1)  # received 12:00:01 and :02, it is 12:01
    follower.step()
    follower.step()
    assert watcher.lags == [(2, 59.0), (0, 0.0), (0, 0.0)]


def test_batches_are_bounded(tmp_path: Path, archive: Any, logged: list[Any]) -> None:
    fill(archive, 4)
    by_count = Follower(archive, tmp_path / "a", limits=Limits(entries=3))
    assert [by_count.step().remaining for _ in range(3)] == [5, 2, 0]
    by_count.close()
    size = archive.entries[0].size
    by_size = Follower(archive, tmp_path / "b", limits=Limits(octets=size + 1))
    assert [by_size.step().entries for _ in range(5)] == [2, 2, 2, 2, 0]
    by_size.close()


def test_stopping_commits_what_was_read(follower: Follower, archive: Any) -> None:
    fill(archive, 4)
    asked = iter([False, False, True])
    assert follower.step(lambda: next(asked)).entries == 3
    assert follower.step().entries == 5


def test_a_restart_goes_on(
    follower: Follower, archive: Any, dump: Dump, tmp_path: Path, logged: list[Any]
) -> None:
    fill(archive, 2)
    drain(follower)
    follower.close()
    fill(archive, 1)
    again = Follower(archive, tmp_path / "catalog")
    assert again.step().entries == 2
    again.close()
    assert [line["event"] for line in logged] == ["catalog opened"] * 2
    assert len(dump(tmp_path / "catalog")["messages"]) == 3


@pytest.mark.parametrize("statement", [1, 2, 5, 9, 14, 22, 31, 45])
def test_killed_at_any_statement_there_is_no_duplicate_and_no_gap(
    archive: Any, dump: Dump, tmp_path: Path, statement: int, logged: list[Any]
) -> None:
    for number in range(12):
        finding = archive.finding(f"f{number % 5}", f"student-{number}")
        archive.event(archive.message(verdict=archive.verdict(finding)))
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    child = multiprocessing.get_context("fork").Process(target=_die_at, args=(archive, killed, statement))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    for folder in (killed, whole):
        follower = Follower(archive, folder, limits=Limits(entries=5))
        drain(follower)
        follower.close()
    assert dump(killed) == dump(whole)
    assert len(dump(killed)["messages"]) == 12


def _die_at(archive: Any, folder: Path, statement: int) -> None:
    """Index in small batches, and be killed as a statement is sent."""
    left = statement

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    follower = Follower(archive, folder, limits=Limits(entries=5))
    follower.step(lambda: True)  # the catalog exists, with one entry
    event.listen(Engine, "before_cursor_execute", count)
    while True:
        drain(follower)
        follower.close()


def change(folder: Path, statement: str) -> None:
    path = catalog_files(folder).current()
    assert path is not None
    engine = open_writer(path)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_another_schema_is_rebuilt(
    follower: Follower, archive: Any, dump: Dump, tmp_path: Path, logged: list[Any]
) -> None:
    fill(archive, 2)
    drain(follower)
    before = dump(tmp_path / "catalog")
    follower.close()
    change(tmp_path / "catalog", "UPDATE watermark SET schema_version = 0")
    follower.step()
    assert {"event": "catalog is rebuilt", "why": "of another version", "log_level": "warning"} in logged
    assert dump(tmp_path / "catalog") == before


def test_another_archive_is_rebuilt(
    follower: Follower, archive: Any, fresh_archive: Any, dump: Dump, tmp_path: Path, logged: list[Any]
) -> None:
    fill(archive, 3)
    drain(follower)
    follower.close()
    other = fresh_archive()
    other.event("nothing")  # so that the same places hold other entries
    fill(other, 1)
    for archive_now, messages in ((other, 1), (fresh_archive(), 0)):
        again = Follower(archive_now, tmp_path / "catalog")
        drain(again)
        again.close()
        assert len(dump(tmp_path / "catalog")["messages"]) == messages
    assert [line["why"] for line in logged if line["event"] == "catalog is rebuilt"] == [
        "of another archive"
    ] * 2


def test_a_catalog_that_is_no_database_is_rebuilt(
    follower: Follower, archive: Any, dump: Dump, tmp_path: Path
) -> None:
    fill(archive, 3)
    drain(follower)
    before = dump(tmp_path / "catalog")
    follower.close()
    path = catalog_files(tmp_path / "catalog").current()
    assert path is not None
    path.write_bytes(b"\xff" * path.stat().st_size)
    follower.step()
    assert dump(tmp_path / "catalog") == before


def test_a_catalog_found_damaged_at_work_is_rebuilt(
    follower: Follower, archive: Any, dump: Dump, tmp_path: Path, logged: list[Any]
) -> None:
    fill(archive, 3)
    drain(follower)
    fill(archive, 1)
    damage = sqlite3.DatabaseError("database disk image is malformed")
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT_INDEX

    def damaged(*_: object) -> None:
        event.remove(Engine, "before_cursor_execute", damaged)
        raise DatabaseError("INSERT", {}, damage)

    event.listen(Engine, "before_cursor_execute", damaged)
    assert follower.step().entries == 0
    assert {"event": "catalog is rebuilt", "why": "damaged", "log_level": "warning"} in logged
    drain(follower)
    assert len(dump(tmp_path / "catalog")["messages"]) == 4


def test_a_catalog_that_vanished_is_made_again(
    follower: Follower, archive: Any, dump: Dump, tmp_path: Path
) -> None:
    fill(archive, 1)
    drain(follower)
    for path in (tmp_path / "catalog").iterdir():
        path.unlink()
    drain(follower)
    assert len(dump(tmp_path / "catalog")["messages"]) == 1


def test_a_reindex_by_another_process_is_followed(
    follower: Follower, archive: Any, dump: Dump, tmp_path: Path
) -> None:
    fill(archive, 2)
    drain(follower)
    other = Follower(archive, tmp_path / "catalog")
    seen: list[tuple[int, int]] = []
    mark = other.rebuild(lambda done, of: seen.append((done, of)))
    assert mark is not None
    assert mark.position == 4
    assert seen[0] == (0, 4)
    assert seen[-1] == (4, 4)
    fill(archive, 1)
    drain(follower)
    path = catalog_files(tmp_path / "catalog").current()
    assert path is not None
    assert path.name == "catalog-000002.sqlite"
    assert len(dump(tmp_path / "catalog")["messages"]) == 3


def test_a_rebuild_waits_for_nobody(follower: Follower, archive: Any, tmp_path: Path) -> None:
    fill(archive, 1)
    with catalog_files(tmp_path / "catalog").building(), pytest.raises(BuildRunning):
        follower.rebuild()
    assert follower.rebuild() is not None


def test_a_rebuild_that_is_stopped_changes_nothing(
    follower: Follower, archive: Any, dump: Dump, tmp_path: Path
) -> None:
    fill(archive, 2)
    drain(follower)
    follower.close()
    change(tmp_path / "catalog", "UPDATE watermark SET schema_version = 0")
    assert follower.step(lambda: True).entries == 0
    assert dump(tmp_path / "catalog")["watermark"][0][3] == 0
    drain(follower)
    assert len(dump(tmp_path / "catalog")["messages"]) == 2


def test_two_followers_of_one_catalog_do_no_harm(
    follower: Follower, archive: Any, dump: Dump, tmp_path: Path
) -> None:
    follower.step()
    other = Follower(archive, tmp_path / "catalog", limits=Limits(entries=1))
    other.step()
    for _ in range(3):
        fill(archive, 1)
        other.step()
        drain(follower)
        follower.step()
    drain(follower)
    drain(other)
    other.close()
    assert len(dump(tmp_path / "catalog")["messages"]) == 3
    assert len(dump(tmp_path / "catalog")["events"]) == 3


def test_an_archive_out_of_reach_is_no_reason_to_rebuild(
    follower: Follower, archive: Any, dump: Dump, tmp_path: Path
) -> None:
    fill(archive, 1)
    drain(follower)
    follower.close()
    archive.trouble = OSError("not mounted")
    with pytest.raises(OSError, match="not mounted"):
        follower.step()
    archive.trouble = None
    fill(archive, 1)
    drain(follower)
    path = catalog_files(tmp_path / "catalog").current()
    assert path is not None
    assert path.name == "catalog-000001.sqlite"
    assert len(dump(tmp_path / "catalog")["messages"]) == 2


def test_a_catalog_that_cannot_be_written_is_tried_again(
    follower: Follower, archive: Any, dump: Dump, tmp_path: Path
) -> None:
    fill(archive, 1)
    follower.step(lambda: True)

    def full(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    event.listen(Engine, "before_cursor_execute", full)
    try:
        with pytest.raises(OperationalError):
            follower.step()
    finally:
        event.remove(Engine, "before_cursor_execute", full)
    drain(follower)
    assert len(dump(tmp_path / "catalog")["events"]) == 1


def test_messages_with_rule_errors_are_judged_again(
    archive: Any, watcher: Any, dump: Dump, tmp_path: Path, logged: list[Any]
) -> None:
    archive.message(verdict=archive.verdict(errors=("coach/one-to-one",)))
    archive.message(verdict=None)
    archive.message()
    answers: list[Any] = [
        RuntimeError("still broken"),
        archive.verdict(archive.finding("f2"), errors=("coach/one-to-one",)),
        archive.verdict(archive.finding("f1")),
        archive.verdict(archive.finding("f2")),
    ]
    asked: list[tuple[str, int]] = []

    def judge(envelopes: Any, raw: bytes, _thread: frozenset[str] = frozenset()) -> Any:
        (envelope,) = envelopes
        asked.append((envelope.id, len(raw)))
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    now = archive.entries[-1].received
    follower = Follower(archive, tmp_path / "catalog", observer=watcher, judge=judge, clock=lambda: now)
    assert follower.judge_again() == 0  # nothing is open yet
    drain(follower)
    waiting = dump(tmp_path / "catalog")["pending_judgement"]
    assert [(row[0], row[2]) for row in waiting] == [(1, ["coach/one-to-one"]), (2, ["engine"])]

    assert follower.judge_again() == 0  # one fails, one fails in part
    assert watcher.failures == ["judge"]
    assert [row[0] for row in dump(tmp_path / "catalog")["findings"]] == ["f2"]
    assert follower.judge_again() == 0  # not yet due again
    now += timedelta(minutes=1)
    assert follower.judge_again() == 2
    found = dump(tmp_path / "catalog")
    assert found["pending_judgement"] == []
    assert [row[0] for row in found["findings"]] == ["f1", "f2"]
    assert len(asked) == 4
    assert asked[0] == (archive.entries[0].id, archive.entries[0].size)
    follower.close()


def test_without_a_judge_they_wait(follower: Follower, archive: Any, dump: Dump, tmp_path: Path) -> None:
    archive.message(verdict=archive.verdict(errors=("coach/one-to-one",)))
    drain(follower)
    assert follower.judge_again() == 0
    assert len(dump(tmp_path / "catalog")["pending_judgement"]) == 1


def test_waiting_grows_to_a_day(archive: Any, dump: Dump, tmp_path: Path, logged: list[Any]) -> None:
    archive.message(verdict=None)
    now = archive.entries[-1].received

    def judge(_envelopes: Any, _raw: bytes, _thread: frozenset[str] = frozenset()) -> Any:
        raise RuntimeError

    follower = Follower(archive, tmp_path / "catalog", judge=judge, clock=lambda: now)
    drain(follower)
    waits = []
    for _ in range(13):
        follower.judge_again()
        due = dump(tmp_path / "catalog")["pending_judgement"][0][4]
        waits.append((due - now).total_seconds() / 60)
        now = due
    follower.close()
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1440, 1440]
