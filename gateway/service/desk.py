"""What is due by the catalog: decisions that time makes about held messages, and notices to people.

Each becomes an entry of the archive, and the catalog learns of it from there. Nothing is done upon a catalog that
does not have all that was written here, in this process or before it; so nobody is told twice, and no time is up twice.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy import Connection

from gateway.archive import Archive, RandomPool, uuid7
from gateway.archive.configured import reader_of
from gateway.catalog import holds
from gateway.catalog.holds import Held
from gateway.catalog.reader import Catalog
from gateway.catalog.store import read_watermark
from gateway.config import Action, Config
from gateway.holds.oversight import Step, steps
from gateway.message import events
from gateway.notices.letters import write
from gateway.notices.plan import Pairs, plan
from gateway.notices.record import record
from gateway.notices.told import Notice
from gateway.service.roster import Roster
from gateway.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class _Due:
    """What is to be done now."""

    steps: tuple[Step, ...] = ()
    notices: tuple[Notice, ...] = ()
    untellable: Pairs = ()


class Desk:
    """Looks at the catalog, and writes to the archive what is due."""

    def __init__(self, config: Config, archive: Archive, metrics: Metrics) -> None:
        self._config = config
        self._archive = archive
        self._metrics = metrics
        self._log = structlog.get_logger()
        self._catalog = Catalog(config.storage.catalog)
        self._reader = reader_of(config)
        self._roster = Roster(config, metrics)
        self._read_again = 0.0  # monotonic seconds
        self._random = RandomPool()
        self._needed: int | None = None  # how far the catalog must be
        self._untellable: Pairs = ()

    def apply(self, config: Config) -> None:
        """Take other settings (SIGHUP): who is told, when time is up."""
        chosen = {"notices": config.notices, "hold": config.hold, "policy": config.policy}
        self._config = self._config.model_copy(update=chosen)

    async def turn(self) -> None:
        """Do what is due. Raises CatalogUnavailableError, ArchiveUnavailable, sqlalchemy.exc.DBAPIError."""
        due = await asyncio.to_thread(self._look)
        for step in due.steps:
            await self._decide(step)
        for notice in due.notices:
            await self._tell(notice)
        self._complain(due.untellable)

    def close(self) -> None:
        """Let go of catalog and archive."""
        self._catalog.close()
        self._reader.close()

    # --- looking (in a thread) ---

    def _look(self) -> _Due:
        if self._needed is None:
            self._needed = self._reader.last_seq()
        now = datetime.now(UTC)
        with self._catalog.connect() as connection:
            waiting = holds.open_holds(connection)
            self._measure(waiting, now)
            if read_watermark(connection).position < self._needed:
                return _Due()
            decided = self._decisions(connection, waiting, now)
            if decided or not (self._may_tell() or holds.exist(connection)):
                return _Due(decided)  # people are told of what was decided in the next turn
            self._read_roster()
            told = plan(connection, self._config, self._roster.directory, now)
            return _Due(notices=told.notices, untellable=told.untellable)

    def _may_tell(self) -> bool:
        """Whether there is anybody to tell, and a rule that asks for it."""
        asking = self._config.policy.with_action(Action.NOTIFY, Action.HOLD, Action.REJECT)
        return bool(asking and self._config.notices.reviewers)

    def _read_roster(self) -> None:
        """Look at the roster's files, as often as `directory.poll` says."""
        if time.monotonic() >= self._read_again:
            self._roster.refresh()
            self._read_again = time.monotonic() + self._config.directory.poll

    def _decisions(self, connection: Connection, waiting: list[Held], now: datetime) -> tuple[Step, ...]:
        if not waiting:
            return ()
        window = self._config.policy.settle_window
        return tuple(steps(waiting, holds.unfounded(connection), self._config.hold, window, now))

    def _measure(self, waiting: list[Held], now: datetime) -> None:
        oldest = min((held.received for held in waiting), default=now)
        self._metrics.held_messages.set(len(waiting))
        self._metrics.held_oldest_seconds.set(max((now - oldest).total_seconds(), 0.0))

    # --- writing ---

    async def _decide(self, step: Step) -> None:
        kind = step.document["event"]
        self._needed = await self._archive.record(
            UUID(step.held.id), datetime.now(UTC), orjson.dumps(step.document)
        )
        self._metrics.hold_automatic.labels("escalated" if kind == events.ESCALATED else "released").inc()
        self._log.warning("hold", id=step.held.id, decision=kind, by=step.document.get("by"))

    async def _tell(self, notice: Notice) -> None:
        now = datetime.now(UTC)
        uuid = uuid7(int(now.timestamp() * 1_000_000), self._random(8))
        document, raw = await asyncio.to_thread(_written, notice, self._config, uuid, now)
        self._needed = await self._archive.append(
            id=uuid, received=now, document=orjson.dumps(document), raw=raw
        )
        self._metrics.notices.labels(notice.kind).inc()
        self._log.info(
            "notice",
            id=str(uuid),
            kind=notice.kind,
            recipients=len(notice.recipients),
            about=len(notice.about),
        )

    def _complain(self, untellable: Pairs) -> None:
        """Say once what nobody may be told: all who would be are who it is about."""
        if untellable and untellable != self._untellable:
            self._log.warning("nobody_to_tell", about=len(untellable), remedy="notices.reviewers")
        self._untellable = untellable


def _written(notice: Notice, config: Config, id: UUID, now: datetime) -> tuple[dict[str, Any], bytes]:
    """The record of a notice: its document and its bytes."""
    return record(notice, write(notice, config, id=id, now=now), config, id, now)
