"""Everything that may be disposed of today, message by message.

The search engine is asked for what may be (`eligible`), the catalog tells when each message was received and what
became of it, and `standing` has the last word. Nobody knows what a message is that is not in the index, or of which
the catalog knows the envelope only: such mail is never found here, and counted by `coverage`. Nor is mail whose labels
were changed a moment ago, so that the index does not know them yet.

Fails with `EngineError`, and sqlalchemy.exc.DBAPIError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice

from sqlalchemy import Connection

from gateway.catalog import facts as catalog_facts
from gateway.catalog.facts import Receipt
from gateway.catalog.queries import messages_up_to
from gateway.catalog.store import read_watermark
from gateway.message.events import HELD
from gateway.records.retention.eligible import eligible
from gateway.records.retention.leaving import Leaving
from gateway.records.retention.schedule import Schedule, Series
from gateway.records.retention.standing import Facts, Standing, State, applying, standing
from gateway.records.retention.triggers import Trigger
from gateway.search.engine import PAGE, Facet, Searcher, Wanted
from gateway.search.query.tree import And, Is, Keyword, Node

_AT_ONCE = 500  # messages looked at in one step


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that may be disposed of."""

    seq: int
    id: str
    series: tuple[str, ...]  # names of those that cover it, or might
    floor_until: date  # the last day on which it had to be kept
    ceiling_at: date | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What an answer is based on."""

    searched: int  # entries of the archive up to this one are in the index
    last: int  # the archive's last entry
    unindexed: int  # messages up to `searched` that are not in the index: never eligible
    by_envelope: int  # messages that could be catalogued by their envelope only: never eligible

    @property
    def behind(self) -> int:
        """Entries that the index does not have yet."""
        return self.last - self.searched


@dataclass(frozen=True, slots=True)
class Sources:
    """Where is looked; `connection` is one reading transaction of the catalog."""

    searcher: Searcher
    connection: Connection
    leaving: Leaving


def candidates(
    sources: Sources, schedule: Schedule, today: date, series: Series | None = None
) -> Iterator[Candidate]:
    """What may be disposed of today, in the archive's order; with `series`, what of it this one covers."""
    for looked in looked_at(sources, schedule, eligible(schedule, today, series), today):
        state, floor = looked.standing.state, looked.standing.floor_until
        if state is State.KEPT or floor is None:
            continue
        if series is not None and series.name not in looked.standing.series:
            continue
        yield Candidate(looked.seq, looked.id, looked.standing.series, floor, looked.standing.ceiling_at)


@dataclass(frozen=True, slots=True)
class Looked:
    """A message, and how it stands."""

    seq: int
    id: str
    facts: Facts
    standing: Standing


def looked_at(sources: Sources, schedule: Schedule, node: Node, today: date) -> Iterator[Looked]:
    """Every message for which a query holds, and that index and catalog know, in the archive's order."""
    changing = catalog_facts.labelled_after(sources.connection, sources.searcher.position())
    covered = _Covered(sources.searcher, schedule, node)
    seqs = sources.searcher.seqs(node)
    while chunk := list(islice(seqs, _AT_ONCE)):
        receipts = catalog_facts.receipts(sources.connection, chunk)
        for seq in chunk:
            certain, possible = covered.by(seq)
            receipt = receipts.get(seq)
            if receipt is None or not receipt.indexed or receipt.id in changing:
                continue
            facts = _facts(sources, schedule, receipt, certain, possible)
            yield Looked(seq, receipt.id, facts, standing(facts, schedule, today))


def facts_of(sources: Sources, schedule: Schedule, receipt: Receipt) -> Facts | None:
    """What is known of one message; None where the index does not have it."""
    this = Is(Keyword.ID, receipt.id)
    if not sources.searcher.count(this):
        return None

    def among(node: Node) -> bool:
        return sources.searcher.count(And((this, node))) > 0

    certain = frozenset(each.name for each in schedule.others if among(schedule.covered(each)))
    possible = frozenset(each.name for each in schedule.others if among(schedule.possibly_covered(each)))
    return _facts(sources, schedule, receipt, certain, possible)


def coverage(sources: Sources, last: int) -> Coverage:
    """How complete an answer is; `last`: the archive's last entry."""
    mark = read_watermark(sources.connection)
    position = sources.searcher.position()
    documents = sources.searcher.count(And(()))
    messages = messages_up_to(sources.connection, position)
    return Coverage(
        searched=position,
        last=max(last, position, mark.position),
        unindexed=max(messages - documents, 0),
        by_envelope=mark.unindexed,
    )


def _facts(
    sources: Sources,
    schedule: Schedule,
    receipt: Receipt,
    certain: frozenset[str],
    possible: frozenset[str],
) -> Facts:
    facts = Facts(receipt.received, certain, possible, held=receipt.outcome == HELD)
    if not any(series.trigger is Trigger.LEFT for series in applying(facts, schedule)):
        return facts
    return replace(facts, students=_students(sources, receipt.id))


def _students(sources: Sources, id: str) -> tuple[date | None, ...]:
    """When the students had left whom a message concerns, of those who take part by the roster of its day."""
    wanted = Wanted(limit=0, count=False, facets=(Facet.PERSON,), facet_values=PAGE)
    found = sources.searcher.search(Is(Keyword.ID, id), wanted).facets[Facet.PERSON]
    if len(found) >= PAGE:  # there may be more of them, whom nobody would ask about
        return (None,)
    return sources.leaving.of(each.value for each in found)


class _Covered:
    """By which series each hit of a query is covered; asked in the archive's order."""

    def __init__(self, searcher: Searcher, schedule: Schedule, node: Node) -> None:
        def streams(of: Callable[[Series], Node]) -> dict[str, _Stream]:
            return {each.name: _Stream(searcher.seqs(And((node, of(each))))) for each in schedule.others}

        self._certain = streams(schedule.covered)
        self._possible = streams(schedule.possibly_covered)

    def by(self, seq: int) -> tuple[frozenset[str], frozenset[str]]:
        """The names of the series that cover a message, and of those that might."""
        certain = frozenset(name for name, stream in self._certain.items() if stream.has(seq))
        return certain, frozenset(name for name, stream in self._possible.items() if stream.has(seq))


class _Stream:
    """Numbers in ascending order, which are asked for in that order."""

    def __init__(self, seqs: Iterator[int]) -> None:
        self._seqs = seqs
        self._next = next(seqs, None)

    def has(self, seq: int) -> bool:
        while self._next is not None and self._next < seq:
            self._next = next(self._seqs, None)
        return self._next == seq
