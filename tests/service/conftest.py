"""The whole service as a child process, as an installation runs it, and a next hop that counts."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CONFIG = """
hostname = "gateway.district.example"
[district]
name = "Test District"
domains = ["district.example"]
[storage]
path = "{data}"
min_free = 0
[processes]
smtp_workers = {workers}
[[listener]]
name = "inbound"
role = "inbound"
bind = ["{host}:0"]
[[route]]
domains = ["district.example"]
next_hop = "{next_hop}"
[timeouts]
drain = 5
[authentication]  # no test asks the machine's own DNS servers
check = "never"
[telemetry]
bind = "127.0.0.1:0"
{more}
"""


@dataclass
class Service:
    """`mailgw serve` and where it listens."""

    config: Path
    data: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None
    addresses: dict[str, Any] = field(default_factory=dict)

    def start(self) -> None:
        """Start it; `ready` waits."""
        (self.data / "run" / "addresses.json").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve", "--config", str(self.config)], stderr=log
            )

    async def ready(self) -> None:
        """Until the service takes mail. Raises AssertionError with its log where it does not within a minute."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            with suppress(OSError, ValueError):
                self.addresses = json.loads((self.data / "run" / "addresses.json").read_text())
                if await asyncio.to_thread(self.get, "/readyz"):
                    return
            await asyncio.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def get(self, path: str) -> str:
        """A page of the telemetry address. Raises OSError where it is not 200."""
        host, port = self.addresses["telemetry"]
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def port(self, listener: str = "inbound") -> int:
        return int(next(a["address"][1] for a in self.addresses["listeners"] if a["listener"] == listener))

    def children(self) -> dict[str, int]:
        """Process ids by name, out of the kernel's process table."""
        assert self.process is not None
        found = {}
        for task in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            for pid in task.read_text().split():
                with suppress(OSError):
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                    if b"--name" in words:
                        found[words[words.index(b"--name") + 1].decode()] = int(pid)
        return found

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A `mailgw` command on this installation."""
        return subprocess.run(
            [sys.executable, "-m", "gateway", *arguments, "--config", str(self.config)],
            check=check,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def stop(self) -> int:
        """SIGTERM and wait; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """`service(next_hop, workers=2, more="...")` prepares an installation; it is stopped after the test.

    Whoever kills it and goes on connecting gives it a `host` of its own: its port may be another test's by then.
    """
    made: list[Service] = []

    def prepare(next_hop: str, *, workers: int = 2, more: str = "", host: str = "127.0.0.1") -> Service:
        data = tmp_path / "data"
        config = tmp_path / "gateway.toml"
        config.write_text(CONFIG.format(data=data, next_hop=next_hop, workers=workers, more=more, host=host))
        new = Service(config, data, tmp_path / "serve.log")
        made.append(new)
        return new

    yield prepare
    for each in made:
        if each.process is not None and each.process.poll() is None:
            each.stop()


@dataclass(frozen=True)
class Taken:
    """One transaction that a next hop has taken."""

    sender: str  # the argument of MAIL, such as "FROM:<>"
    recipients: tuple[str, ...]
    message: bytes


class CountingHop:
    """A next hop that takes everything and remembers the subject of each message it answered 250 to."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.taken: list[Taken] = []
        self.busy = False  # puts everything off
        self.unknown: set[str] = set()  # addresses that it refuses
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hop\r\n")
        sender, recipients = "", list[str]()
        try:
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    writer.write(b"250-hop\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
                elif verb == b"MAIL":
                    sender, recipients = line[5:].split()[0].decode(), []
                    writer.write(b"450 4.2.0 busy\r\n" if self.busy else b"250 ok\r\n")
                elif verb == b"RCPT":
                    address = line.partition(b"<")[2].partition(b">")[0].decode()
                    refused = self.busy or address in self.unknown
                    recipients += [] if refused else [address]
                    writer.write(b"550 5.1.1 who?\r\n" if refused else b"250 ok\r\n")
                elif verb == b"DATA":
                    writer.write(b"354 go\r\n")
                    message = await reader.readuntil(b"\r\n.\r\n")
                    subject = message.partition(b"\r\nSubject: ")[2].partition(b"\r\n")[0].decode()
                    self.accepted.append(subject)
                    self.taken.append(Taken(sender, tuple(recipients), message[:-3]))
                    writer.write(b"250 taken\r\n")
                elif verb == b"QUIT":
                    return
                else:
                    writer.write(b"250 ok\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def counting_hop() -> AsyncIterator[CountingHop]:
    hop = CountingHop()
    server = await asyncio.start_server(hop.serve, "127.0.0.1", 0, limit=2**24)
    hop.port = server.sockets[0].getsockname()[1]
    yield hop
    server.close()


Waiter = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def until() -> Waiter:
    """`await until(lambda: state)`: look until a state is reached; fails after a minute."""

    async def wait(reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(reached):
                await asyncio.sleep(0.05)

    return wait
