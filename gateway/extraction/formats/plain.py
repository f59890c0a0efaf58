"""Text as it is; calendars and cards with their folded lines joined."""

from __future__ import annotations

import binascii
import re
from typing import Final

from gateway.extraction import charset
from gateway.extraction.job import Job, Sink
from gateway.message.text import decode_charset

_FOLD: Final = re.compile(r"\r?\n[ \t]")
_ESCAPE: Final = re.compile(r"\\([nN,;\\])")
# vCard 2.1: a value in quoted-printable, with soft line breaks.
_QUOTED: Final = re.compile(
    r"^([^:\r\n]{0,200};ENCODING=QUOTED-PRINTABLE[^:\r\n]{0,200}):((?:[^\r\n]*=\r?\n)*+[^\r\n]*)",
    re.IGNORECASE | re.MULTILINE,
)


def read(content: bytes, declared: str, sink: Sink, job: Job) -> None:
    sink.add(charset.decode(content, declared))


def read_lines(content: bytes, declared: str, sink: Sink, job: Job) -> None:
    """RFC 5545 §3.1, RFC 6350 §3.2."""
    text = _QUOTED.sub(_from_quoted, charset.decode(content, declared))
    text = _FOLD.sub("", text)
    sink.add(_ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], text))


def _from_quoted(match: re.Match[str]) -> str:
    octets = binascii.a2b_qp(match[2].encode("utf-8", "replace"))
    return f"{match[1]}:{decode_charset(octets, 'utf-8')}"
