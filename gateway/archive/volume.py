"""Volumes: the files of the archive, one a month, and how they are found, made and opened.

A volume is created under a temporary name and renamed when it is complete and durable, so a file named
like a volume is one. Opening never creates anything. Never open or close a volume by any other means
within a process that uses it: closing any descriptor of a file drops all POSIX locks that SQLite holds on
it (the -wal file is free of them).

Every page ends in a checksum of SQLite's own checksum VFS (https://sqlite.org/cksumvfs.html), by which `damaged_pages`
finds any bit that changed since it was written. Nobody else checks it: entries carry digests of their own, and those
beside a damaged one shall be readable, and mail be archived. Other programs read such a file as any other; one that
writes to it leaves wrong checksums behind.

Fails with `ArchiveUnavailable`, `apsw.Error` or `OSError`.
"""

from __future__ import annotations

import os
import re
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from pathlib import Path
from urllib.parse import quote

import apsw
import apsw.sqlite_extra
import structlog

from gateway import __version__
from gateway.archive.entry import from_microseconds
from gateway.archive.errors import ArchiveUnavailable, Reason
from gateway.archive.layout import DESCRIPTION, FORMAT, FORMATS, INDEX, TABLES

APPLICATION_ID = 0x4D47_4156  # "MGAV": lets file(1) and readers know a volume by its header

# Measured with zstd-compressed 4 KB messages and with 10 MB ones: larger pages make the file a fifth
# smaller (fewer half-empty pages) and checkpoints of large messages up to three times cheaper than
# 4 KiB ones, at the same cost of small appends.
PAGE_SIZE = 16384

# Two connections that write or checkpoint in the same instant could corrupt a database in WAL mode before
# SQLite 3.51.3 ("WAL-reset bug"); several processes doing so is what this archive is made of.
_LEAST_SQLITE = 3_051_003

_CHECKSUMS = 8  # octets at the end of a page, as the checksum VFS wants them


def _with_checksums() -> str:
    """The name of the checksum VFS, once it is loaded.

    With this module and not when it is needed: by then the process may have become a user who cannot read it.
    """
    with closing(apsw.Connection(":memory:")) as connection:
        apsw.sqlite_extra.load(connection, "cksumvfs")
    return "cksmvfs"


VFS = _with_checksums()

_BUSY_MS = 10_000  # for locks of other programs, such as a backup; our own processes wait by flock
_NAME = re.compile(r"\d{4}-(0[1-9]|1[0-2])\.sqlite")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Volume:
    """A volume's file."""

    month: str  # "2026-11"
    path: Path

    @property
    def log(self) -> Path:
        """SQLite's write-ahead log beside it; need not exist."""
        return self.path.with_name(self.path.name + "-wal")


def volume_at(folder: Path, month: str) -> Volume:
    return Volume(month, folder / f"{month}.sqlite")


def list_volumes(folder: Path) -> list[Volume]:
    """The folder's volumes, oldest first. Raises OSError if the folder cannot be read."""
    return sorted(Volume(path.stem, path) for path in folder.iterdir() if _NAME.fullmatch(path.name))


def month_of(microseconds: int) -> str:
    """The UTC month of a time in microseconds since 1970."""
    return from_microseconds(microseconds).strftime("%Y-%m")


def require_sound_sqlite() -> None:
    """Raises RuntimeError if SQLite is too old to be written to by several processes."""
    if apsw.SQLITE_VERSION_NUMBER < _LEAST_SQLITE:
        raise RuntimeError(
            f"apsw carries SQLite {apsw.sqlite_lib_version()}; 3.51.3 or newer is needed (WAL-reset bug)"
        )


def create(folder: Path, month: str, first_seq: int, now_us: int, data_key: str | None = None) -> Volume:
    """Make an empty volume, complete and durable when it appears; only while holding the append lock.

    data_key: with which its entries will be encrypted; None: they will not.
    """
    draft = folder / f".{month}.new"
    draft.unlink(missing_ok=True)
    connection = new_file(draft, Described(month, first_seq, iso(now_us), __version__, data_key=data_key))
    try:
        connection.execute(INDEX)
        connection.pragma("journal_mode", "wal")
    finally:
        connection.close()
    draft.chmod(0o640)
    sync_path(draft)
    volume = volume_at(folder, month)
    _set_aside(volume)
    draft.rename(volume.path)
    sync_path(folder)
    return volume


@dataclass(frozen=True, slots=True)
class Described:
    """What a volume's own row says."""

    month: str
    first_seq: int
    created: str  # ISO 8601
    gateway: str  # version of the program that created it
    rewritten: str | None = None  # ISO 8601
    data_key: str | None = None  # id; None: it is not encrypted


def new_file(path: Path, described: Described) -> apsw.Connection:
    """A volume's file without entries, and without its index; not a volume before it has the name of one."""
    connection = apsw.Connection(os.fspath(path), vfs=VFS)
    try:
        connection.execute(f"PRAGMA page_size={PAGE_SIZE}; PRAGMA synchronous=FULL")
        connection.reserve_bytes("main", _CHECKSUMS)
        with connection:
            connection.execute(TABLES)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={FORMAT}")
            connection.execute(
                "INSERT INTO volume VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    FORMAT,
                    described.month,
                    described.first_seq,
                    described.created,
                    described.gateway,
                    DESCRIPTION,
                    described.rewritten,
                    described.data_key,
                ),
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _set_aside(volume: Volume) -> None:
    """Move a log without its volume out of the way: SQLite would take it for the new volume's. It may hold entries."""
    number = 1
    while volume.log.exists():
        lost = volume.log.with_name(f"{volume.log.name}.lost-{number}")
        if not lost.exists():
            volume.log.rename(lost)
            _log.error("log without its volume", kept_as=lost.name)
        number += 1


def open_for_append(volume: Volume) -> apsw.Connection:
    """A connection that writes; it syncs nothing at commit (see commit.py) and never checkpoints by itself."""
    if not os.access(volume.path, os.W_OK, effective_ids=True):
        # SQLite would open it for reading, and make files beside it that could not be written to either.
        raise ArchiveUnavailable(Reason.IO, f"{volume.path.name}: cannot be written to, or is not there")
    connection = _connect(volume, apsw.SQLITE_OPEN_READWRITE)
    try:
        # Else the last process to close would checkpoint and delete the log, at a time we do not choose.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.wal_autocheckpoint(0)
        connection.execute("PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY")
        # A page spilled to the log before its transaction ends would be written, and summed, twice.
        connection.execute("PRAGMA cache_spill=OFF")
        if connection.pragma("journal_mode") != "wal":
            raise ArchiveUnavailable(Reason.IO, f"{volume.path.name}: not in WAL mode")
        _check_format(connection, volume)
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(volume: Volume, *, closed: bool, checked: bool = False) -> apsw.Connection:
    """A read-only connection, also to a volume in a folder that cannot be written to.

    closed: a newer volume exists, so nobody writes to this one. It is opened as immutable then, which leaves
    no -wal and -shm files behind; and so is any volume beside which SQLite cannot write these files. Never if
    there is a log that holds something, since it would be overlooked.
    checked: a page without its checksum is an error (`is_damage`).
    """
    connect = partial(_connect, volume, apsw.SQLITE_OPEN_READONLY, checked=checked)
    if closed and not log_size(volume):
        connection = connect(query="?immutable=1")
    else:
        try:
            connection = connect()
        except (apsw.CantOpenError, apsw.ReadOnlyError):
            if not volume.path.exists() or log_size(volume):
                raise
            connection = connect(query="?immutable=1")
    try:
        _check_format(connection, volume)
    except BaseException:
        connection.close()
        raise
    return connection


def log_size(volume: Volume) -> int:
    """Octets in the file of the write-ahead log; 0 where there is none."""
    try:
        return volume.log.stat().st_size
    except FileNotFoundError:
        return 0


def sync_path(path: Path) -> None:
    """Make a file, or a folder's list of files, durable. Not for a volume that is open: see above."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _connect(volume: Volume, flags: int, query: str = "", *, checked: bool = False) -> apsw.Connection:
    name = f"file:{quote(os.fspath(volume.path.absolute()))}{query}"
    connection = apsw.Connection(name, flags=flags | apsw.SQLITE_OPEN_URI, vfs=VFS, statementcachesize=128)
    try:
        connection.set_busy_timeout(_BUSY_MS)
        connection.execute(f"PRAGMA checksum_verification={'ON' if checked else 'OFF'}")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # now -wal and -shm are open
    except BaseException:
        connection.close()
        raise
    return connection


def is_damage(error: Exception) -> bool:
    """Whether SQLite found something else in the file than was written, be it in what describes the tables."""
    if isinstance(error, apsw.CorruptError | apsw.NotADBError | apsw.SQLError | UnicodeDecodeError):
        return True
    return getattr(error, "extendedresult", None) == apsw.SQLITE_IOERR_DATA


def _check_format(connection: apsw.Connection, volume: Volume) -> None:
    found = (connection.pragma("application_id"), connection.pragma("user_version"))
    if found[0] != APPLICATION_ID or found[1] not in FORMATS:
        known = " or ".join(map(str, FORMATS))
        raise ArchiveUnavailable(Reason.IO, f"{volume.path.name}: not a volume of format {known}: {found}")


def iso(microseconds: int) -> str:
    return from_microseconds(microseconds).astimezone(UTC).isoformat(timespec="microseconds")
