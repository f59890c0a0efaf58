"""Closed months with mail of every kind, for tests of what rewrites them."""

from __future__ import annotations

import base64
import os
import random
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import apsw
import orjson

from gateway.archive import Archive, Reader
from gateway.archive.entry import Digests, Evidence
from gateway.archive.layout import SCHEMAS, WRITTEN
from gateway.archive.volume import APPLICATION_ID, PAGE_SIZE, VFS

if TYPE_CHECKING:
    from conftest import Bench

OCTOBER = datetime(2026, 10, 5, 12, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)

WORDS = [
    "practice", "bus", "game", "parents", "field", "trip", "agenda", "budget", "lunch", "menu", "schedule", "grade"
]  # fmt: skip


def lines(data: bytes, width: int = 76, ending: bytes = b"\r\n") -> bytes:
    encoded = base64.b64encode(data)
    return ending.join(encoded[at : at + width] for at in range(0, len(encoded), width))


def with_file(body: bytes, boundary: bytes = b"b1", *, encoding: bytes = b"base64") -> bytes:
    """A message of two parts."""
    return (
        b'Subject: file\r\nContent-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\nhello\r\n--' + boundary
        + b"\r\n\r\ntext\r\n--" + boundary + b"\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: "
        + encoding + b"\r\n\r\n" + body + b"\r\n--" + boundary + b"--\r\n"
    )  # fmt: skip


def mail(chance: random.Random, number: int) -> bytes:
    """An ordinary message."""
    words = " ".join(chance.choices(WORDS, k=chance.randint(20, 200)))
    return (
        f"Received: from mx.harbor.example by in.harbor.example; id {number:x}\r\n"
        f"From: Carla Coach <carla@harbor.example>\r\nTo: parent{number}@mail.example\r\nSubject: {words[:40]}\r\n"
        f"Message-ID: <{number}@harbor.example>\r\n\r\n{words}\r\n"
    ).encode()


def odd_mail() -> list[bytes]:
    """What does not follow the rules, and what nobody else has."""
    chance = random.Random(7)
    pdf, text = chance.randbytes(9_000), b"a,b,c\r\n" * 2_000
    big = b"Subject: big\r\n\r\n" + b"the same newsletter " * 400
    return [
        b"",
        b"\0",
        chance.randbytes(5_000),
        b"\r\n\r\n",
        with_file(lines(pdf)),
        with_file(lines(pdf, 64), b"other"),
        with_file(lines(pdf, 76, b"\n"), b"third").replace(b"\r\n", b"\n"),
        with_file(lines(pdf, 20_000), b"one-line"),
        with_file(lines(pdf)[:-3] + b"!!!", b"broken"),
        with_file(lines(pdf) + b"\r\n\r\nmore", b"tail"),
        with_file(lines(text), b"csv"),
        with_file(text, b"csv-as-it-is", encoding=b"7bit"),
        with_file(text, b"csv-again", encoding=b"7bit"),
        with_file(lines(b"short"), b"short"),
        with_file(lines(chance.randbytes(300_000)), b"large"),
        big,
        big.replace(b"big", b"once more"),
        b"Content-Transfer-Encoding: base64\r\n\r\n" + lines(text[:600]) + b"\r\n",
        b"Content-Transfer-Encoding: base64\r\n\r\n",
        b"boundary=;boundary=\"\"\r\n" * 300,
    ]  # fmt: skip


async def closed_month(
    bench: Bench, count: int = 60, *, odd: bool = True, secret: bytes = b"", **settings: Any
) -> Archive:
    """October with so many messages, and what is odd, each with an event; and one message of November.

    secret: stands in every tenth.
    """
    chance = random.Random(count)
    bench.clock.now = OCTOBER
    archive = bench.archive(**settings)
    for number, octets in enumerate([mail(chance, n) for n in range(count)] + (odd_mail() if odd else [])):
        id = bench.id()
        raw = octets + (secret if number % 10 == 3 else b"")
        document = orjson.dumps({"envelope": {"id": str(id), "number": number}, "verdict": {"findings": []}})
        await archive.append(id=id, received=bench.clock.now, document=document, raw=raw)
        event = {"event": "relayed", "reply": "250 2.0.0 Ok: queued", "seconds": number / 100}
        await archive.record(id, bench.clock.now, orjson.dumps(event))
    bench.clock.now = NOVEMBER
    await bench.append(archive, b"Subject: november\r\n\r\nx\r\n")
    await archive.aclose()
    return archive


def evidence(folder: Path) -> list[Evidence | Digests]:
    """Everything there is of every entry; of one that was disposed of, what identifies it."""
    found: list[Evidence | Digests] = []
    with closing(Reader(folder)) as reader:
        for seq in range(1, reader.last_seq() + 1):
            (digests,) = reader.digests(seq - 1, 1)
            found.append(digests if digests.commitments else reader.evidence(seq))
    return found


def batch(number: int = 1) -> UUID:
    return UUID(int=number, version=4)


def in_format_1(path: Path) -> None:
    """Write a volume as it was written before there was format 2."""
    draft = path.with_name("format-1")
    with closing(apsw.Connection(os.fspath(draft), vfs=VFS)) as made:
        made.execute(f"PRAGMA page_size={PAGE_SIZE}")
        made.reserve_bytes("main", 8)
        made.execute(SCHEMAS[1])
        made.execute(f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version=1")
        made.execute("ATTACH ? AS now", (os.fspath(path),))
        made.execute(
            "INSERT INTO volume SELECT 1, month, first_seq, created, gateway, 'as it was' FROM now.volume;"
            f"INSERT INTO entry SELECT {WRITTEN} FROM now.entry ORDER BY seq; DETACH now"
        )
        made.pragma("journal_mode", "wal")
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    draft.rename(path)
