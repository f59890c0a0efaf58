"""The door through which one process appends to the archive.

`append` and `record` return when the entry is durable, and `note` at once. Appends of all sessions go into one
queue; a few threads take turns: one takes everything that waits, hashes and compresses it, commits it as one
transaction (commit.py), and while it waits for its fsync, the next one already writes the next batch. The event loop
does nothing but queue and wake. Large messages are compressed by threads of their own, so small ones pass them.

Promises: what `append` returned for is durable and intact; a failure is an `ArchiveUnavailable` for every
message of the batch, and the next batch tries again with fresh connections. No thread ends by an error.

Events given to `note` and not yet committed are lost when the process is killed; the messages are not.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

import structlog

from gateway.archive.checkpoint import LOG_LIMIT, Checkpointer
from gateway.archive.commit import LogHandle, Row, VolumeWriter
from gateway.archive.encryption import Keyring
from gateway.archive.entry import Buffer, Kind, to_microseconds
from gateway.archive.errors import ArchiveUnavailable, Reason, unavailable
from gateway.archive.identity import uuid7
from gateway.archive.inbox import NOTE_WAIT, Inbox, Pending
from gateway.archive.payload import Payload, Sealer
from gateway.archive.randomness import RandomPool
from gateway.archive.volume import require_sound_sqlite

# Batches that may be on their way to the disk at once.
IN_FLIGHT = 6

# A message beyond this is compressed by a thread of its own before it is queued.
_LARGE = 128 * 1024
_LARGE_AT_ONCE = 2

_FREE_SPACE_AGE = 1.0  # seconds for which a look at the free space is believed

_log = structlog.get_logger(__name__)


class Observer(Protocol):
    """Who counts; called from the archive's threads."""

    def committed(self, entries: int, seconds: float) -> None:
        """A batch became durable, so long after it was begun."""

    def failed(self, reason: str) -> None:
        """A batch failed: 'full', 'io' or 'closed'."""


def _now_us() -> int:
    return time.time_ns() // 1000


class Archive:
    """One process's way to append. Thread-safe; `append` belongs to an event loop. Make it after forking."""

    def __init__(
        self,
        folder: Path,
        *,
        compression_level: int,
        min_free: int,
        observer: Observer,
        keys: Keyring | None = None,
        clock: Callable[[], int] = _now_us,
        random: Callable[[int], bytes] | None = None,
        sync: Callable[[int], None] = os.fdatasync,
        log_limit: int = LOG_LIMIT,
        in_flight: int = IN_FLIGHT,
    ) -> None:
        """Does not touch the disk yet; `ready` tells whether it could write.

        compression_level: of zstd, 0 for none. min_free: octets of disk space below which nothing is taken.
        keys: of the volumes; without any, nothing is encrypted.
        clock: microseconds since 1970, UTC. random: so many random octets, by default the system's.
        sync: makes a file durable.
        log_limit: octets of write-ahead log after which it is copied. in_flight: batches on their way at once.
        Raises RuntimeError if SQLite is too old to be safe here.
        """
        require_sound_sqlite()
        self._folder = folder
        self._level = compression_level
        self._min_free = min_free
        self._observer = observer
        self._clock = clock
        self._random = random or RandomPool()
        self._sync = sync
        self._free_until = 0.0
        self._failing = False
        self._inbox = Inbox()
        self._writer = VolumeWriter(folder, clock, keys)
        self._turn = threading.Lock()
        self._checkpointer = Checkpointer(folder, log_limit)
        self._large = ThreadPoolExecutor(_LARGE_AT_ONCE, "archive-large")
        self._sealers = threading.local()
        self._threads = [
            threading.Thread(target=self._commit_batches, name=f"archive-{n}", daemon=True)
            for n in range(in_flight)
        ]
        for thread in self._threads:
            thread.start()
        self._checkpointer.start()

    async def append(self, *, id: UUID | bytes, received: datetime, document: bytes, raw: Buffer) -> int:
        """Archive a message; returns its sequence number once it is durable.

        document: a JSON object in UTF-8. raw: the octets received, not to be changed until this returns;
        after a cancellation never (they may be on their way still, and the message may be archived).
        Raises ArchiveUnavailable; ValueError if the document is not UTF-8 or the id not 16 octets.
        """
        identity = _octets(id)
        if isinstance(raw, memoryview):
            raw = raw.cast("B")
        pending = Pending(
            Kind.MESSAGE, identity, identity, to_microseconds(received), document.decode(), raw=raw
        )
        loop = asyncio.get_running_loop()
        if len(raw) > _LARGE:
            pending.payload = await self._seal_large(loop, raw)
        pending.future = loop.create_future()
        if not self._inbox.put(pending):
            raise _closed()
        return await pending.future

    def note(self, message_id: UUID | bytes, received: datetime, document: bytes) -> None:
        """Archive an event about a message, soon; never waits and never fails for want of an archive.

        Any thread. Raises ValueError as `append` does.
        """
        note = self._event(message_id, received, document)
        note.due = time.monotonic() + NOTE_WAIT
        if not self._inbox.put(note):
            self._count_failure(_closed())

    async def record(self, message_id: UUID | bytes, received: datetime, document: bytes) -> int:
        """Archive an event that something hangs on; returns its sequence number once it is durable.

        Raises as `append` does; the event may be in the archive all the same where a sync failed.
        """
        event = self._event(message_id, received, document)
        event.future = asyncio.get_running_loop().create_future()
        if not self._inbox.put(event):
            raise _closed()
        return await event.future

    def _event(self, message_id: UUID | bytes, received: datetime, document: bytes) -> Pending:
        microseconds = to_microseconds(received)
        identity = uuid7(microseconds, self._random(8)).bytes
        return Pending(Kind.EVENT, identity, _octets(message_id), microseconds, document.decode())

    async def ready(self) -> None:
        """Return if an entry could be committed now. Raises ArchiveUnavailable."""
        pending = Pending(Kind.EVENT, b"", b"", 0, "", probe=True)
        pending.future = asyncio.get_running_loop().create_future()
        if not self._inbox.put(pending):
            raise _closed()
        await pending.future

    def close(self) -> None:
        """Write what waits, then end; later appends fail with 'closed'. Blocks; twice is harmless."""
        self._inbox.close()
        for thread in self._threads:
            thread.join()
        self._large.shutdown()
        self._checkpointer.close()
        self._writer.close(tidy=True)

    async def aclose(self) -> None:
        """`close` without blocking the event loop."""
        await asyncio.to_thread(self.close)

    async def _seal_large(self, loop: asyncio.AbstractEventLoop, raw: Buffer) -> Payload:
        try:
            sealing = loop.run_in_executor(self._large, self._seal, raw)
        except RuntimeError:  # the executor was shut down
            raise _closed() from None
        return await sealing

    # --- the committing threads --------------------------------------------------------------

    def _commit_batches(self) -> None:
        handle = LogHandle(self._sync)
        going = True
        while going:
            try:
                going = self._commit_batch(handle)
            # Such as a log that cannot be written: the next batch must have its turn.
            except Exception as error:
                with contextlib.suppress(Exception):
                    _log.error("archive thread failed", error=repr(error))
        handle.close()

    def _commit_batch(self, handle: LogHandle) -> bool:
        """One turn: write the next batch, let another thread have its turn, make the batch durable."""
        with self._turn:
            batch = self._inbox.take()
            if batch is None:
                return False
            begun = time.monotonic()
            # Those nobody waits for any more are left out, and so are questions whether an entry could be written.
            entries = [one for one in batch if not one.probe and not one.abandoned]
            try:
                first = self._write(entries, handle)
            except BaseException as error:
                self._fail(batch, error)
                self._keep_events(entries)
                return True
        try:
            handle.sync()
        except BaseException as error:
            with contextlib.suppress(OSError):
                self._writer.doubt()
            self._fail(batch, error)
            return True
        _wake([one.future for one in entries], first)
        _wake([one.future for one in batch if one.probe], 0)
        self._count_success(len(entries), time.monotonic() - begun)
        return True

    def _write(self, entries: Sequence[Pending], handle: LogHandle) -> int:
        """Commit entries, not yet durably; returns the number of the first."""
        self._require_space()
        self._seal_all(entries)
        salts = self._random(16 * len(entries))
        rows = [_row(entry, salts[16 * at : 16 * at + 16]) for at, entry in enumerate(entries)]
        first = self._writer.commit(rows, handle)
        assert self._writer.volume is not None
        self._checkpointer.committed(self._writer.volume, self._writer.log_pages)
        return first

    def _fail(self, batch: Sequence[Pending], error: BaseException) -> None:
        """Tell every waiter."""
        failure = unavailable(error)
        self._count_failure(failure)
        _wake([one.future for one in batch], failure)
        if not self._failing:
            self._failing = True
            _log.error("archive unavailable", reason=failure.reason, error=str(failure))

    def _keep_events(self, entries: Sequence[Pending]) -> None:
        """Try events again later, which are in no log yet; but not those whose failure somebody was told."""
        kept = [one for one in entries if one.kind is Kind.EVENT and one.future is None]
        lost = self._inbox.put_back(kept)
        if lost:
            _log.error("events lost", count=lost)

    def _count_success(self, entries: int, seconds: float) -> None:
        if self._failing:
            self._failing = False
            _log.warning("archive available again")
        with contextlib.suppress(Exception):  # who counts must not stop the archive
            self._observer.committed(entries, seconds)

    def _count_failure(self, failure: ArchiveUnavailable) -> None:
        with contextlib.suppress(Exception):  # who counts must not stop the archive
            self._observer.failed(failure.reason.value)

    def _require_space(self) -> None:
        """Raises ArchiveUnavailable or OSError."""
        now = time.monotonic()
        if now < self._free_until:
            return
        disk = os.statvfs(next(path for path in (self._folder, *self._folder.parents) if path.exists()))
        free = disk.f_bavail * disk.f_frsize
        if free < self._min_free:
            raise ArchiveUnavailable(Reason.FULL, f"{free} octets free; {self._min_free} are to be kept")
        self._free_until = now + _FREE_SPACE_AGE

    def _seal_all(self, entries: Sequence[Pending]) -> None:
        """Hash and compress the messages that were not large enough to be so already."""
        small = [(entry, entry.raw) for entry in entries if entry.raw is not None and entry.payload is None]
        payloads = self._sealer().seal_all([raw for _, raw in small])
        for (entry, _), payload in zip(small, payloads, strict=True):
            entry.payload = payload

    def _sealer(self) -> Sealer:
        sealer: Sealer | None = getattr(self._sealers, "sealer", None)
        if sealer is None:
            sealer = self._sealers.sealer = Sealer(self._level)
        return sealer

    def _seal(self, raw: Buffer) -> Payload:
        return self._sealer().seal(raw)


def _row(pending: Pending, salt: bytes) -> Row:
    digest = hashlib.sha256(pending.document.encode()).digest()
    return Row(
        pending.kind,
        pending.id,
        pending.subject,
        pending.received,
        pending.document,
        digest,
        salt,
        pending.payload,
    )


def _octets(identity: UUID | bytes) -> bytes:
    octets = identity.bytes if isinstance(identity, UUID) else identity
    if len(octets) != 16:
        raise ValueError("expected an id of 16 octets")
    return octets


def _closed() -> ArchiveUnavailable:
    return ArchiveUnavailable(Reason.CLOSED, "the archive is closing")


def _wake(futures: Sequence[asyncio.Future[int] | None], outcome: int | ArchiveUnavailable) -> None:
    """Resolve futures, with one call for each event loop; a number counts on from the first of them."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[int, asyncio.Future[int]]]] = {}
    for at, future in enumerate(futures):
        if future is not None:
            loops.setdefault(future.get_loop(), []).append((at, future))
    for loop, waiting in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
            loop.call_soon_threadsafe(_set, waiting, outcome)


def _set(waiting: Sequence[tuple[int, asyncio.Future[int]]], outcome: int | ArchiveUnavailable) -> None:
    for at, future in waiting:
        if future.done():
            continue
        if isinstance(outcome, ArchiveUnavailable):
            # Each waiter gets an exception of its own: a shared one would gather everybody's traceback.
            future.set_exception(ArchiveUnavailable(outcome.reason, str(outcome)))
        else:
            future.set_result(outcome + at)
