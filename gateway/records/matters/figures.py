"""How much mail a hold covers now: what the index finds, and what the catalog knows of it.

Fails with `EngineError` and sqlalchemy.exc.DBAPIError.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection, func, select

from gateway.catalog.schema import messages
from gateway.search.engine import Searcher
from gateway.search.query.tree import Node

_TOGETHER = 500


@dataclass(frozen=True, slots=True)
class Figures:
    """What is covered."""

    messages: int = 0
    octets: int = 0
    first: datetime | None = None  # received
    last: datetime | None = None

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.messages + other.messages,
            self.octets + other.octets,
            min(filter(None, (self.first, other.first)), default=None),
            max(filter(None, (self.last, other.last)), default=None),
        )


def figures(connection: Connection, searcher: Searcher, node: Node) -> Figures:
    """Messages that `node` finds: how many, how large, and from when to when."""
    found, total = searcher.seqs(node), Figures()
    table = messages.c
    while chunk := list(islice(found, _TOGETHER)):
        chosen = select(func.sum(table.size), func.min(table.received), func.max(table.received))
        size, first, last = connection.execute(chosen.where(table.seq.in_(chunk))).one()
        total += Figures(len(chunk), size or 0, first, last)
    return total
