"""Rows to put into a catalog, and catalogs to put them into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.catalog.rows import Batch, EventRow, FindingRow, MessageRow, ParticipantRow, Watermark
from gateway.catalog.sqlite import open_writer
from gateway.catalog.store import Store
from gateway.message.canonical import canonical_address, domain_of

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Rows:
    """Makes rows with few words."""

    noon = NOON

    def message(self, seq: int, subject: str = "Hello", **changes: Any) -> MessageRow:
        row: MessageRow = {
            "seq": seq,
            "id": f"id-{seq}",
            "received": NOON + timedelta(minutes=seq),
            "listener": "inbound",
            "role": "inbound",
            "client_address": "192.0.2.1",
            "mail_from": "a@out.example",
            "message_id": f"m{seq}@out.example",
            "subject": subject,
            "date": None,
            "from_display": "A <a@out.example>",
            "size": 1000,
            "sha256": "00",
            "header_size": 300,
            "received_count": 1,
            "in_reply_to": [],
            "auto_submitted": None,
            "list_id": None,
            "privacy_matter": None,
            "attachments": [],
            "attachment_count": 0,
            "defects": [],
            "defect_count": 0,
            "indexed": True,
            "action": "record",
            "not_judged": None,
            "route": "district.example",
            "next_hop": "mail:25",
            "outcome": None,
            "reply": None,
            "outcome_at": None,
            "attempts": 0,
        }
        return cast(MessageRow, {**row, **changes})

    def participant(self, seq: int, number: int, kind: str, address: str, name: str = "") -> ParticipantRow:
        return {
            "seq": seq,
            "number": number,
            "kind": kind,
            "address": address,
            "canonical": canonical_address(address),
            "domain": domain_of(address),
            "name": name,
        }

    def finding(self, finding_id: str, seq: int, **changes: Any) -> FindingRow:
        row: FindingRow = {
            "id": finding_id,
            "rule": "coach/one-to-one",
            "severity": "violation",
            "confidence": "certain",
            "seq": seq,
            "archive_id": f"id-{seq}",
            "message_id": f"m{seq}@out.example",
            "author": self.person("coach-1", "c@district.example", "coach") | {"name": "Carla Coach"},
            "author_id": "coach-1",
            "author_canonical": "c@district.example",
            "author_words": " carla coach ",
            "people": [self.person(f"student-{seq}", f"s{seq}@district.example", "student")],
            "groups": ["team-1"],
            "marks": [],
            "sentence": "All messages go to all team members.",
            "explanation": f"As seen in {seq}.",
            "action": "record",
            "status": "open",
            "detected_at": NOON + timedelta(minutes=seq),
            "directory_version": "d1",
            "rules_version": "r1",
            "revised_seq": seq,
            "messages": 1,
        }
        return cast(FindingRow, {**row, **changes})

    def person(self, person_id: str, address: str, role: str) -> dict[str, Any]:
        return {"person_id": person_id, "name": "", "role": role, "address": address, "why": "registered"}

    def event(self, seq: int, message: int, kind: str = "relayed", reply: str = "250 ok") -> EventRow:
        return {
            "seq": seq,
            "message_id": f"id-{message}",
            "kind": kind,
            "reply": reply,
            "next_hop": "mail:25",
            "seconds": 0.5,
            "received": NOON + timedelta(minutes=seq),
        }

    def batch(self, position: int, **rows: Any) -> Batch:
        return Batch(position=position, entry_id=f"id-{position}", **rows)


@pytest.fixture(scope="session")
def rows() -> Rows:
    return Rows()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A prepared, empty catalog."""
    store = Store(open_writer(tmp_path / "catalog.db"))
    store.prepare()
    yield store
    store.close()


@pytest.fixture
def written(store: Store) -> Callable[..., Store]:
    """Write batches one after the other."""

    def write(*batches: Batch) -> Store:
        mark = Watermark()
        for batch in batches:
            mark = store.write(batch, mark)
        return store

    return write
