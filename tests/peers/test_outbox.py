"""The outbox with real mail servers behind it: Postfix, aiosmtpd."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from gateway.catalog.holds import RELEASED, RETURNED
from gateway.message.envelope import Recipient
from tests.peers.postfix import Postfix, below_trace, free_ports
from tests.smtp.post import post_office

MARY, JOE, NOBODY = "mary@district.example", "joe@district.example", "nobody@district.example"


def marked(mark: str, body: bytes = b"Hi Mary\r\n") -> bytes:
    """A message that a test finds again among others'."""
    return f"Subject: {mark}\r\n\r\n".encode() + body


def found(postfix: Postfix, mark: str, mailbox: str = "mary") -> list[bytes]:
    return [raw for raw in postfix.delivered(mailbox) if f"Subject: {mark}\n".encode() in raw]


async def test_a_released_message_reaches_the_mailboxes(postfix: Postfix, tmp_path: Path, until: Any) -> None:
    """Byte for byte, in the name of the client that brought it; who is unknown there comes back to a person."""
    raw = marked("released", b".leading dot\r\n\r\ncaf\xe9 \xff\r\n..\r\n" + b"long " * 4000 + b"\r\n")
    async with post_office(tmp_path, {"district.example": postfix.address()}) as post:
        parameters = f"SIZE={len(raw)} BODY=8BITMIME"
        id = await post.released(MARY, NOBODY, JOE, raw=raw, mail_parameters=parameters)
        assert await post.turn() == 1
        (attempt,) = post.attempts(id)
        held = post.hold(id)
    assert attempt["event"] == "returned"
    assert attempt["reply"].startswith(f"550 5.1.1 <{NOBODY}>: Recipient address rejected")
    assert (held.state, held.undelivered) == (RETURNED, (1,))
    for mailbox in ("mary", "joe"):
        (message,) = await until(partial(found, postfix, "released", mailbox))
        assert below_trace([message]) == [raw.replace(b"\r\n", b"\n")]
        assert b"Return-Path: <coach@out.example>" in message
    assert "client=unknown[192.0.2.1]" in postfix.log()


async def test_a_notice_is_the_gateways_own(postfix: Postfix, tmp_path: Path, until: Any) -> None:
    async with post_office(tmp_path, {"district.example": postfix.address()}) as post:
        id = await post.notice(MARY, raw=marked("notice"))
        assert await post.turn() == 1
        assert [each["event"] for each in post.attempts(id)] == ["relayed"]
    (message,) = await until(partial(found, postfix, "notice"))
    assert b"Return-Path: <>\n" in message or b"Return-Path: <MAILER-DAEMON>" in message
    assert b"by gateway.district.example" not in message
    assert b"[127.0.0.1]" in message


# Next hops of another character, and how a message with an octet of 8 bits and 30,000 octets in all fares there.
CHARACTERS = {
    "tls": ("tls", "relayed", "250 2.0.0"),
    "7bit": ("7bit", "returned", "554 5.6.3"),
    "small": ("small", "returned", "552 5.3.4"),
}


@pytest.mark.parametrize(("port", "outcome", "reply"), CHARACTERS.values(), ids=list(CHARACTERS))
async def test_next_hops_of_another_character(
    port: str, outcome: str, reply: str, postfix: Postfix, tmp_path: Path
) -> None:
    raw = marked(f"to {port}", b"caf\xe9 " * 5000 + b"\r\n")
    async with post_office(tmp_path, {"district.example": postfix.address(port)}) as post:
        id = await post.released(MARY, raw=raw, mail_parameters=f"SIZE={len(raw)} BODY=8BITMIME")
        assert await post.turn() == 1
        (attempt,) = post.attempts(id)
    assert attempt["event"] == outcome
    assert attempt["reply"].startswith(reply)


class Mailboxes:
    """An aiosmtpd that takes a message for one recipient each time, and keeps what it takes."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], bytes]] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if envelope.rcpt_tos:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.taken.append((list(envelope.rcpt_tos), envelope.content))
        return "250 2.0.0 taken"


async def test_a_server_that_takes_one_recipient_at_a_time(tmp_path: Path) -> None:
    """Each is reached once, though it takes an attempt for each of them."""
    handler = Mailboxes()
    (port,) = free_ports(1)
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    raw = marked("one at a time", b".dots\r\n.\r\n")
    named = [Recipient(address) for address in (MARY, JOE, "ann@district.example")]
    try:
        async with post_office(tmp_path, {"district.example": f"127.0.0.1:{port}"}) as post:
            id = await post.released(*named, raw=raw)
            for _ in named:
                assert await post.turn(later=3600) == 1
            assert not post.waiting()
            assert post.hold(id).state == RELEASED
            assert [each["event"] for each in post.attempts(id)] == ["deferred", "deferred", "relayed"]
    finally:
        controller.stop()
    assert [recipients for recipients, _ in handler.taken] == [[one.address] for one in named]
    for _, content in handler.taken:
        assert content.endswith(raw)
