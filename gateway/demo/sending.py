"""Sends the day over real SMTP, as the mail servers on both sides of the gateway would.

Each courier keeps a connection to each listener and uses it again. A recipient that is deferred while others
are taken (452 4.5.3: "belongs to another route, send it again") goes into another transaction at once, as a
mail server does; when everybody is deferred the courier waits a little and tries again, a few times. What became
of each recipient is told, never guessed: an accepted one is one whose transaction ended with 250.
"""

from __future__ import annotations

import asyncio
import smtplib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.demo.letter import Entry, Message

ATTEMPTS = 6  # transactions in which nothing moved, before a recipient is given up
TIMEOUT = 150.0  # seconds to wait for a reply; longer than the gateway's own deadline of 100


class Fate(StrEnum):
    """What became of a recipient."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # 5xx
    UNSENT = "unsent"  # temporary failures to the end


@dataclass(frozen=True, slots=True)
class Outcome:
    recipient: str
    fate: Fate
    reply: str  # the last one that decided it


@dataclass(frozen=True, slots=True)
class Sent:
    """One message, sent."""

    message: Message
    outcomes: tuple[Outcome, ...]
    transactions: int
    seconds: float

    def recipients(self, fate: Fate) -> tuple[str, ...]:
        return tuple(outcome.recipient for outcome in self.outcomes if outcome.fate == fate)


@dataclass(frozen=True, slots=True)
class _Round:
    """What one transaction did."""

    decided: tuple[Outcome, ...]
    deferred: tuple[str, ...]
    reply: str  # why something was deferred


@dataclass
class Courier:
    """Sends messages one after the other; not for several threads at once."""

    ports: Mapping[Entry, int]
    host: str = "127.0.0.1"
    name: str = "mail.quabbinvalley.example"
    backoff: float = 0.1  # seconds; doubled for each attempt that moved nothing
    stopped: threading.Event = field(default_factory=threading.Event)  # give up instead of waiting
    _open: dict[Entry, smtplib.SMTP] = field(default_factory=dict)

    def send(self, message: Message) -> Sent:
        """Send to every recipient; never raises for what a server or the network does."""
        started = time.monotonic()
        waiting = tuple(message.recipients)
        decided: list[Outcome] = []
        transactions = idle = 0
        reply = ""
        while waiting and idle < ATTEMPTS and not self.stopped.is_set():
            transactions += 1
            done = self._transaction(message, waiting)
            decided += done.decided
            waiting, reply = done.deferred, done.reply
            if waiting and not done.decided:
                idle += 1
                self.stopped.wait(self.backoff * 2**idle)
        decided += [Outcome(recipient, Fate.UNSENT, reply) for recipient in waiting]
        return Sent(message, tuple(decided), transactions, time.monotonic() - started)

    def close(self) -> None:
        """Leave politely; a connection that is gone is no matter."""
        for entry in tuple(self._open):
            self._drop(entry, polite=True)

    def _transaction(self, message: Message, recipients: Sequence[str]) -> _Round:
        """One transaction; a lost connection defers everybody, to be tried again on a new one."""
        try:
            return self._dialogue(self._connection(message.entry), message, recipients)
        except (OSError, smtplib.SMTPException) as error:
            self._drop(message.entry, polite=False)
            return _Round((), tuple(recipients), f"connection: {error}")

    def _dialogue(self, smtp: smtplib.SMTP, message: Message, recipients: Sequence[str]) -> _Round:
        code, text = smtp.mail(message.mail_from, self._parameters(smtp, message))
        if code != 250:
            return self._end(smtp, recipients, code, text)
        taken: list[str] = []
        decided: list[Outcome] = []
        deferred: list[str] = []
        reply = ""
        for recipient in recipients:
            code, text = smtp.rcpt(recipient)
            if code == 421:
                raise smtplib.SMTPServerDisconnected(_line(code, text))
            if code in (250, 251):
                taken.append(recipient)
            elif code >= 500:
                decided.append(Outcome(recipient, Fate.REFUSED, _line(code, text)))
            else:
                deferred.append(recipient)
                reply = _line(code, text)
        if not taken:
            smtp.rset()
            return _Round(tuple(decided), tuple(deferred), reply)
        code, text = _data(smtp, message.raw)
        if code != 250:
            last = self._end(smtp, taken, code, text)
            return _Round((*decided, *last.decided), (*deferred, *last.deferred), last.reply)
        decided += [Outcome(recipient, Fate.ACCEPTED, _line(code, text)) for recipient in taken]
        return _Round(tuple(decided), tuple(deferred), reply)

    def _end(self, smtp: smtplib.SMTP, recipients: Sequence[str], code: int, text: bytes) -> _Round:
        """The transaction failed as a whole: for good (5xx), or for now."""
        reply = _line(code, text)
        if code == 421:
            raise smtplib.SMTPServerDisconnected(reply)
        smtp.rset()
        if code >= 500:
            return _Round(tuple(Outcome(who, Fate.REFUSED, reply) for who in recipients), (), reply)
        return _Round((), tuple(recipients), reply)

    def _parameters(self, smtp: smtplib.SMTP, message: Message) -> list[str]:
        """MAIL parameters, of what the server offers: SIZE, BODY (RFC 6152), SMTPUTF8 (RFC 6531)."""
        parameters = [f"SIZE={len(message.raw)}"] if smtp.has_extn("size") else []
        if message.eight_bit and smtp.has_extn("8bitmime"):
            parameters.append("BODY=8BITMIME")
        if message.smtputf8:
            parameters.append("SMTPUTF8")  # smtplib raises where it is not offered
        return parameters

    def _connection(self, entry: Entry) -> smtplib.SMTP:
        smtp = self._open.get(entry)
        if smtp is None:
            smtp = smtplib.SMTP(local_hostname=self.name, timeout=TIMEOUT)
            code, text = smtp.connect(self.host, self.ports[entry])
            if code != 220:
                smtp.close()
                raise smtplib.SMTPConnectError(code, text)
            smtp.ehlo_or_helo_if_needed()
            self._open[entry] = smtp
        return smtp

    def _drop(self, entry: Entry, *, polite: bool) -> None:
        smtp = self._open.pop(entry, None)
        if smtp is None:
            return
        try:
            if polite:
                smtp.quit()
        except (OSError, smtplib.SMTPException):
            pass
        finally:
            smtp.close()


def _data(smtp: smtplib.SMTP, raw: bytes) -> tuple[int, bytes]:
    try:
        return smtp.data(raw)
    except smtplib.SMTPDataError as error:  # no 354
        text = error.smtp_error
        return error.smtp_code, text if isinstance(text, bytes) else text.encode()


def _line(code: int, text: bytes) -> str:
    return f"{code} {text.decode('utf-8', 'replace')}".replace("\n", " ")


async def send_day(
    messages: Sequence[Message],
    couriers: Sequence[Courier],
    tell: Callable[[Sent], None],
    pace: float = 0.0,
) -> None:
    """Send all messages, each courier one at a time, and `tell` each as it is done.

    `pace` is the most messages a second that set out; 0: no limit. When cancelled, the couriers finish the
    transactions that they are in and leave.
    """
    waiting = list(reversed(messages))
    started = time.monotonic()

    async def work(courier: Courier) -> None:
        try:
            while waiting:
                message = waiting.pop()
                if pace:
                    due = started + (len(messages) - len(waiting)) / pace
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                tell(await _in_thread(courier, message))
        finally:
            await asyncio.to_thread(courier.close)

    workers = [asyncio.create_task(work(courier)) for courier in couriers]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            if not worker.cancelling():  # once: a second time would cut short how they leave
                worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _in_thread(courier: Courier, message: Message) -> Sent:
    """Send without holding up the loop; a thread cannot be cancelled, so it is told and waited for."""
    sending = asyncio.ensure_future(asyncio.to_thread(courier.send, message))
    try:
        return await asyncio.shield(sending)
    except asyncio.CancelledError:
        courier.stopped.set()
        await sending
        raise
