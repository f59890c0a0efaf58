"""The content of opaque S/MIME signatures: a message within a PKCS#7 structure (RFC 5652 §5, RFC 8551 §3.5.2).

Only as much of BER is read as it takes to find the content; nothing is verified. Promises: never raises; linear; depth
and number of elements are bounded. What is encrypted or compressed has no content here.
"""

from __future__ import annotations

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_SEQUENCE, _SET, _OCTETS, _OCTETS_IN_PIECES, _TAGGED, _OID = 0x30, 0x31, 0x04, 0x24, 0xA0, 0x06
_ELEMENTS = 100_000
_DEPTH = 16


class _Broken(Exception):
    """This is no such structure."""


def signed_content(octets: bytes) -> bytes | None:
    """What is signed; None where this is no signed data, or has no content of its own."""
    try:
        reader = _Reader(octets)
        start, _ = reader.enter(0, _SEQUENCE)
        oid, start = reader.value(start, _OID)
        if oid != _SIGNED_DATA:
            return None
        start, _ = reader.enter(start, _TAGGED)
        start, _ = reader.enter(start, _SEQUENCE)
        start = reader.skip(reader.skip(start))  # version and digest algorithms
        start, end = reader.enter(start, _SEQUENCE)
        start = reader.skip(start)  # the type of the content
        if start >= end or octets[start : start + 2] == b"\0\0":
            return None
        start, _ = reader.enter(start, _TAGGED)
        return reader.octets(start)
    except (_Broken, IndexError):
        return None


class _Reader:
    """Elements of BER (X.690) in octets; positions in, positions out."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._left = _ELEMENTS

    def _header(self, start: int) -> tuple[int, int, int | None]:
        """Tag, begin of the content, its length; None for an indefinite one."""
        self._left -= 1
        if self._left < 0:
            raise _Broken
        tag, length = self._octets[start], self._octets[start + 1]
        start += 2
        if length == 0x80:
            return tag, start, None
        if length > 0x80:
            size = length - 0x80
            if size > 8:
                raise _Broken
            length = int.from_bytes(self._octets[start : start + size], "big")
            start += size
        # A signature that was cut off still has its content.
        return tag, start, min(length, len(self._octets) - start)

    def enter(self, start: int, wanted: int) -> tuple[int, int]:
        """Begin and end of what is in an element of that tag."""
        tag, begin, length = self._header(start)
        if tag != wanted:
            raise _Broken
        return begin, len(self._octets) if length is None else begin + length

    def value(self, start: int, wanted: int) -> tuple[bytes, int]:
        tag, begin, length = self._header(start)
        if tag != wanted or length is None:
            raise _Broken
        return self._octets[begin : begin + length], begin + length

    def skip(self, start: int, depth: int = 0) -> int:
        """Where the element behind this one begins."""
        _, begin, length = self._header(start)
        if length is not None:
            return begin + length
        if depth > _DEPTH:
            raise _Broken
        while self._octets[begin : begin + 2] != b"\0\0":
            begin = self.skip(begin, depth + 1)
        return begin + 2

    def octets(self, start: int) -> bytes:
        """An octet string, in one or in pieces; pieces of pieces do not occur."""
        tag, begin, length = self._header(start)
        end = len(self._octets) if length is None else begin + length
        if tag == _OCTETS:
            return self._octets[begin:end]
        if tag != _OCTETS_IN_PIECES:
            raise _Broken
        pieces: list[bytes] = []
        while begin < end and self._octets[begin : begin + 2] != b"\0\0":
            piece, begin = self.value(begin, _OCTETS)
            pieces.append(piece)
        return b"".join(pieces)
