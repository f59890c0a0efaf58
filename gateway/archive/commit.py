"""Writing batches of entries to the newest volume, by several processes at once; and why they are durable.

One `VolumeWriter` a process writes, one batch at a time: it takes the append lock, chooses the volume,
inserts and commits, releases the lock, and leaves the fsync to the caller, outside the lock, through a
`LogHandle`. Only then may a batch be acknowledged. The reasoning, from SQLite's wal.c and its documentation
(https://sqlite.org/wal.html, fileformat2.html §4):

- A commit appends frames to the -wal file. Each frame carries the salts of the log's header and a checksum
  over itself and *all frames before it*; the last frame of a transaction is marked. Recovery reads frames from
  the start and stops at the first whose salt or checksum does not fit, then goes back to the last mark. What
  survives is therefore a prefix of whole transactions, whatever order the disk wrote the pages in.
- With synchronous=NORMAL a commit syncs nothing, so no fsync happens under the append lock and those of
  several processes overlap. fdatasync of the -wal file by anybody makes every page durable that anybody wrote
  to it before, hence this commit *and all it builds upon*. That is the same as what FULL does, at another moment.
- SQLite itself syncs, in NORMAL as in FULL: the log's header when the log begins anew (under the lock, once
  for many megabytes), the log before a checkpoint copies anything from it, and the database before the log
  may be begun anew. So a batch whose frames are overwritten before its own fdatasync was durable already.
- SQLite deletes the -wal file only when the last connection to the database closes, so while ours is open the
  file that our descriptor belongs to is the file; whether somebody else removed it is looked at now and then.
  POSIX locks, which a `close` would drop, are on the database and the -shm file only.
- A new volume is made durable before it gets its name, and the last volume's log before the new one exists:
  the sequence never has a gap that began with a power cut.

An fsync that fails is the exception. Linux reports the error once to each *open file description*, and the
kernel then takes the pages for clean. So each committing thread has a description of its own; whoever sees an
error leaves a mark in the lock file; and before anybody commits again, the log is written anew in place, synced,
and checkpointed. Entries of a batch that failed so may be in the archive although nobody promised it.

Where a volume is encrypted, rows are encrypted right before they are inserted: by then it is known which volume, hence
which key, is theirs. A volume's key is durable before the volume is there. A volume whose key cannot be had takes
nothing (KeysUnavailable), and so does the archive when the key of a new month's volume cannot be made.

Fails with `ArchiveUnavailable` ('full' or 'io'); the batch is then rolled back, unless its fsync failed.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from gateway.archive import volume as volumes
from gateway.archive.encryption import ENTRIES, Cipher, Keyring, place
from gateway.archive.errors import ArchiveUnavailable, Reason, unavailable
from gateway.archive.layout import DOCUMENT, RAW, WRITTEN
from gateway.archive.lock import APPEND, CHECKPOINT, LOOK, AppendLock, FolderLock, raise_doubt
from gateway.archive.payload import Payload
from gateway.archive.volume import Volume

# A payload beyond this is written in place through SQLite's incremental blob interface: binding it would copy it
# twice (into the statement and into the record).
_COPIED = 256 * 1024

# Rows of one INSERT statement at most. The interpreter's lock is given back and taken again for each statement:
# beside a busy event loop that costs far more than the rows do (2.5 ms a row one by one, 0.5 ms in eights).
_ROWS = 64
_COLUMNS = 12
_ROW = "(" + ", ".join("?" * _COLUMNS) + ")"
_INSERT = f"INSERT INTO entry ({WRITTEN}) VALUES"
_NEXT = "SELECT coalesce(max(seq) + 1, (SELECT first_seq FROM volume)) FROM entry"
_OWN = "SELECT first_seq, data_key FROM volume"
_REWRITE_STEP = 2**20

_File = tuple[int, int]  # inode and device


def _file(file: Path | int) -> _File:
    """Which file this is. Raises OSError."""
    found = file.stat() if isinstance(file, Path) else os.fstat(file)
    return found.st_ino, found.st_dev


@dataclass(frozen=True, slots=True)
class Row:
    """One entry, ready to be inserted."""

    kind: str
    id: bytes
    subject: bytes
    received: int  # microseconds since 1970, UTC
    document: str | bytes  # octets once it is encrypted
    document_sha256: bytes
    salt: bytes
    payload: Payload | None  # None for an event


class LogHandle:
    """A descriptor of the newest volume's -wal file, owned by one thread; it syncs what was committed."""

    def __init__(self, sync: Callable[[int], None]) -> None:
        self._sync = sync
        self._fd = -1
        self._file: _File | None = None

    def attach(self, volume: Volume, log: _File) -> None:
        """Follow the volume to its log, which is `log`.

        Before a commit: an error of a later time is then surely reported here. Raises OSError, also where
        another file is at the log's path by now.
        """
        if self._file == log:
            return
        self.close()
        self._fd = os.open(volume.log, os.O_RDONLY | os.O_CLOEXEC)
        if _file(self._fd) != log:
            raise FileNotFoundError(f"{volume.log.name}: another file than the one that was opened")
        self._file = log

    def sync(self) -> None:
        """Make everything durable that was committed before. Raises OSError."""
        self._sync(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd, self._file = -1, None


class VolumeWriter:
    """This process's connection to the newest volume. Used by one thread at a time; threads may take turns."""

    def __init__(
        self, folder: Path, clock: Callable[[], int], keys: Keyring | None = None, *, most: int = ENTRIES
    ) -> None:
        """clock: microseconds since 1970, UTC; it decides in which month's volume an entry goes.

        keys: of the volumes; without any, new ones are not encrypted, and one that is takes nothing. most:
        entries of an encrypted volume, for its key's sake.
        """
        self._folder = folder
        self._clock = clock
        self._keys = keys or Keyring(folder, None, sealing=False)
        self._most = most
        self._cipher: Cipher | None = None  # of the volume
        self._full = sys.maxsize  # the number that the volume must not reach, for its key's sake
        self._lock = AppendLock(folder / APPEND)
        self._connection: apsw.Connection | None = None
        self._volume: Volume | None = None
        self._files: tuple[_File, _File] | None = None  # the volume and its log, as they were opened
        self._generation = -1
        self._look_at = 0.0
        self._last_seq = 0  # highest this process has seen; a smaller one later means that a file is gone
        self._pages = 0  # written by the connection
        self.log_pages = 0  # in the -wal file after the last commit, by whichever process, about

    @property
    def volume(self) -> Volume | None:
        """The volume that was written to last."""
        return self._volume

    def commit(self, rows: Sequence[Row], handle: LogHandle) -> int:
        """Append a batch, not yet durable: `handle.sync()` makes it so. Returns the seq of its first entry.

        Raises ArchiveUnavailable; the batch is not in the archive then, and the next one starts anew.
        """
        try:
            if self._connection is None:
                self._make_folder()
            with self._lock.held():
                return self._insert(self._ready(handle), rows)
        except (apsw.Error, OSError, ArchiveUnavailable) as error:
            self.reset()
            raise unavailable(error) from error

    def doubt(self) -> None:
        """An fsync failed: let nobody commit before the log has been made durable. Any thread."""
        raise_doubt(self._folder / APPEND)

    def reset(self) -> None:
        """Start with fresh connections next time."""
        connection, self._connection = self._connection, None
        self._generation = -1
        if connection is not None:
            with contextlib.suppress(apsw.Error):
                connection.close()

    def close(self, *, tidy: bool) -> None:
        """Close; tidy: the last process to do so leaves a single file, without a log."""
        if self._connection is not None and tidy:
            # One process after the other: two that close in the same instant would each see the other's locks.
            with contextlib.suppress(apsw.Error, OSError), self._lock.held():
                self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
                self.reset()
        self.reset()
        self._lock.close()

    def _make_folder(self) -> None:
        if not self._folder.is_dir():
            self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            volumes.sync_path(self._folder.parent)

    # --- under the append lock ---------------------------------------------------------------

    def _ready(self, handle: LogHandle) -> apsw.Connection:
        """The connection to the volume that is to be written to now, its log attached and sound."""
        if self._connection is None or self._lock.generation != self._generation or self._moved():
            self._open_newest()
            self._generation = self._lock.generation
        connection, volume = self._opened()
        handle.attach(volume, self._log_file())
        if self._lock.doubt:
            self._settle(connection, volume, handle)
        month = volumes.month_of(self._clock())
        if month > volume.month:
            connection = self._roll_over(connection, volume, month, handle)
        return connection

    def _moved(self) -> bool:
        """Whether other files, or none, are where the volume and its log were; looked at now and then."""
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK
        _, volume = self._opened()
        try:
            return self._files != (_file(volume.path), _file(volume.log))
        except FileNotFoundError:
            return True

    def _open_newest(self) -> None:
        """Open the newest volume, or make the first. Raises ArchiveUnavailable if entries have disappeared."""
        self._rescue()
        found = volumes.list_volumes(self._folder)
        if found:
            self._open(found[-1])
            volumes.sync_path(self._folder)  # the log's name, too, must survive a power cut
        else:
            self._refuse_loss(0)
            self._create(volumes.month_of(self._clock()), 1)

    def _rescue(self) -> None:
        """Before closing a connection whose log may have been deleted: its entries still can be copied."""
        if self._connection is not None:
            with contextlib.suppress(apsw.Error):
                self._connection.wal_checkpoint()
        self.reset()

    def _open(self, volume: Volume) -> None:
        connection = volumes.open_for_append(volume)
        try:
            last = int(connection.execute(_NEXT).get) - 1
            self._refuse_loss(last)
            self._cipher, self._full = self._key_of(connection, volume)
            self._files = (_file(volume.path), _file(volume.log))
        except BaseException:
            connection.close()
            raise
        self._connection, self._volume, self._pages = connection, volume, 0
        self._lock.next_seq = last + 1

    def _key_of(self, connection: apsw.Connection, volume: Volume) -> tuple[Cipher | None, int]:
        """With what a volume is encrypted, and the number that it must not reach. Raises KeysUnavailable."""
        if connection.pragma("user_version") == 1:
            return None, sys.maxsize
        row: tuple[Any, ...] = connection.execute(_OWN).fetchall()[0]
        first, data_key = row
        cipher = self._keys.cipher(volume.month, data_key)
        return cipher, first + self._most if cipher is not None else sys.maxsize

    def _opened(self) -> tuple[apsw.Connection, Volume]:
        assert self._connection is not None
        assert self._volume is not None
        return self._connection, self._volume

    def _log_file(self) -> _File:
        assert self._files is not None
        return self._files[1]

    def _refuse_loss(self, last: int) -> None:
        if last < self._last_seq:
            raise ArchiveUnavailable(
                Reason.IO, f"entries {last + 1} to {self._last_seq} have disappeared from {self._folder}"
            )

    def _create(self, month: str, first_seq: int) -> None:
        cipher = self._keys.begin(month)
        data_key = cipher.key if cipher is not None else None
        self._lock.generation += 1  # first: nobody may go on with the old one once there is a new one
        made = volumes.create(self._folder, month, first_seq, self._clock(), data_key)
        self._open(made)
        volumes.sync_path(self._folder)  # for the log's name
        self._generation = self._lock.generation

    def _roll_over(
        self, connection: apsw.Connection, old: Volume, month: str, handle: LogHandle
    ) -> apsw.Connection:
        """Begin a new month's volume, once all that is in the old one is durable."""
        try:
            handle.sync()
        except OSError:
            self.doubt()
            raise
        next_seq = int(connection.execute(_NEXT).get)
        self.reset()
        self._create(month, next_seq)
        connection, volume = self._opened()
        handle.attach(volume, self._log_file())
        return connection

    def _settle(self, connection: apsw.Connection, volume: Volume, handle: LogHandle) -> None:
        """After an fsync failed: make the log durable again.

        The kernel still has the pages but takes them for written; writing the same octets over them makes it
        write them again. The locks keep everybody else from changing the log meanwhile. Then a checkpoint,
        so that nothing depends on this log any more. Raises OSError or ArchiveUnavailable; the doubt stays.
        """
        checkpoint = FolderLock(self._folder / CHECKPOINT)  # always taken after the append lock
        try:
            with checkpoint.held():
                _rewrite(volume.log)
                handle.sync()
                frames, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                if frames != copied:
                    raise ArchiveUnavailable(
                        Reason.IO, "the log could not be checkpointed after a failed fsync"
                    )
        finally:
            checkpoint.close()
        self._lock.settled()

    def _insert(self, connection: apsw.Connection, rows: Sequence[Row]) -> int:
        first = self._lock.next_seq
        if first + len(rows) > self._full:
            text = f"the volume has {self._most} entries, as many as its key may encrypt; wait for the next month"
            raise ArchiveUnavailable(Reason.FULL, text)
        if self._cipher is not None:
            rows = [_encrypted(row, self._cipher) for row in rows]
        try:
            _transact(connection, first, rows)
        except apsw.ConstraintError:  # not the next number: the hint was wrong
            first = int(connection.execute(_NEXT).get)
            _transact(connection, first, rows)
        self._lock.next_seq = first + len(rows)
        self._last_seq = first + len(rows) - 1
        pages = connection.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE)[0]
        self._lock.log_pages += pages - self._pages
        self._pages, self.log_pages = pages, self._lock.log_pages
        return first


def _encrypted(row: Row, cipher: Cipher) -> Row:
    """The same entry, as an encrypted volume stores it. Written out: `replace` takes longer than the encryption."""
    document = row.document.encode() if isinstance(row.document, str) else row.document
    payload = row.payload
    if payload is not None:
        data = cipher.seal(payload.data, place(row.id, RAW))
        payload = Payload(payload.sha256, payload.size, payload.encoding, data)
    return Row(
        row.kind,
        row.id,
        row.subject,
        row.received,
        cipher.seal(document, place(row.id, DOCUMENT)),
        row.document_sha256,
        row.salt,
        payload,
    )


def _transact(connection: apsw.Connection, first: int, rows: Sequence[Row]) -> None:
    """One transaction; a single statement is one by itself."""
    if 0 < len(rows) <= _ROWS and not any(_is_large(row) for row in rows):
        _insert_rows(connection, first, rows)
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for at in range(0, len(rows), _ROWS):
            _insert_rows(connection, first + at, rows[at : at + _ROWS])
        for seq, row in enumerate(rows, first):
            if row.payload is not None and _is_large(row):
                with connection.blob_open("main", "entry", "raw", seq, True) as blob:
                    blob.write(row.payload.data)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _insert_rows(connection: apsw.Connection, first: int, rows: Sequence[Row]) -> None:
    """Insert rows with one statement; large payloads as so many zeros, to be overwritten."""
    values: list[Any] = []
    for seq, row in enumerate(rows, first):
        payload = row.payload
        values += (seq, row.kind, row.id, row.subject, row.received, row.document, row.document_sha256)
        if payload is None:
            values += (None, 0, row.salt, None, None)
        else:
            data = apsw.zeroblob(len(payload.data)) if _is_large(row) else payload.data
            values += (payload.sha256, payload.size, row.salt, payload.encoding, data)
    connection.execute(_insertion(len(rows)), values)


def _insertion(rows: int) -> str:
    return " ".join((_INSERT, ", ".join([_ROW] * rows)))


def _is_large(row: Row) -> bool:
    return row.payload is not None and len(row.payload.data) > _COPIED


def _rewrite(log: Path) -> None:
    """Write a file's own octets over themselves, so that the kernel writes them to the disk again."""
    fd = os.open(log, os.O_RDWR | os.O_CLOEXEC)
    try:
        at = 0
        while data := os.pread(fd, _REWRITE_STEP, at):
            os.pwrite(fd, data, at)
            at += len(data)
    finally:
        os.close(fd)
