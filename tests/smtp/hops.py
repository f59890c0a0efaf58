"""A next hop that misbehaves in more ways than the scripted one of conftest.py.

Further words in its answers: `WAIT` holds the answer back until `gate` is set; `RESET` resets the connection;
`DRIP <reply>` sends a reply octet by octet, slower than any patience; `<reply> & DROP` says a last word.
With `tls`, it knows STARTTLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.smtp.conftest import ScriptedHop


@dataclass
class RudeHop(ScriptedHop):
    tls: ssl.SSLContext | None = None
    secured: int = 0  # connections that came under TLS
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    sessions: set[asyncio.Task[None] | None] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            await super().serve(reader, writer)

    async def _reply(self, text: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if text.upper() != "STARTTLS" or self.tls is None or "STARTTLS" in self.answers:
            return await super()._reply(text, reader, writer)
        await self._send(writer, "220 go ahead")
        await writer.start_tls(self.tls)
        self.secured += 1
        return True

    async def _send(self, writer: asyncio.StreamWriter, answer: str) -> bool:
        if answer == "WAIT":
            await self.gate.wait()
            answer = "250 2.0.0 hop took its time"
        if answer == "RESET":
            reset(writer)
            return False
        if answer.startswith("DRIP "):
            return await self._drip(writer, answer[5:])
        answer, drop, _ = answer.partition(" & DROP")
        return await super()._send(writer, answer) and not drop

    async def _drip(self, writer: asyncio.StreamWriter, answer: str) -> bool:
        for octet in (answer * 1000).encode():
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0.05)
        return False


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a crash does: with a reset instead of a goodbye."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def serving(hop: RudeHop, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[RudeHop]:
    """The hop on an address of this machine, until the end of the block."""
    server = await asyncio.start_server(hop.serve, host, port, limit=2**26)
    hop.port = server.sockets[0].getsockname()[1]
    try:
        yield hop
    finally:
        server.close()
        hop.gate.set()
        for writer in hop.writers:
            writer.close()
        running = [task for task in hop.sessions if task and not task.done()]
        if running:
            await asyncio.wait(running, timeout=5)


async def until_sent(hop: RudeHop, messages: int = 1) -> None:
    """Wait until so many messages have reached the next hop, whether it has answered or not."""
    async with asyncio.timeout(20):
        while len(hop.messages) < messages:
            hop.changed.clear()
            await hop.changed.wait()
