"""What a search engine must do, whichever it is: documents in, answers out.

Promises of every engine (`tests/search/conformance.py` holds each one to them):

- What stands in the index is replaced, removed and committed together with `position`, the archive's sequence
  number up to which the index is. After a crash both are those of the last commit.
- Counts and facets are exact. Texts meet only through `message.words`; no word is lost for its length.
- Paging has no end but the last hit. Pages that follow each other by cursor show every message once that was there
  when the first page was asked for, and none that came later.

An engine fails with an `EngineError`, which says what to do.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Protocol, Self

import orjson

from gateway.search.document import Document
from gateway.search.query.tree import Node

WORD_LETTERS = 256  # words are compared by so many letters; what is longer is no language
SLOP = 50  # the widest Phrase.slop
VARIANTS = 1000  # ways in which a phrase with slop may stand in a text
SPELLED = 10_000  # words of a query's phrases with slop, in all the ways in which these may stand
DEPTH = 200  # nodes within nodes
DISTANCE = 2  # the widest Near.distance
PAGE = 10_000  # the most hits on a page, and values of a facet


class EngineError(Exception):
    """Why an engine cannot do what was asked."""


class IndexMissing(EngineError):
    """Nothing was indexed yet."""


class IndexDamaged(EngineError):
    """The index cannot be used any more: rebuild it from the archive."""


class IndexOutdated(IndexDamaged):
    """The index was made by another version: rebuild it from the archive."""


class IndexLocked(EngineError):
    """Another process writes the index."""


class WriteFailed(EngineError):
    """Nothing since the last commit was kept; try again from `position()`."""


class Unanswerable(EngineError, ValueError):
    """This question is beyond what an engine answers in reasonable time."""


class BadCursor(EngineError, ValueError):
    """This cursor was not made by a page of this sorting."""


# --- what is asked -------------------------------------------------------------------------------


class Sort(StrEnum):
    """In which order hits come. Messages that are equal in this come in the archive's order, newest first."""

    NEWEST = "newest"
    OLDEST = "oldest"  # the archive's order too
    RELEVANCE = "relevance"  # by `Tier`, then newest first


class Tier(StrEnum):
    """Where a message must have the words for a query to hold, the most telling place first.

    Words of a query that looks in one field only are not told apart. This ranking needs no statistics of the whole
    index, so it is the same tomorrow, on another engine, and explains itself.
    """

    SUBJECT = "subject"
    WRITTEN = "written"  # also in what the author wrote, and in names of files
    ATTACHED = "attached"  # also in attachments
    ANYWHERE = "anywhere"  # also in what is quoted or hidden


class Collapse(StrEnum):
    """Of which messages only the first in the order is told; each joins what the one before it joins, and more.

    Nothing is lost: a hit tells how many others it stands for, and those numbers and the hits add up to the count.
    """

    MESSAGE = "message"  # one message in several transactions: equal `content_id`
    TEXT = "text"  # the same words, sent again or forwarded without a word: equal `text_id`
    FORWARDS = "forwards"  # a text and what forwards it, comments of its own or not: equal `origin_id`


class Facet(StrEnum):
    """By what hits are counted."""

    SENDER = "sender"  # canonical address in From
    DOMAIN = "domain"  # of the author's address
    PERSON = "person"
    ROLE = "role"
    SCHOOL = "school"  # by id
    GROUP = "group"  # by id
    DIRECTION = "direction"
    LISTENER = "listener"
    RULE = "rule"
    SEVERITY = "severity"
    STATUS = "status"
    OUTCOME = "outcome"
    TYPE = "type"  # of an attachment
    HAS = "has"
    LANGUAGE = "lang"
    DEFECT = "defect"


class Step(StrEnum):
    """How wide a bar of a histogram is. Weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars over the time of receipt, by the calendar of a place."""

    step: Step
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be told of the hits."""

    sort: Sort = Sort.NEWEST
    limit: int = 20  # hits on the page, from 0 to PAGE
    cursor: str | None = None  # of the page before
    count: bool = True
    facets: tuple[Facet, ...] = ()
    facet_values: int = 10  # of each facet, the most frequent; at most PAGE
    histogram: Histogram | None = None
    collapse: Collapse | None = None  # counts are of messages all the same


# --- what is answered ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hit:
    """One message found."""

    seq: int
    id: str
    received: datetime
    tier: Tier | None = None  # with Sort.RELEVANCE
    also: int = 0  # with `collapse`: further hits that this one stands for


@dataclass(frozen=True, slots=True)
class FacetValue:
    """How many hits have this value."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Bar:
    """How many hits were received from `start` (inclusive) to `end` (exclusive)."""

    start: datetime
    end: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    hits: tuple[Hit, ...]
    position: int  # the archive's sequence number up to which was searched
    cursor: str | None = None  # for the next page; None: there is none
    count: int | None = None  # of all pages
    facets: Mapping[Facet, tuple[FacetValue, ...]] = field(default_factory=dict)  # the most frequent first
    histogram: tuple[Bar, ...] = ()  # from the first hit's bar to the last one's, empty ones too


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended. `until`: the position of the first page."""

    sort: Sort
    until: int
    tier: int
    received: int  # microseconds since 1970
    seq: int

    def encode(self) -> str:
        """As text that a URL takes as it is."""
        fields = [self.sort.value, self.until, self.tier, self.received, self.seq]
        return base64.urlsafe_b64encode(orjson.dumps(fields)).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, sort: Sort) -> Self:
        """Raises BadCursor."""
        try:
            fields = orjson.loads(
                base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            )
            name, *numbers = fields
            until, tier, received, seq = numbers
        except (binascii.Error, ValueError, TypeError) as error:
            raise BadCursor("this is no cursor: give the one of the page before, unchanged") from error
        if not all(type(number) is int and abs(number) < 2**62 for number in numbers) or tier < 0:
            raise BadCursor("this is no cursor: give the one of the page before, unchanged")
        if name != sort.value:
            raise BadCursor(f"this cursor belongs to another sorting than {sort.value}")
        return cls(sort, until, tier, received, seq)


# --- who does it ---------------------------------------------------------------------------------


class Writer(Protocol):
    """The one that writes an index. One at a time over all processes; one thread at a time.

    Whatever raises leaves the index as it was at the last commit.
    """

    def position(self) -> int:
        """Of the last commit; 0 for an empty index."""

    def add(self, documents: Iterable[Document]) -> None:
        """Take documents, each instead of the one with the same seq; found after the next commit."""

    def commit(self, position: int) -> None:
        """Keep what was added and removed, together with `position`.

        Raises ValueError for one that is less than the last or than the seq of a document added.
        """

    def write(self, documents: Iterable[Document], position: int) -> None:
        """`add` and `commit`."""

    def remove(self, seqs: Iterable[int]) -> None:
        """Documents to be gone after the next commit; those that are not there do not matter."""

    def close(self) -> None:
        """Forget what was not committed, and let another process write."""


class Searcher(Protocol):
    """Answers questions, from any thread; each sees the last commit of any process."""

    def position(self) -> int:
        """The archive's sequence number up to which the index is."""

    def search(self, node: Node, wanted: Wanted) -> Page:
        """A page of hits, and what else is wanted. Raises Unanswerable or BadCursor."""

    def count(self, node: Node) -> int:
        """How many messages."""

    def seqs(self, node: Node) -> Iterator[int]:
        """All hits in the archive's order, as they are now, whatever is written meanwhile."""

    def similar(self, document: Document, limit: int = 10) -> Sequence[Hit]:
        """Messages with the same rare words, the most similar first; not the message itself.

        The document is given, not its number: an index keeps no text.
        """

    def close(self) -> None:
        """Let go of the index."""
