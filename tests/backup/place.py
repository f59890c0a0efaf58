"""An installation for backups: a configuration, an archive of several months, a ledger, and what else is kept."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import orjson

from gateway.archive import Archive, Reader, uuid7
from gateway.backup.manifest import Manifest
from gateway.backup.run import Outcome, backup
from gateway.backup.store import Store
from gateway.backup.taking import Wanted
from gateway.config import Config, load
from gateway.indexer.ledger import LedgerWriter, Pace
from gateway.message.envelope import Client, Envelope, Recipient

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONG_AGO = 1_700_000_000  # seconds: longer than the clock's tick

CONFIG = """
hostname = "gateway.harbor.example"
[district]
name = "Harbor Point"
domains = ["harbor.example"]
[storage]
path = "data"
min_free = 0
[[listener]]
name = "outbound"
role = "outbound"
bind = ["127.0.0.1:0"]
networks = ["127.0.0.0/8"]
[[route]]
domains = ["*"]
next_hop = "127.0.0.1:1"
[directory]
path = "roster"
[tls]
certificate = "tls/chain.pem"
key = "tls/private.pem"
"""

FILES = {
    "roster/users.csv": "sourcedId,role\n",
    "roster/forms.csv": "user,form\n",
    "tls/chain.pem": "a certificate",
    "tls/private.pem": "a private key",
    "data/rosters/kept.json.zst": "an old roster",
    "data/searches/kay.json": '{"name": "kay"}',
    "data/log.key": "k" * 32,
    "data/catalog/catalog-000001.sqlite": "made again",
    "data/search-000001/meta.json": "made again",
    "data/run/supervisor.lock": "",
    "data/archive/.2026-01.old": "mail that was disposed of",
}


class _Silence:
    def committed(self, entries: int, seconds: float) -> None: ...

    def failed(self, reason: str) -> None: ...


class Place:
    """The installation, and its backup in `copy`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.config = folder / "gateway.toml"
        self.copy = folder / "copy"
        self.config.write_text(CONFIG)
        for name, text in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (folder / "data/search").symlink_to("search-000001")

    @property
    def settings(self) -> Config:
        return load(self.config)

    @property
    def archive(self) -> Path:
        return self.settings.storage.archive

    def add(self, count: int, month: str = "2026-11", text: str = "message", size: int = 0) -> None:
        """So many more messages in a month's volume, and a checkpoint over all."""
        at = datetime(int(month[:4]), int(month[5:]), 22, 12, tzinfo=UTC)
        now = int(at.timestamp() * 1_000_000)

        async def append() -> None:
            archive = Archive(
                self.archive, compression_level=1, min_free=0, observer=_Silence(), clock=lambda: now
            )
            for number in range(count):
                raw = f"Subject: {text} {number}\r\n\r\n".encode() + os.urandom(size)
                id = uuid7(now, os.urandom(8))
                envelope = Envelope(
                    id=str(id),
                    received=at,
                    listener="outbound",
                    role="outbound",
                    client=Client("192.0.2.1", 1234, "mail.harbor.example"),
                    mail_from="kay@harbor.example",
                    recipients=(Recipient("lee@harbor.example"),),
                )
                document = orjson.dumps({"envelope": envelope.to_json(), "verdict": {}})
                await archive.append(id=id, received=at, document=document, raw=raw)
            await archive.aclose()

        asyncio.run(append())
        self.sign()

    def sign(self) -> None:
        settings = self.settings
        with closing(Reader(self.archive)) as reader:
            writer = LedgerWriter(
                reader,
                settings.storage.ledger,
                settings.ledger_origin,
                settings.ledger_key,
                Pace(0.0, 1_000_000),
            )
            try:
                writer.turn()
            finally:
                writer.close()

    def age(self) -> None:
        """As if nothing had been changed for a long time."""
        for path in self.folder.rglob("*"):
            if self.copy not in path.parents and path.is_file():
                os.utime(path, (LONG_AGO, LONG_AGO))

    def backup(
        self,
        wanted: Wanted | None = None,
        *,
        tell: Callable[[str, int], None] = lambda name, octets: None,
        point: Callable[[str], None] = lambda what: None,
        to: Path | None = None,
    ) -> Outcome:
        return backup(
            self.settings, self.config, to or self.copy, wanted or Wanted(), now=NOW, tell=tell, point=point
        )

    def manifest(self) -> Manifest:
        return Store(self.copy).known()


def entries(archive: Path) -> dict[int, bytes]:
    """The messages of an archive by number."""
    found: dict[int, bytes] = {}
    with closing(Reader(archive)) as reader:
        last = 0
        while some := reader.follow(last, 1000):
            found |= {each.seq: reader.raw(each.seq) for each in some if each.kind == "message"}
            last = some[-1].seq
    return found
