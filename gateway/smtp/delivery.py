"""After the final dot: inspect, decide, archive, relay, and only then answer.

Promises, in the order of the code of `_deliver`:
 1. the message is judged, and a rule that fails costs nothing but its finding; where that matters, the author's
    domain is asked about (SPF, DKIM, DMARC), and the message is judged again by what it says;
 2. it is durable in the archive *before* the next hop gets the final dot;
 3. the client gets the next hop's own reply, so a 250 means that the next hop has taken the message;
 4. what became of it is written to the archive as an event.

Fails towards the client with a temporary reply: archive unavailable 452, next hop gone 451, deadline
passed 451. Whatever fails before the final dot leaves nothing at the next hop.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import orjson
import structlog

from gateway.archive.errors import ArchiveUnavailable
from gateway.archive.identity import uuid7
from gateway.archive.randomness import RandomPool
from gateway.config import Action, Config, Role, in_domain
from gateway.message.authentication import Authentication
from gateway.message.canonical import domain_of
from gateway.message.content import content_id
from gateway.message.envelope import Envelope
from gateway.message.events import ABANDONED, DEFERRED, FAILED, HELD, REFUSED, REJECTED, RELAYED
from gateway.message.reading import Reading, read_message
from gateway.policy.model import Transaction as Judged
from gateway.policy.model import Verdict
from gateway.smtp.authentication.authenticate import Authenticator
from gateway.smtp.data import Data, has_long_line
from gateway.smtp.received import policy_line, received_line
from gateway.smtp.relay import ONE_WRITE
from gateway.smtp.reply import (
    ARCHIVE_FULL,
    BARE_LINE_END,
    DEADLINE,
    LONG_LINE,
    LOOK_ALIKE,
    LOOP,
    NEEDS_8BIT,
    OURS,
    Refusal,
    Reply,
    reply,
)
from gateway.smtp.stream import Deadline, Streams
from gateway.smtp.transaction import Transaction
from gateway.telemetry.metrics import Metrics

Buffer = bytes | bytearray

# Beyond these a message is looked at in a thread, because the event loop must not wait for it.
THREAD_OCTETS = 64 * 1024
THREAD_RECIPIENTS = 200


class Appender(Protocol):
    """What delivery needs of the archive."""

    async def append(self, *, id: UUID, received: datetime, document: bytes, raw: Buffer) -> int: ...

    def note(self, *, message_id: UUID, received: datetime, document: bytes) -> None: ...


Judge = Callable[[Judged], Verdict]


@dataclass(frozen=True, slots=True)
class Inspected:
    """A message as the next steps need it."""

    raw: Buffer
    outgoing: Buffer
    reading: Reading
    judged: Judged | None  # as the rules saw it; None where it could not even be shown to them
    verdict: Verdict | None
    authentication: Authentication | None = None


class Delivery:
    """Takes messages of all sessions of a worker to the archive and to their next hop."""

    def __init__(
        self,
        config: Config,
        archive: Appender,
        judge: Judge,
        metrics: Metrics,
        streams: Streams,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        random: Callable[[int], bytes] | None = None,
        authenticator: Authenticator | None = None,
    ) -> None:
        self._config = config
        self._authenticator = authenticator
        self._archive = archive
        self._judge = judge
        self._metrics = metrics
        self._streams = streams
        self._now = now
        self._random = random or RandomPool()
        self._log = structlog.get_logger()
        self._seconds = {
            phase: metrics.phase_seconds.labels(phase)
            for phase in ("decide", "authenticate", "archive", "relay", "whole")
        }

    async def deliver(self, transaction: Transaction, data: Data) -> Reply:
        """The reply to the final dot; never raises, never takes longer than the commit deadline."""
        started = time.perf_counter()
        now = self._now()
        message = _Message(transaction, now, uuid7(int(now.timestamp() * 1_000_000), self._random(8)))
        try:
            with Deadline(self._streams, self._config.timeouts.commit):
                answer = await self._deliver(message, data)
        except TimeoutError:
            message.outcome, answer = ABANDONED, DEADLINE
        except ArchiveUnavailable:
            message.outcome, answer = FAILED, ARCHIVE_FULL
        except Refusal as refusal:
            message.outcome, answer = REFUSED if refusal.reply.permanent else FAILED, refusal.reply
        except Exception:
            self._log.exception("delivery_failed", id=message.id)
            message.outcome, answer = FAILED, OURS
        finally:
            if transaction.relay is not None:
                message.target, message.dotted = transaction.relay.target, transaction.relay.dotted
            transaction.abandon()
        self._conclude(message, answer, len(data.wire), time.perf_counter() - started)
        return answer

    async def _deliver(self, message: _Message, data: Data) -> Reply:
        transaction = message.transaction
        large = len(data.wire) > THREAD_OCTETS or len(transaction.recipients) > THREAD_RECIPIENTS
        inspected = (
            await asyncio.to_thread(self._inspect, message, data) if large else self._inspect(message, data)
        )
        if self._authenticator is not None and self._asks_about_author(message, inspected):
            inspected = await self._authenticated(message, inspected, self._authenticator, large=large)
        verdict = inspected.verdict
        message.verdict = verdict
        self._count(inspected)
        envelope = self._envelope(message, inspected.authentication)
        append = self._append(message, envelope, inspected)
        if transaction.relay is None:  # a journal listener relays nothing
            await append
            message.outcome = "journaled"
            return reply(250, f"2.0.0 Archived as {message.id}")
        if verdict is not None and verdict.action == Action.REJECT:
            await append
            message.outcome = REJECTED
            return reply(550, f"5.7.1 {verdict.reject}")
        if holds_back(verdict):  # the record says so itself: a held message is never lost sight of
            await append
            message.outcome = HELD
            return reply(250, f"2.0.0 Taken as {message.id}; a reviewer of the district looks at it first")
        header = received_line(envelope, self._config.hostname)
        if verdict is not None and verdict.tag:
            header = policy_line(verdict.tag) + header
        if len(inspected.outgoing) > ONE_WRITE:
            # The transfer may begin while the archive writes: only the final dot makes it a delivery.
            await _both(append, transaction.relay.send(header, inspected.outgoing))
        else:
            await append
            await transaction.relay.send(header, inspected.outgoing)
        # The message is durable from here on. Nothing above this line may send the final dot.
        started = time.perf_counter()
        answer = await transaction.relay.finish(self._config.timeouts.commit)
        self._seconds["relay"].observe(time.perf_counter() - started)
        message.outcome = RELAYED if answer.positive else REFUSED if answer.permanent else DEFERRED
        return answer

    # --- before the archive ---

    def _inspect(self, message: _Message, data: Data) -> Inspected:
        """Refuse what cannot go on, read the headers, judge. Raises Refusal."""
        raw = data.raw
        reading = read_message(raw)
        # A journal relays nothing, so nothing can go wrong further on, and its senders never try again.
        outgoing = raw if message.transaction.relay is None else self._outgoing(message, data, reading)
        started = time.perf_counter()
        judged = self._shown_to_rules(message, reading, raw)
        verdict = self._decide(message, judged)
        self._seconds["decide"].observe(time.perf_counter() - started)
        return Inspected(raw, outgoing, reading, judged, verdict)

    def _outgoing(self, message: _Message, data: Data, reading: Reading) -> Buffer:
        """The message for the next hop. Raises Refusal for what must not go on."""
        relay = message.transaction.relay
        if data.look_alike:
            raise Refusal(LOOK_ALIKE)
        if message.transaction.strict and not data.clean:
            raise Refusal(BARE_LINE_END)
        if has_long_line(data.wire, self._config.limits.line_length):
            raise Refusal(LONG_LINE)
        if reading.received_count > self._config.limits.hops:
            raise Refusal(LOOP)
        outgoing = data.outgoing()
        if relay is not None and not relay.takes_8bit and not outgoing.isascii():
            raise Refusal(NEEDS_8BIT)
        return outgoing

    def _shown_to_rules(self, message: _Message, reading: Reading, raw: Buffer) -> Judged | None:
        """What the rules get to see; None where that fails, which never stops mail (promise 4)."""
        transaction = message.transaction
        try:
            return Judged(
                reading=reading,
                mail_from=transaction.mail.address,
                recipients=tuple(recipient.address for recipient in transaction.recipients),
                received=message.received,
                content_id=content_id(reading, raw),
                raw=raw,
            )
        except Exception:
            self._log.exception("decide_failed", id=message.id)
            return None

    def _decide(self, message: _Message, judged: Judged | None) -> Verdict | None:
        """The verdict; None where judging itself failed, which never stops mail (promise 4)."""
        if judged is None:
            return None
        try:
            return self._judge(judged)
        except Exception:
            self._log.exception("decide_failed", id=message.id)
            return None

    def _asks_about_author(self, message: _Message, inspected: Inspected) -> bool:
        """Whether it matters who wrote the message, so that DNS is to be asked (`authentication.check`)."""
        check, verdict = self._config.authentication.check, inspected.verdict
        if check == "never" or message.transaction.role != Role.INBOUND or verdict is None:
            return False
        if check == "always" or verdict.findings or verdict.by_staff:
            return True
        # From outside in the district's own name: what a rule would find in it is about a forgery only.
        authors = (domain_of(box.address) for box in inspected.reading.from_)
        own = self._config.district.domains
        return any(in_domain(author, domain) for author in authors for domain in own)

    async def _authenticated(
        self, message: _Message, inspected: Inspected, authenticator: Authenticator, *, large: bool
    ) -> Inspected:
        """The message judged again, by what is known of its author. Never raises, ends within a time limit."""
        started = time.perf_counter()
        transaction = message.transaction
        found = await authenticator.authenticate(
            transaction.client, transaction.mail.address, inspected.reading, inspected.raw
        )
        judged = replace(inspected.judged, authentication=found) if inspected.judged is not None else None
        verdict = (
            await asyncio.to_thread(self._decide, message, judged) if large else self._decide(message, judged)
        )
        self._seconds["authenticate"].observe(time.perf_counter() - started)
        return replace(inspected, judged=judged, verdict=verdict, authentication=found)

    def _count(self, inspected: Inspected) -> None:
        """Metrics of the judgement that holds."""
        metrics, verdict = self._metrics, inspected.verdict
        if inspected.authentication is not None:
            metrics.authentications.labels(_outcome(inspected.authentication)).inc()
        if verdict is None:
            metrics.decide_errors.inc()
            return
        for finding in verdict.findings:
            metrics.findings.labels(finding.rule, finding.severity).inc()
        for rule in verdict.errors:
            metrics.rule_errors.labels(rule).inc()

    def _envelope(self, message: _Message, authentication: Authentication | None) -> Envelope:
        transaction = message.transaction
        relay = transaction.relay
        return Envelope(
            id=message.id,
            received=message.received,
            listener=transaction.listener,
            role=transaction.role,
            client=transaction.client,
            mail_from=transaction.mail.address,
            mail_parameters=" ".join(transaction.mail.parameters),
            recipients=tuple(transaction.recipients),
            route=relay.hop.name if relay else "",
            next_hop=relay.target if relay else "",
            authentication=authentication.to_json() if authentication else None,
        )

    # --- archive ---

    async def _append(self, message: _Message, envelope: Envelope, inspected: Inspected) -> None:
        started = time.perf_counter()
        verdict = inspected.verdict
        facts: dict[str, Any] = {"envelope": envelope, "verdict": verdict.to_json() if verdict else None}
        if message.transaction.relay is not None and holds_back(verdict):
            facts["held"] = True
        document = _document(facts)
        message.kept = True  # so it may be even where the deadline interrupts this
        try:
            await self._archive.append(
                id=message.uuid, received=message.received, document=document, raw=inspected.raw
            )
        except Exception:
            message.kept = False
            raise
        self._seconds["archive"].observe(time.perf_counter() - started)

    def _conclude(self, message: _Message, answer: Reply, size: int, seconds: float) -> None:
        """Metrics, the log line, and the event in the archive about what became of the message."""
        transaction = message.transaction
        self._seconds["whole"].observe(seconds)
        self._metrics.transactions.labels(transaction.listener, message.outcome).inc()
        if message.kept and message.outcome != "journaled":
            event = {
                "event": message.outcome,
                "reply": answer.text,
                "next_hop": message.target,
                "seconds": round(seconds, 6),
                # With the final dot sent, a lost or late reply may hide a delivery (RFC 1047).
                "final_dot": message.dotted,
            }
            try:
                self._archive.note(message_id=message.uuid, received=self._now(), document=_document(event))
            except Exception:  # the message's own fate is settled: the client must get its reply
                self._log.exception("event_lost", id=message.id)
        self._log.info(
            "message",
            id=message.id,
            listener=transaction.listener,
            outcome=message.outcome,
            code=answer.code,
            size=size,
            recipients=len(transaction.recipients),
            findings=len(message.verdict.findings) if message.verdict else 0,
            seconds=round(seconds, 6),
        )


class _Message:
    """One message on its way: what is known of it so far."""

    def __init__(self, transaction: Transaction, received: datetime, uuid: UUID) -> None:
        self.transaction = transaction
        self.received = received
        self.uuid = uuid
        self.id = str(self.uuid)
        self.target = ""
        self.verdict: Verdict | None = None
        self.kept = False  # the archive has the message, or may have it
        self.dotted = False
        self.outcome = FAILED


def holds_back(verdict: Verdict | None) -> bool:
    """Whether the message waits for a reviewer."""
    return verdict is not None and verdict.action == Action.HOLD


def _outcome(authentication: Authentication) -> str:
    """An authentication in a word, for the metrics."""
    if authentication.genuine:
        return "pass"
    if authentication.undecided:
        return "undecided"
    return "fail" if authentication.dmarc == "fail" else "none"


async def _both(first: Awaitable[None], second: Awaitable[None]) -> None:
    """Wait for both, also where one fails, and then raise the failure that came first in the arguments."""
    results = await asyncio.gather(first, second, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _document(facts: dict[str, Any]) -> bytes:
    """JSON; SMTP text that is not UTF-8 becomes `\\udcXX` escapes, which only the slower encoder writes."""
    try:
        return orjson.dumps(facts)
    except TypeError:
        return json.dumps(facts, default=lambda item: item.to_json()).encode("ascii")
