"""Acts about matters in few words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.catalog.acts import Act
from gateway.records.matters import acts

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def sequence(*said: tuple[str, dict[str, Any]]) -> list[Act]:
    """Acts of the archive, one after the other: the id of the matter, and the document."""
    return [
        Act(seq, subject, document["event"], NOON + timedelta(minutes=seq), document)
        for seq, (subject, document) in enumerate(said, 1)
    ]


def opened(subject: str, name: str) -> tuple[str, dict[str, Any]]:
    return subject, acts.opened(name, f"About {name}", "the superintendent", "pat", "a letter came")


def placed(
    subject: str, query: str | None, ids: Iterable[str] = (), number: int = 1
) -> tuple[str, dict[str, Any]]:
    return subject, acts.placed(number, query, tuple(ids), (), "pat", "as asked")


def lifted(subject: str, number: int) -> tuple[str, dict[str, Any]]:
    return subject, acts.lifted(number, "kim", "settled")


def closed(subject: str) -> tuple[str, dict[str, Any]]:
    return subject, acts.closed("kim", "settled")
