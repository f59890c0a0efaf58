"""The catalog on SQLite: how its files are opened, finished and found damaged.

The only place that speaks to SQLite other than by SQLAlchemy (`files` and `reader` know that a catalog is
a file). Opened with Python's own `sqlite3`; the archive
uses another SQLite library, but on other files. WAL, so that readers never wait for the writer; a file that
nobody reads yet does without until it is sealed.
`synchronous=NORMAL`: a power cut may take the last transactions, whole and with their watermark, and
the indexer reads those entries again; so the catalog costs the mail flow no fsync.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

BUSY_SECONDS = 30.0
_MAP_BYTES = 256 * 2**20  # memory-mapped reading, in bytes
_CHECKPOINT_PAGES = 4000  # 16 MB of WAL before it is moved into the file
_DURABLE = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
    "cache_size=-65536",
)
_UNREAD = ("journal_mode=MEMORY", "synchronous=OFF", "cache_size=-65536")


def open_writer(path: Path, *, durable: bool = True) -> Engine:
    """The engine that writes `path`, which is created where missing (mode 0640).

    `durable=False` is for a file that nobody reads yet: nothing is synced, and each page written but once, until
    `seal`; what is left of it when the process dies is no database.
    """
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640))
    return _engine(
        f"file:{quote(str(path))}?mode=rw",
        begin="BEGIN IMMEDIATE",
        # What was disposed of is overwritten with zeros; nothing else is ever deleted in any number.
        pragmas=(*(_DURABLE if durable else _UNREAD), "temp_store=MEMORY", "secure_delete=ON"),
    )


def open_reader(path: Path) -> Engine:
    """An engine that can only read `path`. Connecting fails where there is no such file."""
    return _engine(
        f"file:{quote(str(path))}?mode=ro",
        begin="BEGIN",
        pragmas=("query_only=ON", f"mmap_size={_MAP_BYTES}", "cache_size=-16384"),
    )


def seal(engine: Engine, path: Path) -> None:
    """Move the WAL into the file, close it and sync it, so that the one file is all there is.

    Whoever opens it next finds WAL mode, however it was built.
    Raises OSError or sqlalchemy.exc.DBAPIError where the disk fails.
    """
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        cursor.execute("PRAGMA journal_mode=WAL").fetchall()  # of a file built without it
        cursor.close()
    engine.dispose()
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_damaged(error: BaseException) -> bool:
    """Whether `error` says that the file is no intact database, so that only a rebuild helps."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _engine(uri: str, *, begin: str, pragmas: tuple[str, ...]) -> Engine:
    """An engine whose transactions start with `begin`, not when the driver thinks they should."""

    def connect() -> sqlite3.Connection:
        # The follower works in one thread at a time, but not always in the one that opened the file.
        return sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )

    engine = create_engine(
        "sqlite://",  # the file is in `connect`; named here, the driver would choose the pool
        creator=connect,
        poolclass=QueuePool,
        pool_size=1,
        hide_parameters=True,  # errors are logged, and parameters are people's mail
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
    )

    @event.listens_for(engine, "connect")
    def _pragmas(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _dumps(value: object) -> str:
    return orjson.dumps(value).decode()
