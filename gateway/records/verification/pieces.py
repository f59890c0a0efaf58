"""The archive in pieces, each of which a process of its own can check.

A piece is some entries of one volume, or all pages of one. What is found of a piece goes back as a few lists, so that
processes need to exchange little: problems, and 32 octets a leaf. Nothing is ever written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import UUID

import apsw
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from gateway.archive import volume as volumes
from gateway.archive.configured import keys_here
from gateway.archive.encryption import Keyring
from gateway.archive.entry import Kind
from gateway.archive.errors import ArchiveDamaged, ArchiveUnavailable
from gateway.archive.opened import OpenVolume, look
from gateway.archive.verify import Problem, bounds_of, examine, keys_problems, order_problems, page_problems
from gateway.archive.volume import Volume
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.catalog.schema import messages
from gateway.config import EncryptionSettings
from gateway.ledger.leaf import leaf_of
from gateway.records.spans import spans_of
from gateway.records.verification.disposals import Record, record_of

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
    tombstones: dict[str, list[list[int]]] = field(default_factory=dict)  # spans of entries, by batch
    records: list[Record] = field(default_factory=list)  # of disposals
    unopened: int = 0  # entries of which only what is in the clear was checked, for want of the key


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
            bounds = look(volume, closed, bounds_of)
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


def check_elsewhere(
    piece: Piece, catalog: Path | None, known: int, encryption: EncryptionSettings
) -> Checked:
    """Check a piece in a process of its own, which asks for the keys once, not for each piece."""
    return check(piece, catalog, known, keys_here(piece.volume.path.parent, encryption))


def check(piece: Piece, catalog: Path | None, known: int, keys: Keyring | None = None) -> Checked:
    """Check a piece. catalog: its folder, if it is to be compared; known: up to which entry it knows the archive.

    keys: of the volumes; without any, of what is encrypted is checked only what can be, and that is a problem `keys`.
    """
    if piece.pages:
        return Checked(piece, list(page_problems(piece.volume, closed=piece.closed)), [], 0)
    try:
        checked, stored = look(piece.volume, piece.closed, partial(_examined, piece), keys=keys)
    except (apsw.Error, ArchiveUnavailable, ArchiveDamaged, OSError) as error:
        leaves = [NO_LEAF] * (piece.last - piece.first + 1)
        return Checked(piece, [Problem(piece.volume.month, None, "unreadable", str(error))], leaves, 0)
    if catalog is not None:
        checked.problems.extend(_catalog_problems(checked, catalog, stored, known))
    return checked


def _examined(piece: Piece, opened: OpenVolume) -> tuple[Checked, dict[int, bytes]]:
    """What is found of the entries, and the messages that the catalog must have, by number."""
    problems: list[Problem] = keys_problems(opened)
    leaves: list[bytes] = []
    stored: dict[int, bytes] = {}
    disposed: dict[bytes, list[int]] = {}
    records: list[Record] = []
    octets = unopened = 0
    for seq, digests, found, document, batch, closed in examine(opened, piece.first - 1, piece.last):
        unopened += closed
        if found:
            problems += found
            leaves += [NO_LEAF] * (seq - piece.first - len(leaves))
        if digests is None:
            leaves.append(NO_LEAF)
            continue
        leaves.append(leaf_of(*digests).hash())
        if digests.commitments is not None:
            disposed.setdefault(batch or b"", []).append(seq)
        elif digests.kind is Kind.MESSAGE:
            octets += 0 if closed else digests.size
            stored[seq] = digests.id
        elif document is not None and (record := record_of(digests, document)) is not None:
            records.append(record)
    tombstones = {_batch(each): spans_of(numbers) for each, numbers in disposed.items()}
    return Checked(piece, problems, leaves, octets, tombstones, records, unopened), stored


def _batch(octets: bytes) -> str:
    return str(UUID(bytes=octets)) if len(octets) == 16 else octets.hex()


def _catalog_problems(
    checked: Checked, folder: Path, stored: dict[int, bytes], known: int
) -> Iterator[Problem]:
    """Whether the catalog has the messages that the archive has, as far as it follows it, and no other."""
    piece = checked.piece
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
            text = "missing in the catalog" if seq not in there else _not_the_message(checked, seq)
            yield Problem(piece.volume.month, seq, "catalog", f"{text}; `mailgw reindex` makes it anew")


def _not_the_message(checked: Checked, seq: int) -> str:
    if any(first <= seq <= last for spans in checked.tombstones.values() for first, last in spans):
        return "it was disposed of, and is still in the catalog"
    return "not the message that the catalog has"
