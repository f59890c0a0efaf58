"""`mailgw import`: a district's old mail into the archive, from mbox files, Maildirs, .eml files and zips of them."""

from __future__ import annotations

import asyncio
import csv
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import apsw
import structlog
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from structlog.typing import EventDict

from gateway.archive import ArchiveUnavailable, Reader, uuid7
from gateway.archive.configured import reader_of
from gateway.cli.options import (
    FOUND_WRONG,
    WRONG_USAGE,
    ConfigOption,
    JsonOption,
    fail,
    load_config,
    print_json,
)
from gateway.cli.recording import become_owner
from gateway.config import Config
from gateway.importing.found import Status
from gateway.importing.importer import Importer, Outcome
from gateway.importing.known import Known
from gateway.importing.reading import Feed
from gateway.importing.record import Given, text_given
from gateway.importing.sources import files
from gateway.message.printable import printable
from gateway.service.appending import open_archive
from gateway.telemetry import logs
from gateway.telemetry.metrics import Metrics

_COLUMNS = ("run", "place", "status", "id", "sha256", "reason")
_READERS = 4  # threads, at most; the archive has some of its own
_NOT_READ = (Status.UNREADABLE, Status.TOO_LARGE)
_SHOWN = 20  # of those, one by one, also without a report
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute
_GO_ON = "what was archived stays; the same command goes on from there"

Tell = Callable[[Outcome], None]


def import_mail(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="mbox files, Maildirs, .eml files, zips, folders."),
    ],
    source: Annotated[
        str, typer.Option(metavar="TEXT", help="Where the mail comes from, such as the old server.")
    ],
    custodian: Annotated[str, typer.Option(metavar="TEXT", help="Whose mail it was: an address or a name.")],
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Add a line for each message to this CSV file."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look and count; archive nothing.")] = False,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Archive old mail from files. It is found by search, and no rule judges it, and nobody is told of it.

    What the archive has already is not archived again, so a command that was broken off can be given again. Exit 1 if
    anything could not be read; the report names it. docs/importing.md tells what is read, and how.
    """
    settings = load_config(config)
    _log_but_what_is_told()
    given = Given(
        _text("--source", source), _text("--custodian", custodian), _new_run(), hostname=settings.hostname
    )
    not_read: list[Outcome] = []
    try:
        with ExitStack() as stack:
            tells: list[Tell] = [partial(_remember, not_read)]
            tells += [stack.enter_context(_report(report, given.run))] if report else []
            tells += [_print] if json else []
            become_owner(_there(settings.storage.archive))  # the report may be in a folder of root's
            stack.enter_context(_alone(settings))
            importer = _imported(settings, given, tells, paths, dry_run=dry_run)
    except (ArchiveUnavailable, OSError, apsw.Error) as error:
        raise fail(f"import stopped: {error}; {_GO_ON}") from None
    except KeyboardInterrupt:
        raise fail(f"import stopped; {_GO_ON}") from None
    _summarize(importer, not_read, dry_run=dry_run)
    raise typer.Exit(FOUND_WRONG if any(importer.counts[status] for status in _NOT_READ) else 0)


def _log_but_what_is_told() -> None:
    """That the archive is unavailable ends the command, which says so itself."""

    def drop(_logger: object, _method: str, event: EventDict) -> EventDict:
        if event.get("event") == "archive unavailable":
            raise structlog.DropEvent
        return event

    logs.configure("warning", process="import")
    structlog.configure(processors=[drop, *structlog.get_config()["processors"]])


def _text(option: str, text: str) -> str:
    try:
        return text_given(text)
    except ValueError as error:
        raise fail(f"{option}: {error}", WRONG_USAGE) from None


def _new_run() -> str:
    return str(uuid7(int(datetime.now(UTC).timestamp() * 1_000_000), os.urandom(8)))


def _there(folder: Path) -> Path:
    """A folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


@contextmanager
def _alone(settings: Config) -> Iterator[None]:
    """No other import at the same time: each looks first what the archive has."""
    settings.storage.run.mkdir(mode=0o750, parents=True, exist_ok=True)
    with (settings.storage.run / "import.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise fail(f"{lock.name}: another import is running") from None
        yield


# --- importing -------------------------------------------------------------------------------------------


def _imported(
    settings: Config, given: Given, tells: list[Tell], paths: list[Path], *, dry_run: bool
) -> Importer:
    """The import, done. Raises ArchiveUnavailable, apsw.Error and OSError."""
    with closing(reader_of(settings)) as reader, closing(Known(reader)) as known, _bar() as show:
        show("looking at the archive")
        known.catch_up(lambda entries: show(f"looking at the archive: {entries} entries"))
        return asyncio.run(_run(settings, given, reader, known, tells, paths, show, dry_run=dry_run))


async def _run(
    settings: Config,
    given: Given,
    reader: Reader,
    known: Known,
    tells: list[Tell],
    paths: list[Path],
    show: Callable[[str], None],
    *,
    dry_run: bool,
) -> Importer:
    archive = None if dry_run else open_archive(settings, Metrics())
    try:
        if archive is not None:
            await archive.ready()
        importer = Importer(archive, reader, known, given)

        def tell(outcome: Outcome) -> None:
            for each in tells:
                each(outcome)
            show(_counted(importer))

        feed = Feed(files(paths), min(_READERS, len(os.sched_getaffinity(0))))
        try:
            await importer.run(feed, tell)
        finally:
            feed.close()
        return importer
    finally:
        if archive is not None:
            await archive.aclose()


# --- telling ---------------------------------------------------------------------------------------------


@contextmanager
def _bar() -> Iterator[Callable[[str], None]]:
    """What is going on, on a terminal."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as progress:
        bar = progress.add_task("")
        yield lambda text: progress.update(bar, description=text)


@contextmanager
def _report(path: Path, run: str) -> Iterator[Tell]:
    """A CSV file that grows by a line for each message; `run` tells those of one import."""
    with path.open("a", buffering=1, encoding="utf-8", newline="") as file:  # line by line
        table = csv.writer(file, lineterminator="\r\n")
        if not file.tell():
            table.writerow(_COLUMNS)

        def tell(outcome: Outcome) -> None:
            row = {"run": run, **asdict(outcome)}
            table.writerow([_cell(printable(str(row[name]))) for name in _COLUMNS])

        yield tell


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _print(outcome: Outcome) -> None:
    print_json(asdict(outcome))


def _remember(not_read: list[Outcome], outcome: Outcome) -> None:
    if outcome.status in _NOT_READ and len(not_read) < _SHOWN:
        not_read.append(outcome)


def _counted(importer: Importer) -> str:
    counts = importer.counts
    found = counts[Status.ARCHIVED] + counts[Status.DUPLICATE]
    return f"{found} messages read, {counts[Status.ARCHIVED]} of them archived"


def _summarize(importer: Importer, not_read: list[Outcome], *, dry_run: bool) -> None:
    counts = importer.counts
    unread = sum(counts[status] for status in _NOT_READ)
    for each in not_read:
        typer.echo(f"not read: {printable(each.place)}: {printable(each.reason)}", err=True)
    if unread > len(not_read):
        typer.echo(f"not read: {unread - len(not_read)} more; --report names all", err=True)
    messages = counts[Status.ARCHIVED] + counts[Status.DUPLICATE]
    new = f"{counts[Status.ARCHIVED]} {'new' if dry_run else 'archived'}"
    line = f"{messages} messages found: {new}, {counts[Status.DUPLICATE]} that the archive had; {unread} not read"
    typer.echo(line, err=True)
    if counts[Status.PASSED_OVER]:
        typer.echo(f"{counts[Status.PASSED_OVER]} other files passed over", err=True)
    if dry_run:
        typer.echo("a dry run: nothing was archived", err=True)
