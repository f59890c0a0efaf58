"""`mailgw serve`: the whole service, or one process of it."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import ConfigOption, load_config
from gateway.config import Config
from gateway.service.channel import Parent
from gateway.service.process import return_memory, run
from gateway.service.sockets import adopt, bind
from gateway.service.supervisor import Supervisor
from gateway.telemetry import logs
from gateway.telemetry.metrics import Metrics


class Part(StrEnum):
    ALL = "all"
    SMTP = "smtp"
    INDEXER = "indexer"


def serve(
    part: Annotated[Part, typer.Argument(help="The whole service, or one process of it.")] = Part.ALL,
    config: ConfigOption = Path("config/gateway.toml"),
    name: Annotated[str, typer.Option(help="Name of this process in logs and metrics.")] = "",
    sockets: Annotated[str, typer.Option(hidden=True)] = "",
    channel: Annotated[int, typer.Option(hidden=True)] = -1,
    running: Annotated[Path | None, typer.Option("--settings", hidden=True)] = None,
) -> None:
    """Relay, archive and judge mail until SIGTERM; SIGHUP reloads certificates, directory and rules."""
    # A child that is started again takes the settings that the service runs with: the file may be half-edited.
    settings = Config.model_validate_json(running.read_bytes()) if running else load_config(config)
    process = name or ("supervisor" if part is Part.ALL else f"{part}-alone")
    logs.configure(settings.telemetry.log_level, process=process)
    if part is Part.ALL:
        # asyncio's own loop: it carries no mail, and uvloop cannot put a child in a process group.
        raise typer.Exit(asyncio.run(Supervisor(settings, config.resolve()).serve()))
    return_memory()
    parent = Parent(channel if channel >= 0 else None)
    metrics = _metrics(settings, process)
    try:
        code = run(_child(part, settings, config.resolve(), sockets, parent, metrics))
    finally:
        metrics.close()
    raise typer.Exit(code)


def _metrics(settings: Config, process: str) -> Metrics:
    settings.storage.run.mkdir(parents=True, exist_ok=True)
    return Metrics.shared(settings.storage.run / "metrics", process)


async def _child(
    part: Part, settings: Config, path: Path, sockets: str, parent: Parent, metrics: Metrics
) -> int:
    if part is Part.SMTP:
        from gateway.service import worker

        bound = adopt(sockets) if sockets else bind(settings.listener, 1)[0]
        return await worker.serve(settings, path, bound, parent, metrics)
    from gateway.service import follower

    return await follower.serve(settings, path, parent, metrics)
