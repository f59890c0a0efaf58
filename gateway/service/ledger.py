"""The ledger, as the office's process writes it: looked at every second, signed when it is due, published at once.

Nothing that goes wrong here ends the process or costs mail: it is logged, counted and tried again. What must never be
passed over in silence, an archive that is not the one that was attested, is logged as `ledger_forked` at every try.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import structlog

from gateway.archive import ArchiveDamaged, ArchiveUnavailable, Reader
from gateway.config import Config
from gateway.indexer.ledger import LedgerForked, LedgerInUse, LedgerWriter, Pace
from gateway.ledger.checkpoint import Kept
from gateway.ledger.keys import KeyFileError
from gateway.ledger.note import NoteError
from gateway.ledger.publishing import publish
from gateway.telemetry.metrics import Metrics

TROUBLE = 10.0  # seconds until the next try, after something went wrong

_WHERE: dict[type[Exception], str] = {
    LedgerForked: "forked",
    KeyFileError: "key",
    NoteError: "checkpoints",
    ArchiveDamaged: "archive",
    ArchiveUnavailable: "archive",
    LedgerInUse: "ledger",
    OSError: "ledger",
}


def new_writer(config: Config, reader: Reader) -> LedgerWriter:
    """The writer of this installation's ledger."""
    return LedgerWriter(
        source=reader,
        folder=config.storage.ledger,
        origin=config.ledger_origin,
        key_file=config.ledger_key,
        pace=Pace(config.ledger.interval, config.ledger.entries),
    )


class LedgerKeeper:
    """Takes turns at the ledger."""

    def __init__(self, config: Config, metrics: Metrics) -> None:
        self._config = config
        self._metrics = metrics
        self._log = structlog.get_logger()
        self._reader = Reader(config.storage.archive)
        self._writer = new_writer(config, self._reader)
        self._again = 0.0  # monotonic seconds
        self._stopping = False

    async def turn(self) -> None:
        """Sign and publish what is due."""
        if time.monotonic() < self._again:
            return
        try:
            kept = await asyncio.to_thread(self._writer.turn, lambda: self._stopping)
        except tuple(_WHERE) as error:
            self._failed(error)
            return
        self._metrics.ledger_entries.set(self._writer.attested)
        if kept is not None:
            self._metrics.ledger_checkpoints.inc()
            self._metrics.ledger_checkpoint_timestamp_seconds.set(time.time())
            self._log.info("checkpoint", size=kept.checkpoint.size, signatures=len(kept.note.signatures))
            await asyncio.to_thread(self._publish, kept)

    def stop(self) -> None:
        """End the turn under way soon."""
        self._stopping = True

    def close(self) -> None:
        """Let go of ledger and archive."""
        self._writer.close()
        self._reader.close()

    def _publish(self, kept: Kept) -> None:
        for folder in (self._config.storage.ledger_public, *self._config.ledger.publish):
            try:
                publish(folder, kept.note, self._config.storage.ledger, datetime.now(UTC).date())
            except (
                OSError
            ) as error:  # such as a share that is not mounted: the next checkpoint goes there again
                self._metrics.ledger_errors.labels("publish").inc()
                self._log.warning(
                    "checkpoint_not_published", folder=str(folder), reason=error.strerror or str(error)
                )

    def _failed(self, error: Exception) -> None:
        where = next(name for kind, name in _WHERE.items() if isinstance(error, kind))
        self._metrics.ledger_errors.labels(where).inc()
        event = "ledger_forked" if isinstance(error, LedgerForked) else "ledger_waits"
        self._log.error(event, where=where, reason=str(error))
        self._again = time.monotonic() + TROUBLE
