"""Messages judged as a whole: which are to be, what is known of them, and what a judgement changes.

A mail server splits one message into several transactions, and each is judged when it comes, by what it shows.
What all of them show together, and who took part in the messages that it answers, may say something else. Such a
message waits in `whole_judgement`; its new judgement comes back through the archive as an event, so that a rebuild
makes the same catalog of it.

Promises: a finding that does not hold any longer is kept as `superseded`, never deleted; what people decided about a
finding (its status) stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Connection, delete, func, insert, select, update

from gateway.catalog.rows import AnswerRow, Batch, FindingRow, Judged, MessageRow, Part
from gateway.catalog.schema import finding_messages, findings, messages, participants, whole_judgement

SUPERSEDED = "superseded"
OPEN = "open"

_IMPORT = "import"  # the role of mail from files: nobody saw who sent it, so it tells no rule anything
_LATER = timedelta(seconds=5)  # after the last transaction: more of them may be on their way
_MOST_PARTS = 1000  # transactions of one message; a mail loop makes more
_IN_LIST = 500


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message to be judged as a whole."""

    content_id: str
    seq: int  # the last transaction seen


def recent(batch: Batch) -> list[MessageRow]:
    """Messages that may have to be judged as a whole.

    Those received before `judge_since` have been judged or never will be: a rebuild of old mail must not judge it by
    today's roster.
    """
    since = batch.judge_since
    if since is None:
        return []
    return [row for row in batch.messages if row["content_id"] and row["received"] >= since]


def await_judgement(
    connection: Connection, recent: Sequence[MessageRow], answers: Sequence[AnswerRow], window: timedelta
) -> None:
    """Let messages wait that are more than one transaction, or answer a message that is known.

    Transactions belong together within `window`.
    """
    known = _known(connection, {each for row in answers for each in row["message_ids"]})
    wanted_for = _in_several(connection, recent, window)
    wanted_for |= {row["content_id"] for row in answers if not known.isdisjoint(row["message_ids"])}
    wanted = {
        content_id: (row["seq"], row["received"] + _LATER)
        for row in recent
        if (content_id := cast(str, row["content_id"])) in wanted_for
    }
    if wanted:
        for chunk in _chunks(sorted(wanted)):
            connection.execute(delete(whole_judgement).where(whole_judgement.c.content_id.in_(chunk)))
        connection.execute(
            insert(whole_judgement),
            [{"content_id": key, "seq": seq, "due": due} for key, (seq, due) in wanted.items()],
        )


def _in_several(connection: Connection, rows: Sequence[MessageRow], window: timedelta) -> set[str]:
    """The content ids that more than one transaction within about `window` of some has.

    Counted by the database: a mail loop, or an attack, makes thousands of one message.
    """
    first = min(row["received"] for row in rows) - window
    last = max(row["received"] for row in rows) + window
    found: set[str] = set()
    for chunk in _chunks(sorted({cast(str, row["content_id"]) for row in rows})):
        table = messages.c
        chosen = (
            select(table.content_id)
            .where(table.content_id.in_(chunk), table.received.between(first, last))
            .group_by(table.content_id)
            .having(func.count() > 1)
        )
        found.update(connection.scalars(chosen))
    return found


def due(connection: Connection, now: datetime, limit: int) -> list[Waiting]:
    """Messages whose time has come, the longest due first."""
    table = whole_judgement.c
    chosen = select(table.content_id, table.seq).where(table.due <= now).order_by(table.due).limit(limit)
    return [Waiting(*row) for row in connection.execute(chosen)]


def parts(connection: Connection, waiting: Waiting, window: timedelta) -> list[Part]:
    """The transactions of a message, oldest first: those within `window` of the last one seen."""
    table = messages.c
    last = connection.scalar(select(table.received).where(table.seq == waiting.seq))
    if last is None:
        return []
    chosen = (
        select(table.seq, table.id, table.received)
        .where(
            table.content_id == waiting.content_id,
            table.received >= last - window,
            table.seq <= waiting.seq,
        )
        .order_by(table.received.desc(), table.seq.desc())
        .limit(_MOST_PARTS)
    )
    found = [Part(seq, id, received) for seq, id, received in connection.execute(chosen)]
    return sorted(found, key=lambda part: part.seq)


def thread(connection: Connection, message_ids: Iterable[str], before: int) -> frozenset[str]:
    """Canonical addresses that took part in messages which came before a transaction (its seq)."""
    found: set[str] = set()
    for chunk in _chunks(sorted(set(message_ids))):
        chosen = (
            select(participants.c.canonical)
            .join(messages, messages.c.seq == participants.c.seq)
            .where(messages.c.message_id.in_(chunk), messages.c.seq < before, messages.c.role != _IMPORT)
        )
        found.update(connection.scalars(chosen))
    return frozenset(found)


def standing(connection: Connection, seqs: Sequence[int]) -> list[FindingRow]:
    """The findings about some transactions that hold now."""
    chosen = (
        select(findings)
        .distinct()
        .join(finding_messages, finding_messages.c.finding_id == findings.c.id)
        .where(finding_messages.c.seq.in_(seqs), findings.c.status != SUPERSEDED)
    )
    return [cast(FindingRow, dict(row)) for row in connection.execute(chosen).mappings()]


def postpone(connection: Connection, waiting: Waiting, until: datetime) -> None:
    """Let a message wait longer."""
    connection.execute(
        update(whole_judgement).where(whole_judgement.c.content_id == waiting.content_id).values(due=until)
    )


def done(connection: Connection, content_id: str, seq: int) -> None:
    """End the wait of a message, unless a later transaction than `seq` has come."""
    table = whole_judgement.c
    connection.execute(delete(whole_judgement).where(table.content_id == content_id, table.seq <= seq))


def apply(connection: Connection, judged: Judged) -> None:
    """Let a judgement of the whole message hold."""
    found = {row["id"]: row for row in judged.findings}
    linked = set(
        connection.scalars(
            select(finding_messages.c.finding_id).where(finding_messages.c.seq.in_(judged.seqs))
        )
    )
    if gone := linked - found.keys() - _elsewhere(connection, linked, judged.seqs):
        connection.execute(
            update(findings)
            .where(findings.c.id.in_(gone), findings.c.status == OPEN)
            .values(status=SUPERSEDED)
        )
    for row in found.values():
        _put(connection, row, judged.seqs)
    done(connection, judged.content_id, max(judged.seqs))


def _put(connection: Connection, row: FindingRow, seqs: Sequence[int]) -> None:
    """Replace a finding, but for when and where it was first seen and what people made of it."""
    chosen = select(findings).where(findings.c.id == row["id"])
    before = connection.execute(chosen).mappings().first()
    if before is not None:
        row = {
            **row,
            "status": OPEN if before["status"] == SUPERSEDED else before["status"],
            "detected_at": min(before["detected_at"], row["detected_at"]),
        }
        if before["seq"] < row["seq"]:
            row = {**row, "seq": before["seq"], "archive_id": before["archive_id"]}
        connection.execute(delete(findings).where(findings.c.id == row["id"]))
    linked = set(
        connection.scalars(select(finding_messages.c.seq).where(finding_messages.c.finding_id == row["id"]))
    )
    connection.execute(insert(findings), [{**row, "messages": len(linked.union(seqs))}])
    if new := [{"finding_id": row["id"], "seq": seq} for seq in seqs if seq not in linked]:
        connection.execute(insert(finding_messages), new)


def _elsewhere(connection: Connection, ids: Iterable[str], seqs: Sequence[int]) -> set[str]:
    """Those of some findings that other messages show as well (once for a group and day)."""
    chosen = (
        select(finding_messages.c.finding_id)
        .where(finding_messages.c.finding_id.in_(list(ids)), finding_messages.c.seq.not_in(seqs))
        .distinct()
    )
    return set(connection.scalars(chosen))


def _known(connection: Connection, message_ids: set[str]) -> set[str]:
    """Those of some Message-IDs that the catalog holds."""
    found: set[str] = set()
    for chunk in _chunks(sorted(message_ids)):
        chosen = select(messages.c.message_id).where(
            messages.c.message_id.in_(chunk), messages.c.role != _IMPORT
        )
        found.update(connection.scalars(chosen))
    return found


def _chunks(items: Sequence[str]) -> Iterable[Sequence[str]]:
    return (items[at : at + _IN_LIST] for at in range(0, len(items), _IN_LIST))


def count(connection: Connection) -> int:
    """How many messages wait."""
    return connection.scalar(select(func.count()).select_from(whole_judgement)) or 0
