"""Holding a volume that is being written to, so that its files can be copied as they are.

A child process does it, for whoever copies the files must not have them open by SQLite: closing a descriptor drops
all POSIX locks that the process has on a file (`gateway/archive/volume.py`). The child holds two things:

- The archive's checkpoint lock, by which no process of the gateway copies the write-ahead log into the volume, or
  waits for us while it tries: those who find it taken leave it for later. Writers only add to the log meanwhile.
- A read transaction of SQLite. It does not keep anybody from writing; but as long as it lasts, no frame of the log
  behind its own mark is copied into the volume, and the log before that mark is not begun anew, by *whomever*: a
  process that ends, a month that is over, or somebody's `sqlite3`. `living.py` tells why the copy is whole then.

One thing waits for the checkpoint lock while it keeps mail waiting: making the log durable again after a failed fsync.
So whoever copies asks `check` often; where there is a doubt, the backup is given up.

As root the child becomes the user whom the archive belongs to, and leaves nothing behind that the service could not
write to. It ends when its parent does.

Fails with BackupFailed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import apsw

from gateway.archive import ArchiveUnavailable
from gateway.archive import volume as volumes
from gateway.archive.lock import APPEND, CHECKPOINT, FolderLock, is_doubted
from gateway.archive.volume import Volume
from gateway.backup.errors import BackupFailed

_BOUNDS = "SELECT first_seq, coalesce((SELECT max(seq) FROM entry), first_seq - 1) FROM volume"  # takes the snapshot
_DOUBT = (
    "the archive had a write error and its newest entries are not known to be on the disk; mail comes first: "
    "look after the disk, then back up again"
)


@dataclass(frozen=True, slots=True)
class Held:
    """A volume that is held. `first` and `last`: the numbers of the entries that are surely in the copy."""

    first: int
    last: int
    _archive: Path
    _child: BaseProcess

    def check(self) -> None:
        """Raises BackupFailed where it is held no more, or must not be."""
        if is_doubted(self._archive / APPEND):
            raise BackupFailed(f"{self._archive}: {_DOUBT}")
        if not self._child.is_alive():
            raise BackupFailed(f"{self._archive}: the process that held the newest volume was ended")


@contextmanager
def held(archive: Path, volume: Volume) -> Iterator[Held]:
    """Hold a volume while its files are copied."""
    spawning = get_context("spawn")
    ours, theirs = spawning.Pipe()
    child = spawning.Process(target=_hold, args=(archive, volume, theirs), daemon=True)
    with ours:
        with theirs:
            child.start()
        try:
            yield _begun(archive, child, ours)
            if not child.is_alive():
                raise BackupFailed(f"{archive}: the process that held the newest volume was ended")
        finally:
            ours.close()  # by which the child ends
            child.join()


def _begun(archive: Path, child: BaseProcess, pipe: Connection) -> Held:
    try:
        told = pipe.recv()
    except EOFError:
        told = "its process ended before it began"
    if isinstance(told, str):
        raise BackupFailed(f"{archive}: the newest volume cannot be held: {told}")
    first, last = told
    return Held(first, last, archive, child)


def _hold(archive: Path, volume: Volume, pipe: Connection) -> None:
    """What the child does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal; the parent ends it
    try:
        _become_owner(archive)
        lock = FolderLock(archive / CHECKPOINT)
        with (
            closing(lock),
            lock.held(),
            closing(volumes.open_for_reading(volume, closed=False)) as connection,
        ):
            connection.execute("BEGIN")
            pipe.send(next(iter(connection.execute(_BOUNDS))))
            _until_closed(pipe)
    except (OSError, apsw.Error, ArchiveUnavailable, StopIteration) as error:
        pipe.send(f"{type(error).__name__}: {error}")


def _until_closed(pipe: Connection) -> None:
    try:
        pipe.recv()
    except EOFError:
        return


def _become_owner(folder: Path) -> None:
    """As root, become whoever owns the archive, for good. Raises OSError."""
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.setgroups([owner.st_gid])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)
