"""The lock that makes appends of several processes one after the other, and what they tell each other.

`flock` waits in the kernel, in turn, where SQLite would poll. The file of the append lock is also mapped into
the memory of all processes of the machine, which read a few numbers there. They are hints: all start at zero, and none
needs to survive a restart of the machine (a wrong one is noticed, or costs a little time).

A lock object belongs to one thread at a time; two of one process exclude each other like those of two.
Fails with OSError when the file cannot be opened or written, or has no room on the disk.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

APPEND = "append.lock"
CHECKPOINT = "checkpoint.lock"

# Seconds between looks whether a file is still in its place.
LOOK = 0.25

_NUMBER = struct.Struct("<Q")
_GENERATION, _DOUBT, _NEXT_SEQ, _LOG_PAGES = (at * _NUMBER.size for at in range(4))
_SIZE = 4 * _NUMBER.size


class FolderLock:
    """One open lock file of an archive folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._look_at = 0.0  # monotonic seconds

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock; waits for it without a limit (holders are brief)."""
        self._lock(fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    @contextlib.contextmanager
    def held_if_free(self) -> Iterator[bool]:
        """Hold the lock if nobody else does; says whether."""
        try:
            self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd, self._look_at = -1, 0.0

    def open(self) -> None:
        """Open the file, without locking it; creates it. Raises OSError."""
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _lock(self, operation: int) -> None:
        """Lock the file that is at the path: one that was deleted and made anew is another lock.

        Whether it was is looked at now and then: nobody deletes it by right, and each look costs system calls.
        """
        while True:
            self.open()
            fcntl.flock(self._fd, operation)
            now = time.monotonic()
            if now < self._look_at:
                return
            try:
                here = self._path.stat()
            except FileNotFoundError:
                here = None
            mine = os.fstat(self._fd)
            if here is not None and (here.st_ino, here.st_dev) == (mine.st_ino, mine.st_dev):
                self._look_at = now + LOOK
                return
            self.close()


class AppendLock(FolderLock):
    """The append lock with its shared numbers; read and write these while holding the lock."""

    _map: mmap.mmap | None = None

    @property
    def generation(self) -> int:
        """Changes when a volume was created, so that nobody needs to list the folder for each batch."""
        return self._get(_GENERATION)

    @generation.setter
    def generation(self, value: int) -> None:
        self._put(_GENERATION, value)

    @property
    def doubt(self) -> bool:
        """Whether an fsync failed somewhere, and nobody has made the log durable since."""
        return self._get(_DOUBT) != 0

    def settled(self) -> None:
        """The log is durable again."""
        self._put(_DOUBT, 0)

    @property
    def next_seq(self) -> int:
        """The number of the next entry, if it is right: the volume itself refuses a wrong one. 0: unknown."""
        return self._get(_NEXT_SEQ)

    @next_seq.setter
    def next_seq(self, value: int) -> None:
        self._hint(_NEXT_SEQ, value)

    @property
    def log_pages(self) -> int:
        """About how many pages have been written to the log since it was begun anew."""
        return self._get(_LOG_PAGES)

    @log_pages.setter
    def log_pages(self, value: int) -> None:
        self._hint(_LOG_PAGES, value)

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None
        super().close()

    def open(self) -> None:
        super().open()
        if self._map is None:
            os.posix_fallocate(self._fd, 0, _SIZE)  # keeps what is there
            self._map = mmap.mmap(self._fd, _SIZE)

    def _get(self, at: int) -> int:
        assert self._map is not None
        return int(_NUMBER.unpack_from(self._map, at)[0])

    def _put(self, at: int, value: int) -> None:
        # Not through the map: where the file cannot be written, that is no OSError but SIGBUS, the process's end.
        os.pwrite(self._fd, _NUMBER.pack(value), at)

    def _hint(self, at: int, value: int) -> None:
        """Put what may stay wrong: entries that are in the volume are not refused for it."""
        with contextlib.suppress(OSError):
            self._put(at, value)


def raise_doubt(path: Path) -> None:
    """Tell everybody that the log may not be durable. Any thread, without the lock. Raises OSError."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        os.pwrite(fd, _NUMBER.pack(1), _DOUBT)
    finally:
        os.close(fd)


def is_doubted(path: Path) -> bool:
    """Whether the log may not be durable, for those who do not append; False where there is no lock file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return any(os.pread(fd, _NUMBER.size, _DOUBT))
    finally:
        os.close(fd)
