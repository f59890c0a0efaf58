"""Several processes append to one folder, and are killed at any moment."""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.archive import verify

if TYPE_CHECKING:
    from conftest import Bench

PROCESSES = 4
ROUNDS = 6


class Appender:
    """A process that appends; its acknowledgements are collected as they come."""

    def __init__(self, command: list[str], folder: Path, count: int) -> None:
        self.acknowledged: dict[int, tuple[str, str]] = {}
        self.reached = threading.Event()
        self.kill_after = 0
        self._process = subprocess.Popen(
            [*command, str(folder), str(count), "5"], stdout=subprocess.PIPE, text=True
        )
        self._thread = threading.Thread(target=self._collect)

    def start(self, kill_after: int) -> None:
        """kill_after: number of acknowledgements after which the process is killed; 0: never."""
        self.kill_after = kill_after
        self._thread.start()

    def finish(self) -> int:
        self._thread.join(120)
        return self._process.wait(120)

    def _collect(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if not line.endswith("\n"):
                    break  # killed while it printed
                seq, id, sha256 = line.split()
                self.acknowledged[int(seq)] = (id, sha256)
                if len(self.acknowledged) == self.kill_after:
                    self._process.kill()


def require_intact(bench: Bench, acknowledged: dict[int, tuple[str, str]]) -> int:
    """Everything acknowledged is there, and nothing is damaged or missing; returns the last number."""
    assert list(verify(bench.folder, pages=True)) == []
    reader = bench.reader()
    for seq, (id, sha256) in acknowledged.items():
        entry = reader.entry(seq)
        assert entry is not None
        assert (entry.id, entry.sha256) == (id, sha256)
    return reader.last_seq()


def test_several_processes_share_one_sequence(bench: Bench, script: Callable[[str], list[str]]) -> None:
    appenders = [Appender(script("appender.py"), bench.folder, 100) for _ in range(PROCESSES)]
    for appender in appenders:
        appender.start(0)
    assert [appender.finish() for appender in appenders] == [0] * PROCESSES
    acknowledged = {seq: item for appender in appenders for seq, item in appender.acknowledged.items()}
    assert len(acknowledged) == PROCESSES * 100
    volume = bench.folder / f"{datetime.now(UTC):%Y-%m}.sqlite"
    assert bench.files() == [volume.name, "append.lock", "checkpoint.lock"]
    # Each message has one event.
    assert require_intact(bench, acknowledged) == 2 * PROCESSES * 100


def test_what_was_acknowledged_survives_kills(bench: Bench, script: Callable[[str], list[str]]) -> None:
    moments = random.Random(2026)
    acknowledged: dict[int, tuple[str, str]] = {}
    for _ in range(ROUNDS):
        appenders = [Appender(script("appender.py"), bench.folder, 0) for _ in range(PROCESSES)]
        for appender in appenders:
            appender.start(moments.choice((1, 2, 5, 20, 60, 150)))
        for appender in appenders:
            assert appender.finish() == -9
            assert not acknowledged.keys() & appender.acknowledged.keys()
            acknowledged |= appender.acknowledged
        assert require_intact(bench, acknowledged) >= len(acknowledged)
