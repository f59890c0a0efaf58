"""Getting documents and messages out of the forms in which a volume stores them (layout.py has their names).

An `Unpacker` belongs to one open volume, so to one thread: it keeps a decompressor for each dictionary of the volume,
prepared once. Promises: never hands out a message that does not have the recorded SHA-256, and never takes more memory
than the message has octets, whatever a damaged file says.

Fails with ValueError, which says what is wrong, and with whatever reading the volume fails with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import zstandard

from gateway.archive.forms import put_back
from gateway.archive.layout import DICT, DICTIONARY, IDENTITY, OF_MESSAGES, PART, PARTS, ZSTD

Read = Callable[..., list[tuple[Any, ...]]]
Clear = Callable[[bytes, bytes, str], bytes]

_AHEAD = 256  # entries

# A document is held in memory several times over; none has a hundredth of it.
_LARGEST_DOCUMENT = 256 * 2**20

_DICTIONARY = "SELECT id, data FROM dictionary WHERE use = ?"
_ATTACHED = (
    "SELECT seq, at, part, size, CAST(form AS BLOB) FROM attached WHERE seq >= ? AND seq < ? ORDER BY seq, at"
)
_PART = "SELECT size, CAST(encoding AS BLOB), data FROM part WHERE id = ?"


class Unpacker:
    """Unpacks what one volume stores."""

    def __init__(self, read: Read, clear: Clear) -> None:
        """read: the rows of a query, all at once. clear: what a column holds, by row and column, decrypted."""
        self._read = read
        self._clear = clear
        self._plain = zstandard.ZstdDecompressor()
        self._with: dict[str, zstandard.ZstdDecompressor] = {}
        self._ahead = range(0)  # entries of which the rows of `attached` were read
        self._attached: dict[int, list[tuple[Any, ...]]] = {}

    def document(self, stored: bytes, encoding: bytes | None, use: str) -> bytes:
        """The JSON text of a document. use: that of the dictionary which it may need."""
        if encoding is None:
            return stored
        return self._frame(stored, encoding.decode(), use, _LARGEST_DOCUMENT)

    def message(self, seq: int, stored: bytes, encoding: str, size: int, sha256: bytes) -> bytes:
        """The octets received."""
        if encoding == IDENTITY:
            data = stored
        elif encoding == PARTS:
            data = self._assembled(seq, self._frame(stored, None, OF_MESSAGES, size), size)
        else:
            data = self._frame(stored, encoding, OF_MESSAGES, size)
        if len(data) != size:
            raise ValueError(f"has {len(data)} octets; {size} were received")
        if hashlib.sha256(data).digest() != sha256:
            raise ValueError("does not have the SHA-256 that was recorded")
        return data

    def _assembled(self, seq: int, frame: bytes, size: int) -> bytes:
        """A message, from what its frame holds and what was taken out of it."""
        pieces: list[bytes] = []
        done = left = 0
        for at, part, length, form in self._taken_out(seq):
            if not done <= at <= len(frame):
                raise ValueError("what was taken out of it has no place in it")
            pieces.append(frame[done:at])
            if part is None:
                data, done = frame[at : at + length], at + length
            else:
                data, done = self._part(part, size), at
            pieces.append(put_back(data, form.decode()))
            left += len(pieces[-1])
            if left > size:
                raise ValueError(f"has more octets than the {size} that were received")
        pieces.append(frame[done:])
        return b"".join(pieces)

    def _taken_out(self, seq: int) -> list[tuple[Any, ...]]:
        """The rows of `attached` of a message; read ahead where messages are read one after the other."""
        if seq not in self._ahead:
            follows = self._ahead.stop <= seq < self._ahead.stop + _AHEAD
            self._ahead = range(seq, seq + (_AHEAD if follows else 1))
            self._attached = {}
            for number, *row in self._read(_ATTACHED, self._ahead.start, self._ahead.stop):
                self._attached.setdefault(number, []).append(tuple(row))
        return self._attached.get(seq, [])

    def _part(self, number: int, limit: int) -> bytes:
        for size, encoding, stored in self._read(_PART, number):
            data = self._clear(stored, identity_of(number), PART)
            octets = (
                data if encoding == b"identity" else self._frame(data, encoding.decode(), OF_MESSAGES, limit)
            )
            if len(octets) != size:
                raise ValueError(f"has a part of {len(octets)} octets in place of {size}")
            return bytes(octets)
        raise ValueError("has a part that is missing")

    def _frame(self, data: bytes, encoding: str | None, use: str, limit: int) -> bytes:
        """What a frame holds, which may be `limit` octets at most. encoding: None where the frame itself says it."""
        try:
            found = zstandard.frame_content_size(data)
            if not 0 <= found <= limit:
                raise ValueError("the compressed bytes are of another message, or cut short")
            if encoding is None:
                encoding = DICT if zstandard.get_frame_parameters(data).dict_id else ZSTD
            if encoding == DICT:
                return (self._with.get(use) or self._prepared(use)).decompress(data)
            if encoding == ZSTD:
                return self._plain.decompress(data)
        except zstandard.ZstdError as error:
            raise ValueError(f"cannot be decompressed: {error}") from error
        raise ValueError(f"unknown encoding {encoding!r}")

    def _prepared(self, use: str) -> zstandard.ZstdDecompressor:
        for number, stored in self._read(_DICTIONARY, use):
            dictionary = zstandard.ZstdCompressionDict(self._clear(stored, identity_of(number), DICTIONARY))
            self._with[use] = zstandard.ZstdDecompressor(dict_data=dictionary)
            return self._with[use]
        raise ValueError(f"needs the volume's dictionary for each {use}, which is missing")


def identity_of(number: int) -> bytes:
    """What ties an encrypted column of a row that has a number to that row. Raises ValueError."""
    try:
        return number.to_bytes(16)
    except (OverflowError, AttributeError):
        raise ValueError("has a row with a number that is none") from None
