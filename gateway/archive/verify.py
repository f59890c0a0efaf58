"""Proving that the archive still holds what it took: every entry, every octet, no gap.

Promises: goes on after a problem, holds one message in memory at a time, keeps no transaction open, and changes
nothing. It finds whatever changed in messages and documents, missing entries between the first and the last,
and unreadable volumes. It cannot know of entries missing at the very end, nor of a forger who mends the hashes
as well; the ledger does.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from gateway.archive import volume as volumes
from gateway.archive.entry import Kind
from gateway.archive.errors import ArchiveDamaged, ArchiveUnavailable
from gateway.archive.reader import OpenVolume, document_of, unsealed

_NEXT = (
    "SELECT seq, CAST(kind AS BLOB), CAST(document AS BLOB), document_sha256,"
    " CAST(encoding AS BLOB), size, sha256, raw FROM entry WHERE seq {} ? ORDER BY seq LIMIT 1"
)
_AFTER, _EXACT = _NEXT.format(">"), _NEXT.format("=")
_LAST = "SELECT coalesce(max(seq), 0) FROM entry"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was stored."""

    volume: str  # "2026-11"
    seq: int | None  # None: the volume as a whole
    kind: str  # gap, document, message, unreadable, pages
    text: str


def verify(folder: Path, *, pages: bool = False) -> Iterator[Problem]:
    """Every problem of an archive, in sequence; reads all of it (about as fast as SHA-256 and the disk go).

    pages: also have SQLite check the structure of each volume, which reads everything once more.
    Raises OSError if the folder cannot be read.
    """
    found = volumes.list_volumes(folder)
    expected: int | None = None
    for at, volume in enumerate(found):
        try:
            opened = OpenVolume(volume, closed=at < len(found) - 1)
        except (apsw.Error, ArchiveUnavailable, ArchiveDamaged, OSError) as error:
            yield Problem(volume.month, None, "unreadable", str(error))
            expected = None
            continue
        try:
            if expected is not None and opened.first_seq != expected:
                yield Problem(volume.month, expected, "gap", _missing(expected, opened.first_seq - 1))
            expected = yield from _entries(opened)
            if pages:
                yield from _pages(opened)
        finally:
            opened.connection.close()


def _entries(opened: OpenVolume) -> Generator[Problem, None, int | None]:
    """Problems of one volume's entries; returns the number that the next volume should begin with."""
    month = opened.volume.month
    after = opened.first_seq - 1
    while True:
        try:
            rows = opened.rows(after + 1, _AFTER, after)
        except ArchiveDamaged as error:
            yield Problem(month, after + 1, "unreadable", error.text)
            after = _next_readable(opened, after + 1) - 1
            if after < 0:
                return None
            continue
        if not rows:
            return after + 1
        seq, *columns = rows[0]
        if seq != after + 1:
            yield Problem(month, after + 1, "gap", _missing(after + 1, seq - 1))
        yield from _row(opened, seq, columns)
        after = seq


def _row(opened: OpenVolume, seq: int, columns: list[Any]) -> Iterator[Problem]:
    kind, document, document_sha256, *message = columns
    month = opened.volume.month
    try:
        document_of(opened.volume, seq, document, document_sha256)
    except ArchiveDamaged as error:
        yield Problem(month, seq, "document", error.text)
    if kind == Kind.MESSAGE.encode():
        try:
            unsealed(opened.volume, seq, tuple(message))
        except ArchiveDamaged as error:
            yield Problem(month, seq, "message", error.text)
    elif kind != Kind.EVENT.encode():
        yield Problem(month, seq, "document", f"unknown kind {kind!r}")


def _next_readable(opened: OpenVolume, damaged: int) -> int:
    """The next entry after a damaged one that can be read; 0 if there is none, or no telling."""
    try:
        last = int(opened.rows(damaged, _LAST)[0][0])
    except ArchiveDamaged:
        return 0
    for seq in range(damaged + 1, last + 1):
        try:
            if opened.rows(seq, _EXACT, seq):
                return seq
        except ArchiveDamaged:
            continue
    return 0


def _pages(opened: OpenVolume) -> Iterator[Problem]:
    try:
        for (text,) in opened.rows(0, "PRAGMA integrity_check"):
            if text != "ok":
                yield Problem(opened.volume.month, None, "pages", str(text))
    except ArchiveDamaged as error:
        yield Problem(opened.volume.month, None, "pages", error.text)


def _missing(first: int, last: int) -> str:
    if first > last:
        return f"numbers up to {last} are used twice"
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
