"""What was disposed of, and whether that is on record. Pure, but for `newer_records`.

Of an entry that was disposed of the archive keeps a tombstone, and in the archive there is an event that says so:

    {"event": "disposed", "batch": "<uuid>", "entries": [[first, last], ...], "permission": {...}, "by": [...]}

A tombstone that no such event names, with its number and its batch, is a problem (`disposed`); and so is one whose
event was changed itself. The event `disposal-begun` names what is to be destroyed in the same words: it counts as well,
for the work may have been broken off, but `verify` says so. Like any entry, an event that is newer than the newest
checkpoint is not attested yet; that is said, too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from gateway.archive import Kind, Reader
from gateway.archive.entry import Digests, from_microseconds, read_document
from gateway.archive.verify import Problem
from gateway.message.events import DISPOSAL_BEGUN, DISPOSED
from gateway.records.spans import count_of, numbers_of

_NAMES = (DISPOSED, DISPOSAL_BEGUN)
_MARK = b'"dispos'
_AT_ONCE = 1_000  # entries
# These say of an entry that it may not be what it was; the others are about something else.
_DOUBTFUL = frozenset({"altered", "document", "message", "unreadable", "disposed"})


@dataclass(frozen=True, slots=True)
class Record:
    """An event that says what a batch disposed of, or begins to."""

    seq: int
    event: str
    batch: str
    entries: list[list[int]]  # spans
    at: str  # ISO 8601
    permission: str  # number; "" where it names none
    date: str  # of the permission
    by: list[str]


@dataclass(frozen=True, slots=True)
class Disposal:
    """A batch, as the records of it tell."""

    batch: str
    entries: int  # tombstones
    at: str  # ISO 8601; when the last record of it was made
    permission: str
    date: str
    by: list[str]


def record_of(digests: Digests, document: bytes) -> Record | None:
    """What an event says that was disposed of; None for any other."""
    if _MARK not in document:
        return None
    try:
        found = read_document(document)
    except ValueError:
        return None
    return _record(digests.seq, UUID(bytes=digests.subject), from_microseconds(digests.received), found)


def newer_records(reader: Reader, after: int) -> Iterator[Record]:
    """Those in entries that came in behind a number. Raises ArchiveDamaged and ArchiveUnavailable."""
    while entries := reader.follow(after, _AT_ONCE):
        for entry in entries:
            if entry.kind is Kind.EVENT:
                found = _record(entry.seq, UUID(entry.subject_id), entry.received, entry.document)
                if found is not None:
                    yield found
        after = entries[-1].seq


def _record(seq: int, subject: UUID, at: datetime, document: Mapping[str, Any]) -> Record | None:
    if document.get("event") not in _NAMES:
        return None
    try:
        batch = UUID(document["batch"])
        permission, by = document.get("permission"), document.get("by")
        told = permission if isinstance(permission, dict) else {}
        record = Record(
            seq,
            document["event"],
            str(batch),
            [[int(first), int(last)] for first, last in document["entries"]],
            at.isoformat(),
            str(told.get("number", "")),
            str(told.get("date", "")),
            [str(each) for each in by] if isinstance(by, list) else [str(by)] if by else [],
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return record if batch == subject else None


@dataclass(slots=True)
class Disposals:
    """Gathers tombstones and records of a run, in sequence."""

    tombstones: dict[str, list[list[int]]] = field(default_factory=dict)  # spans by batch
    records: list[Record] = field(default_factory=list)
    doubted: set[int] = field(default_factory=set)  # records that are not what they were
    forked: int | None = None  # the first entry that may not be what was signed

    def take(self, tombstones: dict[str, list[list[int]]], records: Sequence[Record]) -> None:
        """What was found in the next piece."""
        for batch, spans in tombstones.items():
            self.tombstones.setdefault(batch, []).extend(spans)
        self.records += records

    def notice(self, problem: Problem) -> None:
        """Whatever is wrong; of a record it is to be known."""
        if problem.seq is None:
            return
        if problem.kind == "fork":
            self.forked = min(problem.seq, self.forked or problem.seq)
        elif problem.kind in _DOUBTFUL and any(each.seq == problem.seq for each in self.records):
            self.doubted.add(problem.seq)

    def end(self) -> Iterator[Problem]:
        """Tombstones that no sound record explains."""
        for batch, spans in sorted(self.tombstones.items()):
            records = [each for each in self.records if each.batch == batch]
            sound = [span for each in records if self._is_sound(each) for span in each.entries]
            for seq in numbers_of(_without(spans, sound)):
                of_it = [
                    each for each in records if any(first <= seq <= last for first, last in each.entries)
                ]
                text = f"destroyed, and no record says that batch {batch} disposed of it"
                if of_it:
                    text = f"destroyed, and the record that says so, entry {of_it[0].seq}, is not what it was"
                yield Problem("", seq, "disposed", text)

    def told(self) -> list[Disposal]:
        """The batches of which there are tombstones."""
        found = []
        for batch, spans in sorted(self.tombstones.items()):
            records = [each for each in self.records if each.batch == batch]
            if records:
                last = records[-1]  # that the execution began, or what it disposed of
                count = count_of(spans)
                found.append(Disposal(batch, count, last.at, last.permission, last.date, last.by))
        return found

    def notes(self, last: int, attested: int) -> Iterator[str]:
        """What is no problem, but to be known. last: entry of the archive; attested: entries, by a checkpoint."""
        gone = [span for spans in self.tombstones.values() for span in spans]
        for batch, spans in sorted(self.tombstones.items()):
            records = [each for each in self.records if each.batch == batch and self._is_sound(each)]
            done = [each for each in records if each.event == DISPOSED]
            begun = _without(spans, [span for each in done for span in each.entries])
            if begun and records:
                yield (
                    f"{_entries(begun)} destroyed by batch {batch}, whose execution was begun and not ended: "
                    f"`mailgw dispose execute {batch}` goes on"
                )
            late = [each.seq for each in done if each.seq > attested]
            if late:
                yield f"the record of batch {batch}, entry {late[0]}, is not attested by a checkpoint yet"
        for batch in dict.fromkeys(each.batch for each in self.records if each.event == DISPOSED):
            records = [each for each in self.records if each.batch == batch and each.event == DISPOSED]
            named = [span for each in records for span in each.entries]
            there = _without(named, [*gone, [last + 1, sys.maxsize]])
            if there:
                yield (
                    f"{_entries(there)} there again, which batch {batch} disposed of: was a backup put back? "
                    "Dispose of them once more"
                )

    def _is_sound(self, record: Record) -> bool:
        return record.seq not in self.doubted and (self.forked is None or record.seq < self.forked)

    # --- for a run that is resumed ---

    def state(self) -> dict[str, Any]:
        """What another one can go on from."""
        return {
            "tombstones": self.tombstones,
            "records": [
                [each.seq, each.event, each.batch, each.entries, each.at, each.permission, each.date, each.by]
                for each in self.records
            ],
            "doubted": sorted(self.doubted),
            "forked": self.forked,
        }

    @classmethod
    def resumed(cls, state: dict[str, Any]) -> Disposals:
        """One that goes on from `state`. Raises KeyError or TypeError where it is none."""
        records = [Record(*each) for each in state["records"]]
        return cls(dict(state["tombstones"]), records, set(state["doubted"]), state["forked"])


def _entries(spans: Sequence[Sequence[int]]) -> str:
    """So many entries, as a subject with its verb."""
    count = count_of(spans)
    return f"entry {spans[0][0]} is" if count == 1 else f"{count} entries, from {spans[0][0]} on, are"


def _without(spans: Iterable[list[int]], others: Iterable[list[int]]) -> list[list[int]]:
    """The numbers in some spans that are in no other ones."""
    taken = sorted(others)
    left: list[list[int]] = []
    begin = 0
    for start, last in sorted(spans):
        at = start
        while begin < len(taken) and taken[begin][1] < at:
            begin += 1
        for first, end in islice(taken, begin, None):
            if first > last:
                break
            if first > at:
                left.append([at, first - 1])
            at = max(at, end + 1)
        if at <= last:
            left.append([at, last])
    return left
