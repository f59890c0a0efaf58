"""One connection to a next hop: greeting, EHLO, STARTTLS, XCLIENT, pipelined commands.

A small client of our own, because replies must come back verbatim, bytes must go out untouched and
commands must be pipelined. Promises: an exchange returns exactly one reply for each command it sent;
a connection on which anything unexpected arrived is never used again, so replies cannot shift.
Fails with `NextHopFailure`, whose reply is temporary.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from gateway.message.envelope import Client
from gateway.smtp.extensions import NOTHING, parse_offer
from gateway.smtp.reply import (
    NEXT_HOP_GONE,
    NEXT_HOP_LOST,
    NEXT_HOP_NONSENSE,
    NEXT_HOP_TLS,
    Refusal,
    Reply,
    ReplyError,
    take_reply,
)
from gateway.smtp.stream import ConnectionLost, Stream, Streams, TimedOut


class NextHopFailure(Refusal):
    """The next hop cannot be used now; `reason` is the metrics label."""

    def __init__(self, reason: str, answer: Reply) -> None:
        super().__init__(answer)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Target:
    """One host to try: where to connect and which name its certificate should bear."""

    host: str
    port: int
    name: str

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Upstream(Stream):
    """An open session with a next hop, between two transactions or inside one."""

    def __init__(self, streams: Streams, target: Target) -> None:
        super().__init__(streams)
        self.target = target
        self.offer = NOTHING
        self.reused = False
        self.needs_reset = False  # an unfinished transaction; RSET goes ahead of the next MAIL
        self.identity: Client | None = None  # whom XCLIENT named
        self._idle_until: float | None = None
        self._asking = False  # replies are still to come: such a session must never be shared

    # --- idle time in the pool ---

    def park(self, until: float) -> bool:
        """Become idle until loop time `until`; False where the connection must not be used again."""
        if self._asking or self.lost or self.eof or self.buffer or self.transport.is_closing():
            return False
        self._idle_until = until
        return True

    def unpark(self) -> bool:
        """Become busy; False where the connection is gone."""
        self._idle_until = None
        return not (self.lost or self.eof or self.buffer)

    def data_received(self, data: bytes) -> None:
        if self._idle_until is not None:
            self.abort()  # a 421 or nonsense: nothing was asked
        else:
            super().data_received(data)

    def eof_received(self) -> bool:
        super().eof_received()
        return False  # a next hop that ends its side has ended the session

    def expire(self, now: float) -> None:
        if self._idle_until is not None and now >= self._idle_until and not self.lost:
            self.write(b"QUIT\r\n")
            self.close()
        else:
            super().expire(now)

    @property
    def gone(self) -> bool:
        """Whether it ended by itself while nothing was asked: closed without a word, or with a 421."""
        return self.buffer.startswith(b"421") if self.buffer else self.lost

    # --- talking ---

    async def exchange(self, wire: bytes, count: int, timeout: float) -> list[Reply]:
        """Send commands and read `count` replies, each within `timeout` s.

        Raises NextHopFailure, also where more came than was asked for; the connection is then unusable.
        """
        self.require_silence()
        self._asking = True  # and stays so where this is interrupted
        self.write(wire)
        replies: list[Reply] = []
        while len(replies) < count:
            replies.append(await self.reply(timeout))
        if replies[-1].code != 354:  # a message may be refused before all of it was sent: `early_refusal`
            self.require_silence()
        self._asking = False
        return replies

    def early_refusal(self) -> Reply | None:
        """A refusal that came while the message was still being sent. Raises NextHopFailure for anything else."""
        if not self.buffer:
            return None
        try:
            early = take_reply(self.buffer)
        except ReplyError:
            early = None
        if early is not None and early.code >= 400:
            return early
        if early is not None:
            self.buffer += early.wire
        self.require_silence()
        return None

    def require_silence(self) -> None:
        """Nothing may have come unasked: whatever it is, it would shift every later reply. Raises NextHopFailure."""
        if self.buffer:
            self.abort()
            raise NextHopFailure("lost", NEXT_HOP_LOST)

    async def reply(self, timeout: float) -> Reply:
        """The next reply, whole within `timeout` s. Raises NextHopFailure."""
        until = self.after(timeout)
        try:
            while not self.buffer or (answer := take_reply(self.buffer)) is None:
                await self.more(until)
        except ConnectionLost:
            raise NextHopFailure("lost", NEXT_HOP_LOST) from None
        except TimedOut:
            self.abort()
            raise NextHopFailure("timeout", NEXT_HOP_GONE) from None
        except ReplyError:
            self.abort()
            raise NextHopFailure("greeting", NEXT_HOP_NONSENSE) from None
        return answer

    async def hello(self, hostname: str, timeout: float) -> None:
        """EHLO, or HELO where the next hop knows no better (RFC 5321 §3.2)."""
        (answer,) = await self.exchange(f"EHLO {hostname}\r\n".encode(), 1, timeout)
        if answer.code // 100 == 2:
            self.offer = parse_offer(answer)
            return
        self.offer = NOTHING
        (answer,) = await self.exchange(f"HELO {hostname}\r\n".encode(), 1, timeout)
        if answer.code // 100 != 2:
            raise NextHopFailure("greeting", NEXT_HOP_GONE)

    async def secure(self, context: ssl.SSLContext, hostname: str, timeout: float) -> None:
        """STARTTLS and EHLO again (RFC 3207 §4.2). Raises NextHopFailure with reason tls."""
        try:
            (answer,) = await self.exchange(b"STARTTLS\r\n", 1, timeout)
            if answer.code != 220:
                raise NextHopFailure("tls", NEXT_HOP_TLS)
            name = self.target.name if context.check_hostname else self.target.name or "next-hop"
            await self.start_tls(context, server_hostname=name, timeout=timeout)
        except (OSError, ConnectionLost, NextHopFailure) as error:  # ssl.SSLError is an OSError
            self.abort()
            raise NextHopFailure("tls", NEXT_HOP_TLS) from error
        await self.hello(hostname, timeout)

    async def introduce(self, client: Client, hostname: str, timeout: float) -> None:
        """Name the real client by XCLIENT where the next hop offers it; it then starts afresh.

        Raises NextHopFailure, also where the session names another client already and keeps to it.
        """
        if "XCLIENT" not in self.offer or self.identity == client:
            return
        wire = xclient(client, self.offer.keywords["XCLIENT"])
        if self.needs_reset:  # XCLIENT is refused inside a transaction
            await self.exchange(b"RSET\r\n", 1, timeout)
            self.needs_reset = False
        (answer,) = await self.exchange(wire, 1, timeout)
        if answer.code // 100 == 2:
            await self.hello(hostname, timeout)
            self.identity = client
        elif self.identity is not None:
            raise NextHopFailure("lost", NEXT_HOP_LOST)


def xclient(client: Client, attributes: str) -> bytes:
    """The XCLIENT command with those of the offered attributes that are known (Postfix XCLIENT_README)."""
    address = f"IPV6:{client.address}" if ":" in client.address else client.address
    known = {
        "NAME": "[UNAVAILABLE]",
        "ADDR": address,
        "PORT": str(client.port),
        "PROTO": "ESMTP" if client.esmtp else "SMTP",
        "HELO": client.helo or "[UNAVAILABLE]",
        "LOGIN": client.login or "[UNAVAILABLE]",
    }
    pairs = [f"{name}={_xtext(known[name])}" for name in attributes.upper().split() if name in known]
    return ("XCLIENT " + " ".join(pairs) + "\r\n").encode("ascii")


def _xtext(value: str) -> str:
    """RFC 3461 §4 xtext; brackets of [UNAVAILABLE] stay as they are."""
    octets = value.encode("utf-8", "surrogateescape")[:255]
    return "".join(chr(o) if 33 <= o <= 126 and o not in b"+=" else f"+{o:02X}" for o in octets)


async def connect(
    target: Target,
    streams: Streams,
    *,
    hostname: str,
    context: ssl.SSLContext | None,
    tls_required: bool,
    timeout: float,
) -> Upstream:
    """A greeted session with one host, under TLS where `context` is given and the host offers it.

    `timeout` bounds the whole, in seconds. Where TLS is not required and its handshake fails, the host is
    tried once more in plain text. Raises NextHopFailure.
    """
    try:
        async with asyncio.timeout(timeout):
            try:
                return await _greeted(target, streams, hostname, context, tls_required, timeout)
            except NextHopFailure as failure:
                if failure.reason != "tls" or tls_required:
                    raise
            return await _greeted(target, streams, hostname, None, False, timeout)
    except TimeoutError:
        raise NextHopFailure("timeout", NEXT_HOP_GONE) from None


async def _greeted(
    target: Target,
    streams: Streams,
    hostname: str,
    context: ssl.SSLContext | None,
    tls_required: bool,
    timeout: float,
) -> Upstream:
    try:
        _, session = await streams.loop.create_connection(
            lambda: Upstream(streams, target), target.host, target.port
        )
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that can be no host
        raise NextHopFailure("refused", NEXT_HOP_GONE) from error
    try:
        greeting = await session.reply(timeout)
        if greeting.code != 220:
            raise NextHopFailure("greeting", NEXT_HOP_GONE)
        await session.hello(hostname, timeout)
        if context is not None and "STARTTLS" in session.offer:
            await session.secure(context, hostname, timeout)
        elif tls_required:
            raise NextHopFailure("tls", NEXT_HOP_TLS)
    except BaseException:
        session.abort()
        raise
    return session
