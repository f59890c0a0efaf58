"""Any octets, in any state of a session: a valid reply or the end of the connection, and nothing else ever.

The examples are made by hypothesis from a fixed seed, so that a failure can be repeated.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.smtp.conftest import Dialogue, ScriptedHop
from tests.smtp.steps import MARY, PLAIN, below_received, greet, mail, stuffed, with_crlf

VERBS = [
    "EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "VRFY", "HELP", "QUIT", "EXPN",
    "BDAT", "ETRN", "TURN", "XCLIENT", "PROXY", "GET", "FOO", "",
]  # fmt: skip
WORDS = [
    "", "x.example", "FROM:<a@x.example>", "TO:<mary@district.example>", "FROM:<>", "TO:<>", "TO:<postmaster>",
    "FROM:", "TO:", "<", ">", "<<>>", '"', '"\\"@x.example', "@", "a@", "@b:", "@a,@b:c@district.example",
    "SIZE=1", "SIZE=99999999999999999999999", "BODY=8BITMIME", "BODY=BINARYMIME", "SMTPUTF8", "RET=FULL",
    "ENVID=x+3D", "NOTIFY=NEVER", "ORCPT=rfc822;a@b", "AUTH=<>", "PLAIN", "LOGIN", "=", "*", "AGEAYg==", "0", "LAST",
    "é", "\u202e", "a" * 300, "%s%n{}", "../../etc", "\0", "\x7f", "\t", "-1", "[::1]", "[IPv6:::1]",
]  # fmt: skip

# How far the session is when nonsense sets in.
STATES = {
    "connected": "",
    "greeted": "EHLO client.example\r\n",
    "said HELO": "HELO client.example\r\n",
    "after MAIL": "EHLO client.example\r\nMAIL FROM:<a@x.example>\r\n",
    "after RCPT": f"EHLO client.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<{MARY}>\r\n",
    "in the message": f"EHLO client.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<{MARY}>\r\nDATA\r\n",
}

lines = st.builds(
    lambda verb, words, end: f"{verb} {' '.join(words)}".encode() + end,
    st.sampled_from(VERBS),
    st.lists(st.sampled_from(WORDS), max_size=4),
    st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b" \r\n"]),
)
soup = st.lists(st.one_of(lines, lines, st.binary(max_size=60), st.just(b".\r\n")), min_size=1, max_size=12)

_REPLY = re.compile(rb"(?:([2-5]\d\d)-[^\r\n]*\r\n)*([2-5]\d\d)(?: [^\r\n]*)?\r\n")
_TRACE = re.compile(rb"Traceback|Error\(|Exception|File \"|\.py|0x[0-9a-f]{8}", re.IGNORECASE)

fuzzed = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
async def running(start: Any, hop: ScriptedHop) -> AsyncIterator[tuple[Any, ScriptedHop]]:
    """One gateway for all examples. At their end it still serves, and delivered only what it archived."""
    gateway = await start(hop.address, limits={"connections_per_address": 10_000})
    yield gateway, hop
    client = Dialogue(*await asyncio.open_connection("127.0.0.1", gateway.ports["inbound"]))
    await client.reply()
    await greet(client)
    assert await mail(client) == "250 2.0.0 hop took it"
    await client.close()
    archived = zip(gateway.messages(), gateway.raws(), strict=True)
    relayed = [with_crlf(raw) for document, raw in archived if document["envelope"]["role"] != "journal"]
    assert sorted(map(below_received, hop.messages)) == sorted(relayed)
    assert gateway.metrics.in_flight_bytes.labels().read() == 0


async def everything_said(port: int, data: bytes) -> bytes:
    """What the gateway says to a client that sends all this and then ends its side."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        writer.write_eof()
        return await asyncio.wait_for(reader.read(), 30)
    except ConnectionError:
        return b""  # ended by the gateway while the client still sent
    finally:
        writer.close()


def check(said: bytes, sent: bytes) -> None:
    """Only whole replies with valid codes, and nothing of the inside."""
    position = 0
    while position < len(said):
        match = _REPLY.match(said, position)
        assert match, (said[position : position + 200], sent)
        assert len({match[1], match[2]} - {None}) == 1, match[0]
        position = match.end()
    assert not _TRACE.search(said), said


@pytest.mark.parametrize("state", STATES.values(), ids=list(STATES))
@pytest.mark.parametrize("listener", ["inbound", "outbound", "journal"])
@fuzzed
@given(pieces=soup)
async def test_nonsense(
    pieces: list[bytes], listener: str, state: str, running: tuple[Any, ScriptedHop]
) -> None:
    gateway, _ = running
    sent = state.encode() + b"".join(pieces)
    check(await everything_said(gateway.ports[listener], sent), sent)


@fuzzed
@given(commands=st.lists(lines.filter(lambda line: line.endswith(b"\r\n")), min_size=1, max_size=15))
async def test_every_command_gets_one_reply(commands: list[bytes], running: tuple[Any, ScriptedHop]) -> None:
    """Sent one at a time, each is answered, or the connection ends."""
    gateway, _ = running
    client = Dialogue(*await asyncio.open_connection("127.0.0.1", gateway.ports["inbound"]))
    try:
        await client.reply()
        for command in commands:
            await client.send(command)
            reply = await client.reply()
            if not reply:
                return
            if reply.startswith("354"):
                await client.send(stuffed(PLAIN))
                reply = await client.reply()
            check(reply.replace("\n", "\r\n").encode("utf-8", "surrogateescape") + b"\r\n", command)
        await client.send(b"NOOP\r\n")
        assert (await client.reply())[:3] in ("250", "421", "")  # no reply was left over
    except ConnectionError:
        pass
    finally:
        await client.close()


@fuzzed
@given(raw=st.binary(max_size=400), cuts=st.lists(st.integers(1, 400), max_size=5))
async def test_any_octets_as_a_message(raw: bytes, cuts: list[int], running: tuple[Any, ScriptedHop]) -> None:
    """Whatever follows DATA, in whatever pieces: one reply to it, and in step afterwards."""
    gateway, hop = running
    client = Dialogue(*await asyncio.open_connection("127.0.0.1", gateway.ports["inbound"]))
    before = len(hop.messages)
    await client.reply()
    await client.send(STATES["in the message"])
    for _ in range(4):
        reply = await client.reply()
    assert reply.startswith("354")
    data = stuffed(raw + b"\r\n")
    edges = sorted({cut for cut in cuts if cut < len(data)} | {len(data)})
    for begin, end in zip([0, *edges], edges, strict=False):
        await client.send(data[begin:end])
        await asyncio.sleep(0)
    reply = await client.reply()
    assert reply.startswith(("250", "550 5.6.11")), reply
    assert len(hop.messages) - before == reply.startswith("250")
    if reply.startswith("250"):
        assert (await client.ask("NOOP")).startswith("250")
    else:
        assert await client.reply() == ""
    await client.close()
