"""The archive that is tampered with: some hours of the demo's mail, signed for four times, in one folder.

    original/gateway.toml       so that `mailgw verify` and `mailgw prove` can be tried on it by hand
    original/storage/archive    the mail, each message with the event that says what became of it
    original/storage/ledger     tree, checkpoints, keys; the private key as well, as on a real machine
    older/                      the same, as it was at the second checkpoint: a backup
    elsewhere/checkpoint        the third checkpoint and the public keys, which somebody else keeps

The newest entries are not signed for yet, as it is on a machine that works.

Fails with OSError and ArchiveUnavailable.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import apsw

from gateway.archive import Archive, Reader, uuid7
from gateway.archive.entry import to_microseconds
from gateway.archive.volume import Volume, list_volumes, open_for_append
from gateway.demo.district import DOMAIN, NAME
from gateway.demo.founding import found
from gateway.demo.letter import Message
from gateway.demo.mail import day
from gateway.indexer.ledger import LedgerWriter, Pace
from gateway.ledger.checkpoint import Kept
from gateway.ledger.publishing import NEWEST, publish
from gateway.message import events
from gateway.message.envelope import Client, Envelope, Recipient

DAY = date(2026, 11, 20)
SEED = 2026
MESSAGES = 150
ORIGIN = f"{DOMAIN}/mail"
_LARGEST = 20_000  # octets of a message; attachments would only make the copies slow
_SHORT = 4_000  # octets of a message that lies on one page with all that belongs to it
_SHARES = (0.27, 0.53, 0.8, 0.97, 1.0)  # of the messages, at each checkpoint and at the end
_OLDER, _KEPT = 1, 2  # checkpoints of which there is a backup, or a copy elsewhere

_CONFIG = f"""\
# Written by `mailgw demo tamper`, for `mailgw verify` and `mailgw prove`; no gateway runs with it.
hostname = "gateway.{DOMAIN}"

[district]
name = {json.dumps(NAME)}
domains = ["{DOMAIN}"]

[storage]
path = "storage"

[[listener]]
name = "inbound"
role = "inbound"
bind = ["127.0.0.1:2525"]

[[route]]
domains = ["*"]
next_hop = "127.0.0.1:2526"
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """An archive and its ledger, in a folder of their own."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "gateway.toml"

    @property
    def archive(self) -> Path:
        return self.folder / "storage" / "archive"

    @property
    def ledger(self) -> Path:
        return self.folder / "storage" / "ledger"

    @property
    def key(self) -> Path:
        return self.ledger / "key.pem"

    def volume(self) -> Volume:
        """The one month that there is."""
        (volume,) = list_volumes(self.archive)
        return volume

    def to(self, folder: Path) -> Copy:
        """Another copy of it."""
        shutil.copytree(self.folder, folder)
        return Copy(folder)


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in the archive."""

    seq: int
    id: str
    message: Message


@dataclass(frozen=True, slots=True)
class Original:
    """What was made. `target`: the message that somebody would like to be rid of."""

    copy: Copy
    older: Copy
    elsewhere: Path  # the checkpoint that somebody else keeps
    public: Path  # and the public keys, beside it
    sizes: tuple[int, ...]  # of the checkpoints
    entries: int
    older_entries: int
    kept: int  # size of the checkpoint that is kept elsewhere
    target: Stored


def make(folder: Path) -> Original:
    """Make it in a folder that is there and empty."""
    copy, older, elsewhere = Copy(folder / "original"), Copy(folder / "older"), folder / "elsewhere"
    copy.folder.mkdir()
    copy.config.write_text(_CONFIG, "utf-8")
    messages = [each for each in day(found(SEED, DAY), SEED, 2 * MESSAGES) if len(each.raw) <= _LARGEST]
    messages = messages[:MESSAGES]
    ends = [round(share * len(messages)) for share in _SHARES]
    stored: list[Stored] = []
    signed: list[Kept] = []
    for number, (start, end) in enumerate(pairwise((0, *ends))):
        stored += asyncio.run(_archive(copy, messages[start:end]))
        if end < len(messages):
            signed.append(_sign(copy))
        if number == _OLDER:
            _settle(copy)
            copy.to(older.folder)
        if number == _KEPT:
            publish(elsewhere, signed[-1].note, copy.ledger, DAY)
    _settle(copy)
    sizes = tuple(each.checkpoint.size for each in signed)
    return Original(
        copy=copy,
        older=older,
        elsewhere=elsewhere / NEWEST,
        public=elsewhere / "keys",
        sizes=sizes,
        entries=_last(copy),
        older_entries=_last(older),
        kept=sizes[_KEPT],
        target=_target([each for each in stored if sizes[0] < each.seq < sizes[1]]),
    )


def _target(candidates: Sequence[Stored]) -> Stored:
    """A short message that the rules flag: there is a reason to want it changed."""
    short = [each for each in candidates if len(each.message.raw) < _SHORT]
    return next((each for each in short if each.message.expected), short[0])


class _Nobody:
    """Counts nothing."""

    def committed(self, entries: int, seconds: float) -> None: ...

    def failed(self, reason: str) -> None: ...


async def _archive(copy: Copy, messages: Sequence[Message]) -> list[Stored]:
    """As the gateway does: the message, and then that the next hop took it."""
    now = 0
    archive = Archive(
        copy.archive, compression_level=3, min_free=0, observer=_Nobody(), clock=lambda: now, in_flight=1
    )
    stored = []
    try:
        for message in messages:
            now = to_microseconds(message.at)
            id = uuid7(now, os.urandom(8))
            seq = await archive.append(
                id=id, received=message.at, document=_document(id, message), raw=message.raw
            )
            relayed = {"event": events.RELAYED, "reply": "250 2.0.0 queued", "final_dot": True}
            await archive.record(id, message.at, json.dumps(relayed).encode())
            stored.append(Stored(seq, str(id), message))
    finally:
        await archive.aclose()
    return stored


def _document(id: UUID, message: Message) -> bytes:
    envelope = Envelope(
        id=str(id),
        received=message.at.astimezone(UTC),
        listener=message.entry,
        role=message.entry,
        client=Client("192.0.2.25", 41_025, "mail.internet.example"),
        mail_from=message.mail_from,
        recipients=tuple(Recipient(each, reply="250 2.1.5 ok") for each in message.recipients),
    )
    return json.dumps({"envelope": envelope.to_json(), "verdict": None}).encode()


def _sign(copy: Copy) -> Kept:
    with closing(Reader(copy.archive)) as reader:
        writer = LedgerWriter(reader, copy.ledger, ORIGIN, copy.key, Pace(0.0, 1))
        with closing(writer):
            kept = writer.turn()
    assert kept is not None  # there is something new at every turn
    return kept


def _settle(copy: Copy) -> None:
    """Bring everything from the log into the volume, which is a single file then and can be copied as one."""
    with closing(open_for_append(copy.volume())) as connection:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def _last(copy: Copy) -> int:
    with closing(Reader(copy.archive)) as reader:
        return reader.last_seq()
