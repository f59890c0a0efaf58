"""An archive whose volumes are encrypted: written, read, checked, and what happens without its keys."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import orjson
import pytest

from gateway.archive import Archive, ArchiveDamaged, ArchiveUnavailable, Reader, Reason, uuid7, verify
from gateway.archive import volume as volumes
from gateway.archive.commit import LogHandle, Row, VolumeWriter
from gateway.archive.encryption import Cipher, Keyring, KeysUnavailable, wrapped
from gateway.archive.encryption.rotation import rotate
from gateway.archive.encryption.state import findings, state_of
from gateway.archive.lock import APPEND
from tests.archive.encryption.keys import NEW, OLD, Clock, Source, keyring

if TYPE_CHECKING:
    from conftest import Bench

SECRET = b"the-girl-from-room-12"
OCTOBER, NOVEMBER, DECEMBER = (datetime(2026, month, 5, 12, tzinfo=UTC) for month in (10, 11, 12))


def mail(number: int, size: int = 0) -> bytes:
    """A message that tells its number, with so many octets that cannot be compressed."""
    text = b"Subject: %b %d\r\n\r\n%b\r\n" % (SECRET, number, SECRET * 3)
    return text + random.Random(number).randbytes(size)


async def fill(bench: Bench, archive: Archive, *raws: bytes) -> list[int]:
    """Append messages, each with an event."""
    seqs = []
    for raw in raws:
        id = bench.id()
        document = orjson.dumps({"envelope": {"to": SECRET.decode()}})
        seqs.append(await archive.append(id=id, received=bench.clock.now, document=document, raw=raw))
        await archive.record(id, bench.clock.now, orjson.dumps({"event": "noted", "why": SECRET.decode()}))
    return seqs


def in_the_clear(folder: Path) -> list[str]:
    """The files that have a piece of the mail."""
    pieces = [SECRET[at : at + 8] for at in range(len(SECRET) - 7)] + [
        b"Subject: ",
        b'"envelope"',
        b'"event"',
    ]
    return [
        path.name for path in sorted(folder.iterdir()) if any(piece in path.read_bytes() for piece in pieces)
    ]


@contextmanager
def changed(path: Path) -> Iterator[apsw.Connection]:
    """A volume without its triggers, to be tampered with."""
    with closing(apsw.Connection(os.fspath(path), vfs=volumes.VFS)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in found:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, sql in found:
            connection.execute(str(sql))
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


@pytest.mark.parametrize("level", [0, 3])
async def test_nothing_is_on_the_disk_in_the_clear(bench: Bench, level: int) -> None:
    """Small messages, one that is written in place, and events; in the log and in the volume."""
    archive = bench.archive(compression_level=level, keys=keyring(bench.folder, OLD))
    raws = [mail(1), mail(2, 3_000), mail(3, 600_000), b""]
    seqs = await fill(bench, archive, *raws)
    assert any(name.endswith("-wal") for name in bench.files())
    assert in_the_clear(bench.folder) == []
    with closing(Reader(bench.folder, keyring(bench.folder, OLD))) as reader:
        assert [reader.raw(seq) for seq in seqs] == raws
    await archive.aclose()
    assert bench.files() == ["2026-11.keys", "2026-11.sqlite", "append.lock", "checkpoint.lock", "keys.lock"]
    assert in_the_clear(bench.folder) == []
    with closing(Reader(bench.folder, keyring(bench.folder, OLD, sealing=False))) as reader:
        assert [reader.raw(seq) for seq in seqs] == raws
        entries = reader.follow(0, 99)
        assert [entry.seq for entry in entries] == list(range(1, 9))
        assert {str(entry.document).count(SECRET.decode()) for entry in entries} == {1}
        assert reader.get(entries[0].id) == entries[0]
        assert reader.events(entries[0].id) == [entries[1]]
        assert reader.message(1) == (entries[0], raws[0])
        assert reader.evidence(1).raw == raws[0]
    assert list(verify(bench.folder, pages=True, keys=keyring(bench.folder, OLD))) == []


async def test_without_the_key_it_is_said_what_to_do_and_nothing_is_taken_for_damaged(bench: Bench) -> None:
    archive = bench.archive(keys=keyring(bench.folder, OLD))
    await fill(bench, archive, mail(1), mail(2))
    await archive.aclose()
    for keys, text in [
        (None, "no master key is named; set [encryption]"),
        (keyring(bench.folder), "the safe: is locked"),
        (keyring(bench.folder, NEW), f"is opened by master key {OLD.id}, and there is only {NEW.id}"),
    ]:
        with closing(Reader(bench.folder, keys)) as reader:
            assert reader.last_seq() == 4
            assert [each.seq for each in reader.digests(0, 9)] == [1, 2, 3, 4]
            for read in (
                lambda: reader.follow(0, 9),
                lambda: reader.raw(1),
                lambda: reader.evidence(2),
                lambda: reader.entry(1),
            ):
                with pytest.raises(KeysUnavailable) as caught:
                    read()
                assert text in str(caught.value)
                assert caught.value.reason is Reason.IO
        (problem,) = verify(bench.folder, pages=True, keys=keys)
        assert (problem.volume, problem.seq, problem.kind) == ("2026-11", None, "keys")
        assert text in problem.text


async def test_without_the_key_what_is_in_the_clear_is_checked_all_the_same(bench: Bench) -> None:
    archive = bench.archive(keys=keyring(bench.folder, OLD))
    await fill(bench, archive, mail(1), mail(2))
    await archive.aclose()
    with changed(bench.folder / "2026-11.sqlite") as connection:
        connection.execute("DELETE FROM entry WHERE seq = 2")
        connection.execute("UPDATE entry SET salt = NULL WHERE seq = 3")
    kinds = [(problem.seq, problem.kind) for problem in verify(bench.folder, pages=True)]
    assert kinds == [(None, "keys"), (2, "gap"), (3, "document")]


async def test_a_lost_file_of_keys(bench: Bench) -> None:
    archive = bench.archive(keys=keyring(bench.folder, OLD))
    await fill(bench, archive, mail(1))
    await archive.aclose()
    path = bench.folder / "2026-11.keys"
    octets = path.read_bytes()
    path.unlink()
    archive = bench.archive(keys=keyring(bench.folder, OLD))
    with pytest.raises(ArchiveUnavailable, match=r"2026-11\.keys: is not there; put it back") as caught:
        await fill(bench, archive, mail(2))
    assert caught.value.reason is Reason.IO
    with closing(Reader(bench.folder, keyring(bench.folder, OLD))) as reader, pytest.raises(KeysUnavailable):
        reader.raw(1)
    path.write_bytes(octets)
    assert await fill(bench, archive, mail(2)) == [3]
    await archive.aclose()
    assert list(verify(bench.folder, pages=True, keys=keyring(bench.folder, OLD))) == []


async def test_while_the_key_of_a_new_month_cannot_be_made_nothing_is_taken(bench: Bench) -> None:
    """And what was taken before is there, and the sequence goes on without a gap."""
    source, clock = Source((OLD,)), Clock()
    bench.clock.now = OCTOBER
    archive = bench.archive(keys=Keyring(bench.folder, source, sealing=True, clock=clock))
    await fill(bench, archive, mail(1))
    source.keys = ()
    assert await fill(bench, archive, mail(2)) == [3]  # its key is known already
    bench.clock.now = NOVEMBER
    for _ in range(2):
        with pytest.raises(ArchiveUnavailable, match="the safe: is locked") as caught:
            await fill(bench, archive, mail(3))
        assert caught.value.reason is Reason.IO
    with pytest.raises(ArchiveUnavailable, match="the safe: is locked"):
        await archive.ready()
    assert "2026-11.sqlite" not in bench.files()
    source.keys = (OLD,)
    clock.now += 60
    assert await fill(bench, archive, mail(3)) == [5]
    await archive.aclose()
    assert list(verify(bench.folder, pages=True, keys=keyring(bench.folder, OLD))) == []
    assert [name for name in bench.files() if name.endswith(".keys")] == ["2026-10.keys", "2026-11.keys"]


async def test_plain_months_beside_encrypted_ones(bench: Bench) -> None:
    """It is switched on, the month that is written to stays plain, and switched off again."""
    for month, sealing, masters in [
        (OCTOBER, False, ()),
        (OCTOBER, True, (OLD,)),
        (NOVEMBER, True, (OLD,)),
        (DECEMBER, False, (OLD,)),
    ]:
        bench.clock.now = month
        archive = bench.archive(keys=keyring(bench.folder, *masters, sealing=sealing))
        await fill(bench, archive, mail(month.month))
        await archive.aclose()
    assert in_the_clear(bench.folder) == ["2026-10.sqlite", "2026-12.sqlite"]
    assert [name for name in bench.files() if name.endswith(".keys")] == ["2026-11.keys"]
    assert list(verify(bench.folder, pages=True, keys=keyring(bench.folder, OLD))) == []
    with closing(Reader(bench.folder, keyring(bench.folder, OLD))) as reader:
        assert [reader.raw(seq) for seq in (1, 3, 5, 7)] == [mail(month) for month in (10, 10, 11, 12)]
    with closing(Reader(bench.folder)) as reader:  # what is not encrypted needs no key
        assert [reader.raw(seq) for seq in (1, 3, 7)] == [mail(month) for month in (10, 10, 12)]
        with pytest.raises(KeysUnavailable):
            reader.raw(5)
        assert [entry.seq for entry in reader.follow(0, 99)] == [1, 2, 3, 4]


async def test_the_master_key_is_rotated_while_mail_comes(bench: Bench) -> None:
    source = Source((OLD,))
    archive = bench.archive(keys=Keyring(bench.folder, source, sealing=True))
    await fill(bench, archive, mail(1))
    source.keys = (OLD, NEW)
    assert rotate(bench.folder, source).changed == ("2026-11",)
    source.keys = (NEW,)
    assert await fill(bench, archive, mail(2)) == [3]
    bench.clock.now = DECEMBER
    assert await fill(bench, archive, mail(3)) == [5]
    with closing(Reader(bench.folder, keyring(bench.folder, NEW))) as reader:
        assert [reader.raw(seq) for seq in (1, 3, 5)] == [mail(1), mail(2), mail(3)]
    await archive.aclose()
    for month in ("2026-11", "2026-12"):
        found = wrapped.load(bench.folder, month)
        assert found is not None
        assert [key.masters for key in found.keys] == [(NEW.id,)]


async def test_several_processes_write_with_one_key(bench: Bench) -> None:
    one, other = (bench.archive(keys=keyring(bench.folder, OLD)) for _ in range(2))
    for month in (OCTOBER, NOVEMBER):
        bench.clock.now = month
        await fill(bench, one, mail(1))
        await fill(bench, other, mail(2))
    await one.aclose()
    await other.aclose()
    for name in ("2026-10", "2026-11"):
        found = wrapped.load(bench.folder, name)
        assert found is not None
        assert len(found.keys) == 1
    assert list(verify(bench.folder, pages=True, keys=keyring(bench.folder, OLD))) == []


SWAPPED = "raw, sha256, size, encoding", "document, document_sha256", "raw", "document"


@pytest.mark.parametrize("columns", SWAPPED)
async def test_octets_that_were_moved_to_another_entry_are_refused(bench: Bench, columns: str) -> None:
    """Also where the digests go with them, which a volume that is not encrypted leaves to the ledger."""
    archive = bench.archive(keys=keyring(bench.folder, OLD))
    await fill(bench, archive, mail(1), mail(2))
    await archive.aclose()
    with changed(bench.folder / "2026-11.sqlite") as connection:
        query = f"UPDATE entry SET ({columns}) = (SELECT {columns} FROM entry WHERE seq = ?) WHERE seq = ?"
        connection.execute(query, (3, 1))
    problems = list(verify(bench.folder, pages=True, keys=keyring(bench.folder, OLD)))
    kind = "message" if "raw" in columns else "document"
    assert [(problem.seq, problem.kind) for problem in problems] == [(1, kind)]
    assert "not what was sealed for this place" in problems[0].text
    with closing(Reader(bench.folder, keyring(bench.folder, OLD))) as reader:
        with pytest.raises(ArchiveDamaged, match="not what was sealed for this place"):
            reader.evidence(1)
        assert reader.evidence(3).raw == mail(2)


async def test_another_volumes_octets_are_refused(bench: Bench) -> None:
    """Even for the same entry: a key is one volume's own."""
    archive = bench.archive(keys=keyring(bench.folder, OLD))
    await fill(bench, archive, mail(1))
    await archive.aclose()
    path = bench.folder / "2026-11.sqlite"
    with changed(path) as connection:
        own = connection.execute("SELECT data_key FROM volume").get
        other = keyring(bench.folder, OLD).renew("2026-11", str(own))
        assert other is not None
        connection.execute("UPDATE volume SET data_key = ?", (other.key,))
    problems = list(verify(bench.folder, keys=keyring(bench.folder, OLD)))
    assert [(problem.seq, problem.kind) for problem in problems] == [
        (1, "document"), (1, "message"), (2, "document")
    ]  # fmt: skip


async def test_a_volume_takes_no_more_entries_than_its_key_may_encrypt(bench: Bench) -> None:
    def row() -> Row:
        id = uuid7(bench.clock(), os.urandom(8)).bytes
        return Row("event", id, id, bench.clock(), "{}", bytes(32), bytes(16), None)

    handle = LogHandle(bench.disk)
    for keys, most in [(keyring(bench.folder, OLD), 3), (None, 3)]:
        folder = bench.folder / str(keys is None)
        if keys is not None:
            keys = keyring(folder, OLD)
        writer = VolumeWriter(folder, bench.clock, keys, most=most)
        assert writer.commit([row(), row()], handle) == 1
        if keys is None:
            assert writer.commit([row(), row()], handle) == 3
        else:
            with pytest.raises(ArchiveUnavailable, match="as many as its key may encrypt") as caught:
                writer.commit([row(), row()], handle)
            assert caught.value.reason is Reason.FULL
            assert writer.commit([row()], handle) == 3
        assert (folder / APPEND).exists()
        writer.close(tidy=True)
        handle.close()


async def test_a_writer_that_has_no_key_takes_nothing_for_an_encrypted_month(bench: Bench) -> None:
    archive = bench.archive(keys=keyring(bench.folder, OLD))
    await fill(bench, archive, mail(1))
    await archive.aclose()
    plain = bench.archive()
    with pytest.raises(ArchiveUnavailable, match="no master key is named"):
        await fill(bench, plain, mail(2))
    await plain.aclose()
    with closing(Reader(bench.folder)) as reader:
        assert reader.last_seq() == 2


async def test_a_flipped_bit_in_anything_that_is_encrypted_is_found(bench: Bench) -> None:
    """By its tag, without a look at the pages."""
    archive = bench.archive(keys=keyring(bench.folder, OLD))
    await fill(bench, archive, mail(1, 50))
    await archive.aclose()
    path = bench.folder / "2026-11.sqlite"
    octets = path.read_bytes()
    with closing(apsw.Connection(os.fspath(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        query = "SELECT raw FROM entry WHERE seq = 1 UNION ALL SELECT document FROM entry"
        sealed: list[Any] = [row[0] for row in connection.execute(query)]
    path.write_bytes(octets)
    for column in sealed:
        start = octets.index(column)
        for at in range(start, start + len(column)):
            damaged = bytearray(octets)
            damaged[at] ^= 1 << (at % 8)
            path.write_bytes(damaged)
            assert list(verify(bench.folder, keys=keyring(bench.folder, OLD)))
    path.write_bytes(octets)
    assert list(verify(bench.folder, keys=keyring(bench.folder, OLD))) == []


def test_ciphers_of_a_volume_are_one(tmp_path: Path) -> None:
    keys = keyring(tmp_path, OLD)
    made = keys.begin("2026-11")
    assert isinstance(made, Cipher)
    assert keys.cipher("2026-11", made.key) is made
    keys.forget("2026-11")
    assert wrapped.load(tmp_path, "2026-11") is None
    with pytest.raises(KeysUnavailable):
        keys.cipher("2026-11", made.key)


async def test_check_misses_a_file_of_keys_before_anybody_needs_it(bench: Bench) -> None:
    source = Source((OLD,))
    archive = bench.archive(keys=keyring(bench.folder, OLD))
    await fill(bench, archive, mail(1))
    await archive.aclose()
    assert [each.problem for each in state_of(bench.folder, source).volumes] == [""]
    path = bench.folder / "2026-11.keys"
    other = bench.folder / "other"
    other.mkdir()
    keyring(other, OLD).begin("2026-11")
    for octets in (None, (other / path.name).read_bytes()):
        path.unlink()
        if octets is not None:
            path.write_bytes(octets)
        told = [each.text for each in findings(bench.folder, source, sealing=True) if each.grade == "error"]
        assert len(told) == 1
        assert "2026-11.keys is not there, or has no data key" in told[0]
        assert "put it back from its copy" in told[0]
        path.touch()
