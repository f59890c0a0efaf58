"""The indexer process: follow the archive until told to stop.

Promises: never competes with the mail flow (lowest priority, two looks a second when there is nothing
to do); nothing that goes wrong ends it: it is logged, counted and tried again, more slowly each time.
Ends on SIGTERM or SIGINT after the batch under way is committed.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from structlog.typing import FilteringBoundLogger

from gateway.indexer.entries import Observer, Silence
from gateway.indexer.follower import Follower


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between looks at the archive, and between tries when something is out of order."""

    busy: float = 0.05  # something came last time: more of it may come together
    idle: float = 0.5
    trouble: float = 10.0  # at most
    share: float = 0.25  # of one processor at most while it catches up: mail comes first


async def run(
    follower: Follower,
    *,
    stop: asyncio.Event | None = None,
    observer: Observer | None = None,
    pace: Pace | None = None,
    niceness: int = 19,
    on_step: Callable[[], None] = lambda: None,
    log: FilteringBoundLogger | None = None,
) -> None:
    """Follow until `stop` is set, or, without one, until SIGTERM or SIGINT.

    `niceness` is added to the process's; 19 is the lowest priority. `on_step` is called after every look
    at the archive that went well (a sign of life). The follower is closed at the end.
    """
    observer, pace, log = observer or Silence(), pace or Pace(), log or structlog.get_logger("indexer")
    os.nice(niceness)  # threads made from here on inherit it
    with ThreadPoolExecutor(1, "indexer") as thread, _signals(stop) as stopped:
        loop = asyncio.get_running_loop()
        delay = pace.busy
        while not stopped.is_set():
            try:
                begun = loop.time()
                done = await loop.run_in_executor(thread, follower.step, stopped.is_set)
                if done.remaining:
                    on_step()
                    await _pause(stopped, (loop.time() - begun) * (1 / pace.share - 1))
                    continue
                if not done.entries:
                    await loop.run_in_executor(thread, follower.judge_again, 20, stopped.is_set)
            except Exception as error:
                observer.failed("step")
                cause = getattr(error, "orig", None) or error  # the driver's own words, without the SQL
                log.error("indexer cannot go on", error=type(error).__name__, reason=str(cause)[:200])
                delay = min(max(delay, pace.idle) * 2, pace.trouble)
            else:
                on_step()
                delay = pace.busy if done.entries else min(delay * 2, pace.idle)
            await _pause(stopped, delay)
        await loop.run_in_executor(thread, follower.close)


async def _pause(stopped: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopped.wait()
    except TimeoutError:
        return


@contextmanager
def _signals(stop: asyncio.Event | None) -> Iterator[asyncio.Event]:
    """The event to wait for: the caller's, or one of our own that the signals set."""
    if stop is not None:
        yield stop
        return
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
