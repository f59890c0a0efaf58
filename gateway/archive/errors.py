"""What goes wrong with the archive, in two kinds: it cannot take an entry now, or a stored one is damaged."""

from __future__ import annotations

import errno
from enum import StrEnum
from uuid import UUID

import apsw


class Reason(StrEnum):
    """Why an entry was not taken; a metrics label."""

    FULL = "full"  # disk full, or less than the free space to be kept
    IO = "io"  # a file is missing, read-only, damaged or locked, or the disk failed
    CLOSED = "closed"  # this process is closing its archive


class ArchiveUnavailable(Exception):
    """Nothing was promised: the entry may or may not be found later, and the sender must send again.

    `reason` is for metrics and the SMTP reply (a temporary one); the text is for the log and holds no content.
    """

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class ArchiveDamaged(Exception):
    """A stored entry is not what was stored; names the volume and the entry's sequence number."""

    def __init__(self, volume: str, seq: int, text: str) -> None:
        super().__init__(f"{volume}: entry {seq}: {text}")
        self.volume = volume
        self.seq = seq
        self.text = text


class Disposed(ArchiveDamaged):
    """An entry was lawfully destroyed, by the disposal `batch`; its octets cannot be had, for good.

    Whoever can do nothing about it takes it for an entry that cannot be read; its text says what happened.
    """

    def __init__(self, volume: str, seq: int, batch: UUID) -> None:
        super().__init__(volume, seq, f"was lawfully disposed of, by batch {batch}")
        self.batch = batch


class NotRewritable(Exception):
    """A volume cannot be rewritten, or not now; one line that says why."""


class RewriteRunning(NotRewritable):
    """Another process rewrites a volume of this archive."""


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def unavailable(error: BaseException) -> ArchiveUnavailable:
    """The error that callers of `append` get for any error while writing."""
    if isinstance(error, ArchiveUnavailable):
        return error
    full = isinstance(error, apsw.FullError) or (isinstance(error, OSError) and error.errno in _FULL)
    text = f"{type(error).__name__}: {error}"
    return ArchiveUnavailable(Reason.FULL if full else Reason.IO, text)
