"""One attempt to deliver an archived message: to some recipients of its envelope, at whatever next hops serve them.

The recipients of one next hop make one transaction; each of them comes back with the reply that decided about it.

Promises: the bytes that go out are those archived, below the header lines given; parameters go out as they came; a
message that the next hop could only take altered (8-bit content, SMTPUTF8) is refused, not converted. Whatever the
network does becomes a reply, so `send` raises nothing for it, and each next hop has the time of `timeouts.commit`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import structlog

from gateway.config import Config
from gateway.message.canonical import domain_of
from gateway.message.envelope import Client, Envelope, Recipient
from gateway.smtp.commands import Path
from gateway.smtp.data import Data, stuff
from gateway.smtp.delivery import THREAD_OCTETS
from gateway.smtp.nexthop import NextHop, NextHops
from gateway.smtp.relay import Relay
from gateway.smtp.reply import BAD_ADDRESS, DEADLINE, NEEDS_8BIT, NO_ROUTE, OURS, Refusal, Reply
from gateway.smtp.stream import Deadline, Streams
from gateway.smtp.upstream import NextHopFailure
from gateway.telemetry.metrics import Metrics

NOTICE = "notice"  # the role of mail that the gateway itself wrote

HopName = tuple[str, str]  # a route, and the domain where its next hop is found by MX


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of an attempt. Recipients whose next hop was passed over have no reply."""

    replies: Mapping[int, Reply]  # by place in the envelope
    next_hops: tuple[str, ...]  # host:port of each that was spoken to
    final_dot: bool  # was sent to one of them: with a lost or late reply the message may be there (RFC 1047)
    silent: frozenset[HopName]  # who did not answer


@dataclass(frozen=True, slots=True)
class _Message:
    """What every next hop gets of a message."""

    mail: Path
    client: Client | None
    header: bytes
    body: bytes | bytearray  # CRLF line ends, dot-stuffed

    @property
    def is_8bit(self) -> bool:
        return not self.body.isascii()


@dataclass(slots=True)
class _Group:
    """The recipients that one next hop serves, by place in the envelope."""

    hop: NextHop
    paths: dict[int, Path]

    @property
    def name(self) -> HopName:
        return self.hop.name, self.hop.domain


class Outgoing:
    """Delivers archived messages; one object a process."""

    def __init__(self, config: Config, next_hops: NextHops, streams: Streams, metrics: Metrics) -> None:
        self._config = config
        self._next_hops = next_hops
        self._streams = streams
        self._metrics = metrics
        self._log = structlog.get_logger()

    async def send(
        self,
        envelope: Envelope,
        raw: bytes,
        places: Sequence[int],
        header: bytes,
        pass_over: AbstractSet[HopName] = frozenset(),
    ) -> Sent:
        """Try to deliver `raw`, below the lines of `header`, to the recipients in these places of the envelope.

        `pass_over`: next hops not to be tried now. Raises nothing for what the network does.
        """
        groups, replies = self._grouped(envelope.recipients, places)
        groups = [group for group in groups if group.name not in pass_over]
        relays: list[Relay] = []
        silent: set[HopName] = set()
        if groups:
            message = await _message(envelope, raw, header)
            for group in groups:
                relay = Relay(
                    group.hop, message.mail, message.client, self._config.timeouts.reply, self._metrics
                )
                relays.append(relay)
                answered = await self._at_one_hop(relay, message, group, replies)
                if not answered:
                    silent.add(group.name)
        return Sent(
            replies,
            tuple(relay.target for relay in relays if relay.target),
            any(relay.dotted for relay in relays),
            frozenset(silent),
        )

    # --- where to ---

    def _grouped(
        self, recipients: Sequence[Recipient], places: Collection[int]
    ) -> tuple[list[_Group], dict[int, Reply]]:
        """The recipients by next hop, and replies for those who have none."""
        groups: dict[HopName, _Group] = {}
        replies: dict[int, Reply] = {}
        for place in places:
            recipient = recipients[place]
            try:
                hop = self._next_hop(recipient.address)
            except Refusal as refusal:
                replies[place] = refusal.reply
                continue
            group = groups.setdefault((hop.name, hop.domain), _Group(hop, {}))
            group.paths[place] = _path(recipient.address, recipient.parameters)
        return list(groups.values()), replies

    def _next_hop(self, address: str) -> NextHop:
        """As a session finds it when the recipient is named (session.py). Raises Refusal."""
        domain = domain_of(address)
        if not domain and address.lower() == "postmaster":  # RFC 5321 §4.5.1
            domain = self._config.district.domains[0]
        if not domain:
            raise Refusal(BAD_ADDRESS)
        hop = None if domain.startswith("[") else self._next_hops.for_domain(domain)
        if hop is None:
            raise Refusal(NO_ROUTE)
        return hop

    # --- at one next hop ---

    async def _at_one_hop(
        self, relay: Relay, message: _Message, group: _Group, replies: dict[int, Reply]
    ) -> bool:
        """Put the reply for each recipient into `replies`; whether the next hop answered at all."""
        own: dict[int, Reply] = {}
        answered = True
        try:
            with Deadline(self._streams, self._config.timeouts.commit):
                answer = await self._transaction(relay, message, group.paths, own)
        except TimeoutError:
            answer, answered = DEADLINE, False
        except Refusal as refusal:
            answer = refusal.reply
            late = isinstance(refusal, NextHopFailure) and refusal.reason == "timeout"
            answered = bool(relay.target or answer.permanent) and not late
        except Exception:
            self._log.exception("outgoing_failed")
            answer = OURS
        finally:
            relay.abandon()
        replies.update({place: own.get(place, answer) for place in group.paths})
        return answered

    async def _transaction(
        self, relay: Relay, message: _Message, paths: Mapping[int, Path], refused: dict[int, Reply]
    ) -> Reply:
        """The reply to everybody whose own did not go to `refused`. Raises Refusal."""
        answers = await relay.recipients(list(paths.values()))
        refused.update(
            {place: answer for place, answer in zip(paths, answers, strict=True) if not answer.positive}
        )
        closing = next((answer for answer in answers if answer.code == 421), None)
        if closing is not None or len(refused) == len(paths):
            return closing or answers[0]
        answer = await relay.data()
        if answer.code != 354:
            return answer
        if message.is_8bit and not relay.takes_8bit:
            raise Refusal(NEEDS_8BIT)
        await relay.send(message.header, message.body)
        return await relay.finish(self._config.timeouts.commit)


async def _message(envelope: Envelope, raw: bytes, header: bytes) -> _Message:
    large = len(raw) > THREAD_OCTETS
    return _Message(
        mail=_path(envelope.mail_from, envelope.mail_parameters),
        # The gateway itself is the client that sends a notice.
        client=None if envelope.role == NOTICE else envelope.client,
        header=header,
        body=await asyncio.to_thread(on_the_wire, raw) if large else on_the_wire(raw),
    )


def on_the_wire(raw: bytes) -> bytes | bytearray:
    """A message as it follows DATA, all but the final dot: CRLF line ends only, dot-stuffed."""
    wire = Data(stuff(raw), clean=False, dotted=True).outgoing()
    return wire if not wire or wire.endswith(b"\r\n") else wire + b"\r\n"


def _path(address: str, parameters: str) -> Path:
    return Path(address, tuple(parameters.split()))
