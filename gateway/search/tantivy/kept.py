"""What the index keeps of a message to tell its hits: ids and keys, in as few octets as they need.

Digests and ids are hexadecimal or base64, which as text take up to twice the octets that they stand for; they are most
of what an index stores. Promises: `unpack(pack(kept)) == kept`, whatever the texts, but for halves of surrogate pairs.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kept:
    """The archive's id, and by what messages are collapsed."""

    id: str = ""
    content: str = ""
    text: str = ""
    origin: str = ""


# The form of a value, in the upper three bits of the octet before it.
_TEXT, _AS_HEX, _AS_UUID, _AS_BASE64, _AGAIN = (form << 5 for form in range(5))
_HEX = re.compile("(?:[0-9a-f]{2})+")
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BASE64 = re.compile("(?:[A-Za-z0-9_-]{4})+")
_LONG = 31  # a length that does not fit into five bits stands in the four octets behind


def pack(kept: Kept) -> bytes:
    """As octets."""
    pieces: list[bytes] = []
    before = None
    for value in (kept.id, kept.content, kept.text, kept.origin):
        form, octets = (_AGAIN, b"") if value == before else _packed(value)
        length = len(octets)
        pieces += _HEADS[form | min(length, _LONG)], octets if length < _LONG else _lengthy(octets)
        before = value
    return b"".join(pieces)


_HEADS = [bytes((number,)) for number in range(256)]


def _lengthy(octets: bytes) -> bytes:
    return len(octets).to_bytes(4, "little") + octets


def _packed(value: str) -> tuple[int, bytes]:
    if _HEX.fullmatch(value):
        return _AS_HEX, bytes.fromhex(value)
    if _UUID.fullmatch(value):
        return _AS_UUID, bytes.fromhex(value.replace("-", ""))
    if _BASE64.fullmatch(value):
        return _AS_BASE64, base64.urlsafe_b64decode(value)
    return _TEXT, value.encode("utf-8", "replace")


def unpack(octets: bytes) -> Kept:
    """The other way."""
    values: list[str] = []
    place = 0
    while place < len(octets):
        form, length = octets[place] & ~_LONG, octets[place] & _LONG
        place += 1
        if length == _LONG:
            length = int.from_bytes(octets[place : place + 4], "little")
            place += 4
        values.append(values[-1] if form == _AGAIN else _unpacked(form, octets[place : place + length]))
        place += length
    return Kept(*values)


def _unpacked(form: int, octets: bytes) -> str:
    if form == _AS_HEX:
        return octets.hex()
    if form == _AS_UUID:
        text = octets.hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    return base64.urlsafe_b64encode(octets).decode() if form == _AS_BASE64 else octets.decode()
