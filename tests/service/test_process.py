"""What every process does alike: signals."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from gateway.service.process import Signals


class Reloading:
    """A reload that lasts until the test lets it end."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.gate = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self) -> None:
        self.begun += 1
        await self.gate.wait()
        self.ended += 1
        if self.failure is not None:
            raise self.failure


@pytest.fixture
async def reloading() -> AsyncIterator[Reloading]:
    yield Reloading()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().remove_signal_handler(number)


def send(*numbers: signal.Signals) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


async def reached(reloading: Reloading, *, begun: int) -> None:
    async with asyncio.timeout(5):
        while reloading.begun < begun:
            await asyncio.sleep(0)


async def settled(signals: Signals) -> None:
    """Every signal sent before has been met: they come in order, and this one comes last."""
    send(signal.SIGTERM)
    await asyncio.wait_for(signals.stop.wait(), 5)


@pytest.mark.parametrize("more", [1, 3])
async def test_a_reload_asked_for_during_a_reload_comes_after_it(more: int, reloading: Reloading) -> None:
    """What changed after the first one had read it must not be missed; several such wishes are one."""
    signals = Signals(reloading)
    send(signal.SIGHUP)
    await reached(reloading, begun=1)
    send(*[signal.SIGHUP] * more)
    await settled(signals)
    assert (reloading.begun, reloading.ended) == (1, 0)  # never two at once
    reloading.gate.set()
    await reached(reloading, begun=2)
    for _ in range(20):
        await asyncio.sleep(0)
    assert (reloading.begun, reloading.ended) == (2, 2)


async def test_a_reload_that_fails_is_not_the_last(reloading: Reloading) -> None:
    signals = Signals(reloading)
    reloading.failure = RuntimeError("unforeseen")
    reloading.gate.set()
    with capture_logs() as logs:
        for count in (1, 2):
            send(signal.SIGHUP)
            await reached(reloading, begun=count)
        await settled(signals)
    assert [entry["event"] for entry in logs] == ["reload_failed"] * 2
