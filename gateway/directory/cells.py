"""Cells that mean the same in every file: status, dates, lists of ids.

What cannot be read is reported and taken as empty, so that one bad cell does not cost a row.
"""

from __future__ import annotations

import re
from collections.abc import Container
from datetime import date

from gateway.directory.csvfile import Table
from gateway.directory.dates import parse_date
from gateway.directory.roles import folded

_IN_FORCE = {"", "active", "enabled", "enrolled", "current", "true", "1", "a", "y", "yes"}
_OVER = {
    "inactive", "tobedeleted", "deleted", "disabled", "withdrawn", "terminated", "archived",
    "false", "0", "i", "n", "no",
}  # fmt: skip
_BETWEEN_IDS = re.compile(r"[,;]")


def in_force(table: Table, line: int, status: str) -> bool:
    """Whether a row's status leaves it in force; empty does, as in every bulk file of OneRoster."""
    if status == "active" or not status:
        return True
    word = folded(status)
    if word in _OVER:
        return False
    if word not in _IN_FORCE:
        table.problem(line, "status", "unknown; expected active or tobedeleted; taken as active")
    return True


def day(table: Table, line: int, field: str, text: str) -> date | None:
    """The day that a cell names."""
    try:
        return parse_date(text)
    except ValueError:
        table.problem(line, field, "no date; expected one such as 2026-08-21 or 8/21/2026")
        return None


def dates(
    table: Table, line: int, start: str, end: str, names: tuple[str, str] = ("beginDate", "endDate")
) -> tuple[date | None, date | None]:
    """First and last day of a row, both included; in the wrong order they count as empty."""
    if not start and not end:
        return None, None
    first, last = day(table, line, names[0], start), day(table, line, names[1], end)
    if first and last and last < first:
        table.problem(line, names[1], f"lies before {names[0]}; both are left out")
        return None, None
    return first, last


def ids(text: str) -> list[str]:
    """The ids in a cell that may hold several."""
    if not text:
        return []
    return [id for part in _BETWEEN_IDS.split(text) if (id := part.strip())]


def known_ids(
    table: Table, line: int, field: str, text: str, known: Container[str], gone: Container[str]
) -> list[str]:
    """Those ids of a cell that are known; one that is neither known nor gone is reported."""
    named = ids(text)
    if any(id not in known and id not in gone for id in named):
        table.problem(line, field, "names an org that orgs.csv does not have")
    return [id for id in named if id in known]
