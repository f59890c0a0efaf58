"""Compressed RTF, in which Outlook sends the text of a message within winmail.dat (MS-OXRTFCP).

Only unpacked here; the text of RTF is a matter of extraction. Promises: never raises; linear; the result is bounded.
"""

from __future__ import annotations

_COMPRESSED, _PLAIN = b"LZFu", b"MELA"
_HEADER = 16  # two sizes, the kind, a checksum
_RING = 4096
RTF_LIMIT = 4 * 2**20  # octets unpacked

# What the window begins with (§2.1.2.1): RTF that everybody writes.
_BEGINNING = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}"
    b"{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier"
    b"{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)


def unpacked_rtf(octets: bytes) -> bytes | None:
    """The RTF, as far as it goes; None where this is none."""
    kind, packed = octets[8:12], octets[_HEADER:]
    size = min(int.from_bytes(octets[4:8], "little"), RTF_LIMIT)
    if kind == _PLAIN:
        return packed[:size]
    if kind != _COMPRESSED:
        return None
    ring = bytearray(_BEGINNING.ljust(_RING, b"\0"))
    write = len(_BEGINNING)
    found = bytearray()
    position = 0
    while position < len(packed) and len(found) < size:
        control = packed[position]
        position += 1
        for bit in range(8):
            if not control >> bit & 1:
                piece = packed[position : position + 1]
                position += 1
            else:
                token = int.from_bytes(packed[position : position + 2], "big")
                position += 2
                start = token >> 4
                if start == write or position > len(packed):
                    return bytes(found)
                piece = _copied(ring, start, write, (token & 15) + 2)
            for octet in piece:
                ring[write] = octet
                write = (write + 1) % _RING
            found += piece
    return bytes(found[:size])


def _copied(ring: bytearray, start: int, write: int, length: int) -> bytes:
    """What the window has there; it may run into what it is itself writing."""
    distance = (write - start) % _RING or _RING
    return bytes(ring[(start + number % distance) % _RING] for number in range(length))
