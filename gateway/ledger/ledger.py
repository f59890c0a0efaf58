"""A ledger's folder, and what can be asked of it.

    ledger/checkpoints           every checkpoint that was made (checkpoint.py)
    ledger/keys                  the public keys that ever signed (keys.py)
    ledger/level-00, -08, …      the tree's hashes (tree.py)

The checkpoints and keys are evidence and cannot be made again; the hashes can, from the archive.
Fails with NoteError or KeyFileError for a file that is not as it was written, with OSError.
"""

from __future__ import annotations

from pathlib import Path

from gateway.ledger.checkpoint import Checkpoints, Kept
from gateway.ledger.keys import read_public
from gateway.ledger.note import PublicKey
from gateway.ledger.tree import Tree

CHECKPOINTS = "checkpoints"
KEYS = "keys"


class Ledger:
    """A ledger for reading, as it was when this was made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        file = Checkpoints(folder / CHECKPOINTS)
        self.checkpoints: list[Kept] = file.kept
        self.torn = file.torn  # the newest was cut short, and will be signed again
        self.keys: list[PublicKey] = read_public(folder / KEYS)

    @property
    def newest(self) -> Kept | None:
        """The newest checkpoint."""
        return self.checkpoints[-1] if self.checkpoints else None

    @property
    def size(self) -> int:
        """Entries that a checkpoint attests, from the first on."""
        return self.newest.checkpoint.size if self.newest else 0

    def tree(self) -> Tree:
        """The tree of the newest checkpoint; the caller closes it. Raises TreeDamaged."""
        return Tree(self._folder, self.size)

    def first_with(self, seq: int) -> Kept | None:
        """The first checkpoint that attests an entry."""
        return next((each for each in self.checkpoints if each.checkpoint.size >= seq), None)
