"""Proofs of many messages from one tree: the hashes that several paths share are read and made once.

Fails with TreeDamaged, and with OSError.
"""

from __future__ import annotations

from pathlib import Path

from gateway.ledger.leaf import Leaf
from gateway.ledger.merkle import inclusion_holds, inclusion_proof, node_hash
from gateway.ledger.tree import STEP, Tree, TreeDamaged

_MOST = 200_000  # hashes remembered


class NotTheLedgers(Exception):
    """The archive's entry is not the one that the ledger has at its place."""


class Prover:
    """The tree of one checkpoint. One thread at a time; the caller closes it."""

    def __init__(self, folder: Path, size: int, root: bytes) -> None:
        """Raises TreeDamaged where there are fewer leaves."""
        self._tree = Tree(folder, size)
        self._root = root
        self._nodes: dict[tuple[int, int], bytes] = {}

    def close(self) -> None:
        """Let go of the files."""
        self._tree.close()

    def path(self, leaf: Leaf) -> list[bytes] | None:
        """The hashes that lead from a leaf to the root; they do. None for one newer than the checkpoint.

        Raises NotTheLedgers and TreeDamaged.
        """
        index, size = leaf.seq - 1, self._tree.size
        if index >= size:
            return None
        if self._node(0, index) != leaf.hash():
            raise NotTheLedgers(
                "the archive's entry is not the one that the ledger has there: `mailgw verify` tells which was changed"
            )
        path = inclusion_proof(index, size, self._node)
        if not inclusion_holds(leaf.hash(), index, size, path, self._root):
            raise TreeDamaged(f"the hashes above entry {leaf.seq} do not lead to the root that was signed")
        return path

    def _node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree (`merkle.Node`)."""
        found = self._nodes.get((level, index))
        if found is None:
            if level % STEP:
                found = node_hash(self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1))
            elif level:
                found = self._tree.node(level, index)
            else:
                self._read(index)
                found = self._nodes[level, index]
            if len(self._nodes) > _MOST:
                self._nodes.clear()
            self._nodes[level, index] = found
        return found

    def _read(self, index: int) -> None:
        """The leaves around one."""
        start = index >> STEP << STEP
        end = min(start + (1 << STEP), self._tree.size)
        self._nodes.update(((0, at), leaf) for at, leaf in enumerate(self._tree.leaves(start, end), start))
