"""Rows of the catalog as plain typed dictionaries, and how two views of one finding become one.

The indexer makes these rows; the store writes them. They are dictionaries because that is what a bulk
insert takes. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict


class MessageRow(TypedDict):
    """One archived message: a transaction."""

    seq: int
    id: str
    received: datetime
    listener: str
    role: str
    client_address: str
    mail_from: str
    message_id: str | None
    content_id: str | None
    subject: str
    date: datetime | None
    from_display: str
    size: int
    sha256: str | None
    header_size: int | None
    received_count: int | None
    in_reply_to: list[str]
    auto_submitted: str | None
    list_id: str | None
    privacy_matter: str | None
    attachments: list[dict[str, Any]]
    attachment_count: int
    defects: list[str]
    defect_count: int
    indexed: bool
    action: str | None
    not_judged: str | None
    route: str
    next_hop: str
    outcome: str | None
    reply: str | None
    outcome_at: datetime | None
    attempts: int


class ParticipantRow(TypedDict):
    """One address in one place of one message."""

    seq: int
    number: int
    kind: str  # from, sender, reply_to, to, cc, envelope_from, envelope_to
    address: str
    canonical: str
    domain: str
    name: str


class FindingRow(TypedDict):
    """One finding; `seq` and `archive_id` are those of the first transaction that showed it."""

    id: str
    rule: str
    severity: str
    confidence: str
    seq: int
    archive_id: str
    message_id: str | None
    author: dict[str, Any]
    author_id: str | None
    author_canonical: str
    author_words: str
    people: list[dict[str, Any]]
    groups: list[str]
    marks: list[str]
    sentence: str
    explanation: str
    action: str
    status: str
    detected_at: datetime
    directory_version: str
    rules_version: str
    revised_seq: int
    messages: int


class EventRow(TypedDict):
    """What happened to a message: an attempt to deliver it, or what somebody decided or did."""

    seq: int
    message_id: str
    kind: str
    reply: str
    next_hop: str
    seconds: float | None
    by: str | None
    reason: str | None
    received: datetime


class ActRow(TypedDict):
    """What somebody decided about records; `document` is the event's."""

    seq: int
    subject: str
    event: str
    at: datetime
    document: dict[str, Any]


class PendingRow(TypedDict):
    """A message of which some rule could not be applied."""

    seq: int
    id: str
    errors: list[str]
    attempts: int
    next_attempt: datetime


class HoldRow(TypedDict):
    """A message that waits for a reviewer."""

    seq: int
    id: str
    received: datetime
    recipients: int


class NoticeRow(TypedDict):
    """A notice that the gateway sends, and what it tells to whom."""

    seq: int
    id: str
    received: datetime
    recipients: int
    about: list[tuple[str, str]]  # subject and audience


class AnswerRow(TypedDict):
    """A message from elsewhere that answers others, to be judged again if the catalog knows one of these."""

    seq: int
    content_id: str
    message_ids: list[str]


@dataclass(frozen=True, slots=True)
class Judged:
    """A message judged as a whole: what was found is all that holds of it."""

    seq: int  # of the event
    content_id: str
    seqs: tuple[int, ...]  # its transactions that were judged, oldest first
    findings: tuple[FindingRow, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a held message, or of mail in the outbox: an event that changes either."""

    message_id: str  # the archive's id
    kind: str  # one of message.events
    at: datetime
    by: str = ""
    reason: str = ""
    reply: str = ""
    left: tuple[int, ...] | None = None  # of an attempt of the outbox; None: of no such attempt
    undelivered: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One transaction of a message that is to be judged as a whole."""

    seq: int
    id: str
    received: datetime


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far the catalog is: the last entry in it, and counts of what was read up to there."""

    position: int = 0
    entry_id: str = ""
    messages: int = 0
    events: int = 0
    unindexed: int = 0


@dataclass(slots=True)
class Batch:
    """Everything one transaction adds for the entries up to `position`."""

    position: int
    entry_id: str
    messages: list[MessageRow] = field(default_factory=list)
    participants: list[ParticipantRow] = field(default_factory=list)
    findings: list[FindingRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    pending: list[PendingRow] = field(default_factory=list)
    answers: list[AnswerRow] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    holds: list[HoldRow] = field(default_factory=list)
    notices: list[NoticeRow] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    acts: list[ActRow] = field(default_factory=list)
    judge_since: datetime | None = None  # messages received before are not judged as a whole any more


def merged(one: FindingRow, other: FindingRow) -> FindingRow:
    """One finding seen in two transactions: a mail server split the message (policy.md, Recipients).

    What the later transaction says holds; people and groups of both are kept; the finding stays at the
    message and the time at which it was first detected, with the status it has. `messages` is left to
    the store, which knows the links.
    """
    earlier, later = (one, other) if one["revised_seq"] <= other["revised_seq"] else (other, one)
    first = one if one["seq"] <= other["seq"] else other
    return {
        **later,
        "seq": first["seq"],
        "archive_id": first["archive_id"],
        "people": _union(earlier["people"], later["people"]),
        "groups": list(dict.fromkeys([*earlier["groups"], *later["groups"]])),
        "status": one["status"],
        "detected_at": min(one["detected_at"], other["detected_at"]),
    }


def _union(earlier: Iterable[dict[str, Any]], later: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """People of both, each person, role and address once, as the later transaction says."""
    people = {(item.get("person_id"), item.get("role"), item.get("address")): item for item in earlier}
    people.update({(item.get("person_id"), item.get("role"), item.get("address")): item for item in later})
    return list(people.values())
