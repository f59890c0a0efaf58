"""`mailgw export`: what a query finds, in a folder that can be handed out.

The folder appears when all of it is on the disk and the archive has the act of it. Run by root, what is written below
the storage folder belongs to the service's user, and the export to root.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from sqlalchemy.exc import DBAPIError

from gateway.archive import ArchiveUnavailable
from gateway.catalog.words import clean
from gateway.cli.exporting.releasing import Release, made_plan, recorded
from gateway.cli.options import (
    FOUND_WRONG,
    WRONG_USAGE,
    ConfigOption,
    JsonOption,
    fail,
    load_config,
    print_json,
)
from gateway.cli.recording import ByOption, who
from gateway.cli.searching.options import Saved
from gateway.cli.searching.typed import query_of
from gateway.config import Config
from gateway.holds.decisions import NAME_LIMIT, reason_of
from gateway.ledger.keys import KeyFileError
from gateway.ledger.note import NoteError
from gateway.ledger.tree import TreeDamaged
from gateway.message.printable import printable
from gateway.records.export.bates import RegisterDamaged, prefix_of
from gateway.records.export.certificate import Result, facts
from gateway.records.export.choosing import NotCatalogued
from gateway.records.export.plan import Form, Plan, Recipient
from gateway.records.export.run import Export, ExportFailed, ExportRunning
from gateway.records.proof.folder import FolderUnusable

_SHOWN = 20  # messages that could not be had, one by one; the certificate has all
_TO_WHOM = "To whom it is released"
_WHAT = "What is written"


def export(
    ctx: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to make.")],
    query: Annotated[
        list[str] | None, typer.Argument(metavar="QUERY", help="What to export, as `mailgw search` reads it.")
    ] = None,
    saved: Saved = None,
    form: Annotated[
        list[Form] | None,
        typer.Option(
            "--format",
            help="Besides the messages themselves (eml), all in one file (mboxrd), or a load file with natives "
            "(concordance). Can be given several times.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    bates: Annotated[
        str | None,
        typer.Option(
            metavar="PREFIX",
            help="Number the messages: DIST- makes DIST-0000001. The numbers of all exports follow each other.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="QUERY",
            help="Leave out what this finds as well; with --because. Can be given several times.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    because: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="Why what --exclude finds is left out: one for each, in their order.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    name: Annotated[
        str, typer.Option("--for", metavar="NAME", help="Who gets it.", rich_help_panel=_TO_WHOM)
    ] = "",
    position: Annotated[str, typer.Option(metavar="TEXT", help="As what.", rich_help_panel=_TO_WHOM)] = "",
    affiliation: Annotated[
        str, typer.Option(metavar="TEXT", help="Of which body or firm.", rich_help_panel=_TO_WHOM)
    ] = "",
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why it is released.", rich_help_panel=_TO_WHOM)
    ] = "",
    by: ByOption = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Finish the export into this folder that was broken off."),
    ] = False,
    processes: Annotated[
        int, typer.Option(min=0, max=256, help="That work at once; 0: one for each core.")
    ] = 0,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Write what a query finds into a new folder, a BagIt bag, with the certificate of the search and proofs.

    Held messages are left out. Where student records are among them, it must be said to whom they are released, as
    what, of which body, and why (--for, --position, --affiliation, --reason): the archive keeps that, and `mailgw
    access-log` shows it. Exit 1 if some message could not be had; the certificate names it.
    """
    settings = load_config(config)
    making = Export(output, settings.storage.archive, settings.storage.ledger, settings.encryption)
    with _explained(settings, making):
        if resume:
            _require_only_resume(ctx)
            plan = making.resumed()
        else:
            making.require_free()
            release = Release(
                query=query_of(query or []),
                saved=saved,
                forms=tuple(dict.fromkeys((Form.EML, *(form or ())))),
                prefix=_prefix(bates),
                leaving_out=_pairs(exclude or [], because or []),
                by=who(by),
                to=_recipient(name, position, affiliation),
                reason=_text("--reason", reason, reason_of),
            )
            plan = made_plan(settings, release)
            making.begin(plan)
        result = _run(settings, making, plan, processes)
    _tell(plan, result, output, json=json)
    raise typer.Exit(FOUND_WRONG if result.failed else 0)


def _run(settings: Config, making: Export, plan: Plan, processes: int) -> Result:
    """The export, made, beside a bar on a terminal."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("Messages", total=len(plan.messages))
        return making.run(
            plan,
            lambda plan, result: recorded(settings, plan, result),
            processes=processes or len(os.sched_getaffinity(0)),
            step=lambda count: progress.advance(bar, count),
        )


@contextmanager
def _explained(settings: Config, making: Export) -> Iterator[None]:
    """What may go wrong, in a sentence."""
    try:
        yield
    except (FolderUnusable, ExportRunning, RegisterDamaged, NotCatalogued) as error:
        raise fail(str(error)) from None
    except TreeDamaged as error:
        text = f"{settings.storage.ledger}: {error}; `mailgw serve` makes the hashes again when it starts"
        raise fail(f"{text}{_go_on(making)}") from None
    except (NoteError, KeyFileError) as error:
        raise fail(f"{settings.storage.ledger}: {error}; put the file back from its copy") from None
    except (ExportFailed, ArchiveUnavailable, OSError) as error:
        raise fail(f"export stopped: {error}{_go_on(making)}") from None
    except DBAPIError as error:
        raise fail(f"{settings.storage.catalog}: {error.orig}") from None
    except KeyboardInterrupt:
        raise fail(f"export stopped{_go_on(making)}") from None


def _go_on(making: Export) -> str:
    """What to do after it was broken off, where there is something to go on with."""
    return (
        "\nwhat was written stays: --resume with the same folder goes on from there"
        if making.is_begun
        else ""
    )


# --- what people type ------------------------------------------------------------------------------------


def _require_only_resume(ctx: typer.Context) -> None:
    """What was asked is in the plan; to ask something else is another export."""
    allowed = {"resume", "output", "config", "json", "processes"}
    for each in ctx.command.params:
        source = ctx.get_parameter_source(each.name or "")
        typed = source is not None and source.name == "COMMANDLINE"
        if typed and each.name not in allowed and ctx.params.get(each.name or ""):
            raise fail(
                f"--resume: expected without {each.opts[0] if each.name != 'query' else 'a query'}",
                WRONG_USAGE,
            )


def _prefix(text: str | None) -> str | None:
    return None if text is None else _text("--bates", text, lambda text, needed: prefix_of(text))


def _pairs(queries: Sequence[str], reasons: Sequence[str]) -> tuple[tuple[str, str], ...]:
    if len(queries) != len(reasons):
        raise fail(
            f"--because: expected one for each --exclude; got {len(reasons)} for {len(queries)}", WRONG_USAGE
        )
    said = [_text("--because", text, reason_of, needed=True) for text in reasons]
    return tuple(zip(queries, said, strict=True))


def _recipient(name: str, position: str, affiliation: str) -> Recipient | None:
    """To whom; None where nothing of it is said."""
    given = {"--for": name, "--position": position, "--affiliation": affiliation}
    if not any(given.values()):
        return None
    kept = [_text(option, text, _short, needed=True) for option, text in given.items()]
    return Recipient(*kept)


def _short(text: str, *, needed: bool) -> str:
    kept = reason_of(text, needed=needed)
    if len(kept) > NAME_LIMIT:
        raise ValueError(f"expected at most {NAME_LIMIT} characters, got {len(kept)}")
    return kept


def _text(option: str, text: str, read: Callable[..., str], *, needed: bool = False) -> str:
    try:
        return read(text, needed=needed)
    except ValueError as error:
        raise fail(f"{option}: {error}", WRONG_USAGE) from None


# --- telling ---------------------------------------------------------------------------------------------


def _tell(plan: Plan, result: Result, output: Path, *, json: bool) -> None:
    if json:
        print_json(_facts(plan, result, output))
    for each in result.failed[:_SHOWN]:
        typer.echo(f"not exported: {each.number} (entry {each.seq}): {printable(each.reason)}", err=True)
    if len(result.failed) > _SHOWN:
        typer.echo(f"not exported: {len(result.failed) - _SHOWN} more; the certificate names all", err=True)
    for left in plan.excluded:
        typer.echo(f"left out: {len(left.messages)} messages: {printable(left.reason)}", err=True)
    typer.echo(f"{output}: {result.written} of {plan.hits} messages found; export {plan.id}", err=True)
    if not plan.students.known:
        typer.echo("no roster was kept, so it is not known which messages hold student records", err=True)
    if result.unproven:
        why = (
            "are newer than the newest checkpoint"
            if plan.ledger
            else "are not proven: no checkpoint was signed yet"
        )
        typer.echo(f"{len(result.unproven)} messages {why}, and have no proof", err=True)
    typer.echo(f"check it: python3 {output / 'verify.py'}", err=True)


def _facts(plan: Plan, result: Result, output: Path) -> dict[str, Any]:
    return {"folder": clean(str(output))} | facts(plan, result)
