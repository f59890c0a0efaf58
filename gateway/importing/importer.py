"""Archives what the archive does not have yet, and says what became of each message.

What makes an import one that can be broken off is that the archive itself says what it has: a message is looked up by
the SHA-256 of its octets, in every entry up to now, before it is appended. So the same command goes on where the last
one ended, however that was, and no state is kept beside the archive.

Promises: each append is durable before it is told; octets that the archive has are never archived again (one import
at a time: who calls holds a lock); who else had them is noted once, as an event. No rule judges an imported message.

Fails with ArchiveUnavailable; what was told by then stays.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from gateway.archive.archive import Archive
from gateway.archive.entry import Entry
from gateway.archive.errors import ArchiveDamaged
from gateway.archive.identity import uuid7
from gateway.archive.randomness import RandomPool
from gateway.archive.reader import Reader
from gateway.importing.found import Status, Unread
from gateway.importing.known import UNWRITTEN, Known
from gateway.importing.reading import Feed, Item, Message
from gateway.importing.record import Given, also_found, document, is_told
from gateway.message import events


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message, or of a file that could not be read."""

    place: str
    status: Status
    id: str = ""  # of the record, this one's or that of the same octets
    sha256: str = ""
    reason: str = ""


Tell = Callable[[Outcome], None]
_Append = Callable[[], Coroutine[Any, Any, int]]


@dataclass(frozen=True, slots=True)
class _Step:
    """What is to be told of one message, and what is to be appended first."""

    outcome: Outcome
    append: _Append | None = None


class Importer:
    """One import. `archive`: None for a dry run, which appends nothing."""

    def __init__(self, archive: Archive | None, reader: Reader, known: Known, given: Given) -> None:
        self._archive = archive
        self._reader = reader
        self._known = known
        self._given = given
        self._random = RandomPool()
        self._settled: set[int] = set()  # records of which the archive knows that this custodian had them
        self.counts: Counter[Status] = Counter()

    async def run(self, feed: Feed, tell: Tell) -> None:
        """Take in everything that `feed` reads."""
        while (batch := await asyncio.to_thread(feed.take)) is not None:
            steps = await asyncio.to_thread(self._plan, batch)
            await self._do(steps, tell)

    async def _do(self, steps: Sequence[_Step], tell: Tell) -> None:
        """Append what is to be appended, all at once, and tell what is done. Raises the first failure."""
        waiting = [step.append() if step.append else _nothing() for step in steps]
        done = await asyncio.gather(*waiting, return_exceptions=True)
        for step, result in zip(steps, done, strict=True):
            if not isinstance(result, BaseException):
                self.counts[step.outcome.status] += 1
                tell(step.outcome)
        for result in done:
            if isinstance(result, BaseException):
                raise result

    # --- in a thread ---

    def _plan(self, batch: Sequence[Item]) -> list[_Step]:
        self._known.catch_up()
        fresh: dict[bytes, str] = {}  # ids of what this batch archives
        return [self._step(item, fresh) for item in batch]

    def _step(self, item: Item, fresh: dict[bytes, str]) -> _Step:
        if isinstance(item, Unread):
            return _Step(Outcome(item.place, item.status, reason=item.reason))
        if item.sha256 in fresh:
            return self._again(item, fresh[item.sha256])
        seq = self._known.seq(item.sha256)
        if seq is None:
            return self._new(item, fresh)
        if seq == UNWRITTEN:
            return self._again(item, "")
        try:
            earlier = self._reader.entry(seq)
        except ArchiveDamaged:
            earlier = None
        # Of a record that cannot be read any more, these octets are a copy: they are archived.
        return self._new(item, fresh) if earlier is None else self._known_before(item, earlier)

    def _new(self, item: Message, fresh: dict[bytes, str]) -> _Step:
        now = datetime.now(UTC)
        id = uuid7(int(now.timestamp() * 1_000_000), self._random(8))
        place, digest = item.found.place, item.sha256.hex()
        if self._archive is None:
            self._known.add_unwritten(item.sha256)
            return _Step(Outcome(place, Status.ARCHIVED, "", digest))
        fresh[item.sha256] = str(id)
        archive, body = self._archive, document(self._given, place, item.claimed, id, now)
        return _Step(
            Outcome(place, Status.ARCHIVED, str(id), digest),
            lambda: archive.append(id=id, received=now, document=body, raw=item.found.octets),
        )

    def _again(self, item: Message, id: str, append: _Append | None = None) -> _Step:
        place, digest = item.found.place, item.sha256.hex()
        reason = "the record now tells that it was found here, too" if append else ""
        return _Step(Outcome(place, Status.DUPLICATE, id, digest, reason), append)

    def _known_before(self, item: Message, earlier: Entry) -> _Step:
        """A message that the archive has: what is new is at most whose it was."""
        if self._archive is None or earlier.seq in self._settled or self._tells(earlier):
            return self._again(item, earlier.id)
        self._settled.add(earlier.seq)
        archive, now, body = self._archive, datetime.now(UTC), also_found(self._given, item.found.place)
        return self._again(item, earlier.id, lambda: archive.record(UUID(earlier.id), now, body))

    def _tells(self, earlier: Entry) -> bool:
        """Whether the archive says of a record that it came from this source and custodian."""
        if is_told(earlier.document.get("import"), self._given):
            return True
        try:
            noted = self._reader.events(earlier.id)
        except ArchiveDamaged:
            return False
        return any(
            event.document.get("event") == events.ALSO_FOUND and is_told(event.document, self._given)
            for event in noted
        )


async def _nothing() -> int:
    return 0
