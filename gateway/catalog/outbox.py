"""Mail that the gateway itself has to deliver, as the archive's events have it: released messages and notices.

The archive is the queue: a release is an event, a notice a record, and every attempt an event that says who is still
to be reached. So a restart, a rebuild and a lost catalog all come to the same queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, insert, select, update

from gateway.catalog.rows import Decision, NoticeRow
from gateway.catalog.schema import Moment, holds, outbox
from gateway.message import events

RELEASE = "release"
NOTICE = "notice"

WAITING = "waiting"
DONE = "done"
RETURNED = "returned"

_OPEN_HOLDS = ("held", "returned")


@dataclass(frozen=True, slots=True)
class Item:
    """One message in the outbox."""

    seq: int
    id: str
    kind: str  # RELEASE or NOTICE
    queued_at: datetime
    left: tuple[int, ...]  # places in the envelope of recipients that are still to be reached
    undelivered: tuple[int, ...]  # of those that cannot be
    attempts: int
    last_attempt: datetime | None
    reply: str | None = None  # of the last attempt, the most telling one


def add_notices(connection: Connection, rows: Sequence[NoticeRow]) -> None:
    """Let notices wait for their delivery."""
    if rows:
        connection.execute(
            insert(outbox),
            [
                _waiting(row["seq"], row["id"], NOTICE, row["received"], range(row["recipients"]))
                for row in rows
            ],
        )


def apply(connection: Connection, decision: Decision) -> None:
    """Let an event put a message into the outbox, or change one that is in it. Before `holds.apply`."""
    if decision.kind == events.RELEASED:
        _release(connection, decision)
    elif decision.left is not None:
        state = WAITING if decision.kind == events.DEFERRED else RETURNED if decision.undelivered else DONE
        refused = decision.reply.startswith("5")
        connection.execute(
            update(outbox)
            .where(outbox.c.id == decision.message_id, outbox.c.state == WAITING)
            .values(
                state=state,
                left=list(decision.left),
                undelivered=list(decision.undelivered),
                attempts=outbox.c.attempts + 1,
                last_attempt=decision.at,
                # That somebody was refused is not forgotten over a delay for somebody else.
                reply=decision.reply
                if refused
                else case((outbox.c.reply.like("5%"), outbox.c.reply), else_=decision.reply),
            )
        )


def waiting(connection: Connection, limit: int = 50_000) -> list[Item]:
    """What is to be delivered, the longest waiting first."""
    names = tuple(Item.__dataclass_fields__)
    chosen = (
        select(*(outbox.c[name] for name in names))
        .where(outbox.c.state == WAITING)
        .order_by(outbox.c.queued_at, outbox.c.seq)
        .limit(limit)
    )
    rows = connection.execute(chosen).mappings()
    return [
        Item(**{**row, "left": tuple(row["left"]), "undelivered": tuple(row["undelivered"])}) for row in rows
    ]


def oldest(connection: Connection) -> dict[str, tuple[int, datetime | None]]:
    """For each kind, how many messages wait, and since when the first."""
    chosen = (
        select(outbox.c.kind, func.count(), func.min(outbox.c.queued_at, type_=Moment))
        .where(outbox.c.state == WAITING)
        .group_by(outbox.c.kind)
    )
    found = {kind: (count, first) for kind, count, first in connection.execute(chosen)}
    return {kind: found.get(kind, (0, None)) for kind in (RELEASE, NOTICE)}


def _release(connection: Connection, decision: Decision) -> None:
    """A held message is to be delivered: to all, or, where it came back, to those who were not reached."""
    held = connection.execute(
        select(holds.c.seq, holds.c.recipients).where(
            holds.c.id == decision.message_id, holds.c.state.in_(_OPEN_HOLDS)
        )
    ).first()
    if held is None:
        return
    before = connection.scalar(select(outbox.c.undelivered).where(outbox.c.seq == held.seq))
    if before is None:
        row = _waiting(held.seq, decision.message_id, RELEASE, decision.at, range(held.recipients))
        connection.execute(insert(outbox), [row])
        return
    again = {"state": WAITING, "queued_at": decision.at, "left": before, "undelivered": [], "attempts": 0}
    again |= {"last_attempt": None, "reply": None}
    connection.execute(update(outbox).where(outbox.c.seq == held.seq).values(**again))


def _waiting(seq: int, id: str, kind: str, at: datetime, places: Sequence[int]) -> dict[str, object]:
    return {
        "seq": seq,
        "id": id,
        "kind": kind,
        "state": WAITING,
        "queued_at": at,
        "left": list(places),
        "undelivered": [],
        "attempts": 0,
    }
