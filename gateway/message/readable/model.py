"""What a message says, and what its parts are: the answer of `readable`.

Immutable. Texts are as people read them: lines end with LF, without control characters and without the invisible
characters that would tear words apart. Nothing in a text is markup any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.message.readable.links import Link
from gateway.message.readable.transfer import decoded
from gateway.message.reading import Reading
from gateway.message.structure import PART_LIMIT


@dataclass(frozen=True, slots=True)
class Limits:
    """What hostile mail may cost at most; far beyond any honest message."""

    octets: int = 128 * 2**20  # of the message that are looked at; relays rarely take more than 50 MB
    parts: int = PART_LIMIT  # in all, those of attached messages included
    depth: int = 32  # multiparts within multiparts
    messages: int = 12  # messages within messages
    text: int = 8 * 2**20  # octets of one text part that are read as text
    all_text: int = 24 * 2**20  # characters of all texts of one message
    links: int = 2_000


DEFAULT_LIMITS = Limits()


class Kind(StrEnum):
    """What a part is to somebody who reads the message."""

    TEXT = "text"  # to be read in place
    HTML = "html"  # to be read in place
    IMAGE = "image"
    ATTACHMENT = "attachment"
    MESSAGE = "message"  # an attached message
    CALENDAR = "calendar"
    TNEF = "tnef"  # winmail.dat; what is in it stands behind it as parts of their own
    ENCRYPTED = "encrypted"
    SIGNATURE = "signature"
    OTHER = "other"  # said to be something, but nothing to read: references to outside, control parts


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a message that is no container."""

    # "1.2.1", as IMAP counts (RFC 9051 §6.4.5); what is unpacked from a part counts below it; "" for what a limit kept
    # from being read.
    path: str
    content_type: str  # as declared, in lower case, without parameters
    kind: Kind
    charset: str = ""  # by which the text was read; "" where there is none
    disposition: str = ""  # "inline", "attachment" or whatever stands there; "" without
    filename: str = ""  # for display only, never for a path
    content_id: str = ""  # without angle brackets
    size: int = 0  # octets after decoding
    text: str = field(default="", repr=False)  # what could be read of it here
    message: Readable | None = field(default=None, repr=False)  # of an attached message
    defects: tuple[str, ...] = ()
    _octets: memoryview | bytes = field(default=b"", repr=False, compare=False)
    _encoding: str = field(default="", repr=False, compare=False)

    def content(self) -> bytes:
        """The decoded octets; decoded anew each time, so keep them if they are needed twice."""
        return decoded(bytes(self._octets), self._encoding)[0]


@dataclass(frozen=True, slots=True)
class Readable:
    """A message that can be read."""

    reading: Reading
    # Who stands in From, Sender, To or Cc where no address does: the field, lower case, and the text.
    unaddressed: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] = ()  # in their order; those of an attached message are in its `message`
    text: str = field(
        default="", repr=False
    )  # what a reader sees, in its order; `body` and `quoted` share it
    body: str = field(default="", repr=False)  # what the author wrote
    quoted: str = field(default="", repr=False)  # what it quotes, and the signature
    # What HTML does not show, and what only the version says that a reader does not see: the lines of plain text
    # beside HTML that HTML lacks, text before and behind the parts.
    hidden: str = field(default="", repr=False)
    links: tuple[Link, ...] = ()
    filenames: tuple[str, ...] = ()  # of all parts, attached messages included
    attachments: tuple[
        Part, ...
    ] = ()  # all there is beside the text, attached messages and what is in them included
    unreadable: tuple[
        Part, ...
    ] = ()  # parts whose text could not be read here, nor can be read by extraction
    thread: str = ""  # equal for the messages of a conversation
    thread_subject: str = ""  # folded subject without Re: and Fwd:, for what no thread key joins
    language: str = ""  # ISO 639-1 of what the author wrote; "" where it is not known
    defects: tuple[str, ...] = ()
