"""A new index takes the old one's place while both are in use."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.generations import BuildRunning, Generations
from gateway.search.document import Document
from gateway.search.engine import IndexDamaged, IndexMissing
from gateway.search.folders import search_indexes
from gateway.search.query.tree import And
from gateway.search.tantivy import TantivySearcher, TantivyWriter, combine

EVERYTHING = And(())


def documents(*seqs: int) -> list[Document]:
    return [Document(seq, f"id{seq}", datetime(2026, 9, 1, tzinfo=UTC), body=f"word{seq}") for seq in seqs]


def build(generations: Generations, *seqs: int) -> Path:
    with generations.building() as path:
        writer = TantivyWriter(path)
        writer.write(documents(*seqs), max(seqs))
        writer.close()
        generations.swap(path)
    return path


def test_a_new_index_is_found_by_its_link_and_the_old_one_is_gone(tmp_path: Path) -> None:
    generations = search_indexes(tmp_path / "data" / "search")
    assert generations.current() is None
    with pytest.raises(IndexMissing):
        TantivySearcher(generations.link)
    first = build(generations, 1)
    with closing(TantivySearcher(generations.link)) as searcher:
        assert searcher.count(EVERYTHING) == 1
        second = build(generations, 1, 2, 3)
        assert searcher.count(EVERYTHING) == 3  # it goes with the link
        assert searcher.position() == 3
    assert generations.current() == second
    assert not first.exists()
    assert sorted(path.name for path in generations.link.parent.iterdir()) == [
        "search",
        "search-000002",
        "search.lock",
    ]


def test_a_build_that_fails_leaves_the_old_index(tmp_path: Path) -> None:
    generations = search_indexes(tmp_path / "search")
    kept = build(generations, 1)
    with pytest.raises(ZeroDivisionError), generations.building() as path:
        TantivyWriter(path).close()
        raise ZeroDivisionError
    assert not path.exists()
    assert generations.current() == kept


def test_what_a_killed_build_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    generations = search_indexes(tmp_path / "search")
    build(generations, 1)
    left = tmp_path / "search-000007"
    left.mkdir()
    (left / "part").write_bytes(b"x")
    assert build(generations, 1, 2).name == "search-000008"  # a name that nobody may still write to
    assert not left.exists()


def test_one_build_at_a_time(tmp_path: Path) -> None:
    generations = search_indexes(tmp_path / "search")
    with (
        generations.building(),
        pytest.raises(BuildRunning, match="another process builds"),
        search_indexes(tmp_path / "search").building(),
    ):
        raise AssertionError


def test_an_index_of_several_parts_is_as_one_written_at_once(tmp_path: Path) -> None:
    for name, seqs in (("a", (1, 4)), ("b", (2, 5)), ("c", (3, 6))):
        writer = TantivyWriter(tmp_path / name)
        writer.write(documents(*seqs), max(seqs))
        writer.write(documents(seqs[0]), max(seqs))  # a document made anew leaves a list of what is deleted
        writer.close()
    TantivyWriter(tmp_path / "empty").close()
    whole = tmp_path / "whole"
    whole.mkdir()
    combine([tmp_path / name for name in ("a", "b", "c", "empty")], whole)
    writer = TantivyWriter(whole)
    writer.commit(6)
    writer.write(documents(2, 7), 7)
    writer.close()
    with closing(TantivySearcher(whole)) as searcher:
        assert list(searcher.seqs(EVERYTHING)) == [1, 2, 3, 4, 5, 6, 7]
        assert searcher.position() == 7


def test_parts_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        TantivyWriter(tmp_path / name).close()
    meta = tmp_path / "b" / "meta.json"
    meta.write_text(meta.read_text().replace('"filename"', '"file"'))
    (tmp_path / "whole").mkdir()
    with pytest.raises(IndexDamaged, match="different versions"):
        combine([tmp_path / "a", tmp_path / "b"], tmp_path / "whole")
