"""What the catalog knows of messages that are to be found: for the search index.

Functions over a connection, as `queries`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, select

from gateway.catalog.schema import finding_messages, findings, messages

_IN_LIST = 500
_COLUMNS = (messages.c.seq, messages.c.id, messages.c.outcome, messages.c.content_id, messages.c.defects)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Catalogued:
    """What search is told of a message: seq, id, outcome, content_id, defects; and its findings that still hold."""

    row: dict[str, Any]
    findings: tuple[dict[str, Any], ...]


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
    rows = connection.execute(select(*_COLUMNS).where(of_messages)).mappings()
    return {row["seq"]: Catalogued(dict(row), tuple(found.get(row["seq"], ()))) for row in rows}


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[at : at + _IN_LIST] for at in range(0, len(items), _IN_LIST))
