"""Forgetting what was disposed of, as an event of the archive says it was.

Promises: of an entry that was disposed of no row is left, and of a finding none that no other message shows; a catalog
that forgot is the one that a rebuild makes of the archive's tombstones. With SQLite's secure_delete, which the writer
has on, rows are overwritten with zeros. Fails with sqlalchemy.exc.DBAPIError.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, exists, func, select, update

from gateway.catalog.rows import ActRow, Watermark
from gateway.catalog.schema import (
    acts,
    events,
    finding_messages,
    findings,
    holds,
    messages,
    outbox,
    participants,
    pending_judgement,
    watermark,
    whole_judgement,
)
from gateway.message.events import DISPOSED

Span = tuple[int, int]  # numbers of the first and the last entry

_BY_SEQ = (participants, finding_messages, acts, pending_judgement, whole_judgement, holds, outbox)


def spans(documents: Iterable[ActRow]) -> list[Span]:
    """The entries that some events say were disposed of."""
    told = (act["document"]["entries"] for act in documents if act["event"] == DISPOSED)
    return [(int(first), int(last)) for entries in told for first, last in entries]


def forget(connection: Connection, told: Sequence[ActRow], mark: Watermark) -> Watermark:
    """Forget what some events say was disposed of; `mark` without it."""
    gone = spans(told)
    if not gone:
        return mark
    for span in gone:
        mark = _forget(connection, span, mark)
    _settle_findings(connection)
    connection.execute(
        update(watermark).values(messages=mark.messages, events=mark.events, unindexed=mark.unindexed)
    )
    return mark


def _forget(connection: Connection, span: Span, mark: Watermark) -> Watermark:
    there = messages.c.seq.between(*span)
    unindexed = connection.scalar(select(func.count()).where(there, messages.c.indexed.is_(False))) or 0
    gone_messages = connection.execute(delete(messages).where(there)).rowcount
    gone_events = connection.execute(delete(events).where(events.c.seq.between(*span))).rowcount
    for table in _BY_SEQ:
        connection.execute(delete(table).where(table.c.seq.between(*span)))
    return replace(
        mark,
        messages=mark.messages - gone_messages,
        events=mark.events - gone_events,
        unindexed=mark.unindexed - unindexed,
    )


def _settle_findings(connection: Connection) -> None:
    """Findings that no message shows any more go; of others the first message that is left is told."""
    shown = finding_messages.c.finding_id == findings.c.id
    connection.execute(delete(findings).where(~exists().where(shown)))
    first = select(func.min(finding_messages.c.seq)).where(shown).scalar_subquery()
    count = select(func.count()).select_from(finding_messages).where(shown).scalar_subquery()
    connection.execute(update(findings).where(findings.c.messages != count).values(seq=first, messages=count))
    named = select(messages.c.id).where(messages.c.seq == findings.c.seq).scalar_subquery()
    connection.execute(update(findings).where(findings.c.archive_id != named).values(archive_id=named))
