"""The load: Postfix's `smtp-source` as generator and `smtp-sink` as next hop.

Promises: `Load.send` returns only when every message was accepted (smtp-source stops at the first reply that
is not positive); `Sink.messages` is what the next hop accepted, by its own count.

Fails with `BenchError`.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.mail import Mail
from bench.processes import LOOPBACK, BenchError, Child, free_port, greets

# smtp-sink answers in the order of its event loop; 2,000 is above any number of connections used here.
SINK_CONNECTIONS = 2000


class Sink:
    """A next hop that takes every message and throws it away.

    It offers neither XCLIENT nor XFORWARD (-C, -F), as most do not: no candidate spends a round trip on them.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._counters = folder / f"sink-{self.port}.log"
        drop_root = ["-u", "nobody"] if os.geteuid() == 0 else []
        self._child = Child(
            "smtp-sink",
            [
                "smtp-sink",
                *drop_root,
                "-C",
                "-F",
                "-c",
                "-m",
                str(SINK_CONNECTIONS),
                f"{LOOPBACK}:{self.port}",
                "1000",
            ],
            self._counters,
        )
        self._child.wait_ready(lambda: greets(self.port), 10)

    def messages(self) -> int:
        """Messages accepted so far: the last running counter (`… mesg=N`) that smtp-sink wrote."""
        with self._counters.open("rb") as log:
            log.seek(max(0, self._counters.stat().st_size - 400))
            found = re.findall(rb"mesg=(\d+)", log.read())
        return int(found[-1]) if found else 0

    def stop(self) -> None:
        self._child.stop(seconds=5)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a load is spread: `connections` at once, and whether a connection carries more than one message."""

    connections: int
    reused: bool


@dataclass(frozen=True, slots=True)
class Sent:
    messages: int
    seconds: float
    octets: int

    @property
    def per_second(self) -> float:
        return self.messages / self.seconds

    @property
    def megabytes_per_second(self) -> float:
        return self.octets / self.seconds / 1_000_000


class Load:
    """Messages of several letters, from one `smtp-source` for each, all at once.

    smtp-source sends one file over and over. Several of them with different senders, recipients and contents
    share the connections, so that rules see more than one case.
    """

    def __init__(self, mails: Sequence[Mail], folder: Path, name: str) -> None:
        self.octets_each = len(mails[0].content)
        self._mails = [
            (mail, mail.write_for_source(folder / f"{name}-{index}.eml")) for index, mail in enumerate(mails)
        ]

    def send(self, port: int, messages: int, shape: Shape, seconds: float) -> Sent:
        """Send `messages`, each letter its share of them and of the connections; BenchError after `seconds`."""
        parts = [
            (mail, path, _part(messages, mail), _part(shape.connections, mail)) for mail, path in self._mails
        ]
        started = time.perf_counter()
        sources = [
            subprocess.Popen(
                _argv(port, mail, path, min(connections, count), count, shape.reused),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for mail, path, count, connections in parts
        ]
        try:
            problems = [_finish(source, started + seconds) for source in sources]
            elapsed = time.perf_counter() - started
        finally:
            for source in sources:
                if source.poll() is None:
                    source.kill()
                    source.wait()
        if failed := [problem for problem in problems if problem]:
            raise BenchError(f"smtp-source: {failed[0]}")
        sent = sum(count for _, _, count, _ in parts)
        return Sent(sent, elapsed, sum(count * len(mail.content) for mail, _, count, _ in parts))


def _part(whole: int, mail: Mail) -> int:
    """A letter's share of messages or connections, at least one."""
    return max(1, round(whole * mail.letter.share))


def _argv(port: int, mail: Mail, path: Path, connections: int, messages: int, reused: bool) -> list[str]:
    return [
        "smtp-source",
        *(["-d"] if reused else []),
        *("-s", str(connections), "-m", str(messages), "-C", "5"),
        *("-M", "client.outside.example", "-f", mail.letter.sender, "-t", mail.letter.recipient),
        *("-F", str(path), f"{LOOPBACK}:{port}"),
    ]


def _finish(source: subprocess.Popen[bytes], deadline: float) -> str | None:
    """Wait for a generator; what went wrong, or None."""
    try:
        _, errors = source.communicate(timeout=max(0.1, deadline - time.perf_counter()))
    except subprocess.TimeoutExpired:
        return "not done in time"
    return (
        errors.decode("utf-8", "replace").strip()[-300:] or f"exit code {source.returncode}"
        if source.returncode
        else None
    )
