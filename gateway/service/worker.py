"""An SMTP worker: listeners, sessions, judge and archive of one process.

It serves until SIGTERM or the end of its supervisor, then drains: no new connections, running
transactions end, and what is past its final dot is always finished.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from pathlib import Path

import structlog

from gateway.config import Config, ConfigError
from gateway.policy.rules.table import RULES
from gateway.service.appending import open_archive
from gateway.service.channel import Parent
from gateway.service.judge import Judge
from gateway.service.process import Signals
from gateway.service.sockets import Bound
from gateway.smtp import delivery
from gateway.smtp.auth import Users
from gateway.smtp.authentication.authenticate import Authenticator
from gateway.smtp.context import Context
from gateway.smtp.delivery import Appender, Delivery
from gateway.smtp.limits import Connections, InFlight
from gateway.smtp.nexthop import NextHops
from gateway.smtp.server import Server
from gateway.smtp.stream import Streams
from gateway.smtp.tls import ServerTls
from gateway.telemetry.logs import address_writer
from gateway.telemetry.metrics import Metrics


async def serve(
    config: Config, path: Path | None, sockets: list[Bound], parent: Parent, metrics: Metrics
) -> int:
    """Serve SMTP on bound sockets until told to stop; the exit code. `path` is read again at SIGHUP."""
    log = structlog.get_logger()
    metrics.declare(
        listeners=[listener.name for listener in config.listener],
        routes=[route.name for route in config.route],
        rules=[rule.id for rule in RULES],
    )
    judge = Judge(config, metrics)
    await asyncio.to_thread(judge.start)
    archive = open_archive(config, metrics)
    context = build_context(config, metrics, archive, judge)
    context.next_hops.ask_all()
    server = Server(context)
    listeners = {listener.name: listener for listener in config.listener}
    for name, bound in sockets:
        await server.listen(listeners[name], bound)

    async def reload() -> None:
        await judge.reload(path)
        for part in (context.tls.reload, context.reload_users):
            try:
                part()
            except ConfigError as error:
                log.error("reload_refused", problems=str(error).splitlines())

    signals = Signals(reload)
    tasks = [asyncio.create_task(metrics.keep_flushed()), asyncio.create_task(judge.follow())]
    parent.ready()
    log.info("serving", listeners=sorted(listeners))
    await signals.wait(parent)
    log.info("draining")
    await server.close(config.timeouts.drain)
    await asyncio.to_thread(archive.close)
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    log.info("stopped")
    return 0


def build_context(
    config: Config, metrics: Metrics, archive: Appender, judge: delivery.Judge, *, sweep: float = 0.25
) -> Context:
    """The parts of a worker, wired. `sweep`: seconds between looks at deadlines. Raises ConfigError."""
    streams = Streams(asyncio.get_running_loop(), sweep)
    names = [listener.name for listener in config.listener]
    authenticator = (
        None if config.authentication.check == "never" else Authenticator(config.authentication, config.dns)
    )
    return Context(
        config=config,
        metrics=metrics,
        streams=streams,
        next_hops=NextHops(config, streams, metrics, random.Random()),  # noqa: S311 -- load spreading only
        delivery=Delivery(config, archive, judge, metrics, streams, authenticator=authenticator),
        tls=ServerTls(config),
        users=Users.of(config),
        logged_address=address_writer(config.telemetry.hash_addresses, config.storage.log_key),
        connections=Connections(config.limits),
        in_flight=InFlight(config.limits, metrics),
        sign_ins=asyncio.Semaphore(2),
        command_seconds=metrics.phase_seconds.labels("command"),
        received_bytes={name: metrics.received_bytes.labels(name) for name in names},
        message_size={name: metrics.message_size_bytes.labels(name) for name in names},
    )
