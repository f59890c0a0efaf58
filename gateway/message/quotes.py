"""Mailboxes that the quoted history of a message names: who wrote and who was addressed, as its body has it.

Mail programs put such lines before what they quote or forward:

    On Wed, Oct 14, 2026 at 3:14 PM Maria Lopez <maria.lopez@school.example> wrote:

    From: Maria Lopez <maria.lopez@school.example>
    Sent: Wednesday, October 14, 2026 3:14 PM
    To: Rosa Silva <rosa@silva.example>

These are the words of whoever sent the message, and prove nothing. An address elsewhere in the text, as in a
signature, is no quotation.

Promises: never raises; looks at the first `BODY_LIMIT` octets of the body, and finds at most `QUOTED_LIMIT`
mailboxes, in time linear in what it looks at. Base64 and quoted-printable parts and HTML are read; what cannot
be read names nobody.
"""

from __future__ import annotations

import binascii
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from gateway.message.addresses import mailboxes
from gateway.message.headers import Buffer, split_block

BODY_LIMIT = 256 * 1024  # octets; the newest quotation comes first, and a long thread has a few dozen KiB
QUOTED_LIMIT = 200  # mailboxes
_LINE_LIMIT = 2_000  # characters of a line that are looked at
_LINES = 8_000  # of one part
_TEXT_PARTS = 6  # plain text and HTML, and those of two messages within the message


class Part(StrEnum):
    """What somebody was in a quoted message."""

    WRITER = "writer"
    ADDRESSEE = "addressee"


@dataclass(frozen=True, slots=True)
class Quoted:
    """A mailbox of a quoted message."""

    address: str
    part: Part


def quoted_mailboxes(raw: Buffer) -> tuple[Quoted, ...]:
    """The mailboxes that the quoted history of a whole message names, each once. Never raises."""
    _, size, _ = split_block(raw)
    head, body = _mime_fields(bytes(raw[:size])), bytes(raw[size : size + BODY_LIMIT])
    found: dict[Quoted, None] = {}
    for text in _texts(head, body):
        for quoted in _quoted(text):
            found[quoted] = None
            if len(found) >= QUOTED_LIMIT:
                return tuple(found)
    return tuple(found)


# --- the text of a body --------------------------------------------------------------------------


def _mime_fields(head: bytes) -> bytes:
    """The fields `Content-...` of a header, found at the speed of a search: a header may have a megabyte."""
    lines = b"\n" + head.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lowered = lines.lower()
    found: list[bytes] = []
    start = lowered.find(b"\ncontent-")
    while start >= 0 and len(found) < _MIME_FIELDS:
        end = lines.find(b"\n", start + 1)
        while end >= 0 and lines[end + 1 : end + 2] in (b" ", b"\t"):
            end = lines.find(b"\n", end + 1)
        found.append(lines[start + 1 : end if end >= 0 else None])
        start = lowered.find(b"\ncontent-", end) if end >= 0 else -1
    return b"\n".join(found)


_BOUNDARY = re.compile(rb"boundary=(?:\"([^\"\r\n]{1,100})\"|([^\s\";]{1,100}))", re.IGNORECASE)
_BOUNDARIES = 20  # of parts within parts
_MIME_FIELDS = 50  # honest mail has some five of them
_TYPE = re.compile(rb"^content-type:\s*([a-z]+)/([a-z0-9.+-]+)", re.IGNORECASE | re.MULTILINE)
_ENCODING = re.compile(rb"^content-transfer-encoding:\s*([a-z0-9-]+)", re.IGNORECASE | re.MULTILINE)
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def _texts(head: bytes, body: bytes) -> Iterator[str]:
    """The text parts, found by their boundaries alone: what lies in what does not matter here."""
    boundaries = _boundaries(head, body)
    if not boundaries:
        text = _text(head, body)
        yield from () if text is None else (text,)
        return
    yielded = 0
    for piece in boundaries.split(body)[1:]:
        piece = piece.removeprefix(b"\r").removeprefix(b"\n")
        _, size, _ = split_block(piece)
        text = _text(piece[:size], piece[size:])
        if text is not None:
            yielded += 1
            yield text
        if yielded == _TEXT_PARTS:
            return


def _boundaries(head: bytes, body: bytes) -> re.Pattern[bytes] | None:
    """The lines between the parts; None where the message is in one part."""
    content_type = _TYPE.search(head)
    if content_type is None or content_type[1].lower() != b"multipart":
        return None
    found: dict[bytes, None] = {}
    for text in (head, body):
        for match in _BOUNDARY.finditer(text):
            found[re.escape(match[1] or match[2])] = None
            if len(found) == _BOUNDARIES:
                break
    return (
        re.compile(rb"^--(?:" + b"|".join(found) + rb")(?:--)?[ \t]*(?=\r?$)", re.MULTILINE)
        if found
        else None
    )


def _text(head: bytes, content: bytes) -> str | None:
    """The text of a part; None where it is none. Addresses are ASCII in every charset mail is written in."""
    content_type = _TYPE.search(head)
    if content_type is not None and content_type[1].lower() != b"text":
        return None
    encoding = _ENCODING.search(head)
    kind = encoding[1].lower() if encoding is not None else b""
    if kind == b"base64":
        data = _NOT_BASE64.sub(b"", content)
        content = binascii.a2b_base64(data[: len(data) // 4 * 4])
    elif kind == b"quoted-printable":
        content = binascii.a2b_qp(content)
    text = content.decode("utf-8", "replace")
    return _without_tags(text) if content_type is not None and content_type[2].lower() == b"html" else text


_BREAK = re.compile(r"<(?:br|/?div|/?p|/?tr|/?blockquote|/?li|hr|/?table)\b[^<>]{0,1000}>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,1000}>")


def _without_tags(text: str) -> str:
    """HTML as lines of text, roughly: a line for each block, no tags, characters for entities."""
    text = " ".join(text.split())
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", text)))


# --- the lines that name somebody ----------------------------------------------------------------

_QUOTE_MARKS = " \t>|*\ufeff\u200b\xa0"
_FIELDS = {
    "from": Part.WRITER, "de": Part.WRITER, "von": Part.WRITER, "da": Part.WRITER, "od": Part.WRITER,
    "от": Part.WRITER, "de la part de": Part.WRITER, "发件人": Part.WRITER,
    "to": Part.ADDRESSEE, "cc": Part.ADDRESSEE, "para": Part.ADDRESSEE, "an": Part.ADDRESSEE, "à": Part.ADDRESSEE,
    "a": Part.ADDRESSEE, "do": Part.ADDRESSEE, "кому": Part.ADDRESSEE, "收件人": Part.ADDRESSEE,
    "copie": Part.ADDRESSEE,
}  # fmt: skip
_OTHER_FIELDS = frozenset(
    {
        "sent", "date", "subject", "reply-to", "bcc", "enviado", "fecha", "asunto", "assunto", "data", "envoyé",
        "objet", "gesendet", "betreff", "datum", "oggetto", "inviato", "дата", "тема", "发送时间", "主题",
    }
)  # fmt: skip
_FIELD = re.compile(r"([^\W\d_][^:：]{0,20}?)\**\s*[:：]\**\s*(.*)", re.DOTALL)
ATTRIBUTION = re.compile(
    r"(?:\bschrieb\s[^<>]{1,40}<[^<>\s]{1,100}>|wrote|writes|escribió|escreveu|a écrit|schrieb|ha scritto"
    r"|написала?|napisała?|ekri)"
    r"(?:\s*\(.{0,20}\))?\s*[:：]\s*\Z",
    re.IGNORECASE,
)
_ATTRIBUTION_LINES = 4  # a long attribution is wrapped; at most so many lines make one
_BLOCK_LINES = 8  # the fields of a quoted header stand together


def _quoted(text: str) -> Iterator[Quoted]:
    lines = [line[:_LINE_LIMIT].strip(_QUOTE_MARKS) for line in text.splitlines()[:_LINES]]
    fields = [header_field(line) for line in lines]
    for number, line in enumerate(lines):
        if ATTRIBUTION.search(line[-200:]):
            yield from _attribution(lines, number)
        field = fields[number]
        if field is not None and isinstance(field[0], Part) and "@" in field[1]:
            around = fields[max(0, number - _BLOCK_LINES) : number + _BLOCK_LINES]
            # One "To: x@y" alone may be anything; of a header there are three fields or more.
            if sum(one is not None for one in around) >= 3:
                yield from (Quoted(box.address, field[0]) for box in mailboxes([field[1]])[:QUOTED_LIMIT])


def header_field(line: str) -> tuple[Part | str, str] | None:
    """Which field of a quoted header a line is, and what it says; None where it is none."""
    match = _FIELD.match(line)
    if match is None:
        return None
    name = match[1].strip().lower()
    if name in _OTHER_FIELDS:
        return name, ""
    part = _FIELDS.get(name)
    return None if part is None else (part, match[2])


_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"]{1,64}@[^\s<>()\[\],;:\"]{1,255}")


def _attribution(lines: list[str], number: int) -> Iterator[Quoted]:
    """The writer in "On ... wrote:": the last address of the line, or of the lines that were wrapped to it."""
    for line in reversed(lines[max(0, number - _ATTRIBUTION_LINES + 1) : number + 1]):
        addresses = _ADDRESS.findall(line)
        if addresses:
            yield Quoted(addresses[-1].removeprefix("mailto:"), Part.WRITER)
            return
        if not line:
            return
