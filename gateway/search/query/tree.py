"""The syntax tree of a query: what is asked for, in terms of what `document.Document` has.

Immutable and free of any engine. Words are folded (`message.words`): without case and accents.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TextField(StrEnum):
    """Where words are looked for."""

    ANY = "any"  # subject, body (new and quoted), attachments, file names
    SUBJECT = "subject"
    BODY = "body"  # all text in place: what the author wrote, what it quotes, signatures
    NEW = "new"  # only what the author wrote
    FILENAME = "filename"
    ATTACHMENT = "attachment"  # the text of attachments


class Place(StrEnum):
    """Where in a message an address or a name stands."""

    FROM = "from"  # From:, Sender: or the envelope's sender
    TO = "to"  # To:, Cc: or the envelope's recipients
    CC = "cc"
    BCC = "bcc"  # an envelope recipient who stands in no header
    RCPT = "rcpt"  # the envelope's recipients
    PARTICIPANT = "participant"  # anywhere


class Keyword(StrEnum):
    """Facts of a message that are compared as a whole."""

    PERSON = "person"  # person id, by the roster of the day
    ROLE = "role"  # student, staff, guardian, coach, advisor, administrator: somebody with it takes part
    GROUP = "group"  # group id; or folded name
    SCHOOL = "school"  # sourcedId; or folded name
    DIRECTION = "direction"  # in, out, internal
    LISTENER = "listener"
    RULE = "rule"
    SEVERITY = "severity"
    STATUS = "status"  # of a finding
    OUTCOME = "outcome"
    HOLD = "hold"  # a legal matter, by its folded name
    REQUEST = "request"  # a public-records request, by its folded name
    LABEL = "label"  # what people call it: transcript, student-record ...
    THREAD = "thread"
    ID = "id"  # archive id
    MESSAGE_ID = "message-id"
    CONTENT = "content"  # equal in all transactions of one message
    SHA256 = "sha256"
    DEFECT = "defect"
    LANGUAGE = "lang"
    HAS = "has"  # attachment, finding, defect, unreadable, calendar, image
    TYPE = "type"  # of an attachment: pdf, docx, image ...


class Number(StrEnum):
    """What is compared by more and less."""

    RECEIVED = "received"  # datetime
    DATE = "date"  # the author's clock, datetime
    SIZE = "size"  # octets


# --- words -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words in this order; one word is a phrase of one. `slop`: so many other words may stand between them in all."""

    words: tuple[str, ...]
    slop: int = 0


@dataclass(frozen=True, slots=True)
class Beginning:
    """Words in this order, the last one the beginning of a word."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Near:
    """A word or one that differs from it by at most `distance` letters (Damerau-Levenshtein)."""

    word: str
    distance: int


Match = Phrase | Beginning | Near


# --- leaves ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """Words in the text."""

    match: Match
    field: TextField = TextField.ANY


@dataclass(frozen=True, slots=True)
class Address:
    """One address, canonical, in a place."""

    place: Place
    canonical: str


@dataclass(frozen=True, slots=True)
class Domain:
    """An address in a domain or in a subdomain of it (lower case, A-labels), in a place."""

    place: Place
    domain: str


@dataclass(frozen=True, slots=True)
class Name:
    """Words of a display name or of the part of an address before the @, in a place."""

    place: Place
    match: Match


@dataclass(frozen=True, slots=True)
class Is:
    """A fact; with `prefix` the beginning of one."""

    field: Keyword
    value: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Between:
    """A number or time from `low` (inclusive) to `high` (exclusive); None: open."""

    field: Number
    low: int | datetime | None = None
    high: int | datetime | None = None


# --- together ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Not:
    """What must not hold."""

    node: Node


@dataclass(frozen=True, slots=True)
class And:
    """What must hold together; with no nodes, always."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Of which one must hold; with no nodes, never."""

    nodes: tuple[Node, ...]


Node = Text | Address | Domain | Name | Is | Between | Not | And | Or
