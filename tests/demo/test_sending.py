"""The courier: an honest mail server's behaviour towards 4xx, 5xx and lost connections."""

from __future__ import annotations

import asyncio
import smtplib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from gateway.demo.letter import Entry, Message
from gateway.demo.maildir import read
from gateway.demo.sending import ATTEMPTS, Courier, Fate, Sent, send_day

Keeping = Callable[..., tuple[int, Path]]
Serving = Callable[[object], int]


def message(*recipients: str, raw: bytes = b"Subject: x\r\n\r\nhello\r\n") -> Message:
    return Message(
        scenario="test",
        message_id="<1@x.example>",
        subject="x",
        at=datetime(2026, 11, 22, tzinfo=UTC),
        entry=Entry.INBOUND,
        mail_from="a@x.example",
        recipients=recipients,
        raw=raw,
    )


def courier(port: int) -> Courier:
    return Courier({Entry.INBOUND: port, Entry.OUTBOUND: port}, backoff=0.0)


def send(port: int, what: Message) -> Sent:
    sender = courier(port)
    try:
        return sender.send(what)
    finally:
        sender.close()


class OneDomain:
    """A server of two routes, as the gateway is: the first recipient chooses, others get 452 4.5.3."""

    def __init__(self) -> None:
        self.accepted: list[tuple[str, ...]] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 5.1.1 unknown"
        if envelope.rcpt_tos and envelope.rcpt_tos[0].partition("@")[2] != address.partition("@")[2]:
            return "452 4.5.3 another route; send it again"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.accepted.append(tuple(envelope.rcpt_tos))
        return "250 ok"


def test_452_is_sent_again_in_another_transaction(serving: Serving) -> None:
    post = OneDomain()
    sent = send(
        serving(post), message("a@one.example", "b@two.example", "nobody@one.example", "c@one.example")
    )
    assert post.accepted == [("a@one.example", "c@one.example"), ("b@two.example",)]
    assert sent.transactions == 2
    assert sent.recipients(Fate.ACCEPTED) == ("a@one.example", "c@one.example", "b@two.example")
    assert sent.recipients(Fate.REFUSED) == ("nobody@one.example",)


def test_all_refused(serving: Serving) -> None:
    post = OneDomain()
    sent = send(serving(post), message("nobody@one.example"))
    assert sent.recipients(Fate.REFUSED) == ("nobody@one.example",)
    assert post.accepted == []


class Stubborn(OneDomain):
    """Answers the first so many final dots with something else than 250."""

    def __init__(self, *replies: str) -> None:
        super().__init__()
        self.replies = list(replies)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.replies:
            return self.replies.pop(0)
        return await super().handle_DATA(server, session, envelope)


@pytest.mark.parametrize(
    ("replies", "fate", "transactions"),
    [
        (["451 4.4.1 later"], Fate.ACCEPTED, 2),
        (["452 4.3.1 full", "451 4.4.1 later"], Fate.ACCEPTED, 3),
        (["421 4.3.2 going down"], Fate.ACCEPTED, 2),
        (["550 5.7.1 policy"], Fate.REFUSED, 1),
        (["451 4.4.1 later"] * ATTEMPTS, Fate.UNSENT, ATTEMPTS),
    ],
)
def test_final_reply(serving: Serving, replies: list[str], fate: Fate, transactions: int) -> None:
    post = Stubborn(*replies)
    sent = send(serving(post), message("a@one.example", "c@one.example"))
    assert [outcome.fate for outcome in sent.outcomes] == [fate, fate]
    assert sent.transactions == transactions


def test_nobody_listens() -> None:
    sent = send(1, message("a@one.example"))
    assert sent.recipients(Fate.UNSENT) == ("a@one.example",)
    assert "connection" in sent.outcomes[0].reply


def test_told_to_stop_it_does_not_wait() -> None:
    sender = replace(courier(1), backoff=3600.0)
    stopper = threading.Timer(0.05, sender.stopped.set)
    stopper.start()
    sent = sender.send(message("a@one.example"))
    stopper.join()
    assert sent.recipients(Fate.UNSENT) == ("a@one.example",)


def test_connection_is_used_again_and_replaced_when_lost(serving: Serving) -> None:
    post = OneDomain()
    sender = courier(serving(post))
    sender.send(message("a@one.example"))
    (first,) = sender._open.values()
    sender.send(message("a@one.example"))
    assert list(sender._open.values()) == [first]
    assert isinstance(first, smtplib.SMTP) and first.sock is not None
    first.sock.close()  # as if the server had gone
    assert sender.send(message("a@one.example")).recipients(Fate.ACCEPTED)
    sender.close()
    assert len(post.accepted) == 3


async def test_whole_day_arrives_as_it_was(mail: tuple[Message, ...], keeping: Keeping) -> None:
    """Every message of the demo, over several connections, without a gateway: nothing is changed on the way."""
    port, maildir = keeping(lambda address: True)
    small = [one for one in mail if len(one.raw) < 300_000]
    done: list[Sent] = []
    await send_day(small, [courier(port) for _ in range(3)], done.append)
    assert len(done) == len(small)
    expected = Counter((one.mail_from, one.recipients, one.sha256) for one in small)
    kept = await asyncio.to_thread(lambda: list(read(maildir)))
    assert Counter((one.mail_from, one.recipients, _digest(one.content)) for one in kept) == expected


def _digest(content: bytes) -> str:
    return replace(message("x@y.example"), raw=content).sha256


async def test_cancelled_day_leaves_nothing_behind(serving: Serving) -> None:
    post = OneDomain()
    couriers = [courier(serving(post))]
    first = asyncio.Event()
    sending = asyncio.create_task(
        send_day([message("a@one.example")] * 50, couriers, lambda _: first.set(), pace=20.0)
    )
    await first.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert couriers[0]._open == {}
    assert 1 <= len(post.accepted) < 50
