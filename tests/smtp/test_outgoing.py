"""One attempt to deliver an archived message, at next hops that do everything a next hop may do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Config
from gateway.message.envelope import Client, Envelope, Recipient
from gateway.smtp.data import unstuff
from gateway.smtp.nexthop import NextHops
from gateway.smtp.outgoing import Outgoing, Sent, on_the_wire
from gateway.smtp.received import received_line
from gateway.smtp.stream import Streams
from gateway.telemetry.metrics import Metrics
from tests.smtp.conftest import ScriptedHop
from tests.smtp.hops import RudeHop, serving
from tests.smtp.steps import PLAIN, below_received, with_crlf, with_final_line_end

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ANN, BEN, EVE = "ann@district.example", "ben@district.example", "eve@district.example"
NOBODY = 1  # a port on which nobody listens


def envelope(*recipients: str | Recipient, **facts: Any) -> Envelope:
    named = [Recipient(item) if isinstance(item, str) else item for item in recipients or (ANN,)]
    return Envelope(
        id="019aa0c5-0000-7000-8000-000000000001",
        received=NOON,
        **{
            "listener": "inbound",
            "role": "inbound",
            "client": Client("192.0.2.1", 1234, "out.example"),
            "mail_from": "coach@out.example",
            "recipients": tuple(named),
            **facts,
        },
    )


def new_outgoing(routes: dict[str, str], **sections: Any) -> Outgoing:
    """`routes`: next hop by domain."""
    config = Config.model_validate(
        {
            "hostname": "gateway.district.example",
            "district": {"name": "Test District", "domains": ["district.example"]},
            "listener": [{"name": "inbound", "role": "inbound", "bind": ["127.0.0.1:0"]}],
            "route": [{"domains": [domain], "next_hop": address} for domain, address in routes.items()],
            "authentication": {"check": "never"},
            "limits": {"upstream_idle": 0},
            **sections,
        }
    )
    metrics = Metrics()
    streams = Streams(asyncio.get_running_loop(), 0.02)
    return Outgoing(config, NextHops(config, streams, metrics, random.Random(1)), streams, metrics)


async def attempt(hop: ScriptedHop, sent: Envelope, raw: bytes = PLAIN, **sections: Any) -> Sent:
    """An attempt at one next hop, to all recipients."""
    outgoing = new_outgoing({"district.example": hop.address}, **sections)
    header = received_line(sent, "gateway.district.example")
    return await outgoing.send(sent, raw, range(len(sent.recipients)), header)


def codes(sent: Sent) -> list[int]:
    return [sent.replies[place].code for place in sorted(sent.replies)]


# --- who gets which reply -----------------------------------------------------------------------

# What the next hop says to MAIL, to each of three recipients, to DATA and to the final dot; the codes that the three
# come back with, and whether a message got there.
ANSWERS: dict[str, tuple[dict[str, str], list[int], int]] = {
    "it takes everything": ({}, [250, 250, 250], 1),
    "a recipient unknown": ({"RCPT TO:<ben": "550 5.1.1 who?"}, [250, 550, 250], 1),
    "a mailbox full": ({"RCPT TO:<eve": "452 4.2.2 full"}, [250, 250, 452], 1),
    "one of each": (
        {"RCPT TO:<ann": "550 5.1.1 who?", "RCPT TO:<ben": "452 4.5.3 too many"},
        [550, 452, 250],
        1,
    ),
    "every recipient unknown": ({"RCPT": "550 5.1.1 who?"}, [550, 550, 550], 0),
    "nobody now": (
        {"RCPT TO:<ann": "450 4.2.0 later", "RCPT": "451 4.7.1 greylisted"},
        [450, 451, 451],
        0,
    ),
    "the sender refused": ({"MAIL": "553 5.1.8 not you"}, [553, 553, 553], 0),
    "the sender not now": ({"MAIL": "451 4.1.8 later"}, [451, 451, 451], 0),
    "DATA refused": ({"DATA": "554 5.5.1 no"}, [554, 554, 554], 0),
    "DATA not now": ({"DATA": "451 4.3.0 later"}, [451, 451, 451], 0),
    "the message refused": ({".": "554 5.7.1 spam"}, [554, 554, 554], 1),
    "the message not now": ({".": "452 4.3.1 disk full"}, [452, 452, 452], 1),
    "a recipient unknown, the message refused": (
        {"RCPT TO:<ann": "550 5.1.1 who?", ".": "451 4.3.0 later"},
        [550, 451, 451],
        1,
    ),
    "closing at the second recipient": (
        {"RCPT TO:<ben": "421 4.3.2 closing", "RCPT TO:<eve": "421 4.3.2 closing"},
        [421, 421, 421],
        0,
    ),
    "closing at MAIL": ({"MAIL": "421 4.3.2 closing"}, [421, 421, 421], 0),
    "closing at the dot": ({".": "421 4.3.2 closing"}, [421, 421, 421], 1),
    "gone at MAIL": ({"MAIL": "DROP"}, [451, 451, 451], 0),
    "gone at the second recipient": ({"RCPT TO:<ben": "DROP"}, [451, 451, 451], 0),
    "gone at DATA": ({"DATA": "DROP"}, [451, 451, 451], 0),
    "gone at the dot": ({".": "DROP"}, [451, 451, 451], 1),
    "reset at the dot": ({".": "RESET"}, [451, 451, 451], 1),
    "nonsense at a recipient": ({"RCPT TO:<ben": "hello there"}, [451, 451, 451], 0),
    "nonsense at the dot": ({".": "354 more"}, [451, 451, 451], 1),
    "no greeting": ({"banner": "554 5.3.2 no service"}, [451, 451, 451], 0),
}


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "one by one"])
@pytest.mark.parametrize(("answers", "wanted", "messages"), ANSWERS.values(), ids=list(ANSWERS))
async def test_every_recipient_gets_the_reply_that_decided(
    answers: dict[str, str], wanted: list[int], messages: int, pipelining: bool
) -> None:
    hop = RudeHop(answers=dict(answers))
    if not pipelining:
        hop.offer.remove("PIPELINING")
    async with serving(hop):
        sent = await attempt(hop, envelope(ANN, BEN, EVE))
    assert codes(sent) == wanted
    assert len(hop.messages) == messages
    assert sent.final_dot == bool(messages)
    assert sent.next_hops == (() if "banner" in answers else (hop.address,))
    assert hop.connections == 1


async def test_only_the_recipients_asked_for_are_named(hop: ScriptedHop) -> None:
    outgoing = new_outgoing({"district.example": hop.address})
    sent = await outgoing.send(envelope(ANN, BEN, EVE), PLAIN, [2, 0], b"")
    assert sorted(sent.replies) == [0, 2]
    assert [line for line in hop.lines if line.startswith("RCPT")] == [f"RCPT TO:<{EVE}>", f"RCPT TO:<{ANN}>"]


async def test_the_connection_ends_with_the_attempt(hop: ScriptedHop) -> None:
    await attempt(hop, envelope())
    async with asyncio.timeout(20):
        while "QUIT" not in hop.lines:
            hop.changed.clear()
            await hop.changed.wait()


# --- where to -------------------------------------------------------------------------------------


async def test_two_routes() -> None:
    """Each next hop gets its own recipients in one transaction; what one of them does is nothing to the other."""
    async with serving(RudeHop(answers={".": "451 4.3.0 later"})) as staff, serving(RudeHop()) as students:
        outgoing = new_outgoing(
            {"district.example": staff.address, "students.district.example": students.address}
        )
        named = (ANN, "kim@students.district.example", BEN, "lee@s2.students.district.example")
        sent = await outgoing.send(envelope(*named), PLAIN, range(4), b"")
    assert codes(sent) == [451, 250, 451, 250]
    assert sent.next_hops == (staff.address, students.address)
    assert sent.final_dot
    for hop, own in ((staff, named[::2]), (students, named[1::2])):
        assert [line for line in hop.lines if line.startswith("RCPT")] == [f"RCPT TO:<{one}>" for one in own]
        assert hop.messages == [PLAIN]


# Recipients that no next hop is asked about, or the one of the district's domain is.
PLACES = {
    "no route": ("ann@elsewhere.example", 550, "5.1.2"),
    "an address literal": ("ann@[192.0.2.1]", 550, "5.1.2"),
    "no domain": ("ann", 553, "5.1.3"),
    "the postmaster": ("Postmaster", 250, "2.0.0"),
    "upper case, and a full stop": ("Ann@DISTRICT.Example.", 250, "2.0.0"),
    "a subdomain": ("ann@high.district.example", 250, "2.0.0"),
}


@pytest.mark.parametrize(("address", "code", "status"), PLACES.values(), ids=list(PLACES))
async def test_where_a_recipient_is_served(address: str, code: int, status: str, hop: ScriptedHop) -> None:
    sent = await attempt(hop, envelope(address))
    assert (sent.replies[0].code, sent.replies[0].status) == (code, status)
    assert hop.connections == (code == 250)
    assert [line for line in hop.lines if line.startswith("RCPT")] == (
        [f"RCPT TO:<{address}>"] if code == 250 else []
    )


async def test_without_a_route_the_others_are_reached(hop: ScriptedHop) -> None:
    sent = await attempt(hop, envelope("ann@elsewhere.example", ANN))
    assert codes(sent) == [550, 250]


# --- next hops that do not answer -----------------------------------------------------------------

SHORT = {"connect": 0.3, "reply": 0.3, "commit": 0.6}
SILENT = {
    "no greeting": ({"banner": "SILENCE"}, SHORT, 0),
    "no word to MAIL": ({"MAIL": "SILENCE"}, SHORT, 0),
    "a drip of a reply": ({"MAIL": "DRIP 250-"}, SHORT, 0),
    "no word to the dot": ({".": "SILENCE"}, SHORT, 1),
    "each reply just in time, but all of it too late": (
        {"DATA": "SILENCE"},
        {"connect": 0.3, "reply": 60, "commit": 0.3},
        0,
    ),
}


@pytest.mark.parametrize(("answers", "timeouts", "messages"), SILENT.values(), ids=list(SILENT))
async def test_a_silent_next_hop(answers: dict[str, str], timeouts: dict[str, float], messages: int) -> None:
    """It costs its time and no more, and is known as silent."""
    async with serving(RudeHop(answers=dict(answers))) as hop:
        sent = await attempt(hop, envelope(ANN, BEN), timeouts=timeouts)
    assert codes(sent) == [451, 451]
    assert sent.silent == {("district.example", "")}
    assert sent.final_dot == bool(messages)


async def test_where_nobody_listens() -> None:
    sent = await new_outgoing({"district.example": f"127.0.0.1:{NOBODY}"}).send(envelope(), PLAIN, [0], b"")
    assert codes(sent) == [451]
    assert sent.silent == {("district.example", "")}
    assert not sent.next_hops and not sent.final_dot


async def test_who_refuses_is_not_silent(hop: ScriptedHop) -> None:
    hop.answers = {"MAIL": "451 4.3.0 later"}
    assert not (await attempt(hop, envelope())).silent


async def test_a_next_hop_is_passed_over(hop: ScriptedHop) -> None:
    outgoing = new_outgoing(
        {"district.example": f"127.0.0.1:{NOBODY}", "students.district.example": hop.address}
    )
    named = envelope(ANN, "kim@students.district.example")
    first = await outgoing.send(named, PLAIN, [0, 1], b"")
    assert codes(first) == [451, 250]
    again = await outgoing.send(named, PLAIN, [0, 1], b"", first.silent)
    assert set(again.replies) == {1}
    assert not (await outgoing.send(named, PLAIN, [0], b"", first.silent)).replies


async def test_a_dropped_attempt_leaves_nothing_behind() -> None:
    """A process that ends in the middle drops the transaction: without its dot the message is not delivered."""
    async with serving(RudeHop(answers={"DATA": "SILENCE"})) as hop:
        outgoing = new_outgoing({"district.example": hop.address})
        running = asyncio.create_task(outgoing.send(envelope(), PLAIN, [0], b""))
        async with asyncio.timeout(20):
            while "DATA" not in hop.lines:
                hop.changed.clear()
                await hop.changed.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await hop.writers[0].wait_closed() is None
        assert not hop.messages


# --- the bytes ------------------------------------------------------------------------------------

BYTES = {
    "plain": PLAIN,
    "dots": b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\na.\r\n\r\n.\r\n",
    "a dot first": b".x\r\n",
    "bare LF": b"Subject: x\n\nHi\n.\n.b\nthere\r\n",
    "bare CR": b"Subject: x\r\n\r\nHi\rthere\r.\rx\r\n",
    "8-bit": b"Subject: caf\xe9\r\n\r\n\xff\xfe\r\n",
    "NUL": b"Subject: x\r\n\r\na\0b\r\n",
    "no line end": b"Subject: x\r\n\r\nHi",
    "nothing": b"",
    "large": b"Subject: large\r\n\r\n" + b".long line " * 6 * 20_000 + b"\r\n" + b".\r\n" * 50_000,
}


@pytest.mark.parametrize("raw", BYTES.values(), ids=list(BYTES))
async def test_the_message_arrives_as_it_was(raw: bytes, hop: ScriptedHop) -> None:
    assert codes(await attempt(hop, envelope(), raw)) == [250]
    (wire,) = hop.messages
    assert below_received(wire) == with_final_line_end(with_crlf(raw))


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"x", b"\0", b"\xe9"]), max_size=12))
def test_on_the_wire_is_a_message_and_nothing_more(parts: list[bytes]) -> None:
    """However it is made, only the gateway's own dot ends it, and what comes out at the other end is what went in."""
    raw = b"".join(parts)
    wire = on_the_wire(raw)
    assert not wire or wire.endswith(b"\r\n")
    assert not wire.startswith(b".\r\n") and b"\r\n.\r\n" not in wire
    assert unstuff(wire) == with_final_line_end(with_crlf(raw))


async def test_a_notice_goes_without_any_line_above(hop: ScriptedHop) -> None:
    outgoing = new_outgoing({"district.example": hop.address})
    await outgoing.send(envelope(role="notice", mail_from=""), PLAIN, [0], b"")
    assert hop.messages == [PLAIN]
    assert "MAIL FROM:<>" in hop.lines


# --- the envelope ---------------------------------------------------------------------------------

DSN = "RET=HDRS ENVID=QQ314159"
# Parameters of MAIL and RCPT, what the next hop lacks, and the command lines that it gets.
PARAMETERS = {
    "none": ("", "", "", "MAIL FROM:<coach@out.example>", f"RCPT TO:<{ANN}>"),
    "all": (
        f"SIZE=1000 BODY=8BITMIME {DSN}",
        "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;ann@district.example",
        "",
        f"MAIL FROM:<coach@out.example> SIZE=1000 BODY=8BITMIME {DSN}",
        f"RCPT TO:<{ANN}> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;ann@district.example",
    ),
    "no DSN there": (
        f"SIZE=1000 {DSN}",
        "NOTIFY=NEVER",
        "DSN",
        "MAIL FROM:<coach@out.example> SIZE=1000",
        f"RCPT TO:<{ANN}>",
    ),
    "no 8BITMIME there": (
        "BODY=8BITMIME",
        "",
        "8BITMIME",
        "MAIL FROM:<coach@out.example>",
        f"RCPT TO:<{ANN}>",
    ),
    "SMTPUTF8": (
        "SMTPUTF8",
        "",
        "",
        "MAIL FROM:<coach@out.example> SMTPUTF8",
        f"RCPT TO:<{ANN}>",
    ),
}


@pytest.mark.parametrize(
    ("mail", "rcpt", "lacks", "first", "second"), PARAMETERS.values(), ids=list(PARAMETERS)
)
async def test_parameters_go_out_as_they_came(
    mail: str, rcpt: str, lacks: str, first: str, second: str, hop: ScriptedHop
) -> None:
    hop.offer = [item for item in hop.offer if item != lacks]
    sent = await attempt(hop, envelope(Recipient(ANN, rcpt), mail_parameters=mail))
    assert codes(sent) == [250]
    assert [line for line in hop.lines if line.startswith(("MAIL", "RCPT"))] == [first, second]


async def test_addresses_go_out_byte_for_byte(hop: ScriptedHop) -> None:
    """Octets that are not UTF-8 too, as the envelope keeps them."""
    odd = b'"a b\xff"@district.example'.decode("utf-8", "surrogateescape")
    kept = Envelope.from_json(envelope(odd, mail_parameters="SMTPUTF8").to_json())
    assert codes(await attempt(hop, kept)) == [250]
    assert f"RCPT TO:<{odd}>" in hop.lines


async def test_8_bit_content_to_a_7_bit_next_hop(hop: ScriptedHop) -> None:
    hop.offer.remove("8BITMIME")
    hop.answers = {"RCPT TO:<ben": "550 5.1.1 who?"}
    sent = await attempt(hop, envelope(ANN, BEN), b"Subject: x\r\n\r\ncaf\xe9\r\n")
    assert [(sent.replies[place].code, sent.replies[place].status) for place in (0, 1)] == [
        (554, "5.6.3"),
        (550, "5.1.1"),
    ]
    assert not hop.messages and not sent.final_dot


async def test_an_international_address_to_a_next_hop_that_has_none(hop: ScriptedHop) -> None:
    hop.offer.remove("SMTPUTF8")
    sent = await attempt(hop, envelope(mail_from="jörg@out.example", mail_parameters="SMTPUTF8"))
    assert (sent.replies[0].code, sent.replies[0].status) == (550, "5.6.7")
    assert not any(line.startswith("MAIL") for line in hop.lines)


# Whom XCLIENT names to a next hop that offers it.
NAMED: dict[str, tuple[Callable[[Envelope], Envelope], list[str]]] = {
    "a released message": (lambda sent: sent, ["XCLIENT ADDR=192.0.2.1 HELO=out.example"]),
    "a notice": (lambda sent: replace(sent, role="notice", mail_from=""), []),
}


@pytest.mark.parametrize(("change", "lines"), NAMED.values(), ids=list(NAMED))
async def test_whom_xclient_names(
    change: Callable[[Envelope], Envelope], lines: list[str], hop: ScriptedHop
) -> None:
    hop.offer.append("XCLIENT ADDR HELO")
    assert codes(await attempt(hop, change(envelope()))) == [250]
    assert [line for line in hop.lines if line.startswith("XCLIENT")] == lines


async def test_a_notice_takes_no_connection_that_named_somebody(hop: ScriptedHop) -> None:
    """Also where connections are kept."""
    hop.offer.append("XCLIENT ADDR HELO")
    outgoing = new_outgoing({"district.example": hop.address}, limits={"upstream_idle": 5})
    released = envelope()
    for sent in (released, released, replace(released, role="notice", mail_from="")):
        assert codes(await outgoing.send(sent, PLAIN, [0], b"")) == [250]
    assert hop.connections == 2
    assert len(hop.messages) == 3
