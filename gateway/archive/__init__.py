"""The archive: the record of every message received, and of what became of it.

Promises: an entry is durable when `Archive.append` returns; entries carry one dense sequence over all
volumes and processes; nothing changes an entry afterwards. `commit.py` tells why that holds. A closed volume can be
written anew (`rewriting`), with the same entries; of what was lawfully disposed of a tombstone is left then.
`docs/archive-format.md` tells how to read a volume without this program.
"""

from __future__ import annotations

from gateway.archive.archive import Archive, Observer
from gateway.archive.entry import Entry, Kind
from gateway.archive.errors import ArchiveDamaged, ArchiveUnavailable, Disposed, Reason
from gateway.archive.identity import uuid7
from gateway.archive.randomness import RandomPool
from gateway.archive.reader import Reader
from gateway.archive.verify import Problem, verify

__all__ = [
    "Archive",
    "ArchiveDamaged",
    "ArchiveUnavailable",
    "Disposed",
    "Entry",
    "Kind",
    "Observer",
    "Problem",
    "RandomPool",
    "Reader",
    "Reason",
    "uuid7",
    "verify",
]
