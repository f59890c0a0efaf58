"""Archives in temporary folders, with a clock and a disk that the tests control."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from gateway.archive import Archive, Reader, uuid7

NOVEMBER = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: datetime = NOVEMBER

    def __call__(self) -> int:
        return int(self.now.timestamp() * 1_000_000)


@dataclass
class Disk:
    """An fdatasync that fails as often as it is told to."""

    failures: int = 0
    error: int = 0
    syncs: int = 0

    def __call__(self, fd: int) -> None:
        self.syncs += 1
        if self.failures:
            self.failures -= 1
            raise OSError(self.error, os.strerror(self.error))
        os.fdatasync(fd)


@dataclass
class Counts:
    """An observer that remembers."""

    batches: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def committed(self, entries: int, seconds: float) -> None:
        assert seconds >= 0
        self.batches.append(entries)

    def failed(self, reason: str) -> None:
        self.failures.append(reason)


@dataclass
class Bench:
    """Everything a test of the archive needs."""

    folder: Path
    clock: Clock
    disk: Disk
    counts: Counts
    stack: ExitStack

    def archive(self, **settings: Any) -> Archive:
        """One more process's archive of the folder, closed when the test ends."""
        defaults: dict[str, Any] = {
            "compression_level": 1,
            "min_free": 0,
            "observer": self.counts,
            "clock": self.clock,
            "sync": self.disk,
        }
        archive = Archive(self.folder, **(defaults | settings))
        self.stack.callback(archive.close)
        return archive

    def reader(self, folder: Path | None = None) -> Reader:
        return self.stack.enter_context(closing(Reader(folder or self.folder)))

    def id(self) -> UUID:
        return uuid7(self.clock(), os.urandom(8))

    async def append(self, archive: Archive, raw: bytes, **document: Any) -> int:
        return await archive.append(
            id=self.id(), received=self.clock.now, document=orjson.dumps(document), raw=raw
        )

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path / "archive", Clock(), Disk(), Counts(), stack)


@pytest.fixture
def script() -> Callable[[str], list[str]]:
    """The command line of a Python program that lies beside the tests."""

    def command(name: str) -> list[str]:
        return [sys.executable, "-W", "error", str(Path(__file__).with_name(name))]

    return command
