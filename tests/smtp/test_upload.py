"""Large messages on slow ways, uploads that stand still, and clients that leave at the last moment."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.smtp.server import _Door
from gateway.smtp.session import Session
from gateway.smtp.stream import Stream
from tests.smtp.conftest import ScriptedHop
from tests.smtp.hops import RudeHop, serving, until_sent
from tests.smtp.steps import PLAIN, greet, mail, open_message, outcomes, stuffed

LINE = b"x" * 70 + b"\r\n"


# --- next hops that read slowly --------------------------------------------------------------------------


class SteadyHop(RudeHop):
    """Reads a message at 8 MB/s, never faster and never with a long rest; its buffers are small."""

    chunk, rest = 400_000, 0.05

    async def _reply(self, text: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if text != "DATA":
            return await super()._reply(text, reader, writer)
        await self._send(writer, "354 go")
        message = bytearray()
        while not message.endswith(b"\r\n.\r\n"):
            until = len(message) + self.chunk
            while len(message) < until and not message.endswith(b"\r\n.\r\n"):
                message += await reader.read(65536)
            await asyncio.sleep(self.rest)
        self.messages.append(bytes(message[:-3]))
        return await self._send(writer, "250 2.0.0 hop took it")


@pytest.fixture
async def steady() -> AsyncIterator[SteadyHop]:
    hop = SteadyHop(offer=["PIPELINING"])
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    sock.bind(("127.0.0.1", 0))
    hop.port = sock.getsockname()[1]
    server = await asyncio.start_server(hop.serve, sock=sock, limit=65536)
    yield hop
    server.close()
    for writer in hop.writers:
        writer.close()


async def test_a_next_hop_that_reads_slowly_but_steadily(start: Any, dial: Any, steady: SteadyHop) -> None:
    """`timeouts.reply` is for each block of a message, not for all of it."""
    patience = 0.5
    gateway = await start(steady.address, timeouts={"reply": patience})
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    raw = b"Subject: a film\r\n\r\n" + LINE * 140_000  # 10 MB: far beyond what the kernel's buffers take
    began = asyncio.get_running_loop().time()
    assert await mail(client, raw=raw) == "250 2.0.0 hop took it"
    assert asyncio.get_running_loop().time() - began > 2 * patience
    (message,) = steady.messages
    assert message.endswith(raw)
    assert gateway.raws() == [raw]


# --- clients that write slowly -----------------------------------------------------------------------------


async def test_an_upload_that_drips_is_ended(start: Any, dial: Any, hop: ScriptedHop) -> None:
    """It holds a part of what may be in flight, and so may not last for as long as it likes."""
    gateway = await start(hop.address, timeouts={"data": 0.3}, limits={"in_flight": 600, "message_size": 600})
    port = gateway.ports["inbound"]
    dripping, other = [await dial(port) for _ in range(2)]
    for client in (dripping, other):
        await greet(client)
    raw = b"Subject: other\r\n\r\n" + LINE * 4
    await open_message(dripping)
    await dripping.send(LINE * 6)
    assert (await mail(other, raw=raw)).startswith("452 4.3.1")

    async def drip() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await dripping.send(b"y")
                await asyncio.sleep(0.03)

    drops = asyncio.create_task(drip())
    try:
        async with asyncio.timeout(5):
            assert (await dripping.reply()).startswith("421 4.4.2")
    finally:
        drops.cancel()
    assert (await mail(other, raw=raw)).startswith("250")
    assert gateway.metrics.in_flight_bytes.labels().read() == 0
    assert gateway.metrics.transactions.labels("inbound", "aborted").value == 1
    assert len(hop.messages) == len(gateway.messages()) == 1


async def test_a_slow_upload_that_goes_on_is_taken(start: Any, dial: Any, hop: ScriptedHop) -> None:
    """Three times as long as `timeouts.data`, at some 10 kB/s."""
    gateway = await start(hop.address, timeouts={"data": 0.3})
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    await open_message(client)
    for _ in range(18):
        await client.send(LINE * 7)
        await asyncio.sleep(0.05)
    await client.send(b".\r\n")
    assert (await client.reply()).startswith("250")
    assert gateway.raws() == [LINE * 126]


async def test_a_message_beyond_both_limits_is_refused_for_good(
    start: Any, dial: Any, hop: ScriptedHop
) -> None:
    """A sender that is told 452 would send it again and again; a message that may fit later gets that."""
    gateway = await start(hop.address, limits={"in_flight": 500, "message_size": 1000})
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert (await mail(client, raw=LINE * 100)).startswith("552 5.3.4")
    assert (await mail(client, raw=LINE * 14)).startswith("552 5.3.4")
    assert (await mail(client, raw=LINE * 10)).startswith("452 4.3.1")
    assert (await mail(client, raw=LINE * 6)).startswith("250")
    assert len(hop.messages) == len(gateway.messages()) == 1


# --- the last moment ---------------------------------------------------------------------------------------


async def test_a_final_dot_in_the_moment_of_the_end(
    start: Any, dial: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drain ends after the dot came and before the session had its turn: 421 and a delivery would make two."""
    real = _Door.data_received
    sessions: set[Session] = set()

    def received(door: _Door, data: bytes) -> None:
        real(door, data)
        if data.endswith(b"\r\n.\r\n"):
            for session in list(sessions):
                session.hurry()

    monkeypatch.setattr(_Door, "data_received", received)  # ahead of the connection, which keeps its method
    async with serving(RudeHop()) as hop:
        gateway = await start(hop.address)
        sessions = gateway.server._sessions
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await open_message(client)
        await client.send(stuffed(PLAIN))
        assert (await client.reply()).startswith("421 4.3.2")
        assert await client.reply() == ""
        await gateway.server.close(1)  # waits for whatever the session still does
        assert hop.messages == []
        assert gateway.messages() == []
        assert gateway.metrics.transactions.labels("inbound", "aborted").value == 1


async def test_a_final_dot_before_that_moment_is_finished(start: Any, dial: Any) -> None:
    async with serving(RudeHop(answers={".": "WAIT"})) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await open_message(client)
        await client.send(stuffed(PLAIN))
        await until_sent(hop)
        for session in list(gateway.server._sessions):
            session.hurry()
        hop.gate.set()
        assert await client.reply() == "250 2.0.0 hop took its time"
        assert (await client.reply()).startswith("421 4.3.2")
        assert [event["event"] for event in await outcomes(gateway)] == ["relayed"]


# --- deadlines -------------------------------------------------------------------------------------------


async def test_one_deadline_that_fails_does_not_end_the_others(
    start: Any, dial: Any, hop: ScriptedHop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One timer watches all connections of a worker: without it no silent client would ever be sent away."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    calls = itertools.count()
    real = Stream.expire

    def expire(stream: Stream, now: float) -> None:
        if next(calls) == 0:
            raise RuntimeError("unforeseen")
        real(stream, now)

    monkeypatch.setattr(Stream, "expire", expire)
    gateway = await start(hop.address, timeouts={"command": 0.2})
    clients = [await dial(gateway.ports["inbound"]) for _ in range(3)]
    async with asyncio.timeout(5):
        for client in clients:
            assert (await client.reply()).startswith("421 4.4.2")
    assert [str(context["exception"]) for context in failures] == ["unforeseen"]
