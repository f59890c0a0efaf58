"""A new catalog from the whole archive, swapped in when it is done (`mailgw reindex`).

Promises: readers and a running indexer go on with the old catalog until the new one is whole, and see
the new one from their next question on; a rebuild that fails or is stopped leaves the old one in place.

Fails with BuildRunning, whatever the archive raises, OSError and sqlalchemy.exc.DBAPIError.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.catalog.rows import Watermark
from gateway.catalog.sqlite import open_writer, seal
from gateway.catalog.store import Store
from gateway.generations import Generations
from gateway.indexer.batch import Surroundings, is_about_data, take, write
from gateway.indexer.projecting import OpenSource, Ready, projected

Progress = Callable[[int, int], None]  # entries done, entries in all
_ROUNDS = 10  # how often to go for what arrived meanwhile, before leaving the rest to the follower


@dataclass(frozen=True, slots=True)
class Helpers:
    """Processes that make rows, and how each opens the archive."""

    open_source: OpenSource
    processes: int


def rebuild(
    files: Generations, around: Surroundings, progress: Progress, helpers: Helpers | None = None
) -> Watermark | None:
    """Build a new catalog and make it the current one; its watermark, or None if it was stopped."""
    with files.building() as path:
        store = Store(open_writer(path, durable=False), around.window)
        try:
            begun = store.prepare(index_later=True)
            if helpers is not None:
                begun = _fill_with(helpers, store, begun, around, progress)
            mark = _fill(store, begun, around, progress)
            if mark is None:
                return None
            store.index()
            seal(store.engine, path)
        finally:
            store.close()
        files.swap(path)
        return mark


def _fill_with(
    helpers: Helpers, store: Store, mark: Watermark, around: Surroundings, progress: Progress
) -> Watermark:
    """Take what the archive has now, the rows made by other processes."""
    target = around.source.last_seq()
    with projected(helpers.open_source, helpers.processes, mark.position, target) as batches:
        for ready in batches:
            if around.should_stop():
                break
            mark = _take(ready, store, mark, around)
            progress(mark.position, target)
    return mark


def _take(ready: Ready, store: Store, mark: Watermark, around: Surroundings) -> Watermark:
    """One batch; made here where another process could not, or where the database will not have all of it."""
    if ready.rows is not None and mark.position == ready.after:
        try:
            return write(store, mark, ready.rows, around)
        except Exception as error:
            if not is_about_data(error):
                raise
    while mark.position < ready.last:
        done = take(store, mark, around)
        if not done.entries:
            break
        mark = done.mark
    return mark


def _fill(store: Store, mark: Watermark, around: Surroundings, progress: Progress) -> Watermark | None:
    for _ in range(_ROUNDS):
        target = around.source.last_seq()
        progress(mark.position, target)
        while mark.position < target:
            if around.should_stop():
                return None
            done = take(store, mark, around)
            if not done.entries:
                return mark  # the archive has less than it said; the follower will see
            mark = done.mark
            progress(mark.position, max(target, mark.position))
        if mark.position >= around.source.last_seq():
            break
    return mark


def create_empty(files: Generations) -> None:
    """Make the first catalog, empty, for the follower to fill while people can already read it."""
    with files.building(wait=True) as path:
        if files.current() is not None:
            return  # somebody else was quicker
        store = Store(open_writer(path))
        try:
            store.prepare()
            seal(store.engine, path)
        finally:
            store.close()
        files.swap(path)
