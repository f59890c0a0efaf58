"""What is written to a connection, and when it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.smtp.stream import WRITE_NOW, Deadline, Stream, Streams


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with theirs:
        yield ours, theirs


@contextlib.asynccontextmanager
async def connected(ours: socket.socket) -> AsyncIterator[Stream]:
    loop = asyncio.get_running_loop()
    streams = Streams(loop)
    _, stream = await loop.create_unix_connection(lambda: Stream(streams), sock=ours)
    try:
        yield stream
    finally:
        stream.abort()


def arrived(theirs: socket.socket) -> bytes:
    """What has come by now; empty where the connection is still open and nothing has."""
    try:
        return theirs.recv(1 << 20)
    except BlockingIOError:
        return b""


async def a_turn() -> None:
    """Every task that is ready now has run after it, and so has what they called for."""
    for _ in range(2):
        await asyncio.sleep(0)


async def test_small_writes_leave_together(ends: tuple[socket.socket, socket.socket]) -> None:
    async with connected(ends[0]) as stream:
        stream.write(b"250 one\r\n")
        stream.write(b"250 two\r\n")
        assert arrived(ends[1]) == b""
        await a_turn()
        assert arrived(ends[1]) == b"250 one\r\n250 two\r\n"
        stream.write(b"250 three\r\n")
        await a_turn()
        assert arrived(ends[1]) == b"250 three\r\n"


async def test_a_large_write_leaves_at_once_behind_what_came_before(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ends[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * WRITE_NOW)
    async with connected(ends[0]) as stream:
        stream.write(b"first")
        stream.write(b"x" * (WRITE_NOW + 1))
        assert arrived(ends[1]).startswith(b"firstxxx")


async def test_closing_sends_what_is_written(ends: tuple[socket.socket, socket.socket]) -> None:
    async with connected(ends[0]) as stream:
        stream.write(b"221 bye\r\n")
        stream.close()
        assert arrived(ends[1]) == b"221 bye\r\n"


async def test_aborting_does_not(ends: tuple[socket.socket, socket.socket]) -> None:
    """A final dot that was on its way is never sent by a transaction that was given up."""
    async with connected(ends[0]) as stream:
        stream.write(b".\r\n")
        stream.abort()
        await a_turn()
        with contextlib.suppress(ConnectionResetError):
            assert arrived(ends[1]) == b""
        assert stream.lost


async def test_a_peer_that_takes_nothing_is_noticed(ends: tuple[socket.socket, socket.socket]) -> None:
    async with connected(ends[0]) as stream:
        assert not stream.congested
        while not stream.congested:
            stream.write(b"x" * WRITE_NOW)
            await a_turn()
        waiting = asyncio.create_task(stream.drained(60))
        while not waiting.done():
            arrived(ends[1])
            await asyncio.sleep(0)
        assert not stream.congested


# --- deadlines -----------------------------------------------------------------------------------


@pytest.fixture
async def sweeping() -> Streams:
    """Looks at deadlines all the time."""
    return Streams(asyncio.get_running_loop(), 0.001)


async def test_a_deadline_ends_what_takes_longer(sweeping: Streams) -> None:
    with pytest.raises(TimeoutError), Deadline(sweeping, 0.002):
        await asyncio.Event().wait()
    await asyncio.sleep(0.01)  # nothing is left of it


async def test_a_deadline_touches_nothing_that_ends_in_time(sweeping: Streams) -> None:
    with Deadline(sweeping, 600):
        await asyncio.sleep(0.005)
    with pytest.raises(KeyError), Deadline(sweeping, 600):
        raise KeyError


async def test_somebody_elses_cancellation_is_no_timeout(sweeping: Streams) -> None:
    begun = asyncio.Event()

    async def wait() -> None:
        with Deadline(sweeping, 600):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_beside_the_deadline_stays_one(sweeping: Streams) -> None:
    """As with asyncio.timeout: who is told to end does so, even where the deadline passes in the same moment."""

    async def wait() -> None:
        with Deadline(sweeping, 0.002):
            try:
                await asyncio.Event().wait()
            finally:
                current = asyncio.current_task()
                assert current is not None
                current.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(wait())
