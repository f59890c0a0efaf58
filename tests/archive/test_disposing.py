"""What is disposed of is gone from the disk; the rest proves what it proved; and a hold is above everything."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import apsw
import pytest

from gateway.archive import ArchiveDamaged, ArchiveUnavailable, Disposed, Kind, Reader, verify
from gateway.archive.entry import Evidence
from gateway.archive.rewriting import Rewritten, rewrite, sweep_leftovers
from gateway.archive.volume import VFS
from gateway.ledger.leaf import leaf_of
from tests.archive.months import NOVEMBER, OCTOBER, batch, closed_month, evidence

if TYPE_CHECKING:
    from conftest import Bench

MONTH = "2026-10"
GONE = (3, 4, 49, 50)  # a message and its event, and one of those with an attachment that others have, too


def nobody_holds(_seq: int) -> bool:
    return False


def dispose(
    folder: Path, *numbers: int, by: UUID | None = None, is_held: Callable[[int], bool] = nobody_holds
) -> Rewritten:
    return rewrite(folder, MONTH, dispose=dict.fromkeys(numbers, by or batch()), is_held=is_held)


def leaves(folder: Path) -> list[bytes]:
    with closing(Reader(folder)) as reader:
        return [leaf_of(*reader.digests(seq - 1, 1)[0]).hash() for seq in range(1, reader.last_seq() + 1)]


def whole(found: object) -> Evidence:
    assert isinstance(found, Evidence)
    return found


def octets_of(folder: Path) -> bytes:
    """Everything that is in the folder."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_a_tombstone_is_left_and_nothing_else_changes(bench: Bench) -> None:
    await closed_month(bench, 20)
    before, hashes = evidence(bench.folder), leaves(bench.folder)
    made = dispose(bench.folder, *GONE)
    assert (made.disposed, made.kept) == (GONE, ())
    assert leaves(bench.folder) == hashes
    after = evidence(bench.folder)
    assert [n for n, (one, other) in enumerate(zip(before, after, strict=True), 1) if one != other] == list(
        GONE
    )
    assert list(verify(bench.folder, pages=True)) == []
    reader = bench.reader()
    for seq in GONE:
        entry = reader.entry(seq)
        assert entry is not None
        assert (entry.disposed, entry.document, entry.sha256) == (True, {}, None)
        old = whole(before[seq - 1]).digests
        assert (entry.kind, entry.size, UUID(entry.id).bytes) == (old.kind, old.size, old.id)
        for read in (
            (reader.evidence, reader.raw, reader.message)
            if entry.kind is Kind.MESSAGE
            else (reader.evidence,)
        ):
            with pytest.raises(
                Disposed, match=f"2026-10: entry {seq}: was lawfully disposed of, by batch"
            ) as caught:
                read(seq)
            assert caught.value.batch == batch()
    assert [entry.seq for entry in reader.follow(0, 100) if entry.disposed] == list(GONE)
    (digests,) = reader.digests(2, 1)
    assert (digests.salt, digests.document_sha256, digests.sha256) == (b"", b"", None)
    message = reader.get(UUID(bytes=digests.id))
    assert message is not None and message.disposed
    assert [event.disposed for event in reader.events(message.id)] == [True]


@pytest.mark.parametrize("compacted", [False, True])
async def test_nothing_of_it_is_left_on_the_disk(bench: Bench, compacted: bool) -> None:
    """Neither in the new file, nor in its dictionaries, nor where the old one was."""
    secret = b"the excursion to Zanzibar with the whole of the eighth grade"
    await closed_month(bench, 100, compression_level=0, odd=False, secret=secret)
    path = bench.folder / f"{MONTH}.sqlite"
    if compacted:
        rewrite(bench.folder, MONTH, is_held=nobody_holds)
        assert secret[4:40] in dictionary(path)
    with closing(Reader(bench.folder)) as reader:
        messages = [seq for seq in range(1, 200, 2) if secret in reader.raw(seq)]
    assert len(messages) == 10
    before = [whole(each) for each in evidence(bench.folder)]
    with path.open("rb") as old:
        size = path.stat().st_size
        dispose(bench.folder, *messages, *(seq + 1 for seq in messages))
        assert old.read() == bytes(size)
    left = octets_of(bench.folder)
    assert b"Zanzibar" not in left
    assert b"eighth grade" not in left
    assert b"Zanzibar" not in dictionary(path)
    for seq in messages:
        digests = before[seq - 1].digests
        for each in (digests.salt, digests.sha256, digests.document_sha256):
            assert each is not None and each not in left
    with closing(apsw.Connection(os.fspath(path), vfs=VFS)) as connection:
        (row,) = connection.execute("SELECT * FROM entry WHERE seq = ?", (messages[0],)).fetchall()
    gone = before[messages[0] - 1].digests
    place = (gone.seq, "message", gone.id, gone.subject, gone.received)
    assert row == (*place, None, None, None, None, gone.size, None, None, None)


def dictionary(path: Path) -> bytes:
    """That of the messages."""
    with closing(apsw.Connection(os.fspath(path), vfs=VFS)) as connection:
        return bytes(connection.execute("SELECT data FROM dictionary WHERE use = 'message'").get)


async def test_an_attachment_goes_with_the_last_message_that_has_it(bench: Bench) -> None:
    await closed_month(bench, 1)
    with closing(Reader(bench.folder)) as reader:
        have = [entry.seq for entry in reader.follow(0, 99) if b"application/pdf" in (
            reader.raw(entry.seq) if entry.kind is Kind.MESSAGE else b"")]  # fmt: skip
        others = [seq for seq in range(1, reader.last_seq()) if seq not in have]
    rewrite(bench.folder, MONTH, is_held=nobody_holds)

    def parts() -> list[int]:
        with closing(apsw.Connection(os.fspath(bench.folder / f"{MONTH}.sqlite"), vfs=VFS)) as connection:
            return [size for (size,) in connection.execute("SELECT size FROM part ORDER BY size")]

    assert parts() == [8000, 9000, 14000]
    dispose(bench.folder, *have[:2])
    assert parts() == [8000, 9000, 14000]
    dispose(bench.folder, *have[2:])
    assert parts() == [8000]
    assert list(verify(bench.folder, pages=True)) == []
    reader = bench.reader()
    assert all(not entry.disposed for entry in reader.follow(0, 99) if entry.seq in others)


async def test_what_was_disposed_of_stays_so(bench: Bench) -> None:
    """Also by whom, when the volume is rewritten again."""
    await closed_month(bench, 20)
    hashes = leaves(bench.folder)
    dispose(bench.folder, 3, 4, by=batch(1))
    made = dispose(bench.folder, 3, 5, by=batch(2))
    assert made.disposed == (5,)
    rewrite(bench.folder, MONTH, is_held=nobody_holds)
    reader = bench.reader()
    for seq, number in ((3, 1), (5, 2)):
        with pytest.raises(Disposed) as caught:
            reader.raw(seq)
        assert caught.value.batch == batch(number)
    assert leaves(bench.folder) == hashes
    assert list(verify(bench.folder, pages=True)) == []


# --- holds ----------------------------------------------------------------------------------------------


async def test_what_is_held_stays_whole(bench: Bench) -> None:
    await closed_month(bench, 20)
    before = evidence(bench.folder)
    asked: list[int] = []

    def is_held(seq: int) -> bool:
        asked.append(seq)
        return seq in (3, 49)

    made = dispose(bench.folder, 1, 2, 3, 4, 49, 999, is_held=is_held)
    assert (made.disposed, made.kept) == ((1, 2, 4), (3, 49))
    assert set(asked) == {1, 2, 3, 4, 49}
    after = evidence(bench.folder)
    assert (after[2], after[48]) == (before[2], before[48])


async def test_a_hold_that_comes_while_the_volume_is_written_counts(bench: Bench) -> None:
    """Asked again of all, right before the new file takes the old one's place."""
    await closed_month(bench, 20)
    before = evidence(bench.folder)
    asked: list[int] = []

    def is_held(seq: int) -> bool:
        asked.append(seq)
        return seq == 3 and len(asked) > 3

    made = dispose(bench.folder, 1, 2, 3, is_held=is_held)
    assert (made.disposed, made.kept) == ((1, 2), (3,))
    assert evidence(bench.folder)[2] == before[2]
    assert list(verify(bench.folder, pages=True)) == []


async def test_holds_that_cannot_be_asked_keep_everything(bench: Bench) -> None:
    await closed_month(bench, 5, odd=False)
    before = (bench.folder / f"{MONTH}.sqlite").read_bytes()

    def is_held(seq: int) -> bool:
        raise LookupError("the catalog is away")

    with pytest.raises(LookupError):
        dispose(bench.folder, 3, is_held=is_held)
    assert (bench.folder / f"{MONTH}.sqlite").read_bytes() == before
    assert not [name for name in bench.files() if name.startswith(".")]


# --- readers --------------------------------------------------------------------------------------------


async def test_nobody_is_shown_what_was_disposed_of(bench: Bench) -> None:
    """Also by a reader that had everything open, and knows in which volume the entry is."""
    await closed_month(bench, 20)
    reader = bench.reader()
    assert reader.raw(3)
    dispose(bench.folder, *GONE)
    with pytest.raises(Disposed):
        reader.raw(3)
    assert reader.raw(5)


async def test_nobody_sees_remains_of_the_old_file(bench: Bench) -> None:
    """Readers of all kinds, while the volume is rewritten again and again under them, and the old files overwritten."""
    await closed_month(bench, 30)
    raws = {each.digests.seq: each.raw for each in map(whole, evidence(bench.folder)) if each.raw is not None}
    hashes = leaves(bench.folder)
    failures: list[BaseException] = []
    looks = {"raw": 0, "follow": 0, "digests": 0, "verify": 0}
    stop = threading.Event()

    def read(kind: str) -> None:
        try:
            with closing(Reader(bench.folder)) as reader:
                while not stop.is_set():
                    if kind == "raw":
                        for seq, raw in raws.items():
                            try:
                                assert reader.raw(seq) == raw
                            except Disposed:
                                assert seq % 7 == 0
                    elif kind == "follow":
                        assert [entry.seq for entry in reader.follow(0, 1000)] == list(range(1, len(hashes)))
                    elif kind == "digests":
                        assert [leaf_of(*each).hash() for each in reader.digests(0, 1000)] == hashes[:-1]
                    else:
                        assert list(verify(bench.folder, pages=True)) == []
                    looks[kind] += 1
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read, args=(kind,)) for kind in looks]
    for thread in readers:
        thread.start()
    try:
        for seq in range(7, 70, 7):
            dispose(bench.folder, seq)
    finally:
        stop.set()
        for thread in readers:
            thread.join()
    assert failures == []
    assert min(looks.values()) > 0


# --- killed ---------------------------------------------------------------------------------------------

STEPS = [
    "row:1",
    "surveyed",
    "row:2",
    "written",
    "compared",
    "row:5",
    "linked",
    "replaced",
    "overwritten",
    "done",
]


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_moment_the_old_volume_or_the_new_one_is_there(
    bench: Bench, script: Callable[[str], list[str]], step: str
) -> None:
    asyncio.run(closed_month(bench, 20))
    before, hashes = evidence(bench.folder), leaves(bench.folder)
    with _names_of_its_file(bench.folder / f"{MONTH}.sqlite") as old:
        command = [*script("rewriter.py"), str(bench.folder), step, *map(str, GONE)]
        assert subprocess.run(command, timeout=120, check=False).returncode == -signal.SIGKILL
        after = evidence(bench.folder)
        assert leaves(bench.folder) == hashes
        assert list(verify(bench.folder, pages=True)) == []
        replaced = step in ("replaced", "overwritten", "done")
        assert [n for n, (one, two) in enumerate(zip(before, after, strict=True), 1) if one != two] == (
            list(GONE) if replaced else []
        )
        leftovers = [name for name in bench.files() if name.startswith(".")]
        assert (leftovers == []) == (step in ("surveyed", "done"))
        assert len(sweep_leftovers(bench.folder)) == len(leftovers)
        assert not [name for name in bench.files() if name.startswith(".")]
        assert evidence(bench.folder) == after
        assert any(old()) is not replaced
    made = dispose(bench.folder, *GONE)
    assert made.disposed == (() if replaced else GONE)
    assert leaves(bench.folder) == hashes
    assert list(verify(bench.folder, pages=True)) == []


@contextmanager
def _names_of_its_file(path: Path) -> Iterator[Callable[[], bytes]]:
    """The octets of the file that is at a path now, whatever becomes of its names."""
    with path.open("rb") as file:
        yield lambda: os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)


async def test_a_file_that_has_another_name_keeps_its_octets_there(bench: Bench, tmp_path: Path) -> None:
    """It is a copy, as a backup's is: who made it must deal with it."""
    await closed_month(bench, 5)
    copy = tmp_path / "copy.sqlite"
    copy.hardlink_to(bench.folder / f"{MONTH}.sqlite")
    octets = copy.read_bytes()
    dispose(bench.folder, 3)
    assert copy.read_bytes() == octets
    assert not [name for name in bench.files() if name.startswith(".")]


async def test_the_old_file_is_never_destroyed_where_no_volume_is(bench: Bench) -> None:
    await closed_month(bench, 5)
    path = bench.folder / f"{MONTH}.sqlite"
    path.rename(bench.folder / f".{MONTH}.old")
    octets = (bench.folder / f".{MONTH}.old").read_bytes()
    assert sweep_leftovers(bench.folder) == []
    assert (bench.folder / f".{MONTH}.old").read_bytes() == octets


# --- tombstones that are none ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "seq", "kind"),
    [
        ("DELETE FROM disposed WHERE seq = 3", 3, "document"),
        ("UPDATE disposed SET seq = 5 WHERE seq = 3", 3, "document"),
        ("UPDATE disposed SET content = NULL WHERE seq = 3", 3, "document"),
        ("UPDATE disposed SET content = document WHERE seq = 4", 4, "document"),
        ("UPDATE entry SET raw = x'00' WHERE seq = 3", 3, "disposed"),
        ("UPDATE entry SET salt = randomblob(16) WHERE seq = 3", 3, "document"),
        (
            "INSERT INTO disposed SELECT 5, document, content, batch FROM disposed WHERE seq = 3",
            5,
            "disposed",
        ),
        ("UPDATE entry SET document = NULL WHERE seq = 5", 5, "document"),
    ],
)
async def test_a_tombstone_that_is_not_as_one_is(bench: Bench, statement: str, seq: int, kind: str) -> None:
    await closed_month(bench, 5, odd=False)
    dispose(bench.folder, 3, 4)
    with closing(apsw.Connection(os.fspath(bench.folder / f"{MONTH}.sqlite"), vfs=VFS)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        connection.pragma("wal_checkpoint(truncate)")
    found = {(problem.seq, problem.kind) for problem in verify(bench.folder)}
    assert (seq, kind) in found
    if kind == "document":
        with pytest.raises(ArchiveDamaged) as caught:
            bench.reader().evidence(seq)
        assert not isinstance(caught.value, Disposed)


# --- damage ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_is_damaged_nothing_else_is_handed_out(bench: Bench, seed: int) -> None:
    """Bits flipped all over a volume with dictionaries, parts and tombstones: what was stored, or an error of ours."""
    await closed_month(bench, 60)
    dispose(bench.folder, *GONE)
    path = bench.folder / f"{MONTH}.sqlite"
    octets = path.read_bytes()
    with closing(Reader(bench.folder)) as reader:
        last = reader.last_seq()
        sound = {seq: found(reader, seq) for seq in range(1, last + 1)}
    assert sum(isinstance(each, str) for each in sound.values()) == len(GONE)
    chance = random.Random(seed)
    errors = 0
    for _ in range(60):
        damaged = bytearray(octets)
        for _ in range(chance.choice((1, 30, 1000))):
            damaged[chance.randrange(100, len(damaged))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with closing(Reader(bench.folder)) as reader:
            for seq in chance.sample(range(1, last + 1), 12):
                try:
                    assert found(reader, seq) == sound[seq]
                except (ArchiveDamaged, ArchiveUnavailable, KeyError):  # KeyError: no such entry
                    errors += 1
                with suppress(ArchiveDamaged, ArchiveUnavailable):
                    reader.follow(seq - 1, 5)
    assert errors


def found(reader: Reader, seq: int) -> tuple[bytes, bytes | None] | str:
    """Document and message; the columns beside them have only the ledger."""
    try:
        evidence = reader.evidence(seq)
        return evidence.document, evidence.raw
    except Disposed as error:
        return str(error)


# --- a month that was over only just now ----------------------------------------------------------------


async def test_everybody_who_had_the_month_open_while_it_was_the_newest_goes_on(bench: Bench) -> None:
    """Readers, writers and checkpointers of several processes, with a log of the old file still open."""
    bench.clock.now = OCTOBER
    one, other = bench.archive(), bench.archive()
    reader, idle = bench.reader(), bench.reader()
    raws = [b"message %d " % number * 50 for number in range(30)]
    for at, raw in enumerate(raws):
        await bench.append(one if at % 2 else other, raw)
    assert reader.last_seq() == 30
    assert [idle.raw(seq) for seq in range(1, 31)] == raws
    bench.clock.now = NOVEMBER
    await bench.append(one, b"november")
    made = dispose(bench.folder, 3)
    assert made.disposed == (3,)
    for each in (reader, idle):
        with pytest.raises(Disposed):
            each.raw(3)
        assert each.raw(4) == raws[3]
        assert [entry.seq for entry in each.follow(0, 99)] == list(range(1, 31))
    await bench.append(other, b"the other, who had October open")
    await one.aclose()
    await other.aclose()
    again = bench.archive()
    await bench.append(again, b"after a restart")
    await again.aclose()
    assert dispose(bench.folder, 3).disposed == ()
    assert list(verify(bench.folder, pages=True)) == []
    fresh = bench.reader()
    assert fresh.last_seq() == 33
    assert [fresh.raw(seq) for seq in range(1, 31) if seq != 3] == [*raws[:2], *raws[3:]]
