"""A new search index from the whole archive, made by several processes and swapped in when it is done.

Each process makes the documents of one span of the archive after the other into an index of its own; those become one,
which then takes what arrived meanwhile.

Promises: the old index serves until the new one is whole, and a build that fails or is stopped leaves the old one in
place. A message whose record cannot be read is passed over, as when it is followed.

Fails with whatever archive, catalog and index raise, and with `WorkerFailed` where one of the processes met that, or
ended before its work did.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

import structlog

from gateway.archive import ArchiveUnavailable, Reader
from gateway.archive.configured import reader_at
from gateway.archive.errors import ArchiveDamaged
from gateway.catalog import facts
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.catalog.store import read_watermark
from gateway.config import EncryptionSettings
from gateway.directory.history import History
from gateway.extraction.extractor import Extractor
from gateway.extraction.model import Settings
from gateway.generations import Generations
from gateway.indexer.making import Maker
from gateway.indexer.searching import SearchFollower
from gateway.search.document import Document
from gateway.search.engine import EngineError, Writer
from gateway.telemetry import logs

Progress = Callable[[int, int], None]  # entries done, entries in all
_SPAN = 2_000  # entries of the archive given to a process at once


class WorkerFailed(Exception):
    """A process that made documents could not, and says why; or it is gone: killed, or out of memory."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What documents are made of, and into which engine's index: all that a process has to be told."""

    archive: Path
    encryption: EncryptionSettings
    catalog: Path
    rosters: Path
    domains: tuple[str, ...]
    zone: tzinfo
    extraction: Settings
    writer: Callable[[Path], Writer]
    combine: Callable[[Sequence[Path], Path], None]

    @contextmanager
    def maker(self) -> Iterator[tuple[Maker, Reader, Catalog]]:
        """What makes documents, with the archive and the catalog that it reads."""
        with (
            closing(reader_at(self.archive, self.encryption)) as reader,
            closing(Catalog(self.catalog)) as catalog,
            Extractor(self.extraction) as extractor,
        ):
            maker = Maker(
                reader,
                history=History(self.rosters),
                domains=self.domains,
                zone=self.zone,
                extract=extractor.extract,
                now=datetime.now(UTC),
            )
            yield maker, reader, catalog


def reindex(plan: Plan, generations: Generations, processes: int, progress: Progress) -> int:
    """Build a new index and make it the current one; how many messages are in it."""
    with generations.building() as path:
        path.mkdir(mode=0o750)
        with closing(Catalog(plan.catalog)) as catalog, catalog.connect() as connection:
            position = read_watermark(connection).position
        parts = [path / f"part-{number}" for number in range(max(processes, 1))]
        try:
            documents = _divided(plan, parts, position, progress)
            plan.combine(parts, path)
        finally:
            for part in parts:
                shutil.rmtree(part, ignore_errors=True)
        documents += _caught_up(plan, path, position)
        generations.swap(path)
        return documents


def _caught_up(plan: Plan, path: Path, position: int) -> int:
    """Mark how far the index is, and take what arrived meanwhile; the number of documents made."""
    made = 0
    writer = plan.writer(path)
    try:
        writer.commit(position)
        with plan.maker() as (maker, reader, catalog):
            follower = SearchFollower(reader, catalog, writer, maker, structlog.get_logger())
            while (step := follower.step()).documents or step.remaining:
                made += step.documents
    finally:
        writer.close()
    return made


# --- the processes -----------------------------------------------------------------------------------


def _divided(plan: Plan, parts: Sequence[Path], position: int, progress: Progress) -> int:
    """Let a process for each part make its share of the documents up to `position`; how many there are."""
    context = get_context("spawn")
    spans = iter([(after, min(after + _SPAN, position)) for after in range(0, position, _SPAN)])
    running: dict[Connection, SpawnProcess] = {}
    try:
        for part in parts:
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(plan, part, theirs), daemon=True)
            process.start()
            theirs.close()
            running[ours] = process
        return _served(list(running), spans, position, progress)
    finally:
        for ours, process in running.items():
            ours.close()
            process.terminate()
            process.join()


def _served(
    working: list[Connection], spans: Iterator[tuple[int, int]], position: int, progress: Progress
) -> int:
    """Give each process a span whenever it is ready for one, until all are done."""
    documents = entries = 0
    progress(0, position)
    while working:
        for each in wait(working):
            assert isinstance(each, Connection)
            try:
                told = each.recv()
                if isinstance(told, str):
                    raise WorkerFailed(told)
                if told is None:  # its index is complete
                    working.remove(each)
                    continue
                documents, entries = documents + told[0], entries + told[1]
                progress(entries, position)
                each.send(next(spans, None))
            except (EOFError, ConnectionError):
                raise WorkerFailed("a process that made documents ended early: out of memory?") from None
    return documents


def _work(plan: Plan, part: Path, parent: Connection) -> None:
    """What a process does. Its first answer only says that it is ready, its last one that it is done, or why not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    logs.configure("warning", process="reindex")
    with suppress(EOFError, ConnectionError):  # the parent is gone
        try:
            _make(plan, part, parent)
        except (EOFError, ConnectionError):
            raise
        except (EngineError, ArchiveUnavailable, CatalogUnavailableError, OSError) as error:
            parent.send(str(error))
        else:
            parent.send(None)


def _make(plan: Plan, part: Path, parent: Connection) -> None:
    """An index of the spans that the parent gives."""
    writer = plan.writer(part)
    position = 0
    with plan.maker() as (maker, _, catalog):
        parent.send((0, 0))
        while (span := parent.recv()) is not None:
            after, position = span
            made = _Counted(_documents(maker, catalog, after, position))
            writer.add(made)
            parent.send((made.count, position - after))
        writer.commit(position)
        writer.close()


def _documents(maker: Maker, catalog: Catalog, after: int, last: int) -> Iterator[Document]:
    with catalog.connect() as connection:
        found = facts.between(connection, after, last)
    for seq, one in sorted(found.items()):
        try:
            yield maker.document(seq, one)
        except ArchiveDamaged:
            structlog.get_logger().error("message not searchable", seq=seq, id=one.row["id"])


class _Counted:
    """Documents on their way, counted."""

    def __init__(self, documents: Iterator[Document]) -> None:
        self._documents = documents
        self.count = 0

    def __iter__(self) -> Iterator[Document]:
        for document in self._documents:
            self.count += 1
            yield document
