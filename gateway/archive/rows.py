"""Rows of a volume as entries and digests, each checked: who reads the archive and who verifies it use the same.

Fails with `ArchiveDamaged` where a row is not what was stored, with `Disposed` where its octets are asked for and were
destroyed, and with `KeysUnavailable` where they are encrypted and the key cannot be had.
"""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from gateway.archive.entry import Digests, Entry, Kind, Tombstone, from_microseconds, read_document
from gateway.archive.errors import ArchiveDamaged, Disposed
from gateway.archive.layout import DOCUMENT, OF_DOCUMENTS, OF_EVENTS, RAW
from gateway.archive.opened import OpenVolume, Row

_KINDS = {kind.value.encode(): kind for kind in Kind}
_USES = {Kind.MESSAGE.encode(): OF_DOCUMENTS, Kind.EVENT.encode(): OF_EVENTS}
_UUID_OCTETS = 16
_DIGEST_OCTETS = 32


def entry_of(opened: OpenVolume, row: Row) -> Entry:
    """An entry from its row (`opened.ENTRY`)."""
    seq, kind, id, subject, received, how, document, document_sha256, sha256, size = row
    if document is None:
        require_tombstone(opened, seq)
        facts: dict[str, Any] = {}
    else:
        facts = facts_of(opened, seq, octets_of(opened, seq, id, kind, how, document, document_sha256))
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
            volume=opened.volume.month,
            disposed=document is None,
        )
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ArchiveDamaged(opened.volume.month, seq, str(error)) from error


def octets_of(opened: OpenVolume, seq: int, id: Any, kind: Any, how: Any, stored: Any, sha256: Any) -> bytes:
    """The JSON text of an entry's document, from what is stored of it and its SHA-256."""
    try:
        document = opened.clear(stored, id, DOCUMENT)
        if how:
            document = opened.unpacker.document(document, how, _USES.get(kind, OF_EVENTS))
        if hashlib.sha256(document).digest() != sha256:
            raise ValueError("does not have the SHA-256 that was recorded")
    except ArchiveDamaged as error:  # the page of a dictionary, which names no entry
        raise ArchiveDamaged(opened.volume.month, seq, f"document: {error.text}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ArchiveDamaged(opened.volume.month, seq, f"document {error}") from error
    return bytes(document)


def facts_of(opened: OpenVolume, seq: int, document: bytes) -> dict[str, Any]:
    """What a document says."""
    try:
        return read_document(document)
    except (ValueError, TypeError) as error:
        raise ArchiveDamaged(opened.volume.month, seq, f"document {error}") from error


def unsealed(opened: OpenVolume, seq: int, row: Row) -> bytes:
    """The octets of a message from its id, encoding, size, SHA-256 and stored octets."""
    id, encoding, size, sha256, data = row
    if sha256 is None:
        tombstone = require_tombstone(opened, seq)
        raise Disposed(opened.volume.month, seq, UUID(bytes=tombstone.batch))
    try:
        return opened.unpacker.message(seq, opened.clear(data, id, RAW), encoding.decode(), size, sha256)
    except ArchiveDamaged as error:  # the page of a dictionary, of a part, or of `attached`
        raise ArchiveDamaged(opened.volume.month, seq, f"message: {error.text}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ArchiveDamaged(opened.volume.month, seq, f"message {error}") from error


def require_tombstone(opened: OpenVolume, seq: int) -> Tombstone:
    """What is left of an entry whose document is not there."""
    found = opened.tombstone(seq)
    if found is None:
        raise ArchiveDamaged(opened.volume.month, seq, "document or digest is missing")
    _, document, content, batch = found
    lengths = (_length(document), _length(batch), content is None or _length(content))
    if lengths not in ((_DIGEST_OCTETS, _UUID_OCTETS, True), (_DIGEST_OCTETS, _UUID_OCTETS, _DIGEST_OCTETS)):
        raise ArchiveDamaged(opened.volume.month, seq, "the tombstone is not as one is")
    return found


def digests_of(opened: OpenVolume, seq: int, row: Row) -> Digests:
    """What identifies an entry, from its columns (`opened.DIGESTS`); damaged, too, where it is another than `seq`."""
    try:
        return _identified(opened, seq, *row)
    except ValueError as error:
        raise ArchiveDamaged(opened.volume.month, seq, str(error)) from error
    except (TypeError, KeyError) as error:
        text = "an id, a salt or a digest is missing or no octets, or the kind is unknown"
        raise ArchiveDamaged(opened.volume.month, seq, text) from error


def _identified(opened: OpenVolume, wanted: int, seq: int, kind: bytes, *columns: Any) -> Digests:
    """Raises ValueError, TypeError or KeyError where a column is not what it is in every entry."""
    if seq != wanted:
        raise ValueError("entry is missing")
    id, subject, received, size, salt, document_sha256, sha256 = columns
    known = _KINDS[kind]
    commitments = None
    if salt is None and document_sha256 is None and sha256 is None and opened.format > 1:
        commitments = _commitments(opened, seq, known)
        salt = document_sha256 = b""
        lengths_right = len(id) == len(subject) == _UUID_OCTETS
    else:
        lengths_right = len(id) == len(subject) == len(salt) == 16 and len(document_sha256) == 32
        if sha256 is not None if known is Kind.EVENT else len(sha256) != 32:
            raise ValueError("the digest of what was received is not as long as one, or an event has one")
    if not lengths_right:
        raise ValueError("an id, a salt or a digest is not as long as they are")
    if type(received) is not int or type(size) is not int:
        raise TypeError("the time of receipt or the size is no number")
    return Digests(seq, known, id, subject, received, size, salt, document_sha256, sha256, commitments)


def _commitments(opened: OpenVolume, seq: int, kind: Kind) -> tuple[bytes, bytes | None]:
    if opened.tombstone(seq) is None:
        raise TypeError("no tombstone")
    _, document, content, _ = require_tombstone(opened, seq)
    if (content is None) != (kind is Kind.EVENT):
        raise ValueError("the tombstone is not as one is")
    return document, content


def _length(value: Any) -> int:
    return len(value) if isinstance(value, bytes) else 0


def _uuid(octets: bytes) -> str:
    """A UUID as text. Raises ValueError, or TypeError, where it is none."""
    if len(octets) != _UUID_OCTETS:
        raise ValueError("an id does not have 16 octets")
    text = octets.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
