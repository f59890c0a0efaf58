"""The indexer on the real archive: written by one side, followed by the other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import orjson
import pytest

from gateway.archive import Archive, ArchiveDamaged, ArchiveUnavailable, Reader, Reason, uuid7
from gateway.archive.entry import to_microseconds
from gateway.indexer.follower import Follower

Dump = Callable[[Path], dict[str, list[tuple[Any, ...]]]]
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Nobody:
    def committed(self, entries: int, seconds: float) -> None:
        """Ignored."""

    def failed(self, reason: str) -> None:
        """Ignored."""


@pytest.fixture
def record(tmp_path: Path, archive: Any) -> Callable[..., None]:
    """Write messages, each with an event, to a real archive in `tmp_path / "archive"`."""

    def write(count: int, *, month: int = 11) -> None:
        (tmp_path / "archive").mkdir(exist_ok=True)
        asyncio.run(_write(tmp_path / "archive", archive, count, month))

    return write


async def _write(folder: Path, made: Any, count: int, month: int) -> None:
    moment = NOON.replace(month=month)
    archive = Archive(
        folder, compression_level=1, min_free=0, observer=Nobody(), clock=lambda: to_microseconds(moment)
    )
    for number in range(count):
        received = moment + timedelta(seconds=number)
        identity = uuid7(to_microseconds(received), os.urandom(8))
        made.message(verdict=made.verdict(made.finding(f"f{month}-{number}")))
        document = orjson.dumps(made.entries[-1].document)
        await archive.append(
            id=identity, received=received, document=document, raw=made.raws[len(made.entries)]
        )
        archive.note(identity, received, b'{"event": "relayed", "reply": "250 ok", "next_hop": "mail:25"}')
    await archive.aclose()


@pytest.fixture
def reader(tmp_path: Path) -> Any:
    reader = Reader(tmp_path / "archive")
    yield reader
    reader.close()


def drain(follower: Follower) -> None:
    while follower.step().remaining:
        pass


def test_before_there_is_an_archive(reader: Reader, tmp_path: Path, logged: list[Any]) -> None:
    follower = Follower(reader, tmp_path / "catalog")
    assert follower.step().entries == 0
    follower.close()


def test_it_is_followed_over_volumes(
    record: Callable[..., None], reader: Reader, dump: Dump, tmp_path: Path, logged: list[Any]
) -> None:
    follower = Follower(reader, tmp_path / "catalog")
    record(3)
    drain(follower)
    record(2, month=12)
    drain(follower)
    found = dump(tmp_path / "catalog")
    assert len(found["messages"]) == len(found["events"]) == len(found["findings"]) == 5
    assert follower.mark.position == reader.last_seq() == 10
    follower.close()
    again = Follower(reader, tmp_path / "catalog")
    assert again.step().entries == 0
    again.rebuild()
    assert dump(tmp_path / "catalog") == found
    again.close()


@pytest.mark.parametrize(
    ("spoil", "defect"),
    [
        ("UPDATE entry SET document = '{}' WHERE seq = 3", "index-error: ArchiveDamaged"),
        ("UPDATE entry SET raw = x'00' WHERE seq = 3", "index-error: ArchiveDamaged"),
    ],
    ids=["document", "bytes"],
)
def test_a_damaged_entry_is_passed(
    record: Callable[..., None],
    reader: Reader,
    watcher: Any,
    dump: Dump,
    tmp_path: Path,
    logged: list[Any],
    spoil: str,
    defect: str,
) -> None:
    record(3)
    connection = apsw.Connection(str(tmp_path / "archive" / "2026-11.sqlite"))
    kinds = dict(connection.execute("SELECT seq, kind FROM entry"))
    connection.execute("DROP TRIGGER entry_never_changes")
    connection.execute(
        spoil.replace("seq = 3", f"seq = {[seq for seq in kinds if kinds[seq] == 'message'][1]}")
    )
    connection.close()
    follower = Follower(reader, tmp_path / "catalog", observer=watcher)
    drain(follower)
    found = dump(tmp_path / "catalog")
    assert len(found["messages"]) == 3
    assert len(found["events"]) == 3
    assert follower.mark.unindexed == 1
    assert watcher.failures == ["entry"]
    assert [defect] in found["messages"][1]
    follower.close()
    again = Follower(reader, tmp_path / "catalog")
    assert again.step().entries == 0
    again.close()


def test_damage_at_the_watermark_is_no_reason_to_rebuild(
    archive: Any, dump: Dump, tmp_path: Path, logged: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.message()
    follower = Follower(archive, tmp_path)
    drain(follower)
    follower.close()
    whole = archive.follow

    def damaged(after: int, limit: int) -> Any:
        if after == 0:
            raise ArchiveDamaged("2026-11", 1, "does not have the SHA-256 that was recorded")
        return whole(after, limit)

    monkeypatch.setattr(archive, "follow", damaged)
    archive.message()
    assert follower.step().entries == 1
    follower.close()
    assert [line["event"] for line in logged].count("catalog is rebuilt") == 0
    assert len(dump(tmp_path)["messages"]) == 2


def test_the_last_entry_damaged(
    archive: Any, watcher: Any, dump: Dump, tmp_path: Path, logged: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.message()

    def damaged(_after: int, _limit: int) -> Any:
        raise ArchiveDamaged("2026-11", 1, "page cannot be read")

    monkeypatch.setattr(archive, "follow", damaged)
    follower = Follower(archive, tmp_path, observer=watcher)
    assert follower.step().entries == 1
    follower.close()
    assert watcher.failures == ["entry"]
    assert dump(tmp_path)["messages"][0][:2] == (1, "")


@pytest.mark.parametrize(("answers", "catalogued"), [(True, True), (False, False)])
def test_bytes_that_cannot_be_read_now(
    archive: Any, watcher: Any, tmp_path: Path, logged: list[Any], answers: bool, catalogued: bool
) -> None:
    """A bad sector under one message is that message's defect; an archive out of reach is tried again."""
    archive.message()
    follower = Follower(archive, tmp_path, observer=watcher)
    follower.step()
    archive.message()
    trouble = ArchiveUnavailable(Reason.IO, "disk I/O error")

    class Failing(dict[int, bytes]):
        def __getitem__(self, seq: int) -> bytes:
            if not answers:
                archive.trouble = trouble
            raise trouble

    archive.raws = Failing()
    if catalogued:
        assert follower.step().entries == 1
        assert (follower.mark.unindexed, watcher.failures) == (1, ["entry"])
    else:
        with pytest.raises(ArchiveUnavailable):
            follower.step()
        assert (follower.mark.position, watcher.failures) == (1, [])
    follower.close()
