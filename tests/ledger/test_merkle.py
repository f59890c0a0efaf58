"""Merkle trees against what others published, against another implementation, and against RFC 9162's own words."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from gateway.ledger.merkle import (
    EMPTY,
    Growing,
    Node,
    consistency_holds,
    consistency_proof,
    fold,
    inclusion_holds,
    inclusion_proof,
    leaf_hash,
    root,
)

# The eight leaves and nine roots of Certificate Transparency's test vectors (RFC 6962 has the same hashing).
PUBLISHED_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
PUBLISHED_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# Paths of the same vectors: leaf, from 0, and size of the tree.
PUBLISHED_INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
PUBLISHED_CONSISTENCY = {
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}

MOST = 70  # leaves: more than a complete subtree of 64


def over(leaves: list[bytes]) -> Node:
    """A tree over leaves' hashes, without any storage."""
    return lambda level, index: fold(leaves[index << level : (index + 1) << level])


LEAVES = [leaf_hash(b"%d" % number) for number in range(MOST)]
NODE = over(LEAVES)
ROOTS = [root(size, NODE) for size in range(MOST + 1)]


def test_roots_as_published() -> None:
    node = over([leaf_hash(data) for data in PUBLISHED_LEAVES])
    assert [root(size, node).hex() for size in range(9)] == PUBLISHED_ROOTS


@pytest.mark.parametrize(("place", "path"), PUBLISHED_INCLUSION.items())
def test_inclusion_as_published(place: tuple[int, int], path: list[str]) -> None:
    node = over([leaf_hash(data) for data in PUBLISHED_LEAVES])
    assert [each.hex() for each in inclusion_proof(*place, node)] == path


@pytest.mark.parametrize(("sizes", "path"), PUBLISHED_CONSISTENCY.items())
def test_consistency_as_published(sizes: tuple[int, int], path: list[str]) -> None:
    node = over([leaf_hash(data) for data in PUBLISHED_LEAVES])
    assert [each.hex() for each in consistency_proof(*sizes, node)] == path


def test_another_implementation_makes_the_same() -> None:
    """pymerkle begins a path with the leaf. Its proofs of consistency are longer ones than RFC 9162's."""
    theirs = InmemoryTree(algorithm="sha256")
    for number in range(MOST):
        theirs.append_entry(b"%d" % number)
    for size in range(1, MOST + 1):
        assert theirs.get_root(size) == ROOTS[size]
        for index in range(size):
            path = theirs.prove_inclusion(index + 1, size).serialize()["path"]
            assert path[1:] == [each.hex() for each in inclusion_proof(index, size, NODE)]


def mth(leaves: list[bytes]) -> bytes:
    """RFC 9162 §2.1.1, word for word, over leaves' hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """RFC 9162 §2.1.4.1, word for word."""
    n = len(leaves)
    if m == n:
        return [] if whole else [mth(leaves)]
    k = 1
    while k * 2 < n:
        k *= 2
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def test_roots_by_the_definition() -> None:
    assert [mth(LEAVES[:size]) for size in range(MOST + 1)] == ROOTS
    assert ROOTS[0] == EMPTY


def test_consistency_by_the_definition() -> None:
    for size in range(1, MOST + 1, 3):
        for first in range(1, size + 1):
            assert consistency_proof(first, size, NODE) == subproof(first, LEAVES[:size], True)


def test_every_inclusion_holds_and_no_other_place_does() -> None:
    for size in range(1, MOST + 1):
        for index in range(size):
            path = inclusion_proof(index, size, NODE)
            assert inclusion_holds(LEAVES[index], index, size, path, ROOTS[size])
            for other in {*range(size)} - {index}:
                assert not inclusion_holds(LEAVES[index], other, size, path, ROOTS[size])


def test_every_consistency_holds() -> None:
    for second in range(MOST + 1):
        for first in range(second + 1):
            path = consistency_proof(first, second, NODE)
            assert consistency_holds(first, second, path, ROOTS[first], ROOTS[second])


SIZES = st.integers(1, MOST)


def changed(path: list[bytes], draw: Callable[[int], int]) -> list[bytes]:
    """A path with an octet changed, one hash less, one twice, or one more."""
    kind, at = draw(3), draw(len(path) - 1) if path else 0
    if kind == 0 and path:
        octet = draw(31)
        flipped = bytearray(path[at])
        flipped[octet] ^= 1 << draw(7)
        return [*path[:at], bytes(flipped), *path[at + 1 :]]
    if kind == 1 and path:
        return path[:at] + path[at + 1 :]
    if kind == 2 and path:
        return [*path[: at + 1], *path[at:]]
    return [*path, LEAVES[draw(MOST - 1)]]


@given(st.data())
def test_a_changed_inclusion_path_does_not_hold(data: st.DataObject) -> None:
    size = data.draw(SIZES)
    index = data.draw(st.integers(0, size - 1))
    path = changed(inclusion_proof(index, size, NODE), lambda most: data.draw(st.integers(0, most)))
    assert not inclusion_holds(LEAVES[index], index, size, path, ROOTS[size])


@given(st.data())
def test_a_changed_consistency_path_does_not_hold(data: st.DataObject) -> None:
    second = data.draw(SIZES)
    first = data.draw(st.integers(0, second))
    path = changed(consistency_proof(first, second, NODE), lambda most: data.draw(st.integers(0, most)))
    assert not consistency_holds(first, second, path, ROOTS[first], ROOTS[second])


@given(
    st.lists(st.binary(min_size=32, max_size=32), max_size=8), st.integers(-2, 2**70), st.integers(-2, 2**70)
)
def test_verification_takes_anything(path: list[bytes], first: int, second: int) -> None:
    assert not inclusion_holds(LEAVES[0], first, second, path, b"x" * 32)
    assert not consistency_holds(first, second, path, b"x" * 32, b"y" * 32)


@pytest.mark.parametrize("size", [0, 1, 5, 64, MOST])
def test_a_tree_grows_leaf_by_leaf(size: int) -> None:
    begun = Growing()
    begun.extend(LEAVES[:size])
    going_on = Growing(begun.size, begun.peaks)
    for leaf in LEAVES[size:]:
        going_on.extend([leaf])
    assert (begun.root(), going_on.root()) == (ROOTS[size], ROOTS[MOST])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_proof_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="leaf"):
        inclusion_proof(index, size, NODE)


@pytest.mark.parametrize(("first", "second"), [(-1, 3), (4, 3)])
def test_no_proof_of_a_beginning_that_is_none(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="beginning"):
        consistency_proof(first, second, NODE)
