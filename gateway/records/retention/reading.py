"""A retention schedule from its TOML file.

Promises: a schedule is taken whole or not at all, and every mistake is told at once, each with file, series, key and
what was expected. Fails with `ScheduleError`, whose text is for the person who edits the file.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Any, TypeVar

from gateway.records.retention.periods import Period, read_period
from gateway.records.retention.schedule import Schedule, Series
from gateway.records.retention.triggers import Calendar, Trigger, YearEnd
from gateway.search.query import QueryError, parse
from gateway.search.query.tree import And, Is, Keyword, Node, Not, Or
from gateway.search.saved import moves

_KEYS = frozenset({"school_year_ends", "fiscal_year_ends", "series"})
_SERIES_KEYS = (
    "name", "title", "covers", "trigger", "floor", "ceiling", "authority", "note", "confirm",
)  # fmt: skip
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}", re.ASCII)
_DAY = re.compile(r"(\d\d)-(\d\d)", re.ASCII)
_ASKED = datetime(2026, 1, 1, tzinfo=UTC)  # any moment: what depends on it is refused
_A_DAY = date(2001, 1, 1)  # any day, to see which of two periods is longer

# What is decided about records by others than the schedule, and goes before it.
_NOT_HERE = {
    Keyword.HOLD: "a legal hold keeps mail whatever the schedule says",
    Keyword.REQUEST: "a public-records request keeps mail whatever the schedule says",
}
V = TypeVar("V")


class ScheduleError(Exception):
    """The schedule cannot be used; the text has a line for each mistake."""


def load(path: Path, *, zone: tzinfo) -> Schedule:
    """The schedule in a file, for a district in `zone`. Raises ScheduleError."""
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise ScheduleError(f"{path}: cannot be read: {error.strerror}") from None
    return read(octets, str(path), zone=zone)


def read(octets: bytes, source: str, *, zone: tzinfo) -> Schedule:
    """The schedule in the octets of a file called `source`. Raises ScheduleError."""
    try:
        data = tomllib.loads(octets.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScheduleError(f"{source}: not valid TOML: {error}") from None
    made = _Reading(zone)
    schedule = made.schedule(data, hashlib.sha256(octets).hexdigest()[:12])
    if made.problems or schedule is None:
        raise ScheduleError("\n".join(f"{source}: {problem}" for problem in made.problems))
    return schedule


@dataclass(slots=True)
class _Reading:
    """One pass over a file; what is wrong is gathered."""

    zone: tzinfo
    problems: list[str] = field(default_factory=list)

    def schedule(self, data: Mapping[str, Any], version: str) -> Schedule | None:
        """None where anything is wrong."""
        self._unknown(data, _KEYS, "")
        calendar = Calendar(
            self.zone,
            self._value(data, "school_year_ends", "", _year_end, YearEnd()),
            self._value(data, "fiscal_year_ends", "", _year_end, YearEnd()),
        )
        tables = data.get("series")
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            self.problems.append("series: expected at least one [[series]]")
            return None
        found = [self._series(table, number) for number, table in enumerate(tables, 1)]
        self._together(found)
        if self.problems:
            return None
        (default,) = (each for each in found if each.is_default)
        return Schedule(tuple(each for each in found if not each.is_default), default, calendar, version)

    def _series(self, table: Mapping[str, Any], number: int) -> Series:
        name = table.get("name")
        where = f"series {number} ({name})." if isinstance(name, str) else f"series {number}."
        self._unknown(table, _SERIES_KEYS, where)
        query = self._value(table, "covers", where, _text, None)
        floor = self._value(table, "floor", where, _period, None, needed=True)
        ceiling = self._value(table, "ceiling", where, _period, None)
        if floor and ceiling and ceiling.after(_A_DAY) < floor.after(_A_DAY):
            self.problems.append(f"{where}ceiling: expected no less than the floor, {floor}; got {ceiling}")
        return Series(
            name=self._value(table, "name", where, _name, "", needed=True),
            title=self._value(table, "title", where, _text, "", needed=True),
            trigger=self._value(table, "trigger", where, _trigger, Trigger.RECEIVED, needed=True),
            floor=floor or Period(),
            ceiling=ceiling,
            authority=self._value(table, "authority", where, _text, "", needed=True),
            note=self._value(table, "note", where, _text, ""),
            confirm=self._value(table, "confirm", where, _yes_or_no, False),
            query=query or "",
            covers=None if query is None else self._covers(query, where),
        )

    def _covers(self, query: str, where: str) -> Node:
        """The tree of a query that means the same on every day."""
        try:
            node = parse(query, now=_ASKED, zone=self.zone)
            moving = moves(query, now=_ASKED, zone=self.zone)
        except QueryError as error:
            self.problems.append(f"{where}covers: {error}")
            return And(())
        if moving:
            problem = "it moves with time, so what it covers would be other mail each day"
            self.problems.append(f"{where}covers: {problem}; expected dates such as before:2026-07-01")
        for keyword in sorted(_keywords(node) & _NOT_HERE.keys()):
            self.problems.append(f"{where}covers: expected no {keyword.value}:, for {_NOT_HERE[keyword]}")
        return node

    def _together(self, found: list[Series]) -> None:
        """What must hold of all series."""
        names = [each.name for each in found if each.name]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.problems.append(f"series: expected names that differ; {name} stands there more than once")
        defaults = sum(each.is_default for each in found)
        if defaults != 1:
            only = "exactly one series without covers, which covers everything that no other one does"
            self.problems.append(f"series: expected {only}; got {defaults}")

    def _unknown(self, table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
        for key in table.keys() - set(known):
            self.problems.append(f"{where}{key}: unknown key; expected one of {', '.join(sorted(known))}")

    def _value(
        self,
        table: Mapping[str, Any],
        key: str,
        where: str,
        read: Callable[[object], V],
        otherwise: V,
        *,
        needed: bool = False,
    ) -> V:
        if key not in table:
            if needed:
                self.problems.append(f"{where}{key}: missing; expected a value")
            return otherwise
        try:
            return read(table[key])
        except ValueError as error:
            self.problems.append(f"{where}{key}: {error}")
            return otherwise


def _keywords(node: Node) -> set[Keyword]:
    match node:
        case And(nodes) | Or(nodes):
            return {keyword for each in nodes for keyword in _keywords(each)}
        case Not(inner):
            return _keywords(inner)
        case Is(keyword):
            return {keyword}
        case _:
            return set()


# --- values ----------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected a text, got {value!r}")
    return " ".join(value.split())


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"expected lower case letters, digits and dashes, got {value!r}")
    return value


def _trigger(value: object) -> Trigger:
    if not isinstance(value, str) or value not in list(Trigger):
        raise ValueError(f"expected one of {', '.join(Trigger)}; got {value!r}")
    return Trigger(value)


def _period(value: object) -> Period:
    if not isinstance(value, str):
        raise ValueError(f'expected a text such as "7 years", got {value!r}')
    return read_period(value)


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {value!r}")
    return value


def _year_end(value: object) -> YearEnd:
    found = _DAY.fullmatch(value) if isinstance(value, str) else None
    try:
        if found is None:
            raise ValueError
        day = date(2001, int(found[1]), int(found[2]))  # a year without February 29
    except ValueError:
        raise ValueError(f'expected a day that each year has, such as "06-30"; got {value!r}') from None
    return YearEnd(day.month, day.day)
