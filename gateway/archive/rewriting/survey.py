"""The first reading of a volume that is to be rewritten: what its messages have in common.

It counts bodies that several messages have, on disk, and keeps a sample from which dictionaries are made. What is to be
disposed of is in neither: a dictionary is made of pieces of the messages it has seen.

Fails with `ArchiveDamaged` where an entry is not what was stored, with `apsw.Error` and `OSError`.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Container
from typing import Self

import apsw

from gateway.archive.layout import OF_DOCUMENTS, OF_EVENTS, OF_MESSAGES
from gateway.archive.opened import ALL, SELECT, OpenVolume
from gateway.archive.rewriting.regions import LEAST_SHARED, Region, regions
from gateway.archive.rewriting.taking import cut
from gateway.archive.rewriting.whole import Whole, whole_of

# Enough for the dictionaries that are made of them (training.py), and they are all in memory.
_SAMPLES = 6_000  # of each kind
_SAMPLE = 8_192  # octets of one at most

EACH = SELECT.format(ALL, "seq >= ? ORDER BY seq")


class Survey:
    """What was found. Close it."""

    def __init__(self, entries: int) -> None:
        """entries: in the volume."""
        self.samples: dict[str, list[bytes]] = {OF_MESSAGES: [], OF_DOCUMENTS: [], OF_EVENTS: []}
        self._share = min(1.0, 2 * _SAMPLES / max(entries, 1))  # about every other entry is an event
        self._chance = random.Random(entries)  # noqa: S311 - the same volume gives the same dictionaries
        self._seen = apsw.Connection("")  # a temporary file of SQLite's own
        self._seen.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16000")
        self._seen.execute(
            "CREATE TABLE body (sha256 BLOB PRIMARY KEY, times INTEGER NOT NULL) STRICT, WITHOUT ROWID; BEGIN"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._seen.close()

    def take(self, whole: Whole) -> None:
        """One more entry."""
        wanted = self._chance.random() < self._share
        if whole.raw is not None:
            found = regions(whole.raw)
            for region in found:
                if len(region.data) >= LEAST_SHARED:
                    self._count(region)
            if wanted:
                self._sample(OF_MESSAGES, cut(whole.raw, found, lambda _region: None).frame)
        if wanted:
            self._sample(whole.use, whole.document)

    def is_shared(self, region: Region) -> bool:
        """Whether several messages have it."""
        if len(region.data) < LEAST_SHARED:
            return False
        return bool(self._seen.execute(_TIMES, (_key(region),)).get == 2)

    def _count(self, region: Region) -> None:
        self._seen.execute(_COUNT, (_key(region),))

    def _sample(self, use: str, octets: bytes) -> None:
        if len(self.samples[use]) < _SAMPLES and octets:
            self.samples[use].append(octets[:_SAMPLE])


_COUNT = "INSERT INTO body VALUES (?, 1) ON CONFLICT DO UPDATE SET times = 2"
_TIMES = "SELECT times FROM body WHERE sha256 = ?"


def _key(region: Region) -> bytes:
    return hashlib.sha256(region.data).digest()


def survey(opened: OpenVolume, entries: int, spared: Container[int], advance: Callable[[], None]) -> Survey:
    """Read a volume. spared: numbers of entries that shall leave no trace."""
    found = Survey(entries)
    try:
        for row in opened.each(opened.first_seq, EACH, opened.first_seq):
            if row[0] not in spared:
                whole = whole_of(opened, row)
                if whole.batch is None:
                    found.take(whole)
            advance()
    except BaseException:
        found.__exit__()
        raise
    return found
