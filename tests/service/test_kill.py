"""kill -9 of any process at any moment, under load, again and again (promises 1 and 2).

For each message whose 250 the client saw there must be an intact record in the archive and an acceptance at the
next hop, and the service must come back by itself. The test stands in for systemd's Restart=always, which
starts the supervisor again; the supervisor starts everything else.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway.archive import Reader, verify

KILLS = 50
CLIENTS = 6
# An address of this process alone. A client that comes before the service is back must meet nobody: on 127.0.0.1 its
# port has been another test's gateway, which took the mail for its own.
HOST = f"127.{os.getpid() >> 16 & 127 | 128}.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}"


class Client:
    """Sends numbered messages for ever; notes the subject of each that was answered 250."""

    def __init__(self, number: int, service: Any) -> None:
        self.number = number
        self.service = service
        self.accepted: dict[str, str] = {}  # subject: SHA-256 of what was sent
        self.sent = 0
        self.stopping = False

    async def run(self) -> None:
        while not self.stopping:
            with suppress(OSError, EOFError, KeyError, StopIteration):
                await self.connection()
            await asyncio.sleep(0.01)

    async def connection(self) -> None:
        reader, writer = await asyncio.open_connection(HOST, self.service.port())
        try:
            await self.expect(reader, b"220")
            await self.say(reader, writer, b"EHLO client.example", b"250")
            for _ in range(20):
                if self.stopping:
                    return
                await self.message(reader, writer)
        finally:
            writer.close()

    async def message(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sent += 1
        subject = f"{self.number}-{self.sent}"
        size = 100 if self.sent % 10 else 300_000
        raw = f"From: a@x.example\r\nSubject: {subject}\r\n\r\n".encode() + b"0123456789abcde\r\n" * (
            size // 17
        )
        await self.say(reader, writer, b"MAIL FROM:<a@x.example>", b"250")
        await self.say(reader, writer, b"RCPT TO:<b@district.example>", b"250")
        await self.say(reader, writer, b"DATA", b"354")
        await self.say(reader, writer, raw + b".", b"250")
        self.accepted[subject] = hashlib.sha256(raw).hexdigest()

    async def say(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes, code: bytes
    ) -> None:
        writer.write(line + b"\r\n")
        await self.expect(reader, code)

    async def expect(self, reader: asyncio.StreamReader, code: bytes) -> None:
        while True:
            async with asyncio.timeout(30):
                line = await reader.readline()
            if line[:3] != code:
                raise EOFError
            if line[3:4] != b"-":
                return


async def test_nothing_acknowledged_is_lost(service: Any, counting_hop: Any, until: Any) -> None:
    choose = random.Random(20261122)
    gateway = service(f"127.0.0.1:{counting_hop.port}", host=HOST)
    gateway.start()
    await gateway.ready()
    clients = [Client(number, gateway) for number in range(CLIENTS)]
    tasks = [asyncio.create_task(client.run()) for client in clients]

    def total() -> int:
        return sum(len(client.accepted) for client in clients)

    for _ in range(KILLS):
        goal = total() + choose.randint(1, 40)
        await until(lambda goal=goal: total() >= goal)
        victims = {**gateway.children(), "supervisor": gateway.process.pid}
        victim = choose.choice(sorted(victims))
        os.kill(victims[victim], signal.SIGKILL)
        if victim == "supervisor":
            gateway.process.wait()
            await until(lambda left=victims: not any(_alive(p) for n, p in left.items() if n != "supervisor"))
            gateway.start()
            await gateway.ready()
    before = total()
    await until(lambda: total() > before + 20)  # it still serves
    for client in clients:
        client.stopping = True
    await asyncio.gather(*tasks)
    assert await asyncio.to_thread(gateway.stop) == 0

    accepted = {subject: digest for client in clients for subject, digest in client.accepted.items()}
    delivered = set(counting_hop.accepted)
    assert set(accepted) <= delivered
    reader = Reader(gateway.config.parent / "data" / "archive")
    archived: dict[str, str] = {}
    position = 0
    while entries := reader.follow(position, 1000):
        for entry in entries:
            if entry.kind == "message":
                raw = reader.raw(entry.seq)  # raises where it is not intact
                subject = raw.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
                archived[subject] = hashlib.sha256(raw).hexdigest()
        position = entries[-1].seq
    assert delivered <= set(archived)  # nothing was delivered that is not archived
    assert {subject: archived.get(subject) for subject in accepted} == accepted
    assert list(verify(gateway.config.parent / "data" / "archive")) == []


def _alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[0] != b"Z"
