"""`mailgw dispose execute`: destroys what a batch lists, and goes on where it was broken off."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress

from gateway.archive import Reader
from gateway.archive.configured import keys_of
from gateway.archive.rewriting import LEVEL, Rewritten, rewrite
from gateway.cli.dispose.acting import CONFIG, BatchArgument, as_service, batch_named, login, reading, write
from gateway.cli.dispose.asking import Asked, asked
from gateway.cli.options import ConfigOption, JsonOption, load_config, print_json
from gateway.cli.recording import ByOption, who
from gateway.cli.reindex import rebuild_all
from gateway.config import Config
from gateway.message.printable import printable
from gateway.records.disposal import executing
from gateway.records.disposal.batch import Batch, State
from gateway.records.disposal.executing import Tools
from gateway.records.spans import count_of, numbers_of


def execute(
    batch: BatchArgument,
    by: ByOption = None,
    processes: Annotated[
        int, typer.Option(min=0, max=256, help="That make catalog and index anew; 0: one for each core.")
    ] = 0,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> None:
    """Destroy what a batch lists, after two people approved it. It cannot be undone.

    What a legal matter holds stays, and so does what the schedule does not let go any more. Broken off, it goes on
    where it was. Mail flows meanwhile. Catalog and search index are made anew at the end: they know nothing of it then.
    """
    name, settings = who(by), load_config(config)
    as_service(settings)
    with reading(settings) as reader:
        found = batch_named(settings, reader, batch)
        found.require(State.APPROVED, State.BEGUN)
        with asked(settings, reader) as sources, _progress() as progress:
            tools = _tools(
                settings, reader, sources, found, processes or len(os.sched_getaffinity(0)), progress
            )
            if found.state is State.APPROVED:
                executing.begin(found, name, login(), tools)
                found = batch_named(settings, reader, found.id)
            sources.guard.watch(_left(reader, found))
            executing.go_on(found, tools)
        after = batch_named(settings, reader, found.id)
    _tell(after, json)


def _tools(
    settings: Config, reader: Reader, sources: Asked, batch: Batch, processes: int, progress: Progress
) -> Tools:
    bar = progress.add_task("Destroying", total=None)

    keys = keys_of(settings)

    def act(document: Mapping[str, Any]) -> None:
        write(settings, batch.id, document)

    def without(month: str, entries: Mapping[int, UUID], is_held: Callable[[int], bool]) -> Rewritten:
        storage = settings.storage
        return rewrite(
            storage.archive,
            month,
            level=LEVEL,
            keys=keys,
            dispose=entries,
            is_held=is_held,
            min_free=storage.min_free,
        )

    def tell(step: str, done: int, total: int) -> None:
        progress.update(bar, description=step, completed=done, total=total)

    return Tools(
        archive=reader,
        eligible=sources.eligible,
        held=sources.guard.held,
        is_held=sources.guard.is_held,
        rewrite=without,
        act=act,
        rebuild=lambda: rebuild_all(settings, processes),
        progress=tell,
    )


def _left(reader: Reader, batch: Batch) -> list[int]:
    """The messages that are still to be destroyed."""
    assert batch.begun is not None
    found = (reader.entry(seq) for seq in numbers_of(batch.begun.document["messages"]))
    return [entry.seq for entry in found if entry is not None and not entry.disposed]


def _progress() -> Progress:
    return Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())


def _tell(batch: Batch, json: bool) -> None:
    assert batch.begun is not None and batch.done is not None
    messages = sum(int(step.document["messages"]) for step in batch.disposed)
    kept, spared = batch.done.document["kept"], batch.begun.document["spared"]
    if json:
        facts = {"entries": count_of(batch.done.document["entries"]), "kept": kept, "spared": spared}
        print_json({"batch": batch.id, "state": batch.state, "messages": messages, **facts})
        return
    typer.echo(
        f"{batch.id}: {messages} messages destroyed; `mailgw dispose certificate` writes the certificate",
        err=True,
    )
    for each in spared:
        typer.echo(f"{count_of(each['messages'])} messages stay: {printable(each['why'])}", err=True)
    if kept:
        typer.echo(f"{count_of(kept)} entries stay: they were held when their turn came", err=True)
