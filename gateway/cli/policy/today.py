"""Today's directory, as the configuration names it, for commands that judge or sort stored mail."""

from __future__ import annotations

import gc
from datetime import datetime
from pathlib import Path

import typer

from gateway.cli.options import BAD_CONFIG, fail
from gateway.config import Config
from gateway.directory.importer import RosterError, read_roster
from gateway.directory.snapshot import Directory


def read_directory(config: Config, path: Path | None = None) -> Directory:
    """The roster at `path`, by default the configured one, read once; ends the command where it cannot be used.

    Without one there is nobody in the directory, and that is said: everything would seem to be outside mail.
    """
    now = datetime.now(config.district.zone)
    source = path or config.directory.path
    if source is None:
        typer.echo("mailgw: directory.path: no roster is configured, so nobody is known", err=True)
        return Directory.empty(config.district.domains, now)
    try:
        found = read_roster(source, config.district.domains, now=now, previous=None, max_shrink=1.0).directory
    except RosterError as error:
        raise fail(str(error), BAD_CONFIG) from None
    gc.freeze()  # it lives as long as the command: the collector need not look at a million objects again
    return found
