"""Makes the document of an archived message: its octets, its attachments' texts, the catalog, the roster of its day.

Promises: what an attachment says is read once in a while, however often it is sent or its message's document is made
anew. Fails with ArchiveDamaged for a message that cannot be read, and with whatever fails for everything alike.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Any, Protocol

from gateway.archive.errors import ArchiveDamaged
from gateway.catalog.facts import Catalogued
from gateway.directory.history import History
from gateway.directory.snapshot import Directory
from gateway.extraction.model import Extracted
from gateway.indexer.document import Facts, Found, document, wants_extraction
from gateway.indexer.entries import Entry, EntrySource
from gateway.message.content import content_id
from gateway.message.envelope import Envelope
from gateway.message.readable import readable
from gateway.message.readable.model import Part, Readable
from gateway.message.reading import Reading
from gateway.search.document import Document

_REMEMBERED = 4 * 2**20  # characters of attachments' texts
_MOST = 1_000  # attachments whose texts are remembered
_DAYS = 100  # whose directories are known without a look at the folder


class Source(EntrySource, Protocol):
    """The archive, to read from."""

    def message(self, seq: int) -> tuple[Entry, bytes] | None:
        """The message with a number, and the octets received. Raises ArchiveDamaged."""


Extract = Callable[[bytes, str, str], Sequence[Extracted]]


class Maker:
    """One thread at a time."""

    def __init__(
        self,
        source: Source,
        *,
        history: History,
        domains: tuple[str, ...],
        zone: tzinfo,
        extract: Extract,
        now: datetime,
    ) -> None:
        """`extract`: the text of an attachment by its octets, type and name. `zone`: the district's."""
        self._source = source
        self._history = history
        self._nobody = Directory.empty(domains, now)
        self._zone = zone
        self._extract = extract
        self._read: OrderedDict[bytes, tuple[Extracted, ...]] = OrderedDict()  # by digest
        self._remembered = 0  # characters of those
        self._directories: dict[tuple[date, str], Directory] = {}

    def document(self, seq: int, one: Catalogued) -> Document:
        """The document of a message. Raises ArchiveDamaged."""
        found = self._source.message(seq)
        if found is None:
            raise ArchiveDamaged("", seq, "is missing")
        entry, raw = found
        message = readable(raw)
        return document(
            _facts(entry, one, message.reading, raw), message, self._texts(message), self._directory(entry)
        )

    def forget(self) -> None:
        """Look at the kept directories anew: there may be more of them by now."""
        self._directories.clear()

    def _directory(self, entry: Entry) -> Directory:
        """The directory by which the message was judged, or the nearest one."""
        verdict = entry.document.get("verdict") or {}
        key = entry.received.astimezone(self._zone).date(), str(verdict.get("directory_version", ""))
        if key not in self._directories:
            if len(self._directories) >= _DAYS:
                self._directories.clear()
            self._directories[key] = self._history.of(*key) or self._nobody
        return self._directories[key]

    def _texts(self, message: Readable) -> tuple[Extracted, ...]:
        """The texts of attachments."""
        wanted = (part for part in message.attachments if wants_extraction(part))
        return tuple(text for part in wanted for text in self._extracted(part))

    def _extracted(self, part: Part) -> tuple[Extracted, ...]:
        """The texts of one attachment; of one that was read a while ago, those."""
        content = part.content()
        digest = hashlib.sha256(f"{part.content_type}\0{part.filename}\0".encode("utf-8", "replace"))
        digest.update(content)
        key = digest.digest()
        if key in self._read:
            self._read.move_to_end(key)
            return self._read[key]
        texts = tuple(self._extract(content, part.content_type, part.filename))
        self._read[key] = texts
        self._remembered += _length(texts)
        while len(self._read) > 1 and (self._remembered > _REMEMBERED or len(self._read) > _MOST):
            self._remembered -= _length(self._read.popitem(last=False)[1])
        return texts


def _length(texts: Iterable[Extracted]) -> int:
    return sum(len(one.text) for one in texts)


def _facts(entry: Entry, one: Catalogued, reading: Reading, raw: bytes) -> Facts:
    row: dict[str, Any] = one.row
    return Facts(
        seq=entry.seq,
        id=entry.id,
        received=entry.received,
        envelope=Envelope.from_json(entry.document["envelope"]),
        size=entry.size,
        sha256=entry.sha256 or "",
        outcome=row["outcome"] or "pending",
        # The catalog has none of mail from files, so that none is judged with transactions. To search it is a copy.
        content_id=row["content_id"] or content_id(reading, raw),
        defects=tuple(row["defects"]),
        findings=tuple(_found(each) for each in one.findings),
        labels=one.labels,
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
