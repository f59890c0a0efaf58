"""Byte for byte: what a client sends is what the archive keeps and what the next hop gets.

Compared by SHA-256: the message as sent, the archived one, and the one at the next hop below the gateway's own
`Received:` (there with bare CR and LF mended, and only there).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.archive import verify
from tests.smtp.nasty import LOOK_ALIKES, MESSAGES
from tests.smtp.steps import MARY, below_received, greet, mail, stuffed, with_crlf, with_final_line_end

BATCH = b"MAIL FROM:<pat@x.example> BODY=8BITMIME\r\nRCPT TO:<mary@district.example>\r\nDATA\r\n"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def go_through(messages: Mapping[str, bytes], gateway: Any, client: Any, hop: Any) -> list[str]:
    """Send all on one connection; the names of those that arrived or were archived otherwise than sent."""
    await greet(client)
    sent = {name: with_final_line_end(raw) for name, raw in messages.items()}
    wrong = []
    for name, raw in sent.items():
        await client.send(BATCH)
        opening = [await client.reply() for _ in range(3)]
        assert [answer[:3] for answer in opening] == ["250", "250", "354"], (name, opening)
        await client.send(stuffed(raw))
        answer = await client.reply()
        if not answer.startswith("250"):
            wrong.append(f"{name}: {answer}")
    if wrong:
        return wrong
    archived = [sha256(raw) for raw in gateway.raws()]
    arrived = [sha256(below_received(wire)) for wire in hop.messages]
    assert len(archived) == len(arrived) == len(sent)
    for (name, raw), stored, taken in zip(sent.items(), archived, arrived, strict=True):
        if stored != sha256(raw):
            wrong.append(f"{name}: archived otherwise")
        if taken != sha256(with_crlf(raw)):
            wrong.append(f"{name}: delivered otherwise")
    return wrong


async def test_nasty_mail(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address)
    assert await go_through(MESSAGES, gateway, await dial(gateway.ports["inbound"]), hop) == []
    assert_whole(gateway)


@pytest.mark.parametrize("line_ends", ["as CRLF", "as stored"])
async def test_corpus(line_ends: str, corpus: Path, start: Any, dial: Any, hop: Any) -> None:
    files = sorted((corpus / "mail").rglob("*.eml"))
    assert files
    as_sent = with_crlf if line_ends == "as CRLF" else bytes
    messages = {f"{path.parent.name}/{path.name}": as_sent(path.read_bytes()) for path in files}
    gateway = await start(hop.address)
    assert await go_through(messages, gateway, await dial(gateway.ports["inbound"]), hop) == []
    assert_whole(gateway)


async def test_a_journal_keeps_nasty_mail(start: Any, dial: Any) -> None:
    gateway = await start()
    client = await dial(gateway.ports["journal"])
    await greet(client)
    for name, raw in MESSAGES.items():
        answer = await mail(client, MARY, raw=with_final_line_end(raw))
        assert answer.startswith("250 2.0.0 Archived as"), (name, answer)
    assert [sha256(raw) for raw in gateway.raws()] == [
        sha256(with_final_line_end(raw)) for raw in MESSAGES.values()
    ]


@pytest.mark.parametrize("raw", LOOK_ALIKES.values(), ids=list(LOOK_ALIKES))
async def test_a_look_alike_of_the_end_is_refused(raw: bytes, start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address)
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert (await mail(client, raw=with_final_line_end(raw))).startswith("550 5.6.11")
    assert await client.reply() == ""  # the connection has ended: what follows could be part of the message
    assert hop.messages == []


def assert_whole(gateway: Any) -> None:
    """The archive proves itself, and no rule failed on the way."""
    assert list(verify(gateway.config.storage.archive)) == []
    assert gateway.metrics.decide_errors.labels().value == 0
