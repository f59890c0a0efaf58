"""The new file of a volume, while it is written: a hidden name, no volume before it is renamed.

It is not safe from a crash while it is written, and need not be: it is thrown away then. `finish` makes it durable.
Fails with `apsw.Error` and `OSError`; the draft is to be discarded then.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import apsw
import zstandard

from gateway.archive import volume as volumes
from gateway.archive.layout import INDEX, OF_MESSAGES, PARTS, WRITTEN
from gateway.archive.rewriting.packing import Packer
from gateway.archive.rewriting.regions import Region, regions
from gateway.archive.rewriting.taking import cut
from gateway.archive.rewriting.whole import Whole
from gateway.archive.volume import Described

_OWN = "SELECT month, first_seq, created, gateway FROM volume"
_ROW = f"({WRITTEN}, document_encoding) VALUES ({', '.join('?' * 13)})"
_ENTRY = "INSERT INTO entry " + _ROW
_GONE = "INSERT INTO entry (seq, kind, id, subject, received, size) VALUES (?, ?, ?, ?, ?, ?)"
_DISPOSED = "INSERT INTO disposed VALUES (?, ?, ?, ?)"
_DICTIONARY = "INSERT INTO dictionary (id, use, data) VALUES (?, ?, ?)"
_KNOWN = "SELECT id FROM part WHERE sha256 = ?"
_PART = "INSERT INTO part (sha256, size, encoding, data) VALUES (?, ?, ?, ?)"
_ATTACHED = "INSERT INTO attached VALUES (?, ?, ?, ?, ?)"


class Draft:
    """A volume's file to be. Entries come in sequence."""

    def __init__(
        self,
        path: Path,
        described: Described,
        dictionaries: Mapping[str, zstandard.ZstdCompressionDict],
        level: int,
        is_shared: Callable[[Region], bool],
    ) -> None:
        self._path = path
        self._packer = Packer(level, dictionaries)
        self._is_shared = is_shared
        self._connection = volumes.new_file(path, described)
        self._connection.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-32000")
        self._connection.execute("BEGIN")
        for use, dictionary in dictionaries.items():
            self._connection.execute(_DICTIONARY, (dictionary.dict_id(), use, dictionary.as_bytes()))

    def add(self, whole: Whole) -> None:
        """One more entry, compressed; a tombstone stays one."""
        found = whole.digests
        if whole.batch is not None:
            self.bury(whole, whole.batch)
            return
        seq = found.seq
        columns = (seq, found.kind.value, found.id, found.subject, found.received)
        how, document = self._document(whole)
        digests = (found.document_sha256, found.sha256, found.size, found.salt)
        stored = self._message(seq, whole.raw) if whole.raw is not None else (None, None)
        self._connection.execute(_ENTRY, (*columns, document, *digests, *stored, how))

    def bury(self, whole: Whole, batch: bytes) -> None:
        """What is left of an entry that is disposed of."""
        found = whole.digests
        columns = (found.seq, found.kind.value, found.id, found.subject, found.received, found.size)
        self._connection.execute(_GONE, columns)
        self._connection.execute(_DISPOSED, (found.seq, *whole.commitments, batch))

    def finish(self, like: Path) -> None:
        """Make it whole and durable, with owner and mode of another file."""
        self._connection.execute("COMMIT")
        self._connection.execute(INDEX)
        self._connection.pragma("journal_mode", "wal")
        self.close()
        shutil.copymode(like, self._path)
        owner = like.stat()
        with suppress(PermissionError):  # it is the owner who rewrites, or root
            os.chown(self._path, owner.st_uid, owner.st_gid)
        volumes.sync_path(self._path)

    def close(self) -> None:
        """Let go of the file, whatever it is like; twice is harmless."""
        self._connection.close()

    def _document(self, whole: Whole) -> tuple[str | None, bytes | str]:
        encoding, frame = self._packer.frame(whole.document, whole.use)
        if len(frame) < len(whole.document):
            return encoding, frame
        return None, whole.document.decode()

    def _message(self, seq: int, raw: bytes) -> tuple[str, bytes]:
        """Encoding and octets; parts and what is attached go into their own tables."""
        made = cut(raw, regions(raw), self._part)
        for row in made.attached:
            self._connection.execute(_ATTACHED, (seq, *row))
        if made.attached:
            return PARTS, self._packer.frame(made.frame, OF_MESSAGES)[1]
        return self._packer.packed(raw, OF_MESSAGES)

    def _part(self, region: Region) -> int | None:
        """The number of a body that several messages have; None for one that only this one has."""
        if not self._is_shared(region):
            return None
        sha256 = hashlib.sha256(region.data).digest()
        for (number,) in self._connection.execute(_KNOWN, (sha256,)):
            return int(number)
        encoding, data = self._packer.packed(region.data, OF_MESSAGES)
        self._connection.execute(_PART, (sha256, len(region.data), encoding, data))
        return self._connection.last_insert_rowid()


def read_description(connection: apsw.Connection) -> Described:
    """A volume's own row, for the file that takes its place."""
    month, first_seq, created, gateway = connection.execute(_OWN).fetchall()[0]
    return Described(str(month), int(str(first_seq)), str(created), str(gateway))
