"""The tree on disk: it is the tree of the definition, whatever sizes it grew through and wherever it was cut off."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger import tree as module
from gateway.ledger.merkle import consistency_holds, fold, inclusion_holds, leaf_hash, root
from gateway.ledger.tree import Tree, TreeDamaged, stored_leaves

LEAVES = [leaf_hash(b"%d" % number) for number in range(70_000)]  # beyond 65,536: three files


def over(level: int, index: int) -> bytes:
    return fold(LEAVES[index << level : (index + 1) << level])


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    tree = Tree(folder, 0, writable=True)
    for start, end in ((0, 1), (1, 255), (255, 256), (256, 60_000), (60_000, 70_000)):
        tree.append(LEAVES[start:end])
    tree.close()
    return folder


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 4_096, 65_535, 65_536, 65_537, 70_000])
def test_roots_of_every_beginning(large: Path, size: int) -> None:
    tree = Tree(large, 70_000)
    assert tree.root(size) == root(size, over)
    tree.close()


@pytest.mark.parametrize("index", [0, 255, 256, 4_321, 65_535, 65_536, 69_999])
def test_proofs_hold(large: Path, index: int) -> None:
    tree = Tree(large, 70_000)
    assert inclusion_holds(LEAVES[index], index, 70_000, tree.inclusion_proof(index), tree.root())
    path = tree.consistency_proof(index)
    assert consistency_holds(index, 70_000, path, root(index, over), tree.root())
    assert tree.leaf(index) == LEAVES[index]
    tree.close()


def test_a_proof_reads_little(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs what the height of the tree costs: for each of three files at most two rows of 255 hashes."""
    hashed: list[int] = []
    monkeypatch.setattr(module, "fold", lambda hashes: hashed.append(len(hashes)) or fold(hashes))
    tree = Tree(large, 70_000)
    tree.inclusion_proof(43_210)
    tree.close()
    assert sum(hashed) < 3 * 2 * 255


@settings(max_examples=40)
@given(st.lists(st.integers(0, 700), max_size=6), st.data())
def test_it_goes_on_from_any_size(
    tmp_path_factory: pytest.TempPathFactory, grown: list[int], data: st.DataObject
) -> None:
    """What was written beyond a size that is known to be sound is made anew; what is missing above it, too."""
    folder = tmp_path_factory.mktemp("tree")
    size = 0
    for more in grown:
        tree = Tree(folder, size, writable=True)
        tree.append(LEAVES[size : size + more])
        size += more
        tree.close()
        if size:
            size -= data.draw(st.integers(0, min(size, 300)), label="lost")
            if data.draw(st.booleans(), label="torn") and (folder / "level-08").exists():
                os.truncate(folder / "level-08", data.draw(st.integers(0, (size >> 8) * 32)))
    tree = Tree(folder, size, writable=True)
    assert tree.root() == root(size, over)
    assert tree.wrong_nodes() == []
    assert stored_leaves(folder) == size
    tree.close()


def test_a_reader_sees_what_a_writer_appends(tmp_path: Path) -> None:
    writer = Tree(tmp_path, 0, writable=True)
    writer.append(LEAVES[:300])
    reader = Tree(tmp_path, 300)
    writer.append(LEAVES[300:600])
    assert reader.root() == root(300, over)
    again = Tree(tmp_path, 600)
    assert again.root() == root(600, over)
    for each in (writer, reader, again):
        each.close()


def test_fewer_leaves_than_there_were(tmp_path: Path) -> None:
    tree = Tree(tmp_path, 0, writable=True)
    tree.append(LEAVES[:300])
    tree.close()
    os.truncate(tmp_path / "level-00", 299 * 32 + 31)
    with pytest.raises(TreeDamaged, match="fewer than 300 leaves"):
        Tree(tmp_path, 300)


def test_a_changed_hash_above_the_leaves_is_named(tmp_path: Path) -> None:
    tree = Tree(tmp_path, 0, writable=True)
    tree.append(LEAVES[:1_000])
    tree.close()
    octets = bytearray((tmp_path / "level-08").read_bytes())
    octets[2 * 32 + 5] ^= 1
    (tmp_path / "level-08").write_bytes(octets)
    tree = Tree(tmp_path, 1_000)
    assert tree.wrong_nodes() == ["level-08: 2"]
    assert tree.root() != root(1_000, over)
    tree.close()


def test_a_missing_file_above_the_leaves(tmp_path: Path) -> None:
    tree = Tree(tmp_path, 0, writable=True)
    tree.append(LEAVES[:1_000])
    tree.close()
    (tmp_path / "level-08").unlink()
    reader = Tree(tmp_path, 1_000)
    with pytest.raises(TreeDamaged, match="level-08"):
        reader.root()
    reader.close()
    writer = Tree(tmp_path, 1_000, writable=True)
    assert writer.root() == root(1_000, over)
    writer.close()


def test_larger_than_it_is(tmp_path: Path) -> None:
    tree = Tree(tmp_path, 0, writable=True)
    with pytest.raises(ValueError, match="0 leaves, not 1"):
        tree.root(1)
    tree.close()
