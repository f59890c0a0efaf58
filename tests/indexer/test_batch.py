"""Bad entries pass; what fails for all alike does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from gateway.catalog import queries
from gateway.catalog.reader import Catalog
from gateway.indexer import projection
from gateway.indexer.follower import Follower

Dump = Callable[[Path], dict[str, list[tuple[Any, ...]]]]


def catalogued(folder: Path) -> list[tuple[Any, ...]]:
    """Sequence number, whether indexed, defects and senders of every message."""
    catalog = Catalog(folder)
    with catalog.connect() as connection:
        found = [queries.message(connection, str(seq)) for seq in range(1, 20)]
    catalog.close()
    return [(row["seq"], row["indexed"], row["defects"], row["mail_from"]) for row in found if row]


GOOD = "alice@out.example"


def spoil_raw(archive: Any) -> None:
    archive.raws[2] = OSError("checksum differs")


def spoil_envelope(archive: Any) -> None:
    archive.entries[1].document["envelope"] = {"recipients": 7, "mail_from": GOOD}


def spoil_document(archive: Any) -> None:
    archive.entries[1].document.clear()


def spoil_client(archive: Any) -> None:
    archive.entries[1].document["envelope"]["client"] = "nobody"


@pytest.mark.parametrize(
    ("spoil", "row"),
    [
        (spoil_raw, (2, False, ["index-error: OSError"], GOOD)),
        (spoil_envelope, (2, False, ["index-error: TypeError"], "")),
        (spoil_document, (2, False, ["index-error: TypeError"], "")),
        (spoil_client, (2, False, ["index-error: AttributeError"], "")),
    ],
)
def test_a_bad_entry_passes_and_says_so(
    follower: Follower,
    archive: Any,
    watcher: Any,
    logged: list[Any],
    tmp_path: Path,
    spoil: Callable[[Any], None],
    row: tuple[Any, ...],
) -> None:
    for _ in range(3):
        archive.message()
    spoil(archive)
    assert follower.step().entries == 3
    good = [(1, True, [], GOOD), (3, True, [], GOOD)]
    assert sorted([*good, row]) == catalogued(tmp_path / "catalog")
    assert watcher.failures == ["entry"]
    assert follower.mark.unindexed == 1
    (line,) = [line for line in logged if line["event"] == "entry not indexed"]
    assert (line["seq"], line["id"]) == (2, archive.entries[1].id)
    assert "@" not in str(line)


def test_an_event_or_an_unknown_kind_that_makes_no_sense_is_passed(
    follower: Follower, archive: Any, watcher: Any, tmp_path: Path
) -> None:
    archive.add("event", "e1", "m1", {"no": "event"})
    archive.add("event", "e2", "m1", {"event": "relayed", "seconds": "soon"})
    archive.add("checkpoint", "c1", "", {})
    archive.message()
    assert follower.step().entries == 4
    assert follower.mark.position == 4
    assert [row[0] for row in catalogued(tmp_path / "catalog")] == [4]
    assert watcher.failures == ["entry"] * 3


def test_each_entry_by_itself_where_one_is_refused(
    follower: Follower,
    archive: Any,
    watcher: Any,
    dump: Dump,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A row that no check foresaw: a number beyond 64 bits. Its neighbours do not suffer."""
    whole = projection.message

    def overflowing(entry: Any, raw: bytes) -> projection.Projected:
        got = whole(entry, raw)
        assert got.message is not None
        return got if entry.seq != 3 else projection.Projected(3, got.id, {**got.message, "size": 2**70})

    monkeypatch.setattr(projection, "message", overflowing)
    for _ in range(3):
        archive.event(archive.message())
    assert follower.step().entries == 6
    assert watcher.failures == ["entry"]
    assert catalogued(tmp_path / "catalog")[1] == (3, False, ["index-error: OverflowError"], "")
    assert len(dump(tmp_path / "catalog")["events"]) == 3
    assert follower.mark.messages == 3


def test_an_entry_that_is_refused_in_any_form_is_passed(
    follower: Follower, archive: Any, watcher: Any, tmp_path: Path
) -> None:
    for _ in range(3):
        archive.message()

    def refuse(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("INSERT INTO messages") and archive.entries[1].id in str(parameters):
            raise ValueError("never")

    event.listen(Engine, "before_cursor_execute", refuse)
    try:
        assert follower.step().entries == 3
    finally:
        event.remove(Engine, "before_cursor_execute", refuse)
    assert [row[0] for row in catalogued(tmp_path / "catalog")] == [1, 3]
    assert watcher.failures == ["entry", "entry"]
    assert follower.mark.position == 3


def test_a_gap_is_told_and_passed(follower: Follower, archive: Any, watcher: Any, logged: list[Any]) -> None:
    for _ in range(3):
        archive.message()
    del archive.entries[1]
    assert follower.step().entries == 2
    assert watcher.failures == ["gap"]
    assert [line for line in logged if line["event"] == "gap in archive"]


def test_a_clock_that_lags_makes_no_negative_lag(tmp_path: Path, archive: Any, watcher: Any) -> None:
    archive.message()
    early = archive.entries[0].received - timedelta(hours=1)
    follower = Follower(archive, tmp_path, observer=watcher, clock=lambda: early)
    follower.step()
    follower.close()
    assert watcher.lags == [(1, 0.0), (0, 0.0)]
