"""`mailgw serve`: the whole service, or one process of it."""

from __future__ import annotations

import asyncio
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import structlog
import typer

from gateway.cli.options import BAD_CONFIG, ConfigOption, JsonOption
from gateway.config import Config, ConfigError, load
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
    SEARCH = "search"
    OFFICE = "office"


def serve(
    part: Annotated[Part, typer.Argument(help="The whole service, or one process of it.")] = Part.ALL,
    config: ConfigOption = Path("config/gateway.toml"),
    name: Annotated[str, typer.Option(help="Name of this process in logs and metrics.")] = "",
    json: JsonOption = False,
    sockets: Annotated[str, typer.Option(hidden=True)] = "",
    channel: Annotated[int, typer.Option(hidden=True)] = -1,
    running: Annotated[Path | None, typer.Option("--settings", hidden=True)] = None,
) -> None:
    """Relay, archive and judge mail until SIGTERM; SIGHUP reloads certificates, directory and rules.

    The log is JSON, one object a line, on standard error. With --json it is on
    standard output, and an error at the start is a line of it, not plain text.
    """
    if json:  # for all that is written to standard error, the children's too
        os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
    process = name or ("supervisor" if part is Part.ALL else f"{part}-alone")
    logs.configure(process=process)
    try:
        # A child that is started again takes the settings that the service runs with: the file may be half-edited.
        settings = Config.model_validate_json(running.read_bytes()) if running else load(config)
        logs.configure(settings.telemetry.log_level, process=process)
        if part is Part.ALL:
            code = _supervise(settings, config.resolve())
        else:
            code = _run_child(part, settings, config.resolve(), sockets, channel, process)
    except ConfigError as error:
        if not json and channel < 0:  # a person reads it; a child's goes to the service's log
            raise
        structlog.get_logger().error("configuration_refused", problems=str(error).splitlines())
        code = BAD_CONFIG
    raise typer.Exit(code)


def _supervise(settings: Config, path: Path) -> int:
    log = structlog.get_logger()
    log.info(
        "starting",
        listeners={
            listener.name: [str(address) for address in listener.bind] for listener in settings.listener
        },
        telemetry=str(settings.telemetry.bind),
        workers=settings.processes.workers,
    )
    # asyncio's own loop: it carries no mail, and uvloop cannot put a child in a process group.
    code = asyncio.run(Supervisor(settings, path).serve())
    log.info("stopped", code=code)
    return code


def _run_child(part: Part, settings: Config, path: Path, sockets: str, channel: int, process: str) -> int:
    return_memory()
    parent = Parent(channel if channel >= 0 else None)
    metrics = _metrics(settings, process)
    try:
        return run(_child(part, settings, path, sockets, parent, metrics))
    finally:
        metrics.close()


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
    if part is Part.SEARCH:
        from gateway.service import searching

        return await searching.serve(settings, path, parent, metrics)
    if part is Part.OFFICE:
        from gateway.service import office

        return await office.serve(settings, path, parent, metrics)
    from gateway.service import follower

    return await follower.serve(settings, path, parent, metrics)
