"""`mailgw demo`: an invented district with a day of mail, to see the gateway work; `tamper`, to see the archive hold.

`app` gathers both.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.options import JsonOption, print_json

app = typer.Typer()


@app.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
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
    if context.invoked_subcommand is not None:
        return
    # here, so that the service's processes need not load it
    from gateway.demo.feed import Feed
    from gateway.demo.run import Options, run
    from gateway.demo.screen import Screen

    options = Options(once=once, data=data, seed=seed, messages=messages, keep=keep)
    raise typer.Exit(asyncio.run(run(options, Feed(_write) if json else Screen(sys.stdout))))


@app.command()
def tamper(
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new folder in which the copies stay.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Change a byte in a copy of a small archive, then worse, and show what `mailgw verify` says each time.

    Needs nothing that runs. Exit 0 only if everything was found as it must be.
    """
    from gateway.demo.screen import Screen
    from gateway.demo.tamper.telling import Told, Written, run

    raise typer.Exit(run(keep, Written(_write) if json else Told(Screen(sys.stdout))))


def _write(event: dict[str, Any]) -> None:
    """An event at once: it is watched as it happens."""
    print_json(event)
    sys.stdout.flush()
