"""Nothing can be changed in an archive and its ledger that `verify` does not find, and name."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import apsw
import orjson
import pytest

from gateway.archive import Archive, Problem, Reader
from gateway.archive.rewriting import rewrite
from gateway.archive.volume import VFS, log_size, open_for_append, volume_at
from gateway.indexer.follower import Follower
from gateway.ledger.checkpoint import Checkpoint
from gateway.ledger.keys import load_private, new_key, save_private
from gateway.ledger.ledger import Ledger
from gateway.ledger.merkle import EMPTY
from gateway.records.verification.run import Subject, Verification
from tests.indexer.test_ledger import NOVEMBER, ORIGIN, Nobody
from tests.indexer.test_ledger import Place as LedgerPlace

ENTRIES = 120  # messages, each with an event, but for two in a row that say what was disposed of
GONE = (21, 22, 61, 62)  # entries

# A header and an attachment that several messages have.
FILE = (
    "Content-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(random.Random(5).randbytes(4_500)).decode().replace("\n", "\r\n")
    + "--end\r\n"
)


class Place(LedgerPlace):
    """An archive and its ledger; `gone` are the entries of which it says that they were disposed of."""

    def __init__(self, folder: Path, gone: tuple[int, ...] = ()) -> None:
        super().__init__(folder)
        self.gone = gone
        self.batch = UUID(int=17, version=4)

    def record(self, gone: Sequence[int], **other: object) -> None:
        """Archive the event that says so, or another one where nothing was disposed of."""
        document: dict[str, object] = {"event": "labelled"}
        if gone:
            permission = {"number": "RCB-117", "date": "2026-01-05"}
            document = {
                "event": "disposed",
                "batch": str(self.batch),
                "entries": [[seq, seq] for seq in gone],
                "permission": permission,
                "by": ["Pat Kim", "Lou Day"],
            }

        async def append() -> None:
            now = int(NOVEMBER.timestamp() * 1_000_000)
            archive = Archive(
                self.archive, compression_level=1, min_free=0, observer=Nobody(), clock=lambda: now
            )
            await archive.record(self.batch, NOVEMBER, orjson.dumps(document | other))
            await archive.aclose()

        asyncio.run(append())

    @property
    def unexplained(self) -> set[tuple[int | None, str]]:
        """What is found where the records of disposals are gone."""
        return {(seq, "disposed") for seq in self.gone}


def subject(place: Place, **other: object) -> Subject:
    return replace(Subject(place.archive, place.folder, ORIGIN, None), **other)  # type: ignore[arg-type]


def verified(place: Place, **other: object) -> list[Problem]:
    run = Verification(subject(place, **other), place.folder.parent / "verify.json")
    return [problem for problem in run.run() if problem is not None]


def kinds(problems: list[Problem]) -> set[tuple[int | None, str]]:
    return {(problem.seq, problem.kind) for problem in problems}


@pytest.fixture(scope="module", params=[(), GONE], ids=["as it came", "compacted, with tombstones"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An archive of which all but the last six entries are attested, by four checkpoints; nobody writes to it."""
    place = Place(tmp_path_factory.mktemp("made"), request.param)
    for count in (5, 20, 30, 1):
        text = f"{count}: some text that repeats, some text that repeats, " * 4
        place.add(count, FILE if count == 20 else text)
        if count == 1:
            place.record(place.gone[:2])
            place.record(place.gone[2:])
        place.signed()
    place.add(3)
    if place.gone:
        compacted(place)
    with closing(open_for_append(volume_at(place.archive, "2026-11"))) as connection:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    return place


def compacted(place: Place) -> None:
    """The newest volume as one that was rewritten, for which there must be a newer one for a while."""
    place.add(1, month="2026-12")
    dispose = dict.fromkeys(place.gone, place.batch)
    assert (
        rewrite(place.archive, "2026-11", dispose=dispose, is_held=lambda _seq: False).disposed == place.gone
    )
    for name in ("2026-12.sqlite", "append.lock"):
        (place.archive / name).unlink()


@pytest.fixture
def place(made: Place, tmp_path: Path) -> Iterator[Place]:
    """A copy to be changed."""
    for folder in (made.archive, made.folder):
        shutil.copytree(folder, tmp_path / folder.name)
    copy = Place(tmp_path, made.gone)
    yield copy
    copy.close()


def test_nothing_is_found_where_nothing_was_changed(place: Place) -> None:
    assert verified(place) == []
    run = Verification(subject(place), place.folder.parent / "verify.json")
    assert [problem for problem in run.run() if problem] == []
    assert (run.summary.entries, run.summary.attested, run.summary.checkpoints) == (ENTRIES, 114, 4)
    assert not run.state.exists()


def tampered(place: Place, *statements: str) -> None:
    """Changed by somebody who knows SQLite and the checksums, and puts the triggers back."""
    path = os.fspath(place.archive / "2026-11.sqlite")
    with closing(apsw.Connection(path, vfs=VFS)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
        connection.pragma("wal_checkpoint(truncate)")


SWAP = [
    "UPDATE entry SET seq = -1 WHERE seq = 31",
    "UPDATE entry SET seq = 31 WHERE seq = 41",
    "UPDATE entry SET seq = 41 WHERE seq = -1",
]
# A forger's statements, and the entries that must be named with what is wrong.
FORGERIES: list[tuple[list[str], set[tuple[int | None, str]]]] = [
    (["UPDATE entry SET received = received + 1 WHERE seq = 31"], {(31, "altered")}),
    (["UPDATE entry SET id = randomblob(16) WHERE seq = 31"], {(31, "altered")}),
    (["UPDATE entry SET subject = randomblob(16) WHERE seq = 32"], {(32, "altered")}),
    (["UPDATE entry SET salt = randomblob(16) WHERE seq = 31"], {(31, "altered")}),
    (["UPDATE entry SET size = size + 1 WHERE seq = 31"], {(31, "message"), (31, "altered")}),
    (["UPDATE entry SET document = '{}  ' WHERE seq = 31"], {(31, "document")}),
    (
        # SHA-256 of {"a":1}: a document with its digest
        [
            """UPDATE entry SET document_encoding = NULL, document = '{"a":1}', document_sha256 ="""
            " x'015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862' WHERE seq = 31"
        ],
        {(31, "altered")},
    ),
    (
        # A whole other message, with all that belongs to it.
        [
            "UPDATE entry SET (raw, encoding, sha256, size) ="
            " (SELECT raw, encoding, sha256, size FROM entry WHERE seq = 33) WHERE seq = 31"
        ],
        {(31, "altered")},
    ),
    (SWAP, {(31, "altered"), (41, "altered")}),
    (["DELETE FROM entry WHERE seq = 31"], {(31, "gap"), (31, "altered")}),
    (["DELETE FROM entry WHERE seq = 119"], {(119, "gap")}),
    (["DELETE FROM entry WHERE seq = 1"], {(1, "gap"), (1, "altered")}),
    (
        ["DELETE FROM entry WHERE seq > 110"],
        {(111, "rollback")},
    ),
    (
        ["DELETE FROM entry WHERE seq = 31", "UPDATE entry SET seq = 31 WHERE seq = 120"],
        {(31, "altered")},
    ),
    (
        [
            "INSERT INTO entry SELECT 0, kind, id, subject, received, document_encoding, document, document_sha256,"
            " sha256, size, salt, encoding, raw FROM entry WHERE seq = 3"
        ],
        {(0, "extra")},
    ),
    (["UPDATE volume SET first_seq = 2"], {(1, "gap"), (1, "extra"), (1, "altered")}),
    (["UPDATE volume SET month = '2026-10'"], {(None, "layout")}),
    (["DROP INDEX entry_subject"], {(None, "layout")}),
    (["CREATE TABLE more (x)"], {(None, "layout")}),
]


@pytest.mark.parametrize(("statements", "expected"), FORGERIES)
def test_a_forgery_is_found_and_named(
    place: Place, statements: list[str], expected: set[tuple[int | None, str]]
) -> None:
    tampered(place, *statements)
    lost = place.unexplained if (111, "rollback") in expected else set()
    assert kinds(verified(place)) == expected | lost


def test_a_dropped_trigger_is_found(place: Place) -> None:
    with closing(apsw.Connection(os.fspath(place.archive / "2026-11.sqlite"), vfs=VFS)) as connection:
        connection.execute("DROP TRIGGER entry_never_changes")
    (problem,) = verified(place)
    assert "trigger entry_never_changes is missing" in problem.text


def renumbered(seq: int) -> list[str]:
    """An entry taken out, and all behind it moved up, so that no number is missing."""
    return [
        f"DELETE FROM entry WHERE seq = {seq}",
        f"UPDATE entry SET seq = -seq WHERE seq > {seq}",
        "UPDATE entry SET seq = -seq - 1 WHERE seq < 0",
    ]


def test_an_entry_taken_out_of_a_renumbered_archive(place: Place) -> None:
    tampered(place, *renumbered(50))
    found = verified(place)
    assert {problem.seq for problem in found if problem.kind == "altered"} == set(range(50, 115))


def rewritten(place: Place, count: int) -> None:
    """Archive and tree rewritten by somebody who cannot sign: the checkpoints stay as they were."""
    tampered(place, f"UPDATE entry SET received = received + 1 WHERE seq = {count}")
    ledger = Ledger(place.folder)
    for level in place.folder.glob("level-*"):
        level.unlink()
    checkpoints = (place.folder / "checkpoints").read_bytes()
    (place.folder / "checkpoints").unlink()
    writer = place.writer()
    writer.turn()
    writer.close()
    os.truncate(place.folder / "level-00", ledger.size * 32)
    (place.folder / "checkpoints").write_bytes(checkpoints)


def test_archive_and_tree_rewritten_together_are_a_fork(place: Place) -> None:
    """What is wrong cannot be named any closer than by the checkpoints before and after."""
    rewritten(place, 31)
    forks = [problem for problem in verified(place) if problem.kind == "fork"]
    assert [problem.seq for problem in forks] == [11, 11, 11]
    assert "entries 11 to 50 are not what was signed" in forks[0].text


def test_all_rewritten_and_signed_anew_with_the_key_is_told_by_a_checkpoint_kept_elsewhere(
    place: Place, tmp_path: Path
) -> None:
    """Somebody who has everything, the key as well, but not what was published."""
    kept = tmp_path / "kept"
    ledger = Ledger(place.folder)
    kept.write_text(str(ledger.checkpoints[1].note))
    tampered(place, "UPDATE entry SET received = received + 1 WHERE seq = 31")
    for file in (*place.folder.glob("level-*"), place.folder / "checkpoints"):
        file.unlink()
    place.signed()
    assert verified(place) == []
    problem, *others = verified(place, published=[kept])
    assert (problem.seq, problem.kind) == (1, "fork")
    assert kinds(others) == place.unexplained  # the records of disposals are in question as well
    assert f"entries 1 to 50 are not what was signed: {kept}" in problem.text


def test_a_copy_that_sqlite_made_is_checked_all_the_same(place: Place, tmp_path: Path) -> None:
    """SQLite's backup changes two numbers of the first page and not its checksum. A damaged page still shows."""
    path, copy = place.archive / "2026-11.sqlite", tmp_path / "copy.sqlite"
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    copy.rename(path)
    assert {(problem.seq, problem.kind) for problem in verified(place)} <= {(None, "pages")}
    octets = path.read_bytes()
    with closing(sqlite3.connect(path)) as reader:
        ((salt,),) = reader.execute("SELECT salt FROM entry WHERE seq = 31")
    flip(path, octets.rindex(salt), 1)
    assert {(31, "altered"), (31, "pages")} <= kinds(verified(place))


def test_a_rollback_of_archive_and_ledger_is_told_by_a_checkpoint_kept_elsewhere(
    place: Place, tmp_path: Path
) -> None:
    """An older state of the whole machine, put back from its backup."""
    kept = tmp_path / "kept"
    newest = Ledger(place.folder).newest
    assert newest is not None
    kept.write_text(str(newest.note))
    tampered(place, "DELETE FROM entry WHERE seq > 50")
    text = (place.folder / "checkpoints").read_text().split("\n\n")
    (place.folder / "checkpoints").write_text("\n\n".join(text[:4]) + "\n\n")
    lost = {(seq, kind) for seq, kind in place.unexplained if seq is not None and seq <= 50}
    assert kinds(verified(place)) == lost
    assert kinds(verified(place, published=[kept])) == {(51, "rollback"), *lost}


def test_another_ledger_s_checkpoint(place: Place, tmp_path: Path) -> None:
    other = Place(tmp_path / "other")
    other.add(2)
    kept = other.signed()
    assert kept is not None
    (tmp_path / "kept").write_text(str(kept.note))
    found = verified(place, published=[tmp_path / "kept"])
    assert {problem.kind for problem in found} == {"checkpoint"}
    assert "no signature of a known key" in found[0].text


def flip(path: Path, at: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        octet = file.read(1)[0]
        file.seek(at)
        file.write(bytes([octet ^ 1 << bit]))


@pytest.mark.parametrize("seed", range(4))
def test_any_bit_of_a_volume(made: Place, tmp_path: Path, seed: int) -> None:
    """Two thousand of them, all over the file: what holds entries, what leads to them, and what holds nothing."""
    copy = Place(tmp_path)
    shutil.copytree(made.folder, copy.folder)
    copy.archive.mkdir()
    source = made.archive / "2026-11.sqlite"
    assert log_size(volume_at(made.archive, "2026-11")) == 0
    path = copy.archive / source.name
    shutil.copy(source, path)
    size = path.stat().st_size
    chance = random.Random(seed)
    for _ in range(500):
        at, bit = chance.randrange(size), chance.randrange(8)
        flip(path, at, bit)
        assert verified(copy), f"octet {at}, bit {bit}"
        flip(path, at, bit)
    assert verified(copy) == []


def test_any_bit_of_an_entry_is_named_with_its_number(made: Place, tmp_path: Path) -> None:
    """Wherever the octets of a column stand in the file (pages keep remains of what moved elsewhere)."""
    copy = Place(tmp_path)
    shutil.copytree(made.folder, copy.folder)
    shutil.copytree(made.archive, copy.archive)
    path = copy.archive / "2026-11.sqlite"
    octets = path.read_bytes()
    names = ("id", "salt", "document_sha256", "sha256", "raw")
    chance = random.Random(11)
    with closing(apsw.Connection(os.fspath(path), vfs=VFS)) as connection:
        rows = connection.execute(
            f"SELECT seq, {', '.join(names)} FROM entry WHERE kind = 'message' AND seq <= 114 AND raw IS NOT NULL"
        ).fetchall()
    for seq, *columns in rows:
        for name, value in zip(names, columns, strict=True):
            at, bit = chance.randrange(len(value)), chance.randrange(8)
            changed = value[:at] + bytes([value[at] ^ 1 << bit]) + value[at + 1 :]
            path.write_bytes(octets.replace(value, changed))
            # Some bits of a compressed frame change nothing of what comes out of it; the page's checksum knows them.
            named = {problem.seq for problem in verified(copy, pages=name == "raw")}
            assert seq in named, f"{name}, octet {at}, bit {bit}"
            assert named == {seq} or name in ("raw", "id", "document_sha256"), f"{name} of {seq}"


@pytest.mark.parametrize("file", ["level-00", "checkpoints", "keys"])
def test_any_bit_of_the_ledger(made: Place, tmp_path: Path, file: str) -> None:
    copy = Place(tmp_path)
    shutil.copytree(made.folder, copy.folder)
    shutil.copytree(made.archive, copy.archive)
    path = copy.folder / file
    size = min(path.stat().st_size, 114 * 32)
    chance = random.Random(13)
    for _ in range(250):
        at, bit = chance.randrange(size), chance.randrange(8)
        flip(path, at, bit)
        found = verified(copy, pages=False)
        assert found, f"octet {at}, bit {bit}"
        if file == "level-00":
            assert kinds(found) == {(at // 32 + 1, "ledger")}
        flip(path, at, bit)
    assert verified(copy) == []


def test_the_ledger_s_upper_hashes(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.add(260)
    place.signed()
    flip(place.folder / "level-08", 40, 3)
    (problem,) = verified(place)
    assert (problem.kind, problem.text) == ("ledger", "level-08: 1: not the hash of what is below it")


def test_a_lost_volume(tmp_path: Path) -> None:
    """And what is behind it is still checked."""
    place = Place(tmp_path)
    writer = place.writer()
    for month in ("2026-09", "2026-10", "2026-11"):
        place.add(3, month, month=month)
        writer.turn()
    writer.close()
    (place.archive / "2026-10.sqlite").unlink()
    tampered(place, "UPDATE entry SET received = received + 1 WHERE seq = 14")
    found = kinds(verified(place))
    assert found == {(7, "gap"), *((seq, "altered") for seq in (*range(7, 13), 14))}


def test_several_processes_find_the_same(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    tampered(place, *SWAP)
    alone = verified(place)
    run = Verification(subject(place), place.folder.parent / "verify.json", processes=2)
    assert [problem for problem in run.run() if problem] == alone


@pytest.mark.parametrize("broken_off", [1, 5, 11])
def test_a_run_that_was_broken_off_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch, broken_off: int
) -> None:
    """And finds the rest, once, also where mail came in meanwhile."""
    monkeypatch.setattr("gateway.records.verification.pieces.ENTRIES", 10)
    tampered(place, "UPDATE entry SET received = received + 1 WHERE seq IN (7, 31, 95)")
    whole = verified(place)
    assert {problem.seq for problem in whole} == {7, 31, 95}
    run = Verification(subject(place), place.folder.parent / "verify.json").run()
    found = []
    pieces = 0
    while pieces < broken_off:
        problem = next(run)
        pieces += problem is None
        found += [problem] if problem else []
    run.close()
    place.add(4)
    rest = Verification(subject(place), place.folder.parent / "verify.json")
    found += [problem for problem in rest.run(resume=True) if problem]
    assert found == whole
    assert rest.summary.entries == ENTRIES + 8
    assert any("resumed" in note for note in rest.summary.notes)


@pytest.mark.parametrize("state", [b"", b"{}", b'{"comparison": {"seq": "x"}}', b"\xff"])
def test_a_state_that_is_none_begins_anew(place: Place, state: bytes) -> None:
    run = Verification(subject(place), place.folder.parent / "verify.json")
    run.state.write_bytes(state)
    assert [problem for problem in run.run(resume=True) if problem] == []
    assert run.summary.entries == ENTRIES


def test_a_key_that_nobody_vouches_for_is_told(place: Place) -> None:
    place.key.unlink()
    save_private(place.key, [new_key(ORIGIN)])
    place.signed()
    run = Verification(subject(place), place.folder.parent / "verify.json")
    assert [problem for problem in run.run() if problem] == []
    assert any("no older key vouches" in note for note in run.summary.notes)


def test_an_archive_of_which_nothing_was_signed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.add(2)
    run = Verification(subject(place), tmp_path / "verify.json")
    assert [problem for problem in run.run() if problem] == []
    assert any("nothing was signed yet" in note for note in run.summary.notes)


def test_checkpoints_of_nothing_and_of_one_size(place: Place, tmp_path: Path) -> None:
    ledger = Ledger(place.folder)
    key = load_private(place.key, ORIGIN)
    empty, same = tmp_path / "empty", tmp_path / "same"
    empty.write_text(str(Checkpoint(ORIGIN, 0, EMPTY).signed(key)))
    same.write_text(str(ledger.checkpoints[1].note))
    assert verified(place, published=[empty, same, same]) == []
    empty.write_text(str(Checkpoint(ORIGIN, 0, bytes(32)).signed(key)))
    assert kinds(verified(place, published=[empty])) == {(1, "fork"), *place.unexplained}


# --- what was disposed of -----------------------------------------------------------------------------------


@pytest.fixture
def disposed(tmp_path: Path) -> Iterator[Place]:
    """A closed month of 20 messages, two of them disposed of, and no record of it yet; all of it attested."""
    place = Place(tmp_path, (3, 4, 9, 10))
    place.add(20, month="2026-10")
    place.add(1)
    rewrite(
        place.archive, "2026-10", dispose=dict.fromkeys(place.gone, place.batch), is_held=lambda _seq: False
    )
    place.signed()
    yield place
    place.close()


def run_of(place: Place, **other: object) -> tuple[list[Problem], Verification]:
    run = Verification(subject(place, **other), place.folder.parent / "verify.json")
    return [problem for problem in run.run() if problem], run


def test_what_was_disposed_of_must_be_on_record_and_is_told(disposed: Place) -> None:
    found, run = run_of(disposed)
    assert kinds(found) == disposed.unexplained
    assert "no record says that batch" in found[0].text
    assert run.summary.disposals == []

    disposed.record((3, 4))
    assert kinds(verified(disposed)) == {(9, "disposed"), (10, "disposed")}
    disposed.record((9, 10))
    found, run = run_of(disposed)
    assert found == []
    assert any("entry 43, is not attested by a checkpoint yet" in note for note in run.summary.notes)
    disposed.signed()
    found, run = run_of(disposed)
    assert (found, run.summary.notes) == ([], [])
    (told,) = run.summary.disposals
    assert (told.batch, told.entries, told.permission, told.date, told.by) == (
        str(disposed.batch),
        4,
        "RCB-117",
        "2026-01-05",
        ["Pat Kim", "Lou Day"],
    )
    assert told.at == NOVEMBER.isoformat()


@pytest.mark.parametrize(
    "other",
    [
        {"batch": str(UUID(int=18, version=4))},
        {"event": "labelled"},
        {"event": "disposal-proposed"},
        {"entries": [[5, 6]]},
        {"entries": "all"},
        {"entries": [[3]]},
    ],
)
def test_a_record_of_something_else_is_none(disposed: Place, other: dict[str, object]) -> None:
    disposed.record(disposed.gone, **other)
    disposed.signed()
    assert kinds(verified(disposed)) == disposed.unexplained


def test_a_record_by_another_subject_is_none(disposed: Place) -> None:
    """The act of a batch is about the batch."""
    disposed.record(disposed.gone, batch=str(disposed.batch))
    disposed.signed()
    tampered(disposed, "UPDATE entry SET subject = randomblob(16) WHERE seq = 43")
    assert kinds(verified(disposed)) == {(43, "altered"), *disposed.unexplained}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET received = received + 1 WHERE seq = 43",
        "UPDATE entry SET document = replace(document, 'RCB', 'ABC') WHERE seq = 43",
        "UPDATE entry SET salt = randomblob(16) WHERE seq = 43",
    ],
)
def test_a_record_that_was_changed_explains_nothing(disposed: Place, statement: str) -> None:
    disposed.record(disposed.gone)
    disposed.signed()
    tampered(disposed, statement)
    found = verified(disposed)
    assert disposed.unexplained < kinds(found)
    assert {seq for seq, _ in kinds(found) - disposed.unexplained} == {43}


def test_what_is_disposed_of_while_a_run_goes_on_is_explained_by_what_comes_in_meanwhile(
    disposed: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.records.verification.pieces.ENTRIES", 10)
    run = Verification(subject(disposed), disposed.folder.parent / "verify.json")
    pieces = run.run()
    assert next(pieces) is None
    disposed.record(disposed.gone)
    assert [problem for problem in pieces if problem] == []
    assert [each.entries for each in run.summary.disposals] == [4]
    assert run.summary.entries == 42


def test_an_execution_that_was_broken_off_is_told(disposed: Place) -> None:
    disposed.record(disposed.gone, event="disposal-begun")
    disposed.record((3, 4))
    disposed.signed()
    found, run = run_of(disposed)
    assert found == []
    assert any(
        "2 entries, from 9 on, are destroyed" in note and "goes on" in note for note in run.summary.notes
    )


def test_what_was_put_back_from_a_backup_is_told(disposed: Place) -> None:
    disposed.record((3, 4, 5, 6, 9, 10))
    disposed.signed()
    found, run = run_of(disposed)
    assert found == []
    assert any("2 entries, from 5 on, are there again" in note for note in run.summary.notes)


@pytest.mark.parametrize("column", ["document", "content", "batch"])
def test_any_bit_of_a_tombstone(disposed: Place, column: str) -> None:
    disposed.record(disposed.gone)
    disposed.signed()
    path = disposed.archive / "2026-10.sqlite"
    octets = path.read_bytes()
    with closing(apsw.Connection(os.fspath(path), vfs=VFS)) as connection:
        rows = connection.execute(f"SELECT seq, {column} FROM disposed WHERE {column} IS NOT NULL").fetchall()
    assert len(rows) == (2 if column == "content" else 4)
    for seq, value in rows:
        for at in range(len(value)):
            changed = value[:at] + bytes([value[at] ^ 1 << at % 8]) + value[at + 1 :]
            path.write_bytes(octets.replace(value, changed))
            found = kinds(verified(disposed, pages=False))
            if column == "batch":
                assert {(each, "disposed") for each, _ in rows} == found
            else:
                assert found == {(seq, "altered")}, f"octet {at}"


@pytest.mark.parametrize("broken_off", [1, 3, 5])
def test_records_are_remembered_by_a_run_that_is_resumed(
    disposed: Place, monkeypatch: pytest.MonkeyPatch, broken_off: int
) -> None:
    monkeypatch.setattr("gateway.records.verification.pieces.ENTRIES", 10)
    disposed.record((3, 4))
    disposed.signed()
    run = Verification(subject(disposed), disposed.folder.parent / "verify.json").run()
    for _ in range(broken_off):
        assert next(run) is None
    run.close()
    rest = Verification(subject(disposed), disposed.folder.parent / "verify.json")
    assert kinds([problem for problem in rest.run(resume=True) if problem]) == {
        (9, "disposed"),
        (10, "disposed"),
    }
    assert [each.entries for each in rest.summary.disposals] == [4]


def test_what_was_disposed_of_must_not_be_in_the_catalog(disposed: Place) -> None:
    disposed.record(disposed.gone)
    disposed.signed()
    catalog = disposed.folder.parent / "catalog"

    def follow() -> None:
        with closing(Reader(disposed.archive)) as reader, closing(Follower(reader, catalog)) as follower:
            while follower.step().remaining:
                pass

    follow()
    assert verified(disposed, catalog=catalog) == []
    database = (catalog / "catalog.sqlite").resolve()
    with closing(sqlite3.connect(database)) as connection, connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(messages)")]
        chosen = ", ".join("3" if name == "seq" else "'00000000-0000-4000-8000-000000000000'" if name == "id" else name
                           for name in names)  # fmt: skip
        connection.execute(f"INSERT INTO messages SELECT {chosen} FROM messages WHERE seq = 1")
    (problem,) = verified(disposed, catalog=catalog)
    assert (problem.seq, problem.kind) == (3, "catalog")
    assert "disposed of, and is still in the catalog" in problem.text
