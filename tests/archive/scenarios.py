"""Faults that would hurt the process they happen in; each is one function: `scenarios.py NAME EMPTY-FOLDER`.

Ends with 77, and the reason on standard output, where the machine does not permit the scenario.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from gateway.archive import Archive, ArchiveUnavailable, Reader, Reason, uuid7, verify
from gateway.archive.entry import to_microseconds
from gateway.archive.rewriting import rewrite

NOBODY = 65534


class Observer:
    def committed(self, entries: int, seconds: float) -> None: ...

    def failed(self, reason: str) -> None: ...


def open_archive(folder: Path) -> Archive:
    return Archive(folder, compression_level=0, min_free=0, observer=Observer())


async def append(archive: Archive, raw: bytes) -> int:
    id = uuid7(time.time_ns() // 1000, os.urandom(8))
    return await archive.append(id=id, received=datetime.now(UTC), document=b"{}", raw=raw)


async def refused(archive: Archive, raw: bytes) -> Reason:
    try:
        await append(archive, raw)
    except ArchiveUnavailable as error:
        return error.reason
    raise AssertionError("was not refused")


@contextmanager
def temporary() -> Iterator[Path]:
    """A folder that an ordinary user owns; that user is who goes on."""
    folder = Path(tempfile.mkdtemp(prefix="archive-"))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        shutil.rmtree(folder)


async def write_fails() -> None:
    """The log cannot grow in the middle of a batch."""
    with temporary() as folder:
        archive = open_archive(folder)
        kept = [await append(archive, os.urandom(3000)) for _ in range(5)]
        log = next(folder.glob("*-wal"))
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 30_000, hard))
        for size in (100_000, 1_000_000):
            assert await refused(archive, os.urandom(size)) == Reason.IO
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        kept.append(await append(archive, os.urandom(100_000)))
        await archive.aclose()
        assert kept == [1, 2, 3, 4, 5, 6]
        assert list(verify(folder, pages=True)) == []


async def not_writable() -> None:
    """The volume is read-only for whoever starts next."""
    with temporary() as folder:
        with closing(open_archive(folder)) as archive:
            assert await append(archive, b"x") == 1
            volume = next(folder.glob("*.sqlite"))
        volume.chmod(0o440)
        with closing(open_archive(folder)) as archive:
            assert await refused(archive, b"y") == Reason.IO
            volume.chmod(0o640)
            assert await append(archive, b"y") == 2
        assert list(verify(folder, pages=True)) == []


async def read_only_folder() -> None:
    """Volumes copied to where nobody can write are read, and nothing is left beside them."""
    with temporary() as folder:
        with closing(open_archive(folder / "archive")) as archive:
            assert await append(archive, b"x") == 1
        volume = next((folder / "archive").glob("*.sqlite"))
        copy = folder / "copy"
        copy.mkdir()
        (copy / volume.name).write_bytes(volume.read_bytes())
        (copy / volume.name).chmod(0o440)
        copy.chmod(0o550)
        with closing(Reader(copy)) as reader:
            assert reader.last_seq() == 1
            assert reader.raw(1) == b"x"
            assert [entry.seq for entry in reader.follow(0, 5)] == [1]
        assert list(verify(copy, pages=True)) == []
        assert [path.name for path in copy.iterdir()] == [volume.name]
        copy.chmod(0o750)


def small_disk(disk: Path) -> None:
    """A disk of four megabytes that only this process sees; ends the process where it may not mount one."""
    libc = ctypes.CDLL(None, use_errno=True)
    clone_newns, ms_rec_private = 0x00020000, 0x4000 | 0x40000
    if (
        libc.unshare(clone_newns) != 0
        or libc.mount(None, b"/", None, ms_rec_private, None) != 0
        or libc.mount(b"tmpfs", str(disk).encode(), b"tmpfs", 0, b"size=4m") != 0
    ):
        print("not permitted to mount a small disk:", os.strerror(ctypes.get_errno()))
        sys.exit(77)


async def disk_full() -> None:
    """A small disk fills up; when there is room again, the archive goes on."""
    disk = Path(sys.argv[2])
    small_disk(disk)
    folder = disk / "archive"
    archive = open_archive(folder)
    ballast = disk / "ballast"
    kept = [await append(archive, os.urandom(10_000))]
    ballast.write_bytes(b"x" * 1_000_000)
    reasons = set()
    for _ in range(2000):
        try:
            kept.append(await append(archive, os.urandom(50_000)))
        except ArchiveUnavailable as error:
            reasons.add(error.reason)
            break
    assert reasons == {Reason.FULL}, reasons
    assert await refused(archive, os.urandom(500_000)) == Reason.FULL
    ballast.unlink()
    kept.append(await append(archive, os.urandom(10_000)))
    assert kept == list(range(1, len(kept) + 1))
    assert list(verify(folder, pages=True)) == []
    await archive.aclose()


async def rewriting_disk_full() -> None:
    """A disk fills up while a volume is rewritten: the old volume stays, and mail goes on when there is room again."""
    disk = Path(sys.argv[2])
    small_disk(disk)
    folder = disk / "archive"
    moment = [datetime(2026, 10, 5, tzinfo=UTC)]
    archive = Archive(
        folder, compression_level=0, min_free=0, observer=Observer(), clock=lambda: to_microseconds(moment[0])
    )
    raws = [os.urandom(50_000) for _ in range(20)]
    for raw in raws:
        await append(archive, raw)
    moment[0] = datetime(2026, 11, 1, tzinfo=UTC)
    await append(archive, b"november")
    await archive.aclose()
    before = (folder / "2026-10.sqlite").read_bytes()
    ballast = disk / "ballast"

    def fill(_seq: int) -> bool:
        free = os.statvfs(disk)
        ballast.write_bytes(b"x" * (free.f_bavail * free.f_frsize - 200_000))
        return False

    batch = UUID(int=1, version=4)
    try:
        rewrite(folder, "2026-10", dispose={3: batch}, is_held=fill)
        raise AssertionError("there was room")
    except ArchiveUnavailable as error:
        assert error.reason is Reason.FULL, error
    assert (folder / "2026-10.sqlite").read_bytes() == before
    assert not list(folder.glob(".*"))
    ballast.unlink()
    assert rewrite(folder, "2026-10", dispose={3: batch}, is_held=lambda _seq: False).disposed == (3,)
    assert list(verify(folder, pages=True)) == []
    with closing(Reader(folder)) as reader:
        assert [reader.raw(seq) for seq in (1, 2, 4)] == [raws[0], raws[1], raws[3]]


if __name__ == "__main__":
    asyncio.run(globals()[sys.argv[1]]())
