"""Whether a volume may take the place of the backup's copy of it, whose octets are destroyed then.

A closed volume changes only in one way: it is written anew as another file, compacted or without what was lawfully
disposed of (`gateway/archive`). So one that was changed in its place was tampered with, or its disk fails; and
of another file every entry is compared with its digests and with its leaf in the ledger, before it counts.

Fails with BackupFailed, which says what is wrong; the backup keeps its copy then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw

from gateway.archive import ArchiveDamaged, ArchiveUnavailable
from gateway.archive.opened import OpenVolume
from gateway.archive.verify import Problem, bounds_of, examine, page_problems
from gateway.archive.volume import Volume
from gateway.backup.errors import BackupFailed
from gateway.backup.manifest import Original, Stored
from gateway.ledger.keys import KeyFileError
from gateway.ledger.leaf import leaf_of
from gateway.ledger.ledger import Ledger
from gateway.ledger.note import NoteError
from gateway.ledger.tree import Tree, TreeDamaged

KEPT = (
    "the backup keeps its copy, and everything else in it is as before; find out why before anything is changed "
    "(`mailgw verify`). To back up the archive as it is now, give an empty folder"
)


def require_rewritten(before: Stored, now: Original) -> None:
    """Raises BackupFailed where a closed volume was changed in its place."""
    if before.closed and before.original.file.inode == now.file.inode:
        raise BackupFailed(f"{now.path}: was changed, and is of a month that is over; {KEPT}")


def require_attested(copy: Volume, ledger: Path) -> None:
    """Raises BackupFailed where an entry is not what the ledger attests."""
    try:
        tree = Ledger(ledger).tree()
    except (NoteError, KeyFileError, TreeDamaged, OSError) as error:
        raise BackupFailed(f"{copy.month}: cannot be compared with the ledger: {error}; {KEPT}") from None
    with closing(tree):
        for problem in (*page_problems(copy, closed=True), *_differences(copy, tree)):
            entry = f"entry {problem.seq}: " if problem.seq is not None else ""
            raise BackupFailed(f"{copy.month}: {entry}{problem.kind}: {problem.text}; {KEPT}")


def _differences(copy: Volume, tree: Tree) -> Iterator[Problem]:
    try:
        opened = OpenVolume(copy, closed=True)
        with closing(opened.connection):
            found = bounds_of(opened)
            for each in examine(opened, found.first - 1, found.last):
                yield from each.problems
                if each.digests is None or each.seq > tree.size:
                    continue
                if leaf_of(*each.digests).hash() != tree.leaf(each.seq - 1):
                    yield Problem(copy.month, each.seq, "altered", "not the entry that was attested")
    except (apsw.Error, ArchiveUnavailable, ArchiveDamaged, TreeDamaged) as error:
        yield Problem(copy.month, None, "unreadable", str(error))
