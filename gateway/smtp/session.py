"""A client's session: one method for each verb (RFC 5321 §4.1.1).

Promises: every command line gets exactly one reply, in order; no octets can raise past a session (what is
unforeseen is logged and answered 451); replies to pipelined commands leave together. A client that goes
away ends nothing that is past its final dot.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from gateway.config import IPNetwork, Listener, Role, TlsMode, in_domain
from gateway.message.canonical import domain_of
from gateway.message.envelope import Client
from gateway.smtp import reply as replies
from gateway.smtp.auth import decode_login, decode_plain
from gateway.smtp.commands import Path, declared_size, parse_path
from gateway.smtp.context import Context
from gateway.smtp.data import DataReader
from gateway.smtp.extensions import NOTHING
from gateway.smtp.nexthop import NextHop
from gateway.smtp.relay import Relay
from gateway.smtp.reply import Refusal, Reply
from gateway.smtp.stream import ConnectionLost, LineTooLong, Stream, TimedOut
from gateway.smtp.tls import facts
from gateway.smtp.transaction import Transaction

# Recipients handed to the next hop in one pipeline when the client pipelines them too.
BATCH = 100

# Octets a second that a message must come at, on average and beside the first `timeouts.data` seconds.
SLOWEST = 1024

# Routing inside a local part, which some mail servers follow (RFC 5321 §3.6.1 wants none of it).
_ROUTING = re.compile(r"[@%!]")


class Session:
    """The dialogue with one client; `run` lasts as long as the connection."""

    def __init__(self, stream: Stream, client: Client, listener: Listener, context: Context) -> None:
        self._stream = stream
        self._client = client
        self._listener = listener
        self._context = context
        self._log = structlog.get_logger()
        self._offer = NOTHING
        self._transaction: Transaction | None = None
        self._commands = 0
        self._errors = 0
        self._out = bytearray()
        self._in_command = False  # between reading a command and its reply
        self._draining = False
        self._hurried = False
        self._address = ipaddress.ip_address(client.address)

    async def run(self) -> None:
        """Greet, then answer commands until the connection ends."""
        try:
            self._say(replies.reply(220, f"{self._context.config.hostname} ESMTP ready"))
            while await self._turn():
                pass
        except (ConnectionLost, OSError):
            pass
        except TimedOut:
            self._say(replies.TIMED_OUT)
        finally:
            self._abandon()
            self._flush()
            self._stream.close()

    def drain(self) -> None:
        """The service stops: end the session now, or as soon as its transaction has ended."""
        self._draining = True
        if not self._in_command and self._transaction is None:
            self._end_now()

    def hurry(self) -> None:
        """The time to drain is over: end the session unless it is past a final dot."""
        self._hurried = True
        if not self._in_command:
            self._end_now()

    def _end_now(self) -> None:
        self._say(replies.SHUTTING_DOWN)
        self._flush()
        self._stream.close()

    # --- the loop ---

    async def _turn(self) -> bool:
        """One command; False when the session is over."""
        if self._hurried or (self._draining and self._transaction is None):
            self._say(replies.SHUTTING_DOWN)
            return False
        try:
            line = await self._line(self._context.config.limits.command_line)
        except LineTooLong:
            return self._say(self._fault(replies.LINE_TOO_LONG))
        self._in_command = True
        try:
            return await self._command(line)
        finally:
            self._in_command = False

    async def _command(self, line: bytes) -> bool:
        self._commands += 1
        if self._commands > self._context.config.limits.commands:
            return self._say(replies.TOO_MANY_COMMANDS)
        verb, _, argument = line.decode("utf-8", "surrogateescape").partition(" ")
        method = _VERBS.get(verb.strip().upper())
        if method is None:
            return self._say(self._fault(replies.SYNTAX))
        try:
            answer = await method(self, argument.strip(" \t"))
        except Refusal as refusal:
            answer = self._fault(refusal.reply)
        except (ConnectionLost, TimedOut):
            raise
        except Exception:
            self._log.exception("session_failed", listener=self._listener.name)
            answer = replies.OURS
            self._abandon()
        return self._say(answer) if answer is not None else True

    def _say(self, answer: Reply) -> bool:
        """Queue a reply; False where it ends the connection."""
        self._out += answer.wire
        self._context.metrics.replies.labels(self._listener.name, answer.code).inc()
        return not answer.close

    def _fault(self, answer: Reply) -> Reply:
        """A refusal of our own; too many for the client's own mistakes end the session.

        What the next hop refuses is its business, and temporary refusals are no mistakes.
        """
        self._errors += answer.permanent
        return replies.TOO_MANY_ERRORS if self._errors > self._context.config.limits.errors else answer

    def _flush(self) -> None:
        if self._out:
            out, self._out = self._out, bytearray()
            self._stream.write(out)

    async def _line(self, limit: int) -> bytes:
        """The next line; replies leave before there is anything to wait for."""
        timeout = self._context.config.timeouts.command
        if b"\n" not in self._stream.buffer or len(self._out) > 65536:
            self._flush()
            if self._stream.congested:
                await self._stream.drained(timeout)
        return await self._stream.line(timeout, limit)

    def _abandon(self) -> None:
        if self._transaction is not None:
            self._transaction.abandon()
            self._transaction = None

    # --- greeting ---

    async def ehlo(self, argument: str) -> Reply:
        if not argument:
            raise Refusal(replies.BAD_ARGUMENT)
        self._abandon()
        self._client = replace(self._client, helo=argument, esmtp=True)
        self._offer = await self._context.offer(self._listener)
        lines = [self._context.config.hostname]
        lines += [f"{keyword} {value}".rstrip() for keyword, value in self._offer.keywords.items()]
        if self._may_start_tls():
            lines.append("STARTTLS")
        if self._may_sign_in():
            lines.append("AUTH PLAIN LOGIN")
        return replies.reply(250, *lines)

    async def helo(self, argument: str) -> Reply:
        if not argument:
            raise Refusal(replies.BAD_ARGUMENT)
        self._abandon()
        self._client = replace(self._client, helo=argument, esmtp=False)
        self._offer = NOTHING
        return replies.reply(250, self._context.config.hostname)

    async def starttls(self, argument: str) -> None:
        if argument:
            raise Refusal(replies.BAD_ARGUMENT)
        context = self._context.tls.context
        if not self._may_start_tls() or context is None:
            raise Refusal(replies.NOT_IMPLEMENTED)
        if self._stream.buffer:  # RFC 3207 §4.2: nothing may follow in plain text
            raise Refusal(replies.BAD_SEQUENCE)
        self._abandon()
        self._say(replies.START_TLS)
        self._flush()
        try:
            await self._stream.start_tls(
                context, server_hostname=None, timeout=self._context.config.timeouts.connect
            )
        except OSError as error:  # ssl.SSLError too; the client's fault or a scanner's: no stack trace
            self._log.info("tls_handshake_failed", listener=self._listener.name, reason=type(error).__name__)
            raise ConnectionLost from None
        tls = facts(self._stream.transport.get_extra_info("ssl_object"))
        # RFC 3207 §4.2: what was learnt in plain text is forgotten.
        self._client = replace(self._client, tls=tls, helo="", login=None)

    def _may_start_tls(self) -> bool:
        return self._listener.tls != TlsMode.OFF and self._client.tls is None

    # --- AUTH ---

    def _may_sign_in(self) -> bool:
        return self._listener.auth and self._client.tls is not None and self._client.login is None

    async def auth(self, argument: str) -> Reply:
        mechanism, _, initial = argument.partition(" ")
        if not self._may_sign_in() or self._transaction is not None or not self._client.helo:
            raise Refusal(replies.BAD_SEQUENCE)
        try:
            if mechanism.upper() == "PLAIN":
                response = initial.encode() if initial else await self._challenge("")
                name, password = decode_plain(response)
            elif mechanism.upper() == "LOGIN":
                user = initial.encode() if initial else await self._challenge("VXNlcm5hbWU6")
                name = decode_login(user).decode("utf-8")
                password = decode_login(await self._challenge("UGFzc3dvcmQ6"))
            else:
                raise Refusal(replies.AUTH_MECHANISM)
        except LineTooLong:
            raise Refusal(replies.LINE_TOO_LONG) from None
        except ValueError:
            raise Refusal(replies.AUTH_BAD) from None
        async with self._context.sign_ins:
            known = await asyncio.to_thread(self._context.users.check, name, password)
        if not known:
            raise Refusal(replies.AUTH_FAILED)
        self._client = replace(self._client, login=name)
        return replies.AUTH_OK

    async def _challenge(self, text: str) -> bytes:
        self._out += f"334 {text}\r\n".encode()
        response = await self._line(12288)  # RFC 4954 §4
        if response == b"*":
            raise Refusal(replies.AUTH_CANCELLED)
        return response

    # --- the envelope ---

    async def mail(self, argument: str) -> Reply:
        self._check_access()
        if self._transaction is not None or not self._client.helo:
            raise Refusal(replies.BAD_SEQUENCE)
        if self._draining:
            raise Refusal(replies.SHUTTING_DOWN)
        path = parse_path(argument, "FROM:", self._offer.mail_parameters)
        body = path.parameter("BODY")
        if body is not None and body.upper() not in ("7BIT", "8BITMIME"):
            raise Refusal(replies.BAD_ARGUMENT)
        size = declared_size(path)
        if size > (self._offer.size or self._context.config.limits.message_size):
            raise Refusal(replies.TOO_BIG)
        self._context.in_flight.check(size)
        self._transaction = Transaction(
            path,
            self._client,
            self._listener.name,
            self._listener.role,
            strict=_within(self._address, self._listener.strict_networks),
        )
        return replies.SENDER_OK

    def _check_access(self) -> None:
        """Who may send here at all. Raises Refusal."""
        if self._listener.tls == TlsMode.REQUIRED and self._client.tls is None:
            raise Refusal(replies.TLS_FIRST)
        if self._listener.role == Role.INBOUND or self._client.login is not None:
            return
        unnamed = self._client.proxy == self._client.address  # a load balancer that named nobody
        if unnamed or not _within(self._address, self._listener.networks):
            raise Refusal(replies.AUTH_FIRST if self._listener.auth else replies.CLIENT_DENIED)

    async def rcpt(self, argument: str) -> None:
        """Answers this RCPT and every further one that the client has sent already."""
        transaction = self._transaction
        if transaction is None:
            raise Refusal(replies.BAD_SEQUENCE)
        arguments = [argument, *self._pipelined_recipients()]
        paths: list[Path | None] = [None] * len(arguments)
        answers: list[Reply | None] = [None] * len(arguments)
        ready: list[tuple[int, Path]] = []
        for index, item in enumerate(arguments):
            try:
                path = paths[index] = parse_path(item, "TO:", self._offer.rcpt_parameters)
                hop = self._next_hop(transaction, path, len(ready))
            except Refusal as refusal:
                answers[index] = self._fault(refusal.reply)
                continue
            if hop is None:
                answers[index] = replies.RECIPIENT_OK
                transaction.accept(path, "")
            else:
                ready.append((index, path))
        if ready:
            relayed = await self._relay_recipients(transaction, [path for _, path in ready])
            for (index, _), answer in zip(ready, relayed, strict=True):
                answers[index] = answer
        for each, named in zip(answers, paths, strict=True):
            if each is not None:
                self._tell_refused(transaction, named, each)
                if not self._say(each):
                    self._flush()
                    raise ConnectionLost

    def _tell_refused(self, transaction: Transaction, path: Path | None, answer: Reply) -> None:
        """Log a recipient that was refused: such mail is in no archive, and somebody will ask for it."""
        if answer.positive or answer is replies.SECOND_ROUTE:  # which the client sends again by itself
            return
        self._log.info(
            "recipient_refused",
            listener=self._listener.name,
            sender=self._context.logged_address(transaction.mail.address),
            recipient=self._context.logged_address(path.address) if path else None,
            code=answer.code,
            status=answer.status,
        )

    def _pipelined_recipients(self) -> list[str]:
        """Arguments of the RCPT lines that stand at the front of the buffer."""
        found: list[str] = []
        buffer = self._stream.buffer
        if not buffer:
            return found
        while len(found) < BATCH and buffer[:8].upper() == b"RCPT TO:":
            end = buffer.find(b"\n")
            if end < 0 or end > self._context.config.limits.command_line:
                break
            found.append(bytes(buffer[5:end]).removesuffix(b"\r").decode("utf-8", "surrogateescape"))
            del buffer[: end + 1]
            self._commands += 1
        return found

    def _next_hop(self, transaction: Transaction, path: Path, pending: int) -> NextHop | None:
        """The next hop that a recipient takes, `pending` others before it; None on a journal listener.

        Raises Refusal.
        """
        config = self._context.config
        if not path.address:
            raise Refusal(replies.BAD_ADDRESS)
        if len(transaction.recipients) + pending >= config.limits.recipients:
            raise Refusal(replies.TOO_MANY_RECIPIENTS)
        if self._listener.role == Role.JOURNAL:
            return None
        hop = self._route(path)
        if transaction.relay is not None and transaction.relay.hop is not hop:
            if transaction.recipients or pending:
                raise Refusal(replies.SECOND_ROUTE)
            transaction.abandon()  # nobody was accepted on the first route
        if transaction.relay is None:
            transaction.relay = Relay(
                hop, transaction.mail, transaction.client, config.timeouts.reply, self._context.metrics
            )
        return hop

    def _route(self, path: Path) -> NextHop:
        """The next hop for a recipient that may be sent to from here. Raises Refusal."""
        domains = self._context.config.district.domains
        domain = domain_of(path.address)
        if not domain and path.address.lower() == "postmaster":  # RFC 5321 §4.5.1
            domain = domains[0]
        if not domain:
            raise Refusal(replies.BAD_ADDRESS)
        if self._listener.role == Role.INBOUND:
            if domain not in domains and not any(in_domain(domain, own) for own in domains):
                raise Refusal(replies.RELAY_DENIED)
            if _ROUTING.search(path.address.rpartition("@")[0]):
                raise Refusal(replies.RELAY_DENIED)  # user%other@district: the next hop might follow it
        hop = None if domain.startswith("[") else self._context.next_hops.for_domain(domain)
        if hop is None:  # nor is mail sent to address literals
            raise Refusal(replies.NO_ROUTE)
        return hop

    async def _relay_recipients(self, transaction: Transaction, paths: list[Path]) -> list[Reply]:
        relay = transaction.relay
        assert relay is not None
        started = time.perf_counter()
        try:
            answers = await relay.recipients(paths)
        except Refusal as refusal:
            return [refusal.reply] * len(paths)
        except Exception:  # each of the commands gets its reply all the same
            self._log.exception("session_failed", listener=self._listener.name)
            return [replies.OURS] * len(paths)
        self._context.command_seconds.observe(time.perf_counter() - started)
        for path, answer in zip(paths, answers, strict=True):
            if answer.positive:
                transaction.accept(path, answer.text)
        return answers

    # --- the message ---

    async def data(self, argument: str) -> Reply:
        transaction = self._transaction
        if argument:
            raise Refusal(replies.BAD_ARGUMENT)
        if transaction is None or not transaction.recipients:
            raise Refusal(replies.BAD_SEQUENCE)
        if transaction.relay is not None:
            started = time.perf_counter()
            answer = await transaction.relay.data()
            self._context.command_seconds.observe(time.perf_counter() - started)
            if answer.code != 354:
                self._abandon()
                return answer
            self._say(answer)
        else:
            self._say(replies.START_DATA)
        self._flush()
        return await self._message(transaction)

    async def _message(self, transaction: Transaction) -> Reply:
        """Receive the message and hand it to delivery."""
        context = self._context
        reader = DataReader(min(self._offer.size or context.config.limits.message_size, 2**62))
        held = 0
        name = self._listener.name
        refusal: Reply | None = None
        began = time.monotonic()
        try:
            while True:
                if self._stream.buffer:
                    rest = reader.feed(self._stream.take())
                    if not context.in_flight.resize(held, reader.held):
                        refusal = replies.IN_FLIGHT_FULL
                        reader.discard()
                        context.in_flight.resize(held, reader.held)
                    held = reader.held
                    if rest is not None:
                        break
                self._in_command = False  # before the final dot: the client may be sent away
                await self._stream.more(self._stream.after(self._patience(reader.received, began)))
                if self._hurried:  # 421 was said: what comes now is not taken any more
                    raise ConnectionLost
            self._in_command = True
            if rest:
                self._stream.buffer[:0] = rest
            context.received_bytes[name].inc(reader.received)
            context.message_size[name].observe(reader.received)
            self._transaction = None  # delivery owns it now
            if reader.overflow:
                transaction.abandon()
                return replies.TOO_BIG if reader.received > reader.limit else refusal or replies.TOO_BIG
            answer = await context.delivery.deliver(transaction, reader.finish())
            if self._stream.lost:
                context.metrics.lost_replies.labels(name).inc()
            return answer
        except (ConnectionLost, TimedOut):
            context.metrics.transactions.labels(name, "aborted").inc()
            raise
        finally:
            context.in_flight.resize(held, 0)

    def _patience(self, received: int, began: float) -> float:
        """Seconds to wait for more of a message, of which so many octets came since `began`.

        It may take its time but not stand still, for it holds a part of what may be in flight.
        """
        limit = self._context.config.timeouts.data
        return min(limit, limit + received / SLOWEST - (time.monotonic() - began))

    # --- the rest ---

    async def rset(self, argument: str) -> Reply:
        if argument:
            raise Refusal(replies.BAD_ARGUMENT)
        self._abandon()
        return replies.OK

    async def noop(self, argument: str) -> Reply:
        return replies.OK

    async def vrfy(self, argument: str) -> Reply:
        return replies.CANNOT_VERIFY if argument else replies.BAD_ARGUMENT

    async def help(self, argument: str) -> Reply:
        return replies.HELP

    async def not_implemented(self, argument: str) -> Reply:
        return replies.NOT_IMPLEMENTED

    async def quit(self, argument: str) -> Reply:
        self._abandon()
        return replies.BYE


_VERBS: dict[str, Callable[[Session, str], Awaitable[Reply | None]]] = {
    "EHLO": Session.ehlo,
    "HELO": Session.helo,
    "STARTTLS": Session.starttls,
    "AUTH": Session.auth,
    "MAIL": Session.mail,
    "RCPT": Session.rcpt,
    "DATA": Session.data,
    "RSET": Session.rset,
    "NOOP": Session.noop,
    "VRFY": Session.vrfy,
    "HELP": Session.help,
    "QUIT": Session.quit,
    "EXPN": Session.not_implemented,
    "BDAT": Session.not_implemented,
    "ETRN": Session.not_implemented,
    "TURN": Session.not_implemented,
}


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: tuple[IPNetwork, ...]) -> bool:
    return any(address in network for network in networks)
