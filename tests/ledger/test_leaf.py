"""Leaves: canonical, and bound to everything that the archive says of an entry."""

from __future__ import annotations

import json
from hashlib import sha256
from uuid import UUID

import pytest

from gateway.ledger.leaf import leaf_of

ENTRY = (
    7,
    "message",
    UUID("01890a5d-ac96-774b-bcce-b302099a8057").bytes,
    UUID("01890a5d-ac96-774b-bcce-b302099a8057").bytes,
    1_795_000_000_000_000,
    42,
    bytes(range(16)),
    sha256(b"{}").digest(),
    sha256(b"raw").digest(),
)


def test_it_is_canonical_json() -> None:
    """RFC 8785: keys sorted, no blanks; nothing that would need more of it occurs."""
    leaf = leaf_of(*ENTRY)
    facts = json.loads(leaf.octets())
    assert leaf.octets() == json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
    assert facts == {
        "v": 1,
        "seq": 7,
        "kind": "message",
        "id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "subject": "01890a5d-ac96-774b-bcce-b302099a8057",
        "received": 1_795_000_000_000_000,
        "size": 42,
        "document": sha256(bytes(range(16)) + sha256(b"{}").digest()).hexdigest(),
        "content": sha256(bytes(range(16)) + sha256(b"raw").digest()).hexdigest(),
    }
    assert leaf.hash() == sha256(b"\0" + leaf.octets()).digest()


def test_an_event_has_no_content() -> None:
    leaf = leaf_of(ENTRY[0], "event", *ENTRY[2:8], None)
    assert json.loads(leaf.octets())["content"] is None
    assert b" " not in leaf.octets()


@pytest.mark.parametrize("column", range(len(ENTRY)))
def test_every_column_is_bound(column: int) -> None:
    other = list(ENTRY)
    value = other[column]
    other[column] = value + 1 if isinstance(value, int) else value[::-1]
    assert leaf_of(*other).hash() != leaf_of(*ENTRY).hash()
