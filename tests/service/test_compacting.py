"""Closed months are compacted by the service, once, some hours after their end."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.archive import Reader
from gateway.archive.lock import FolderLock
from gateway.archive.rewriting import not_compacted
from gateway.service.compacting import Compactor
from tests.cli.installation import Installation

AUGUST, SEPTEMBER = (datetime(2026, month, 15, 15, 0, tzinfo=UTC) for month in (8, 9))
COACH, ANN = (f"{name}@harbor.example" for name in ("carla", "ann"))


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    """Two closed months."""
    made = Installation(tmp_path)
    for month in (AUGUST, SEPTEMBER):
        made.now = month
        made.keep_all(made.judged(COACH, ANN, at=month, subject=f"No {n}") for n in range(20))
    made.now = None
    made.receive(COACH, ANN, at=datetime.now(UTC))
    return made


def left(here: Installation) -> list[str]:
    return not_compacted(here.settings.storage.archive)


async def test_one_month_at_a_turn_the_oldest_first(here: Installation) -> None:
    compactor = Compactor(here.settings)
    await compactor.turn()
    assert left(here) == ["2026-09"]
    await compactor.turn()
    assert left(here) == []
    await compactor.turn()
    with closing(Reader(here.settings.storage.archive)) as reader:
        assert reader.last_seq() == 41
        assert all(reader.raw(seq) for seq in range(1, 42))


def test_not_before_a_month_has_been_over_for_some_hours(here: Installation) -> None:
    compactor = Compactor(here.settings, after=timedelta(hours=6))
    months = ["2026-08", "2026-12"]
    assert compactor.due(months, datetime(2026, 9, 1, 5, 59, tzinfo=UTC)) is None
    assert compactor.due(months, datetime(2026, 9, 1, 6, tzinfo=UTC)) == "2026-08"
    assert compactor.due(months[1:], datetime(2027, 1, 1, 5, 59, tzinfo=UTC)) is None
    assert compactor.due(months[1:], datetime(2027, 1, 1, 6, tzinfo=UTC)) == "2026-12"


async def test_what_a_broken_off_rewriting_left_is_removed_first(here: Installation) -> None:
    draft = here.settings.storage.archive / ".2026-09.rewrite"
    draft.write_bytes(b"half a volume")
    await Compactor(here.settings, after=timedelta(days=100_000)).turn()
    assert not draft.exists()
    assert left(here) == ["2026-08", "2026-09"]


async def test_a_month_that_cannot_be_compacted_waits(here: Installation) -> None:
    """And is not tried again at every turn."""
    folder = here.settings.storage.archive
    volume = folder / "2026-08.sqlite"
    octets = volume.read_bytes()
    volume.write_bytes(octets.replace(b"No 7", b"No 8"))
    compactor = Compactor(here.settings)
    await compactor.turn()
    await compactor.turn()
    assert left(here) == ["2026-08", "2026-09"]
    volume.write_bytes(octets)
    await Compactor(here.settings).turn()
    assert left(here) == ["2026-09"]


async def test_while_somebody_else_rewrites_nothing_is_done(here: Installation) -> None:
    lock = FolderLock(here.settings.storage.archive / "rewrite.lock")
    with closing(lock), lock.held():
        await Compactor(here.settings).turn()
    assert left(here) == ["2026-08", "2026-09"]


async def test_the_child_ends_with_the_service(here: Installation) -> None:
    """Stopped at some moment of its work: the archive is whole, and the next one does what is left."""
    compactor = Compactor(here.settings)
    work = asyncio.create_task(compactor.turn())
    while compactor._child is None:
        await asyncio.sleep(0)
    os.kill(compactor._child.pid, signal.SIGSTOP)  # so that it cannot be done already
    compactor.stop()
    os.kill(compactor._child.pid, signal.SIGCONT)
    await work
    assert left(here) == ["2026-08", "2026-09"]
    await compactor.turn()
    assert left(here) == ["2026-08", "2026-09"]
    with closing(Reader(here.settings.storage.archive)) as reader:
        assert all(reader.raw(seq) for seq in range(1, 42))
    await Compactor(here.settings).turn()
    assert left(here) == ["2026-09"]


async def test_where_nothing_is_to_be_compacted_leftovers_are_removed_all_the_same(
    here: Installation,
) -> None:
    """They may be of a disposal, which must not leave the old file's octets on the disk."""
    settings = here.settings
    off = settings.archive.model_copy(update={"compact": False})
    draft = settings.storage.archive / ".2026-09.rewrite"
    draft.write_bytes(b"half a volume")
    await Compactor(settings.model_copy(update={"archive": off})).turn()
    assert not draft.exists()
    assert left(here) == ["2026-08", "2026-09"]
