"""What the catalog knows of messages that are to be found: for the search index.

Functions over a connection, as `queries`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, select

from gateway.catalog.schema import acts, finding_messages, findings, messages
from gateway.message.events import LABELLED

_IN_LIST = 500
_COLUMNS = (messages.c.seq, messages.c.id, messages.c.outcome, messages.c.content_id, messages.c.defects)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Catalogued:
    """What search is told of a message: seq, id, outcome, content_id, defects; findings that still hold; labels."""

    row: dict[str, Any]
    findings: tuple[dict[str, Any], ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """When a message was received, and what became of it."""

    seq: int
    id: str
    received: datetime
    outcome: str  # "" where nothing has yet
    indexed: bool  # false: catalogued by its envelope only


def receipts(connection: Connection, seqs: Iterable[int]) -> dict[int, Receipt]:
    """When messages were received, by sequence number."""
    table = messages.c
    found: dict[int, Receipt] = {}
    for chunk in _chunks(sorted(set(seqs))):
        chosen = select(table.seq, table.id, table.received, table.outcome, table.indexed)
        for row in connection.execute(chosen.where(table.seq.in_(chunk))):
            found[row.seq] = Receipt(row.seq, row.id, row.received, row.outcome or "", row.indexed)
    return found


def numbers(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """The sequence numbers of messages, by archive id."""
    found: dict[str, int] = {}
    for chunk in _chunks(sorted(set(ids))):
        chosen = select(messages.c.id, messages.c.seq).where(messages.c.id.in_(chunk))
        found.update((id, seq) for id, seq in connection.execute(chosen))
    return found


def sharing(connection: Connection, seqs: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """By the number of a message: the messages that show a finding which it shows too, itself among them.

    Such a finding is one for all of them, so what one message adds to it, or takes away, is told of each.
    """
    found: defaultdict[int, set[int]] = defaultdict(set)
    one, other = finding_messages.alias(), finding_messages.alias()
    for chunk in _chunks(sorted(set(seqs))):
        chosen = (
            select(one.c.seq, other.c.seq)
            .join(other, other.c.finding_id == one.c.finding_id)
            .where(one.c.seq.in_(chunk))
        )
        for seq, also in connection.execute(chosen):
            found[seq].add(also)
    return {seq: tuple(sorted(also)) for seq, also in found.items()}


def catalogued(connection: Connection, seqs: Iterable[int]) -> dict[int, Catalogued]:
    """What is known of messages, by sequence number."""
    found: dict[int, Catalogued] = {}
    for chunk in _chunks(sorted(set(seqs))):
        found |= _known(connection, messages.c.seq.in_(chunk), finding_messages.c.seq.in_(chunk))
    return found


def between(connection: Connection, after: int, last: int) -> dict[int, Catalogued]:
    """What is known of the messages behind a sequence number, up to another one."""
    low, high = after + 1, last
    return _known(connection, messages.c.seq.between(low, high), finding_messages.c.seq.between(low, high))


def _known(
    connection: Connection, of_messages: ColumnElement[bool], of_findings: ColumnElement[bool]
) -> dict[int, Catalogued]:
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    chosen = (
        select(finding_messages.c.seq.label("about"), findings)
        .join(findings, findings.c.id == finding_messages.c.finding_id)
        .where(of_findings, findings.c.status != "superseded")
    )
    for row in connection.execute(chosen).mappings():
        found[row["about"]].append(dict(row))
    rows = [dict(row) for row in connection.execute(select(*_COLUMNS).where(of_messages)).mappings()]
    given = labels(connection, (row["id"] for row in rows))
    return {
        row["seq"]: Catalogued(row, tuple(found.get(row["seq"], ())), tuple(sorted(given[row["id"]])))
        for row in rows
    }


def labels_of(documents: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The labels that are left when some acts `labelled` about one message are followed in their sequence."""
    left: set[str] = set()
    for document in documents:
        left -= _names(document.get("remove"))
        left |= _names(document.get("add"))
    return frozenset(left)


def labels(connection: Connection, ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """The labels of messages, by archive id; of one that has none an empty set."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    wanted = sorted(set(ids))
    for chunk in _chunks(wanted):
        chosen = select(acts.c.subject, acts.c.document)
        chosen = chosen.where(acts.c.subject.in_(chunk), acts.c.event == LABELLED).order_by(acts.c.seq)
        for subject, document in connection.execute(chosen):
            found[subject].append(document)
    return {id: labels_of(found.get(id, ())) for id in wanted}


def labelled_after(connection: Connection, seq: int) -> frozenset[str]:
    """The archive ids of messages whose labels somebody changed after an entry of the archive."""
    chosen = select(acts.c.subject).where(acts.c.seq > seq, acts.c.event == LABELLED)
    return frozenset(connection.scalars(chosen))


def same_message(connection: Connection, seq: int) -> list[str]:
    """The archive ids of all transactions of a message; of mail from files only its own."""
    table = messages.c
    content = select(table.content_id).where(table.seq == seq).scalar_subquery()
    chosen = select(table.id).where((table.seq == seq) | (table.content_id == content)).order_by(table.seq)
    return list(connection.scalars(chosen))


def _names(value: object) -> set[str]:
    """The archive keeps what was written, whoever wrote it: what is no list of texts names nothing."""
    return {each for each in value if isinstance(each, str)} if isinstance(value, list) else set()


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[at : at + _IN_LIST] for at in range(0, len(items), _IN_LIST))
