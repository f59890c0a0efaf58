"""The process: goes on whatever happens, ends when told."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.indexer import process
from gateway.indexer.follower import Follower
from gateway.indexer.process import Pace, Turn, run, scheduled

Dump = Callable[[Path], dict[str, list[tuple[Any, ...]]]]
QUICK = Pace(busy=0.001, idle=0.002, trouble=0.004)


async def test_it_follows_until_told_to_stop(
    follower: Follower, archive: Any, dump: Dump, tmp_path: Path
) -> None:
    archive.message()
    stop, looks = asyncio.Event(), 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks in (2, 4):
            archive.event(archive.message())
        if looks == 8:
            stop.set()

    await run(follower, stop=stop, pace=QUICK, niceness=0, on_step=look)
    assert looks == 8
    assert len(dump(tmp_path / "catalog")["messages"]) == 3
    assert len(dump(tmp_path / "catalog")["events"]) == 2


async def test_trouble_is_told_and_tried_again(
    follower: Follower,
    archive: Any,
    watcher: Any,
    logged: list[Any],
    dump: Dump,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive.message()
    archive.trouble = OSError("not mounted")
    stop = asyncio.Event()

    def mend(where: str) -> None:
        watcher.failures.append(where)
        if len(watcher.failures) == 3:
            archive.trouble = None

    monkeypatch.setattr(watcher, "failed", mend)
    await run(follower, stop=stop, observer=watcher, pace=QUICK, niceness=0, on_step=stop.set)
    assert watcher.failures == ["step"] * 3
    told = [line for line in logged if line["event"] == "indexer cannot go on"]
    assert [(line["error"], line["reason"]) for line in told] == [("OSError", "not mounted")] * 3
    assert len(dump(tmp_path / "catalog")["messages"]) == 1


async def test_a_priority_that_may_not_be_lowered_stops_nothing(
    follower: Follower,
    archive: Any,
    logged: list[Any],
    dump: Dump,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As under a filter of system calls that refuses it."""

    def refuse(_: int) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "nice", refuse)
    archive.message()
    stop = asyncio.Event()
    await run(follower, stop=stop, pace=QUICK, on_step=stop.set)
    assert "indexer priority not lowered" in [line["event"] for line in logged]
    assert len(dump(tmp_path / "catalog")["messages"]) == 1


async def test_judging_waits_until_there_is_nothing_else(
    archive: Any, dump: Dump, tmp_path: Path, logged: list[Any]
) -> None:
    archive.message(verdict=None)
    stop = asyncio.Event()

    def judge(_envelopes: Any, _raw: bytes, _thread: frozenset[str] = frozenset()) -> Any:
        stop.set()
        return archive.verdict(archive.finding())

    follower = Follower(archive, tmp_path / "catalog", judge=judge)
    await run(follower, stop=stop, pace=QUICK, niceness=0)
    assert [row[0] for row in dump(tmp_path / "catalog")["findings"]] == ["f1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(archive: Any, dump: Dump, tmp_path: Path, number: int) -> None:
    archive.event(archive.message())
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    child = context.Process(target=_serve, args=(archive, tmp_path, ready))
    child.start()
    assert ready.wait(60)
    assert child.pid is not None
    assert os.getpriority(os.PRIO_PROCESS, child.pid) == 19
    os.kill(child.pid, number)
    child.join(60)
    assert child.exitcode == 0
    assert len(dump(tmp_path)["events"]) == 1


def _serve(archive: Any, folder: Path, ready: Any) -> None:
    asyncio.run(run(Follower(archive, folder), on_step=ready.set))


async def test_it_looks_seldom_when_there_is_nothing(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two looks a second when idle: the pauses double until then."""
    stop, pauses = asyncio.Event(), list[float]()

    async def pause(_: asyncio.Event, seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            stop.set()

    monkeypatch.setattr(process, "_pause", pause)
    await run(follower, stop=stop, pace=Pace(busy=0.01, idle=0.04), niceness=0)
    assert pauses == [0.02, 0.04, 0.04, 0.04]


@pytest.mark.parametrize(
    ("ran", "waited", "rest"),
    [
        (0.2, 0.0, 0.0),  # nobody else wants a processor: it catches up as fast as it can
        (0.2, 0.05, 0.0),
        (0.02, 0.5, 0.18),  # a tenth of one otherwise
        (0.2, 0.5, 0.3),  # but never long: mail is to be found soon
        (0.0, 0.9, 0.0),
    ],
)
def test_it_rests_where_others_want_the_processor(ran: float, waited: float, rest: float) -> None:
    assert Pace().rest(Turn(ran, waited)) == pytest.approx(rest)


def test_the_kernel_counts_what_a_thread_ran() -> None:
    before = scheduled()
    while scheduled()[0] == before[0]:  # counted at each turn of the scheduler
        time.sleep(0)
    after = scheduled()
    assert after[0] > before[0]
    assert after[1] >= before[1]
