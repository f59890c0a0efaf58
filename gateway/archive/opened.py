"""A volume opened for reading, of whichever format; and looking at it while it may be replaced by a rewritten one.

A rewritten volume takes the place of the old file, whose octets may be destroyed then (`rewriting`). Whoever has the
old one open reads what was there before, or zeros. So what was read counts only where the file is still the one at its
path *afterwards*: it is replaced before anything of the old one is destroyed.

The key of an encrypted volume is asked for when something encrypted is first read: what is in the clear, and the
pages as such, can be looked at without. Fails with `KeysUnavailable` where it cannot be had, which is no damage.

Fails with `ArchiveDamaged`, `ArchiveUnavailable`, `apsw.Error` and `OSError`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import Any, TypeVar

import apsw

from gateway.archive import volume as volumes
from gateway.archive.encryption import Cipher, Keyring, place
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

_OWN = "SELECT first_seq, DATA_KEY FROM volume"
_TOMBSTONE = "SELECT seq, document, content, batch FROM disposed WHERE seq = ?"
_TRIES = 5  # a volume is rewritten once in a month, or in a disposal

_File = tuple[int, int]


class OpenVolume:
    """A volume with a connection to it. Belongs to one thread."""

    def __init__(
        self, volume: Volume, *, closed: bool, checked: bool = False, keys: Keyring | None = None
    ) -> None:
        """closed: to writers, since a newer one exists. checked: a page without its checksum is damage.

        keys: without any, what is encrypted cannot be read.
        """
        self.volume = volume
        self.closed = closed
        self._keys = keys
        for left in reversed(range(_TRIES)):
            self._file, self.connection = _connected(volume, closed=closed, checked=checked)
            try:
                self._read_own()
                return
            except BaseException as error:
                self.connection.close()
                # Replaced just now, and its octets are destroyed already: the new file is the one to look at.
                if not isinstance(error, Exception) or not left or not self.replaced():
                    raise

    def _read_own(self) -> None:
        """What it says of itself."""
        self.format = int(self.connection.pragma("user_version"))
        own: list[Row] = self.connection.execute(_in_format(_OWN, self.format)).fetchall()
        if not own:
            raise ArchiveDamaged(self.volume.month, 0, "the volume's own row is missing")
        self.first_seq = int(own[0][0])
        key = own[0][1]
        self.data_key: str | None = key.decode("ascii", "replace") if key is not None else None

    def close(self) -> None:
        self.connection.close()

    def replaced(self) -> bool:
        """Whether another file has its place by now: what was read of this one is not to be used."""
        found = _file(self.volume)
        return found is not None and found != self._file

    @cached_property
    def unpacker(self) -> Unpacker:
        """Gets documents and messages out of their forms."""
        return Unpacker(lambda query, *values: self.rows(0, query, *values), self.clear)

    @cached_property
    def cipher(self) -> Cipher | None:
        """What opens what is encrypted; None where nothing is. Raises KeysUnavailable."""
        keys = self._keys or Keyring(self.volume.path.parent, None, sealing=False)
        return keys.cipher(self.volume.month, self.data_key)

    def clear(self, stored: bytes, identity: bytes, column: str) -> bytes:
        """The octets of a column, decrypted if the volume is encrypted.

        identity: of the row. column: such as `layout.RAW`. Raises ValueError where they are not what was encrypted
        for this place, and KeysUnavailable.
        """
        if self.data_key is None:
            return stored
        cipher = self.cipher
        assert cipher is not None
        return cipher.open(stored, place(identity, column))

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


def look(
    volume: Volume,
    closed: bool,
    work: Callable[[OpenVolume], T],
    *,
    checked: bool = False,
    keys: Keyring | None = None,
) -> T:
    """What `work` finds in a volume; once more where the file was replaced meanwhile."""
    for left in reversed(range(_TRIES)):
        opened = OpenVolume(volume, closed=closed, checked=checked, keys=keys)
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
    for left in reversed(range(_TRIES)):
        before = _file(volume)
        try:
            connection = volumes.open_for_reading(volume, closed=closed, checked=checked)
        except (apsw.Error, ArchiveUnavailable, OSError):
            if not left or before is None or _file(volume) in (before, None):
                raise
            continue
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
    query = query.replace("DATA_KEY", "NULL" if format == 1 else "CAST(data_key AS BLOB)")
    return query.replace("HOW", "NULL" if format == 1 else "CAST(document_encoding AS BLOB)")
