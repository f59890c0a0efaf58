"""What may be in a batch: of what the schedule lets go, that which nothing else keeps.

A message stays out, and the batch says why, while a legal matter holds it; while its volume, or one that tells of it,
is still being written (a month is disposed of from when it is closed); and while another transaction of the same
message stays. Only reads; raises what the archive raises.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.archive.entry import Entry, Kind
from gateway.archive.volume import Volume
from gateway.message import events

OPEN_MONTH = "its month, or what happened to it this month, is still being written"
SIBLING = "another transaction of the same message is kept"
GONE = "disposed of before"


class Archive(Protocol):
    """Where entries are read: `gateway.archive.Reader`."""

    def entry(self, seq: int) -> Entry | None: ...

    def get(self, id: str) -> Entry | None: ...

    def events(self, message_id: str) -> list[Entry]: ...

    def volumes(self) -> list[Volume]: ...


@dataclass(frozen=True, slots=True)
class Record:
    """A message with what happened to it."""

    message: Entry
    events: tuple[Entry, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries that go with the message."""
        return (self.message, *self.events)

    @property
    def siblings(self) -> frozenset[int]:
        """Numbers of the transactions with which it was judged as one message; itself among them."""
        judged = (event for event in self.events if event.document.get("event") == events.JUDGED)
        told = {int(each["seq"]) for event in judged for each in event.document["records"]}
        return frozenset(told | {self.message.seq})


@dataclass(frozen=True, slots=True)
class Chosen:
    """What goes, and what stays for which reason."""

    records: tuple[Record, ...]  # in sequence
    spared: Mapping[str, tuple[int, ...]]  # by reason: numbers of messages


def choose(
    archive: Archive,
    wanted: Iterable[int],
    held: Callable[[Collection[int]], Mapping[int, tuple[str, ...]]],
    progress: Callable[[int], None] = lambda _: None,
) -> Chosen:
    """Of some messages by number, those that may go now. held: of given ones those that matters hold, and which."""
    spared: dict[str, list[int]] = {}
    records: dict[int, Record] = {}
    newest = archive.volumes()[-1].month
    numbers = sorted(set(wanted))
    kept = held(numbers)
    for done, seq in enumerate(numbers, 1):
        progress(done)
        if seq in kept:
            spared.setdefault(f"held for {', '.join(kept[seq])}", []).append(seq)
            continue
        record = _record(archive, seq)
        if record is None:
            spared.setdefault(GONE, []).append(seq)
        elif any(entry.volume >= newest for entry in record.entries):
            spared.setdefault(OPEN_MONTH, []).append(seq)
        else:
            records[seq] = record
    for seq in _separated(records, lambda seq: _record(archive, seq) is not None):
        del records[seq]
        spared.setdefault(SIBLING, []).append(seq)
    return Chosen(tuple(records.values()), {why: tuple(sorted(seqs)) for why, seqs in sorted(spared.items())})


def _record(archive: Archive, seq: int) -> Record | None:
    """A message with its events; None where there is none any more."""
    message = archive.entry(seq)
    if message is None or message.disposed or message.kind is not Kind.MESSAGE:
        return None
    happened = tuple(event for event in archive.events(message.id) if not event.disposed)
    return Record(message, happened)


def _separated(records: Mapping[int, Record], is_there: Callable[[int], bool]) -> set[int]:
    """Those that would be parted from a transaction of the same message that stays; so are then their own.

    is_there: whether a message that is not in the batch is in the archive at all; one that is gone keeps nothing.
    """
    groups: dict[int, frozenset[int]] = {}  # which messages share a judgement, told by one of them only
    for record in records.values():
        for seq in record.siblings:
            groups[seq] = groups.get(seq, frozenset()) | record.siblings
    parted: set[int] = set()
    while more := {
        seq
        for seq in records.keys() - parted
        if any(each in parted or (each not in records and is_there(each)) for each in groups.get(seq, ()))
    }:
        parted |= more
    return parted
