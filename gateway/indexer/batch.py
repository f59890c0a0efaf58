"""From the archive into the catalog, one batch at a time.

Promises: whatever an entry holds, the batch goes on: a message that cannot be read is catalogued by its
envelope, an entry that cannot be stored by its place alone, and both are counted. What fails for
everything alike (archive or catalog out of reach, disk full) is raised, and nothing was done.

Fails with whatever the source raises, sqlalchemy.exc.DBAPIError, and WatermarkMovedError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, SQLAlchemyError
from structlog.typing import FilteringBoundLogger

from gateway.archive.errors import ArchiveDamaged, ArchiveUnavailable
from gateway.catalog.rows import Batch, Watermark
from gateway.catalog.sqlite import is_damaged
from gateway.catalog.store import SETTLE_WINDOW, Store, WatermarkMovedError
from gateway.indexer import projection
from gateway.indexer.entries import DamagedEntry, Entry, EntrySource, Observer
from gateway.indexer.projection import Projected

_RECENT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one batch: entries, and octets of messages read for it."""

    entries: int = 500
    octets: int = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything a batch needs that is not its data."""

    source: EntrySource
    observer: Observer
    log: FilteringBoundLogger
    clock: Callable[[], datetime]
    limits: Limits
    should_stop: Callable[[], bool]
    window: timedelta = SETTLE_WINDOW  # how long transactions of one message may come after each other


@dataclass(frozen=True, slots=True)
class Done:
    """How far a batch came, how many entries it held, and how many the archive has beyond it."""

    mark: Watermark
    entries: int
    remaining: int


def take(store: Store, seen: Watermark, around: Surroundings) -> Done:
    """Take the next entries after `seen` into the catalog, in one transaction."""
    last = around.source.last_seq()
    entries, damage = _next(seen.position, around)
    if not entries:
        around.observer.lag(0, 0.0)
        return Done(seen, 0, 0)
    around.observer.lag(max(last - seen.position, len(entries)), _age(entries[0], around))
    _watch_for_gap(entries, seen, around)
    if damage is not None:
        _report(entries[0], damage, around)
        projected = [projection.bare(entries[0], damage)]
    else:
        projected = _project_all(entries, around)
    mark = _write(store, seen, entries, projected, around)
    _count(seen, mark, around)
    remaining = max(last - mark.position, 0)
    around.observer.lag(remaining, _age(entries[len(projected) - 1], around) if remaining else 0.0)
    return Done(mark, len(projected), remaining)


def project_span(after: int, last: int, around: Surroundings) -> Batch | None:
    """The rows of the entries behind one number, up to another, for somebody else to write.

    None where the archive does not have all of them. Raises ArchiveDamaged, and what the observer does.
    """
    entries: list[Entry] = []
    while len(entries) < last - after:  # a volume may end within
        more = around.source.follow(entries[-1].seq if entries else after, last - after - len(entries))
        if not more:
            return None
        entries += more
    projected = _project_all(entries, around)
    whole = len(projected) == last - after and projected[-1].seq == last
    return projection.gathered(projected, projected[-1]) if whole else None


def write(store: Store, seen: Watermark, rows: Batch, around: Surroundings) -> Watermark:
    """Add rows made by `project_span` to the catalog; raises whatever the database does, and nothing was done then."""
    mark = store.write(replace(rows, judge_since=_since(around)), seen)
    _count(seen, mark, around)
    return mark


def _next(after: int, around: Surroundings) -> tuple[Sequence[Entry], ArchiveDamaged | None]:
    """The next entries; where the very next one is damaged, what stands for it, and the damage."""
    try:
        return around.source.follow(after, around.limits.entries), None
    except ArchiveDamaged as error:
        seq = max(error.seq, after + 1)
        try:
            received = around.source.follow(seq, 1)[0].received
        except (ArchiveDamaged, IndexError):
            received = around.clock()
        return [DamagedEntry(seq, received)], error


def _count(seen: Watermark, mark: Watermark, around: Surroundings) -> None:
    for kind, count in (
        ("message", mark.messages - seen.messages),
        ("event", mark.events - seen.events),
    ):
        if count:
            around.observer.indexed(kind, count)


def _age(entry: Entry, around: Surroundings) -> float:
    return max((around.clock() - entry.received).total_seconds(), 0.0)


def _watch_for_gap(entries: Sequence[Entry], seen: Watermark, around: Surroundings) -> None:
    """The sequence is dense. Say so where it is not, and go on: mail that is there must be findable."""
    if entries[-1].seq - seen.position != len(entries):
        around.observer.failed("gap")
        around.log.error("gap in archive", after=seen.position, until=entries[-1].seq, entries=len(entries))


def _project_all(entries: Sequence[Entry], around: Surroundings) -> list[Projected]:
    """Rows of the entries in their order, as many as the limits allow."""
    projected: list[Projected] = []
    octets = 0
    for entry in entries:
        if projected and (octets + entry.size > around.limits.octets or around.should_stop()):
            break
        octets += entry.size
        projected.append(_project(entry, around))
    return projected


def _project(entry: Entry, around: Surroundings) -> Projected:
    """The best that can be made of one entry."""
    if entry.disposed:
        return projection.nothing(entry)
    try:
        if entry.kind == "message":
            return projection.message(entry, _raw(entry, around))
        if entry.kind == "event":
            return projection.event(entry)
        raise ValueError("neither message nor event")
    except _OutOfReach as error:
        raise error.cause from None
    except Exception as error:
        _report(entry, error, around)
        try:
            return projection.by_envelope(entry, error)
        except Exception:
            return projection.bare(entry, error)


class _OutOfReach(Exception):
    """The archive cannot be read at all just now."""

    def __init__(self, cause: ArchiveUnavailable) -> None:
        super().__init__()
        self.cause = cause


def _raw(entry: Entry, around: Surroundings) -> bytes:
    """The message's bytes. Raises _OutOfReach if no entry can be read, and else what is wrong with this one."""
    try:
        return around.source.raw(entry.seq)
    except ArchiveUnavailable:
        try:
            around.source.last_seq()
        except ArchiveUnavailable as error:
            raise _OutOfReach(error) from error
    return around.source.raw(
        entry.seq
    )  # the archive answers: a bad moment, or a bad sector under this message


def _report(entry: Entry, error: Exception, around: Surroundings) -> None:
    around.observer.failed("entry")
    around.log.error("entry not indexed", seq=entry.seq, id=entry.id, error=type(error).__name__)


def _write(
    store: Store,
    seen: Watermark,
    entries: Sequence[Entry],
    projected: list[Projected],
    around: Surroundings,
) -> Watermark:
    """The whole batch; where the database will not have it, each entry by itself."""
    try:
        return store.write(projection.gathered(projected, projected[-1], _since(around)), seen)
    except Exception as error:
        if not is_about_data(error):
            raise
    mark = seen
    for entry, whole in zip(entries, projected, strict=False):
        mark = _write_one(store, mark, entry, whole, around)
    return mark


def _write_one(
    store: Store, seen: Watermark, entry: Entry, whole: Projected, around: Surroundings
) -> Watermark:
    """One entry as it is, or by its place alone, or, when even that is refused, passed over."""
    try:
        return store.write(projection.gathered([whole], whole, _since(around)), seen)
    except Exception as error:
        if not is_about_data(error):
            raise
        _report(entry, error, around)
        place = projection.bare(entry, error)
    try:
        return store.write(projection.gathered([place], place), seen)
    except Exception as error:
        if not is_about_data(error):
            raise
        _report(entry, error, around)
    return store.write(projection.gathered([], place), seen)


def _since(around: Surroundings) -> datetime:
    """Mail from before then is not judged as a whole any more: today's roster says too little of that day."""
    return around.clock() - _RECENT


def is_about_data(error: Exception) -> bool:
    """Whether the rows are to blame, rather than the database or another writer."""
    if isinstance(error, WatermarkMovedError | OSError | MemoryError) or is_damaged(error):
        return False
    if isinstance(error, OperationalError | InterfaceError | InternalError):
        return False
    return isinstance(error, SQLAlchemyError | ValueError | TypeError | OverflowError | KeyError)
