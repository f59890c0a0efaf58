"""Files of mail read in several threads, a bounded number of octets ahead of whoever takes the messages.

Reading, unpacking and hashing let other threads run. Each thread reads one file at a time, so the order in which
messages come out is that of their files only as long as there is one thread.

Promises: every item of every file is handed out once. An error that no file accounts for is raised by `take`.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.importing.claimed import Claimed, claimed
from gateway.importing.found import Found, Unread
from gateway.importing.sources import File, read

_AHEAD = 64 * 2**20  # octets read and not yet taken; one message may be more
_AHEAD_ITEMS = 4_096
_BATCH = 256
_BATCH_OCTETS = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Message:
    """A message with what is needed to archive it."""

    found: Found
    sha256: bytes
    claimed: Claimed


Item = Message | Unread


class Feed:
    """Reads files and hands out what is in them, batch by batch."""

    def __init__(self, files: Iterator[File | Unread], threads: int) -> None:
        self._files = files
        self._next_file = threading.Lock()
        self._changed = threading.Condition()
        self._items: deque[Item] = deque()
        self._octets = 0
        self._reading = threads
        self._closed = False
        self._error: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._work, name=f"import-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def take(self) -> list[Item] | None:
        """What was read next; waits for it. None at the end. Raises what a thread failed with."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._error or not self._reading)
            if self._error is not None:
                raise self._error
            batch, octets = list[Item](), 0
            while self._items and len(batch) < _BATCH and octets < _BATCH_OCTETS:
                batch.append(self._items.popleft())
                octets += _size(batch[-1])
            self._octets -= octets
            self._changed.notify_all()
            return batch or None

    def close(self) -> None:
        """Stop reading; what was read and not taken is given up."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        try:
            while (file := self._file()) is not None:
                for item in [file] if isinstance(file, Unread) else _messages(file):
                    if not self._put(item):
                        return
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._reading -= 1
                self._changed.notify_all()

    def _file(self) -> File | Unread | None:
        with self._next_file:
            return next(self._files, None)

    def _put(self, item: Item) -> bool:
        """Hand an item over as soon as there is room; whether anybody wants it."""
        size = _size(item)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room(size))
            self._items.append(item)
            self._octets += size
            self._changed.notify_all()
            return not self._closed

    def _has_room(self, size: int) -> bool:
        return not self._items or (self._octets + size <= _AHEAD and len(self._items) < _AHEAD_ITEMS)


def _messages(file: File) -> Iterator[Item]:
    for found in read(file):
        if isinstance(found, Unread):
            yield found
        else:
            yield Message(found, hashlib.sha256(found.octets).digest(), claimed(found.octets))


def _size(item: Item) -> int:
    return len(item.found.octets) if isinstance(item, Message) else 0
