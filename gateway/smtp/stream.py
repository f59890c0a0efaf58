"""One TCP connection, of a client or to a next hop: bytes in, bytes out, with deadlines.

An `asyncio.Protocol`, not asyncio's streams: what is read lands in one buffer that the owner takes whole.
A connection that ends never cancels whoever uses it; the user meets `ConnectionLost` at the next read, so a
client that hangs up cannot interrupt an archive-and-relay that is under way. A half-closed client still
gets its replies. All connections of a worker share one timer (`Streams`). Small writes leave together when every task
that is ready has had its turn: each may wake the process at the other end, and on a busy machine that costs more than
all the rest of it.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol, cast

HIGH_WATER = 1 << 20  # octets unread at which reading pauses
WRITE_NOW = 1 << 16  # octets of one write that are not held back


class ConnectionLost(Exception):
    """The peer is gone, or will send no more."""


class TimedOut(Exception):
    """The peer let a deadline pass."""


class LineTooLong(Exception):
    """A line exceeded the limit; it has been skipped."""


class Waiting(Protocol):
    """What has a deadline."""

    def expire(self, now: float) -> None:
        """End the wait if its deadline is not after `now` (loop time)."""


class Streams:
    """All connections of a worker and their deadlines.

    One timer serves all waits: a wait ends up to `interval` seconds after its deadline.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, interval: float = 0.25) -> None:
        self.loop = loop
        self._interval = interval
        self._watched: set[Waiting] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, waiting: Waiting) -> None:
        """Call its `expire` now and then, until `forget`."""
        self._watched.add(waiting)
        if self._timer is None:
            self._timer = self.loop.call_later(self._interval, self._sweep)

    def forget(self, waiting: Waiting) -> None:
        self._watched.discard(waiting)

    def _sweep(self) -> None:
        self._timer = self.loop.call_later(self._interval, self._sweep) if self._watched else None
        now = self.loop.time()
        for waiting in list(self._watched):
            waiting.expire(now)


class Deadline:
    """Ends what the current task does in its block, with TimeoutError, `seconds` from now.

    `asyncio.timeout` without a timer of its own, of which each costs as much as reading a message's header.
    """

    __slots__ = ("_cancelling", "_expired", "_streams", "_task", "_until")

    def __init__(self, streams: Streams, seconds: float) -> None:
        self._streams = streams
        self._until = streams.loop.time() + seconds
        self._expired = False

    def __enter__(self) -> None:
        task = asyncio.current_task(self._streams.loop)
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._streams.watch(self)

    def expire(self, now: float) -> None:
        if now >= self._until and not self._expired:
            self._expired = True
            self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self._streams.forget(self)
        # As asyncio has it: only our own cancellation, and no other beside it, is a timeout.
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error


class Stream(asyncio.Protocol):
    """A connection with a read buffer, at most one reader waiting, and write backpressure."""

    def __init__(self, streams: Streams) -> None:
        self.buffer = bytearray()
        self.lost = False  # nothing can be sent any more
        self.eof = False  # nothing will come any more
        self.transport: asyncio.Transport
        self._streams = streams
        self._loop = streams.loop
        self._unsent = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._paused_reading = False
        self._paused_writing = False
        self._skipping = False

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by class, only by interface
        self._streams.watch(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) > HIGH_WATER and not self._paused_reading:
            self._paused_reading = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self.eof = True
        self._wake()
        # Keep the sending side open; TLS has no half-closed state.
        return self.transport.get_extra_info("ssl_object") is None

    def connection_lost(self, error: Exception | None) -> None:
        self.eof = self.lost = True
        self._streams.forget(self)
        self._wake()

    def pause_writing(self) -> None:
        self._paused_writing = True

    def resume_writing(self) -> None:
        self._paused_writing = False
        self._wake()

    # --- reading ---

    def after(self, seconds: float) -> float:
        """The moment so many seconds from now, for `more`."""
        return self._loop.time() + seconds

    async def more(self, until: float) -> None:
        """Wait for more octets than the buffer holds. Raises ConnectionLost, or TimedOut at `until`."""
        if self._paused_reading:
            self._paused_reading = False
            self.transport.resume_reading()
        size = len(self.buffer)
        self._deadline = until
        while len(self.buffer) == size:
            if self.eof:
                raise ConnectionLost
            await self._wait()

    def take(self) -> bytearray:
        """All octets that are there."""
        taken, self.buffer = self.buffer, bytearray()
        return taken

    async def line(self, timeout: float, limit: int) -> bytes:
        """The next line without its line end, whole within `timeout` s.

        Raises LineTooLong, ConnectionLost, TimedOut.
        """
        until = self.after(timeout)
        while True:
            end = self.buffer.find(b"\n")
            if end >= 0:
                line = bytes(self.buffer[:end]).removesuffix(b"\r")
                del self.buffer[: end + 1]
                if self._skipping or end > limit:
                    self._skipping = False
                    raise LineTooLong
                return line
            if len(self.buffer) > limit:
                self._skipping = True
                self.buffer.clear()
            await self.more(until)

    # --- writing ---

    @property
    def congested(self) -> bool:
        """Whether the peer takes too little of what is written: wait until it is `drained`."""
        return self._paused_writing or len(self._unsent) > WRITE_NOW

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send octets, few of them soon, many at once; nothing happens on a lost connection."""
        if len(data) > WRITE_NOW:
            self.send()
            if not self.lost:
                self.transport.write(data)
            return
        if not self._unsent:
            self._loop.call_soon(self.send)  # after the tasks that are ready now
        self._unsent += data

    def send(self) -> None:
        """Send what was written, now."""
        if self._unsent:
            unsent, self._unsent = self._unsent, bytearray()
            if not self.lost and not self.transport.is_closing():
                self.transport.write(unsent)

    async def drained(self, timeout: float) -> None:
        """Wait until the peer has taken enough of what was written. Raises ConnectionLost, TimedOut."""
        self.send()
        self._deadline = self.after(timeout)
        while self._paused_writing and not self.lost:
            await self._wait()
        if self.lost:
            raise ConnectionLost

    def close(self) -> None:
        """Send what is written, then close."""
        self.send()
        if not self.lost:
            self.transport.close()

    def abort(self) -> None:
        """Close at once; what is not sent yet is never sent."""
        self._unsent.clear()
        if not self.lost:
            self.transport.abort()

    # --- TLS ---

    async def start_tls(
        self, context: ssl.SSLContext, *, server_hostname: str | None, timeout: float
    ) -> None:
        """Go on under TLS (RFC 3207), as server where `server_hostname` is None.

        What was received in plain text is dropped. Raises OSError or ssl.SSLError when the handshake
        fails, ConnectionLost when the peer goes.
        """
        self.send()
        self.buffer.clear()
        transport = await self._loop.start_tls(
            self.transport,
            self,
            context,
            server_side=server_hostname is None,
            server_hostname=server_hostname,
            ssl_handshake_timeout=timeout,
        )
        if transport is None or self.lost:
            raise ConnectionLost
        self.transport = transport

    # --- waiting ---

    def expire(self, now: float) -> None:
        """Called by Streams: end a wait whose time is over."""
        if self._waiter is not None and now >= self._deadline and not self._waiter.done():
            self._waiter.set_exception(TimedOut())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _wait(self) -> asyncio.Future[None]:
        """Done when something happens on the connection, or at the deadline; for one waiter at a time."""
        self._waiter = self._loop.create_future()
        return self._waiter
