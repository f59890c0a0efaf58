"""`mailgw reindex`: catalog and search index made anew from the archive, each swapped in when it is whole."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from gateway.archive import ArchiveUnavailable
from gateway.archive.configured import reader_at
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.catalog.rows import Watermark
from gateway.catalog.schema import findings
from gateway.cli.options import ConfigOption, JsonOption, fail, load_config, print_json
from gateway.config import Config
from gateway.generations import BuildRunning
from gateway.indexer.rebuild import Helpers
from gateway.indexer.reindex import WorkerFailed
from gateway.search.engine import EngineError
from gateway.service.follower import new_follower
from gateway.service.searching import rebuild as rebuild_search_index
from gateway.telemetry import logs
from gateway.telemetry.metrics import Metrics

# Rows come in thousands, live for a batch and are in no cycles: Python need not look for those every 700 objects.
_GARBAGE = 50_000
Advance = Callable[[int, int], None]


def reindex(
    catalog: Annotated[bool, typer.Option("--catalog/--no-catalog", help="Make the catalog.")] = True,
    search: Annotated[bool, typer.Option("--search/--no-search", help="Make the search index.")] = True,
    processes: Annotated[
        int, typer.Option(min=0, max=256, help="That work at once; 0: one for each core.")
    ] = 0,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Build catalog and search index anew from the archive; the old ones serve until the new ones are whole.

    The search index is made of the archive and the catalog. Mail flows meanwhile, but somewhat slower: give fewer
    processes than there are cores where that matters.
    """
    settings = load_config(config)
    logs.configure("warning", process="reindex")
    workers = processes or len(os.sched_getaffinity(0))
    done: dict[str, Any] = {}
    try:
        with Progress(
            console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
        ) as progress:
            if catalog:
                with _step(progress, "Catalog") as advance:
                    done |= _catalog(settings, workers, advance)
            if search:
                with _step(progress, "Search index") as advance:
                    done |= _search(settings, workers, advance)
    except (
        BuildRunning,
        ArchiveUnavailable,
        CatalogUnavailableError,
        EngineError,
        WorkerFailed,
        OSError,
    ) as error:
        raise fail(str(error)) from None
    except DBAPIError as error:  # a full disk, for one
        raise fail(f"{settings.storage.catalog}: {error.orig}") from None
    if json:
        print_json(done)
        return
    if catalog:
        typer.echo(f"catalog rebuilt: {done['entries']} entries", err=True)
    if search:
        typer.echo(f"search index rebuilt: {done['searchable']} messages", err=True)


def rebuild_all(settings: Config, processes: int) -> None:
    """Catalog and search index anew, as the command makes them; raises what the command tells."""
    _catalog(settings, processes, lambda _done, _total: None)
    _search(settings, processes, lambda _done, _total: None)


@contextmanager
def _step(progress: Progress, name: str) -> Iterator[Advance]:
    bar = progress.add_task(name, total=None)
    yield lambda done, total: progress.update(bar, completed=done, total=total)


def _catalog(settings: Config, processes: int, advance: Advance) -> dict[str, Any]:
    started = monotonic()
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    helpers = (
        Helpers(partial(reader_at, settings.storage.archive, settings.encryption), processes)
        if processes > 1
        else None
    )
    mark = new_follower(settings, Metrics()).rebuild(advance, helpers) or Watermark()
    seconds = round(monotonic() - started, 3)
    with closing(Catalog(settings.storage.catalog)) as catalog, catalog.connect() as connection:
        found = connection.scalar(select(func.count()).select_from(findings))
    return {
        "entries": mark.position,
        "messages": mark.messages,
        "events": mark.events,
        "findings": found,
        "unindexed": mark.unindexed,
        "catalog_seconds": seconds,
    }


def _search(settings: Config, processes: int, advance: Advance) -> dict[str, Any]:
    started = monotonic()
    documents = rebuild_search_index(settings, processes, advance)
    return {"searchable": documents, "search_seconds": round(monotonic() - started, 3)}
