"""The supervisor: starts the processes of the service, keeps them running, and tells how they are.

Promises: a child that ends is started again, at once the first time and then with a growing pause; all
children end when the supervisor does, however it ends; one data folder is served once. It touches no mail.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import structlog

from gateway.config import Config, ConfigError
from gateway.service.channel import Parent, wait_ready
from gateway.service.notify import notify
from gateway.service.process import Signals, huge_pages
from gateway.service.sockets import bind, describe
from gateway.smtp.tls import certificate_expiry
from gateway.telemetry.exposition import Exposition, Health
from gateway.telemetry.metrics import Aggregate, Metrics
from gateway.telemetry.store import forget_process

MAX_PAUSE = 10.0  # seconds before a child that keeps ending is started again
STEADY = 30.0  # seconds of life after which a child counts as well again


@dataclass(slots=True)
class Child:
    """One process and how to start it."""

    name: str  # "smtp-0"
    role: str  # "smtp", "indexer", "search", "office"
    arguments: list[str]
    descriptors: tuple[int, ...] = ()
    process: asyncio.subprocess.Process | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    failures: int = 0


class Supervisor:
    """Runs `mailgw serve`."""

    def __init__(self, config: Config, path: Path) -> None:
        self._config = config
        self._path = path
        self._log = structlog.get_logger()
        self._run = config.storage.run
        self._settings = self._run / "settings.json"  # what is served, whatever the file says by now
        self._lock: IO[str] | None = None
        self._children: list[Child] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    async def serve(self) -> int:
        """Start everything, keep it running until SIGTERM, stop it; the exit code. Raises ConfigError."""
        self._prepare()
        shares = bind(self._config.listener, self._config.processes.workers)
        folder = self._run / "metrics"
        metrics = Metrics.shared(folder, "supervisor")
        exposition = self._expose(metrics, Aggregate(folder, metrics))
        self._write_addresses(shares[0], exposition)
        for index, share in enumerate(shares):
            arguments = ["smtp", "--name", f"smtp-{index}", "--sockets", describe(share)]
            self._children.append(
                Child(f"smtp-{index}", "smtp", arguments, tuple(sock.fileno() for _, sock in share))
            )
        for name in ("indexer", "search", "office"):
            self._children.append(Child(name, name, [name, "--name", name]))
        signals = Signals(self._reload)
        self._tasks = [asyncio.create_task(self._keep(child, metrics)) for child in self._children]
        announce = asyncio.create_task(self._announce())
        told = asyncio.create_task(signals.wait(Parent(None)))
        # A keeper never returns by itself: when one does, a child cannot be started at all.
        await asyncio.wait((told, *self._tasks), return_when=asyncio.FIRST_COMPLETED)
        code = 0 if told.done() else 1
        for task in self._tasks:
            if task.done():
                self._log.error("supervisor_failed", exc_info=task.exception())
        announce.cancel()
        notify("STOPPING=1")
        for share in shares:
            for _, sock in share:
                sock.close()
        await self._stop()
        exposition.close()
        metrics.close()
        return code

    # --- set-up ---

    def _prepare(self) -> None:
        try:
            for folder in (self._config.storage.archive, self._config.storage.catalog, self._run):
                folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._lock = (self._run / "serve.lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(self._run / "metrics", ignore_errors=True)
            self._settings.write_text(self._config.model_dump_json(indent=1))
        except BlockingIOError:
            raise ConfigError(
                f"storage.path {self._config.storage.path}: another `mailgw serve` uses it; "
                "expected a folder of its own"
            ) from None
        except OSError as error:
            raise ConfigError(
                f"storage.path {self._config.storage.path}: expected a folder this user can write: {error}"
            ) from error

    def _expose(self, metrics: Metrics, aggregate: Aggregate) -> Exposition:
        metrics.disk_free_bytes.set_function(lambda: float(self._disk_free()))
        if self._config.tls is not None:
            certificate = self._config.tls.certificate
            metrics.certificate_expiry_timestamp_seconds.set_function(
                lambda: certificate_expiry(certificate).timestamp()
            )
        address = self._config.telemetry.bind
        live: dict[str, Callable[[], str | None]] = {"processes": self._check_processes}
        ready: dict[str, Callable[[], str | None]] = {
            "listeners": self._check_listeners,
            "archive": self._check_archive,
        }
        try:
            published = self._config.storage.ledger_public
            return Exposition(address.host, address.port, aggregate, Health(live, ready), published)
        except OSError as error:
            raise ConfigError(f"telemetry.bind: cannot bind {address}: {error.strerror or error}") from error

    def _write_addresses(self, share: list[tuple[str, socket.socket]], exposition: Exposition) -> None:
        """The addresses in use, for people and tests: with port 0 nobody knows them otherwise."""
        listeners = [{"listener": name, "address": list(sock.getsockname()[:2])} for name, sock in share]
        text = json.dumps({"listeners": listeners, "telemetry": list(exposition.address)}, indent=1)
        partial = self._run / "addresses.json.new"
        partial.write_text(text + "\n")
        partial.replace(self._run / "addresses.json")

    # --- children ---

    async def _keep(self, child: Child, metrics: Metrics) -> None:
        """Start a child, and again whenever it ends, until the service stops."""
        alive = metrics.processes.labels(child.role)
        alive.inc(0)
        while not self._stopping.is_set():
            started = time.monotonic()
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            child.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gateway",
                "serve",
                *child.arguments,
                "--config",
                str(self._path),
                "--settings",
                str(self._settings),
                "--channel",
                str(theirs.fileno()),
                env=huge_pages(os.environ),
                pass_fds=(*child.descriptors, theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                process_group=0,  # Ctrl-C in a terminal reaches the supervisor only, which drains; not a session
                # of its own: Linux shares the processor between sessions first, whatever their niceness
            )
            theirs.close()
            if self._stopping.is_set():  # it came up while the others were told
                self._signal(child, signal.SIGTERM)
            alive.inc()
            if await wait_ready(ours):
                child.ready.set()
            code = await child.process.wait()
            child.ready.clear()
            ours.close()
            alive.dec()
            forget_process(self._run / "metrics", child.name)
            if self._stopping.is_set():
                return
            child.failures = 0 if time.monotonic() - started > STEADY else child.failures + 1
            pause = min(MAX_PAUSE, 0.0 if child.failures <= 1 else 0.1 * 2**child.failures)
            self._log.error("process_ended", name=child.name, code=code, pause=pause)
            metrics.process_restarts.labels(child.role).inc()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _announce(self) -> None:
        for child in self._children:
            await child.ready.wait()
        notify("READY=1")
        self._log.info("ready", workers=self._config.processes.workers)

    async def _stop(self) -> None:
        """SIGTERM to all, and wait: each child bounds its own end."""
        self._stopping.set()
        for child in self._children:
            self._signal(child, signal.SIGTERM)
        limit = self._config.timeouts.drain + self._config.timeouts.commit + 15
        _, late = await asyncio.wait(self._tasks, timeout=limit)
        if late:
            for child in self._children:
                self._signal(child, signal.SIGKILL)
            await asyncio.wait(late)

    async def _reload(self) -> None:
        notify("RELOADING=1")
        for child in self._children:
            if child.ready.is_set():
                self._signal(child, signal.SIGHUP)
        notify("READY=1")

    def _signal(self, child: Child, number: signal.Signals) -> None:
        if child.process is not None and child.process.returncode is None:
            with suppress(ProcessLookupError):
                child.process.send_signal(number)

    # --- health (called in the exposition's threads: they only read) ---

    def _check_processes(self) -> str | None:
        down = [child.name for child in self._children if child.failures > 3]
        return f"{', '.join(down)} keeps ending; see the log" if down else None

    def _check_listeners(self) -> str | None:
        waiting = [
            child.name for child in self._children if child.role == "smtp" and not child.ready.is_set()
        ]
        return f"not ready: {', '.join(waiting)}" if waiting or not self._children else None

    def _check_archive(self) -> str | None:
        if not os.access(self._config.storage.archive, os.W_OK):
            return "the archive cannot be written"
        if self._disk_free() < self._config.storage.min_free:
            return "less disk space is free than storage.min_free"
        return None

    def _disk_free(self) -> int:
        return shutil.disk_usage(self._config.storage.archive).free
