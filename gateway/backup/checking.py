"""Comparing every file of a backup with the list: what is missing or damaged.

It changes nothing and reads everything once. What is there and not in the list is no part of the backup: a run that was
broken off left it, and the next one removes it. Fails with BackupFailed where there is no list to believe.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway.backup.copying import Tell, Vanished, read_back
from gateway.backup.manifest import Manifest, Stored
from gateway.backup.store import Store


def damages(store: Store, manifest: Manifest, tell: Tell) -> Iterator[str]:
    """Everything that is not as the list has it, in its order."""
    for stored in manifest.files:
        problem = damage(store.where(stored), stored)
        if problem:
            yield problem
        tell(stored.path, stored.size)


def damage(path: Path, stored: Stored) -> str | None:
    """What is wrong with a file."""
    try:
        size, sha256 = read_back(path)
    except Vanished:
        return f"{stored.path}: is missing; take it from another copy of the backup"
    except OSError as error:
        return f"{stored.path}: cannot be read: {error.strerror}"
    if (size, sha256) != (stored.size, stored.sha256):
        return f"{stored.path}: is not what was copied; take it from another copy of the backup"
    return None
