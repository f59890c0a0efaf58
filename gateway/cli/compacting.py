"""`mailgw compact`: volumes of closed months written anew, compressed as a whole."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from gateway.archive import ArchiveDamaged, ArchiveUnavailable
from gateway.archive.configured import keys_of
from gateway.archive.rewriting import LEVEL, NotRewritable, Rewritten, not_compacted, rewrite
from gateway.cli.options import WRONG_USAGE, ConfigOption, JsonOption, fail, load_config, print_json
from gateway.cli.recording import become_owner
from gateway.config import Config
from gateway.telemetry import logs

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def compact(
    months: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MONTH]...", help="Such as 2026-10; by default all that never were."),
    ] = None,
    level: Annotated[
        int, typer.Option(min=1, max=22, help="Of zstd: higher is smaller, and much slower.")
    ] = LEVEL,
    decrypt: Annotated[
        bool, typer.Option("--decrypt", help="Encrypted months, which are to be named, become plain.")
    ] = False,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Write volumes of closed months anew: less than half as large, with the same entries to the octet.

    Each is compared with the old one entry by entry before it takes its place. Mail flows meanwhile. The newest month
    is still written to, and is left alone. While encryption is enabled, a month that was plain becomes encrypted.
    """
    settings = load_config(config)
    for month in months or ():
        if _MONTH.fullmatch(month) is None:
            raise fail(f"{month}: expected a month such as 2026-10", WRONG_USAGE)
    if decrypt and not months:
        raise fail(
            "--decrypt: name the months; new ones are encrypted as encryption.enabled says", WRONG_USAGE
        )
    folder = settings.storage.archive
    logs.configure("warning", process="compact")
    if folder.exists():
        become_owner(folder)
    elif months:
        raise fail(f"{folder}: there is no archive yet")
    try:
        chosen = sorted(set(months)) if months else not_compacted(folder) if folder.exists() else []
        for done in _rewritten(settings, chosen, level, decrypt=decrypt):
            _tell(done, json)
    except ArchiveDamaged as error:
        hint = "nothing was changed; `mailgw verify` tells what else is damaged: put the volume back from a backup"
        raise fail(f"{error}; {hint}") from None
    except (NotRewritable, ArchiveUnavailable, OSError) as error:
        raise fail(str(error)) from None
    if not chosen:
        typer.echo("nothing to compact: every closed month is compacted", err=True)


@dataclass(frozen=True, slots=True)
class _Done:
    month: str
    rewritten: Rewritten


def _rewritten(settings: Config, months: Iterable[str], level: int, *, decrypt: bool) -> Iterable[_Done]:
    """Each month, beside a bar on a terminal."""
    keys = keys_of(settings)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        for month in months:
            bar = progress.add_task(month, total=None)
            made = rewrite(
                settings.storage.archive,
                month,
                level=level,
                keys=keys,
                decrypt=decrypt,
                is_held=lambda _seq: True,  # nothing is disposed of here
                progress=partial(_advance, progress, bar),
                min_free=settings.storage.min_free,
            )
            progress.remove_task(bar)
            yield _Done(month, made)


def _advance(progress: Progress, bar: TaskID, done: int, total: int) -> None:
    progress.update(bar, completed=done, total=total)


def _tell(done: _Done, json: bool) -> None:
    made = done.rewritten
    if json:
        print_json(
            {
                "month": done.month,
                "entries": made.entries,
                "octets_before": made.octets_before,
                "octets_after": made.octets_after,
            }
        )
        return
    before, after = made.octets_before / 1e6, made.octets_after / 1e6
    share = f"{made.octets_after / made.octets_before:.0%}"
    typer.echo(
        f"{done.month}: {made.entries} entries, {before:.1f} MB before, {after:.1f} MB after ({share})"
    )
