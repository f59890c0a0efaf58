"""What an entry of the archive is, for those who write one and those who read one."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

Buffer = bytes | bytearray | memoryview

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Kind(StrEnum):
    MESSAGE = "message"
    EVENT = "event"


class Entry(NamedTuple):
    """One entry, without the message's bytes (`Reader.raw` hands those out)."""

    seq: int
    kind: Kind
    id: str  # UUIDv7
    subject_id: str  # the message it is about: its own id, for a message
    received: datetime  # UTC
    document: dict[str, Any]
    sha256: str | None  # hex, of the bytes received; None for an event
    size: int  # octets received; 0 for an event
    volume: str  # "2026-11"
    disposed: bool = False  # all but its place was lawfully destroyed; the document is empty then


class Digests(NamedTuple):
    """What identifies an entry, without its document and bytes; the ledger is made of it."""

    seq: int
    kind: Kind
    id: bytes
    subject: bytes
    received: int  # microseconds since 1970, UTC
    size: int  # octets received; 0 for an event
    salt: bytes
    document_sha256: bytes
    sha256: bytes | None  # of the bytes received; None for an event
    # Of an entry that was disposed of, in the place of salt and digests, which are empty then: what the ledger's leaf
    # was made of (`commitment`), for the document and for the bytes received.
    commitments: tuple[bytes, bytes | None] | None = None


class Tombstone(NamedTuple):
    """What is left of an entry that was disposed of, beside its place."""

    seq: int
    document: bytes  # commitment
    content: bytes | None  # commitment; None for an event
    batch: bytes  # UUID of the disposal


class Evidence(NamedTuple):
    """An entry as it was stored, for whoever is to check it without trusting its reader."""

    digests: Digests
    document: bytes  # the JSON text in UTF-8, to the octet
    raw: bytes | None  # the octets received; None for an event


def commitment(salt: bytes, digest: bytes) -> bytes:
    """What binds to a digest without telling it."""
    return hashlib.sha256(salt + digest).digest()


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970 in UTC, exact. Raises TypeError for a time without a zone."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """The inverse of `to_microseconds`. Raises OverflowError beyond the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=microseconds)


def read_document(text: bytes) -> dict[str, Any]:
    """The JSON object of an entry; lone surrogates (octets of SMTP text that are not UTF-8) come back as such.

    Raises ValueError if it is no JSON object.
    """
    try:
        value = orjson.loads(text)
    except ValueError:
        value = json.loads(text)  # orjson refuses the escapes of lone surrogates, which are legal here
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value
