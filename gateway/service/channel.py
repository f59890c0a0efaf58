"""The line between the supervisor and one child: a socket pair.

The child says `ready` on it; either side learns of the other's end by end of file, also after kill -9, so
that no child outlives its supervisor unnoticed.
"""

from __future__ import annotations

import asyncio
import socket

READY = b"ready\n"


async def wait_ready(ours: socket.socket) -> bool:
    """In the supervisor: whether the child said it is ready; False when it ended before."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.sock_recv(ours, len(READY)) == READY
    except OSError:
        return False


class Parent:
    """In the child: the supervisor at the other end; without one (a process that runs alone) it is never gone."""

    def __init__(self, descriptor: int | None) -> None:
        self._socket = socket.socket(fileno=descriptor) if descriptor is not None else None

    def ready(self) -> None:
        """Tell the supervisor that this process serves."""
        if self._socket is not None:
            self._socket.setblocking(False)
            self._socket.send(READY)

    async def gone(self) -> None:
        """Returns when the supervisor has ended."""
        if self._socket is None:
            await asyncio.Event().wait()
            return
        try:
            await asyncio.get_running_loop().sock_recv(self._socket, 1)
        except OSError:
            return
