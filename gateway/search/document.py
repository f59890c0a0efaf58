"""What a search engine knows of one message. Texts are as people read them; an engine folds them by `message.words`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gateway.search.query.tree import Place


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Somebody in a message."""

    place: Place  # never PARTICIPANT: that is all of them
    address: str  # canonical
    domain: str  # lower case, A-labels
    name: str = ""  # as displayed


@dataclass(frozen=True, slots=True)
class Named:
    """A group or a school: by id and by name."""

    id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One archived message."""

    seq: int
    id: str  # the archive's
    received: datetime  # UTC
    date: datetime | None = None  # by the author's clock
    size: int = 0  # octets

    subject: str = ""
    body: str = field(default="", repr=False)  # what the author wrote
    quoted: str = field(default="", repr=False)  # what it quotes, and the signature
    hidden: str = field(default="", repr=False)  # in HTML, but not shown
    attachments: tuple[str, ...] = field(default=(), repr=False)  # the text of each
    filenames: tuple[str, ...] = ()

    mailboxes: tuple[Mailbox, ...] = ()
    persons: tuple[str, ...] = ()  # ids of those who take part, by the roster of the day
    roles: tuple[str, ...] = ()  # that somebody who takes part has
    groups: tuple[Named, ...] = ()
    schools: tuple[Named, ...] = ()

    direction: str = ""  # in, out, internal
    listener: str = ""
    outcome: str = ""
    rules: tuple[str, ...] = ()  # with an open finding
    severities: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()  # names of the legal matters for which it is kept
    requests: tuple[str, ...] = ()  # names of the public-records requests that it is part of
    labels: tuple[str, ...] = ()  # that people gave it

    message_id: str = ""
    content_id: str = ""
    text_id: str = ""  # equal for messages that say the same in the same words
    origin_id: str = ""  # equal for a text and for what forwards it, with words of its own or without
    thread: str = ""
    sha256: str = ""
    language: str = ""  # ISO 639-1; "" where it is not known
    defects: tuple[str, ...] = ()
    types: tuple[str, ...] = ()  # of attachments
    has: tuple[str, ...] = ()
    unreadable: int = 0  # parts whose text could not be read, so that a hit may hide in them
