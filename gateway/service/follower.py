"""The indexer's process: follows the archive into the catalog, and judges again what could not be judged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import structlog

from gateway.archive.configured import reader_of
from gateway.config import Config
from gateway.indexer.follower import Follower
from gateway.indexer.process import run
from gateway.indexer.whole import Note
from gateway.message.envelope import Envelope
from gateway.policy.replay import transaction_of
from gateway.service.appending import open_archive
from gateway.service.channel import Parent
from gateway.service.judge import Judge
from gateway.service.process import Signals
from gateway.telemetry.metrics import Metrics


class IndexerMetrics:
    """Counts what the indexer does."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def indexed(self, kind: str, entries: int) -> None:
        self._metrics.indexer_entries.labels(kind).inc(entries)

    def failed(self, where: str) -> None:
        self._metrics.indexer_errors.labels(where).inc()

    def lag(self, entries: int, seconds: float) -> None:
        self._metrics.indexer_lag_entries.set(entries)
        self._metrics.indexer_lag_seconds.set(seconds)


class JudgeAgain:
    """Judges stored messages by today's rules and directory; the roster is read when it is needed."""

    def __init__(self, config: Config, metrics: Metrics) -> None:
        self._judge = Judge(config, metrics)

    def __call__(
        self, envelopes: Sequence[Envelope], raw: bytes, thread: frozenset[str] = frozenset()
    ) -> Mapping[str, Any]:
        self._judge.refresh()
        return self._judge(transaction_of(envelopes, raw, thread)).to_json()


def new_follower(config: Config, metrics: Metrics, note: Note | None = None) -> Follower:
    """A follower of this installation's archive; with `note` it judges messages as a whole."""
    return Follower(
        reader_of(config),
        config.storage.catalog,
        observer=IndexerMetrics(metrics),
        judge=JudgeAgain(config, metrics),
        note=note,
        window=timedelta(seconds=config.policy.settle_window),
    )


@contextmanager
def _noting(config: Config, metrics: Metrics) -> Iterator[Note]:
    """Archives events about messages."""
    archive = open_archive(config, metrics, in_flight=1)

    def note(message_id: UUID, at: datetime, document: dict[str, Any]) -> None:
        archive.note(message_id=message_id, received=at, document=orjson.dumps(document))

    try:
        yield note
    finally:
        archive.close()


async def serve(config: Config, path: Path | None, parent: Parent, metrics: Metrics) -> int:
    """Follow the archive until told to stop; the exit code, 1 where following ended by itself."""
    log = structlog.get_logger()

    async def reload() -> None:
        log.info("reload_ignored", reason="the indexer reads the roster when it needs it")

    signals = Signals(reload)
    flushing = asyncio.create_task(metrics.keep_flushed())
    with _noting(config, metrics) as note:
        code = await _follow(new_follower(config, metrics, note), signals, parent, metrics)
    flushing.cancel()
    with suppress(asyncio.CancelledError):
        await flushing
    return code


async def _follow(follower: Follower, signals: Signals, parent: Parent, metrics: Metrics) -> int:
    """Follow until told to stop; the exit code."""
    following = asyncio.create_task(run(follower, stop=signals.stop, observer=IndexerMetrics(metrics)))
    stopping = asyncio.create_task(signals.wait(parent))
    parent.ready()
    await asyncio.wait((following, stopping), return_when=asyncio.FIRST_COMPLETED)
    signals.stop.set()
    code = 0
    try:
        await following
    except Exception:  # a process that follows nothing must not live on as if it did
        structlog.get_logger().exception("indexer_failed")
        code = 1
    await stopping
    return code
