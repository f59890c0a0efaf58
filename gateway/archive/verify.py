"""Proving that the archive still holds what it took: every entry, every octet, every page.

Promises: goes on after a problem, holds one message in memory at a time, keeps transactions short, and changes
nothing. It finds whatever changed in messages and documents, missing entries between the first and the last, and any
bit of a volume that is not as it was written. It cannot know of entries missing at the very end, nor of a
forger who mends digests and checksums as well, nor whether what was disposed of was so lawfully; the ledger and the
records of disposals tell (`records/verification`). A volume that is rewritten meanwhile is checked once more.

Where a volume is encrypted and its key cannot be had, all is checked but documents and messages, and that is told as a
problem of kind `keys`, once for the volume: nothing is known to be damaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from gateway.archive import volume as volumes
from gateway.archive.encryption import Keyring, KeysUnavailable
from gateway.archive.entry import Digests, Kind
from gateway.archive.errors import ArchiveDamaged, ArchiveUnavailable, Disposed
from gateway.archive.layout import SCHEMAS
from gateway.archive.opened import ALL, SELECT, OpenVolume, Row, look
from gateway.archive.rows import digests_of, octets_of, unsealed
from gateway.archive.volume import Volume

_SOME = SELECT.format(ALL, "seq > ? AND seq <= ? ORDER BY seq LIMIT ?")
_EXACT = SELECT.format(ALL, "seq = ?")
_AT_ONCE = 200  # entries in one read transaction
_BOUNDS = (
    "SELECT first_seq, coalesce((SELECT min(seq) FROM entry), first_seq),"
    " coalesce((SELECT max(seq) FROM entry), first_seq - 1) FROM volume"
)
_TOMBSTONES = "SELECT seq, batch FROM disposed WHERE seq > ? AND seq <= ?"
_OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
_TRIES = 5  # a volume is rewritten once in a month, or in a disposal


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was stored."""

    volume: str  # "2026-11"; empty where it is about no volume
    seq: int | None  # None: the volume, or whatever it is, as a whole
    # gap, extra, document, message, disposed, unreadable, pages, layout, keys; others are `records/verification`'s
    kind: str
    text: str


class Examined(NamedTuple):
    """An entry that was looked at."""

    seq: int
    digests: Digests | None  # None where the row could not be read, or has none
    problems: list[Problem]
    document: bytes | None = None  # None, too, where it is damaged or was disposed of
    batch: bytes | None = None  # by which it was disposed of
    closed: bool = False  # document and message could not be looked at for want of the key


class Bounds(NamedTuple):
    """Numbers of a volume's entries. `last` is below `first` where there are none."""

    first: int  # that the volume says it begins with
    lowest: int  # that there is
    last: int


def verify(folder: Path, *, pages: bool = False, keys: Keyring | None = None) -> Iterator[Problem]:
    """Every problem of an archive, in sequence.

    pages: also check every page of each volume, which reads everything once more. keys: of its volumes. Raises OSError
    if the folder cannot be read.
    """
    found = volumes.list_volumes(folder)
    expected: int | None = None
    for at, volume in enumerate(found):
        closed = at < len(found) - 1
        try:
            bounds, problems = look(volume, closed, _all_examined, keys=keys)
        except (apsw.Error, ArchiveUnavailable, ArchiveDamaged, OSError) as error:
            text = error.text if isinstance(error, ArchiveDamaged) else str(error)
            yield Problem(volume.month, None, "unreadable", text)
            expected = None
            continue
        yield from order_problems(volume, bounds, expected)
        yield from problems
        expected = bounds.last + 1
        if pages:
            yield from page_problems(volume, closed=closed)


def _all_examined(opened: OpenVolume) -> tuple[Bounds, list[Problem]]:
    bounds = bounds_of(opened)
    examined = examine(opened, bounds.first - 1, bounds.last)
    problems = [problem for each in examined for problem in each.problems]
    return bounds, [*keys_problems(opened), *problems]


def bounds_of(opened: OpenVolume) -> Bounds:
    """The numbers of a volume's entries. Raises ArchiveDamaged."""
    for row in opened.rows(0, _BOUNDS):
        return Bounds(*row)
    raise ArchiveDamaged(opened.volume.month, 0, "the volume's own row is missing")


def keys_problems(opened: OpenVolume) -> list[Problem]:
    """That a volume's key cannot be had, where it needs one."""
    try:
        _ = opened.cipher
    except KeysUnavailable as error:
        return [Problem(opened.volume.month, None, "keys", str(error))]
    return []


def order_problems(volume: Volume, bounds: Bounds, expected: int | None) -> Iterator[Problem]:
    """Whether a volume goes on where the one before it ended; `expected`: with which number, if that is known."""
    if expected is not None and bounds.first != expected:
        yield Problem(volume.month, expected, "gap", _missing(expected, bounds.first - 1))
    if bounds.lowest < bounds.first:
        text = f"entries below {bounds.first}, with which the volume begins"
        yield Problem(volume.month, bounds.lowest, "extra", text)


def examine(opened: OpenVolume, after: int, to: int) -> Iterator[Examined]:
    """Every entry of a volume after a number, up to another: what identifies it, and what is wrong with it.

    Entries that are missing are told with the next that is there, or with the last number asked for.
    """
    expected = after + 1
    closed = bool(keys_problems(opened))
    tombstones = _tombstones(opened, after, to)
    for seq, row in _rows(opened, after, to):
        problems = []
        if seq > expected:
            problems.append(Problem(opened.volume.month, expected, "gap", _missing(expected, seq - 1)))
        if isinstance(row, ArchiveDamaged):
            yield Examined(seq, None, [*problems, Problem(opened.volume.month, seq, "unreadable", row.text)])
        else:
            yield _examined(opened, seq, row, problems, tombstones.get(seq), closed=closed)
        expected = seq + 1
    if expected <= to:
        yield Examined(to, None, [Problem(opened.volume.month, expected, "gap", _missing(expected, to))])


def page_problems(volume: Volume, *, closed: bool) -> Iterator[Problem]:
    """Whether every page of a volume has its checksum, and SQLite's structures and the layout are whole."""
    for left in reversed(range(_TRIES)):
        found, replaced = _pages(volume, closed)
        if not replaced or not left:
            yield from found
            return


def _pages(volume: Volume, closed: bool) -> tuple[list[Problem], bool]:
    """What is wrong with the pages, and whether it is those of a file that was replaced meanwhile."""
    month = volume.month
    found: list[Problem] = []
    opened = None
    try:
        opened = OpenVolume(volume, closed=closed, checked=True)
    except (apsw.Error, ArchiveUnavailable, ArchiveDamaged, OSError) as error:
        text = f"its first page is not as it was written: {error}"
        found.append(Problem(month, None, "pages", text))
    try:
        # Without its first page, such as in a copy that SQLite made, the others are looked at all the same.
        opened = opened or OpenVolume(volume, closed=closed)
    except (apsw.Error, ArchiveUnavailable, ArchiveDamaged, OSError) as error:
        return [*found, Problem(month, None, "unreadable", str(error))], False
    with closing(opened):
        found += _damaged_pages(opened)
        return found, opened.replaced()


def _damaged_pages(opened: OpenVolume) -> Iterator[Problem]:
    month = opened.volume.month
    try:
        opened.rows(0, "PRAGMA checksum_verification=ON")
        for (text,) in opened.rows(0, "PRAGMA integrity_check"):
            if text != "ok":
                yield Problem(month, None, "pages", str(text))
        yield from _layout(opened)
    except ArchiveDamaged as error:
        yield Problem(month, None, "pages", error.text)
        yield from _on_damaged_pages(opened)


def _on_damaged_pages(opened: OpenVolume) -> Iterator[Problem]:
    """Entries with octets on a page that is not as it was written, which need not be their own."""
    try:
        unchecked = OpenVolume(opened.volume, closed=opened.closed)
        with closing(unchecked):
            bounds = bounds_of(unchecked)
    except (apsw.Error, ArchiveUnavailable, ArchiveDamaged, OSError):
        return
    for seq in range(bounds.lowest, bounds.last + 1):
        try:
            opened.rows(seq, _EXACT, seq)
        except ArchiveDamaged as error:
            yield Problem(opened.volume.month, seq, "pages", error.text)


def _layout(opened: OpenVolume) -> Iterator[Problem]:
    """Whether tables, triggers and description are those that every volume has: triggers go first in a forgery."""
    month = opened.volume.month
    there = {(row[0], row[1]): row for row in opened.rows(0, _OBJECTS)}
    wanted = {(row[0], row[1]): row for row in _objects(opened.format)}
    for kind, name in sorted(there.keys() ^ wanted.keys()):
        text = f"{kind} {name} is " + ("missing" if (kind, name) in wanted else "none of the layout")
        yield Problem(month, None, "layout", text)
    for key in sorted(there.keys() & wanted.keys()):
        if there[key] != wanted[key]:
            yield Problem(month, None, "layout", f"{key[0]} {key[1]} is not as it is in every volume")
    ((described, format),) = opened.rows(0, "SELECT month, format FROM volume")
    if described != month:
        yield Problem(month, None, "layout", f"the volume says that it is of {described}")
    if format != opened.format:
        yield Problem(month, None, "layout", f"the volume says that it is of format {format}")


@cache
def _objects(format: int) -> list[tuple[Any, ...]]:
    with closing(apsw.Connection(":memory:")) as connection:
        connection.execute(SCHEMAS[format])
        return list(connection.execute(_OBJECTS))


def _rows(opened: OpenVolume, after: int, to: int) -> Iterator[tuple[int, Row | ArchiveDamaged]]:
    """Rows in sequence; for one on a page that cannot be read, the error."""
    while after < to:
        before = after
        try:
            for row in opened.each(after + 1, _SOME, after, to, _AT_ONCE):
                yield row[0], row
                after = row[0]
        except ArchiveDamaged:
            for seq, found in _one_by_one(opened, after, to):
                yield seq, found
                after = seq
        if after == before:
            return


def _one_by_one(opened: OpenVolume, after: int, to: int) -> Iterator[tuple[int, Row | ArchiveDamaged]]:
    """What can be read around a damaged page: up to the first entry behind it."""
    damaged = False
    for seq in range(after + 1, to + 1):
        try:
            rows = opened.rows(seq, _EXACT, seq)
        except ArchiveDamaged as error:
            damaged = True
            yield seq, error
            continue
        if rows:
            yield seq, rows[0]
            if damaged:
                return


def _tombstones(opened: OpenVolume, after: int, to: int) -> dict[int, bytes]:
    """The batches by which entries were disposed of; those that can be read."""
    if opened.format == 1:
        return {}
    try:
        return dict(opened.rows(after + 1, _TOMBSTONES, after, to))
    except ArchiveDamaged:
        return {}  # each entry without its own is told


def _examined(
    opened: OpenVolume, seq: int, row: Row, problems: list[Problem], batch: bytes | None, *, closed: bool
) -> Examined:
    *columns, how, stored, encoding, raw = row
    month = opened.volume.month
    try:
        digests: Digests | None = digests_of(opened, seq, tuple(columns))
    except ArchiveDamaged as error:
        digests = None
        problems.append(Problem(month, seq, "document", error.text))
    if digests is not None and digests.commitments is not None:
        if not how is stored is encoding is raw is None:
            problems.append(
                Problem(month, seq, "disposed", "something is left of an entry that was disposed of")
            )
        return Examined(seq, digests, problems, batch=batch)
    if batch is not None:
        problems.append(Problem(month, seq, "disposed", "an entry that was not disposed of has a tombstone"))
    _, kind, id, _, _, size, _, document_sha256, sha256 = columns
    is_event = kind == Kind.EVENT.encode()
    if is_event and (raw is not None or encoding is not None or size):
        problems.append(Problem(month, seq, "message", "an event has a message"))
    if closed:
        return Examined(seq, digests, problems, closed=True)
    document = None
    try:
        document = octets_of(opened, seq, id, kind, how, stored, document_sha256)
    except ArchiveDamaged as error:
        problems.append(Problem(month, seq, "document", error.text))
    if not is_event:
        try:
            unsealed(opened, seq, (id, encoding, size, sha256, raw))
        except Disposed:
            problems.append(Problem(month, seq, "message", "message is missing"))
        except ArchiveDamaged as error:
            problems.append(Problem(month, seq, "message", error.text))
    return Examined(seq, digests, problems, document)


def _missing(first: int, last: int) -> str:
    if first > last:
        return f"numbers up to {last} are used twice"
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
