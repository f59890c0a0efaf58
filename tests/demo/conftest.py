"""What the tests of the demo share: one district, one day of mail, and a place to receive it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import date
from itertools import count
from pathlib import Path

import pytest

from gateway.demo.district import District
from gateway.demo.founding import found
from gateway.demo.letter import Message
from gateway.demo.mail import day
from gateway.demo.maildir import Maildir
from gateway.demo.servers import Post, serve

SEED = 7


@pytest.fixture(scope="session")
def seed() -> int:
    return SEED


@pytest.fixture(scope="session")
def district() -> District:
    return found(SEED, date(2026, 11, 22))


@pytest.fixture(scope="session")
def mail(district: District) -> tuple[Message, ...]:
    return day(district, SEED, 400)


class _Loop:
    """An event loop in a thread, so that blocking clients can talk to servers in the same test."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self._servers: list[asyncio.Server] = []

    def serve(self, post: object) -> int:
        """Start a server with aiosmtpd hooks of the test's; its port."""
        server = asyncio.run_coroutine_threadsafe(serve(post, "mail.test", 0), self.loop).result(10)  # type: ignore[arg-type]
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
            await server.wait_closed()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@pytest.fixture
def serving() -> Iterator[Callable[[object], int]]:
    """Starts a server with aiosmtpd hooks of the test's; its port."""
    loop = _Loop()
    yield loop.serve
    loop.close()


@pytest.fixture
def keeping(
    serving: Callable[[object], int], tmp_path: Path
) -> Callable[[Callable[[str], bool]], tuple[int, Path]]:
    """Starts a server that keeps a Maildir and knows some recipients: its port and Maildir."""
    numbers = count(1)

    def start(known: Callable[[str], bool] = lambda address: True) -> tuple[int, Path]:
        path = tmp_path / f"maildir {next(numbers)}"
        clock = count(1_700_000_000)
        return serving(Post(Maildir(path), known, lambda: float(next(clock)))), path

    return start
