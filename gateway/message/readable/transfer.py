"""Content-Transfer-Encoding (RFC 2045 §6), read as far as it goes.

Promises: never raises, linear in the octets. What senders get wrong, and what happens here: text that is called base64
but is none stays as it is; text that a mailing list added behind base64 is kept; several pieces of base64 in one part
are all read; broken uuencode and quoted-printable are read as far as they go.
"""

from __future__ import annotations

import binascii
import re

_BASE64 = "base64"
_QUOTED = "quotedprintable"
_UU = frozenset({"uuencode", "xuuencode", "xuue", "uue"})
_IDENTITY = frozenset({"", "7bit", "8bit", "binary", "8bits", "7bits"})
_NOT_WORD = re.compile(r"[^a-z0-9]+")


def normal_encoding(value: str) -> str:
    """A field's value as `decoded` knows it: letters and digits of its first word, "quoted printable" included."""
    value = value.partition(";")[0].partition("(")[0]
    return _NOT_WORD.sub("", value.lower())[:40]


def decoded(octets: bytes, encoding: str) -> tuple[bytes, tuple[str, ...]]:
    """The octets behind a normalised encoding, and what was wrong."""
    if encoding == _BASE64:
        return _from_base64(octets)
    if encoding == _QUOTED:
        return binascii.a2b_qp(octets), ()
    if encoding in _UU:
        return from_uu(octets), ()
    return octets, () if encoding in _IDENTITY else ("unknown-transfer-encoding",)


# --- base64 --------------------------------------------------------------------------------------

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_SPACE = b" \t\r\n"
_PADDING = re.compile(rb"=[=\s]*")
_STRANGE = bytes(octet for octet in range(256) if octet not in _ALPHABET)
_SHORTEST_PIECE = 16  # characters; of fewer, garbage is likelier than base64
_PIECES = 100  # padded pieces in one part that are told apart


def _from_base64(octets: bytes) -> tuple[bytes, tuple[str, ...]]:
    first = octets.find(b"=")
    if first < 0 or not octets[first:].strip(b"= \t\r\n"):
        if _is_no_base64(octets):
            return octets, ("not-base64",)
        return _loose(octets), ()
    pieces = _PADDING.split(octets, _PIECES)
    if _is_no_base64(pieces[0]):
        return octets, ("not-base64",)
    found: list[bytes] = []
    defects: dict[str, None] = {}
    for number, piece in enumerate(pieces):
        if number and (_is_no_base64(piece) or len(piece) < _SHORTEST_PIECE):
            if not piece.strip():
                continue
            found.append(b"\n" + piece)
            defects["text-behind-base64"] = None
        elif piece:
            found.append(_loose(piece))
            defects.update({"base64-in-pieces": None} if number else {})
    return b"".join(found), tuple(defects)


def _is_no_base64(octets: bytes) -> bool:
    """Prose rather than base64: other characters, or words with spaces between them."""
    head = octets[:4096].strip()
    if not head:
        return False
    strange = len(head.translate(None, _ALPHABET + _SPACE + b"="))
    return strange * 20 > len(head) or head.count(b" ") * 30 > len(head)


def _loose(octets: bytes) -> bytes:
    try:
        return binascii.a2b_base64(octets)
    except binascii.Error:
        data = octets.translate(None, _STRANGE)
        if len(data) % 4 == 1:  # six bits left over are no octet
            data = data[:-1]
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4))


# --- uuencode ------------------------------------------------------------------------------------

_BEGIN = re.compile(rb"begin(?:-base64)? [0-7]{3,4} [^\r\n]*\Z")


def from_uu(octets: bytes) -> bytes:
    """The octets of uuencoded lines; `begin` and `end` may stand around them or not."""
    return b"".join(map(_uu_line, (line for line in octets.splitlines() if not _BEGIN.match(line))))


def _uu_line(line: bytes) -> bytes:
    if not line or line in (b"end", b"`"):
        return b""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # Some encoders count wrongly: what the first octet says is what is taken (as Python's own uu does).
        try:
            return binascii.a2b_uu(line[: (((line[0] - 32) & 63) * 4 + 5) // 3])
        except binascii.Error:
            return b""
