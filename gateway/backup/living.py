"""Copying a volume that is being written to: its file, then its write-ahead log, then both made one.

Why the copy is whole, from SQLite's documentation (https://sqlite.org/wal.html, fileformat2.html §4) and wal.c. The
volume is held by a read transaction (`holding.py`) that begins at some mark M in the log, before any octet is read.

- If the log held something that was not yet in the volume: until the transaction ends, nobody copies frames behind
  M into the volume, and nobody begins the log anew. So a page of the volume changes while it is copied only if a
  frame up to M has it. The log that is copied afterwards has all frames up to M, and perhaps whole transactions
  behind it. Whoever reads the copy takes every page that is in the log from there: what the volume's copy has in its
  place, be it half of the old and half of the new, is never looked at. Every other page did not change.
- If all of the log was in the volume already: then the transaction keeps anybody from writing to the volume at all,
  and the log may be begun anew, once: the new one cannot be copied into the volume, and so not be ended. A log that
  was begun anew has another header. It is read before and after; where it differs, the log is copied again. So the
  copy has frames of one log only, the old one whole or the new one from its beginning; both belong to this volume.
- What is cut off at the log's end, or was being written, fails the checksum that each frame carries over all before
  it, and is passed over as after a power cut. It is behind M, so nothing is missed that was there when this began.

Then SQLite makes one file of the copy and its log, through the archive's own VFS, by which every page gets its
checksum (SQLite's `.backup` would break the one of the first page). Every page of the result is checked, and the
numbers of its entries compared with those at M.

Fails with BackupFailed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import time_ns

import apsw

from gateway.archive import ArchiveDamaged, ArchiveUnavailable
from gateway.archive import volume as volumes
from gateway.archive.opened import OpenVolume
from gateway.archive.verify import Problem, bounds_of, page_problems
from gateway.archive.volume import Volume
from gateway.backup.copying import Copied, Tell, blocks, cannot_write, owner_of, read_back, writing
from gateway.backup.errors import BackupFailed
from gateway.backup.holding import Held, held
from gateway.backup.manifest import Original, facts_if_any, facts_of

_HEADER = 32  # octets of a log; salts and checksums in it
_TRIES = 5  # copies of a log that is begun anew meanwhile; by the above the second is the last


@dataclass(frozen=True, slots=True)
class Living:
    """A copy of a volume, and the numbers of its entries."""

    copied: Copied
    first: int
    last: int
    problems: Sequence[Problem]


def copy_living(archive: Path, volume: Volume, draft: Path, tell: Tell) -> Living:
    """Copy a volume and its log as one file to `draft`, while others may write to it."""
    try:
        with held(archive, volume) as holding:
            seen = time_ns()
            original = Original(str(volume.path), seen, facts_of(volume.path), facts_if_any(volume.log))
            file = volume.path.stat()
            _copy(volume.path, draft, holding, tell)
            _copy_log(volume.log, _log_of(draft), holding, tell)
        copy = Volume(volume.month, draft)
        _fold(copy)
        first, last = bounds(copy)
        if last < holding.last:
            raise BackupFailed(
                f"{volume.path}: the copy ends with entry {last}, and not with {holding.last}; this is an error of "
                "the program: please report it"
            )
        problems = list(page_problems(copy, closed=True))
        size, sha256 = read_back(draft)
    finally:
        for left in ("-wal", "-shm"):
            draft.with_name(draft.name + left).unlink(missing_ok=True)
    return Living(Copied(size, sha256, file.st_mode & 0o777, owner_of(file), original), first, last, problems)


def bounds(copy: Volume) -> tuple[int, int]:
    """The numbers of the first and last entry of a volume that nobody writes to. Raises BackupFailed."""
    try:
        opened = OpenVolume(copy, closed=True)
        try:
            found = bounds_of(opened)
        finally:
            opened.connection.close()
    except (apsw.Error, ArchiveUnavailable, ArchiveDamaged) as error:
        raise BackupFailed(f"{copy.month}: the volume cannot be read: {error}; see `mailgw verify`") from None
    return found.first, found.last


def _copy(source: Path, draft: Path, holding: Held, tell: Tell) -> None:
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with writing(draft) as write:
            for block in blocks(descriptor):
                holding.check()
                write(block)
                tell(source.name, len(block))
    finally:
        os.close(descriptor)


def _copy_log(log: Path, draft: Path, holding: Held, tell: Tell) -> None:
    for _ in range(_TRIES):
        try:
            if _copied_log(log, draft, holding, tell):
                return
        except FileNotFoundError:  # no log: all is in the volume
            draft.unlink(missing_ok=True)
            return
    raise BackupFailed(
        f"{log}: is begun anew all the time; this is an error of the program: please report it"
    )


def _copied_log(log: Path, draft: Path, holding: Held, tell: Tell) -> bool:
    """Whether it was the same log at the end as at the beginning. Raises FileNotFoundError."""
    descriptor = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
    try:
        before = os.pread(descriptor, _HEADER, 0)
        with writing(draft) as write:
            for block in blocks(descriptor, os.fstat(descriptor).st_size):
                holding.check()
                write(block)
                tell(log.name, len(block))
        same_file = log.stat().st_ino == os.fstat(descriptor).st_ino
        return same_file and os.pread(descriptor, _HEADER, 0) == before
    finally:
        os.close(descriptor)


def _fold(copy: Volume) -> None:
    """Make one file, durably, of a copied volume and its log."""
    try:
        connection = volumes.open_for_append(copy)
        try:
            frames, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        finally:
            connection.close()
        if frames != copied:
            raise BackupFailed(f"{copy.path.parent}: the log of {copy.month} could not be put into the copy")
        volumes.sync_path(copy.path)
    except OSError as error:
        raise cannot_write(copy.path, error) from error
    except (apsw.Error, ArchiveUnavailable) as error:
        raise BackupFailed(
            f"{copy.path.parent}: the copy of {copy.month} could not be made one file: {error}"
        ) from None


def _log_of(draft: Path) -> Path:
    return draft.with_name(f"{draft.name}-wal")
