"""Exports for tests: an archive and its ledger, a plan of some of its messages, and the bag that is made of it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from gateway.archive import Archive, uuid7
from gateway.ledger.ledger import Ledger as Folder
from gateway.records.export.certificate import Result
from gateway.records.export.plan import Bates, Exclusion, Form, Ledger, Plan, Recipient, Students
from gateway.records.export.run import Export
from tests.indexer.test_ledger import NOVEMBER, Nobody, Place

AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
EVERYTHING = (Form.EML, Form.MBOXRD, Form.CONCORDANCE)
COVERAGE = {
    "found": 9,
    "searched": 99,
    "last": 99,
    "behind": 0,
    "unreadable": 1,
    "may_hide": 1,
    "unsearchable": 0,
}

PLAIN = b"From: Ann <ann@x.example>\r\nTo: bo@x.example\r\nSubject: Bus\r\n\r\nAt five.\r\n"
QUOTING = b"Subject: quotes\r\n\r\nFrom here on\r\n>From there\r\n>>From afar\r\nFromage\r\n"
ODD = b"\xff\xfe no header \r at all\nFrom x\n" + bytes(range(256))
WITH_FILE = (
    b'Subject: =?utf-8?q?=C3=9Ebung_=C2=AE?=\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
    b"Content-Type: text/plain\r\n\r\nSee the file.\r\n--b\r\nContent-Type: application/pdf\r\n"
    b'Content-Disposition: attachment; filename="../../=cmd.pdf"\r\n\r\nPDF\r\n--b--\r\n'
)
FORMULA = b"From: x@x.example\r\nSubject: =1+1\r\n\r\n"
RAWS = (PLAIN, QUOTING, ODD, WITH_FILE, FORMULA, b"", b"no line end")


def keep(place: Place, raws: Sequence[bytes] = RAWS, document: dict[str, Any] | None = None) -> list[str]:
    """Messages as the gateway keeps them; their ids."""
    ids: list[str] = []

    async def append() -> None:
        archive = Archive(place.archive, compression_level=1, min_free=0, observer=Nobody())
        for raw in raws:
            id = uuid7(int(NOVEMBER.timestamp() * 1_000_000), os.urandom(8))
            envelope = {
                "id": str(id),
                "mail_from": "ann@x.example",
                "recipients": [{"address": "bo@x.example"}],
            }
            text = json.dumps({"envelope": envelope} | (document or {}))
            await archive.append(id=id, received=NOVEMBER, document=text.encode(), raw=raw)
            ids.append(str(id))
        await archive.aclose()

    asyncio.run(append())
    return ids


def note(place: Place, id: str, document: dict[str, Any]) -> None:
    """An event about a message."""

    async def append() -> None:
        archive = Archive(place.archive, compression_level=1, min_free=0, observer=Nobody())
        await archive.record(UUID(id), NOVEMBER, json.dumps(document).encode())
        await archive.aclose()

    asyncio.run(append())


def ledger_of(place: Place) -> Ledger | None:
    """The newest checkpoint, as a plan has it."""
    found = Folder(place.folder)
    if found.newest is None:
        return None
    root = found.newest.checkpoint.root.hex()
    return Ledger(
        str(found.newest.note), tuple(map(str, found.keys)), found.newest.checkpoint.origin, found.size, root
    )


def plan_of(place: Place, messages: Iterable[int], **other: Any) -> Plan:
    """A plan of some messages, in every form."""
    seqs = tuple(messages)
    facts: dict[str, Any] = {
        "id": str(uuid4()),
        "at": AT,
        "by": "Pat Kim",
        "district": "Harbor Point",
        "gateway": "0.1.0",
        "query": "bus",
        "meaning": ("Messages that say bus.",),
        "forms": EVERYTHING,
        "messages": seqs,
        "excluded": (Exclusion("not asked for", "subject:practice", (98, 99)),),
        "coverage": COVERAGE,
        "students": Students(True, seqs[:1], {"s1": seqs[:1]}),
        "ledger": ledger_of(place),
        "bates": Bates("DIST-", 41, 40 + len(seqs)) if seqs else None,
        "to": Recipient("Lee Fox", "counsel", "Fox LLP"),
        "reason": "request 7",
        "chunk": 3,
    }
    return Plan(**facts | other)


def export_of(place: Place, folder: Path) -> Export:
    return Export(folder, place.archive, place.folder)


def exported(place: Place, plan: Plan, folder: Path, processes: int = 1) -> Result:
    """Make an export."""
    export = export_of(place, folder)
    export.begin(plan)
    return export.run(plan, lambda _plan, _result: None, processes=processes)


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
