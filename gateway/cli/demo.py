"""`mailgw demo`: an invented district with a day of mail, to see the gateway work."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.options import JsonOption, print_json


def demo(
    once: Annotated[bool, typer.Option("--once", help="Send the day, check everything, end.")] = False,
    data: Annotated[Path | None, typer.Option(help="Folder of the demo's files.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed is another district and another day.")] = 2026,
    messages: Annotated[int, typer.Option(min=1, help="About so many messages.")] = 400,
    keep: Annotated[bool, typer.Option("--keep", help="With --once: keep the data afterwards.")] = False,
    json: JsonOption = False,
) -> None:
    """Run the gateway for an invented Massachusetts district and send it a day of invented mail.

    With --once, exit 0 only if every message sent was delivered and archived.
    """
    # here, so that the service's processes need not load it
    from gateway.demo.feed import Feed
    from gateway.demo.run import Options, run
    from gateway.demo.screen import Screen

    options = Options(once=once, data=data, seed=seed, messages=messages, keep=keep)
    raise typer.Exit(asyncio.run(run(options, Feed(_write) if json else Screen(sys.stdout))))


def _write(event: dict[str, Any]) -> None:
    """An event at once: it is watched as it happens."""
    print_json(event)
    sys.stdout.flush()
