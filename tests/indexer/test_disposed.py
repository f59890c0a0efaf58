"""What was disposed of leaves the catalog, and a rebuild makes the same catalog of the tombstones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.indexer.follower import Follower
from gateway.message.envelope import Recipient

BATCH = "00000000-0000-4000-8000-000000000001"
EVENT = "00000000-0000-7000-9000-{:012d}"


def fill(archive: Any) -> None:
    """Entries 1 to 7: three messages with findings and fates, the third held; one is labelled."""
    first = archive.message(verdict=archive.verdict(archive.finding("own"), archive.finding("shared")))
    archive.event(first)
    second = archive.message(
        raw=b"Subject: second\r\n\r\nx\r\n", verdict=archive.verdict(archive.finding("shared"))
    )
    archive.event(second, "deferred")
    third = archive.message(recipients=(Recipient("carol@district.example"),))
    archive.add("event", EVENT.format(6), third, {"event": "held", "reply": "250 ok"})
    archive.add("event", EVENT.format(7), first, {"event": "labelled", "add": ["x"], "by": "pat"})


def dispose(archive: Any, *spans: tuple[int, int]) -> None:
    """Make tombstones of entries, and write down that they are."""
    document = {"event": "disposed", "batch": BATCH, "entries": [list(span) for span in spans]}
    for first, last in spans:
        for at in range(first - 1, last):
            archive.entries[at] = replace(archive.entries[at], document={}, sha256=None, disposed=True)
            archive.raws.pop(at + 1, None)
    archive.add("event", EVENT.format(len(archive.entries) + 1), BATCH, document)


def follow(follower: Follower) -> None:
    while follower.step().entries:
        pass


def test_a_catalog_that_forgets_is_the_one_that_tombstones_make(
    archive: Any, follower: Follower, dump: Any, tmp_path: Path
) -> None:
    fill(archive)
    follow(follower)
    before = dump(tmp_path / "catalog")
    assert {name: len(before[name]) for name in ("messages", "findings", "acts")} == {
        "messages": 3,
        "findings": 2,
        "acts": 1,
    }
    dispose(archive, (1, 2), (5, 7))
    follow(follower)
    forgot = dump(tmp_path / "catalog")
    assert [row[0] for row in forgot["messages"]] == [3]
    assert [row[0] for row in forgot["findings"]] == ["shared"]
    assert [row[2] for row in forgot["acts"]] == ["disposed"]
    assert forgot["holds"] == []
    follower.rebuild()
    assert {name for name, rows in dump(tmp_path / "catalog").items() if rows != forgot[name]} <= {"findings"}
    (live,), (rebuilt,) = forgot["findings"], dump(tmp_path / "catalog")["findings"]
    assert len([1 for one, other in zip(live, rebuilt, strict=True) if one != other]) <= 1  # detected_at


def test_everything_may_go(archive: Any, follower: Follower, dump: Any, tmp_path: Path) -> None:
    fill(archive)
    follow(follower)
    dispose(archive, (1, 7))
    follow(follower)
    forgot = dump(tmp_path / "catalog")
    assert {name for name, rows in forgot.items() if rows} == {"acts", "watermark"}
    follower.rebuild()
    assert dump(tmp_path / "catalog") == forgot


def test_nothing_of_it_is_left_in_the_file(archive: Any, follower: Follower, tmp_path: Path) -> None:
    secret = b"zanzibar-excursion"
    archive.message(raw=b"Subject: " + secret + b"\r\n\r\nx\r\n")
    archive.message()
    follow(follower)
    dispose(archive, (1, 1))
    follow(follower)
    follower.close()
    for path in (tmp_path / "catalog").rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes()
