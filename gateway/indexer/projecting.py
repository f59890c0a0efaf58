"""Rows of the archive's entries, made by several processes for a catalog that is made anew.

A process hands back only what went without any trouble. Where there was some (an entry that is damaged, or that can be
catalogued in part only) the batch comes back empty, and who writes the catalog makes its rows once more, with all that
has to be said and counted. So what a rebuild says depends neither on the number of processes nor on what becomes of
them.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context

import structlog

from gateway.catalog.rows import Batch
from gateway.indexer.batch import Limits, Surroundings, project_span
from gateway.indexer.entries import EntrySource
from gateway.telemetry import logs

_Rows = Future[Batch | None]
OpenSource = Callable[[], EntrySource]
BATCH = 500  # entries
_AHEAD = 3  # batches on their way for each process


@dataclass(frozen=True, slots=True)
class Ready:
    """The rows of the entries behind one number, up to another; None where they are to be made here."""

    after: int
    last: int
    rows: Batch | None


@contextmanager
def projected(open_source: OpenSource, processes: int, after: int, last: int) -> Iterator[Iterator[Ready]]:
    """The rows of all entries behind `after`, up to `last`, batch by batch in their order."""
    spans = iter([(start, min(start + BATCH, last)) for start in range(after, last, BATCH)])
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _open, (open_source,))
    try:
        yield _in_order(pool, spans, processes * _AHEAD)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, spans: Iterator[tuple[int, int]], ahead: int) -> Iterator[Ready]:
    waiting: deque[tuple[int, int, _Rows | None]] = deque()
    for after, last in spans:
        waiting.append((after, last, _submitted(pool, after, last)))
        if len(waiting) > ahead:
            yield _ready(*waiting.popleft())
    while waiting:
        yield _ready(*waiting.popleft())


def _submitted(pool: ProcessPoolExecutor, after: int, last: int) -> _Rows | None:
    try:
        return pool.submit(_project, after, last)
    except BrokenExecutor:  # a process was killed, and the others with it
        return None


def _ready(after: int, last: int, rows: _Rows | None) -> Ready:
    try:
        return Ready(after, last, rows.result() if rows else None)
    except BrokenExecutor:
        return Ready(after, last, None)


# --- in the processes --------------------------------------------------------------------------------


class _Trouble(Exception):
    """Something has to be said of an entry."""


class _Strict:
    """An observer to whom nothing may be said but how far the indexer is."""

    def indexed(self, kind: str, count: int) -> None:
        """Counted by who writes."""

    def lag(self, entries: int, seconds: float) -> None:
        """Known to who writes."""

    def failed(self, what: str) -> None:
        raise _Trouble(what)


_around: Surroundings | None = None


def _open(open_source: OpenSource) -> None:
    global _around  # a process of the pool has no other place to keep what it opened
    logs.configure("warning", process="reindex")
    _around = Surroundings(
        source=open_source(),
        observer=_Strict(),
        log=structlog.get_logger(),
        clock=lambda: datetime.now(UTC),
        limits=Limits(entries=BATCH, octets=2**62),  # messages are read one after the other
        should_stop=lambda: False,
    )
    gc.freeze()  # all there is by now stays to the end, and need not be looked through for garbage again and again


def _project(after: int, last: int) -> Batch | None:
    assert _around is not None
    try:
        return project_span(after, last, _around)
    except Exception:
        return None  # it will happen again where it can be told
