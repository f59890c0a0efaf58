"""Which messages an export is to hold: what the query finds, less what is left out, each with its reason.

Promises: what waits for a reviewer is left out; a message has student records if a student or a guardian takes part in
it by the roster of its day, or a finding names one. A message for a guardian counts for every child of theirs.

Fails with NotCatalogued where the catalog is being made anew, with what searching fails with, and with
ArchiveUnavailable and sqlalchemy.exc.DBAPIError.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from typing import Any

from sqlalchemy import Connection, select

from gateway.archive import ArchiveDamaged, Reader
from gateway.archive.entry import Entry
from gateway.catalog import facts as catalog_facts
from gateway.catalog.facts import Catalogued
from gateway.catalog.holds import HELD as STATE_HELD
from gateway.catalog.schema import holds, participants
from gateway.directory.history import History
from gateway.directory.model import Role
from gateway.directory.snapshot import Directory
from gateway.message.events import HELD as OUTCOME_HELD
from gateway.records.export.plan import HELD, Exclusion, Students
from gateway.search.engine import Searcher
from gateway.search.query.tree import And, Is, Keyword, Node, Or

_IN_LIST = 500
_CONCERNED = (Role.STUDENT, Role.GUARDIAN)
_TAKE_PART = Or(tuple(Is(Keyword.ROLE, role.value) for role in _CONCERNED))
_DAYS = 4  # whose directories are held at once: mail comes in the order of its days
_NOT_A_SEAT = "reply_to"  # an address that nobody has used

Named = Mapping[str, Any]  # somebody whom a finding names, as JSON


class NotCatalogued(Exception):
    """The catalog does not have all that the index found; the text says what to do."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a person wants left out, and why."""

    text: str  # the query as typed
    node: Node
    because: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """The messages of an export, by sequence number."""

    messages: tuple[int, ...]
    excluded: tuple[Exclusion, ...]
    students: Students


@dataclass(frozen=True, slots=True)
class Sources:
    """What is asked."""

    searcher: Searcher
    connection: Connection  # to the catalog
    reader: Reader
    history: History
    zone: tzinfo


def choose(sources: Sources, node: Node, leaving_out: Sequence[LeftOut] = ()) -> Chosen:
    """What a query finds, sorted into what is exported and what is not."""
    found = list(sources.searcher.seqs(node))
    known = _catalogued(sources.connection, found)
    excluded = [Exclusion(HELD, "", tuple(sorted(known.held)))] if known.held else []
    out = set(known.held)
    for each in leaving_out:
        these = tuple(seq for seq in sources.searcher.seqs(And((node, each.node))) if seq not in out)
        excluded.append(Exclusion(each.because, each.text, these))
        out.update(these)
    messages = tuple(seq for seq in found if seq not in out)
    concerned = frozenset(sources.searcher.seqs(And((node, _TAKE_PART))))
    return Chosen(messages, tuple(excluded), _students(sources, messages, concerned, known.named))


@dataclass(slots=True)
class _Known:
    """What the catalog says of messages."""

    held: set[int] = field(default_factory=set)
    named: dict[int, tuple[Named, ...]] = field(default_factory=dict)  # whom findings name, where they do


def _catalogued(connection: Connection, seqs: Sequence[int]) -> _Known:
    known = _Known(_held(connection, seqs))
    missing = 0
    for some in _chunks(seqs):
        rows = catalog_facts.catalogued(connection, some)
        missing += len(some) - len(rows)
        known.held.update(seq for seq, one in rows.items() if one.row["outcome"] == OUTCOME_HELD)
        known.named.update((seq, tuple(_named(one))) for seq, one in rows.items() if one.findings)
    if missing:
        raise NotCatalogued(
            f"{missing} of {len(seqs)} messages are not in the catalog, which is being made anew or is damaged: wait "
            "until `mailgw serve` or `mailgw reindex` is done with it"
        )
    return known


def _held(connection: Connection, seqs: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for some in _chunks(seqs):
        query = select(holds.c.seq).where(holds.c.seq.in_(some), holds.c.state == STATE_HELD)
        found.update(connection.scalars(query))
    return found


# --- students --------------------------------------------------------------------------------------------


def _students(
    sources: Sources, seqs: Sequence[int], indexed: frozenset[int], named: Mapping[int, tuple[Named, ...]]
) -> Students:
    """Messages with student records, and whose. indexed: those in which the index knows a student or a guardian."""
    known = bool(sources.history.kept())
    directories = _Directories(sources.history, sources.zone)
    messages: list[int] = []
    by_person: defaultdict[str, list[int]] = defaultdict(list)
    for some in _chunks([seq for seq in seqs if seq in indexed or seq in named]):
        seats = _seats(sources.connection, some)
        for seq in some:
            said = named.get(seq, ())
            directory = directories.of(_entry(sources.reader, seq)) if known else None
            people = _people(directory, seats[seq], said)
            if people or seq in indexed or any(each.get("role") in _CONCERNED for each in said):
                messages.append(seq)
            for id in people:
                by_person[id].append(seq)
    return Students(known, tuple(messages), {id: tuple(by_person[id]) for id in sorted(by_person)})


def _people(directory: Directory | None, addresses: Iterable[str], named: Iterable[Named]) -> set[str]:
    """The students whose records a message holds, by id; a guardian without children in the roster stands for them."""
    found: set[str] = set()
    ids: set[str] = set()
    for each in named:
        if isinstance(id := each.get("person_id"), str):
            ids.add(id)
            if each.get("role") == Role.STUDENT:
                found.add(id)
    if directory is None:
        return found
    ids |= {match.person.id for address in addresses for match in directory.matches(address)}
    for id in ids:
        person = directory.people.get(id)
        if person is not None and person.is_a(Role.STUDENT):
            found.add(id)
        if person is not None and person.is_a(Role.GUARDIAN):
            found |= directory.children_of(id) or {id}
    return found


def _named(one: Catalogued) -> Iterator[Named]:
    """The people whom the findings about a message name."""
    for finding in one.findings:
        yield from (each for each in (finding["author"], *finding["people"]) if isinstance(each, dict))


def _seats(connection: Connection, seqs: Sequence[int]) -> defaultdict[int, list[str]]:
    """The canonical addresses of each message."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    table = participants.c
    for some in _chunks(seqs):
        query = select(table.seq, table.canonical).where(table.seq.in_(some), table.kind != _NOT_A_SEAT)
        for seq, canonical in connection.execute(query):
            found[seq].append(canonical)
    return found


def _entry(reader: Reader, seq: int) -> Entry | None:
    """None for one that cannot be read: it is not exported either."""
    try:
        return reader.entry(seq)
    except ArchiveDamaged:
        return None


class _Directories:
    """The directory by which a message was judged, or the nearest one."""

    def __init__(self, history: History, zone: tzinfo) -> None:
        self._history, self._zone = history, zone
        self._known: dict[tuple[date, str], Directory | None] = {}

    def of(self, entry: Entry | None) -> Directory | None:
        if entry is None:
            return None
        verdict = entry.document.get("verdict")
        version = verdict.get("directory_version", "") if isinstance(verdict, dict) else ""
        key = entry.received.astimezone(self._zone).date(), str(version)
        if key not in self._known:
            if len(self._known) >= _DAYS:
                self._known.clear()
            self._known[key] = self._history.of(*key)
        return self._known[key]


def _chunks(items: Sequence[int]) -> Iterator[Sequence[int]]:
    return (items[at : at + _IN_LIST] for at in range(0, len(items), _IN_LIST))
