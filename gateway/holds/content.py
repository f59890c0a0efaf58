"""A message as text that a reviewer can read on any terminal: who, to whom, about what, and what it says.

What a mail program would show comes first; what it would not (hidden in HTML, said by another version only, where
links lead) comes behind it, with a word about what it is. Files are named, and attached messages are read.

Promises: never raises, whatever the octets; nothing of the message is left out without a word about it. Where the
parts cannot be told apart the body is shown as it came. `printable` is for whoever puts this on a screen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.message.headers import decode_value, split_block, split_fields
from gateway.message.readable import readable
from gateway.message.readable.model import Part, Readable
from gateway.message.text import decode_charset, decode_words

TEXT_LIMIT = 200_000  # characters shown; a person who needs more of it wants the file
_SHOWN_FIELDS = ("From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date")

# What keeps parts from being read: the body is shown as well, for something in it was not seen.
_UNREAD = ("nested-too-deep", "too-many-parts", "too-much-text", "text-too-large", "unreadable-message")


@dataclass(frozen=True, slots=True)
class Content:
    """A message to be read."""

    header: tuple[tuple[str, str], ...]  # the fields that a mail program shows, decoded
    text: str
    attachments: tuple[str, ...]  # name, type and size of each

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "header": [{"name": name, "value": value} for name, value in self.header],
            "text": self.text,
            "attachments": list(self.attachments),
        }


def content(raw: bytes) -> Content:
    """What a message says."""
    message = readable(raw)
    text = "\n".join(_texts(message, raw))
    if len(text) > TEXT_LIMIT:
        text = f"{text[:TEXT_LIMIT]}\n[cut after {TEXT_LIMIT} characters]"
    return Content(tuple(_header(raw)), text, tuple(map(_named, message.attachments)))


def _header(raw: bytes) -> Iterator[tuple[str, str]]:
    """The fields that are shown, in their usual order, every one of a name."""
    fields = split_fields(split_block(raw)[0])[0]
    for shown in _SHOWN_FIELDS:
        for name, value in fields:
            if name.lower() == shown.lower().encode():
                yield shown, decode_words(decode_value(value))


def _texts(message: Readable, raw: bytes) -> Iterator[str]:
    """All that the message says, in its order of importance."""
    trouble = [each for each in _UNREAD if each in message.defects]
    if trouble:
        body = raw[message.reading.header_size :][: 4 * TEXT_LIMIT]
        yield f"[{', '.join(trouble)}: the body as it was received]"
        yield decode_charset(body, "utf-8").replace("\r\n", "\n")
        return
    yield message.text
    if message.hidden.strip():
        yield f"\n[not shown by a mail program, or only in another version]\n{message.hidden.strip()}"
    targets = dict.fromkeys(link.target for link in message.links if link.target not in message.text)
    yield from (f"[leads to {target}]" for target in targets)
    for part in message.attachments:
        if part.text:
            yield f"\n[{_named(part)}]\n{part.text}"


def _named(part: Part) -> str:
    return f"{part.filename or '(no name)'}, {part.content_type}, {part.size} bytes"
