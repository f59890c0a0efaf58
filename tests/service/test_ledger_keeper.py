"""The office's turn at the ledger, where what it hands checkpoints to does not answer."""

from __future__ import annotations

import asyncio
import threading
from datetime import date
from pathlib import Path

import pytest

from gateway.archive import Archive
from gateway.config import LedgerSettings
from gateway.ledger import publishing
from gateway.ledger.ledger import Ledger
from gateway.ledger.note import Note
from gateway.service import ledger as module
from gateway.service.ledger import LedgerKeeper
from gateway.telemetry.metrics import Metrics
from tests.cli.installation import Installation
from tests.indexer.test_ledger import Nobody, Place


async def test_a_share_that_hangs_does_not_keep_the_next_checkpoint_from_being_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, away = Place(tmp_path / "data"), tmp_path / "away"
    settings = LedgerSettings(interval=0.001, publish=(away,))
    config = Installation(tmp_path).settings.model_copy(update={"ledger": settings})
    answers = threading.Event()

    def publish(folder: Path, note: Note, ledger: Path, day: date | None) -> bool:
        if folder == away:
            assert answers.wait(60)
        return publishing.publish(folder, note, ledger, day)

    monkeypatch.setattr(module, "publish", publish)
    archive = Archive(config.storage.archive, compression_level=1, min_free=0, observer=Nobody())
    keeper = LedgerKeeper(config, archive, Metrics())
    for size in (2, 4, 6):
        await asyncio.to_thread(place.add, 1)
        await keeper.turn()
        assert Ledger(config.storage.ledger).size == size
    assert not away.exists()
    answers.set()
    await keeper.handed_out(60)
    assert (away / "checkpoint").read_text().splitlines()[1] == "2"
    await asyncio.to_thread(place.add, 1)
    await keeper.turn()
    await keeper.handed_out(60)
    assert (away / "checkpoint").read_text().splitlines()[1] == "8"
    keeper.close()
    await archive.aclose()
