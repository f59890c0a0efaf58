"""Text as it is; calendars and cards with their folded lines joined."""

from __future__ import annotations

import binascii
import re
from typing import Final

from gateway.extraction import charset
from gateway.extraction.job import Job, Sink, Unread
from gateway.extraction.model import Status
from gateway.message.text import decode_charset

_FOLD: Final = re.compile(r"\r?\n[ \t]")
_ESCAPE: Final = re.compile(r"\\([nN,;\\])")
# vCard 2.1: a value in quoted-printable, with soft line breaks.
_QUOTED: Final = re.compile(
    r"^([^:\r\n]{0,200};ENCODING=QUOTED-PRINTABLE[^:\r\n]{0,200}):((?:[^\r\n]*=\r?\n)*+[^\r\n]*)",
    re.IGNORECASE | re.MULTILINE,
)


# RFC 9580 §6.2; also behind the marks of a quotation.
_ARMOUR: Final = re.compile(
    r"^[> \t]*-----BEGIN PGP MESSAGE-----.*?(?:^[> \t]*-----END PGP MESSAGE-----|\Z)",
    re.MULTILINE | re.DOTALL,
)


def read(content: bytes, declared: str, sink: Sink, job: Job) -> None:
    if add(charset.decode(content, declared), sink):
        raise Unread(Status.ENCRYPTED, "text encrypted with PGP")


def add(text: str, sink: Sink) -> bool:
    """Take what of a text can be read; whether some of it is encrypted."""
    if "-----BEGIN PGP MESSAGE-----" not in text:
        sink.add(text)
        return False
    clear, encrypted = _ARMOUR.subn("", text)
    sink.add(clear)
    return encrypted > 0


def read_lines(content: bytes, declared: str, sink: Sink, job: Job) -> None:
    """RFC 5545 §3.1, RFC 6350 §3.2."""
    text = _QUOTED.sub(_from_quoted, charset.decode(content, declared))
    text = _FOLD.sub("", text)
    sink.add(_ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], text))


def _from_quoted(match: re.Match[str]) -> str:
    octets = binascii.a2b_qp(match[2].encode("utf-8", "replace"))
    return f"{match[1]}:{decode_charset(octets, 'utf-8')}"
