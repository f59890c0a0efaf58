"""Archived mail judged again by today's rules and directory, on all processors.

Promises: reads only; what comes out is in the archive's order, whatever the number of processes; memory is that
of a few stretches of the archive; a record that cannot be judged is named and never ends it. The processes are
forked, so that the directory is read once and held once, and give way to those that carry mail.

Raises ArchiveUnavailable where the archive as a whole cannot be read.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType

from sqlalchemy.exc import DBAPIError

from gateway.archive import ArchiveDamaged, ArchiveUnavailable
from gateway.archive.configured import reader_of
from gateway.archive.errors import Reason
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.catalog.whole import thread
from gateway.cli.policy.period import Period
from gateway.cli.policy.records import Record, Unreadable, Whole, records
from gateway.config import Config
from gateway.directory.snapshot import Directory
from gateway.message.envelope import Envelope
from gateway.message.reading import read_message
from gateway.policy.engine import Engine
from gateway.policy.replay import Comparison, Recorded, compare, transaction_of

_STRETCH = 2000  # entries that a process takes at once
_AHEAD = 3  # stretches for each process that are given out or wait to be told
_MOST_ANSWERED = 50  # messages that one message may claim to answer
_NICE = 10


@dataclass(frozen=True, slots=True)
class Found:
    """The findings that a message had or has."""

    received: datetime
    comparisons: tuple[Comparison, ...]
    revokes: frozenset[str] = frozenset()  # archive ids of what was judged as a whole


@dataclass(slots=True)
class Stretch:
    """What came of some entries that follow each other; messages without any finding are only counted."""

    last: int
    messages: int = 0
    items: list[Found | Unreadable] = field(default_factory=list)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)  # rule, type of error
    unavailable: tuple[Reason, str] | None = None  # the archive could not be read any more


class Again:
    """Judges stored messages; for one process and one thread."""

    def __init__(self, settings: Config, directory: Directory, period: Period) -> None:
        self._reader = reader_of(settings)
        self._catalog = Catalog(settings.storage.catalog)
        self._engine = Engine(settings.policy, settings.district, on_error=self._failed)
        self._directory = directory
        self._period = period
        self._failures: Counter[tuple[str, str]] = Counter()

    def stretch(self, after: int, last: int) -> Stretch:
        """Judge the messages of the entries after `after` up to `last`."""
        done = Stretch(last)
        self._failures = done.failures
        try:
            for item in records(self._reader, self._period, after, last):
                done.messages += isinstance(item, Record)
                found = item if isinstance(item, Unreadable) else self._judge(item)
                if isinstance(found, Unreadable) or found.comparisons or found.revokes:
                    done.items.append(found)
        except ArchiveUnavailable as error:
            done.unavailable = error.reason, str(error)
        return done

    def _failed(self, rule: str, error: Exception) -> None:
        self._failures[rule, type(error).__name__] += 1

    def _judge(self, item: Record | Whole) -> Found | Unreadable:
        entry = item.entry
        try:
            return self._transaction(item) if isinstance(item, Record) else self._whole(item)
        except ArchiveUnavailable:
            raise
        except (ArchiveDamaged, CatalogUnavailableError) as error:
            why = str(error)
        except DBAPIError as error:
            why = f"the catalog cannot be read: {error.orig}"
        except Exception as error:  # one record never ends it, whatever it holds
            why = f"not a record that can be judged: {type(error).__name__}"
        return Unreadable(entry.seq, entry.seq, entry.subject_id, why)

    def _transaction(self, record: Record) -> Found:
        entry = record.entry
        recorded = Recorded.read(entry.document["verdict"])
        envelope = Envelope.from_json(entry.document["envelope"])
        verdict = self._engine.judge(transaction_of([envelope], record.raw), self._directory)
        if not (recorded.findings or verdict.findings):
            return Found(entry.received, ())
        return Found(entry.received, tuple(compare([entry.id], entry.received, recorded, verdict)))

    def _whole(self, whole: Whole) -> Found:
        """A message that was judged as a whole is judged as a whole again, by the same records."""
        document = whole.entry.document
        recorded = Recorded.read(document["verdict"])
        parts = [self._reader.entry(int(record["seq"])) for record in document["records"]]
        known = [part for part in parts if part is not None]
        first, raw = known[0], self._reader.raw(known[0].seq)
        envelopes = [Envelope.from_json(part.document["envelope"]) for part in known]
        took_part = self._thread(raw, known[-1].seq)
        verdict = self._engine.judge(transaction_of(envelopes, raw, took_part), self._directory)
        ids = [part.id for part in known]
        found = tuple(compare(ids, first.received, recorded, verdict))
        return Found(whole.entry.received, found, frozenset(ids))

    def _thread(self, raw: bytes, before: int) -> frozenset[str]:
        reading = read_message(raw)
        answered = (*reading.in_reply_to, *reading.references)[-_MOST_ANSWERED:]
        if not answered:
            return frozenset()
        with self._catalog.connect() as connection:
            return thread(connection, answered, before)


class Workers:
    """Stretches of the archive, judged by some processes; a context, whose processes end with it."""

    def __init__(self, again: Again, after: int, last: int, processes: int) -> None:
        """`again` must not have judged anything yet: its connections would be shared by all processes."""
        self._again = again
        self._bounds = iter([(at, min(at + _STRETCH, last)) for at in range(after, last, _STRETCH)])
        self._processes = min(processes, -(-(last - after) // _STRETCH))
        self._waiting: deque[Future[Stretch]] = deque()
        self._pool: ProcessPoolExecutor | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Workers:
        """Start the processes, before anybody starts a thread."""
        if self._processes > 1:
            fork = multiprocessing.get_context("fork")
            self._pool = ProcessPoolExecutor(self._processes, fork, _take_up, (self._again,))
            self._stack.callback(self._pool.shutdown, wait=True, cancel_futures=True)
            for _ in range(_AHEAD * self._processes):
                self._give_out(self._pool)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def stretches(self) -> Iterator[Stretch]:
        """What comes of each stretch, in order. Raises ArchiveUnavailable, BrokenProcessPool."""
        for stretch in self._judged():
            yield stretch
            if stretch.unavailable is not None:
                raise ArchiveUnavailable(*stretch.unavailable)

    def _judged(self) -> Iterator[Stretch]:
        if self._pool is None:
            for after, last in self._bounds:
                yield self._again.stretch(after, last)
            return
        while self._waiting:
            stretch = self._waiting.popleft().result()
            self._give_out(self._pool)
            yield stretch

    def _give_out(self, pool: ProcessPoolExecutor) -> None:
        bounds = next(self._bounds, None)
        if bounds is not None:
            self._waiting.append(pool.submit(_stretch, *bounds))


_again: Again | None = None  # a worker's own


def _take_up(again: Again) -> None:
    """A worker begins. An interruption from the keyboard is the parent's, who ends the workers."""
    global _again
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    _again = again


def _stretch(after: int, last: int) -> Stretch:
    assert _again is not None
    return _again.stretch(after, last)
