"""The parts of a message that is made as the standards have it (RFC 2045, 2046, 2183), read without a parser.

`structure` asks here first: most mail is well made, and then one search for each boundary tells what Python's parser
finds line by line, several times as fast.

Promises: never raises; pure; linear in the octets for each level of nesting. Where it answers, the answer is exactly
what the tolerant reading in `structure` finds, and that reading has no defect to report. Whatever it does not know to
be so (a boundary line that is missing, a stray line in a part's header, base64 with other characters, parameters that
are more than a token or a quoted string, reports, digests, bare CR at a line that counts, ...) it answers with None.
"""

from __future__ import annotations

import binascii
import re
import string
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from gateway.message.headers import Buffer, split_block
from gateway.message.text import decode_charset, decode_words

# All of them are below the limits of `structure`: what lies between is read by the tolerant parser.
PART_LIMIT = 500
DEPTH_LIMIT = 16
FIELD_LIMIT = 1_000  # octets of a field
_BLOCK_LIMIT = 8_192  # octets of a part's header
_BOUNDARY_LIMIT = 200  # characters; the standard has 70
_CANDIDATES = 2_000  # lines of one multipart that begin with its boundary, or with one that begins alike


class Facts(NamedTuple):
    """What one part is and holds."""

    content_type: str  # in lower case, without parameters
    name: str  # decoded file name; "" if it has none
    attached: bool  # by its disposition
    size: int  # octets after decoding; of what holds parts, those of all of them
    within_message: bool  # it belongs to an attached message
    shown: bool = True  # as text or attachment: it does not only hold others


_UNMEASURED = Facts("", "", False, 0, False)  # keeps the place of what holds parts until these are known


def wellformed_parts(raw: Buffer) -> list[Facts] | None:
    """The message itself and its parts, in their order; None where it is not known to be well made. Never raises."""
    octets = bytes(raw)
    block, size, defects = split_block(octets)
    # A bare CR ends a line, so that a field might hide behind it.
    if defects or b"\r" in block.replace(b"\r\n", b""):
        return None
    parts: list[Facts] = []
    try:
        _read(octets, size, len(octets), _fields(block), _Place(0, False, False), parts)
    except _OtherwiseError:
        return None
    return parts


class _OtherwiseError(Exception):
    """It is not made as the standards have it, or in a way that is not read here."""


class _Place(NamedTuple):
    depth: int
    within_multipart: bool  # the line end before the boundary is none of the part's
    within_message: bool


# --- parts -----------------------------------------------------------------------------------------

# Fields, each with its folded lines, and the empty line.
_BLOCK = re.compile(rb"(?:[!-9;-~]+:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*)*(?=\r?\n)")
_IDENTITY = frozenset({"", "7bit", "8bit", "binary"})
_BASE64_DIGITS = f"{string.ascii_letters}{string.digits}+/".encode()


def _read(octets: bytes, start: int, end: int, fields: _Fields, place: _Place, parts: list[Facts]) -> int:
    """Adds the part whose body is `octets[start:end]` and all within it; the octets of its content."""
    at = len(parts)
    if at >= PART_LIMIT or place.depth > DEPTH_LIMIT:
        raise _OtherwiseError
    content_type, boundary, name, attached, encoding = fields
    main_type = content_type.partition("/")[0]
    if main_type not in ("multipart", "message"):
        size = _size(_content(octets, start, end, place), encoding)
        parts.append(Facts(content_type, name, attached, size, place.within_message))
        return size
    # Other messages hold fields rather than a message; the parts of a digest are messages by default.
    if encoding not in _IDENTITY or content_type == "multipart/digest":
        raise _OtherwiseError
    if main_type == "multipart":
        held = _between_boundaries(octets, start, end, boundary)
        inner = _Place(place.depth + 1, True, place.within_message)
    elif content_type == "message/rfc822":
        held = [(start, end)]
        inner = _Place(place.depth + 1, place.within_multipart, True)
    else:
        raise _OtherwiseError
    parts.append(_UNMEASURED)
    size = 0
    for begin, stop in held:
        body, inner_fields = _header(octets, begin, stop)
        size += _read(octets, body, stop, inner_fields, inner, parts)
    parts[at] = Facts(content_type, name, attached, size, place.within_message, main_type == "message")
    return size


def _header(octets: bytes, begin: int, stop: int) -> tuple[int, _Fields]:
    """Where the body of a part begins, and what its header says."""
    block = _BLOCK.match(octets, begin, min(stop, begin + _BLOCK_LIMIT))
    if block is None:
        raise _OtherwiseError
    empty = block.end()
    return empty + (1 if octets[empty] == _LF else 2), _fields_of_part(block[0])


def _content(octets: bytes, start: int, end: int, place: _Place) -> bytes:
    if place.within_multipart and end > start:
        end -= 2 if octets.startswith(b"\r\n", end - 2) else 1
    return octets[start:end]


def _size(content: bytes, encoding: str) -> int:
    """The octets behind the transfer encoding (RFC 2045 §6)."""
    if encoding in _IDENTITY:
        return len(content)
    if encoding == "quoted-printable":
        return len(binascii.a2b_qp(content))
    if encoding != "base64":
        raise _OtherwiseError
    characters = content.translate(None, b"\r\n")
    digits = characters.rstrip(b"=")
    padding = len(characters) - len(digits)
    if len(characters) % 4 or padding > 2 or digits.translate(None, _BASE64_DIGITS):
        raise _OtherwiseError
    return len(digits) * 3 // 4  # counted: decoding takes several times as long


# --- boundaries ------------------------------------------------------------------------------------

_LF, _CR = b"\n\r"
_LINE_REST = re.compile(rb"(--)?[ \t]*(\r?\n|\r|\Z)")


def _between_boundaries(octets: bytes, start: int, end: int, boundary: str) -> list[tuple[int, int]]:
    """The parts of a multipart, each up to the next boundary line; what comes behind the closing line is no part."""
    if not 0 < len(boundary) <= _BOUNDARY_LIMIT:
        raise _OtherwiseError
    line = b"--" + boundary.encode("ascii")
    found: list[tuple[int, int]] = []
    begin = -1
    position = start
    for _ in range(_CANDIDATES):
        at = octets.find(line, position, end)
        if at < 0:
            break
        position = at + len(line)
        before = octets[at - 1] if at > start else _LF
        if before == _CR:
            break
        rest = _LINE_REST.match(octets, position, end) if before == _LF else None
        if rest is None:
            continue  # the boundary of another multipart that begins alike, or text
        if rest[2] == b"\r":
            break
        position = rest.end()
        if begin >= 0:
            found.append((begin, at))
        begin = position
        if rest[1]:
            if not found:
                break
            return found
    raise _OtherwiseError


# --- fields ----------------------------------------------------------------------------------------


class _Fields(NamedTuple):
    """What a part says of itself."""

    content_type: str
    boundary: str
    name: str
    attached: bool
    encoding: str


_FIELD = re.compile(
    rb"\ncontent-(type|disposition|transfer-encoding)[ \t]*:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.IGNORECASE
)
_TOKEN = r"[A-Za-z0-9!#$&^_.+-]{1,127}"  # noqa: S105  RFC 6838 §4.2
_TYPE = re.compile(rf"({_TOKEN}/{_TOKEN})[ \t]*(?:;|\Z)")
_DISPOSITION = re.compile(r"(inline|attachment)[ \t]*(?:;|\Z)", re.IGNORECASE)
# Backslashes and angle brackets are left to the parser, which has ways of its own with them.
_PARAMETER = re.compile(
    r"[ \t]*(?:([A-Za-z0-9_.-]+\*?)[ \t]*=[ \t]*"
    r"(?:\"([\t !#-;=?-\[\]-~]*)\"[ \t]*|([!#-:=?-\[\]-~][\t !#-:=?-\[\]-~]*)))?(?:;|\Z)"
)
_EXTENDED = re.compile(r"([A-Za-z0-9._-]*)'[A-Za-z0-9-]*'([A-Za-z0-9!#$&+.^_`~%-]*)")


def _fields(block: bytes) -> _Fields:
    """The fields of a header block whose lines are known to end with CRLF or LF."""
    values: dict[str, str] = {}
    block = b"\n" + block
    lower = block.lower()
    at = lower.find(b"\ncontent-")
    while at >= 0:
        field = _FIELD.match(block, at)
        if field is not None:
            name = field[1].decode("ascii").lower()
            octets = field[2].translate(None, b"\r\n").strip(b" \t")
            if name in values or not octets or len(field[2]) > FIELD_LIMIT or not octets.isascii():
                raise _OtherwiseError
            values[name] = octets.decode("ascii")
        at = lower.find(b"\ncontent-", at + 1)
    content_type, disposition = "text/plain", ""
    of_type: dict[str, str] = {}
    of_disposition: dict[str, str] = {}
    if "type" in values:
        content_type, of_type = _parameters(_TYPE, values["type"])
    if "disposition" in values:
        disposition, of_disposition = _parameters(_DISPOSITION, values["disposition"])
    # File names with encoded words are against the standard, and common.
    name = decode_words(of_disposition.get("filename", "")).strip()
    return _Fields(
        content_type,
        of_type.get("boundary", "").rstrip(),
        name or decode_words(of_type.get("name", "")).strip(),
        disposition == "attachment",
        values.get("transfer-encoding", "").lower(),
    )


@lru_cache(maxsize=256)  # nearly all parts that hold text have one of a few headers
def _fields_of_part(block: bytes) -> _Fields:
    return _fields(block)


def _parameters(beginning: re.Pattern[str], value: str) -> tuple[str, dict[str, str]]:
    """What a value begins with, in lower case, and its parameters; of one that comes twice the first."""
    first = beginning.match(value)
    if first is None:
        raise _OtherwiseError
    found: dict[str, str] = {}
    extended: dict[str, str] = {}
    position = first.end()
    while position < len(value):
        parameter = _PARAMETER.match(value, position)
        if parameter is None:
            raise _OtherwiseError
        position = parameter.end()
        if parameter[1] is None:  # nothing between two semicolons, or behind the last
            continue
        name = parameter[1].lower()
        text = parameter[3].rstrip(" \t") if parameter[2] is None else parameter[2]
        if not name.endswith("*"):
            found.setdefault(name, text)
        elif name in extended or name not in ("filename*", "name*"):
            raise _OtherwiseError
        else:
            extended[name] = _extended(text)
    for name, text in extended.items():  # the plain one comes first to the parser
        found.setdefault(name[:-1], text)
    return first[1].lower(), found


def _extended(text: str) -> str:
    """A value with its charset (RFC 2231 §4), in one piece."""
    match = _EXTENDED.fullmatch(text)
    if match is None:
        raise _OtherwiseError
    octets = unquote_to_bytes(match[2])
    if any(octet in b'"\\<>' for octet in octets):
        raise _OtherwiseError
    return decode_charset(octets, match[1] or "utf-8")
