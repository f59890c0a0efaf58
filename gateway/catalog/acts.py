"""What people decided about records, as the archive has it: each with the whole document of its event.

Matters, disposals and exports are made of their acts by whoever knows what these mean (`records`). Only reads; raises
sqlalchemy.exc.DBAPIError.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from gateway.catalog.schema import acts


@dataclass(frozen=True, slots=True)
class Act:
    """One decision."""

    seq: int  # of its event
    subject: str  # id of the message, matter, batch or export
    event: str
    at: datetime
    document: dict[str, Any]


def named(connection: Connection, names: Iterable[str]) -> list[Act]:
    """All acts with one of some names (`message.events`), in sequence."""
    query = select(acts).where(acts.c.event.in_(list(names))).order_by(acts.c.seq)
    return [Act(**row) for row in connection.execute(query).mappings()]


def about(connection: Connection, subject: str) -> list[Act]:
    """All acts about something, in sequence."""
    query = select(acts).where(acts.c.subject == subject).order_by(acts.c.seq)
    return [Act(**row) for row in connection.execute(query).mappings()]
