"""A batch of mail to be destroyed, as the acts in the archive tell it. Pure.

    proposed -> permitted -> approved (by two different people) -> begun -> done
        any of the first three -> withdrawn

What a batch holds never changes: its listing (numbers, ids and digests of its messages) has a SHA-256 that every act
after the first names. Of acts that contradict each other the first in the archive counts; one that is not allowed in
the state in which it finds the batch changes nothing.

Fails with `NotAllowed`, whose text is for the person who asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.catalog.acts import Act
from gateway.message import events
from gateway.records.spans import Spans, count_of

APPROVERS = 2  # different people who must approve


class State(StrEnum):
    """How far a batch is."""

    PROPOSED = "proposed"
    PERMITTED = "permitted"
    APPROVED = "approved"
    BEGUN = "begun"
    DONE = "done"
    WITHDRAWN = "withdrawn"


class NotAllowed(Exception):
    """This cannot be done with the batch as it is."""


@dataclass(frozen=True, slots=True)
class Step:
    """One act about a batch."""

    seq: int
    event: str
    at: datetime
    by: str
    document: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Permission:
    """What the Supervisor of Records wrote."""

    number: str
    date: str  # YYYY-MM-DD
    name: str  # of the file
    sha256: str  # of the document, which is in the act itself
    act: int = 0  # number of that act

    def told(self) -> dict[str, str]:
        """As acts name it."""
        return {"number": self.number, "date": self.date, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch and all that was decided about it."""

    id: str
    state: State
    messages: Spans  # numbers of the messages proposed
    listing: str  # SHA-256 in hex
    proposed: Step
    permission: Permission | None = None
    approvals: tuple[Step, ...] = ()
    begun: Step | None = None
    disposed: tuple[Step, ...] = ()
    done: Step | None = None
    withdrawn: Step | None = None

    @property
    def count(self) -> int:
        """Messages proposed."""
        return count_of(self.messages)

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who approved, in their order."""
        return tuple(step.by for step in self.approvals)

    def require(self, *states: State) -> None:
        """Raises NotAllowed unless the batch is in one of some states."""
        if self.state not in states:
            raise NotAllowed(f"batch {self.id} is {self.state}; expected {' or '.join(states)}")


def listing_sha256(messages: Iterable[tuple[int, str, str]]) -> str:
    """The digest of a listing: number, id and SHA-256 (hex) of each message, in sequence."""
    digest = hashlib.sha256()
    for seq, id, sha256 in messages:
        digest.update(f"{seq} {id} {sha256}\n".encode())
    return digest.hexdigest()


def batches(acts: Iterable[Act]) -> dict[str, Batch]:
    """All batches by id, in the order in which they were proposed. `acts`: those about disposals, in sequence."""
    found: dict[str, Batch] = {}
    for act in acts:
        step = Step(act.seq, act.event, act.at, _by(act.document), act.document)
        known = found.get(act.subject)
        if known is not None:
            found[act.subject] = after(known, step)
        elif act.event == events.DISPOSAL_PROPOSED:
            document = act.document
            found[act.subject] = Batch(
                act.subject, State.PROPOSED, document["messages"], document["listing"], step
            )
    return found


def after(batch: Batch, step: Step) -> Batch:
    """The batch once something was decided about it; the same where that is not allowed any more."""
    match batch.state, step.event:
        case State.PROPOSED, events.DISPOSAL_PERMITTED:
            return replace(batch, state=State.PERMITTED, permission=_permission(step))
        case State.PERMITTED, events.DISPOSAL_APPROVED:
            if step.document.get("listing") != batch.listing or is_among(step.by, batch.approvers):
                return batch
            approvals = (*batch.approvals, step)
            state = State.APPROVED if len(approvals) >= APPROVERS else State.PERMITTED
            return replace(batch, state=state, approvals=approvals)
        case State.APPROVED, events.DISPOSAL_BEGUN:
            return replace(batch, state=State.BEGUN, begun=step)
        case State.BEGUN, events.DISPOSED:
            return replace(batch, disposed=(*batch.disposed, step))
        case State.BEGUN, events.DISPOSAL_DONE:
            return replace(batch, state=State.DONE, done=step)
        case ((State.PROPOSED | State.PERMITTED | State.APPROVED), events.DISPOSAL_WITHDRAWN):
            return replace(batch, state=State.WITHDRAWN, withdrawn=step)
    return batch


def is_among(name: str, names: Sequence[str]) -> bool:
    """Whether somebody is one of some people, however the name is written."""
    return _folded(name) in map(_folded, names)


def _by(document: Mapping[str, Any]) -> str:
    """Who did it; acts that destroy name those who decided in `by`."""
    return str(document.get("executed_by") or document.get("by") or "")


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _permission(step: Step) -> Permission:
    document = step.document
    return Permission(
        act=step.seq,
        number=str(document["number"]),
        date=str(document["date"]),
        name=str(document["name"]),
        sha256=str(document["sha256"]),
    )
