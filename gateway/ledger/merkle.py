"""Merkle tree hashing as in RFC 9162 §2.1: roots, proofs of inclusion and consistency, and their verification.

Pure. A tree is seen through `node(level, index)`: the hash of the complete subtree over the leaves from
`index << level` up to `(index + 1) << level`, level 0 being the leaves. All hashes are SHA-256, 32 octets.

Proofs raise ValueError for sizes and indexes that no tree has; verification answers False, whatever it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from itertools import pairwise

Node = Callable[[int, int], bytes]

HASH_SIZE = 32
EMPTY = sha256().digest()  # the root of a tree without leaves


def leaf_hash(data: bytes) -> bytes:
    """RFC 9162 §2.1.1: the hash of one leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 9162 §2.1.1: the hash above two others."""
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash above a complete subtree's hashes of one level; their number is a power of two."""
    row = hashes
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def root(size: int, node: Node) -> bytes:
    """The hash of the tree over the first `size` leaves (MTH in RFC 9162 §2.1.1)."""
    _check(size >= 0, f"no tree has {size} leaves")
    return _over(0, size, node) if size else EMPTY


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """That leaf `index`, from 0, is in the tree over the first `size` leaves (PATH in RFC 9162 §2.1.3.1)."""
    _check(0 <= index < size, f"leaf {index} is not in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_over(middle, end, node))
            end = middle
        else:
            path.append(_over(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(first: int, second: int, node: Node) -> list[bytes]:
    """That the tree of `first` leaves is the beginning of that of `second` (PROOF in RFC 9162 §2.1.4.1).

    Empty where both are the same, and for an empty first tree, which is the beginning of every one.
    """
    _check(0 <= first <= second, f"a tree of {first} leaves is no beginning of one of {second}")
    if first in (0, second):
        return []
    path: list[bytes] = []
    start, end, whole = (
        0,
        second,
        True,
    )  # whole: the first tree is complete here, its root known to the verifier
    while first < end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_over(middle, end, node))
            end = middle
        else:
            path.append(_over(start, middle, node))
            start, whole = middle, False
    if not whole:
        path.append(_over(start, end, node))
    return path[::-1]


def inclusion_holds(leaf: bytes, index: int, size: int, path: Sequence[bytes], head: bytes) -> bool:
    """Whether a leaf's hash stands at `index` in the tree of `size` leaves whose root is `head` (§2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, above = index, size - 1, leaf
    for each in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            above = node_hash(each, above)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            above = node_hash(above, each)
        at, last = at >> 1, last >> 1
    return last == 0 and above == head


def consistency_holds(
    first: int, second: int, path: Sequence[bytes], first_head: bytes, second_head: bytes
) -> bool:
    """Whether the tree of `first` leaves is the beginning of that of `second`, by their roots (§2.1.4.2)."""
    if not 0 <= first <= second:
        return False
    if first == second:
        return not path and first_head == second_head
    if first == 0:
        return not path and first_head == EMPTY
    rest = [first_head, *path] if first & (first - 1) == 0 else list(path)
    if not rest:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = rest[0]
    for each in rest[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(each, old), node_hash(each, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, each)
        at, last = at >> 1, last >> 1
    return last == 0 and old == first_head and new == second_head


class Growing:
    """The root of a tree while leaves come in one by one, of which only a hash a level is kept."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """A tree of `size` leaves by the roots of its complete subtrees, the largest first."""
        self.size = size
        self.peaks = list(peaks)
        _check(len(self.peaks) == size.bit_count(), "as many complete subtrees as its size has bits")

    def extend(self, leaves: Iterable[bytes]) -> None:
        """More leaves' hashes."""
        peaks, size = self.peaks, self.size
        for leaf in leaves:
            above, complete = leaf, size
            while complete & 1:
                above, complete = sha256(b"\x01" + peaks.pop() + above).digest(), complete >> 1
            peaks.append(above)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """The root of the tree so far."""
        return _gathered(self.peaks) if self.peaks else EMPTY


def _split(size: int) -> int:
    """The largest power of two below a size of at least 2."""
    return 1 << (size - 1).bit_length() - 1


def _over(start: int, end: int, node: Node) -> bytes:
    """The hash over the leaves of a range, as it occurs in a tree: it begins at a multiple of what it spans."""
    bounds = [start]
    for level in range((end - start).bit_length() - 1, -1, -1):
        if (end - start) >> level & 1:
            bounds.append(bounds[-1] + (1 << level))
    return _gathered(
        [node((after - at).bit_length() - 1, at // (after - at)) for at, after in pairwise(bounds)]
    )


def _gathered(peaks: Sequence[bytes]) -> bytes:
    """One hash over complete subtrees that become smaller and smaller."""
    above = peaks[-1]
    for each in reversed(peaks[:-1]):
        above = node_hash(each, above)
    return above


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
