"""One message of the demo: what its writer meant, as bytes on the wire, with what the gateway should find in it.

`compose` writes RFC 5322 mail with CRLF line ends and no line over 998 octets (RFC 5322 §2.1.1); the same letter
always gives the same bytes. Only with `utf8_headers` do headers hold raw UTF-8 (RFC 6532), which needs SMTPUTF8.
"""

from __future__ import annotations

import base64
import quopri
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from enum import StrEnum
from hashlib import sha256
from html import escape

OFF_CHANNEL_STUDENT = "off-channel/student"
OFF_CHANNEL_GUARDIAN = "off-channel/guardian"
ONE_TO_ONE = "coach/one-to-one"
PARTIAL_TEAM = "coach/partial-team"
PRIVACY_COPY = "coach/privacy-copy"
LABELLED_RULES = (OFF_CHANNEL_STUDENT, OFF_CHANNEL_GUARDIAN, ONE_TO_ONE, PARTIAL_TEAM, PRIVACY_COPY)


class Entry(StrEnum):
    """The listener by which a message comes to the gateway."""

    INBOUND = "inbound"  # from the internet
    OUTBOUND = "outbound"  # from the district's mail server, which hands over all its mail


@dataclass(frozen=True, slots=True)
class Label:
    """A finding that the gateway must make; nothing else may be found."""

    rule: str
    author: str  # person id


@dataclass(frozen=True, slots=True)
class Party:
    """A mailbox as written in a header."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    type: str  # media type
    data: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """What a writer puts into a message."""

    message_id: str  # with angle brackets
    at: datetime
    author: Party
    to: tuple[Party, ...]
    cc: tuple[Party, ...] = ()
    subject: str = ""
    text: str = ""
    html: bool = False  # an HTML alternative beside the text
    attachments: tuple[Attachment, ...] = ()
    references: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()  # further header fields, at the end
    trace: tuple[tuple[str, str], ...] = ()  # fields that earlier hops put on top
    charset: str = "utf-8"
    encoding: str = "quoted-printable"  # for text that is not ASCII: this, 8bit or base64
    utf8_headers: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message ready to be sent, and what is expected of it."""

    scenario: str
    message_id: str
    subject: str
    at: datetime
    entry: Entry
    mail_from: str  # "" is the null sender
    recipients: tuple[str, ...]  # of the envelope
    raw: bytes
    expected: tuple[Label, ...] = ()
    refused: frozenset[str] = frozenset()  # recipients that the next hop does not know
    smtputf8: bool = False

    @property
    def sha256(self) -> str:
        return sha256(self.raw).hexdigest()

    @property
    def eight_bit(self) -> bool:
        """Whether it needs 8BITMIME (RFC 6152)."""
        return not self.raw.isascii()


def compose(letter: Letter) -> bytes:
    """The letter as bytes."""
    fields = [
        *letter.trace,
        ("Message-ID", letter.message_id),
        ("Date", format_datetime(letter.at)),
        ("From", _mailboxes([letter.author], letter)),
        ("To", _mailboxes(letter.to, letter) if letter.to else "undisclosed-recipients:;"),
    ]
    if letter.cc:
        fields.append(("Cc", _mailboxes(letter.cc, letter)))
    fields.append(("Subject", _words(letter.subject, letter.utf8_headers)))
    if letter.references:
        fields += [
            ("In-Reply-To", letter.references[-1]),
            ("References", "\r\n ".join(letter.references)),
        ]
    fields += [*letter.headers, ("MIME-Version", "1.0")]
    head = b"".join(f"{name}: {value}\r\n".encode() for name, value in fields)
    return head + _body(letter)


def _mailboxes(parties: Iterable[Party], letter: Letter) -> str:
    return ",\r\n ".join(_mailbox(party, letter.utf8_headers) for party in parties)


def _mailbox(party: Party, utf8: bool) -> str:
    if not party.name:
        return party.address
    if party.name.isascii() or utf8:
        plain = all(char.isalnum() or char in " -'" for char in party.name)
        name = party.name if plain else f'"{party.name}"'
    else:
        name = _words(party.name, utf8)
    return f"{name} <{party.address}>"


def _words(text: str, utf8: bool) -> str:
    """Text for a header: as it is, or as encoded words (RFC 2047)."""
    return text if text.isascii() or utf8 else Header(text, "utf-8", maxlinelen=70).encode(linesep="\r\n")


# --- MIME ---------------------------------------------------------------------------------------


def _body(letter: Letter) -> bytes:
    """Content fields, the empty line, and the content."""
    content = _text_part("plain", letter.text, letter)
    if letter.html:
        content = _multipart("alternative", [content, _text_part("html", _html(letter.text), letter)], letter)
    if letter.attachments:
        content = _multipart("mixed", [content, *map(_attachment_part, letter.attachments)], letter)
    return content


def _multipart(kind: str, parts: list[bytes], letter: Letter) -> bytes:
    boundary = f"=_{kind}_{sha256(letter.message_id.encode()).hexdigest()[:24]}"
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return head + body + b"--" + boundary.encode() + b"--\r\n"


def _text_part(kind: str, text: str, letter: Letter) -> bytes:
    data = text.replace("\n", "\r\n").encode(letter.charset)
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    encoding = "7bit" if data.isascii() else letter.encoding
    if encoding == "quoted-printable":
        data = quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    elif encoding == "base64":
        data = _base64(data)
    charset = "us-ascii" if encoding == "7bit" else letter.charset
    head = f"Content-Type: text/{kind}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + data


def _attachment_part(attachment: Attachment) -> bytes:
    head = (
        f'Content-Type: {attachment.type}; name="{attachment.name}"\r\n'
        f'Content-Disposition: attachment; filename="{attachment.name}"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode() + _base64(attachment.data)


def _base64(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def _html(text: str) -> str:
    """The text as a mail program would mark it up."""
    paragraphs = "\n".join(
        f"<p>{escape(part).replace(chr(10), '<br>' + chr(10))}</p>" for part in _paragraphs(text)
    )
    return f'<!DOCTYPE html>\n<html><body style="font-family: sans-serif">\n{paragraphs}\n</body></html>\n'


def wrap(text: str) -> str:
    """Paragraphs broken at 76 columns, as mail programs do."""
    return (
        "\n\n".join(textwrap.fill(part, 76) if len(part) > 76 else part for part in _paragraphs(text)) + "\n"
    )


def _paragraphs(text: str) -> list[str]:
    return text.strip().split("\n\n")
