"""The indexer process: follow the archive until told to stop.

Promises: gives way to the mail flow (lowest priority; a tenth of a processor while others want it, but for at most
a third of a second at once; two looks a second when there is nothing to do); nothing that goes wrong ends it: it is
logged, counted and tried again, more slowly each time.
Ends on SIGTERM or SIGINT after the batch under way is committed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from structlog.typing import FilteringBoundLogger

from gateway.indexer.batch import Done
from gateway.indexer.entries import Observer, Silence
from gateway.indexer.follower import Follower


@dataclass(frozen=True, slots=True)
class Turn:
    """What a step had of the processors."""

    ran: float  # seconds
    waited: float  # part of the time it could have run in which others did, 0 to 1


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between looks at the archive, and between tries when something is out of order."""

    busy: float = 0.05  # something came last time: more of it may come together
    idle: float = 0.5
    trouble: float = 10.0  # at most
    share: float = 0.1  # of one processor while it catches up and others want it: mail comes first
    contended: float = 0.1  # the part of its own time spent waiting for a processor from which on they do
    longest: float = (
        0.3  # to rest: one busy moment after a long step must not leave mail unfound for many seconds
    )

    def rest(self, turn: Turn) -> float:
        """Seconds to rest after a step while there is more to do."""
        if turn.waited <= self.contended:
            return 0.0
        return min(turn.ran * (1 / self.share - 1), self.longest)


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
    try:
        os.nice(niceness)  # threads made from here on inherit it
    except OSError as error:  # a filter of system calls: rather at any priority than not at all
        log.warning("indexer priority not lowered", reason=error.strerror)
    with ThreadPoolExecutor(1, "indexer") as thread, _signals(stop) as stopped:
        loop = asyncio.get_running_loop()
        delay = pace.busy
        while not stopped.is_set():
            try:
                done, turn = await loop.run_in_executor(thread, _step, follower, stopped)
                if done.remaining:
                    on_step()
                    await _pause(stopped, pace.rest(turn))
                    continue
                if not done.entries:
                    await loop.run_in_executor(thread, follower.judge_again, 20, stopped.is_set)
                    await loop.run_in_executor(thread, follower.judge_wholes, 20, stopped.is_set)
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


def _step(follower: Follower, stopped: asyncio.Event) -> tuple[Done, Turn]:
    before = scheduled()
    done = follower.step(stopped.is_set)
    after = scheduled()
    ran, waited = after[0] - before[0], after[1] - before[1]
    return done, Turn(ran / 1e9, waited / (ran + waited) if ran + waited else 0.0)


def scheduled() -> tuple[int, int]:
    """Nanoseconds that this thread ran, and that it waited for a processor (Linux, sched-stats).

    Where the kernel does not count, it is said to wait as long as it runs.
    """
    try:
        ran, waited, _ = Path("/proc/thread-self/schedstat").read_text().split()
        return int(ran), int(waited)
    except (OSError, ValueError):
        return time.thread_time_ns(), time.thread_time_ns()


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
