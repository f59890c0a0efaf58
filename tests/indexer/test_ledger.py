"""The ledger follows the archive: what is signed is what is archived, and nothing is signed over another history."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import apsw
import pytest

from gateway.archive import Archive, ArchiveDamaged, Reader, uuid7
from gateway.indexer.ledger import LedgerForked, LedgerInUse, LedgerWriter, Pace
from gateway.ledger.checkpoint import Kept
from gateway.ledger.keys import KeyFileError, load_private, new_key, save_private
from gateway.ledger.leaf import leaf_of
from gateway.ledger.ledger import Ledger
from gateway.ledger.merkle import consistency_holds, inclusion_holds

NOVEMBER = datetime(2026, 11, 22, 12, tzinfo=UTC)
ORIGIN = "harbor.example/mail"


class Nobody:
    def committed(self, entries: int, seconds: float) -> None: ...

    def failed(self, reason: str) -> None: ...


class Place:
    """An archive and its ledger."""

    def __init__(self, folder: Path) -> None:
        self.archive = folder / "archive"
        self.folder = folder / "ledger"
        self.key = self.folder / "key.pem"
        self.now = 0.0
        self._opened: list[LedgerWriter] = []

    def add(self, count: int, text: str = "message", *, month: str = "2026-11") -> None:
        """So many more messages, each with an event."""
        at = NOVEMBER.replace(month=int(month[-2:]))
        now = int(at.timestamp() * 1_000_000)

        async def append() -> None:
            archive = Archive(
                self.archive, compression_level=1, min_free=0, observer=Nobody(), clock=lambda: now
            )
            for number in range(count):
                id = uuid7(now, os.urandom(8))
                raw = f"{text} {number}\r\n".encode()
                await archive.append(id=id, received=at, document=b"{}", raw=raw)
                await archive.record(id, at, b'{"event": "relayed"}')
            await archive.aclose()

        asyncio.run(append())

    def writer(self, *, interval: float = 0.0, entries: int = 1_000_000) -> LedgerWriter:
        made = LedgerWriter(
            Reader(self.archive),
            self.folder,
            ORIGIN,
            self.key,
            Pace(interval, entries),
            clock=lambda: self.now,
        )
        self._opened.append(made)
        return made

    def signed(self) -> Kept | None:
        """What a writer that begins anew signs."""
        writer = self.writer()
        try:
            return writer.turn()
        finally:
            writer.close()

    def close(self) -> None:
        for writer in self._opened:
            writer.close()

    def tamper(self, statement: str) -> None:
        """What somebody does who may write to the volume."""
        with closing(apsw.Connection(os.fspath(self.archive / "2026-11.sqlite"))) as connection:
            for trigger in ("entry_in_sequence", "entry_never_changes", "entry_never_goes"):
                connection.execute(f"DROP TRIGGER {trigger}")
            connection.execute(statement)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


def size_of(kept: Kept | None) -> int:
    assert kept is not None
    return kept.checkpoint.size


def test_what_is_archived_is_signed_and_can_be_proven(place: Place) -> None:
    place.add(3)
    first = place.signed()
    place.add(200)
    second = place.signed()
    assert first is not None
    assert second is not None
    assert (first.checkpoint.size, second.checkpoint.size) == (6, 406)
    ledger = Ledger(place.folder)
    assert [each.checkpoint for each in ledger.checkpoints] == [first.checkpoint, second.checkpoint]
    assert all(each.note.signed_by(ledger.keys) == ledger.keys for each in ledger.checkpoints)
    assert [key.name for key in ledger.keys] == [ORIGIN]
    tree = ledger.tree()
    entries = Reader(place.archive).digests(0, 1_000)
    assert len(entries) == 406
    for entry in entries:
        path = tree.inclusion_proof(entry.seq - 1)
        assert inclusion_holds(leaf_of(*entry).hash(), entry.seq - 1, 406, path, second.checkpoint.root)
    path = tree.consistency_proof(6)
    assert consistency_holds(6, 406, path, first.checkpoint.root, second.checkpoint.root)
    tree.close()


def test_nothing_new_nothing_signed(place: Place) -> None:
    assert place.signed() is None
    place.add(1)
    assert size_of(place.signed()) == 2
    assert place.signed() is None


def test_a_checkpoint_waits_until_it_is_due(place: Place) -> None:
    place.add(1)
    writer = place.writer(interval=600, entries=10)
    assert size_of(writer.turn()) == 2
    place.add(1)
    assert writer.turn() is None
    place.now = 599.0
    assert writer.turn() is None
    place.now = 600.0
    assert size_of(writer.turn()) == 4
    place.add(5)
    assert size_of(writer.turn()) == 14  # so many new ones do not wait


def test_the_key_is_for_the_owner_only(place: Place) -> None:
    place.add(1)
    place.signed()
    assert place.key.stat().st_mode & 0o777 == 0o600


def test_a_lost_key_is_not_made_again(place: Place) -> None:
    """Another key would be as good as a forger's."""
    place.add(1)
    place.signed()
    place.key.unlink()
    place.add(1)
    with pytest.raises(KeyFileError, match="put it back"):
        place.writer().turn()


def test_a_new_key_is_vouched_for_by_the_old_one(place: Place) -> None:
    place.add(1)
    writer = place.writer()
    writer.turn()
    new = new_key(ORIGIN)
    save_private(place.key, [*load_private(place.key, ORIGIN), new])
    place.add(1)
    kept = writer.turn()
    assert kept is not None
    ledger = Ledger(place.folder)
    assert ledger.keys[-1] == new.public
    assert kept.note.signed_by(ledger.keys) == ledger.keys
    assert len(ledger.keys) == 2


@pytest.mark.parametrize(
    "content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_key_file_that_cannot_be_used(place: Place, content: bytes) -> None:
    place.add(1)
    place.signed()
    place.key.write_bytes(content)
    place.add(1)
    with pytest.raises(KeyFileError, match=r"key\.pem"):
        place.writer().turn()


def rolled_back(place: Place) -> None:
    shutil.rmtree(place.archive)
    place.add(2)


def grown_again(place: Place) -> None:
    """Rolled back, and so much mail since that it is longer than it was."""
    rolled_back(place)
    place.add(50, "another")


@pytest.mark.parametrize(
    "forge",
    [
        rolled_back,
        grown_again,
        lambda place: place.tamper("UPDATE entry SET document_sha256 = zeroblob(32) WHERE seq = 20"),
        lambda place: place.tamper("UPDATE entry SET received = received + 1 WHERE seq = 20"),
    ],
)
def test_nothing_is_signed_over_another_history(place: Place, forge: Callable[[Place], None]) -> None:
    place.add(10)
    place.signed()
    before = (place.folder / "checkpoints").read_bytes()
    forge(place)
    if forge is not rolled_back:
        place.add(1)
    for _ in range(2):
        with pytest.raises(LedgerForked):
            place.writer().turn()
        place.close()
    assert (place.folder / "checkpoints").read_bytes() == before


@pytest.mark.parametrize("file", ["level-00", "level-08"])
@pytest.mark.parametrize("fault", ["gone", "cut", "flip"])
def test_damaged_hashes_are_made_again(place: Place, file: str, fault: str) -> None:
    place.add(150)  # 300 leaves
    place.signed()
    path = place.folder / file
    octets = bytearray(path.read_bytes())
    if fault == "gone":
        path.unlink()
    elif fault == "cut":
        path.write_bytes(octets[:-33])
    else:
        octets[-5] ^= 1  # of a leaf that the root is made of directly, or of the hash above 256 of them
        path.write_bytes(octets)
    place.add(1)
    assert size_of(place.signed()) == 302
    tree = Ledger(place.folder).tree()
    expected = [leaf_of(*entry).hash() for entry in Reader(place.archive).digests(0, 400)]
    assert tree.leaves(0, 302) == expected
    tree.close()


def test_what_a_kill_left_beyond_the_checkpoint_is_made_again(place: Place) -> None:
    place.add(2)
    place.signed()
    with (place.folder / "level-00").open("ab") as file:
        file.write(b"torn" * 20)
    place.add(1)
    assert size_of(place.signed()) == 6
    tree = Ledger(place.folder).tree()
    assert tree.leaves(0, 6) == [leaf_of(*entry).hash() for entry in Reader(place.archive).digests(0, 9)]
    tree.close()


def test_hashes_that_cannot_be_made_again_stay_as_they_are(place: Place) -> None:
    """They are what tells which entry was changed."""
    place.add(10)
    place.signed()
    octets = bytearray((place.folder / "level-00").read_bytes())
    octets[-1] ^= 1
    (place.folder / "level-00").write_bytes(octets)
    place.tamper("UPDATE entry SET received = received + 1 WHERE seq = 3")
    with pytest.raises(LedgerForked, match="the first 20 entries"):
        place.writer().turn()
    assert (place.folder / "level-00").read_bytes() == octets


def test_an_entry_that_cannot_be_read_stops_it_there(place: Place) -> None:
    place.add(2)
    place.signed()
    place.add(2)
    place.tamper("UPDATE entry SET salt = NULL WHERE seq = 6")
    with pytest.raises(ArchiveDamaged, match="entry 6"):
        place.writer().turn()


def test_one_writer_at_a_time(place: Place) -> None:
    place.add(1)
    first = place.writer()
    first.turn()
    with pytest.raises(LedgerInUse):
        place.writer().turn()
    first.close()
    assert place.writer().turn() is None


def test_it_can_be_stopped_while_it_follows(place: Place) -> None:
    place.add(2)
    writer = place.writer()
    assert writer.turn(lambda: True) is None
    assert size_of(writer.turn()) == 4


def test_ids_are_those_of_the_archive(place: Place) -> None:
    place.add(1)
    message, event = Reader(place.archive).digests(0, 2)
    assert str(UUID(bytes=message.id)) in leaf_of(*message).octets().decode()
    assert event.subject == message.id


@pytest.mark.parametrize("failing", ["level-00", "level-08"])
def test_a_disk_that_fails_once(place: Place, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    """At the leaves, or at the hashes above them: the same writer goes on from the checkpoint."""
    place.add(100)
    writer = place.writer()
    writer.turn()
    place.add(100)  # beyond 256 leaves
    failed = []

    def sync(descriptor: int) -> None:
        if not failed and Path(f"/proc/self/fd/{descriptor}").readlink().name == failing:
            failed.append(descriptor)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fdatasync", sync)
    with pytest.raises(OSError, match="No space left"):
        writer.turn()
    assert Ledger(place.folder).size == 200
    assert size_of(writer.turn()) == 400
    tree = Ledger(place.folder).tree()
    assert tree.leaves(0, 400) == [leaf_of(*entry).hash() for entry in Reader(place.archive).digests(0, 400)]
    assert tree.wrong_nodes() == []
    tree.close()
