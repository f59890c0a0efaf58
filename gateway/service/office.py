"""The office's process: held messages, notices to people, the outbox that delivers both, the ledger, compaction.

It looks at the catalog and acts through the archive, so it holds nothing that could be lost: killed at any moment, it
goes on where it was. It acts only upon a catalog that has everything which it wrote itself, so nobody is told twice.
No mail depends on it but what is held: that waits, and `mailgw_held_oldest_seconds` shows it.
"""

from __future__ import annotations

import asyncio
import fcntl
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog

from gateway.archive import Archive, ArchiveUnavailable
from gateway.archive.configured import reader_of
from gateway.catalog import outbox
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.catalog.store import read_watermark
from gateway.config import Config, ConfigError, load
from gateway.service.appending import open_archive
from gateway.service.channel import Parent
from gateway.service.compacting import Compactor
from gateway.service.desk import Desk
from gateway.service.ledger import LedgerKeeper
from gateway.service.process import Signals
from gateway.smtp.nexthop import NextHops
from gateway.smtp.outbox import Outbox
from gateway.smtp.outgoing import Outgoing
from gateway.smtp.stream import Streams
from gateway.telemetry.metrics import Metrics

EVERY = 1.0  # seconds between two looks at the catalog
TROUBLE = 10.0  # seconds until the next, after something went wrong
_HANDING = 5.0  # seconds for a checkpoint that is being handed out when the service ends
_SWEEP = 0.25  # seconds between looks at deadlines


async def serve(config: Config, path: Path | None, parent: Parent, metrics: Metrics) -> int:
    """Do the office's work until told to stop; the exit code. Raises ConfigError where another process does it."""
    log = structlog.get_logger()
    with _alone(config.storage.run):
        archive = open_archive(config, metrics, in_flight=1)
        desk = Desk(config, archive, metrics)
        postman = Postman(config, archive, metrics)
        keeper = LedgerKeeper(config, archive, metrics)
        compactor = Compactor(config)

        async def reload() -> None:
            if path is None:
                return
            try:
                desk.apply(await asyncio.to_thread(load, path))
            except ConfigError as error:
                log.error("configuration_refused", problems=str(error).splitlines())

        signals = Signals(reload)
        flushing = asyncio.create_task(metrics.keep_flushed())
        work = {
            asyncio.create_task(_repeat("desk", desk.turn, signals.stop, metrics)),
            asyncio.create_task(_repeat("outbox", postman.turn, signals.stop, metrics)),
            asyncio.create_task(_repeat("ledger", keeper.turn, signals.stop, metrics)),
            asyncio.create_task(_repeat("compactor", compactor.turn, signals.stop, metrics)),
        }
        parent.ready()
        log.info("serving")
        await signals.wait(parent)
        signals.stop.set()  # also where the supervisor is gone
        postman.stop()
        keeper.stop()
        compactor.stop()
        _, late = await asyncio.wait(work, timeout=config.timeouts.drain)
        for task in (*late, flushing):
            task.cancel()
        await asyncio.gather(*late, flushing, return_exceptions=True)
        await keeper.handed_out(_HANDING)
        await asyncio.to_thread(archive.close)
        if not late:
            await keeper.turn(at_once=True)  # what a worker archives after this waits for the next start
        desk.close()
        postman.close()
        keeper.close()
    log.info("stopped")
    return 0


@contextmanager
def _alone(run: Path) -> Iterator[None]:
    """While this is the only office of the installation: two would tell everybody everything twice."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / "office.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{run}: another office process serves this installation") from None
        yield


async def _repeat(
    what: str, turn: Callable[[], Awaitable[None]], stop: asyncio.Event, metrics: Metrics
) -> None:
    """Take turns until `stop`, whatever goes wrong in one of them."""
    log = structlog.get_logger()
    while not stop.is_set():
        pause = EVERY
        try:
            await turn()
        except CatalogUnavailableError as error:  # the indexer makes it, or is about to make it anew
            log.info("office_waits", what=what, reason=str(error))
            pause = TROUBLE / 5
        except ArchiveUnavailable as error:
            metrics.office_errors.labels(what).inc()
            log.warning("office_waits", what=what, reason=error.reason)
            pause = TROUBLE
        except Exception:
            metrics.office_errors.labels(what).inc()
            log.exception("office_failed", what=what)
            pause = TROUBLE
        try:
            async with asyncio.timeout(pause):
                await stop.wait()
        except TimeoutError:
            continue


class Postman:
    """Takes what waits in the outbox to its next hops."""

    def __init__(self, config: Config, archive: Archive, metrics: Metrics) -> None:
        """Belongs to the running event loop. Raises ConfigError for certificates that cannot be used."""
        # Mail is rare here, and a session that named one client must not bring the next message as that client's.
        limits = config.limits.model_copy(update={"upstream_idle": 0})
        config = config.model_copy(update={"limits": limits})
        streams = Streams(asyncio.get_running_loop(), _SWEEP)
        self._next_hops = NextHops(config, streams, metrics, random.Random())  # noqa: S311 -- load spreading only
        outgoing = Outgoing(config, self._next_hops, streams, metrics)
        self._reader = reader_of(config)
        self._outbox = Outbox(self._reader, archive, outgoing, config.outbox, config.hostname, metrics)
        self._catalog = Catalog(config.storage.catalog)
        self._metrics = metrics

    async def turn(self) -> None:
        """Try what is due. Raises CatalogUnavailableError and sqlalchemy.exc.DBAPIError."""
        position, waiting = await asyncio.to_thread(self._look)
        await self._outbox.turn(waiting, position)

    def stop(self) -> None:
        """Begin nothing more."""
        self._outbox.stop()

    def close(self) -> None:
        """Let go of everything."""
        self._outbox.close()
        self._next_hops.close()
        self._catalog.close()
        self._reader.close()

    def _look(self) -> tuple[int, list[outbox.Item]]:
        with self._catalog.connect() as connection:
            position = read_watermark(connection).position
            for kind, (count, first) in outbox.oldest(connection).items():
                age = (datetime.now(UTC) - first).total_seconds() if first else 0.0
                self._metrics.outbox_messages.labels(kind).set(count)
                self._metrics.outbox_oldest_seconds.labels(kind).set(max(age, 0.0))
            return position, outbox.waiting(connection)
