"""`mailgw verify`: whether archive, ledger and catalog are what they were."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from gateway.archive import Problem
from gateway.cli.options import (
    BAD_CONFIG,
    FOUND_WRONG,
    ConfigOption,
    JsonOption,
    fail,
    load_config,
    print_json,
)
from gateway.config import Config
from gateway.message.printable import printable
from gateway.records.verification.run import Subject, Summary, Verification, VerificationFailed


def verify(
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoint", help="A checkpoint that was kept elsewhere; may be given several times."
        ),
    ] = None,
    pages: Annotated[
        bool,
        typer.Option("--pages/--no-pages", help="Also check every page of every volume, in a second pass."),
    ] = True,
    catalog: Annotated[
        bool, typer.Option("--catalog/--no-catalog", help="Also compare the catalog with the archive.")
    ] = True,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the last run was broken off.")
    ] = False,
    processes: Annotated[
        int, typer.Option(min=0, max=256, help="That work at once; 0: one for each core.")
    ] = 0,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Check every archived entry and all that was signed of it. Exit 1 if anything is not as it was, 3 without a key.

    Each message and document is compared with its digest, each entry with its leaf in the ledger, the ledger with
    every checkpoint that was signed, also with those in the folders that it is published to, and the catalog with the
    archive. What was disposed of must be on record, and is told at the end. Mail flows meanwhile; what comes in is not
    checked. Where a volume is encrypted and its key cannot be had, all but its documents and messages is checked.
    docs/evidence.md tells what each kind of problem means.
    """
    settings = load_config(config)
    settings.storage.run.mkdir(mode=0o750, parents=True, exist_ok=True)
    run = Verification(
        Subject(
            archive=settings.storage.archive,
            ledger=settings.storage.ledger,
            origin=settings.ledger_origin,
            catalog=settings.storage.catalog if catalog else None,
            published=(*_published(settings), *(checkpoint or ())),
            pages=pages,
            encryption=settings.encryption,
        ),
        state=settings.storage.run / "verify.json",
        processes=processes or len(os.sched_getaffinity(0)),
    )
    started = monotonic()
    try:
        for problem in _shown(run, resume):
            if json:
                print_json(asdict(problem))
            else:
                typer.echo(_line(problem))
    except (VerificationFailed, OSError) as error:
        raise fail(str(error)) from None
    if json:
        for disposal in run.summary.disposals:
            print_json({"kind": "disposal", **asdict(disposal)})
    for line in _told(run.summary, monotonic() - started):
        typer.echo(line, err=True)
    raise typer.Exit(FOUND_WRONG if run.summary.problems else BAD_CONFIG if run.summary.unopened else 0)


def _published(settings: Config) -> list[Path]:
    """Checkpoints in the folders that they are published to, as far as these can be reached."""
    folders = (settings.storage.ledger_public, *settings.ledger.publish)
    return [path for folder in folders if folder.is_dir() for path in sorted(folder.glob("checkpoint*"))]


def _shown(run: Verification, resume: bool) -> Iterator[Problem]:
    """Problems, beside a bar on a terminal."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("Entries", total=None)
        for problem in run.run(resume=resume):
            if problem is not None:
                yield problem
            progress.update(bar, completed=run.summary.entries, total=run.summary.total)


def _line(problem: Problem) -> str:
    place = f"{problem.volume}: " if problem.volume else ""
    entry = f"entry {problem.seq}: " if problem.seq is not None else ""
    return f"{place}{entry}{problem.kind}: {problem.text}"


def _told(summary: Summary, seconds: float) -> Iterable[str]:
    megabytes = summary.octets / 1e6
    yield f"{summary.entries} entries, {summary.problems} problems, {megabytes:.1f} MB of messages, {seconds:.1f} s"
    checkpoints = f"{summary.checkpoints} checkpoint{'s' if summary.checkpoints != 1 else ''}"
    yield f"{summary.attested} entries attested by {checkpoints}"
    if summary.unopened:
        yield f"{summary.unopened} of them are encrypted, and were not opened: no key; documents and messages unchecked"
    for each in summary.disposals:
        entries = f"{each.entries} entr{'y' if each.entries == 1 else 'ies'}"
        permission = (
            f"permission {printable(each.permission)} of {printable(each.date)}" if each.permission else ""
        )
        by = f"approved by {printable(', '.join(each.by))}" if each.by else ""
        why = ", ".join(part for part in (each.at[:10], permission, by) if part)
        yield f"lawfully disposed of: {entries}, batch {each.batch} ({why})"
    yield from summary.notes
