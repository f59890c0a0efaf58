"""The search index's process keeps to the archive that is there, and to the index that counts."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.extraction.extractor import Extractor
from gateway.search.folders import search_indexes
from gateway.service.searching import Librarian, rebuild
from tests.cli.installation import OCTOBER
from tests.indexer.test_searching import ANN, Searched, letter


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


@pytest.fixture
def here(tmp_path: Path, extractor: Extractor) -> Searched:
    found = Searched(tmp_path, extractor)
    found.keep_roster()
    return found


def caught_up(librarian: Librarian) -> int:
    """How many documents were made until nothing was left."""
    made, stop = 0, asyncio.Event()
    while (done := librarian.step(stop)[0]).documents or done.remaining:
        made += done.documents
    return made


def subjects(here: Searched, *words: str) -> list[int]:
    return [len(here.found(f"subject:{word}", folder="data/search")) for word in words]


def test_an_index_of_another_archive_is_made_anew(here: Searched, extractor: Extractor) -> None:
    for word in ("one", "two", "three"):
        here.take(letter(word), ANN)
    here.index()
    with closing(Librarian(here.settings, extractor)) as librarian:
        assert caught_up(librarian) == 3
    assert subjects(here, "one", "two", "three") == [1, 1, 1]
    # Restored from an older backup, or begun anew, and already as long as before.
    storage = here.settings.storage
    for folder in (storage.archive, storage.catalog):
        shutil.rmtree(folder)
    for word in ("four", "five", "six", "seven"):
        here.take(letter(word), ANN)
    here.index()
    with closing(Librarian(here.settings, extractor)) as librarian:
        assert caught_up(librarian) == 4
    assert subjects(here, "one", "four", "seven") == [0, 1, 1]


def test_an_index_that_is_further_than_the_archive_is_made_anew(here: Searched, extractor: Extractor) -> None:
    first = here.take(letter("one"), ANN)
    archive, catalog = here.settings.storage.archive, here.settings.storage.catalog
    here.index()
    kept = here.folder / "kept"
    shutil.copytree(archive, kept)
    here.take(letter("two"), ANN)
    here.index()
    with closing(Librarian(here.settings, extractor)) as librarian:
        assert caught_up(librarian) == 2
    for folder in (archive, catalog):
        shutil.rmtree(folder)
    kept.rename(archive)
    here.index()
    with closing(Librarian(here.settings, extractor)) as librarian:
        assert caught_up(librarian) == 1
    assert here.found("", folder="data/search") == [first]


@pytest.mark.parametrize("damage", ["meta", "files"])
def test_an_index_that_cannot_be_read_is_made_anew(here: Searched, extractor: Extractor, damage: str) -> None:
    here.take(letter("one"), ANN)
    here.index()
    with closing(Librarian(here.settings, extractor)) as librarian:
        caught_up(librarian)
    index = search_indexes(here.settings.storage.search).current()
    assert index is not None
    for path in index.glob("meta.json" if damage == "meta" else "*.*"):
        path.unlink()
    with closing(Librarian(here.settings, extractor)) as librarian:
        assert caught_up(librarian) == 1
    assert subjects(here, "one") == [1]


def test_an_index_built_by_somebody_else_is_followed_from_then_on(
    here: Searched, extractor: Extractor
) -> None:
    here.take(letter("one"), ANN)
    here.index()
    with closing(Librarian(here.settings, extractor)) as librarian:
        assert caught_up(librarian) == 1
        assert rebuild(here.settings, 1, lambda done, total: None) == 1
        here.take(letter("two"), ANN, at=OCTOBER)
        here.index()
        assert caught_up(librarian) == 1
        assert (
            search_indexes(here.settings.storage.search).current() == here.folder / "data" / "search-000002"
        )
    assert subjects(here, "one", "two") == [1, 1]
