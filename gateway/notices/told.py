"""What a notice says, as facts: everything that its letter needs, and nothing that may not stand in one.

All texts here went through `wording`: one line each, no addresses. Names of people are in them, so a notice goes to
whom `audience` says and into no log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby
from typing import TypeAlias

from gateway.catalog.rows import FindingRow
from gateway.config import Severity
from gateway.directory.snapshot import Directory
from gateway.notices.audience import Audience
from gateway.notices.wording import NAME_LIMIT, name_of, shown
from gateway.policy.wording import series

MOST_LISTED = (
    200  # findings or messages in a letter; a longer one is not read, and some mail systems refuse it
)

Pairs: TypeAlias = tuple[tuple[str, str], ...]  # subject and audience, as `catalog.notified` keeps them


class Kind(StrEnum):
    """What a notice is for, as the archive has it."""

    VIOLATIONS = "violations"
    DIGEST = "digest"
    HELD = "held"
    OVERDUE = "overdue"
    RETURNED = "returned"
    AUTHORS = "authors"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Told:
    """One finding in a letter to reviewers."""

    rule: str
    severity: str
    confidence: str
    author: str
    explanation: str
    action: str
    message: str  # archive id of the message
    seen: datetime


@dataclass(frozen=True, slots=True)
class School:
    """The findings of a letter that concern one school, or the same schools."""

    name: str  # "" where the roster knows none
    told: tuple[Told, ...]
    more: int  # that are not listed


@dataclass(frozen=True, slots=True)
class Listing:
    """Findings by school: the oldest of many, and how many more there are."""

    schools: tuple[School, ...] = ()
    count: int = 0
    more: int = 0


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """A message that was held back, with all its transactions that are told of together."""

    id: str  # of the first
    received: datetime
    authors: str  # names; "" where no finding stands any more
    recipients: int
    listing: Listing
    transactions: int = 1  # in which its mail server sent it


@dataclass(frozen=True, slots=True)
class Violations:
    """Possible violations, told as soon as they are settled."""

    listing: Listing


@dataclass(frozen=True, slots=True)
class Digest:
    """Everything else, once a day."""

    day: date
    listing: Listing
    taken_back: Listing
    held: int  # messages that wait now
    oldest: datetime | None  # since when the first of them waits


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message waits for a reviewer."""

    message: HeldMessage
    until: datetime | None  # None: for ever
    then: str  # "release" or "escalate"


@dataclass(frozen=True, slots=True)
class Escalated:
    """Nobody decided about a held message, and somebody above the reviewers is asked."""

    message: HeldMessage
    times: int
    came_back: bool  # it was released, and could not be delivered
    limit: float  # seconds after which they are told again


@dataclass(frozen=True, slots=True)
class ReleasedUnseen:
    """Nobody decided about a held message, and it went on."""

    message: HeldMessage
    released: datetime
    limit: float  # seconds for which it waited


@dataclass(frozen=True, slots=True)
class CameBack:
    """A released message cannot be delivered."""

    message: HeldMessage
    undelivered: int  # recipients
    reply: str  # of the next hop


class Case(StrEnum):
    """What several held messages in one letter have in common."""

    WAITING = "waiting"
    ESCALATED = "escalated"
    RELEASED = "released"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Brief:
    """A held message in a list."""

    id: str
    received: datetime
    authors: str  # names; "" where no finding stands any more
    recipients: int
    transactions: int
    rules: str


@dataclass(frozen=True, slots=True)
class Several:
    """So many held messages at once that one letter tells of them all."""

    case: Case
    count: int
    messages: tuple[Brief, ...]  # the oldest
    more: int  # that are not listed
    since: datetime  # when the first was received
    until: datetime | None  # when time is up for the first; None: never
    then: str  # "release" or "escalate"
    limit: float  # seconds for which each waits


@dataclass(frozen=True, slots=True)
class Occasion:
    """One message of an author's."""

    seen: datetime
    to: str  # names of those whom the finding is about
    confidence: str


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one rule asks for, and the messages in which it was found missing."""

    rule: str
    sentence: str  # of the policy
    remedy: str
    occasions: tuple[Occasion, ...]
    more: int


@dataclass(frozen=True, slots=True)
class ToAuthor:
    """A kind letter to the author of some messages."""

    name: str
    lessons: tuple[Lesson, ...]
    count: int  # messages


@dataclass(frozen=True, slots=True)
class Cleared:
    """What one rule found in a message, and does not find any longer."""

    rule: str
    seen: datetime


@dataclass(frozen=True, slots=True)
class InOrder:
    """A kind letter to an author: something that we wrote to them about is as it should be."""

    name: str
    cleared: tuple[Cleared, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Attested:
    """The ledger's first checkpoint of a day, to be kept by somebody else."""

    day: date
    origin: str
    entries: int
    note: str  # signed


HeldBody: TypeAlias = Waiting | Escalated | ReleasedUnseen | CameBack | Several
Body: TypeAlias = Violations | Digest | HeldBody | ToAuthor | InOrder | Attested


@dataclass(frozen=True, slots=True)
class Notice:
    """A letter that is to be written, to whom, and what it tells to which audience."""

    kind: Kind
    recipients: tuple[str, ...] = field(repr=False)
    about: Pairs
    body: Body = field(repr=False)


# --- from the catalog's rows -------------------------------------------------------------------------------


def listing(findings: Sequence[FindingRow], audience: Audience) -> Listing:
    """Findings by school, in the order of the schools' names and then of time."""
    oldest_first = sorted(findings, key=_in_time)
    listed = {finding["id"] for finding in oldest_first[:MOST_LISTED]}
    placed = [(school_names(finding, audience), finding) for finding in oldest_first]
    placed.sort(key=lambda each: (each[0] == "", each[0].casefold(), each[0]))
    schools = []
    for name, group in groupby(placed, key=lambda each: each[0]):
        rows = [finding for _, finding in group]
        chosen = tuple(_told(finding) for finding in rows if finding["id"] in listed)
        schools.append(School(name, chosen, len(rows) - len(chosen)))
    return Listing(tuple(schools), len(findings), len(findings) - len(listed))


def _in_time(finding: FindingRow) -> tuple[datetime, bool, str]:
    """By time, and what matters most first within one message."""
    return finding["detected_at"], finding["severity"] != Severity.VIOLATION, finding["id"]


def school_names(finding: FindingRow, audience: Audience) -> str:
    """The schools that a finding concerns, by name."""
    called = (_school(audience.directory, school) for school in audience.schools(finding))
    return series(sorted(set(called)))


def authors(findings: Iterable[FindingRow]) -> str:
    """The names of the authors of some findings, each once."""
    return series(list(dict.fromkeys(name_of(finding["author"]) for finding in findings)))


def _school(directory: Directory, school: str) -> str:
    return shown(directory.schools.get(school) or school, NAME_LIMIT)


def _told(finding: FindingRow) -> Told:
    return Told(
        rule=shown(finding["rule"], NAME_LIMIT),
        severity=finding["severity"],
        confidence=finding["confidence"],
        author=name_of(finding["author"]),
        explanation=shown(finding["explanation"]),
        action=finding["action"],
        message=shown(finding["archive_id"], NAME_LIMIT),
        seen=finding["detected_at"],
    )
