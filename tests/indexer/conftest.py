"""An archive in memory, mail to put into it, and looks into the catalog that comes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import select

from gateway.catalog.files import catalog_files
from gateway.catalog.schema import PROJECTION
from gateway.catalog.sqlite import open_reader
from gateway.indexer.follower import Follower
from gateway.message.envelope import Client, Envelope, Recipient

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MAIL = (
    b"Received: from out.example by gw.example; Fri, 20 Nov 2026 12:00:00 +0000\r\n"
    b"From: Alice Smith <alice@out.example>\r\n"
    b"To: Bob <bob@district.example>, carol@district.example\r\n"
    b"Subject: Practice moved\r\n"
    b"Date: Fri, 20 Nov 2026 07:00:00 -0500\r\n"
    b"Message-ID: <1@out.example>\r\n"
    b"\r\n"
    b"See you at five.\r\n"
)


@dataclass(frozen=True, slots=True)
class MemoryEntry:
    seq: int
    kind: str
    id: str
    subject_id: str
    received: datetime
    document: dict[str, Any]
    sha256: str | None
    size: int
    disposed: bool = False


@dataclass
class MemoryArchive:
    """The archive's reading side over a list, with ways to break it."""

    entries: list[MemoryEntry] = field(default_factory=list)
    raws: dict[int, bytes | Exception] = field(default_factory=dict)
    trouble: Exception | None = None  # raised by everything, while set

    def message(self, raw: bytes = MAIL, verdict: Any = "clean", **envelope: Any) -> str:
        """Add a message; its id."""
        seq = len(self.entries) + 1
        entry_id = f"00000000-0000-7000-8000-{seq:012d}"
        facts = {
            "role": "inbound",
            "mail_from": "alice@out.example",
            "recipients": (Recipient("bob@district.example"),),
        } | envelope
        document = {
            "envelope": Envelope(
                id=entry_id,
                received=NOON + timedelta(seconds=seq),
                listener="inbound",
                client=Client("192.0.2.1", 1234, "out.example"),
                route="district.example",
                next_hop="mail:25",
                **facts,
            ).to_json(),
            "verdict": self.verdict() if verdict == "clean" else verdict,
        }
        self.add("message", entry_id, entry_id, document, raw)
        return entry_id

    def event(self, message_id: str, kind: str = "relayed", reply: str = "250 2.0.0 ok") -> None:
        """Add an event about a message."""
        seq = len(self.entries) + 1
        document = {"event": kind, "reply": reply, "next_hop": "mail:25", "seconds": 0.25}
        self.add("event", f"00000000-0000-7000-9000-{seq:012d}", message_id, document)

    def add(self, kind: str, entry_id: str, subject_id: str, document: Any, raw: bytes | None = None) -> None:
        """Add anything."""
        seq = len(self.entries) + 1
        if raw is not None:
            self.raws[seq] = raw
        digest = None if raw is None else hashlib.sha256(raw).hexdigest()
        moment = NOON + timedelta(seconds=seq)
        self.entries.append(
            MemoryEntry(seq, kind, entry_id, subject_id, moment, document, digest, len(raw or b""))
        )

    @staticmethod
    def verdict(*findings: dict[str, Any], errors: tuple[str, ...] = ()) -> dict[str, Any]:
        """A verdict as the policy writes it."""
        return {
            "findings": list(findings),
            "action": "record",
            "tag": None,
            "reject": None,
            "errors": list(errors),
            "rules_version": "r1",
            "directory_version": "d1",
            "not_judged": None,
        }

    @staticmethod
    def finding(finding_id: str = "f1", *people: str, rule: str = "coach/one-to-one") -> dict[str, Any]:
        """A finding as the policy writes it."""

        def involved(person_id: str, role: str) -> dict[str, Any]:
            address = f"{person_id}@district.example"
            return {
                "person_id": person_id,
                "name": person_id.title(),
                "role": role,
                "address": address,
                "why": "alias",
            }

        return {
            "id": finding_id,
            "rule": rule,
            "severity": "violation",
            "confidence": "certain",
            "author": involved("coach", "coach"),
            "people": [involved(person, "student") for person in people or ("bob",)],
            "groups": ["team"],
            "sentence": "All messages go to all members.",
            "explanation": "Coach wrote to Bob alone.",
            "action": "record",
            "message_id": "<1@out.example>",
            "directory_version": "d1",
            "rules_version": "r1",
            "marks": [],
        }

    # --- EntrySource

    def last_seq(self) -> int:
        self._check()
        return self.entries[-1].seq if self.entries else 0

    def follow(self, after: int, limit: int) -> list[MemoryEntry]:
        self._check()
        return [entry for entry in self.entries if entry.seq > after][:limit]

    def get(self, entry_id: str) -> MemoryEntry | None:
        self._check()
        return next((entry for entry in self.entries if entry.id == entry_id), None)

    def raw(self, seq: int) -> bytes:
        self._check()
        raw = self.raws[seq]
        if isinstance(raw, Exception):
            raise raw
        return raw

    def _check(self) -> None:
        if self.trouble is not None:
            raise self.trouble


@dataclass
class Watcher:
    """An observer that remembers."""

    kinds: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    lags: list[tuple[int, float]] = field(default_factory=list)

    def indexed(self, kind: str, entries: int) -> None:
        self.kinds[kind] = self.kinds.get(kind, 0) + entries

    def failed(self, where: str) -> None:
        self.failures.append(where)

    def lag(self, entries: int, seconds: float) -> None:
        self.lags.append((entries, seconds))


Dump = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
def archive() -> MemoryArchive:
    return MemoryArchive()


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """Log lines; nothing goes to the terminal."""
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def follower(
    tmp_path: Path, archive: MemoryArchive, watcher: Watcher, logged: list[Any]
) -> Iterator[Follower]:
    follower = Follower(
        archive, tmp_path / "catalog", observer=watcher, clock=lambda: NOON + timedelta(minutes=1)
    )
    yield follower
    follower.close()


@pytest.fixture(scope="session")
def dump() -> Callable[[Path], Dump]:
    """Everything in the catalog of a folder, by table."""

    def read(folder: Path) -> Dump:
        path = catalog_files(folder).current()
        assert path is not None
        engine = open_reader(path)
        with engine.connect() as connection:
            found = {
                table.name: [
                    tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))
                ]
                for table in PROJECTION.sorted_tables
            }
        engine.dispose()
        return found

    return read


@pytest.fixture(scope="session")
def fresh_archive() -> type[MemoryArchive]:
    """For tests that need several."""
    return MemoryArchive
