"""A volume protects and explains itself."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import apsw
import pytest

from gateway.archive import ArchiveUnavailable, Reader, verify
from gateway.archive import volume as volumes

if TYPE_CHECKING:
    from conftest import Bench


@pytest.fixture
def connection(bench: Bench) -> Iterator[apsw.Connection]:
    """A volume of three messages, in the hands of somebody who may write."""

    async def fill() -> None:
        archive = bench.archive()
        for n in range(3):
            await bench.append(archive, b"message %d" % n)
        await archive.aclose()

    asyncio.run(fill())
    with closing(apsw.Connection(str(bench.folder / "2026-11.sqlite"))) as connection:
        yield connection


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET document = '{}' WHERE seq = 2",
        "UPDATE entry SET seq = 9 WHERE seq = 3",
        "DELETE FROM entry WHERE seq = 3",
        "DELETE FROM entry",
        "INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE seq = 2",
        "INSERT INTO entry SELECT 5, kind, id, subject, received, NULL, document, document_sha256, sha256, size, salt,"
        " encoding, raw FROM entry WHERE seq = 3",
        "INSERT INTO entry (kind, id, subject, received, document, size) VALUES ('event', x'', x'', 0, '', 0)",
        "UPDATE volume SET first_seq = 0",
        "DELETE FROM volume",
        "INSERT INTO volume SELECT * FROM volume",
    ],
)
def test_refuses_changes(connection: apsw.Connection, statement: str) -> None:
    with pytest.raises(apsw.ConstraintError):
        connection.execute(statement)
    assert connection.execute("SELECT count(*), max(seq) FROM entry").fetchall() == [(3, 3)]


def test_describes_itself(connection: apsw.Connection) -> None:
    (row,) = connection.execute("SELECT format, month, first_seq, created, description FROM volume")
    assert row[:4] == (2, "2026-11", 1, "2026-11-22T12:00:00.000000+00:00")
    columns = [column[1] for column in connection.execute("PRAGMA table_info(entry)")]
    assert [name for name in columns if f"`{name}`" not in str(row[4])] == []


READ_WITHOUT_GATEWAY = """
import hashlib, json, sqlite3, sys, zstandard
found = []
for encoding, raw, sha256 in sqlite3.connect(sys.argv[1]).execute(
    "SELECT encoding, raw, sha256 FROM entry WHERE kind = 'message' ORDER BY seq"):
    raw = zstandard.decompress(raw) if encoding == 'zstd' else raw
    assert hashlib.sha256(raw).digest() == sha256
    found.append(raw.decode())
print(json.dumps(found))
"""


def test_can_be_read_without_the_gateway(connection: apsw.Connection, bench: Bench) -> None:
    connection.close()
    path = str(bench.folder / "2026-11.sqlite")
    done = subprocess.run(
        [sys.executable, "-c", READ_WITHOUT_GATEWAY, path], capture_output=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == ["message 0", "message 1", "message 2"]


@pytest.mark.usefixtures("connection")
def test_a_half_made_volume_is_none(bench: Bench) -> None:
    (bench.folder / ".2026-12.new").write_bytes(b"power cut")
    (bench.folder / "2026-13.sqlite").write_bytes(b"no month")
    assert [volume.month for volume in volumes.list_volumes(bench.folder)] == ["2026-11"]
    bench.clock.now = datetime(2026, 12, 1, tzinfo=UTC)

    async def append() -> int:
        archive = bench.archive()
        seq = await bench.append(archive, b"december")
        await archive.aclose()
        return seq

    assert asyncio.run(append()) == 4
    assert bench.reader().raw(4) == b"december"


async def test_another_program_s_file_is_left_alone(bench: Bench) -> None:
    bench.folder.mkdir()
    with closing(apsw.Connection(str(bench.folder / "2026-11.sqlite"))) as foreign:
        foreign.execute("CREATE TABLE theirs (x)")
        foreign.pragma("journal_mode", "wal")
    archive = bench.archive()
    with pytest.raises(ArchiveUnavailable, match="not a volume"):
        await bench.append(archive, b"x")
    with closing(Reader(bench.folder)) as reader, pytest.raises(ArchiveUnavailable, match="not a volume"):
        reader.last_seq()
    assert [problem.kind for problem in verify(bench.folder)] == ["unreadable"]


async def test_a_log_whose_volume_is_gone_is_kept_and_not_taken_for_another_s(bench: Bench) -> None:
    """SQLite applies whatever log it finds beside a database; it cannot know whose it was."""
    archive = bench.archive()
    await bench.append(archive, b"lost")
    log = (bench.folder / "2026-11.sqlite-wal").read_bytes()
    await archive.aclose()
    for file in bench.folder.glob("2026-11.sqlite*"):
        file.unlink()
    (bench.folder / "append.lock").unlink()
    (bench.folder / "2026-11.sqlite-wal").write_bytes(log)
    assert await bench.append(bench.archive(), b"new") == 1
    assert bench.reader().raw(1) == b"new"
    assert (bench.folder / "2026-11.sqlite-wal.lost-1").read_bytes() == log
    assert list(verify(bench.folder, pages=True)) == []
