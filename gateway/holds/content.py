"""A message as text that a reviewer can read on any terminal: who, to whom, about what, and what it says.

Promises: never raises, whatever the octets. `printable` leaves nothing in a text that a terminal would obey, or that
would make it look like another text: such characters are shown by their number. Nothing of the message is left out
without a word about it: of HTML the text is shown where there is no plain text beside it, other parts are named, and
where the parts cannot be told apart the body is shown as it came.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesFeedParser
from email.policy import compat32
from html.parser import HTMLParser
from typing import Any

from gateway.message.headers import decode_value, split_block, split_fields
from gateway.message.reading import read_message
from gateway.message.structure import structure
from gateway.message.text import decode_charset, decode_words

TEXT_LIMIT = 200_000  # characters shown; a person who needs more of it wants the file
_SHOWN_FIELDS = ("From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date")

# What makes `structure` stop before the end, or the parser slow: the parts are not told apart then.
_UNSAFE_STRUCTURE = frozenset(
    {"too-many-parts", "nested-too-deep", "unreadable-structure", "field-too-long", "unreadable-body"}
)


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
    facts = structure(raw)
    trouble = sorted(_UNSAFE_STRUCTURE.intersection(facts.defects))
    text = None if trouble else _text(raw)
    if text is None:
        why = ", ".join(trouble) or "its parts cannot be read"
        body = raw[read_message(raw).header_size :][: 4 * TEXT_LIMIT]
        text = f"[{why}: the body as it was received]\n{decode_charset(body, 'utf-8')}"
    text = text.replace("\r\n", "\n")
    if len(text) > TEXT_LIMIT:
        text = f"{text[:TEXT_LIMIT]}\n[cut after {TEXT_LIMIT} characters]"
    attachments = (
        f"{part.name or '(no name)'}, {part.content_type}, {part.size} bytes" for part in facts.attachments
    )
    return Content(tuple(_header(raw)), text, tuple(attachments))


def printable(text: str, *, lines: bool = False) -> str:
    """`text` with every character shown that would act upon a terminal; `lines`: it may be several lines."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if _is_harmless(each, lines) else _number(each) for each in text)


# Letters of some languages, and small pictures, are made with these two.
_JOINERS = "\u200c\u200d"
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def _is_harmless(character: str, lines: bool) -> bool:
    if lines and character in "\n\t":
        return True
    return character in _JOINERS or unicodedata.category(character) not in _UNSAFE


def _number(character: str) -> str:
    """A character as Python writes it: `\\x1b`, `\\u202e`."""
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


# --- header and parts ----------------------------------------------------------------------------------


def _header(raw: bytes) -> Iterator[tuple[str, str]]:
    """The fields that are shown, in their usual order, every one of a name."""
    fields = split_fields(split_block(raw)[0])[0]
    for shown in _SHOWN_FIELDS:
        for name, value in fields:
            if name.lower() == shown.lower().encode():
                yield shown, decode_words(decode_value(value))


def _text(raw: bytes) -> str | None:
    """The text of all parts; None where the parser fails after all."""
    parser = BytesFeedParser(policy=compat32)
    try:
        # As `structure` does, so that both agree on where the body begins.
        block, size, _ = split_block(raw)
        for name, value in split_fields(block)[0]:
            parser.feed(b"%b: %b\r\n" % (name, value))
        parser.feed(b"\r\n")
        parser.feed(raw[size:])
        return "\n".join(_texts(parser.close()))
    except Exception:  # whatever mail finds a way to break the library; the body is shown as it is then
        return None


def _texts(part: Message) -> Iterator[str]:
    """The texts to be read in place, in their order."""
    if part.is_multipart():
        children = [child for child in part.get_payload() if isinstance(child, Message)]
        if part.get_content_type() == "multipart/alternative":
            yield from _versions(children)
            return
        if part.get_content_maintype() == "message":
            yield f"[attached message, {part.get_content_type()}]"
            for child in children:
                yield from (f"[{name}: {_field(child, name)}]" for name in ("From", "To", "Subject"))
        for child in children:
            yield from _texts(child)
    elif (
        part.get_content_maintype() in ("text", "multipart")
        and part.get_content_disposition() != "attachment"
    ):
        yield _of_html(_decoded(part)) if part.get_content_subtype() == "html" else _decoded(part)


def _versions(children: list[Message]) -> Iterator[str]:
    """Of several versions of one text the plain ones; that there are others is said, for they may say otherwise."""
    plain = [
        one for one in children if one.get_content_type() == "text/plain" and _decoded(one).strip()
    ] or children
    for child in plain:
        yield from _texts(child)
    others = [child.get_content_type() for child in children if child not in plain]
    if others:
        yield f"[not shown: the same as {', '.join(others)}; --raw has it]"


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    charset = part.get_param("charset")
    octets = payload if isinstance(payload, bytes) else b""
    return decode_charset(octets, charset if isinstance(charset, str) else "utf-8")


def _field(part: Message, name: str) -> str:
    return decode_words(str(part.get(name, "")))


# --- HTML ----------------------------------------------------------------------------------------------

_NOT_SHOWN = frozenset(
    {"script", "style"}
)  # nothing else: what looks like an unclosed head must not hide the text
_BREAKS = frozenset(
    {
        "br",
        "p",
        "div",
        "tr",
        "li",
        "ul",
        "ol",
        "table",
        "blockquote",
        "hr",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    }
)


class _Html(HTMLParser):
    """Collects the text of HTML, and where its links and pictures lead."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _NOT_SHOWN:
            self._hidden += 1
        elif tag in _BREAKS:
            self.pieces.append("\n")
        for name, value in attrs:
            if value and (tag, name) in {("a", "href"), ("img", "alt")}:
                self.pieces.append(f"[{value}] ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _NOT_SHOWN:
            self._hidden = max(0, self._hidden - 1)
        elif tag in _BREAKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)


def _of_html(text: str) -> str:
    """The text of HTML, without empty lines in heaps."""
    reader = _Html()
    reader.feed(text)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).split("\n"))
    shown = "\n".join(line for line in lines if line)
    return f"[HTML, its text]\n{shown}\n"
