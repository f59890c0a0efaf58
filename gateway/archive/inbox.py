"""What waits to be written: entries of all sessions of a process, in the order in which they came.

A message that comes alone is handed out at once; while several come, each batch waits a little for as many as the
last one had, because what is handed out together becomes one transaction with one fsync. Events go with the next
message, or when they have waited long enough. Thread-safe; nothing here blocks an event loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.archive.entry import Buffer, Kind
from gateway.archive.payload import Payload

# One transaction holds at most so many entries, and so many octets unless one message alone has more: a batch's
# pages are in memory until it is committed, and other processes wait for it.
_ENTRIES = 512
_OCTETS = 8 * 2**20

# Seconds that a batch waits at most for as many messages as the last one had. On 20 connections that halves the
# number of transactions and saves a quarter of the processor time of a message.
_GATHER = 0.004

# An event alone is not worth an fsync at once, but the catalog should know soon.
NOTE_WAIT = 0.020  # seconds

# Events kept while the archive is unavailable; beyond it the oldest are dropped.
_NOTES = 10_000
_NOTE_RETRY = 1.0  # seconds until events try again by themselves


@dataclass(slots=True, eq=False)
class Pending:
    """An entry that waits to be written; `future` gets its seq; events have none."""

    kind: Kind
    id: bytes
    subject: bytes
    received: int
    document: str
    raw: Buffer | None = None
    payload: Payload | None = None  # of a large message, made beforehand
    future: asyncio.Future[int] | None = None
    due: float = 0.0  # monotonic seconds; for an event, when it is written at the latest
    probe: bool = False  # asks whether an entry could be written, and writes none

    @property
    def abandoned(self) -> bool:
        """Whether somebody waited for it and does no longer."""
        return self.future is not None and self.future.cancelled()

    @property
    def octets(self) -> int:
        return len(self.raw) if self.raw is not None else 0


class Inbox:
    """The queue between sessions and committing threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Pending] = deque()
        self._urgent = 0  # entries somebody waits for
        self._expected = 0  # so many of them were in the last batch
        self._closed = False

    def put(self, pending: Pending) -> bool:
        """Queue an entry; False once closed."""
        with self._changed:
            if self._closed:
                return False
            self._waiting.append(pending)
            if pending.future is not None:
                self._urgent += 1
                if self._urgent == 1 or self._urgent >= self._expected:
                    self._changed.notify()
            elif len(self._waiting) == 1:
                self._changed.notify()
        return True

    def take(self) -> list[Pending] | None:
        """The next batch; waits for it. None once closed and empty."""
        with self._changed:
            while not self._urgent and not self._closed:
                if not self._waiting:
                    self._changed.wait()
                    continue
                remaining = self._waiting[0].due - time.monotonic()
                if remaining <= 0:
                    break
                self._changed.wait(remaining)
            self._gather()
            return self._batch() if self._waiting else None

    def put_back(self, notes: Sequence[Pending]) -> int:
        """Queue events again that could not be written, before all others. Returns how many had to be dropped."""
        with self._changed:
            if self._closed:
                return len(notes)
            room = max(0, _NOTES - (len(self._waiting) - self._urgent))
            kept = notes[max(0, len(notes) - room) :]
            due = time.monotonic() + _NOTE_RETRY
            for note in kept:
                note.due = due
            self._waiting.extendleft(reversed(kept))
            return len(notes) - len(kept)

    def close(self) -> None:
        """Take no more; what waits is still handed out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _gather(self) -> None:
        until = time.monotonic() + _GATHER
        while self._urgent < self._expected and not self._closed:
            remaining = until - time.monotonic()
            if remaining <= 0:
                break
            self._changed.wait(remaining)

    def _batch(self) -> list[Pending]:
        batch = [self._waiting.popleft()]
        octets = batch[0].octets
        while self._waiting and len(batch) < _ENTRIES:
            octets += self._waiting[0].octets
            if octets > _OCTETS:
                break
            batch.append(self._waiting.popleft())
        self._expected = sum(1 for pending in batch if pending.future is not None)
        self._urgent -= self._expected
        return batch
