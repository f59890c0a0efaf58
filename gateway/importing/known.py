"""Which octets the archive has: the SHA-256 of every message, and its number.

Asked of the archive itself and not of the catalog, which may lag. Kept in a temporary database of SQLite, which
removes itself: 20 million messages are more than fit into memory as objects. One thread at a time.

Fails with ArchiveUnavailable, and apsw.Error where the temporary folder is full.
"""

from __future__ import annotations

from collections.abc import Callable

import apsw

from gateway.archive.entry import Kind
from gateway.archive.errors import ArchiveDamaged
from gateway.archive.reader import Reader

_ENTRIES = 5_000  # read at once

UNWRITTEN = 0  # the number of what a dry run would have archived


class Known:
    """The messages of one archive."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._after = 0
        self._database = apsw.Connection("")
        self._database.execute("CREATE TABLE known (sha256 BLOB PRIMARY KEY, seq INTEGER) WITHOUT ROWID")

    def catch_up(self, progress: Callable[[int], None] = lambda entries: None) -> None:
        """Take in what is in the archive by now; `progress` is told how many entries were looked at."""
        while True:
            try:
                entries = self._reader.digests(self._after, _ENTRIES)
            except ArchiveDamaged as error:
                # Its octets are found again if they are imported again, which does no harm.
                self._after = max(error.seq, self._after + 1)
                continue
            if not entries:
                return
            self._add([(each.sha256, each.seq) for each in entries if each.kind is Kind.MESSAGE])
            self._after = entries[-1].seq
            progress(self._after)

    def add_unwritten(self, sha256: bytes) -> None:
        """Take in what a dry run would have archived."""
        self._add([(sha256, UNWRITTEN)])

    def seq(self, sha256: bytes) -> int | None:
        """The number of the first message with this digest."""
        found = self._database.execute("SELECT seq FROM known WHERE sha256 = ?", (sha256,)).get
        return None if found is None else int(found)

    def close(self) -> None:
        self._database.close()

    def _add(self, rows: list[tuple[bytes | None, int]]) -> None:
        with self._database:
            self._database.executemany("INSERT OR IGNORE INTO known VALUES (?, ?)", rows)
