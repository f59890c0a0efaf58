"""Puts the bench's mail into a gateway's archive as the gateway does: judged, with its envelope, and relayed.

Only the wire is left out. The archive's clock goes with the mail, so that a year of it makes twelve volumes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from bench.directory import DOMAIN
from bench.search.mail import Letter
from gateway.archive import Archive, uuid7
from gateway.config import Config
from gateway.directory.history import keep
from gateway.directory.importer import read_roster
from gateway.directory.snapshot import Directory
from gateway.message.content import content_id
from gateway.message.envelope import Client, Envelope, Recipient
from gateway.message.reading import read_message
from gateway.policy.engine import Engine
from gateway.policy.model import Transaction

_AT_ONCE = 500  # messages on their way into the archive


def fill(config: Config, letters: Iterable[Letter]) -> None:
    """Archive messages, each with the event that it was relayed; and keep the directory that judged them."""
    assert config.directory.path is not None
    directory = read_directory(config)
    keep(config.storage.rosters, directory)
    asyncio.run(_fill(config, letters, directory))


def read_directory(config: Config) -> Directory:
    """The roster of a configuration, as of the first day of the mail."""
    assert config.directory.path is not None
    now = datetime(2025, 9, 1, 4, tzinfo=UTC)
    path = Path(config.directory.path)
    return read_roster(path, (DOMAIN,), now=now, previous=None, max_shrink=1.0).directory


async def _fill(config: Config, letters: Iterable[Letter], directory: Directory) -> None:
    clock = _Clock()
    archive = Archive(
        config.storage.archive,
        compression_level=config.archive.compression_level,
        min_free=0,
        observer=_Nobody(),
        clock=lambda: clock.microseconds,
        sync=lambda descriptor: None,  # this is not what is measured
    )
    take = _Taking(archive, Engine(config.policy, config.district), directory)
    try:
        waiting: list[Letter] = []
        for letter in letters:
            waiting.append(letter)
            if len(waiting) == _AT_ONCE:
                clock.microseconds = _microseconds(letter.received)
                await asyncio.gather(*map(take.letter, waiting))
                waiting = []
        await asyncio.gather(*map(take.letter, waiting))
    finally:
        await archive.aclose()


@dataclass(slots=True)
class _Clock:
    microseconds: int = 0


class _Nobody:
    def committed(self, entries: int, seconds: float) -> None:
        """Not counted."""

    def failed(self, reason: str) -> None:
        raise RuntimeError(f"the bench's archive failed: {reason}")


class _Taking:
    def __init__(self, archive: Archive, engine: Engine, directory: Directory) -> None:
        self._archive = archive
        self._engine = engine
        self._directory = directory

    async def letter(self, letter: Letter) -> None:
        """Archive a message, and that it was relayed a moment later."""
        identity = uuid7(_microseconds(letter.received), letter.number.to_bytes(8, "big"))
        facts = {"envelope": _envelope(str(identity), letter).to_json(), "verdict": self._verdict(letter)}
        await self._archive.append(
            id=identity, received=letter.received, document=orjson.dumps(facts), raw=letter.raw
        )
        event = {
            "event": "relayed",
            "reply": "250 2.0.0 Ok: queued",
            "next_hop": "mail:25",
            "seconds": 0.02,
            "final_dot": True,
        }
        await self._archive.record(identity, letter.received + timedelta(seconds=0.02), orjson.dumps(event))

    def _verdict(self, letter: Letter) -> dict[str, object]:
        reading = read_message(letter.raw)
        transaction = Transaction(
            reading=reading,
            mail_from=letter.sender,
            recipients=letter.recipients,
            received=letter.received,
            content_id=content_id(reading, letter.raw),
            raw=letter.raw,
        )
        return self._engine.judge(transaction, self._directory).to_json()


def _envelope(id: str, letter: Letter) -> Envelope:
    outward = letter.sender.endswith(f"@{DOMAIN}")
    return Envelope(
        id=id,
        received=letter.received,
        listener="outbound" if outward else "inbound",
        role="outbound" if outward else "inbound",
        client=Client("192.0.2.1", 40_000 + letter.number % 20_000, "mail.example"),
        mail_from=letter.sender,
        mail_parameters=f"SIZE={len(letter.raw)} BODY=8BITMIME",
        recipients=tuple(Recipient(each, "", "250 2.1.5 Ok") for each in letter.recipients),
        route="district",
        next_hop="mail:25",
    )


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
