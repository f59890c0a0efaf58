"""Damage: a torn log ends the archive earlier, never in a torn entry; what changed later is found and named."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from gateway.archive import ArchiveDamaged, Problem, Reader, verify

if TYPE_CHECKING:
    from conftest import Bench

TRIGGERS = ("entry_never_changes", "entry_never_goes", "entry_in_sequence")


def read_all(folder: Path) -> list[bytes]:
    """The octets of every message, in sequence."""
    with closing(Reader(folder)) as reader:
        return [reader.raw(seq) for seq in range(1, reader.last_seq() + 1)]


@pytest.mark.parametrize("fault", ["cut", "flip", "zeros"])
async def test_a_torn_log_leaves_a_prefix(bench: Bench, tmp_path: Path, fault: str) -> None:
    """The log of a crashed machine, damaged from some octet on.

    An entry that was acknowledged when the log was so many octets long is there if the damage begins after them;
    whatever else is there is whole, and nothing is missing before it.
    """
    archive = bench.archive()
    log = bench.folder / "2026-11.sqlite-wal"
    moments = random.Random(fault)
    messages: list[bytes] = []
    lengths: list[int] = []
    for _ in range(20):
        messages.append(moments.randbytes(moments.choice((10, 3_000, 40_000))))
        await bench.append(archive, messages[-1])
        lengths.append(log.stat().st_size)
    for attempt in range(25):
        at = moments.randrange(lengths[-1])
        torn = tmp_path / f"{fault}-{attempt}"
        torn.mkdir()
        for name in ("2026-11.sqlite", "2026-11.sqlite-wal"):
            shutil.copy(bench.folder / name, torn)
        damage(torn / log.name, at, fault)
        found = read_all(torn)
        assert found == messages[: len(found)]
        assert len(found) >= sum(length <= at for length in lengths)
        assert list(verify(torn, pages=True)) == []


def damage(file: Path, at: int, fault: str) -> None:
    with file.open("r+b") as stream:
        if fault == "cut":
            stream.truncate(at)
            return
        stream.seek(at)
        octet = stream.read(1)
        stream.seek(at)
        stream.write(bytes([octet[0] ^ 0x55]) if fault == "flip" else b"\0" * 8192)


async def five_messages(bench: Bench) -> Path:
    """A closed archive of five messages; returns its volume."""
    archive = bench.archive(compression_level=0)
    for n in range(5):
        await bench.append(archive, f"message {n} ".encode() * 2000, envelope=f"envelope {n}")
    await archive.aclose()
    return bench.folder / "2026-11.sqlite"


def tamper(*statements: str) -> Callable[[Path], None]:
    def change(volume: Path) -> None:
        with closing(apsw.Connection(os.fspath(volume))) as connection:
            for trigger in TRIGGERS:
                connection.execute(f"DROP TRIGGER {trigger}")
            for statement in statements:
                connection.execute(statement)

    return change


def flip(text: bytes) -> Callable[[Path], None]:
    """Change one octet of a text wherever the file has it (pages keep remains of what moved elsewhere)."""

    def change(volume: Path) -> None:
        data = volume.read_bytes()
        assert text in data
        volume.write_bytes(data.replace(text, bytes([text[0] ^ 1]) + text[1:]))

    return change


@pytest.mark.parametrize(
    ("change", "seq", "kind", "why"),
    [
        (flip(b"message 2 message 2"), 3, "message", "SHA-256"),
        (flip(b"envelope 2"), 3, "document", "SHA-256"),
        (tamper("DELETE FROM entry WHERE seq = 3"), 3, "gap", "entry 3 is missing"),
        (tamper("DELETE FROM entry WHERE seq IN (3, 4)"), 3, "gap", "entries 3 to 4 are missing"),
        (tamper("UPDATE entry SET size = size - 1 WHERE seq = 3"), 3, "message", "octets"),
        (tamper("UPDATE entry SET raw = NULL WHERE seq = 3"), 3, "message", "message"),
        (tamper("UPDATE entry SET encoding = 'zstd' WHERE seq = 3"), 3, "message", "decompress"),
        (tamper("UPDATE entry SET document = '{' WHERE seq = 3"), 3, "document", "SHA-256"),
        (tamper("UPDATE entry SET document = CAST(x'ff' AS TEXT) WHERE seq = 3"), 3, "document", "SHA-256"),
    ],
)
async def test_verify_finds_it(
    bench: Bench, change: Callable[[Path], None], seq: int, kind: str, why: str
) -> None:
    change(await five_messages(bench))
    (problem,) = verify(bench.folder)
    assert (problem.volume, problem.seq, problem.kind) == ("2026-11", seq, kind)
    assert why in problem.text


async def test_a_damaged_message_is_not_handed_out(bench: Bench) -> None:
    flip(b"message 2 message 2")(await five_messages(bench))
    reader = bench.reader()
    with pytest.raises(ArchiveDamaged, match=r"2026-11: entry 3: .*SHA-256") as caught:
        reader.raw(3)
    assert (caught.value.volume, caught.value.seq) == ("2026-11", 3)
    assert reader.raw(4).startswith(b"message 3")


async def test_a_damaged_document_is_passed_over(bench: Bench) -> None:
    flip(b"envelope 2")(await five_messages(bench))
    reader = bench.reader()
    assert [entry.seq for entry in reader.follow(0, 9)] == [1, 2]
    with pytest.raises(ArchiveDamaged) as caught:
        reader.follow(2, 9)
    assert [entry.seq for entry in reader.follow(caught.value.seq, 9)] == [4, 5]


async def test_digests_end_where_something_is_wrong(bench: Bench) -> None:
    """For the ledger, in which no entry may be passed over."""
    folder = await five_messages(bench)
    sound = bench.reader().digests(0, 9)
    assert [each.seq for each in sound] == [1, 2, 3, 4, 5]
    assert sound[2].sha256 == bytes.fromhex((bench.reader().entry(3) or pytest.fail()).sha256 or "")
    assert len({each.salt for each in sound}) == 5
    tamper("UPDATE entry SET salt = NULL WHERE seq = 3; DELETE FROM entry WHERE seq = 5")(folder)
    reader = bench.reader()
    assert reader.digests(0, 9) == sound[:2]
    with pytest.raises(ArchiveDamaged, match="entry 3: an id, a salt or a digest is missing"):
        reader.digests(2, 9)
    assert reader.digests(3, 9) == sound[3:4]
    assert reader.digests(4, 9) == []


async def test_digests_do_not_pass_over_a_lost_volume(bench: Bench) -> None:
    archive = bench.archive()
    for month in (9, 10, 11):
        bench.clock.now = bench.clock.now.replace(month=month)
        await bench.append(archive, b"x")
    await archive.aclose()
    (bench.folder / "2026-10.sqlite").unlink()
    with pytest.raises(ArchiveDamaged, match="entry 2: entry is missing"):
        bench.reader().digests(1, 9)


async def test_a_damaged_page_is_passed_over(bench: Bench) -> None:
    archive = bench.archive(compression_level=0)
    for n in range(200):
        await bench.append(archive, f"message {n:03} ".encode() * 200)
    await archive.aclose()
    volume = bench.folder / "2026-11.sqlite"
    data = bytearray(volume.read_bytes())
    page = data.index(b"message 100") // 16384 * 16384
    data[page : page + 16384] = os.urandom(16384)
    volume.write_bytes(data)
    reader = bench.reader()
    seen: list[int] = []
    damaged: list[int] = []
    after = 0
    while after < 200:
        try:
            entries = reader.follow(after, 50)
            seen += [entry.seq for entry in entries]
            after = seen[-1]
        except ArchiveDamaged as error:
            damaged.append(error.seq)
            after = error.seq
    assert 101 in damaged
    assert sorted(seen + damaged) == list(range(1, 201))
    assert len(damaged) < 20
    problems = list(verify(bench.folder, pages=True))
    assert {problem.kind for problem in problems} >= {"unreadable", "pages"}


async def test_a_lost_volume_is_found(bench: Bench) -> None:
    archive = bench.archive()
    for month in (9, 10, 11):
        bench.clock.now = bench.clock.now.replace(month=month)
        await bench.append(archive, b"x")
    await archive.aclose()
    (bench.folder / "2026-10.sqlite").unlink()
    assert list(verify(bench.folder)) == [Problem("2026-11", 2, "gap", "entry 2 is missing")]


async def test_an_unreadable_volume_does_not_hide_the_others(bench: Bench) -> None:
    archive = bench.archive()
    for month in (9, 10, 11):
        bench.clock.now = bench.clock.now.replace(month=month)
        await bench.append(archive, b"x")
    await archive.aclose()
    (bench.folder / "2026-10.sqlite").write_bytes(b"ransom")
    (problem,) = verify(bench.folder)
    assert (problem.volume, problem.seq, problem.kind) == ("2026-10", None, "unreadable")
