"""What every process of the service does alike: logs, loop, signals, and an end in good order."""

from __future__ import annotations

import asyncio
import ctypes
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

import structlog
import uvloop

from gateway.service.channel import Parent

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h


class Signals:
    """SIGTERM and SIGINT set `stop`; SIGHUP runs `on_reload`; the supervisor's end is a SIGTERM too."""

    def __init__(self, on_reload: Callable[[], Awaitable[None]]) -> None:
        self.stop = asyncio.Event()
        self._on_reload = on_reload
        self._reloading: asyncio.Task[None] | None = None
        self._again = False
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _reload(self) -> None:
        self._again = True
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.get_running_loop().create_task(self._reload_safely())

    async def _reload_safely(self) -> None:
        while self._again:  # a signal that came during a reload counts too
            self._again = False
            await self._reload_once()

    async def _reload_once(self) -> None:
        try:
            await self._on_reload()
        except Exception:
            structlog.get_logger().exception("reload_failed")

    async def wait(self, parent: Parent) -> None:
        """Until the process is to stop."""
        gone = asyncio.create_task(parent.gone())
        stopped = asyncio.create_task(self.stop.wait())
        await asyncio.wait((gone, stopped), return_when=asyncio.FIRST_COMPLETED)
        for task in (gone, stopped):
            task.cancel()


def return_memory() -> None:
    """Have glibc give large blocks back to the system when they are freed; elsewhere nothing happens.

    By default it raises its own threshold with the first freed message, keeps later ones in a heap for each thread, and
    a worker that once held 250 MB keeps them (measured: 474 MB after a burst of 20 MB messages, 79 MB with this).
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 1024 * 1024)  # blocks of one read, 256 KiB, are used again at once
        mallopt(_M_ARENA_MAX, 2)


def huge_pages(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process whose glibc asks the kernel for huge pages where it takes large blocks.

    A message of 10 MB is then 5 page faults in place of 2,500. Nothing happens where the kernel gives none.
    """
    tunable = "glibc.malloc.hugetlb=1"
    present = environment.get("GLIBC_TUNABLES")
    return {**environment, "GLIBC_TUNABLES": f"{present}:{tunable}" if present else tunable}


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a process's main coroutine on uvloop to its exit code."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
