"""One transaction at the next hop.

MAIL goes out with the first RCPT in one packet; the next hop's replies come back as they are. On a reused
session a 421 or a lost connection *before any data was sent* is retried once on a new one, with the
recipients that were accepted so far. The final dot is sent by `finish` and by nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.message.envelope import Client
from gateway.smtp.commands import Path
from gateway.smtp.extensions import passable
from gateway.smtp.nexthop import NextHop
from gateway.smtp.reply import NEEDS_UTF8, NEXT_HOP_GONE, NEXT_HOP_LOST, NEXT_HOP_NONSENSE, Refusal, Reply
from gateway.smtp.stream import ConnectionLost, TimedOut
from gateway.smtp.upstream import NextHopFailure, Upstream
from gateway.telemetry.metrics import Metrics

# Below this many octets headers, message and final dot go out in one write.
ONE_WRITE = 64 * 1024

# A large message goes out in blocks, so that a slow next hop has its time for each of them, and TLS does not hold up
# the event loop for all of it.
BLOCK = 256 * 1024

Commands = Callable[[Upstream], list[bytes]]  # parameters depend on what the session's peer offers


class _Stale(Exception):
    """A reused session is closing (421)."""


class Relay:
    """MAIL, RCPT and DATA of one message at one next hop."""

    def __init__(
        self, hop: NextHop, mail: Path, client: Client | None, reply_timeout: float, metrics: Metrics
    ) -> None:
        """`client`: whom to name by XCLIENT; None for mail of the gateway's own."""
        self.hop = hop
        self.target = ""  # host and port of the session in use
        self.dotted = False  # the final dot was sent: the message may have been delivered, whatever came back
        self._mail = mail
        self._client = client
        self._timeout = reply_timeout
        self._metrics = metrics
        self._session: Upstream | None = None
        self._begun = False  # MAIL and all accepted recipients are known to the session in use
        self._in_data = False  # 354 was said: the session can only end with the final dot or be dropped
        self._retried = False
        self._accepted: list[Path] = []
        self._small: tuple[bytes | bytearray, ...] = ()

    @property
    def takes_8bit(self) -> bool:
        return self._session is not None and "8BITMIME" in self._session.offer

    # --- commands ---

    async def recipients(self, paths: list[Path]) -> list[Reply]:
        """RCPT for each path, pipelined where the next hop can; its replies. Raises Refusal.

        Before the first recipient MAIL is sent; where the next hop refuses MAIL, that is the reply to all.
        """
        replies = await self._steadily(lambda session: [_rcpt(path, session) for path in paths])
        self._accepted += [path for path, answer in zip(paths, replies, strict=True) if answer.positive]
        return replies

    async def data(self) -> Reply:
        """DATA; the next hop's reply. Raises Refusal."""
        (answer,) = await self._steadily(lambda _: [b"DATA\r\n"])
        self._in_data = answer.code == 354
        return answer

    # --- the message ---

    async def send(self, *parts: bytes | bytearray) -> None:
        """Send headers and message (CRLF line ends, dot-stuffed), all but the final dot. Raises Refusal.

        A small message waits for `finish`, so that it goes out in one packet with its dot.
        """
        # Nothing of the message was sent yet: where the session ended meanwhile, it may begin again on a new one.
        if (self._session is None or self._session.gone) and (await self.data()).code != 354:
            raise self._failed(NextHopFailure("lost", NEXT_HOP_LOST))
        if sum(map(len, parts)) <= ONE_WRITE:
            self._small = parts
            return
        session = self._living()
        try:
            for part in parts:
                view = memoryview(part)
                for start in range(0, len(view), BLOCK):
                    session.write(view[start : start + BLOCK])
                    await session.drained(self._timeout)
        except ConnectionLost:
            raise self._failed(NextHopFailure("lost", NEXT_HOP_LOST)) from None
        except TimedOut:
            raise self._failed(NextHopFailure("timeout", NEXT_HOP_GONE)) from None

    async def finish(self, timeout: float) -> Reply:
        """Send the final dot; the next hop's reply, which decides. Raises Refusal after `timeout` seconds.

        Only to be called when the message is durable in the archive.
        """
        session = self._living()
        try:
            early = session.early_refusal()
            if early is not None:
                self._give_back(keep=False)
                return early
            self.dotted = True
            session.write(b"".join([*self._small, b".\r\n"]))
            answer = await session.reply(timeout)
        except NextHopFailure as failure:
            raise self._failed(failure) from None
        if answer.code // 100 == 3:
            raise self._failed(NextHopFailure("greeting", NEXT_HOP_NONSENSE))
        session.needs_reset = False
        self._give_back(keep=answer.code != 421)
        return answer

    def abandon(self) -> None:
        """End the transaction without the message being delivered; harmless after `finish`."""
        self._give_back(keep=not self._in_data)

    # --- sessions ---

    async def _steadily(self, commands: Commands) -> list[Reply]:
        """The replies to commands; where a reused session is stale, once from a new one."""
        session = await self._ready()
        try:
            return await self._say(session, commands)
        except _Stale:
            pass
        except NextHopFailure as failure:
            if failure.reason != "lost" or not self._may_retry(session):
                raise self._failed(failure) from None
        self._give_back(keep=False)
        self._retried = True
        self._metrics.upstream_retries.labels(self.hop.name).inc()
        try:
            return await self._say(await self._ready(), commands)
        except NextHopFailure as failure:
            raise self._failed(failure) from None

    async def _ready(self) -> Upstream:
        """The session in use, or one from the pool; after a retry only a new one will do. Raises Refusal."""
        if self._session is not None and self._session.gone:  # while the client took its time
            self._give_back(keep=False)
            self._retried = True
        if self._session is None:
            self._begun = self._in_data = False
            # A session of the pool may have been told of somebody, who must not vouch for the gateway's own mail.
            fresh = self._retried or self._client is None
            self._session = await self.hop.acquire(self._client, fresh=fresh)
            self.target = str(self._session.target)
        return self._session

    def _may_retry(self, session: Upstream) -> bool:
        return session.reused and not self._retried

    def _living(self) -> Upstream:
        if self._session is None:
            raise self._failed(NextHopFailure("lost", NEXT_HOP_LOST))
        return self._session

    def _give_back(self, *, keep: bool) -> None:
        session, self._session = self._session, None
        if session is not None and keep:
            self.hop.release(session)
        elif session is not None:
            self.hop.discard(session)

    def _failed(self, failure: NextHopFailure) -> NextHopFailure:
        self._metrics.upstream_failures.labels(self.hop.name, failure.reason).inc()
        self._give_back(keep=False)
        return failure

    # --- talking ---

    async def _say(self, session: Upstream, commands: Commands) -> list[Reply]:
        """Replies to the commands; ahead of them, on a session that does not know it yet, the transaction."""
        wanted = commands(session)
        if self._begun:
            return await self._pipeline(session, wanted)
        opening = [self._mail_command(session), *(_rcpt(path, session) for path in self._accepted)]
        if session.needs_reset:
            opening.insert(0, b"RSET\r\n")
        replies = await self._pipeline(session, [*opening, *wanted])
        opened, answers = replies[: len(opening)], replies[len(opening) :]
        session.needs_reset = True
        refused = next((answer for answer in opened if not answer.positive), None)
        if refused is None:
            self._begun = True
            return answers
        if self._accepted:  # accepted before, refused now: the client cannot be told any more
            raise self._failed(NextHopFailure("lost", NEXT_HOP_LOST))
        return [refused] * len(wanted)

    async def _pipeline(self, session: Upstream, commands: list[bytes]) -> list[Reply]:
        """The replies to commands, sent at once where the next hop offers PIPELINING (RFC 2920)."""
        if "PIPELINING" in session.offer:
            replies = await session.exchange(b"".join(commands), len(commands), self._timeout)
        else:
            replies = [(await session.exchange(item, 1, self._timeout))[0] for item in commands]
        closing = False
        for command, answer in zip(commands, replies, strict=True):
            closing = closing or answer.code == 421
            if answer.code < 400 and (answer.code == 354) != (command == b"DATA\r\n"):
                session.abort()
                raise NextHopFailure("greeting", NEXT_HOP_NONSENSE)
        if closing:
            if self._may_retry(session):
                raise _Stale
            session.close()
        return replies

    def _mail_command(self, session: Upstream) -> bytes:
        if self._mail.parameter("SMTPUTF8") is not None and "SMTPUTF8" not in session.offer:
            raise Refusal(NEEDS_UTF8)
        return _command(f"MAIL FROM:<{self._mail.address}>", self._mail.parameters, session)


def _rcpt(path: Path, session: Upstream) -> bytes:
    return _command(f"RCPT TO:<{path.address}>", path.parameters, session)


def _command(start: str, parameters: tuple[str, ...], session: Upstream) -> bytes:
    """A command line with those parameters, byte for byte, that the next hop understands."""
    line = " ".join([start, *passable(parameters, session.offer)]) if parameters else start
    return line.encode("utf-8", "surrogateescape") + b"\r\n"
