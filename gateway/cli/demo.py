"""`mailgw demo`: an invented district with a day of mail, to see the gateway work."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer


def demo(
    once: Annotated[bool, typer.Option("--once", help="Send the day, check everything, end.")] = False,
    data: Annotated[Path | None, typer.Option(help="Folder of the demo's files.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed is another district and another day.")] = 2026,
    messages: Annotated[int, typer.Option(min=1, help="About so many messages.")] = 400,
    keep: Annotated[bool, typer.Option("--keep", help="With --once: keep the data afterwards.")] = False,
) -> None:
    """Run the gateway for an invented Massachusetts district and send it a day of invented mail.

    With --once, exit 0 only if every message sent was delivered and archived.
    """
    from gateway.demo.run import Options, run  # here, so that the service's processes need not load it

    raise typer.Exit(
        asyncio.run(run(Options(once=once, data=data, seed=seed, messages=messages, keep=keep), sys.stdout))
    )
