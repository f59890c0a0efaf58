"""The follower: keeps one catalog current with one archive.

Promises: each entry is in the catalog exactly once, however often the process is killed; a catalog that
does not belong to the archive, has another schema or is damaged is rebuilt without being asked; a
rebuild by `mailgw reindex` is noticed and its result followed from then on.

Fails with whatever fails for everything alike (archive or catalog out of reach); call again later.
One thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy.exc import DBAPIError
from structlog.typing import FilteringBoundLogger

from gateway.archive.errors import ArchiveDamaged
from gateway.catalog.files import catalog_files
from gateway.catalog.rows import FindingRow, PendingRow, Watermark
from gateway.catalog.sqlite import is_damaged, open_writer
from gateway.catalog.store import SETTLE_WINDOW, SchemaMismatchError, Store, WatermarkMovedError
from gateway.catalog.words import clean, clean_json
from gateway.indexer import projection
from gateway.indexer.batch import Done, Limits, Surroundings, take
from gateway.indexer.entries import EntrySource, Judge, Observer, Silence
from gateway.indexer.rebuild import Helpers, create_empty, rebuild
from gateway.indexer.whole import Note, judge_due
from gateway.message.envelope import Envelope

_JUDGE_AGAIN = timedelta(minutes=1)  # after the first failure; doubled each time
_JUDGE_AT_LEAST = timedelta(days=1)
_PROGRESS = 100_000  # entries between two log lines of a rebuild


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


class Follower:
    """Follows `source` into the catalog in `folder`."""

    def __init__(
        self,
        source: EntrySource,
        folder: Path,
        *,
        observer: Observer | None = None,
        judge: Judge | None = None,
        note: Note | None = None,
        clock: Callable[[], datetime] = utc_now,
        limits: Limits | None = None,
        window: timedelta = SETTLE_WINDOW,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._files = catalog_files(folder)
        self._judge = judge
        self._note = note
        self._around = Surroundings(
            source=source,
            observer=observer or Silence(),
            log=log or structlog.get_logger("indexer"),
            clock=clock,
            limits=limits or Limits(),
            should_stop=lambda: False,
            window=window,
        )
        self._path: Path | None = None
        self._store: Store | None = None
        self._mark = Watermark()

    @property
    def mark(self) -> Watermark:
        """How far the catalog is."""
        return self._mark

    def step(self, should_stop: Callable[[], bool] = lambda: False) -> Done:
        """One batch into the current catalog, which is opened, or rebuilt, where needed.

        `should_stop` is asked between entries; what was read by then is still committed.
        """
        around = replace(self._around, should_stop=should_stop)
        try:
            store = self._current(around)
            if store is None:  # stopped while rebuilding
                return Done(self._mark, 0, 0)
            done = take(store, self._mark, around)
        except WatermarkMovedError:
            around.log.warning("another indexer wrote the catalog")
            self.close()
            return Done(self._mark, 0, 0)
        except DBAPIError as error:
            self.close()
            if not is_damaged(error):
                raise
            self._rebuild("damaged", around)
            return Done(self._mark, 0, 0)
        self._mark = done.mark
        return done

    def rebuild(
        self,
        progress: Callable[[int, int], None] = lambda done, of: None,
        helpers: Helpers | None = None,
    ) -> Watermark | None:
        """Build the catalog anew (`mailgw reindex`); `progress` is told entries done and in all."""
        self.close()
        return rebuild(self._files, self._around, progress, helpers)

    def judge_again(self, limit: int = 20, should_stop: Callable[[], bool] = lambda: False) -> int:
        """Try messages of which some rule failed, as many as are due up to `limit`; how many succeeded."""
        if self._judge is None or self._store is None:
            return 0
        succeeded = 0
        for row in self._store.pending(self._around.clock(), limit):
            if should_stop():
                break
            succeeded += self._judge_one(self._store, self._judge, row)
        return succeeded

    def judge_wholes(self, limit: int = 20, should_stop: Callable[[], bool] = lambda: False) -> int:
        """Judge messages as a whole, as many as are due up to `limit`; how many were."""
        if self._judge is None or self._note is None or self._store is None:
            return 0
        around = replace(self._around, should_stop=should_stop)
        return judge_due(self._store, self._judge, self._note, around, limit)

    def close(self) -> None:
        """Let go of the catalog; the next step opens it again."""
        if self._store is not None:
            self._store.close()
        self._store = self._path = None

    def _current(self, around: Surroundings) -> Store | None:
        """The store of the file that counts now; None if a rebuild was stopped."""
        path = self._files.current()
        if self._store is not None and path == self._path:
            return self._store
        self.close()
        if path is None:
            create_empty(self._files)
            path = self._files.current()
        if path is None:
            raise FileNotFoundError(self._files.link)
        trouble = self._open(path, around)
        if trouble is not None:
            if not self._rebuild(trouble, around):
                return None
            path = self._files.current() or path
            trouble = self._open(path, around)
            if trouble is not None:
                raise RuntimeError(f"the catalog was rebuilt and is still {trouble}")
        return self._store

    def _open(self, path: Path, around: Surroundings) -> str | None:
        """Open the catalog; why it needs a rebuild, if it does."""
        store = Store(open_writer(path), around.window)
        try:
            mark = store.prepare()
            trouble = None if self._belongs(mark, around) else "of another archive"
        except SchemaMismatchError:
            trouble = "of another version"
        except DBAPIError as error:
            if not is_damaged(error):
                store.close()
                raise
            trouble = "damaged"
        except BaseException:
            store.close()
            raise
        if trouble is not None:
            store.close()
            return trouble
        self._path, self._store, self._mark = path, store, mark
        around.log.info("catalog opened", position=mark.position)
        return None

    @staticmethod
    def _belongs(mark: Watermark, around: Surroundings) -> bool:
        """Whether the archive has, at the watermark, the entry that the catalog saw there."""
        if mark.position == 0:
            return True
        try:
            found = around.source.follow(mark.position - 1, 1)
        except ArchiveDamaged:
            return True  # no reason to think otherwise, and a rebuild would find less than there is
        return bool(found) and found[0].seq == mark.position and clean(found[0].id) == mark.entry_id

    def _rebuild(self, why: str, around: Surroundings) -> bool:
        """Rebuild because the catalog is no use; whether it came to an end."""
        around.log.warning("catalog is rebuilt", why=why)
        next_line = _PROGRESS

        def progress(done: int, total: int) -> None:
            nonlocal next_line
            if done >= next_line:
                around.log.info("catalog rebuild", done=done, total=total)
                next_line = done + _PROGRESS

        return rebuild(self._files, around, progress) is not None

    def _judge_one(self, store: Store, judge: Judge, row: PendingRow) -> bool:
        """Try one message; whether every rule could be applied."""
        around, found, errors = self._around, list[FindingRow](), row["errors"]
        try:
            entry = around.source.get(row["id"])
            if entry is None:
                raise LookupError("not in the archive")
            raw = around.source.raw(entry.seq)
            verdict = judge([Envelope.from_json(entry.document["envelope"])], raw)
            found = projection.findings(verdict, entry, around.clock())
            errors = clean_json([str(each) for each in verdict["errors"]])
        except Exception as error:
            around.observer.failed("judge")
            around.log.error("judgement failed", id=row["id"], error=type(error).__name__)
        else:
            if not errors:
                store.judged(row["seq"], found)
                return True
        attempts = row["attempts"] + 1
        wait = min(_JUDGE_AGAIN * 2 ** min(attempts - 1, 20), _JUDGE_AT_LEAST)
        again: PendingRow = {**row, "errors": errors, "attempts": attempts}
        again["next_attempt"] = around.clock() + wait
        store.postpone(again, found)
        return False
