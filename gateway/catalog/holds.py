"""Messages that a rule holds back, as the archive's events have them.

A hold begins with its message's record and ends with an event; of two decisions the first in the archive's sequence
counts. A released message that cannot be delivered comes back to the reviewers (`returned`).

Promises: no message leaves the list of open holds but by a decision that is in the archive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, insert, select, update

from gateway.catalog.rows import Decision, HoldRow
from gateway.catalog.schema import (
    finding_messages,
    findings,
    holds,
    messages,
    outbox,
    pending_judgement,
    whole_judgement,
)
from gateway.catalog.whole import SUPERSEDED
from gateway.message import events

HELD = "held"
RELEASED = "released"
REFUSED = "refused"
RETURNED = "returned"  # released, and not to be delivered: a person must look again
ENDED = "ended"  # its sender was told that it was not taken, and sends it again

OPEN = (HELD, RETURNED)

# Who decided, where no person did.
OVERDUE = "mailgw (time limit)"
UNFOUNDED = "mailgw (finding withdrawn)"


@dataclass(frozen=True, slots=True)
class Held:
    """A message that a rule held back."""

    seq: int
    id: str
    received: datetime
    state: str
    recipients: int
    escalations: int
    escalated_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    reply: str | None  # of the last attempt to deliver it
    undelivered: tuple[int, ...]  # places in the envelope of recipients who cannot be reached
    content_id: str | None = None  # equal in all transactions of one message


def add(connection: Connection, rows: Sequence[HoldRow]) -> None:
    """Begin holds."""
    if rows:
        connection.execute(insert(holds), [{**row, "state": HELD, "escalations": 0} for row in rows])


def apply(connection: Connection, decision: Decision) -> None:
    """Let an event change the hold it is about; one that comes too late changes nothing."""
    table = holds.c
    this = update(holds).where(table.id == decision.message_id)
    said = {"decided_at": decision.at, "decided_by": decision.by, "reason": decision.reason}
    match decision.kind:
        case events.RELEASED | events.TURNED_DOWN:
            state = RELEASED if decision.kind == events.RELEASED else REFUSED
            decided = connection.execute(this.where(table.state.in_(OPEN)).values(state=state, **said))
            if decided.rowcount:
                _tell_outcome(connection, decision)
        case events.ESCALATED:
            told = {"escalations": table.escalations + 1, "escalated_at": decision.at}
            connection.execute(this.where(table.state.in_(OPEN)).values(told))
        case events.RETURNED:
            connection.execute(this.where(table.state == RELEASED).values(state=RETURNED))
        case events.ABANDONED | events.FAILED:
            connection.execute(this.where(table.state == HELD).values(state=ENDED))


def _tell_outcome(connection: Connection, decision: Decision) -> None:
    """The decision is where the message is now, unless an attempt of the same batch came after it."""
    connection.execute(
        update(messages)
        .where(messages.c.id == decision.message_id, messages.c.outcome_at <= decision.at)
        .values(outcome=decision.kind, outcome_at=decision.at)
    )


def open_holds(connection: Connection) -> list[Held]:
    """Everything that waits for a person, the oldest first."""
    return _chosen(connection, holds.c.state.in_(OPEN))


def all_holds(connection: Connection) -> list[Held]:
    """Everything that was ever held back, the oldest first."""
    return _chosen(connection)


def beginning(connection: Connection, text: str, limit: int = 10) -> list[Held]:
    """The holds of messages whose archive id begins with a text, at most `limit`, the oldest first."""
    return _chosen(connection, holds.c.id.startswith(text, autoescape=True))[:limit]


def exist(connection: Connection) -> bool:
    """Whether any message was ever held."""
    return connection.scalar(select(holds.c.seq).limit(1)) is not None


def one(connection: Connection, id: str) -> Held | None:
    """The hold of a message, by its archive id; None where it was never held."""
    return next(iter(_chosen(connection, holds.c.id == id)), None)


def of_same_message(connection: Connection, held: Held) -> list[Held]:
    """All open holds of the message that one of them is a transaction of: mail servers split a message by recipient."""
    if held.content_id is None:
        return [held]
    return _chosen(connection, holds.c.state.in_(OPEN), messages.c.content_id == held.content_id)


def decided_by(connection: Connection, by: str, *, since: datetime) -> list[Held]:
    """What somebody decided last from `since` on (`OVERDUE`: nobody did), the oldest message first."""
    return _chosen(connection, holds.c.decided_by == by, holds.c.decided_at >= since)


def unfounded(connection: Connection) -> list[Held]:
    """Held messages for which no finding asks any more, and whose judgement is complete."""
    asks = exists().where(
        finding_messages.c.seq == holds.c.seq,
        findings.c.id == finding_messages.c.finding_id,
        findings.c.status != SUPERSEDED,
        findings.c.action.in_(("hold", "reject")),
    )
    awaited = exists().where(
        messages.c.seq == holds.c.seq, whole_judgement.c.content_id == messages.c.content_id
    )
    failed = exists().where(pending_judgement.c.seq == holds.c.seq)
    return _chosen(connection, holds.c.state == HELD, ~asks, ~awaited, ~failed)


def _chosen(connection: Connection, *wanted: ColumnElement[bool]) -> list[Held]:
    chosen = (
        select(holds, outbox.c.reply, outbox.c.undelivered, messages.c.content_id)
        .join(messages, messages.c.seq == holds.c.seq)
        .outerjoin(outbox, outbox.c.seq == holds.c.seq)
        .where(*wanted)
        .order_by(holds.c.seq)
    )
    rows = connection.execute(chosen).mappings()
    return [Held(**{**row, "undelivered": tuple(row["undelivered"] or ())}) for row in rows]
