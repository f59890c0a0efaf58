"""Compacting closed months by themselves, once: in a child process of low priority, some hours after a month's end.

`Compactor` takes turns in the office's process; the child is `python -m gateway.service.compacting FOLDER MONTH LEVEL
MIN_FREE` and does one month; where the master key comes from it is told on standard input. Nothing depends on it:
killed at any moment, the old volume or the new one is there, and what was left half done is removed when the service
starts. What goes wrong is logged, and tried again a day later.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from gateway.archive import ArchiveDamaged, ArchiveUnavailable
from gateway.archive.encryption.settings import keyring_of
from gateway.archive.rewriting import LEVEL, NotRewritable, not_compacted, rewrite, sweep_leftovers
from gateway.config import Config, EncryptionSettings

AFTER = timedelta(hours=6)  # a month's end, so that clocks are past it and nobody looks for its last mail
EVERY = 3600.0  # seconds between looks for a closed month
TROUBLE = 86_400.0  # seconds until the next, after something went wrong
NICE = 19


class Compactor:
    """Looks now and then whether a month is to be compacted, and has it done."""

    def __init__(self, config: Config, *, after: timedelta = AFTER, level: int = LEVEL) -> None:
        """after: the end of a month, that it is compacted. level: of zstd."""
        self._folder = config.storage.archive
        self._wanted = config.archive.compact
        self._encryption = config.encryption
        self._min_free = config.storage.min_free
        self._after = after
        self._level = level
        self._log = structlog.get_logger()
        self._again = 0.0  # monotonic seconds
        self._swept = False
        self._stopping = False
        self._child: asyncio.subprocess.Process | None = None

    async def turn(self) -> None:
        """Compact the oldest month that is due; returns when that is done. Raises ArchiveUnavailable and OSError."""
        if self._stopping or time.monotonic() < self._again or not self._folder.is_dir():
            return
        self._again = time.monotonic() + EVERY
        if not self._swept:
            for path in await asyncio.to_thread(sweep_leftovers, self._folder):
                self._log.warning("rewriting_was_broken_off", removed=path.name)
            self._swept = True
        if not self._wanted:
            return
        month = self.due(await asyncio.to_thread(not_compacted, self._folder), datetime.now(UTC))
        if month is not None:
            self._again = time.monotonic() + (0.0 if await self._compacted(month) else TROUBLE)

    def due(self, months: list[str], now: datetime) -> str | None:
        """The first of some months that ended long enough ago."""
        return next((month for month in months if _end(month) + self._after <= now), None)

    def stop(self) -> None:
        """End the child; what it did not finish is done another time."""
        self._stopping = True
        if self._child is not None and self._child.returncode is None:
            with suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGTERM)

    async def _compacted(self, month: str) -> bool:
        """Whether a child compacted it."""
        arguments = [str(self._folder), month, str(self._level), str(self._min_free)]
        self._child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __name__,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, told = await self._child.communicate(self._encryption.model_dump_json().encode())
        except asyncio.CancelledError:
            self.stop()
            raise
        if self._child.returncode == 0:
            self._log.info("month_compacted", month=month)
            return True
        if not self._stopping:
            text = told.decode("utf-8", "replace").strip().rpartition("\n")[2]
            self._log.warning("month_not_compacted", month=month, code=self._child.returncode, error=text)
        return False


def _end(month: str) -> datetime:
    """When a month is over."""
    year, number = map(int, month.split("-"))
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def main(folder: str, month: str, level: str, min_free: str) -> int:
    """The child. Standard input has the settings of encryption as JSON; other users could read arguments."""
    encryption = EncryptionSettings.model_validate_json(sys.stdin.buffer.read())
    os.nice(
        NICE
    )  # the priority of what it reads and writes follows from it, where the disk's scheduler knows any
    try:
        rewrite(
            Path(folder),
            month,
            level=int(level),
            keys=keyring_of(Path(folder), encryption),
            is_held=lambda _seq: True,  # nothing is disposed of here
            min_free=int(min_free),
        )
    except (NotRewritable, ArchiveDamaged, ArchiveUnavailable, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
