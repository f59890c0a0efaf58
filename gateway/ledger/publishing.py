"""Handing checkpoints out: only one that somebody else kept shows that a history was rewritten.

    checkpoint               the newest
    checkpoint-2026-11-22    the first of each day (UTC); never written again
    keys                     the public keys

Fails with OSError; what is there already stays as it is.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

from gateway.ledger.ledger import KEYS
from gateway.ledger.note import Note

NEWEST = "checkpoint"


def publish(folder: Path, note: Note, ledger: Path, day: date) -> None:
    """Copy a checkpoint and the keys of the ledger in `ledger` to a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    octets = str(note).encode()
    _replace(folder / KEYS, (ledger / KEYS).read_bytes())
    daily = folder / f"{NEWEST}-{day.isoformat()}"
    if not daily.exists():
        _replace(daily, octets)
    _replace(folder / NEWEST, octets)


def _replace(path: Path, octets: bytes) -> None:
    """A reader sees the old file or the new one, whole."""
    draft = path.with_name(f".{path.name}.new")
    with draft.open("wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(0o644)  # it is there to be read
    draft.rename(path)
