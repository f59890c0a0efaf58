"""A small SMTP client on one blocking socket, for what `smtp-source` cannot measure: delay and memory.

It speaks in lock step, one command and one reply (no pipelining), which is the hardest on a relay: every
round trip of its own counts. The same client measures every candidate.

Fails with `BenchError` on a reply that was not expected or a lost connection.
"""

from __future__ import annotations

import contextlib
import socket
import time
from types import TracebackType

from bench.mail import Mail
from bench.processes import LOOPBACK, BenchError


class RefusalError(BenchError):
    """A reply that was not the positive one; `code` is its three digits."""

    def __init__(self, command: str, reply: str) -> None:
        super().__init__(f"reply to {command}: {reply}")
        self.code = int(reply[:3]) if reply[:3].isdigit() else 0


class Client:
    """A session with a server on loopback, EHLO said."""

    def __init__(self, port: int, timeout: float = 60.0) -> None:
        try:
            self._socket = socket.create_connection((LOOPBACK, port), timeout=timeout)
        except OSError as error:
            raise BenchError(f"port {port}: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pending = b""
        self._reply("the connection", "2")
        offer = self._command("EHLO client.outside.example", "2")
        self._size_offered = any(line[4:].upper().startswith("SIZE") for line in offer.split("\n"))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError, BenchError):
            self._command("QUIT", "2")
        self._socket.close()

    def send(self, mail: Mail) -> None:
        """One transaction; RefusalError where the server refuses."""
        size = f" SIZE={len(mail.content)}" if self._size_offered else ""
        self._command(f"MAIL FROM:<{mail.letter.sender}>{size}", "2")
        self._command(f"RCPT TO:<{mail.letter.recipient}>", "2")
        self._command("DATA", "3")
        self._write(mail.content + b".\r\n")
        self._reply("the message", "2")

    def reset(self) -> None:
        self._command("RSET", "2")

    def noop(self) -> None:
        self._command("NOOP", "2")

    def _command(self, command: str, expected: str) -> str:
        self._write(command.encode("ascii") + b"\r\n")
        return self._reply(command.split(":")[0], expected)

    def _write(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise BenchError(f"connection lost while sending: {error}") from error

    def _reply(self, command: str, expected: str) -> str:
        """The whole reply, lines joined by LF (RFC 5321 §4.2.1)."""
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            while b"\n" not in self._pending:
                try:
                    received = self._socket.recv(65536)
                except OSError as error:
                    raise BenchError(f"no reply to {command}: {error}") from error
                if not received:
                    raise BenchError(f"connection closed instead of a reply to {command}")
                self._pending += received
            line, self._pending = self._pending.split(b"\n", 1)
            lines.append(line.decode("utf-8", "replace").rstrip("\r"))
        if not lines[-1].startswith(expected):
            raise RefusalError(command, " / ".join(lines))
        return "\n".join(lines)


def send_until_taken(port: int, mail: Mail, deadline: float) -> int:
    """Send one message, and again while the server says "later" (4xx); the number of such refusals.

    `deadline` is on the monotonic clock. BenchError when the deadline passes or the server refuses for good.
    """
    refusals = 0
    while True:
        try:
            with Client(port, timeout=max(1.0, deadline - time.monotonic())) as client:
                client.send(mail)
            return refusals
        except RefusalError as refused:
            if refused.code // 100 != 4 or time.monotonic() > deadline:
                raise
        refusals += 1
        time.sleep(0.2)
