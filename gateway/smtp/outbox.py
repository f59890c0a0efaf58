"""The outbox: what the gateway itself has to deliver, released messages and notices, tried until it is settled.

The archive is the queue. Each attempt ends with an event in it that says who is still to be reached, and the catalog
makes the list of what waits from those events, so a restart goes on where the last process was. Nothing is sent
before the catalog knows of everything that this process, or one before it, has recorded.

Promises: nobody is reached twice, but for two gaps that SMTP itself has (RFC 1047): the final reply of a next hop
that was lost, and a process killed after that reply and before its event was durable. Where the archive cannot take
the event, its content is kept in memory and recorded before anything else is done. What cannot be delivered is said
to be so within `outbox.give_up`, and a next hop that does not answer holds up only mail for itself.

Fails with ArchiveUnavailable where an entry can be neither read nor written; whatever else goes wrong with an item is
logged, and the item rests a while.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

import structlog

from gateway.archive.entry import Entry
from gateway.archive.errors import ArchiveDamaged, ArchiveUnavailable
from gateway.catalog.outbox import RELEASE, Item
from gateway.config import OutboxSettings
from gateway.message import events
from gateway.message.envelope import Envelope
from gateway.smtp.outgoing import HopName, Outgoing, Sent
from gateway.smtp.received import policy_line, received_line
from gateway.smtp.reply import Reply, reply
from gateway.telemetry.metrics import Metrics

T = TypeVar("T")

AT_ONCE = 4  # attempts under way
_SPREAD = 0.1  # of the time between attempts, by which items differ, so that a thousand do not come at once

UNREADABLE = reply(554, "5.6.0 The message cannot be read from the archive")
REFUSED_BEFORE = reply(554, "5.0.0 Some recipients were refused in an earlier attempt")
GIVEN_UP = reply(554, "5.4.7 Not delivered in time")


# --- when, and what came of it ---------------------------------------------------------------------


def next_attempt(item: Item, settings: OutboxSettings) -> datetime:
    """When an item is to be tried: at once, then after ever longer times, and once more when time is up."""
    if item.last_attempt is None or not item.attempts:
        return item.queued_at
    doublings = min(item.attempts - 1, 32)  # beyond which a number would only grow
    seconds = min(settings.first_retry * 2**doublings, settings.longest_retry)
    share = int(item.id[-8:], 16) / 2**32  # the last digits of a UUIDv7 are random
    later = item.last_attempt + timedelta(seconds=seconds * (1 - _SPREAD * share))
    end = _end(item, settings)
    return min(later, end) if item.last_attempt < end else later


def due(waiting: Iterable[Item], now: datetime, settings: OutboxSettings) -> list[Item]:
    """The items to be tried now, the longest waiting first."""
    chosen = [item for item in waiting if next_attempt(item, settings) <= now]
    return sorted(chosen, key=lambda item: (item.queued_at, item.seq))


def _end(item: Item, settings: OutboxSettings) -> datetime:
    return item.queued_at + timedelta(seconds=settings.give_up)


@dataclass(frozen=True, slots=True)
class Result:
    """How an item stands after an attempt; both lists hold places in the envelope."""

    outcome: str  # RELAYED, DEFERRED or RETURNED
    reply: Reply  # the one that tells most
    left: tuple[int, ...]  # to be tried again
    undelivered: tuple[int, ...]  # cannot be reached, earlier attempts included

    def document(self, sent: Sent, seconds: float) -> bytes:
        """The event for the archive."""
        facts = {
            "event": self.outcome,
            "reply": self.reply.text,
            "next_hop": ", ".join(dict.fromkeys(sent.next_hops)),
            "seconds": round(seconds, 6),
            "final_dot": sent.final_dot,
            "outbox": {"left": self.left, "undelivered": self.undelivered},
        }
        return json.dumps(facts).encode("ascii")  # what is not UTF-8 in a reply as escapes (envelope.py)


def result(item: Item, replies: Mapping[int, Reply], now: datetime, settings: OutboxSettings) -> Result:
    """What replies make of an item. Who got none, or a temporary one, is left until it is time to give up."""
    gone = {place for place, answer in replies.items() if answer.permanent}
    taken = {place for place, answer in replies.items() if answer.positive}
    left = set(item.left) - gone - taken
    if now >= _end(item, settings):
        gone, left = gone | left, set()
    undelivered = {*item.undelivered, *gone}
    outcome = events.DEFERRED if left else events.RELAYED if taken and not undelivered else events.RETURNED
    telling = _telling(item, outcome, gone, replies)
    return Result(outcome, telling, tuple(sorted(left)), tuple(sorted(undelivered)))


def _telling(item: Item, outcome: str, gone: set[int], replies: Mapping[int, Reply]) -> Reply:
    """Why the item stands as it does: a refusal rather than a delay, a delay rather than a success."""
    worst = max(replies.values(), key=lambda answer: answer.code // 100, default=GIVEN_UP)
    if outcome == events.RETURNED and worst.positive:
        return GIVEN_UP if gone else _refused_before(item)
    return worst


def _refused_before(item: Item) -> Reply:
    """Why somebody was refused in an earlier attempt, as far as the last one told."""
    said = item.reply or ""
    if not re.match(r"5\d\d ", said):
        return REFUSED_BEFORE
    return Reply(int(said[:3]), f"{said}\r\n".encode("utf-8", "surrogateescape"))


# --- doing it ----------------------------------------------------------------------------------------


class Source(Protocol):
    """What the outbox reads of the archive; always called in one and the same thread."""

    def last_seq(self) -> int: ...

    def get(self, id: str) -> Entry | None: ...

    def raw(self, seq: int) -> bytes: ...


class Recorder(Protocol):
    """What the outbox writes to the archive."""

    async def record(self, message_id: UUID, received: datetime, document: bytes) -> int: ...

    async def ready(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Stored:
    """A message as the archive has it."""

    envelope: Envelope
    tag: str | None
    raw: bytes


@dataclass(frozen=True, slots=True)
class _Unrecorded:
    """An attempt whose event is not in the archive yet."""

    at: datetime
    document: bytes


class Outbox:
    """Delivers what the catalog says is waiting; one object an installation, in one event loop."""

    def __init__(
        self,
        source: Source,
        archive: Recorder,
        outgoing: Outgoing,
        settings: OutboxSettings,
        hostname: str,
        metrics: Metrics,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._source = source
        self._archive = archive
        self._outgoing = outgoing
        self._settings = settings
        self._hostname = hostname
        self._metrics = metrics
        self._now = now
        self._log = structlog.get_logger()
        self._reading = ThreadPoolExecutor(1, "outbox-read")
        self._unrecorded: dict[str, _Unrecorded] = {}
        self._resting: dict[str, datetime] = {}  # items that this process leaves alone, and until when
        self._needed: int | None = None  # how far the catalog must be, for its list to be true
        self._stopping = False

    async def turn(self, waiting: Sequence[Item], position: int) -> int:
        """Try what is due; the number of attempts that were recorded.

        `waiting` is the catalog's list, and `position` how far the catalog was, read with the list or before it: with a
        catalog that is behind, nothing is sent. Never raises for what archive, message or network do.
        """
        try:
            if not await self._may_begin(position):
                return 0
            now = self._now()
            self._resting = {id: until for id, until in self._resting.items() if until > now}
            queue = deque(item for item in due(waiting, now, self._settings) if item.id not in self._resting)
            if not queue:
                return 0
            await self._archive.ready()
        except ArchiveUnavailable:  # which the archive logs itself
            return 0
        silent: set[HopName] = set()
        return sum(await asyncio.gather(*(self._work(queue, silent) for _ in range(AT_ONCE))))

    async def attempt(self, item: Item, silent: set[HopName] | None = None) -> int | None:
        """One attempt to deliver an item; the number of its event, None where all its next hops are in `silent`.

        Next hops that do not answer are added to `silent`. Raises ArchiveUnavailable; if that was after the message
        went out, a further call for the item records what came of it and sends nothing.
        """
        if item.id in self._unrecorded:
            return await self._record(item.id)
        silent = set() if silent is None else silent
        started = time.perf_counter()
        sent = await self._send(item, silent)
        silent |= sent.silent
        now = self._now()
        if item.left and not sent.replies and now < _end(item, self._settings):
            return None
        found = result(item, sent.replies, now, self._settings)
        document = found.document(sent, time.perf_counter() - started)
        self._unrecorded[item.id] = _Unrecorded(now, document)
        self._tell(item, found, len(sent.replies))
        return await asyncio.shield(self._record(item.id))  # also where the process is told to end just now

    def stop(self) -> None:
        """Begin no further attempt; a turn that is under way ends with those it has begun."""
        self._stopping = True

    def close(self) -> None:
        """End the reading thread."""
        self._reading.shutdown()

    # --- a turn ---

    async def _may_begin(self, position: int) -> bool:
        """Whether the catalog's list can be relied on. Raises ArchiveUnavailable."""
        if self._needed is None:  # events of the process before this one
            self._needed = await self._read(self._source.last_seq)
        for id in list(self._unrecorded):
            await self._record(id)
        return position >= self._needed and not self._stopping

    async def _work(self, queue: deque[Item], silent: set[HopName]) -> int:
        """Attempts, one after another, while there is something to try; how many were recorded."""
        made = 0
        while queue and not self._stopping:
            item = queue.popleft()
            try:
                seq = await self.attempt(item, silent)
            except ArchiveUnavailable:
                queue.clear()  # nothing that is sent now could be recorded
                return made
            except Exception:
                self._log.exception("outbox_failed", id=item.id)
                seq = None
            if seq is None:
                rest = timedelta(seconds=self._settings.first_retry)
                self._resting[item.id] = self._now() + rest
            else:
                made += 1
        return made

    # --- an attempt ---

    async def _send(self, item: Item, silent: set[HopName]) -> Sent:
        """Raises ArchiveUnavailable; a message that cannot be read is a reply of our own."""
        try:
            stored = await self._read(self._stored, item)
        except (ArchiveDamaged, KeyError, TypeError, ValueError) as error:
            self._log.error("outbox_unreadable", id=item.id, error=repr(error))
            return Sent(dict.fromkeys(item.left, UNREADABLE), (), False, frozenset())
        header = b""
        if item.kind == RELEASE:  # as delivery.py would have sent it on
            header = received_line(stored.envelope, self._hostname)
            header = policy_line(stored.tag) + header if stored.tag else header
        return await self._outgoing.send(stored.envelope, stored.raw, item.left, header, frozenset(silent))

    def _stored(self, item: Item) -> _Stored:
        """Raises ArchiveDamaged, ArchiveUnavailable; KeyError, TypeError, ValueError for what is no such record."""
        entry = self._source.get(item.id)
        if entry is None:
            raise KeyError(item.id)
        envelope = Envelope.from_json(entry.document["envelope"])
        if not all(0 <= place < len(envelope.recipients) for place in item.left):
            raise ValueError("recipients are left that the envelope does not have")
        tag = (entry.document.get("verdict") or {}).get("tag")
        return _Stored(envelope, tag, self._source.raw(entry.seq))

    async def _read(self, read: Callable[..., T], *what: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, read, *what)

    async def _record(self, id: str) -> int:
        """The number of the event of an attempt, once it is durable. Raises ArchiveUnavailable."""
        one = self._unrecorded[id]
        seq = await self._archive.record(UUID(id), one.at, one.document)
        self._unrecorded.pop(id, None)
        self._needed = max(seq, self._needed or 0)
        return seq

    def _tell(self, item: Item, found: Result, recipients: int) -> None:
        self._metrics.outbox_attempts.labels(item.kind, found.outcome).inc()
        write = self._log.warning if found.outcome == events.RETURNED else self._log.info
        write(
            "outbox",
            id=item.id,
            kind=item.kind,
            outcome=found.outcome,
            code=found.reply.code,
            recipients=recipients,
        )
