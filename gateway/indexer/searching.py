"""Keeps a search index current with the archive and the catalog.

Entry by entry: a message becomes a document; an event changes what is known of one, and its document is made anew.
An index follows the catalog, so what search says of outcomes and findings is what the catalog says.

Promises: documents and `position` are committed together, so each entry has its effect exactly once, however often the
process is killed; a message that cannot be read is passed over and counted by the catalog as unindexed.

Fails with whatever fails for everything alike: archive, catalog or index out of reach; call again later.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic

from structlog.typing import FilteringBoundLogger

from gateway.archive.errors import ArchiveDamaged
from gateway.catalog import facts as catalog_facts
from gateway.catalog.facts import Catalogued
from gateway.catalog.reader import Catalog
from gateway.catalog.store import read_watermark
from gateway.indexer.entries import Entry
from gateway.indexer.making import Maker, Source
from gateway.message import events
from gateway.search.document import Document
from gateway.search.engine import Writer

ENTRIES = 2_000  # of the archive, taken in one step
_OCTETS = 64 * 2**20  # of messages read in one step
_SECONDS = 1.0  # that a step goes on making documents
_REMEMBERED = 20_000  # messages of which is known by which state of the catalog their documents were made


@dataclass(frozen=True, slots=True)
class Step:
    """How far the index came, and how many entries are left."""

    position: int
    documents: int
    remaining: int


class SearchFollower:
    """Follows the catalog into a search index. One thread at a time."""

    def __init__(
        self, source: Source, catalog: Catalog, writer: Writer, maker: Maker, log: FilteringBoundLogger
    ) -> None:
        self._source = source
        self._catalog = catalog
        self._writer = writer
        self._maker = maker
        self._log = log
        self._made: OrderedDict[int, int] = OrderedDict()  # by the message's seq: the catalog's position

    def step(self, should_stop: Callable[[], bool] = lambda: False) -> Step:
        """Take the next entries of the archive that the catalog has, for about `_SECONDS`.

        `should_stop` is asked between documents; what was made by then is still committed.
        """
        after = self._writer.position()
        with self._catalog.connect() as connection:
            known = read_watermark(connection).position
            entries = list(self._next(after, known))
            if not entries:
                return Step(after, 0, 0)
            ids = catalog_facts.numbers(connection, (entry.subject_id for entry in entries if _tells(entry)))
            concerned = [_concerned(entry, ids) for entry in entries]
            judged = (
                seq for entry, seqs in zip(entries, concerned, strict=True) if _judges(entry) for seq in seqs
            )
            shared = catalog_facts.sharing(connection, judged)
            changed = [
                self._changed(entry, seqs, shared) for entry, seqs in zip(entries, concerned, strict=True)
            ]
            found = catalog_facts.catalogued(connection, {seq for seqs in changed for seq in seqs})
        self._maker.forget()
        documents: dict[int, Document] = {}
        gone: set[int] = set()
        until, last = monotonic() + _SECONDS, after
        for entry, seqs in zip(entries, changed, strict=True):
            gone.update(_disposed(entry))
            for seq in seqs:
                if seq in found and seq not in documents:
                    documents.update(self._documents(seq, found[seq]))
            last = entry.seq
            if monotonic() > until or should_stop():
                break
        self._writer.remove(gone)
        self._writer.write((each for seq, each in documents.items() if seq not in gone), last)
        self._remember(documents, known)
        return Step(last, len(documents), known - last)

    def _next(self, after: int, known: int) -> Iterator[Entry]:
        """The entries after a number, up to `known`, as many as a step takes."""
        octets = 0
        try:
            entries = self._source.follow(after, min(ENTRIES, max(known - after, 0))) if known > after else ()
        except ArchiveDamaged as error:
            # What cannot be read is passed over; the next entry tells how far.
            entries = self._source.follow(max(error.seq, after + 1), 1)
        for entry in entries:
            octets += entry.size
            if entry.seq > known or (octets > _OCTETS and octets > entry.size):
                return
            yield entry

    def _changed(
        self, entry: Entry, concerned: tuple[int, ...], shared: Mapping[int, tuple[int, ...]]
    ) -> tuple[int, ...]:
        """The messages whose documents an entry makes, or changes: not those that were made in knowledge of it."""
        seqs = set(concerned)
        if _judges(entry):  # findings are shared: what is found in one message is told of others
            seqs.update(also for seq in concerned for also in shared.get(seq, ()) if also <= entry.seq)
        return tuple(sorted(seq for seq in seqs if self._made.get(seq, 0) < entry.seq))

    def _remember(self, seqs: Iterable[int], known: int) -> None:
        for seq in seqs:
            self._made[seq] = known
            self._made.move_to_end(seq)
        while len(self._made) > _REMEMBERED:
            self._made.popitem(last=False)

    def _documents(self, seq: int, one: Catalogued) -> dict[int, Document]:
        """The document of a message; none where its record cannot be read."""
        try:
            return {seq: self._maker.document(seq, one)}
        except ArchiveDamaged:
            self._log.error("message not searchable", seq=seq, id=one.row["id"])
            return {}


def _concerned(entry: Entry, ids: Mapping[str, int]) -> tuple[int, ...]:
    """The messages, by number, that an entry is, or tells something new of."""
    if entry.disposed:
        return ()
    if entry.kind == "message":
        return (entry.seq,)
    if entry.document.get("event") == events.JUDGED:
        return tuple(int(record["seq"]) for record in entry.document["records"])
    return (ids[entry.subject_id],) if _tells(entry) and entry.subject_id in ids else ()


def _disposed(entry: Entry) -> Iterator[int]:
    """The entries of which an event says that they were disposed of."""
    if entry.document.get("event") == events.DISPOSED:
        for first, last in entry.document["entries"]:
            yield from range(int(first), int(last) + 1)


def _judges(entry: Entry) -> bool:
    """Whether an entry says what was found in its messages."""
    return entry.kind == "message" or entry.document.get("event") == events.JUDGED


def _tells(entry: Entry) -> bool:
    """Whether an entry is an event that says where its message is now."""
    return entry.kind == "event" and entry.document.get("event") not in (
        events.JUDGED,
        events.VIEWED,
        events.ALSO_FOUND,
    )
