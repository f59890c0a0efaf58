"""The engine on Tantivy: the conformance suite, and what only an index on disk can do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.search.document import Document
from gateway.search.engine import IndexDamaged, IndexLocked, IndexMissing, IndexOutdated, Unanswerable, Wanted
from gateway.search.query.tree import And, Beginning, Phrase, Text
from gateway.search.tantivy import TantivySearcher, TantivyWriter, schema
from gateway.search.tantivy.place import damaged_files
from tests.search import writing
from tests.search.conformance import EVERYTHING, Conformance, Engine, letter, word


class TestTantivy(Conformance):
    @contextmanager
    def open(self, folder: Path) -> Iterator[Engine]:
        writer = TantivyWriter(folder, memory=16 * 2**20)
        try:
            searcher = TantivySearcher(folder)
            yield Engine(writer, searcher)
            searcher.close()
        finally:
            writer.close()


def filled(folder: Path, documents: int = 500) -> None:
    writer = TantivyWriter(folder)
    writer.write(
        [letter(seq, subject="field trip", body=f"w{seq} x " * 9) for seq in range(1, documents)], documents
    )
    writer.close()


def start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, writing.__file__, str(folder), *map(str, arguments)]
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=root, env={"PYTHONPATH": str(root)}
    )


@pytest.mark.parametrize("kills", [(1,), (3,), (2, 9, 1)])
@pytest.mark.parametrize("batch", [1, 7, 300])
def test_killed_while_writing(tmp_path: Path, kills: tuple[int, ...], batch: int) -> None:
    for commits in kills:
        with start(tmp_path, batch) as process:
            assert process.stdout is not None
            told = [int(process.stdout.readline()) for _ in range(commits)]
            process.kill()
            rest = process.stdout.read().split()
        known = max(told + [int(line) for line in rest])
        searcher = TantivySearcher(tmp_path)
        # What was told is there; one more commit may have been made and not told.
        assert searcher.position() in (known, known + batch)
        assert list(searcher.seqs(EVERYTHING)) == list(range(1, searcher.position() + 1))
        assert searcher.count(Text(Phrase(("plain", "words")))) == searcher.position()
        assert damaged_files(tmp_path) == ()


def test_a_full_disk(tmp_path: Path) -> None:
    with start(tmp_path, 300, 5_000) as process:
        assert process.stdout is not None
        *told, why = process.stdout.read().split()
    assert (process.returncode, why) == (0, "WriteFailed")
    assert damaged_files(tmp_path) == ()
    writer = TantivyWriter(tmp_path)
    assert writer.position() == (int(told[-1]) if told else 0)
    writer.write([letter(1_000_000)], 1_000_000)
    writer.close()


def test_commits_of_another_process(tmp_path: Path) -> None:
    with start(tmp_path, 5) as process:
        assert process.stdout is not None
        process.stdout.readline()
        searcher = TantivySearcher(tmp_path)
        for _ in range(5):
            told = int(process.stdout.readline())
            assert searcher.position() >= told
            assert searcher.count(EVERYTHING) >= told
        process.kill()


def test_another_process_writes(tmp_path: Path) -> None:
    with start(tmp_path, 5) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(IndexLocked, match="another process"):
            TantivyWriter(tmp_path)
        process.kill()
    TantivyWriter(tmp_path).close()


def test_nothing_indexed_yet(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        TantivySearcher(tmp_path)


@pytest.mark.parametrize("suffix", ["meta.json", ".idx", ".pos", ".term", ".store", ".fast", ".fieldnorm"])
@pytest.mark.parametrize("damage", ["half", "empty", "noise"])
def test_a_damaged_file(tmp_path: Path, suffix: str, damage: str) -> None:
    filled(tmp_path)
    (path,) = (
        path for path in tmp_path.iterdir() if path.name.endswith(suffix) and path.name != ".managed.json"
    )
    octets = path.read_bytes()
    path.write_bytes(
        {"half": octets[: len(octets) // 2], "empty": b"", "noise": b"\xa5" * len(octets)}[damage]
    )
    with pytest.raises(IndexDamaged, match="rebuild"):
        TantivySearcher(tmp_path)
    with pytest.raises(IndexDamaged, match="rebuild"):
        TantivyWriter(tmp_path)


@pytest.mark.parametrize("suffix", [".idx", ".pos", ".term", ".store", ".fast", ".fieldnorm"])
def test_a_missing_file(tmp_path: Path, suffix: str) -> None:
    filled(tmp_path)
    (path,) = (path for path in tmp_path.iterdir() if path.suffix == suffix)
    path.unlink()
    with pytest.raises(IndexDamaged, match="rebuild"):
        TantivySearcher(tmp_path).count(Text(Phrase(("field", "trip"))))


@pytest.mark.parametrize("suffix", [".idx", ".pos", ".term", ".store", ".fast", ".fieldnorm"])
def test_a_bit_that_flipped(tmp_path: Path, suffix: str) -> None:
    filled(tmp_path)
    assert damaged_files(tmp_path) == ()
    (path,) = (path for path in tmp_path.iterdir() if path.suffix == suffix)
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 3] ^= 1
    path.write_bytes(octets)
    assert damaged_files(tmp_path) == (path.name,)


def test_an_index_of_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MARK", "mark_0")
        filled(tmp_path)
    for made in (TantivySearcher, TantivyWriter):
        with pytest.raises(IndexOutdated, match="rebuild"):
            made(tmp_path)


def test_a_batch_with_a_document_that_cannot_be_stored(tmp_path: Path) -> None:
    writer = TantivyWriter(tmp_path)
    writer.write([letter(1)], 1)
    naive = Document(3, "id-3", datetime(2026, 1, 1))  # a time without zone
    with pytest.raises(TypeError):
        writer.write([letter(2), naive], 3)
    with pytest.raises(OverflowError):
        writer.write([letter(2), letter(3, size=2**70)], 3)
    searcher = TantivySearcher(tmp_path)
    assert (list(searcher.seqs(EVERYTHING)), searcher.position()) == ([1], 1)
    writer.write([letter(2)], 2)
    assert list(searcher.seqs(EVERYTHING)) == [1, 2]
    writer.close()


def test_a_phrase_whose_end_begins_too_many_words(tmp_path: Path) -> None:
    writer = TantivyWriter(tmp_path)
    writer.write([letter(1, body="room " + " ".join(f"w{n}" for n in range(20_000)))], 1)
    searcher = TantivySearcher(tmp_path)
    assert searcher.count(Text(Beginning(("w",)))) == 1
    with pytest.raises(Unanswerable, match="more letters"):
        searcher.count(Text(Beginning(("room", "w"))))
    assert searcher.count(Text(Beginning(("room", "w0")))) == 1
    writer.close()


def test_the_index_keeps_no_text(tmp_path: Path) -> None:
    writer = TantivyWriter(tmp_path)
    writer.write([letter(n, body="secret plan " * 500, id=f"{n}") for n in range(1, 200)], 200)
    writer.close()
    (store,) = (path for path in tmp_path.iterdir() if path.suffix == ".store")
    assert b"secret" not in store.read_bytes()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 199 * 6000 / 5


def test_times_to_the_microsecond(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 8, 1, 2, 3, 456789, tzinfo=UTC)
    writer = TantivyWriter(tmp_path)
    writer.write([letter(1, received=moment, subject="x")], 1)
    writer.close()
    with pytest.raises(RuntimeError):
        closed = TantivySearcher(tmp_path)
        closed.close()
        closed.count(And(()))
    (hit,) = TantivySearcher(tmp_path).search(word("x"), Wanted()).hits
    assert (hit.received, hit.id, hit.seq) == (moment, "id-1", 1)
