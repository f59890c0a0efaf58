"""A next hop that is slow in one way or another: every wait has an end, and the client gets a temporary reply."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.smtp.hops import RudeHop, serving
from tests.smtp.steps import MARY, PLAIN, greet, mail, open_message, stuffed

BOUND = 5  # seconds; far more than the limits set here, far less than the defaults


@pytest.mark.parametrize("command", ["banner", "EHLO", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("answer", ["SILENCE", "DRIP 250-ok"])
async def test_each_reply_has_its_time(answer: str, command: str, start: Any, dial: Any) -> None:
    async with serving(RudeHop()) as hop:
        gateway = await start(hop.address, timeouts={"reply": 0.3, "connect": 0.3, "commit": 0.3})
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        hop.writers[0].close()
        hop.answers[command] = answer
        async with asyncio.timeout(BOUND):
            await client.ask("MAIL FROM:<a@x.example>")
            reply = await client.ask(f"RCPT TO:<{MARY}>")
            if command in ("DATA", "."):
                reply = await client.ask("DATA")
            if command == ".":
                await client.send(stuffed(PLAIN))
                reply = await client.reply()
        assert reply.startswith("451 4.4.1"), reply
        hop.answers.clear()
        await client.ask("RSET")
        assert await mail(client) == "250 2.0.0 hop took it"


async def test_a_next_hop_that_takes_no_more_octets(start: Any, dial: Any) -> None:
    """A large message, a full window, and nobody who reads it."""

    class Deaf(RudeHop):
        async def _reply(self, text: str, reader: Any, writer: Any) -> bool:
            if text == "DATA":
                await self._send(writer, "354 go")
                await self.gate.wait()
            return await super()._reply(text, reader, writer)

    async with serving(Deaf(offer=["PIPELINING"])) as hop:
        gateway = await start(hop.address, timeouts={"commit": 0.5})
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await open_message(client)
        async with asyncio.timeout(BOUND):
            await client.send(stuffed(b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n") * 200_000))
            assert (await client.reply()).startswith("451 4.4.1")
        assert hop.messages == []


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port whose connections are made by the kernel and never served."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(1)
        yield sock.getsockname()[1]


async def test_a_next_hop_that_never_greets(deaf_port: int, start: Any, dial: Any) -> None:
    gateway = await start(f"127.0.0.1:{deaf_port}", timeouts={"connect": 0.3})
    client = await dial(gateway.ports["inbound"])
    async with asyncio.timeout(BOUND):
        await greet(client)
        await client.ask("MAIL FROM:<a@x.example>")
        assert (await client.ask(f"RCPT TO:<{MARY}>")).startswith("451 4.4.1")


async def test_a_second_host_helps_out(deaf_port: int, start: Any, dial: Any, hop: Any) -> None:
    route = {
        "domains": ["district.example"],
        "next_hop": [f"127.0.0.1:{deaf_port}", "127.0.0.1:1", hop.address],
    }
    gateway = await start(route=[route], timeouts={"connect": 0.3})
    client = await dial(gateway.ports["inbound"])
    async with asyncio.timeout(BOUND):
        await greet(client)
        assert (await mail(client)).startswith("250")
    assert gateway.messages()[0]["envelope"]["next_hop"] == hop.address


async def test_nobody_at_home(start: Any, dial: Any) -> None:
    gateway = await start("127.0.0.1:1")
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    await client.ask("MAIL FROM:<a@x.example>")
    assert (await client.ask(f"RCPT TO:<{MARY}>")).startswith("451 4.4.1")
    assert (await client.ask("DATA")).startswith("503")
    assert gateway.messages() == []
