"""What a client usually does, for tests that are about something else."""

from __future__ import annotations

import asyncio
import re
from typing import Any

PLAIN = b"Subject: hello\r\n\r\nHi Mary\r\n"
MARY = "mary@district.example"


def stuffed(raw: bytes) -> bytes:
    """A message that ends in CRLF, as it follows DATA, with its final dot (RFC 5321 §4.5.2)."""
    return re.sub(rb"(\A|\r\n)\.", rb"\1..", raw) + b".\r\n"


def with_final_line_end(raw: bytes) -> bytes:
    """SMTP carries whole lines only: what does not end in CRLF gets it."""
    return raw if raw.endswith(b"\r\n") or not raw else raw + b"\r\n"


def with_crlf(raw: bytes) -> bytes:
    """The same text with every line end as CRLF."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", raw)


def below_received(wire: bytes) -> bytes:
    """A message that the next hop got: unstuffed, without the gateway's own `Received:` (three lines)."""
    raw = re.sub(rb"(\A|\r\n)\.\.", rb"\1.", wire)
    match = re.match(rb"Received: from [^\r\n]*\r\n\tby gateway\.[^\r\n]*;\r\n\t[^\r\n]*\r\n", raw)
    assert match, raw[:300]
    return raw[match.end() :]


async def greet(client: Any, name: str = "client.example") -> list[str]:
    """EHLO; the keywords offered, with their arguments."""
    lines = (await client.ask(f"EHLO {name}")).split("\n")
    assert all(line.startswith("250") for line in lines), lines
    return [line[4:] for line in lines[1:]]


async def open_message(client: Any, *recipients: str, sender: str = "a@x.example") -> None:
    """MAIL, RCPT and DATA, all of which have to succeed."""
    assert (await client.ask(f"MAIL FROM:<{sender}>")).startswith("250")
    for recipient in recipients or (MARY,):
        answer = await client.ask(f"RCPT TO:<{recipient}>")
        assert answer.startswith("250"), answer
    answer = await client.ask("DATA")
    assert answer.startswith("354"), answer


async def mail(client: Any, *recipients: str, raw: bytes = PLAIN, sender: str = "a@x.example") -> str:
    """A whole transaction on a greeted connection; the reply to the final dot."""
    await open_message(client, *recipients, sender=sender)
    await client.send(stuffed(raw))
    return str(await client.reply())


async def outcomes(gateway: Any, count: int = 1) -> list[dict[str, Any]]:
    """The events in the archive, once there are so many; they join a later commit."""
    async with asyncio.timeout(20):
        while True:
            events = [entry.document for entry in gateway.reader.follow(0, 10_000) if entry.kind == "event"]
            if len(events) >= count:
                return events
            await asyncio.sleep(0.01)


async def round_trip(dial: Any, port: int) -> None:
    """After it, the gateway has met everything that was sent to it before."""
    client = await dial(port)
    await client.ask("NOOP")
    await client.close()
