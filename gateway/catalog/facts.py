"""What the catalog knows of messages that are to be found: for the search index.

Functions over a connection, as `queries`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from gateway.catalog.schema import finding_messages, findings, messages

_IN_LIST = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Catalogued:
    """A message's row and the findings about it, superseded ones left out."""

    row: dict[str, Any]
    findings: tuple[dict[str, Any], ...]


def numbers(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """The sequence numbers of messages, by archive id."""
    found: dict[str, int] = {}
    for chunk in _chunks(sorted(set(ids))):
        chosen = select(messages.c.id, messages.c.seq).where(messages.c.id.in_(chunk))
        found.update((id, seq) for id, seq in connection.execute(chosen))
    return found


def catalogued(connection: Connection, seqs: Iterable[int]) -> dict[int, Catalogued]:
    """What is known of messages, by sequence number."""
    rows: dict[int, dict[str, Any]] = {}
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for chunk in _chunks(sorted(set(seqs))):
        for row in connection.execute(select(messages).where(messages.c.seq.in_(chunk))).mappings():
            rows[row["seq"]] = dict(row)
        chosen = (
            select(finding_messages.c.seq.label("about"), findings)
            .join(findings, findings.c.id == finding_messages.c.finding_id)
            .where(finding_messages.c.seq.in_(chunk), findings.c.status != "superseded")
        )
        for row in connection.execute(chosen).mappings():
            found[row["about"]].append(dict(row))
    return {seq: Catalogued(row, tuple(found[seq])) for seq, row in rows.items()}


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[at : at + _IN_LIST] for at in range(0, len(items), _IN_LIST))
