"""The MIME structure of a message: its parts and attachments (RFC 2045, 2046, 2183, 2231).

What is made as the standards have it is read by `wellformed`, several times as fast. All else is read with
Python's own `email` parser under `policy.compat32`, which takes anything, in a frame that bounds what hostile
mail can make it do: the number of parts, the depth of their nesting (the parser recurses), and the length of
the fields that it takes apart (it does so in quadratic time). Where both answer, they agree.

Promises: never raises. What was irregular is in `defects`: the parser's own defects in kebab case
(`close-boundary-not-found`, `invalid-base64-padding`, ...), and `too-many-parts` and `nested-too-deep` (what
comes after is not looked at), `unreadable-structure` (the same, by an error of the parser), `field-too-long`
(read in part), `unreadable-name`, `unreadable-body`. It reads and decodes the whole message: a matter for the
indexer, never for the mail path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesFeedParser
from email.policy import Policy, compat32
from typing import Any

from gateway.message.headers import Buffer, decode_value, split_block, split_fields
from gateway.message.text import decode_charset, decode_words
from gateway.message.wellformed import Facts, wellformed_parts

PART_LIMIT = 1_000  # parts in all; a digest of a busy list has some dozens
DEPTH_LIMIT = 64  # parts within parts; mail that was forwarded ten times has some twenty
FIELD_LIMIT = 2_048  # octets of a part's field; an honest Content-Type has a tenth of it
_CHUNK = 2**16  # octets handed to the parser at once


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is no text to be read in place."""

    name: str  # decoded file name; "" if it has none
    content_type: str  # in lower case, without parameters: "application/pdf"
    size: int  # octets after decoding; of an attached message, those of all its bodies


@dataclass(frozen=True, slots=True)
class Structure:
    """The MIME facts of one message."""

    attachments: tuple[Attachment, ...]  # those within attached messages as well
    parts: int  # all of them, containers and the message itself included
    has_text: bool  # it has text of its own to be read in place
    defects: tuple[str, ...]


def structure(raw: Buffer) -> Structure:
    """The parts of the whole message `raw`. Never raises."""
    parts = wellformed_parts(raw)
    return tolerant_structure(raw) if parts is None else _told(parts, {})


def tolerant_structure(raw: Buffer) -> Structure:
    """The same by the tolerant reading, whatever the message is like. Never raises."""
    parts, defects = _parse(raw)
    for part in reversed(parts):  # what is within a part stands behind it, so its size is known by then
        _measure(part, defects)
    facts = [_facts(part, defects) for part in parts]
    for part in parts:
        defects.update(dict.fromkeys(map(_code, part.defects)))
        if part.field_too_long:
            defects["field-too-long"] = None
    return _told(facts, defects)


def _told(parts: Sequence[Facts], defects: dict[str, None]) -> Structure:
    attachments: list[Attachment] = []
    has_text = False
    for part in parts:
        if not part.shown:
            continue
        # A multipart whose boundary is nowhere to be found is shown as text by mail programs.
        is_text = part.content_type.partition("/")[0] in ("text", "multipart")
        if is_text and not part.name and not part.attached:
            has_text = has_text or (part.size > 0 and not part.within_message)
        else:
            attachments.append(Attachment(part.name, _sound_type(part.content_type), part.size))
    return Structure(tuple(attachments), len(parts), has_text, tuple(defects))


# --- parsing within bounds ---------------------------------------------------------------------


# Types that hold fields rather than a message (RFC 3464 §2.1, RFC 2046 §5.2.3, RFC 8098 §3.1).
_NO_MESSAGES = frozenset(
    {"message/delivery-status", "message/external-body", "message/disposition-notification"}
)


class _LimitReached(Exception):
    """Parsing ends here; the text is the defect code."""


class _Part(Message):
    """A part that knows where it stands, and whose fields are read as tolerantly as those of a header."""

    depth = 0
    parent: _Part | None = None
    within_message = False  # it belongs to an attached message
    made_up = False  # it is what the parser makes of the fields in a part of a type in _NO_MESSAGES
    size = 0
    field_too_long = False

    def attach(self, payload: Any) -> None:
        """Takes a part into this one. Raises _LimitReached beyond the allowed depth."""
        payload.parent = self
        payload.depth = self.depth + 1
        payload.within_message = self.within_message or self.get_content_maintype() == "message"
        payload.made_up = self.get_content_type() in _NO_MESSAGES
        super().attach(payload)
        if payload.depth > DEPTH_LIMIT:
            raise _LimitReached("nested-too-deep")

    def get(self, name: str, failobj: Any = None) -> Any:
        """The beginning of the first field of that name, decoded; all of the parser's look-ups come here."""
        wanted = name.lower()
        for field_name, value in self.raw_items():
            if field_name.lower() == wanted:
                octets = str(value).encode("utf-8", "surrogateescape")
                self.field_too_long = self.field_too_long or len(octets) > FIELD_LIMIT
                return decode_value(octets[:FIELD_LIMIT])
        return failobj


def _parse(raw: Buffer) -> tuple[list[_Part], dict[str, None]]:
    """The parts in the order of the message, itself first, and the defects of the parsing as a whole."""
    parts: list[_Part] = []

    def new_part(*, policy: Policy = compat32) -> _Part:
        if len(parts) >= PART_LIMIT:
            raise _LimitReached("too-many-parts")
        parts.append(_Part(policy=policy))
        return parts[-1]

    parser = BytesFeedParser(new_part, policy=compat32)
    parts.clear()  # the parser tries the factory when it is made
    try:
        # The header goes in as `headers` reads it, so that both agree on where the body begins.
        block, size, _ = split_block(raw)
        for name, value in split_fields(block)[0]:
            parser.feed(b"%b: %b\r\n" % (name, value))
        parser.feed(b"\r\n")
        for start in range(size, len(raw), _CHUNK):
            parser.feed(bytes(raw[start : start + _CHUNK]))
        parser.close()
    except _LimitReached as limit:
        return parts, {str(limit): None}
    except Exception:
        # Whatever mail finds a way to break the parser: the parts read so far are facts all the same.
        return parts, {"unreadable-structure": None}
    return parts, {}


# --- facts of a part ---------------------------------------------------------------------------


def _facts(part: _Part, defects: dict[str, None]) -> Facts:
    name = _name(part, defects)
    content_type = part.get_content_type()
    holds_parts = content_type.partition("/")[0] == "multipart" and part.is_multipart()
    attached = part.get_content_disposition() == "attachment"
    shown = not holds_parts and not part.made_up
    return Facts(content_type, name, attached, part.size, part.within_message, shown)


def _measure(part: _Part, defects: dict[str, None]) -> None:
    """Adds the octets of the part's decoded body to its size, and its size to that of what it is in."""
    if not part.is_multipart():
        content = _attempt("unreadable-body", defects, part.get_payload, None, True)
        part.size += len(content) if isinstance(content, bytes) else 0
    if part.parent is not None:
        part.parent.size += part.size


def _name(part: _Part, defects: dict[str, None]) -> str:
    """The file name (RFC 2183 §2.3), by RFC 2231 §3, §4, or encoded words, which no standard allows there."""
    for field, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        value = _attempt("unreadable-name", defects, part.get_param, parameter, None, field)
        if isinstance(value, tuple):
            charset, _, text = value
            value = decode_charset(text.encode("latin-1", "replace"), charset or "utf-8")
        name = decode_words(value).strip() if isinstance(value, str) else ""
        if name:
            return name
    return ""


def _attempt(code: str, defects: dict[str, None], read: Callable[..., Any], *arguments: Any) -> Any:
    """What `read` returns; None and a defect where the library fails, by whichever of its many errors."""
    try:
        return read(*arguments)
    except Exception:
        defects[code] = None
        return None


_SOUND_TYPE = re.compile(r"[!-.0-~]{1,127}/[!-.0-~]{1,127}")  # RFC 6838 §4.2 for the length
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _sound_type(content_type: str) -> str:
    return content_type if _SOUND_TYPE.fullmatch(content_type) else "application/octet-stream"


def _code(defect: object) -> str:
    """`StartBoundaryNotFoundDefect` as `start-boundary-not-found`."""
    return _WORD_START.sub("-", type(defect).__name__.removesuffix("Defect")).lower()
