"""Keeps a search index current with the archive and the catalog.

Entry by entry: a message becomes a document; an event changes what is known of one, and its document is made anew.
An index follows the catalog, so what search says of outcomes and findings is what the catalog says.

Promises: documents and `position` are committed together, so each entry has its effect exactly once, however often the
process is killed; a message that cannot be read is passed over and counted by the catalog as unindexed. What an
attachment says is read once, however often its message's document is made anew in a while.

Fails with whatever fails for everything alike: archive, catalog or index out of reach; call again later.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from time import monotonic
from typing import Any, Protocol

from structlog.typing import FilteringBoundLogger

from gateway.archive.errors import ArchiveDamaged
from gateway.catalog import facts as catalog_facts
from gateway.catalog.facts import Catalogued
from gateway.catalog.reader import Catalog
from gateway.catalog.store import read_watermark
from gateway.directory.history import History
from gateway.directory.snapshot import Directory
from gateway.extraction.model import Extracted
from gateway.indexer.document import Facts, Found, document, wants_extraction
from gateway.indexer.entries import Entry, EntrySource
from gateway.message import events
from gateway.message.envelope import Envelope
from gateway.message.readable import readable
from gateway.message.readable.model import Readable
from gateway.search.document import Document
from gateway.search.engine import Writer

ENTRIES = 500  # of the archive, taken in one step
_OCTETS = 64 * 2**20  # of messages read in one step
_SECONDS = 1.0  # that a step goes on making documents
_REMEMBERED = 4 * 2**20  # characters of attachments' texts


class Source(EntrySource, Protocol):
    """The archive, to read from."""

    def entry(self, seq: int) -> Entry | None:
        """The entry with a number. Raises ArchiveDamaged."""


Extract = Callable[[bytes, str, str], Sequence[Extracted]]


@dataclass(frozen=True, slots=True)
class Step:
    """How far the index came, and how many entries are left."""

    position: int
    documents: int
    remaining: int


class SearchFollower:
    """Follows the catalog into a search index. One thread at a time."""

    def __init__(
        self,
        source: Source,
        catalog: Catalog,
        writer: Writer,
        *,
        history: History,
        domains: tuple[str, ...],
        zone: tzinfo,
        extract: Extract,
        clock: Callable[[], datetime],
        log: FilteringBoundLogger,
    ) -> None:
        """`extract`: the text of an attachment by its octets, type and name. `zone`: the district's."""
        self._source = source
        self._catalog = catalog
        self._writer = writer
        self._history = history
        self._nobody = Directory.empty(domains, clock())
        self._zone = zone
        self._extract = extract
        self._log = log
        self._read: OrderedDict[int, tuple[Extracted, ...]] = OrderedDict()  # of messages, by seq

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
            changed = [_changed(entry, ids) for entry in entries]
            found = catalog_facts.catalogued(connection, {seq for seqs in changed for seq in seqs})
        documents: dict[int, Document] = {}
        until, last = monotonic() + _SECONDS, after
        for entry, seqs in zip(entries, changed, strict=True):
            for seq in seqs:
                if seq in found and seq not in documents:
                    documents.update(self._documents(seq, found[seq]))
            last = entry.seq
            if monotonic() > until or should_stop():
                break
        self._writer.write(documents.values(), last)
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

    def _documents(self, seq: int, one: Catalogued) -> dict[int, Document]:
        """The document of a message; none where its record cannot be read."""
        try:
            return {seq: self._document(seq, one)}
        except ArchiveDamaged:
            self._log.error("message not searchable", seq=seq, id=one.row["id"])
            return {}

    def _document(self, seq: int, one: Catalogued) -> Document:
        entry = self._source.entry(seq)
        if entry is None:
            raise ArchiveDamaged("", seq, "is missing")
        message = readable(self._source.raw(seq))
        verdict = entry.document.get("verdict") or {}
        day = entry.received.astimezone(self._zone).date()
        directory = self._history.of(day, str(verdict.get("directory_version", ""))) or self._nobody
        return document(_facts(entry, one), message, self._texts(seq, message), directory)

    def _texts(self, seq: int, message: Readable) -> tuple[Extracted, ...]:
        """The texts of attachments, read at most once in a while."""
        if seq in self._read:
            self._read.move_to_end(seq)
            return self._read[seq]
        wanted = [part for part in message.attachments if wants_extraction(part)]
        texts = tuple(
            text
            for part in wanted
            for text in self._extract(part.content(), part.content_type, part.filename)
        )
        if texts:
            self._read[seq] = texts
            while len(self._read) > 1 and sum(map(_length, self._read.values())) > _REMEMBERED:
                self._read.popitem(last=False)
        return texts


def _length(texts: Iterable[Extracted]) -> int:
    return sum(len(one.text) for one in texts)


def _changed(entry: Entry, ids: Mapping[str, int]) -> tuple[int, ...]:
    """The messages, by number, whose documents an entry makes or changes."""
    if entry.kind == "message":
        return (entry.seq,)
    if entry.document.get("event") == events.JUDGED:
        return tuple(int(record["seq"]) for record in entry.document["records"])
    return (ids[entry.subject_id],) if _tells(entry) and entry.subject_id in ids else ()


def _tells(entry: Entry) -> bool:
    """Whether an entry is an event that says where its message is now."""
    return entry.kind == "event" and entry.document.get("event") not in (events.JUDGED, events.VIEWED)


def _facts(entry: Entry, one: Catalogued) -> Facts:
    row: dict[str, Any] = one.row
    return Facts(
        seq=entry.seq,
        id=entry.id,
        received=entry.received,
        envelope=Envelope.from_json(entry.document["envelope"]),
        size=entry.size,
        sha256=entry.sha256 or "",
        outcome=row["outcome"] or "pending",
        content_id=row["content_id"] or "",
        defects=tuple(row["defects"]),
        findings=tuple(_found(each) for each in one.findings),
    )


def _found(row: Mapping[str, Any]) -> Found:
    people = [row["author"], *row["people"]]
    return Found(
        rule=row["rule"],
        severity=row["severity"],
        status=row["status"],
        persons=tuple(str(each["person_id"]) for each in people if each.get("person_id")),
        groups=tuple(row["groups"]),
    )
