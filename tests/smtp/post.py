"""An outbox over a real archive and a real catalog, with a clock that a test sets."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import apsw

from gateway.archive.archive import Archive
from gateway.archive.identity import uuid7
from gateway.archive.reader import Reader
from gateway.catalog import holds, outbox
from gateway.catalog.reader import Catalog
from gateway.catalog.store import read_watermark
from gateway.config import Config
from gateway.indexer.follower import Follower
from gateway.message import events
from gateway.message.envelope import Client, Envelope, Recipient
from gateway.service.appending import CommitMetrics
from gateway.smtp.nexthop import NextHops
from gateway.smtp.outbox import Outbox
from gateway.smtp.outgoing import Outgoing
from gateway.smtp.stream import Streams
from gateway.telemetry.metrics import Metrics
from tests.smtp.steps import PLAIN

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
VERDICT = {
    "findings": [],
    "action": "record",
    "tag": None,
    "reject": None,
    "errors": [],
    "rules_version": "r1",
    "directory_version": "d1",
    "not_judged": None,
}


class Door:
    """The way into a real archive, which a test can shut."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.shut: Exception | None = None  # what an attempt to write raises
        self.shut_after_ready: Exception | None = None  # what `record` alone raises
        self.gate: asyncio.Event | None = None  # `record` waits for it

    async def ready(self) -> None:
        if self.shut is not None:
            raise self.shut
        await self._archive.ready()

    async def record(self, message_id: UUID, received: datetime, document: bytes) -> int:
        if self.gate is not None:
            await self.gate.wait()
        if failure := self.shut or self.shut_after_ready:
            raise failure
        return await self._archive.record(message_id, received, document)


@dataclass
class Post:
    """Archive, catalog, outbox, and whoever decides about held messages."""

    config: Config
    archive: Archive
    door: Door
    reader: Reader
    follower: Follower
    catalog: Catalog
    metrics: Metrics
    now: datetime = NOON
    made: int = 0
    outbox: Outbox = field(init=False)

    # --- what comes in ---

    async def keep(
        self, *recipients: str | Recipient, raw: bytes = PLAIN, verdict: Any = VERDICT, **facts: Any
    ) -> str:
        """Archive a message; its id. Facts that an envelope does not have go beside it into the document."""
        self.made += 1
        # Ids differ in their last digits, as real ones do.
        identity = uuid7(int(self.now.timestamp() * 1_000_000), random.Random(self.made).randbytes(8))
        beside = {name: facts.pop(name) for name in ("held", "notice") if name in facts}
        envelope = Envelope(
            id=str(identity),
            received=self.now,
            recipients=tuple(Recipient(item) if isinstance(item, str) else item for item in recipients),
            **{
                "listener": "inbound",
                "role": "inbound",
                "client": Client("192.0.2.1", 1234, "out.example"),
                "mail_from": "coach@out.example",
                **facts,
            },
        )
        document = {"envelope": envelope.to_json(), "verdict": verdict, **beside}
        await self.store(identity, document, raw)
        return str(identity)

    async def store(self, identity: UUID, document: dict[str, Any], raw: bytes) -> None:
        await self.archive.append(
            id=identity, received=self.now, document=json.dumps(document).encode(), raw=raw
        )

    async def release(self, id: str) -> None:
        await self.decide(id, {"event": events.RELEASED, "by": "pat", "reason": "", "automatic": False})

    async def decide(self, id: str, event: dict[str, Any]) -> None:
        await self.archive.record(UUID(id), self.now, json.dumps(event).encode())

    async def released(self, *recipients: str | Recipient, **facts: Any) -> str:
        """A message that was held and is released."""
        id = await self.keep(*recipients, held=True, **facts)
        await self.release(id)
        return id

    async def notice(self, *recipients: str, **facts: Any) -> str:
        return await self.keep(
            *recipients,
            notice={"kind": "digest", "about": []},
            role="notice",
            listener="notices",
            client=Client("127.0.0.1", 0, "gateway.district.example"),
            mail_from="",
            **facts,
        )

    # --- what the outbox does ---

    def index(self) -> None:
        """Let the catalog know of everything in the archive."""
        while self.follower.step().mark.position < self.reader.last_seq():
            pass

    def look(self) -> tuple[int, list[outbox.Item]]:
        """How far the catalog is, and its list."""
        with self.catalog.connect() as connection:
            return read_watermark(connection).position, outbox.waiting(connection)

    def waiting(self) -> list[outbox.Item]:
        return self.look()[1]

    async def turn(self, *, index: bool = True, later: float = 0) -> int:
        """A look of the office, so many seconds later."""
        self.now += timedelta(seconds=later)
        if index:
            self.index()
        position, waiting = self.look()
        made = await self.outbox.turn(waiting, position)
        if index:
            self.index()
        return made

    # --- what came of it ---

    def attempts(self, id: str) -> list[dict[str, Any]]:
        """The events of attempts to deliver a message, without their time."""
        found = [entry.document for entry in self.reader.events(id) if "outbox" in entry.document]
        return [{name: each[name] for name in each if name != "seconds"} for each in found]

    def hold(self, id: str) -> holds.Held:
        with self.catalog.connect() as connection:
            found = holds.one(connection, id)
        assert found is not None
        return found

    def restart(self) -> None:
        """As a new process begins: with the archive and the catalog, and nothing else."""
        self.outbox.close()
        self.outbox = self.new_outbox()

    def alter_raw(self, id: str) -> None:
        """Change the stored bytes of a message, as a failing disk does."""
        (volume,) = self.config.storage.archive.glob("*.sqlite")
        connection = apsw.Connection(str(volume))
        connection.execute("DROP TRIGGER entry_never_changes")
        connection.execute("UPDATE entry SET raw = x'00' WHERE id = ? AND raw IS NOT NULL", (UUID(id).bytes,))
        connection.close()

    def new_outbox(self) -> Outbox:
        streams = Streams(asyncio.get_running_loop(), 0.02)
        hops = NextHops(self.config, streams, self.metrics, random.Random(1))
        outgoing = Outgoing(self.config, hops, streams, self.metrics)
        return Outbox(
            self.reader,
            self.door,
            outgoing,
            self.config.outbox,
            self.config.hostname,
            self.metrics,
            lambda: self.now,
        )


@asynccontextmanager
async def post_office(folder: Path, routes: dict[str, str], **sections: Any) -> AsyncIterator[Post]:
    """`routes`: next hop by domain."""
    config = Config.model_validate(
        {
            "hostname": "gateway.district.example",
            "district": {"name": "Test District", "domains": ["district.example"]},
            "storage": {"path": folder / "data", "min_free": 0},
            "listener": [{"name": "inbound", "role": "inbound", "bind": ["127.0.0.1:0"]}],
            "route": [{"domains": [domain], "next_hop": address} for domain, address in routes.items()],
            "authentication": {"check": "never"},
            "limits": {"upstream_idle": 0},
            **sections,
        }
    )
    config.storage.archive.mkdir(parents=True)
    metrics = Metrics()
    archive = Archive(
        config.storage.archive, compression_level=1, min_free=0, observer=CommitMetrics(metrics)
    )
    reader = Reader(config.storage.archive)
    follower = Follower(Reader(config.storage.archive), config.storage.catalog)
    catalog = Catalog(config.storage.catalog)
    post = Post(config, archive, Door(archive), reader, follower, catalog, metrics)
    post.outbox = post.new_outbox()
    try:
        yield post
    finally:
        post.outbox.close()
        follower.close()
        catalog.close()
        reader.close()
        await archive.aclose()
