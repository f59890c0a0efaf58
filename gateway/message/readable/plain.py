"""Plain text: paragraphs that were wrapped on the way (RFC 3676), and files that stand in the text (uuencode, yEnc).

Promises: never raises, linear.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.message.readable.fields import display_name
from gateway.message.readable.markup import LINE_LIMIT
from gateway.message.readable.transfer import from_uu
from gateway.message.text import decode_charset


def unflowed(text: str, delsp: bool) -> str:
    """The text with its paragraphs in one line each (RFC 3676 §4); quoted ones keep their marks."""
    found: list[str] = []
    paragraph: list[str] = []
    depth = 0
    for line in text.split("\n", LINE_LIMIT):
        content = line.lstrip(">")
        quoting = len(line) - len(content)
        content = content.removeprefix(" ")
        if paragraph and quoting != depth:
            found.append(_paragraph(paragraph, depth))
            paragraph = []
        depth = quoting
        # The delimiter of a signature ends with a space, but nothing flows on from it.
        flows = content.endswith(" ") and content != "-- "
        if content == "-- " and paragraph:
            found.append(_paragraph(paragraph, depth))
            paragraph = []
        paragraph.append(content[:-1] if flows and delsp else content)
        if not flows:
            found.append(_paragraph(paragraph, depth))
            paragraph = []
    if paragraph:
        found.append(_paragraph(paragraph, depth))
    return "\n".join(found)


def _paragraph(lines: list[str], depth: int) -> str:
    text = "".join(lines)
    return f"{'>' * depth} {text}" if depth else text


# --- files in the text -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Embedded:
    """A file that stands in a text."""

    filename: str
    content_type: str  # what says that it was embedded
    octets: bytes


_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,300}?)[ \t]*\r?\n(?=[!-`])", re.MULTILINE)
_UU_END = re.compile(rb"^end[ \t]*\r?$", re.MULTILINE)
_YENC_BEGIN = re.compile(rb"^=ybegin [^\r\n]{0,300}?name=([^\r\n]{1,300})\r?\n", re.MULTILINE)
_YENC_END = re.compile(rb"^=yend[^\r\n]*", re.MULTILINE)
_FILES = 100


def embedded_files(octets: bytes) -> tuple[bytes, tuple[Embedded, ...]]:
    """The text without the files that stand in it, and these."""
    found: list[Embedded] = []
    if b"begin " in octets:
        octets = _cut(octets, _UU_BEGIN, _UU_END, "application/x-uuencode", found)
    if b"=ybegin " in octets:
        octets = _cut(octets, _YENC_BEGIN, _YENC_END, "application/x-yenc", found)
    return octets, tuple(found)


def _cut(
    octets: bytes, begin: re.Pattern[bytes], end: re.Pattern[bytes], kind: str, found: list[Embedded]
) -> bytes:
    rest: list[bytes] = []
    position = 0
    for match in begin.finditer(octets):
        if match.start() < position:
            continue
        last = end.search(octets, match.end()) if len(found) < _FILES else None
        if last is None:  # of a file without an end nobody knows what is text behind it
            break
        rest.append(octets[position : match.start()])
        content = octets[match.end() : last.start()]
        data = from_uu(content) if kind.endswith("uuencode") else _from_yenc(content)
        name = display_name(decode_charset(match[1], "utf-8"))
        found.append(Embedded(name, kind, data))
        position = last.end()
    rest.append(octets[position:])
    return b"".join(rest)


_YENC_SHIFT = bytes((octet - 42) % 256 for octet in range(256))
_YENC_ESCAPED = bytes((octet - 64 - 42) % 256 for octet in range(256))


def _from_yenc(octets: bytes) -> bytes:
    """yEnc 1.2: every octet 42 too high, four of them escaped with `=` and 64 higher again."""
    lines = [line for line in octets.splitlines() if not line.startswith(b"=ypart ")]
    first, *pieces = b"".join(lines).split(b"=")
    decoded = [first.translate(_YENC_SHIFT)]
    for piece in pieces:
        decoded.append(piece[:1].translate(_YENC_ESCAPED) + piece[1:].translate(_YENC_SHIFT))
    return b"".join(decoded)
