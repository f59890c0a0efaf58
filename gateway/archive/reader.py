"""Reading the archive, also while others write to it and from read-only copies.

Promises: only what is durable is handed out (it cannot vanish in a power cut after somebody built upon it),
and never bytes other than those received. A reader belongs to one thread; transactions are short, so that
it does not keep the write-ahead log from being begun anew.

Fails with `ArchiveDamaged` for an entry that is not what was stored, with `ArchiveUnavailable` ('io') when
a volume cannot be read. Open readers see new volumes by themselves.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any
from uuid import UUID

import apsw

from gateway.archive import volume as volumes
from gateway.archive.entry import Digests, Entry, Evidence, Kind, from_microseconds, read_document
from gateway.archive.errors import ArchiveDamaged, ArchiveUnavailable, Reason, unavailable
from gateway.archive.lock import APPEND, is_doubted
from gateway.archive.payload import unseal
from gateway.archive.volume import Volume

# Text is read as octets: what is damaged need not be UTF-8 any more.
_ENTRY = (
    "SELECT seq, CAST(kind AS BLOB), id, subject, received, CAST(document AS BLOB), document_sha256, sha256, size"
    " FROM entry WHERE {}"
)
_AFTER = _ENTRY.format("seq > ? ORDER BY seq LIMIT ?")
_BY_SEQ = _ENTRY.format("seq = ?")
_BY_SUBJECT = _ENTRY.format("subject = ? AND kind = ? ORDER BY seq")
_RAW = "SELECT CAST(encoding AS BLOB), size, sha256, raw FROM entry WHERE seq = ? AND kind = 'message'"
_WHOLE = f"{_BY_SEQ.replace(' FROM entry', ', CAST(encoding AS BLOB), raw FROM entry')} AND kind = 'message'"
_DIGESTS = (
    "SELECT seq, CAST(kind AS BLOB), id, subject, received, size, salt, document_sha256, sha256 FROM entry"
    " WHERE seq > ? ORDER BY seq LIMIT ?"
)
_EVIDENCE = (
    "SELECT seq, CAST(kind AS BLOB), id, subject, received, size, salt, document_sha256, sha256,"
    " CAST(document AS BLOB), CAST(encoding AS BLOB), raw FROM entry WHERE seq = ?"
)
_FIRST = "SELECT first_seq FROM volume"
_LAST = "SELECT coalesce(max(seq), (SELECT first_seq - 1 FROM volume)) FROM entry"


class OpenVolume:
    """A volume with a connection to it."""

    def __init__(self, volume: Volume, *, closed: bool, checked: bool = False) -> None:
        """checked: a page without its checksum is damage. Raises ArchiveUnavailable, apsw.Error and OSError."""
        self.volume = volume
        self.closed = closed  # to writers, since a newer one exists
        self.connection = volumes.open_for_reading(volume, closed=closed, checked=checked)
        try:
            self.first_seq = int(self.connection.execute(_FIRST).get)
        except BaseException:
            self.connection.close()
            raise

    def rows(self, seq: int, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query at once; no transaction stays open. Raises ArchiveDamaged, naming `seq`."""
        try:
            return self.connection.execute(query, values).fetchall()
        except (apsw.Error, UnicodeDecodeError) as error:
            if not volumes.is_damage(error):
                raise
            raise ArchiveDamaged(self.volume.month, seq, f"page cannot be read: {error}") from error

    def each(self, seq: int, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, one at a time; a transaction stays open. Raises ArchiveDamaged, naming `seq`."""
        try:
            yield from self.connection.execute(query, values)
        except (apsw.Error, UnicodeDecodeError) as error:
            if not volumes.is_damage(error):
                raise
            raise ArchiveDamaged(self.volume.month, seq, f"page cannot be read: {error}") from error


class Reader:
    """Reads a folder of volumes."""

    def __init__(self, folder: Path) -> None:
        """Opens nothing yet; a folder that does not exist is an empty archive."""
        self._folder = folder
        self._volumes: list[OpenVolume] = []  # oldest first
        self._durable = 0  # everything up to this seq is

    def close(self) -> None:
        for opened in self._volumes:
            opened.connection.close()
        self._volumes = []

    def last_seq(self) -> int:
        """The number of the newest durable entry; 0 if there is none."""
        with _READING:
            opened = self._open_all()
            if not opened:
                return 0
            last = int(opened[-1].rows(0, _LAST)[0][0])
            self._make_durable(opened[-1], last)
            return last

    def follow(self, after: int, limit: int) -> list[Entry]:
        """The next durable entries after a number, in sequence; empty if there are none yet.

        At most `limit`, and fewer at the end of a volume.

        Raises ArchiveDamaged if the very next entry is damaged (it can be passed over by `after=error.seq`); one
        further on ends the list before it.
        """
        with _READING:
            for opened in self._from(after + 1):
                rows = _readable(opened, after, limit)
                if rows:
                    self._make_durable(opened, rows[-1][0])
                    return _entries_before_damage(opened.volume, rows)
        return []

    def digests(self, after: int, limit: int) -> list[Digests]:
        """What identifies the next durable entries after a number, as `follow` gives them; no gap between them.

        Raises ArchiveDamaged where the next one is missing or not as it was stored; what is wrong further on ends
        the list before it.
        """
        with _READING:
            for opened in self._from(after + 1):
                rows = opened.rows(after + 1, _DIGESTS, after, limit)
                if rows:
                    self._make_durable(opened, rows[-1][0])
                    return _digests(opened.volume, after + 1, rows)
        return []

    def entry(self, seq: int) -> Entry | None:
        """The entry with a number. Raises ArchiveDamaged."""
        with _READING:
            found = self._row(seq, _BY_SEQ)
            return _entry(found[0].volume, found[1]) if found is not None else None

    def get(self, id: UUID | str) -> Entry | None:
        """The message with an id. Raises ArchiveDamaged."""
        return next(iter(self._about(id, Kind.MESSAGE)), None)

    def events(self, message_id: UUID | str) -> list[Entry]:
        """What happened to a message, in sequence. Raises ArchiveDamaged."""
        return list(self._about(message_id, Kind.EVENT))

    def raw(self, seq: int) -> bytes:
        """The octets received of a message. Raises KeyError if there is no such message, ArchiveDamaged."""
        with _READING:
            found = self._row(seq, _RAW)
            if found is None:
                raise KeyError(seq)
            return unsealed(found[0].volume, seq, found[1])

    def message(self, seq: int) -> tuple[Entry, bytes] | None:
        """The message with a number, and the octets received: `entry` and `raw` at once. Raises ArchiveDamaged."""
        with _READING:
            found = self._row(seq, _WHOLE)
            if found is None:
                return None
            volume, (*row, encoding, data) = found[0].volume, found[1]
            *_, sha256, size = row
            return _entry(volume, tuple(row)), unsealed(volume, seq, (encoding, size, sha256, data))

    def evidence(self, seq: int) -> Evidence:
        """An entry with its salt, the octets of its document and those received.

        Raises KeyError if there is no such entry, ArchiveDamaged where it is not what its digests say.
        """
        with _READING:
            found = self._row(seq, _EVIDENCE)
            if found is None:
                raise KeyError(seq)
            volume, (*columns, document, encoding, data) = found[0].volume, found[1]
            digests = digests_of(volume, seq, tuple(columns))
            document_of(volume, seq, document, digests.document_sha256)
            if digests.kind is Kind.EVENT:
                return Evidence(digests, document, None)
            return Evidence(
                digests, document, unsealed(volume, seq, (encoding, digests.size, digests.sha256, data))
            )

    def volumes(self) -> list[Volume]:
        """The volumes there are, oldest first."""
        with _READING:
            return [opened.volume for opened in self._open_all()]

    def _about(self, id: UUID | str, kind: Kind) -> Iterator[Entry]:
        subject = (id if isinstance(id, UUID) else UUID(id)).bytes
        with _READING:
            for opened in self._open_all():
                rows = opened.rows(0, _BY_SUBJECT, subject, kind.value)
                if rows:
                    self._make_durable(opened, rows[-1][0])
                    yield from (_entry(opened.volume, row) for row in rows)

    def _open_all(self) -> list[OpenVolume]:
        """Every volume, opened; a look at the folder each time."""
        try:
            found = volumes.list_volumes(self._folder)
        except FileNotFoundError:
            found = []
        known = {opened.volume: opened for opened in self._volumes}
        opened = []
        for at, volume in enumerate(found):
            is_open = volume in known
            opened.append(known.pop(volume) if is_open else OpenVolume(volume, closed=at < len(found) - 1))
        for gone in known.values():
            gone.connection.close()
        self._volumes = opened
        return opened

    def _from(self, seq: int) -> list[OpenVolume]:
        """The volumes that may hold an entry or later ones. Listed first and read then: older ones are final."""
        opened = self._open_all()
        first = max((at for at, one in enumerate(opened) if one.first_seq <= seq), default=0)
        return opened[first:]

    def _row(self, seq: int, query: str) -> tuple[OpenVolume, tuple[Any, ...]] | None:
        """The durable row of an entry, and the volume that it is in."""
        opened = self._surely_holding(seq) or next(iter(self._from(seq)), None)
        rows = opened.rows(seq, query, seq) if opened is not None else []
        if opened is None or not rows:
            return None
        self._make_durable(opened, seq)
        return opened, rows[0]

    def _surely_holding(self, seq: int) -> OpenVolume | None:
        """The volume of an entry that was there at the last look at the folder; None asks for another look."""
        for opened, newer in zip_longest(self._volumes, self._volumes[1:]):
            if opened.first_seq <= seq and (seq < newer.first_seq if newer else seq <= self._durable):
                return opened
        return None

    def _make_durable(self, opened: OpenVolume, seq: int) -> None:
        """Make sure that an entry which was read is durable, and so all before it (commit.py says why).

        An older volume's entries are: its log was synced before the next volume came to be.
        """
        if seq <= self._durable or opened.closed:
            return
        if volumes.log_size(opened.volume):  # else all is in the volume, which was synced before
            log = os.open(opened.volume.log, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fdatasync(log)
            finally:
                os.close(log)
            if is_doubted(self._folder / APPEND):
                raise ArchiveUnavailable(Reason.IO, "the newest entries are not known to be durable")
        self._durable = seq


def unsealed(volume: Volume, seq: int, row: tuple[Any, ...]) -> bytes:
    """The octets of a message from its encoding, size, SHA-256 and stored octets. Raises ArchiveDamaged."""
    try:
        encoding, size, sha256, data = row
        return unseal(data, encoding.decode(), size, sha256)
    except (ValueError, TypeError, AttributeError) as error:
        raise ArchiveDamaged(volume.month, seq, f"message {error}") from error


def document_of(volume: Volume, seq: int, document: Any, sha256: Any) -> dict[str, Any]:
    """The document of an entry from its octets and their SHA-256. Raises ArchiveDamaged."""
    try:
        if hashlib.sha256(document).digest() != sha256:
            raise ValueError("does not have the SHA-256 that was recorded")
        return read_document(document)
    except (ValueError, TypeError) as error:
        raise ArchiveDamaged(volume.month, seq, f"document {error}") from error


def _readable(opened: OpenVolume, after: int, limit: int) -> list[tuple[Any, ...]]:
    """The next rows; where a page is damaged further on, the next one alone. Raises ArchiveDamaged."""
    try:
        return opened.rows(after + 1, _AFTER, after, limit)
    except ArchiveDamaged:
        return opened.rows(after + 1, _BY_SEQ, after + 1)


def _entry(volume: Volume, row: tuple[Any, ...]) -> Entry:
    """An entry from its row. Raises ArchiveDamaged."""
    seq, kind, id, subject, received, document, document_sha256, sha256, size = row
    facts = document_of(volume, seq, document, document_sha256)
    try:
        own = _uuid(id)
        return Entry(
            seq=seq,
            kind=Kind(kind.decode()),
            id=own,
            subject_id=own if subject == id else _uuid(subject),
            received=from_microseconds(received),
            document=facts,
            sha256=sha256.hex() if sha256 is not None else None,
            size=size,
            volume=volume.month,
        )
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ArchiveDamaged(volume.month, seq, str(error)) from error


def digests_of(volume: Volume, seq: int, row: tuple[Any, ...]) -> Digests:
    """What identifies an entry, from its columns. Raises ArchiveDamaged, also where it is another entry than `seq`."""
    try:
        return _identified(seq, *row)
    except ValueError as error:
        raise ArchiveDamaged(volume.month, seq, str(error)) from error
    except (TypeError, KeyError) as error:
        text = "an id, a salt or a digest is missing or no octets, or the kind is unknown"
        raise ArchiveDamaged(volume.month, seq, text) from error


def _digests(volume: Volume, first: int, rows: list[tuple[Any, ...]]) -> list[Digests]:
    found: list[Digests] = []
    for seq, row in enumerate(rows, first):
        try:
            found.append(digests_of(volume, seq, row))
        except ArchiveDamaged:
            if not found:
                raise
            break
    return found


def _identified(wanted: int, seq: int, kind: bytes, *columns: Any) -> Digests:
    """Raises ValueError, TypeError or KeyError where a column is not what it is in every entry."""
    if seq != wanted:
        raise ValueError("entry is missing")
    id, subject, received, size, salt, document_sha256, sha256 = columns
    if not (len(id) == len(subject) == len(salt) == 16 and len(document_sha256) == 32):
        raise ValueError("an id, a salt or a digest is not as long as they are")
    known = _KINDS[kind]
    if sha256 is not None if known is Kind.EVENT else len(sha256) != 32:
        raise ValueError("the digest of what was received is not as long as one, or an event has one")
    if type(received) is not int or type(size) is not int:
        raise TypeError("the time of receipt or the size is no number")
    return Digests(seq, known, id, subject, received, size, salt, document_sha256, sha256)


_KINDS = {kind.value.encode(): kind for kind in Kind}
_UUID_OCTETS = 16


def _uuid(octets: bytes) -> str:
    """A UUID as text. Raises ValueError, or TypeError, where it is none."""
    if len(octets) != _UUID_OCTETS:
        raise ValueError("an id does not have 16 octets")
    text = octets.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _entries_before_damage(volume: Volume, rows: list[tuple[Any, ...]]) -> list[Entry]:
    entries: list[Entry] = []
    for row in rows:
        try:
            entries.append(_entry(volume, row))
        except ArchiveDamaged:
            if not entries:
                raise
            break
    return entries


class _Reading:
    """Says of what SQLite or a file refuses that the archive is unavailable."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None and isinstance(error, apsw.Error | OSError):
            raise unavailable(error) from error


_READING = _Reading()
