"""The archived messages of a period with how they were judged, in sequence, and what of it cannot be read.

Promises: reads only; one batch of entries and one message in memory at a time; what is damaged or missing is
handed out as `Unreadable`, and the next record follows. Raises ArchiveUnavailable where the archive as a whole
cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.archive import ArchiveDamaged, ArchiveUnavailable, Entry, Kind, Reader
from gateway.cli.policy.period import Period
from gateway.message.events import JUDGED

_BATCH = 500  # entries read at once
# Entries are in the order in which they became durable, which is that of their times but for minutes.
_MARGIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Record:
    """One message as it was kept."""

    entry: Entry
    raw: bytes


@dataclass(frozen=True, slots=True)
class Whole:
    """An event: several transactions, or one that answers others, were judged as a whole message."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Entries of the archive, from `seq` to `last`, that cannot be read; mostly one."""

    seq: int
    last: int
    archive_id: str | None
    why: str  # holds no content

    @property
    def place(self) -> str:
        return f"entry {self.seq}" if self.seq == self.last else f"entries {self.seq} to {self.last}"


def bounds(reader: Reader, period: Period) -> tuple[int, int]:
    """The sequence numbers after which and up to which the period's entries are."""
    last = reader.last_seq()
    first = 0 if period.since is None else _before(reader, period.since - _MARGIN, last)
    return first, last if period.until is None else _before(reader, period.until + _MARGIN, last)


def records(reader: Reader, period: Period, after: int, last: int) -> Iterator[Record | Whole | Unreadable]:
    """Every message received in the period and every judgement of one, of the entries after `after` up to `last`."""
    while after < last:
        try:
            entries = reader.follow(after, min(_BATCH, last - after))
        except ArchiveDamaged as error:
            damaged = max(error.seq, after + 1)
            yield Unreadable(damaged, damaged, None, error.text)
            after = damaged
            continue
        if not entries:
            yield Unreadable(after + 1, last, None, "missing")
            return
        for entry in entries:
            if entry.seq > after + 1:
                yield Unreadable(after + 1, min(entry.seq - 1, last), None, "missing")
            after = entry.seq
            if after > last or entry.disposed or entry.received not in period:
                continue
            if entry.kind is Kind.MESSAGE:
                yield _record(reader, entry)
            elif entry.document.get("event") == JUDGED:
                yield Whole(entry)


def _record(reader: Reader, entry: Entry) -> Record | Unreadable:
    try:
        try:
            return Record(entry, reader.raw(entry.seq))
        except ArchiveUnavailable:
            reader.last_seq()  # raises as well where it is not this message alone
            return Record(entry, reader.raw(entry.seq))
    except ArchiveDamaged as error:
        return Unreadable(entry.seq, entry.seq, entry.id, error.text)


def _before(reader: Reader, moment: datetime, last: int) -> int:
    """A number after which every entry was received at `moment` or later, found in a few looks."""
    low, high = 0, last
    while low < high:
        middle = (low + high) // 2
        found = _next(reader, middle, high)
        if found is None or found.received >= moment:
            high = middle
        else:
            low = found.seq
    return low


def _next(reader: Reader, after: int, last: int) -> Entry | None:
    """The first entry after a number that can be read, up to `last`."""
    while after < last:
        try:
            found = reader.follow(after, 1)
        except ArchiveDamaged as error:
            after = max(error.seq, after + 1)
            continue
        return found[0] if found and found[0].seq <= last else None
    return None
