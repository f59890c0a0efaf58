"""What commands share: options, loading the configuration, JSON, exit codes.

Exit codes: 0 done; 1 the command found something wrong; 2 wrong usage; 3 the configuration or a file it names
cannot be used. Errors go to standard error, results to standard output.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from gateway.config import Config, ConfigError, load

FOUND_WRONG = 1
WRONG_USAGE = 2
BAD_CONFIG = 3

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="MAILGW_CONFIG", help="The configuration file.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def load_config(path: Path) -> Config:
    """The configuration; ends the command with its errors where it cannot be used."""
    try:
        return load(path)
    except ConfigError as error:
        raise fail(str(error), BAD_CONFIG) from None


def print_json(row: dict[str, Any]) -> None:
    """One object, one line of standard output."""
    sys.stdout.buffer.write(orjson.dumps(row, default=str) + b"\n")


def fail(text: str, code: int = FOUND_WRONG) -> typer.Exit:
    """Say what is wrong on standard error; the exception to raise."""
    for line in text.splitlines():
        typer.echo(f"mailgw: {line}", err=True)
    return typer.Exit(code)
