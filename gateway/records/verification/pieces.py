"""The archive in pieces, each of which a process of its own can check.

A piece is some entries of one volume, or all pages of one. What is found of a piece goes back as a few lists, so that
processes need to exchange little: problems, and 32 octets a leaf. Nothing is ever written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import apsw
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from gateway.archive import volume as volumes
from gateway.archive.entry import Kind
from gateway.archive.errors import ArchiveDamaged, ArchiveUnavailable
from gateway.archive.reader import OpenVolume
from gateway.archive.verify import Problem, bounds_of, examine, order_problems, page_problems
from gateway.archive.volume import Volume
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.catalog.schema import messages
from gateway.ledger.leaf import leaf_of

ENTRIES = 5_000  # of a piece
NO_LEAF = bytes(32)  # of an entry that cannot be read or is missing


@dataclass(frozen=True, slots=True)
class Piece:
    """Entries `first` to `last` of a volume; all its pages where `pages` says so."""

    volume: Volume
    closed: bool
    first: int
    last: int
    pages: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of a piece. `leaves`: the hash of each entry's leaf, NO_LEAF where there is none."""

    piece: Piece
    problems: list[Problem]
    leaves: list[bytes]
    octets: int  # of messages, as they were received


def plan(folder: Path) -> tuple[list[Piece], list[Problem]]:
    """The pieces of an archive in their order, and what is wrong with the order of its volumes.

    Raises OSError if the folder cannot be read.
    """
    pieces: list[Piece] = []
    problems: list[Problem] = []
    found = volumes.list_volumes(folder)
    expected: int | None = 1
    for at, volume in enumerate(found):
        closed = at < len(found) - 1
        try:
            opened = OpenVolume(volume, closed=closed)
            with closing(opened.connection):
                bounds = bounds_of(opened)
        except (apsw.Error, ArchiveUnavailable, ArchiveDamaged, OSError) as error:
            problems.append(Problem(volume.month, None, "unreadable", str(error)))
            expected = None
            continue
        problems += order_problems(volume, bounds, expected)
        expected = max(bounds.last + 1, expected or 0)
        pieces += [
            Piece(volume, closed, first, min(first + ENTRIES - 1, bounds.last))
            for first in range(bounds.first, bounds.last + 1, ENTRIES)
        ]
        pieces.append(Piece(volume, closed, bounds.first, bounds.last, pages=True))
    return pieces, problems


def check(piece: Piece, catalog: Path | None, known: int) -> Checked:
    """Check a piece. catalog: its folder, if it is to be compared; known: up to which entry it knows the archive."""
    if piece.pages:
        return Checked(piece, list(page_problems(piece.volume, closed=piece.closed)), [], 0)
    problems: list[Problem] = []
    leaves: list[bytes] = []
    stored: dict[int, bytes] = {}
    octets = 0
    try:
        opened = OpenVolume(piece.volume, closed=piece.closed)
    except (apsw.Error, ArchiveUnavailable, OSError) as error:
        leaves = [NO_LEAF] * (piece.last - piece.first + 1)
        return Checked(piece, [Problem(piece.volume.month, None, "unreadable", str(error))], leaves, 0)
    with closing(opened.connection):
        for seq, digests, found in examine(opened, piece.first - 1, piece.last):
            if found:
                problems += found
                leaves += [NO_LEAF] * (seq - piece.first - len(leaves))
            if digests is None:
                leaves.append(NO_LEAF)
                continue
            leaves.append(leaf_of(*digests).hash())
            octets += digests.size
            if catalog is not None and digests.kind is Kind.MESSAGE:
                stored[seq] = digests.id
    if catalog is not None:
        problems += _catalog_problems(piece, catalog, stored, known)
    return Checked(piece, problems, leaves, octets)


def _catalog_problems(piece: Piece, folder: Path, stored: dict[int, bytes], known: int) -> Iterator[Problem]:
    """Whether the catalog has the messages that the archive has, as far as it follows it, and no other."""
    last = min(piece.last, known)
    query = select(messages.c.seq, messages.c.id).where(messages.c.seq.between(piece.first, last))
    try:
        with closing(Catalog(folder)) as catalog, catalog.connect() as connection:
            there = {row.seq: row.id for row in connection.execute(query)}
    except (CatalogUnavailableError, DBAPIError) as error:
        yield Problem("", None, "catalog", f"{folder}: {getattr(error, 'orig', None) or error}")
        return
    for seq in sorted(there.keys() | {each for each in stored if each <= last}):
        if there.get(seq) != (str(UUID(bytes=stored[seq])) if seq in stored else None):
            text = "missing in the catalog" if seq not in there else "not the message that the catalog has"
            yield Problem(piece.volume.month, seq, "catalog", f"{text}; `mailgw reindex` makes it anew")
