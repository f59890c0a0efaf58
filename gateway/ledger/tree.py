"""The tree's hashes on disk: what proofs are made of.

    level-00   32 octets for each leaf, in sequence
    level-08   32 octets for each complete subtree of 256 leaves, in sequence
    level-16   for each of 65,536, and so on

A hash between two of these levels is made of at most 128 of the level below, so a proof in a tree of ten million
leaves reads some kilobytes. Appending costs one hash a leaf, and now and then one more.

Promises: append-only; `append` returns when the leaves are durable. What a power cut left behind a size that is
known to be sound is cut off and made again (`open_tree`). One process at a time writes (the caller holds the lock);
any number may read.

Fails with OSError, and with TreeDamaged where a file is shorter than the tree it belongs to.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gateway.ledger.merkle import HASH_SIZE, consistency_proof, fold, inclusion_proof, root

STEP = 8  # levels of the tree between two files
_WIDTH = 1 << STEP
_AT_ONCE = 1 << 16  # hashes in memory while files are read


class TreeDamaged(Exception):
    """The hashes on disk are not those of a tree of this size."""


class Tree:
    """The first `size` leaves of the tree in `folder`."""

    def __init__(self, folder: Path, size: int, *, writable: bool = False) -> None:
        """writable: what the files hold beyond `size` is cut off, and what is missing above is made again.

        Raises TreeDamaged where there are fewer than `size` leaves.
        """
        self._folder = folder
        self._flags = os.O_RDWR | os.O_CREAT if writable else os.O_RDONLY
        self._files: list[int] = []
        self.size = size
        try:
            if stored_leaves(folder) < size:
                raise TreeDamaged(f"{_path(folder, 0)}: fewer than {size} leaves")
            if writable:
                self._cut()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the files."""
        for descriptor in self._files:
            os.close(descriptor)
        self._files = []

    def append(self, leaves: Sequence[bytes]) -> None:
        """More leaves' hashes; they are durable when this returns. Raises OSError."""
        for at in range(0, len(leaves), _AT_ONCE):
            some = leaves[at : at + _AT_ONCE]
            _write(self._file(0), b"".join(some), self.size * HASH_SIZE)
            self.size += len(some)
        os.fdatasync(self._file(0))
        self._complete()

    def leaf(self, index: int) -> bytes:
        """A leaf's hash. Raises TreeDamaged."""
        return self._read(0, index, 1)[0]

    def leaves(self, start: int, end: int) -> list[bytes]:
        """The hashes of the leaves from `start` up to `end`. Raises TreeDamaged."""
        return self._read(0, start, end - start)

    def node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree (`merkle.Node`). Raises TreeDamaged."""
        stored, above = divmod(level, STEP)
        return fold(self._read(stored, index << above, 1 << above))

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` leaves, by default all."""
        return root(self._within(size), self.node)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """That a leaf is in the tree over the first `size` leaves, by default all (RFC 9162 §2.1.3)."""
        return inclusion_proof(index, self._within(size), self.node)

    def consistency_proof(self, first: int, second: int | None = None) -> list[bytes]:
        """That the tree was `first` leaves once and grew to `second`, by default all (RFC 9162 §2.1.4)."""
        return consistency_proof(first, self._within(second), self.node)

    def wrong_nodes(self) -> list[str]:
        """Stored hashes above the leaves that are not those of what is below: "level-08: 17"."""
        wrong = []
        for stored in range(1, _levels(self.size)):
            for index in range(self.size >> STEP * stored):
                below = self._read(stored - 1, index << STEP, _WIDTH)
                if self._read(stored, index, 1)[0] != fold(below):
                    wrong.append(f"{_path(self._folder, stored).name}: {index}")
        return wrong

    def _within(self, size: int | None) -> int:
        if size is None:
            return self.size
        if size > self.size:
            raise ValueError(f"the tree has {self.size} leaves, not {size}")
        return size

    def _cut(self) -> None:
        for stored in range(max(_levels(self.size), _levels_there(self._folder))):
            wanted = (self.size >> STEP * stored) * HASH_SIZE
            if os.fstat(self._file(stored)).st_size > wanted:
                os.ftruncate(self._file(stored), wanted)
        self._complete()

    def _complete(self) -> None:
        """Make the hashes above those leaves that have become a complete subtree."""
        for stored in range(1, _levels(self.size)):
            have, wanted = self._stored(stored), self.size >> STEP * stored
            if have == wanted:
                return
            for at in range(have, wanted, _WIDTH):
                count = min(_WIDTH, wanted - at)
                below = self._read(stored - 1, at << STEP, count << STEP)
                made = [fold(below[n : n + _WIDTH]) for n in range(0, len(below), _WIDTH)]
                _write(self._file(stored), b"".join(made), at * HASH_SIZE)
            os.fdatasync(self._file(stored))

    def _stored(self, stored: int) -> int:
        return os.fstat(self._file(stored)).st_size // HASH_SIZE

    def _file(self, stored: int) -> int:
        while len(self._files) <= stored:
            path = _path(self._folder, len(self._files))
            self._files.append(os.open(path, self._flags | os.O_CLOEXEC, 0o640))
        return self._files[stored]

    def _read(self, stored: int, index: int, count: int) -> list[bytes]:
        try:
            octets = os.pread(self._file(stored), count * HASH_SIZE, index * HASH_SIZE)
        except FileNotFoundError:
            octets = b""
        if len(octets) < count * HASH_SIZE:
            name = _path(self._folder, stored).name
            raise TreeDamaged(f"{name}: no hashes {index} to {index + count - 1}")
        return [octets[at : at + HASH_SIZE] for at in range(0, len(octets), HASH_SIZE)]


def stored_leaves(folder: Path) -> int:
    """How many leaves the file of them has; 0 where there is none."""
    try:
        return _path(folder, 0).stat().st_size // HASH_SIZE
    except FileNotFoundError:
        return 0


def _levels(size: int) -> int:
    """Files that a tree of a size has."""
    return 1 + max(0, size.bit_length() - 1) // STEP


def _levels_there(folder: Path) -> int:
    return sum(1 for _ in folder.glob("level-[0-9][0-9]"))


def _path(folder: Path, stored: int) -> Path:
    return folder / f"level-{stored * STEP:02}"


def _write(descriptor: int, octets: bytes, offset: int) -> None:
    view = memoryview(octets)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
