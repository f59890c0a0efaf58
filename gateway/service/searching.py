"""The search index's process: keeps the index current, and makes it anew where it is no use.

It runs at a low priority, rests while mail needs the processors, and holds nothing that could be lost: the index is
made of archive and catalog, from wherever its last commit was.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog

from gateway.archive import ArchiveDamaged
from gateway.archive.configured import reader_of
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.config import Config
from gateway.directory.history import History
from gateway.extraction.extractor import Extractor
from gateway.extraction.model import Settings
from gateway.indexer.making import Maker
from gateway.indexer.process import Pace, Turn, scheduled
from gateway.indexer.reindex import Plan, Progress, reindex
from gateway.indexer.searching import SearchFollower, Step
from gateway.search.engine import IndexDamaged, IndexMissing, Wanted
from gateway.search.folders import search_indexes
from gateway.search.query.tree import And
from gateway.search.tantivy import TantivySearcher, TantivyWriter, combine
from gateway.service.channel import Parent
from gateway.service.process import Signals
from gateway.telemetry.metrics import Metrics

_NICENESS = 15  # above the indexer's: what is not catalogued cannot be searched
# What is behind a scan of many pages must be found soon as well; what was not read is counted as unreadable.
_PATIENCE = Settings(seconds=60.0, ocr_seconds=30.0)
_BUILDING = 256 * 2**20  # octets that each process of a rebuild gathers before it writes them to disk
_TROUBLE = 10.0  # seconds until the next look, after something went wrong


def extraction_of(config: Config) -> Settings:
    """How attachments are read for the index."""
    return replace(_PATIENCE, ocr=config.search.ocr)


def rebuild(config: Config, processes: int, progress: Progress) -> int:
    """Make a new index of archive and catalog, and put it in the old one's place; how many messages are in it.

    A running service goes on with the new one. Fails as `indexer.reindex` does.
    """
    plan = Plan(
        archive=config.storage.archive,
        encryption=config.encryption,
        catalog=config.storage.catalog,
        rosters=config.storage.rosters,
        domains=config.district.domains,
        zone=config.district.zone,
        extraction=extraction_of(config),
        writer=partial(TantivyWriter, memory=_BUILDING),
        combine=combine,
    )
    return reindex(plan, search_indexes(config.storage.search), processes, progress)


class Librarian:
    """The index with all it is made of. One thread at a time."""

    def __init__(self, config: Config, extractor: Extractor) -> None:
        self._config = config
        self._log = structlog.get_logger()
        self._reader = reader_of(config)
        self._catalog = Catalog(config.storage.catalog)
        self._maker = Maker(
            self._reader,
            history=History(config.storage.rosters),
            domains=config.district.domains,
            zone=config.district.zone,
            extract=extractor.extract,
            now=datetime.now(UTC),
        )
        self._generations = search_indexes(config.storage.search)
        self._path: Path | None = None
        self._writer: TantivyWriter | None = None
        self._follower: SearchFollower | None = None

    def step(self, stop: asyncio.Event) -> tuple[Step, Turn]:
        """Take the next entries; how far the index came, and what that had of the processors."""
        before = scheduled()
        done = self._opened().step(stop.is_set)
        after = scheduled()
        ran, waited = after[0] - before[0], after[1] - before[1]
        return done, Turn(ran / 1e9, waited / (ran + waited) if ran + waited else 0.0)

    def close(self) -> None:
        """Let go of everything; the next step opens the index again."""
        if self._writer is not None:
            self._writer.close()
        self._writer = self._follower = None
        self._catalog.close()

    def _opened(self) -> SearchFollower:
        """What follows into the index that counts now: another one than before, where somebody built one."""
        current = self._generations.current()
        if self._follower is not None and current == self._path:
            return self._follower
        self.close()
        try:
            if current is not None and not self._belongs(current):
                raise IndexDamaged(f"{current.name} is of another archive, or of a later state of it")
            self._writer = TantivyWriter(current or self._anew())
        except (IndexDamaged, IndexMissing) as error:
            self._log.warning("search index is made anew", why=str(error))
            self._writer = TantivyWriter(self._anew())
        self._path = self._generations.current()
        self._follower = SearchFollower(self._reader, self._catalog, self._writer, self._maker, self._log)
        return self._follower

    def _belongs(self, index: Path) -> bool:
        """Whether the archive is at least as far as the index, and has its newest message under the same id."""
        with closing(TantivySearcher(index)) as searcher:
            if searcher.position() > self._reader.last_seq():
                return False
            newest = searcher.search(And(()), Wanted(limit=1, count=False)).hits
        try:
            entries = [self._reader.entry(hit.seq) for hit in newest]
        except ArchiveDamaged:
            return True  # no reason to think otherwise
        return all(
            entry is not None and entry.id == hit.id for entry, hit in zip(entries, newest, strict=True)
        )

    def _anew(self) -> Path:
        """An empty index, which can be searched while it is filled."""
        with self._generations.building() as path:
            TantivyWriter(path).close()
            self._generations.swap(path)
            return path


async def serve(config: Config, path: Path | None, parent: Parent, metrics: Metrics) -> int:
    """Keep the index current until told to stop; the exit code."""
    log = structlog.get_logger()

    async def reload() -> None:
        log.info("reload_ignored", reason="the search index reads nothing that changes")

    signals = Signals(reload)
    with suppress(OSError):
        os.nice(_NICENESS)  # threads made from here on inherit it
    flushing = asyncio.create_task(metrics.keep_flushed())
    with Extractor(extraction_of(config)) as extractor, ThreadPoolExecutor(1, "search") as thread:
        librarian = Librarian(config, extractor)
        following = asyncio.create_task(_follow(librarian, thread, signals.stop, metrics))
        parent.ready()
        await signals.wait(parent)
        signals.stop.set()
        await following
        await asyncio.get_running_loop().run_in_executor(thread, librarian.close)
    flushing.cancel()
    with suppress(asyncio.CancelledError):
        await flushing
    log.info("stopped")
    return 0


async def _follow(
    librarian: Librarian, thread: ThreadPoolExecutor, stop: asyncio.Event, metrics: Metrics
) -> None:
    """Step after step until `stop`; nothing that goes wrong ends it."""
    loop, pace, log = asyncio.get_running_loop(), Pace(), structlog.get_logger()
    while not stop.is_set():
        try:
            done, turn = await loop.run_in_executor(thread, librarian.step, stop)
        except CatalogUnavailableError:  # the indexer makes it, or is about to make it anew
            pause = pace.idle
        except Exception:
            metrics.search_errors.inc()
            log.exception("search_index_failed")
            await loop.run_in_executor(thread, librarian.close)
            pause = _TROUBLE
        else:
            metrics.search_documents.inc(done.documents)
            metrics.search_lag_entries.set(done.remaining)
            pause = pace.rest(turn) if done.remaining else pace.idle
        try:
            async with asyncio.timeout(pause):
                await stop.wait()
        except TimeoutError:
            continue
