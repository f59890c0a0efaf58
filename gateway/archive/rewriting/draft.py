"""The new file of a volume, while it is written: a hidden name, no volume before it is renamed.

It is not safe from a crash while it is written, and need not be: it is thrown away then. `finish` makes it durable.
Where it is encrypted, nothing is ever on the disk that is not.
Fails with `apsw.Error` and `OSError`; the draft is to be discarded then.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import apsw
import zstandard

from gateway.archive import volume as volumes
from gateway.archive.encryption import Cipher, place
from gateway.archive.layout import DICTIONARY, DOCUMENT, INDEX, OF_MESSAGES, PART, PARTS, RAW, WRITTEN
from gateway.archive.rewriting.packing import Packer
from gateway.archive.rewriting.regions import Region, regions
from gateway.archive.rewriting.taking import cut
from gateway.archive.rewriting.whole import Whole
from gateway.archive.unpacking import identity_of
from gateway.archive.volume import Described

_OWN = "SELECT month, first_seq, created, gateway FROM volume"
_ROW = f"({WRITTEN}, document_encoding) VALUES ({', '.join('?' * 13)})"
_ENTRY = "INSERT INTO entry " + _ROW
_GONE = "INSERT INTO entry (seq, kind, id, subject, received, size) VALUES (?, ?, ?, ?, ?, ?)"
_DISPOSED = "INSERT INTO disposed VALUES (?, ?, ?, ?)"
_DICTIONARY = "INSERT INTO dictionary (id, use, data) VALUES (?, ?, ?)"
_KNOWN = "SELECT id FROM part WHERE sha256 = ?"
_PART = "INSERT INTO part VALUES (?, ?, ?, ?, ?)"
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
        cipher: Cipher | None,
    ) -> None:
        """cipher: encrypts it, where `described` names its key."""
        self._path = path
        self._packer = Packer(level, dictionaries)
        self._is_shared = is_shared
        self._cipher = cipher
        self._parts = 0
        # Without it, whoever has a file would see whether the archive has it, and in which messages.
        self._pepper = secrets.token_bytes(32) if cipher is not None else b""
        self._connection = volumes.new_file(path, described)
        self._connection.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-32000")
        self._connection.execute("BEGIN")
        for use, dictionary in dictionaries.items():
            number = dictionary.dict_id()
            stored = self._stored(dictionary.as_bytes(), identity_of(number), DICTIONARY)
            self._connection.execute(_DICTIONARY, (number, use, stored))

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
        encoding, data = self._message(seq, found.id, whole.raw) if whole.raw is not None else (None, None)
        self._connection.execute(_ENTRY, (*columns, document, *digests, encoding, data, how))

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
        how, octets = (encoding, frame) if len(frame) < len(whole.document) else (None, whole.document)
        if how is None and self._cipher is None:
            return None, octets.decode()
        return how, self._stored(octets, whole.digests.id, DOCUMENT)

    def _message(self, seq: int, id: bytes, raw: bytes) -> tuple[str, bytes]:
        """Encoding and octets; parts and what is attached go into their own tables."""
        made = cut(raw, regions(raw), self._part)
        for row in made.attached:
            self._connection.execute(_ATTACHED, (seq, *row))
        if made.attached:
            encoding, octets = PARTS, self._packer.frame(made.frame, OF_MESSAGES)[1]
        else:
            encoding, octets = self._packer.packed(raw, OF_MESSAGES)
        return encoding, self._stored(octets, id, RAW)

    def _part(self, region: Region) -> int | None:
        """The number of a body that several messages have; None for one that only this one has."""
        if not self._is_shared(region):
            return None
        sha256 = hashlib.sha256(self._pepper + region.data).digest()
        for (number,) in self._connection.execute(_KNOWN, (sha256,)):
            return int(number)
        encoding, data = self._packer.packed(region.data, OF_MESSAGES)
        self._parts += 1
        stored = self._stored(data, identity_of(self._parts), PART)
        self._connection.execute(_PART, (self._parts, sha256, len(region.data), encoding, stored))
        return self._parts

    def _stored(self, octets: bytes, identity: bytes, column: str) -> bytes:
        """What is stored of some octets."""
        return self._cipher.seal(octets, place(identity, column)) if self._cipher is not None else octets


def read_description(connection: apsw.Connection) -> Described:
    """A volume's own row, for the file that takes its place."""
    month, first_seq, created, gateway = connection.execute(_OWN).fetchall()[0]
    return Described(str(month), int(str(first_seq)), str(created), str(gateway))
