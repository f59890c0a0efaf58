"""A failing disk: nothing is promised, nothing promised is lost, and it goes on when the disk does."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.archive import ArchiveUnavailable, Kind, Reason, verify
from gateway.archive.lock import AppendLock

if TYPE_CHECKING:
    from conftest import Bench


@pytest.mark.parametrize(
    ("error", "reason"), [(errno.EIO, Reason.IO), (errno.ENOSPC, Reason.FULL), (errno.EDQUOT, Reason.FULL)]
)
async def test_a_failed_fsync_promises_nothing(bench: Bench, error: int, reason: Reason) -> None:
    archive = bench.archive()
    assert await bench.append(archive, b"one") == 1
    bench.disk.failures, bench.disk.error = 1, error
    results = await asyncio.gather(
        *(bench.append(archive, b"not promised") for _ in range(5)), return_exceptions=True
    )
    failures = [result for result in results if isinstance(result, ArchiveUnavailable)]
    assert failures
    assert {failure.reason for failure in failures} == {reason}
    last = await bench.append(archive, b"two")
    reader = bench.reader()
    assert reader.raw(last) == b"two"
    assert reader.last_seq() == last
    assert list(verify(bench.folder, pages=True)) == []
    assert bench.counts.failures == [reason.value]


async def test_while_the_log_is_in_doubt_nobody_builds_upon_it(bench: Bench) -> None:
    archive, reader = bench.archive(), bench.reader()
    await bench.append(archive, b"one")
    assert reader.last_seq() == 1
    bench.disk.failures, bench.disk.error = 1, errno.EIO
    with pytest.raises(ArchiveUnavailable):
        await bench.append(archive, b"two")
    with pytest.raises(ArchiveUnavailable, match="durable"):
        reader.last_seq()
    assert [entry.seq for entry in reader.follow(0, 1)] == [1]
    # Another process appends next: it makes the log durable first. Its sync fails once more, so it does not append.
    other = bench.archive()
    bench.disk.failures = 1
    with pytest.raises(ArchiveUnavailable):
        await bench.append(other, b"three")
    with pytest.raises(ArchiveUnavailable, match="durable"):
        reader.last_seq()
    assert await bench.append(other, b"three") == 3
    assert reader.last_seq() == 3


async def test_too_little_space_is_left_alone(bench: Bench) -> None:
    archive = bench.archive(min_free=2**62)
    with pytest.raises(ArchiveUnavailable) as caught:
        await bench.append(archive, b"x")
    assert caught.value.reason == Reason.FULL
    with pytest.raises(ArchiveUnavailable):
        await archive.ready()
    assert bench.counts.failures == ["full", "full"]
    assert not bench.folder.exists()


async def test_events_wait_for_space(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, id = bench.archive(min_free=1), bench.id()
    full = os.statvfs_result((4096, 4096, 10, 0, 0, 0, 0, 0, 0, 255))
    with monkeypatch.context() as patched:
        patched.setattr(os, "statvfs", lambda path: full)
        archive.note(id, bench.clock.now, b'{"event": "relayed"}')
        with pytest.raises(ArchiveUnavailable):
            await bench.append(archive, b"x")
    await bench.append(archive, b"y")
    await archive.aclose()
    assert sorted(entry.kind for entry in bench.reader().follow(0, 9)) == [Kind.EVENT, Kind.MESSAGE]


async def test_a_folder_that_cannot_be(bench: Bench) -> None:
    bench.folder.write_bytes(b"a file")
    archive = bench.archive()
    with pytest.raises(ArchiveUnavailable) as caught:
        await bench.append(archive, b"x")
    assert caught.value.reason == Reason.IO
    bench.folder.unlink()
    assert await bench.append(archive, b"x") == 1


async def test_a_month_does_not_begin_before_the_last_one_is_durable(bench: Bench) -> None:
    archive = bench.archive()
    await bench.append(archive, b"november")
    bench.clock.now = bench.clock.now.replace(month=12)
    bench.disk.failures, bench.disk.error = 1, errno.EIO
    with pytest.raises(ArchiveUnavailable):
        await bench.append(archive, b"december")
    assert not (bench.folder / "2026-12.sqlite").exists()
    with pytest.raises(ArchiveUnavailable, match="durable"):
        bench.reader().last_seq()
    assert await bench.append(archive, b"december") == 2
    assert [entry.volume for entry in bench.reader().follow(1, 1)] == ["2026-12"]


async def test_the_folder_is_made_with_its_parents(bench: Bench) -> None:
    bench.folder = bench.folder / "deep" / "down"
    assert await bench.append(bench.archive(), b"x") == 1


async def failed_append(bench: Bench, archive: Any, kept: list[int]) -> ArchiveUnavailable:
    """Append until that fails, which it does when the archive looks again whether its files are there."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            kept.append(await bench.append(archive, b"x"))
        except ArchiveUnavailable as error:
            return error
    raise AssertionError("the missing file was not noticed")


@pytest.mark.parametrize("names", [["2026-11.sqlite"], ["2026-11.sqlite", "2026-11.sqlite-wal"]])
async def test_a_volume_that_is_moved_away(bench: Bench, names: list[str]) -> None:
    archive, kept = bench.archive(), [0]
    await bench.append(archive, b"x")
    for name in names:
        (bench.folder / name).rename(bench.folder / f"{name}.away")
    error = await failed_append(bench, archive, kept)
    assert error.reason == Reason.IO
    assert "disappeared" in str(error)
    # It does not begin the sequence anew beside what is lost.
    with pytest.raises(ArchiveUnavailable, match="disappeared"):
        await bench.append(archive, b"x")
    for name in names:
        (bench.folder / f"{name}.away").rename(bench.folder / name)
    last = await bench.append(archive, b"back")
    assert last > kept[-1]
    await archive.aclose()
    assert list(verify(bench.folder)) == []
    assert bench.reader().last_seq() == last


async def test_the_lock_file_may_vanish(bench: Bench) -> None:
    one, other = bench.archive(), bench.archive()
    for expected in range(1, 9):
        assert await bench.append((one, other)[expected % 2], b"x") == expected
        if expected == 4:
            (bench.folder / "append.lock").unlink()
    assert list(verify(bench.folder)) == []


SCENARIOS = ["write_fails", "not_writable", "read_only_folder", "disk_full", "rewriting_disk_full"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_in_a_process_of_its_own(tmp_path: Path, script: Callable[[str], list[str]], name: str) -> None:
    """What needs limits, another user or a disk of its own; see scenarios.py."""
    command = [*script("scenarios.py"), name, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stderr


def test_a_lock_file_that_cannot_be_written_is_an_error_and_no_death(
    tmp_path: Path, needs: Callable[[str], Path]
) -> None:
    """Through shared memory it would be SIGBUS, the end of this very process."""
    chattr = needs("chattr")
    lock = AppendLock(tmp_path / "append.lock")
    lock.open()
    done = subprocess.run(
        [chattr, "+i", tmp_path / "append.lock"], capture_output=True, check=False, text=True
    )
    if done.returncode:
        pytest.skip(f"chattr +i does not work here: {done.stderr.strip()}")
    try:
        with pytest.raises(PermissionError):
            lock.generation = 5
        lock.next_seq = lock.log_pages = 7  # hints
        assert (lock.generation, lock.next_seq, lock.log_pages) == (0, 0, 0)
    finally:
        subprocess.run([chattr, "-i", tmp_path / "append.lock"], check=True)
    lock.generation, lock.next_seq = 5, 7
    assert (lock.generation, lock.next_seq) == (5, 7)
    lock.close()
