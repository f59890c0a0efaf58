"""The ledger, as the office's process writes it: looked at every second, signed when it is due, handed out at once.

A checkpoint goes to the folders it is published to; the first of a day is mailed to the witnesses as well; and once a
day one is stamped with the time by another authority. Nothing that goes wrong here ends the process or costs mail: it
is logged, counted and tried again. What must never be passed over in silence, an archive that is not the one
that was attested, is logged as `ledger_forked` at every try.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, date, datetime

import orjson
import structlog

from gateway.archive import Archive, ArchiveDamaged, ArchiveUnavailable, RandomPool, Reader, uuid7
from gateway.archive.configured import reader_of
from gateway.config import Config
from gateway.indexer.ledger import LedgerForked, LedgerInUse, LedgerWriter, Pace
from gateway.ledger import stamps
from gateway.ledger.checkpoint import Kept
from gateway.ledger.keys import KeyFileError
from gateway.ledger.note import NoteError
from gateway.ledger.publishing import publish
from gateway.ledger.timestamp import TimestampError, load_roots, stamp
from gateway.ledger.tree import TreeDamaged
from gateway.notices.letters import write
from gateway.notices.record import record
from gateway.notices.told import Attested, Kind, Notice
from gateway.telemetry.metrics import Metrics

TROUBLE = 10.0  # seconds until the next try, after something went wrong
_STAMP = 30.0  # seconds that a time stamping authority has

_WHERE: dict[type[Exception], str] = {
    LedgerForked: "forked",
    KeyFileError: "key",
    NoteError: "checkpoints",
    ArchiveDamaged: "archive",
    ArchiveUnavailable: "archive",
    LedgerInUse: "ledger",
    TreeDamaged: "ledger",
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

    def __init__(self, config: Config, archive: Archive, metrics: Metrics) -> None:
        self._config = config
        self._archive = archive
        self._metrics = metrics
        self._log = structlog.get_logger()
        self._reader = reader_of(config)
        self._writer = new_writer(config, self._reader)
        self._random = RandomPool()
        self._again = 0.0  # monotonic seconds
        self._stopping = False
        self._handing: asyncio.Task[None] | None = None

    async def turn(self, *, at_once: bool = False) -> None:
        """Sign what is due, and hand it out; `at_once`: all that there is, because the service ends."""
        if time.monotonic() < self._again:
            return
        try:
            kept = await asyncio.to_thread(
                self._writer.turn, lambda: self._stopping and not at_once, at_once=at_once
            )
        except tuple(_WHERE) as error:
            self._failed(error)
            return
        self._metrics.ledger_entries.set(self._writer.attested)
        if kept is None:
            return
        self._metrics.ledger_checkpoints.inc()
        self._metrics.ledger_checkpoint_timestamp_seconds.set(time.time())
        self._log.info("checkpoint", size=kept.checkpoint.size, signatures=len(kept.note.signatures))
        if at_once:  # nothing can be archived or waited for any more
            await asyncio.to_thread(self._publish, kept, None)
        elif self._handing is None or self._handing.done():
            self._handing = asyncio.create_task(self._hand_out(kept))

    async def _hand_out(self, kept: Kept) -> None:
        """Beside the turns: a share that hangs must not keep the next checkpoint from being signed."""
        today = datetime.now(UTC).date()
        try:
            first = await asyncio.to_thread(self._publish, kept, today)
            if first and self._config.ledger.witnesses:
                await self._mail(kept, today)
            if self._config.ledger.timestamp_url:
                await asyncio.to_thread(self._stamp, kept, today)
        except Exception:
            self._metrics.office_errors.labels("ledger").inc()
            self._log.exception("office_failed", what="ledger")

    def stop(self) -> None:
        """End the turn under way soon."""
        self._stopping = True

    async def handed_out(self, timeout: float) -> None:
        """Wait until what is being handed out is; it writes to the archive. timeout: seconds, at most."""
        if self._handing is not None:
            await asyncio.wait({self._handing}, timeout=timeout)
            self._handing.cancel()

    def close(self) -> None:
        """Let go of ledger and archive."""
        self._writer.close()
        self._reader.close()

    def _publish(self, kept: Kept, today: date | None) -> bool:
        """Whether it is the day's first."""
        first = False
        own = self._config.storage.ledger_public
        for folder in (own, *self._config.ledger.publish):
            try:
                new = publish(folder, kept.note, self._config.storage.ledger, today)
                first = first or (new and folder == own)
            except (
                OSError
            ) as error:  # such as a share that is not mounted: the next checkpoint goes there again
                self._not_done("publish", f"{folder}: {error.strerror or error}")
        return first

    async def _mail(self, kept: Kept, today: date) -> None:
        """To the witnesses, as a notice: archived first, and then in the outbox."""
        now = datetime.now(UTC)
        id = uuid7(int(now.timestamp() * 1_000_000), self._random(8))
        body = Attested(today, kept.checkpoint.origin, kept.checkpoint.size, str(kept.note))
        about = ((f"checkpoint-{today.isoformat()}", "witnesses"),)
        notice = Notice(Kind.CHECKPOINT, self._config.ledger.witnesses, about, body)
        document, raw = record(notice, write(notice, self._config, id=id, now=now), self._config, id, now)
        try:
            await self._archive.append(id=id, received=now, document=orjson.dumps(document), raw=raw)
        except ArchiveUnavailable as error:
            self._not_done("witness", str(error))
            return
        self._metrics.notices.labels(Kind.CHECKPOINT).inc()
        self._log.info("notice", id=str(id), kind=Kind.CHECKPOINT, recipients=len(notice.recipients))

    def _stamp(self, kept: Kept, today: date) -> None:
        """Once a day; where that fails, with the next checkpoint."""
        settings, folder = self._config.ledger, self._config.storage.ledger
        assert settings.timestamp_roots is not None
        try:
            if stamps.last_day(folder) == today:
                return
            roots = load_roots(settings.timestamp_roots)
            response = stamp(settings.timestamp_url, str(kept.note).encode(), roots, _STAMP)
            stamps.keep(folder, kept.checkpoint.size, response, settings.timestamp_roots.read_bytes())
        except (TimestampError, OSError) as error:
            self._not_done("timestamp", str(error))
            return
        self._log.info("checkpoint_stamped", size=kept.checkpoint.size)

    def _not_done(self, where: str, reason: str) -> None:
        self._metrics.ledger_errors.labels(where).inc()
        self._log.warning("checkpoint_not_handed_out", where=where, reason=reason)

    def _failed(self, error: Exception) -> None:
        where = next(name for kind, name in _WHERE.items() if isinstance(error, kind))
        self._metrics.ledger_errors.labels(where).inc()
        event = "ledger_forked" if isinstance(error, LedgerForked) else "ledger_waits"
        self._log.error(event, where=where, reason=str(error))
        self._again = time.monotonic() + TROUBLE
