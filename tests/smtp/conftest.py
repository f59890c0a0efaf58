"""A whole mail path in one process: real listeners, a real archive, a scripted or a real next hop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.archive.archive import Archive
from gateway.archive.reader import Reader
from gateway.config import Config
from gateway.directory.snapshot import Directory
from gateway.policy.engine import Engine
from gateway.service.appending import CommitMetrics
from gateway.service.sockets import bind
from gateway.service.worker import build_context
from gateway.smtp.context import Context
from gateway.smtp.delivery import Appender, Judge
from gateway.smtp.server import Server
from gateway.telemetry.metrics import Metrics

DOMAIN = "district.example"


@dataclass
class Gateway:
    """A running mail path and what a test asks of it."""

    config: Config
    context: Context
    server: Server
    archive: Archive
    metrics: Metrics
    ports: dict[str, int]

    @property
    def reader(self) -> Reader:
        return Reader(self.config.storage.archive)

    def messages(self) -> list[dict[str, Any]]:
        """Documents of the archived messages, oldest first."""
        return [entry.document for entry in self.reader.follow(0, 10_000) if entry.kind == "message"]

    def raws(self) -> list[bytes]:
        """The archived messages' bytes, oldest first."""
        reader = self.reader
        return [reader.raw(entry.seq) for entry in reader.follow(0, 10_000) if entry.kind == "message"]


Start = Callable[..., Any]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """`await start(next_hop, **sections)` runs a gateway; `archive=` and `judge=` replace parts."""
    running: list[Gateway] = []

    async def run(
        next_hop: str = "127.0.0.1:1",
        *,
        archive: Appender | None = None,
        judge: Judge | None = None,
        **sections: Any,
    ) -> Gateway:
        settings: dict[str, Any] = {
            "hostname": "gateway.district.example",
            "district": {"name": "Test District", "domains": [DOMAIN]},
            "storage": {"path": tmp_path / "data", "min_free": 0},
            "listener": [
                {"name": "inbound", "role": "inbound", "bind": ["127.0.0.1:0"]},
                {
                    "name": "outbound",
                    "role": "outbound",
                    "bind": ["127.0.0.1:0"],
                    "networks": ["127.0.0.0/8"],
                },
                {
                    "name": "journal",
                    "role": "journal",
                    "bind": ["127.0.0.1:0"],
                    "networks": ["127.0.0.0/8"],
                },
            ],
            "route": [{"domains": [DOMAIN], "next_hop": next_hop}],
            # No test asks the machine's own DNS servers; those of authentication bring one.
            "authentication": {"check": "never"},
            **sections,
        }
        config = Config.model_validate(settings)
        gateway = await _start(config, archive, judge)
        running.append(gateway)
        return gateway

    yield run
    for gateway in running:
        await gateway.server.close(0.1)
        await asyncio.to_thread(gateway.archive.close)


async def _start(config: Config, appender: Appender | None, judge: Judge | None) -> Gateway:
    config.storage.archive.mkdir(parents=True, exist_ok=True)
    metrics = Metrics()
    archive = Archive(
        config.storage.archive,
        compression_level=1,
        min_free=config.storage.min_free,
        observer=CommitMetrics(metrics),
    )
    engine = Engine(config.policy, config.district)
    directory = Directory.empty(config.district.domains, datetime.now(UTC))
    context = build_context(
        config,
        metrics,
        appender or archive,
        judge or (lambda item: engine.judge(item, directory)),
        sweep=0.02,
    )
    server = Server(context)
    ports = {}
    listeners = {listener.name: listener for listener in config.listener}
    for name, bound in bind(config.listener, 1)[0]:
        ports[name] = bound.getsockname()[1]
        await server.listen(listeners[name], bound)
    return Gateway(config, context, server, archive, metrics, ports)


# --- a next hop that follows a script ----------------------------------------------------------------


@dataclass
class ScriptedHop:
    """A next hop that answers as told and remembers every line and message.

    `answers` maps the start of a command (or "banner", "." for the final dot) to what is sent; an answer
    "DROP" closes the connection, "SILENCE" says nothing. A list is used up one answer at a time.
    """

    offer: list[str] = field(
        default_factory=lambda: [
            "PIPELINING",
            "8BITMIME",
            "DSN",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "SIZE 9999999",
        ]
    )
    answers: dict[str, str | list[str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _answer(self, command: str, default: str) -> str:
        for start in sorted(self.answers, key=len, reverse=True):
            if command.upper().startswith(start.upper()):
                answer = self.answers[start]
                if isinstance(answer, list):
                    return answer.pop(0) if answer else default
                return answer
        return default

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            if not await self._send(writer, self._answer("banner", "220 hop.example ESMTP")):
                return
            while line := await reader.readline():
                text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
                self.lines.append(text)
                self.changed.set()
                if not await self._reply(text, reader, writer):
                    return
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _reply(self, text: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        verb = text.partition(" ")[0].upper()
        default = {
            "EHLO": "\r\n".join([f"250-{item}" for item in ["hop.example", *self.offer]]) + "\r\n250 HELP",
            "DATA": "354 go ahead",
            "QUIT": "221 bye",
        }.get(verb, "250 2.0.0 hop ok")
        answer = self._answer(text, default)
        if not await self._send(writer, answer):
            return False
        if verb == "DATA" and answer.startswith("354"):
            message = await reader.readuntil(b"\r\n.\r\n")
            self.messages.append(message[:-3])
            self.changed.set()
            return await self._send(writer, self._answer(".", "250 2.0.0 hop took it"))
        return verb != "QUIT"

    async def _send(self, writer: asyncio.StreamWriter, answer: str) -> bool:
        if answer == "DROP":
            return False
        if answer != "SILENCE":
            writer.write(answer.encode() + b"\r\n")
            await writer.drain()
        return True


@pytest.fixture
async def hop() -> AsyncIterator[ScriptedHop]:
    """A scripted next hop on a free port."""
    scripted = ScriptedHop()
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0, limit=2**26)
    scripted.port = server.sockets[0].getsockname()[1]
    yield scripted
    server.close()
    for writer in scripted.writers:
        writer.close()


# --- a client -----------------------------------------------------------------------------------------


class Dialogue:
    """A client that sends exactly what it is told and reads whole replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: str | bytes) -> None:
        self.writer.write(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)
        await self.writer.drain()

    async def reply(self) -> str:
        """One reply, its lines joined by newlines; "" when the connection has ended."""
        lines = []
        while line := await asyncio.wait_for(self.reader.readline(), 30):
            lines.append(line.decode("utf-8", "surrogateescape").rstrip("\r\n"))
            if line[3:4] != b"-":
                break
        return "\n".join(lines)

    async def ask(self, command: str) -> str:
        await self.send(command + "\r\n")
        return await self.reply()

    async def close(self) -> None:
        self.writer.close()


@pytest.fixture
async def dial() -> AsyncIterator[Callable[[int], Any]]:
    """`await dial(port)` connects a client; its greeting has been read."""
    opened: list[Dialogue] = []

    async def connect(port: int, *, greeting: bool = True) -> Dialogue:
        client = Dialogue(*await asyncio.open_connection("127.0.0.1", port))
        opened.append(client)
        if greeting:
            assert (await client.reply()).startswith("220 ")
        return client

    yield connect
    for client in opened:
        await client.close()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
