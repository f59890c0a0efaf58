"""What people have been told, by the notices that are in the archive, so that nobody is told twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, Connection, distinct, exists, false, func, insert, or_, select

from gateway.catalog.rows import FindingRow, NoticeRow
from gateway.catalog.schema import finding_messages, findings, messages, notified, whole_judgement
from gateway.catalog.whole import OPEN, SUPERSEDED

_IN_LIST = 500


def add(connection: Connection, rows: Sequence[NoticeRow]) -> None:
    """Keep what some notices tell to whom; of two that tell the same, the first counts."""
    for row in rows:
        pairs = list(dict.fromkeys(row["about"]))
        known = told(connection, (subject for subject, _ in pairs))
        new = [
            {"subject": subject, "audience": audience, "archive_id": row["id"], "at": row["received"]}
            for subject, audience in pairs
            if (subject, audience) not in known
        ]
        if new:
            connection.execute(insert(notified), new)


def told(connection: Connection, subjects: Iterable[str]) -> set[tuple[str, str]]:
    """What of some subjects has been told, and to which audience."""
    wanted = sorted(set(subjects))
    found: set[tuple[str, str]] = set()
    for at in range(0, len(wanted), _IN_LIST):
        chosen = select(notified.c.subject, notified.c.audience).where(
            notified.c.subject.in_(wanted[at : at + _IN_LIST])
        )
        found.update((subject, audience) for subject, audience in connection.execute(chosen))
    return found


def letters(connection: Connection, *audiences: str, since: datetime) -> int:
    """How many notices told something to some audiences from `since` on; `name-*`: to all whose names begin so."""
    asked = [
        notified.c.audience.startswith(audience[:-1], autoescape=True)
        if audience.endswith("*")
        else notified.c.audience == audience
        for audience in audiences
    ]
    chosen = select(func.count(distinct(notified.c.archive_id))).where(
        notified.c.at >= since, or_(false(), *asked)
    )
    return connection.scalar(chosen) or 0


def untold(
    connection: Connection,
    audience: str,
    *,
    since: datetime,
    until: datetime,
    severities: Collection[str] = (),
    limit: int = 5000,
) -> list[FindingRow]:
    """Open findings detected from `since` to `until` that ask for a notice and that `audience` was not told of.

    Only those of some severities, if any are given. Not those of a message whose judgement as a whole is still
    awaited. The oldest first.
    """
    awaited = exists().where(
        finding_messages.c.finding_id == findings.c.id,
        messages.c.seq == finding_messages.c.seq,
        whole_judgement.c.content_id == messages.c.content_id,
    )
    asking = findings.c.action.in_(("notify", "hold", "reject"))
    grave = [findings.c.severity.in_(sorted(severities))] if severities else []
    wanted = (
        findings.c.status == OPEN,
        *grave,
        asking,
        findings.c.detected_at >= since,
        findings.c.detected_at <= until,
        ~awaited,
        ~_told(audience),
    )
    return _findings(connection, *wanted, limit=limit)


def taken_back(
    connection: Connection, audience: str, correction: str, *, since: datetime, limit: int = 5000
) -> list[FindingRow]:
    """Findings that `audience` was told of and that do not hold any longer, unless told so (audience `correction`)."""
    wanted = (
        findings.c.status == SUPERSEDED,
        findings.c.detected_at >= since,
        _told(audience),
        ~_told(correction),
    )
    return _findings(connection, *wanted, limit=limit)


def of_message(connection: Connection, seq: int) -> list[FindingRow]:
    """The findings about one transaction that hold."""
    linked = exists().where(finding_messages.c.finding_id == findings.c.id, finding_messages.c.seq == seq)
    return _findings(connection, findings.c.status != SUPERSEDED, linked, limit=_IN_LIST)


def of_messages(connection: Connection, seqs: Iterable[int]) -> dict[int, list[FindingRow]]:
    """The findings about each of some transactions that hold."""
    wanted = sorted(set(seqs))
    found: dict[int, list[FindingRow]] = {seq: [] for seq in wanted}
    for at in range(0, len(wanted), _IN_LIST):
        chosen = (
            select(findings, finding_messages.c.seq.label("shown_by"))
            .join(finding_messages, finding_messages.c.finding_id == findings.c.id)
            .where(finding_messages.c.seq.in_(wanted[at : at + _IN_LIST]), findings.c.status != SUPERSEDED)
            .order_by(findings.c.detected_at, findings.c.id)
        )
        for row in connection.execute(chosen).mappings():
            finding = dict(row)
            found[finding.pop("shown_by")].append(cast(FindingRow, finding))
    return found


def _told(audience: str) -> ColumnElement[bool]:
    return exists().where(notified.c.subject == findings.c.id, notified.c.audience == audience)


def _findings(connection: Connection, *wanted: ColumnElement[bool], limit: int) -> list[FindingRow]:
    chosen = select(findings).where(*wanted).order_by(findings.c.detected_at, findings.c.id).limit(limit)
    return [cast(FindingRow, dict(row)) for row in connection.execute(chosen).mappings()]
