"""Checkpoints: copying the write-ahead log into the volume, in the background, so that it never grows for long.

Each process has one such thread; a lock lets one of them work at a time. Most of the work happens while others
write. Under constant load the log never ends, so when little is left, the rest is copied under the append lock:
the next commit then begins the log anew. Closed volumes get their whole log copied, and become one file.

Promises: the append lock is held for the copy of at most `_REST` octets, unless the log has grown `_HARD`
times beyond its limit (the disk copies more slowly than mail comes in, and mail has to wait for it). Nothing here
can lose an entry: SQLite syncs the log before it copies and the volume before the log begins anew.

Fails quietly: a checkpoint that could not be made is logged and tried again; entries stay safe in the log.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path

import apsw
import structlog

from gateway.archive import volume as volumes
from gateway.archive.errors import ArchiveUnavailable
from gateway.archive.lock import APPEND, CHECKPOINT, AppendLock, FolderLock, is_doubted
from gateway.archive.volume import PAGE_SIZE, Volume

# A long log makes checkpoints rarer and cheaper, a short one makes the sync at their end briefer, for which commits
# wait (measured at 10,000 messages a second: 20 ms with 64 MiB).
LOG_LIMIT = 32 * 2**20  # octets
_REST = 2 * 2**20  # octets
_HARD = 8
_ROUNDS = 4  # copies beside the writers, each of what came in during the one before
_IDLE = 2.0  # seconds without an entry after which everything is copied
_READERS_MS = 100  # how long writers may be kept waiting for readers to leave the log

_log = structlog.get_logger(__name__)


class Checkpointer:
    """The background thread of one process."""

    def __init__(self, folder: Path, log_limit: int = LOG_LIMIT) -> None:
        """log_limit: octets of log beyond which it is copied while entries come in."""
        self._folder = folder
        self._limit = log_limit
        self._append = AppendLock(folder / APPEND)
        self._mine = FolderLock(folder / CHECKPOINT)
        self._changed = threading.Condition()
        self._volume: Volume | None = None
        self._pages = 0
        self._next = self._limit_pages
        self._dirty = False
        self._urgent = False
        self._closing = False
        self._connection: apsw.Connection | None = None
        self._opened: Volume | None = None
        self._thread = threading.Thread(target=self._run, name="archive-checkpoint", daemon=True)

    @property
    def _limit_pages(self) -> int:
        return self._limit // PAGE_SIZE

    def start(self) -> None:
        self._thread.start()

    def committed(self, volume: Volume, pages: int) -> None:
        """Entries were appended; the volume's log has so many pages now. Brief; any thread."""
        urgent = pages >= self._next or volume != self._volume
        if self._dirty and not urgent:
            self._pages = pages
            return
        with self._changed:
            self._volume, self._pages, self._dirty = volume, pages, True
            self._urgent = self._urgent or urgent
            self._changed.notify()

    def close(self) -> None:
        """End the thread, after the checkpoint that it may be at."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while (volume := self._wait()) is not None:
            try:
                self._checkpoint(volume)
                self._again_at(max(self._limit_pages, self._append.log_pages + self._limit_pages // 4))
            except Exception as error:
                self._again_at(self._pages + self._limit_pages // 4)
                self._disconnect()
                _log.warning(
                    "checkpoint failed", volume=volume.month, error=f"{type(error).__name__}: {error}"
                )
        self._disconnect()
        self._append.close()
        self._mine.close()

    def _wait(self) -> Volume | None:
        """The volume to checkpoint, when it is time; None to end."""
        with self._changed:
            while not self._closing:
                if self._urgent:
                    break
                if self._dirty:
                    seen = self._pages
                    self._changed.wait(_IDLE)
                    if not self._urgent and seen == self._pages:
                        break
                    continue
                self._changed.wait()
            if self._closing:
                return None
            self._dirty = self._urgent = False
            self._next = sys.maxsize  # not again before this one ends
            return self._volume

    def _again_at(self, pages: int) -> None:
        """Work again when the log has so many pages."""
        with self._changed:
            self._next = pages

    def _checkpoint(self, volume: Volume) -> None:
        """Copy the log of the newest volume, and whatever older volumes still have in theirs."""
        self._append.open()
        with self._mine.held_if_free() as free:
            if not free or is_doubted(self._folder / APPEND):
                return
            if volume != self._opened:
                self._disconnect()
                self._tidy(volume)
                self._connection = volumes.open_for_append(volume)
                self._opened = volume
            assert self._connection is not None
            pages, left = self._copy_beside_writers(self._connection)
        if pages >= self._limit_pages and (left * PAGE_SIZE <= _REST or pages >= _HARD * self._limit_pages):
            self._finish(self._connection)

    def _copy_beside_writers(self, connection: apsw.Connection) -> tuple[int, int]:
        """Pages in the log, and about how many of them are not copied yet."""
        for _ in range(_ROUNDS):
            begun = self._append.log_pages
            pages, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            left = self._append.log_pages - begun + pages - copied
            if left * PAGE_SIZE <= _REST:
                break
        if left == 0:
            self._append.log_pages = 0  # the next commit begins the log anew, if no reader is in its way
        return pages, left

    def _finish(self, connection: apsw.Connection) -> None:
        """Copy the rest while nobody appends, so that the next commit begins the log anew."""
        with self._append.held(), self._mine.held_if_free() as free:
            if free:
                connection.set_busy_timeout(_READERS_MS)
                with contextlib.suppress(apsw.BusyError):  # a reader: all is copied, but the log goes on
                    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
                    self._append.log_pages = 0

    def _tidy(self, newest: Volume) -> None:
        """Make one file of each older volume, as far as nobody else has it open."""
        for volume in volumes.list_volumes(self._folder):
            if volume < newest and volume.log.exists():
                try:
                    seal(volume)
                except (apsw.Error, OSError, ArchiveUnavailable) as error:
                    _log.warning(
                        "volume not closed", volume=volume.month, error=f"{type(error).__name__}: {error}"
                    )

    def _disconnect(self) -> None:
        connection, self._connection, self._opened = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(apsw.Error):
                connection.close()


def seal(volume: Volume, patience: int = _READERS_MS) -> None:
    """Make one file of a volume that nobody writes to any more; while holding the checkpoint lock.

    patience: milliseconds to wait for readers to leave the log. Raises apsw.Error, OSError and ArchiveUnavailable.
    """
    connection = volumes.open_for_append(volume)
    try:
        connection.set_busy_timeout(patience)
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
    finally:
        connection.close()
