"""A volume opened for reading, of whichever format; and looking at it while it may be replaced by a rewritten one.

A rewritten volume takes the place of the old file, whose octets may be destroyed then (`rewriting`). Whoever has the
old one open reads what was there before, or zeros. So what was read counts only where the file is still the one at its
path *afterwards*: it is replaced before anything of the old one is destroyed.

Fails with `ArchiveDamaged`, `ArchiveUnavailable`, `apsw.Error` and `OSError`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import Any, TypeVar

import apsw

from gateway.archive import volume as volumes
from gateway.archive.entry import Tombstone
from gateway.archive.errors import ArchiveDamaged, ArchiveUnavailable, Reason
from gateway.archive.unpacking import Unpacker
from gateway.archive.volume import Volume

Row = tuple[Any, ...]
T = TypeVar("T")

# Text is read as octets: what is damaged need not be UTF-8 any more. HOW is a column that format 1 does not have.
ENTRY = "seq, CAST(kind AS BLOB), id, subject, received, HOW, CAST(document AS BLOB), document_sha256, sha256, size"
DIGESTS = "seq, CAST(kind AS BLOB), id, subject, received, size, salt, document_sha256, sha256"
CONTENT = "CAST(encoding AS BLOB), raw"
ALL = f"{DIGESTS}, HOW, CAST(document AS BLOB), {CONTENT}"
SELECT = "SELECT {} FROM entry WHERE {}"

_FIRST = "SELECT first_seq FROM volume"
_TOMBSTONE = "SELECT seq, document, content, batch FROM disposed WHERE seq = ?"
_TRIES = 5  # a volume is rewritten once in a month, or in a disposal

_File = tuple[int, int]


class OpenVolume:
    """A volume with a connection to it. Belongs to one thread."""

    def __init__(self, volume: Volume, *, closed: bool, checked: bool = False) -> None:
        """closed: to writers, since a newer one exists. checked: a page without its checksum is damage."""
        self.volume = volume
        self.closed = closed
        self._file, self.connection = _connected(volume, closed=closed, checked=checked)
        try:
            self.format = int(self.connection.pragma("user_version"))
            self.first_seq = int(self.connection.execute(_FIRST).get)
        except BaseException:
            self.connection.close()
            raise

    def close(self) -> None:
        self.connection.close()

    def replaced(self) -> bool:
        """Whether another file has its place by now: what was read of this one is not to be used."""
        found = _file(self.volume)
        return found is not None and found != self._file

    @cached_property
    def unpacker(self) -> Unpacker:
        """Gets documents and messages out of their forms."""
        return Unpacker(lambda query, *values: self.rows(0, query, *values))

    def rows(self, seq: int, query: str, *values: Any) -> list[Row]:
        """All rows of a query at once; no transaction stays open. Raises ArchiveDamaged, naming `seq`."""
        try:
            return self.connection.execute(_in_format(query, self.format), values).fetchall()
        except (apsw.Error, UnicodeDecodeError) as error:
            raise self._told(seq, error) from error

    def each(self, seq: int, query: str, *values: Any) -> Iterator[Row]:
        """The rows of a query, one at a time; a transaction stays open. Raises ArchiveDamaged, naming `seq`."""
        try:
            yield from self.connection.execute(_in_format(query, self.format), values)
        except (apsw.Error, UnicodeDecodeError) as error:
            raise self._told(seq, error) from error

    def tombstone(self, seq: int) -> Tombstone | None:
        """What is left of an entry, if it was disposed of. Raises ArchiveDamaged."""
        if self.format == 1:
            return None
        for row in self.rows(seq, _TOMBSTONE, seq):
            return Tombstone(*row)
        return None

    def _told(self, seq: int, error: Exception) -> Exception:
        """Damage as such; anything else as it is."""
        if not volumes.is_damage(error):
            return error
        return ArchiveDamaged(self.volume.month, seq, f"page cannot be read: {error}")


def look(volume: Volume, closed: bool, work: Callable[[OpenVolume], T], *, checked: bool = False) -> T:
    """What `work` finds in a volume; once more where the file was replaced meanwhile."""
    for left in reversed(range(_TRIES)):
        opened = OpenVolume(volume, closed=closed, checked=checked)
        try:
            found = work(opened)
            if not opened.replaced():
                return found
        except (ArchiveDamaged, ArchiveUnavailable, apsw.Error, OSError):
            if not left or not opened.replaced():
                raise
        finally:
            opened.close()
    raise _unsteady(volume)


def _connected(volume: Volume, *, closed: bool, checked: bool) -> tuple[_File, apsw.Connection]:
    """A connection, and which file it is to."""
    for _ in range(_TRIES):
        before = _file(volume)
        connection = volumes.open_for_reading(volume, closed=closed, checked=checked)
        if before is not None and before == _file(volume):
            return before, connection
        connection.close()
    raise _unsteady(volume)


def _unsteady(volume: Volume) -> ArchiveUnavailable:
    return ArchiveUnavailable(Reason.IO, f"{volume.path.name}: is missing, or replaced again and again")


def _file(volume: Volume) -> _File | None:
    """Which file is at the volume's path."""
    try:
        found = os.stat(volume.path)  # noqa: PTH116 - for each read: it takes half the time of Path.stat
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@lru_cache(maxsize=256)
def _in_format(query: str, format: int) -> str:
    return query.replace("HOW", "NULL" if format == 1 else "CAST(document_encoding AS BLOB)")
