"""Following the archive into the ledger: every entry a leaf, and a signed checkpoint whenever one is due.

Promises: leaves follow the archive's sequence without a gap; a checkpoint is signed over durable entries only,
and only if the tree goes on from the checkpoint before it. Where the archive has fewer entries than were attested, or
others, nothing is signed any more: a LedgerForked says so at every turn until somebody finds out why. The tree's
hashes are made again from the archive where they are damaged, and must then have the root that was signed. Killed at
any moment, it goes on from the newest checkpoint. One process at a time writes a ledger.

Fails with LedgerForked, LedgerInUse, KeyFileError and NoteError; with ArchiveDamaged where the next entry is not as
it was stored; with what archive and disk fail with. Call again later.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gateway.archive.entry import Digests
from gateway.ledger.checkpoint import Checkpoint, Checkpoints, Kept
from gateway.ledger.keys import KeyFileError, add_public, load_private, new_key, read_public, save_private
from gateway.ledger.leaf import leaf_of
from gateway.ledger.ledger import CHECKPOINTS, KEYS
from gateway.ledger.tree import Tree, TreeDamaged

_BATCH = 5_000  # entries read at once
_LOCK = "lock"
_REBUILT = "rebuilt"


class LedgerForked(Exception):
    """The archive is not the one that was attested."""


class LedgerInUse(Exception):
    """Another process writes the ledger."""


class Source(Protocol):
    """What is followed: the archive's reader."""

    def last_seq(self) -> int: ...

    def digests(self, after: int, limit: int) -> list[Digests]: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """When a checkpoint is due: after so many seconds, or so many entries."""

    interval: float
    entries: int


@dataclass(slots=True)
class _Open:
    """What a writer works on."""

    lock: int
    checkpoints: Checkpoints
    tree: Tree

    @property
    def attested(self) -> int:
        """Entries that the newest checkpoint attests."""
        return self.checkpoints.newest.checkpoint.size if self.checkpoints.newest else 0

    def close(self) -> None:
        self.tree.close()
        os.close(self.lock)


@dataclass(slots=True)
class LedgerWriter:
    """Writes the ledger in `folder`. One thread at a time."""

    source: Source
    folder: Path
    origin: str
    key_file: Path
    pace: Pace
    clock: Callable[[], float] = time.monotonic
    _due: float = 0.0
    _opened: _Open | None = field(default=None, init=False)
    _forked: str = field(default="", init=False)  # found out once, and no better at the next look

    def turn(self, should_stop: Callable[[], bool] = lambda: False, *, at_once: bool = False) -> Kept | None:
        """A new checkpoint, if one is due and there is anything new; `at_once`: also where none is due yet."""
        if at_once:
            self._due = 0.0
        if self._forked:
            raise LedgerForked(self._forked)
        try:
            return self._turn(should_stop)
        except LedgerForked as error:
            self._forked = str(error)
            raise
        except (OSError, TreeDamaged):  # such as a full disk: what is behind the checkpoint is made again
            self.close()
            raise

    def _turn(self, should_stop: Callable[[], bool]) -> Kept | None:
        opened = self._opened or self._open()
        last = self.source.last_seq()
        if last < opened.tree.size:
            raise _rolled_back(last, opened.tree.size)
        if last == opened.attested or not self._is_due(last - opened.attested):
            return None
        self._check_goes_on(opened)
        if not _grow(opened.tree, self.source, last, should_stop):
            return None
        return self._sign(opened)

    def make_again(self) -> int:
        """Make the tree's hashes again from the archive, whatever they are; how many entries they are of.

        They take the old ones' place if they have the root that was signed; else LedgerForked, and nothing is changed.
        """
        opened = self._opened or self._open()
        newest = opened.checkpoints.newest
        if newest is not None:
            opened.tree.close()
            opened.tree = self._made_again(newest.checkpoint)
        return opened.attested

    @property
    def attested(self) -> int:
        """Entries that the newest checkpoint attests; 0 before the first turn."""
        return self._opened.attested if self._opened else 0

    def close(self) -> None:
        """Let go of the ledger; the next turn opens it again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _is_due(self, new: int) -> bool:
        return new >= self.pace.entries or self.clock() >= self._due

    def _sign(self, opened: _Open) -> Kept:
        checkpoint = Checkpoint(self.origin, opened.tree.size, opened.tree.root())
        keys = load_private(self.key_file, self.origin)
        for key in keys:
            add_public(self.folder / KEYS, key.public)
        kept = Kept(checkpoint, checkpoint.signed(keys))
        opened.checkpoints.append(kept)
        self._due = self.clock() + self.pace.interval
        return kept

    def _check_goes_on(self, opened: _Open) -> None:
        """That the last entry that was attested still is what it was: it is not where another history begins."""
        if opened.attested == 0:
            return
        (entry,) = self.source.digests(opened.attested - 1, 1)
        if leaf_of(*entry).hash() != opened.tree.leaf(opened.attested - 1):
            raise LedgerForked(f"entry {opened.attested} of the archive is not the one that was attested")

    # --- opening ---

    def _open(self) -> _Open:
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        lock = os.open(self.folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LedgerInUse(f"{self.folder}: another process writes this ledger") from None
            self._ensure_key()
            checkpoints = Checkpoints(self.folder / CHECKPOINTS)
            self._opened = _Open(lock, checkpoints, self._sound_tree(checkpoints.newest))
        except BaseException:
            os.close(lock)
            raise
        return self._opened

    def _ensure_key(self) -> None:
        """The first key of an installation makes itself; one that is lost does not."""
        if self.key_file.exists():
            return
        if read_public(self.folder / KEYS):
            raise KeyFileError(
                f"{self.key_file}: the key that signs is gone: put it back from its copy, or begin with another "
                "by `mailgw ledger new-key --lost`"
            )
        self.key_file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        save_private(self.key_file, [new_key(self.origin)])

    def _sound_tree(self, newest: Kept | None) -> Tree:
        """The tree of the newest checkpoint, made again from the archive where its hashes are not those."""
        if newest is None:
            return Tree(self.folder, 0, writable=True)
        try:
            tree = Tree(self.folder, newest.checkpoint.size, writable=True)
        except TreeDamaged:
            return self._made_again(newest.checkpoint)
        if tree.root() == newest.checkpoint.root:
            return tree
        tree.close()
        return self._made_again(newest.checkpoint)

    def _made_again(self, attested: Checkpoint) -> Tree:
        """In a folder of its own, which takes the old one's place if it has the root that was signed."""
        last = self.source.last_seq()
        if last < attested.size:
            raise _rolled_back(last, attested.size)
        rebuilt = self.folder / _REBUILT
        shutil.rmtree(rebuilt, ignore_errors=True)
        rebuilt.mkdir(mode=0o750)
        tree = Tree(rebuilt, 0, writable=True)
        try:
            _grow(tree, self.source, attested.size, lambda: False)
            root = tree.root()
        finally:
            tree.close()
        if root != attested.root:
            raise LedgerForked(
                f"the first {attested.size} entries of the archive are not those that were attested; "
                "`mailgw verify` names which"
            )
        for path in rebuilt.iterdir():
            path.rename(self.folder / path.name)
        rebuilt.rmdir()
        return Tree(self.folder, attested.size, writable=True)


def _grow(tree: Tree, source: Source, to: int, should_stop: Callable[[], bool]) -> bool:
    """Append the leaves of entries up to number `to`; whether all are there."""
    while tree.size < to and not should_stop():
        entries: Sequence[Digests] = source.digests(tree.size, min(_BATCH, to - tree.size))
        if not entries:
            raise _rolled_back(tree.size, to)
        tree.append([leaf_of(*entry).hash() for entry in entries])
    return tree.size >= to


def _rolled_back(last: int, known: int) -> LedgerForked:
    return LedgerForked(f"the archive ends with entry {last}, but it had {known}: it was rolled back")
