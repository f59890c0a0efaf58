"""Listeners: connections become sessions; draining lets them end well.

A connection over a limit, or a PROXY header from a stranger, is turned away with one reply or none. Every
session runs in a task of its own that nothing cancels; `close` waits for those past their final dot.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import replace
from functools import lru_cache

from aiosmtpd.proxy_protocol import V2_CMD, get_proxy

from gateway.config import Listener
from gateway.message.envelope import Client
from gateway.smtp.context import Context
from gateway.smtp.reply import TOO_MANY_CONNECTIONS
from gateway.smtp.session import Session
from gateway.smtp.stream import ConnectionLost, Stream, TimedOut


class Server:
    """All listening sockets of a worker."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._servers: list[asyncio.Server] = []
        self._sessions: set[Session] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    async def listen(self, listener: Listener, sock: socket.socket) -> None:
        """Accept connections on a bound socket."""
        loop = self._context.streams.loop
        self._servers.append(
            await loop.create_server(lambda: _Door(self, listener, self._context), sock=sock, backlog=1024)
        )

    async def close(self, drain: float) -> None:
        """Accept no more; let transactions end for `drain` seconds, and those past the final dot for longer."""
        self._closing = True
        for server in self._servers:
            server.close()
        for session in list(self._sessions):
            session.drain()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=drain)
        for session in list(self._sessions):
            session.hurry()
        if self._tasks:
            # Each of these is bounded by the commit deadline.
            await asyncio.wait(self._tasks, timeout=self._context.config.timeouts.commit + 5)
        self._context.next_hops.close()

    def serve(self, stream: Stream, listener: Listener, address: str, port: int) -> None:
        """Run a session for a new connection."""
        task = self._context.streams.loop.create_task(self._serve(stream, listener, address, port))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, stream: Stream, listener: Listener, address: str, port: int) -> None:
        metrics = self._context.metrics
        client: Client | None = Client(address, port, helo="")
        result = "refused_proxy"
        if listener.proxy_protocol:
            client = await _proxied(stream, listener, address, port, self._context.config.timeouts.connect)
        if client is not None:
            result = self._context.connections.enter(client.address)
        metrics.connections.labels(listener.name, result).inc()
        if client is None or result != "accepted":
            if client is not None:
                stream.write(TOO_MANY_CONNECTIONS.wire)
            stream.close()
            return
        session = Session(stream, client, listener, self._context)
        gauge = metrics.connections_open.labels(listener.name)
        gauge.inc()
        self._sessions.add(session)
        if self._closing:
            session.drain()
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
            gauge.dec()
            self._context.connections.leave(client.address)


class _Door(Stream):
    """A client's connection: starts its session when it is made."""

    def __init__(self, server: Server, listener: Listener, context: Context) -> None:
        super().__init__(context.streams)
        self._server = server
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        if peer is None:  # reset before it was accepted
            transport.close()
            return
        super().connection_made(transport)
        self._server.serve(self, self._listener, _plain(peer[0]), peer[1])


@lru_cache(maxsize=4096)
def _plain(address: str) -> str:
    """An address without zone and, where it is IPv4 mapped into IPv6, as IPv4."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


# --- PROXY protocol --------------------------------------------------------------------------------


async def _proxied(
    stream: Stream, listener: Listener, address: str, port: int, timeout: float
) -> Client | None:
    """The client that a load balancer names; None where it may not, or does not say it right."""
    if not any(ipaddress.ip_address(address) in network for network in listener.proxy_networks):
        return None
    try:
        header = await get_proxy(_Reader(stream, timeout))
        if not header.valid:
            return None
        if header.command == V2_CMD.LOCAL or not header.src_addr:
            # The balancer's own connection, or one it cannot name: nobody's, so no network vouches for it.
            return Client(address, port, helo="", proxy=address)
        source = _plain(str(header.src_addr))
        return replace(Client(source, int(header.src_port or 0), helo=""), proxy=address)
    except (ConnectionLost, TimedOut, ValueError):
        return None


class _Reader:
    """A Stream as aiosmtpd's PROXY parser reads it."""

    def __init__(self, stream: Stream, timeout: float) -> None:
        self._stream = stream
        self._timeout = timeout

    async def read(self, n: int = -1) -> bytes:
        if not self._stream.buffer:
            await self._stream.more(self._stream.after(self._timeout))
        return self._cut(len(self._stream.buffer) if n < 0 else n)

    async def readexactly(self, n: int) -> bytes:
        while len(self._stream.buffer) < n:
            await self._stream.more(self._stream.after(self._timeout))
        return self._cut(n)

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        while (end := self._stream.buffer.find(separator)) < 0:
            if len(self._stream.buffer) > 512:
                raise ValueError("PROXY header too long")
            await self._stream.more(self._stream.after(self._timeout))
        return self._cut(end + len(separator))

    def _cut(self, n: int) -> bytes:
        taken = bytes(self._stream.buffer[:n])
        del self._stream.buffer[:n]
        return taken
