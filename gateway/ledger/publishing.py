"""Handing checkpoints out: only one that somebody else kept shows that a history was rewritten.

    checkpoint               the newest
    checkpoint-2026-11-22    the first of each day (UTC); never written again
    keys                     the public keys

Fails with OSError; what is there already stays as it is.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from gateway.ledger.files import replace
from gateway.ledger.ledger import KEYS
from gateway.ledger.note import Note

NEWEST = "checkpoint"
_PUBLIC = 0o644  # it is there to be read


def publish(folder: Path, note: Note, ledger: Path, day: date | None) -> bool:
    """Copy a checkpoint and the keys of the ledger in `ledger` to a folder, which is made if it is not there.

    day: None, where it is not to count as one of its day. Whether it is the day's first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    octets = str(note).encode()
    replace(folder / KEYS, (ledger / KEYS).read_bytes(), _PUBLIC)
    daily = folder / f"{NEWEST}-{day.isoformat()}" if day is not None else None
    first = daily is not None and not daily.exists()
    if daily is not None and first:
        replace(daily, octets, _PUBLIC)
    replace(folder / NEWEST, octets, _PUBLIC)
    return first
