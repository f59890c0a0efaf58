"""Real-world nasty mail is found by its sender, the words of its subject and the words of its body.

The table `corpus_queries.txt` was written by reading the messages as they stand in their files, their encodings undone
by other programs. A minus says that a message does not have this, and why.

A query that finds everything proves nothing: each finds few.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from gateway.extraction.extractor import Extractor
from gateway.message.envelope import Envelope
from tests.cli.installation import OCTOBER
from tests.indexer.test_searching import Searched


def _table() -> dict[str, tuple[str, ...]]:
    """By message: its queries, for sender, subject and text, where it has them."""
    text = (Path(__file__).parent / "corpus_queries.txt").read_text("utf-8")
    rows: dict[str, tuple[str, ...]] = {}
    for block in text.strip().split("\n\n"):
        name, *lines = block.splitlines()
        kinds, queries = zip(*(line.split(maxsplit=1) for line in lines), strict=True)
        assert kinds == ("sender", "subject", "text"), name
        assert name not in rows, name
        rows[name] = tuple(query for query in queries if not query.startswith("- "))
    return rows


ROWS = _table()
MANY = 20  # that one query may find: copies, and what people call their tests
FEW = 8  # that all queries of a message together may find: its near copies


@dataclass(frozen=True, slots=True)
class Indexed:
    """The corpus, searchable."""

    here: Searched
    ids: dict[str, str]  # by the file's name without its ending

    def names(self, query: str) -> set[str]:
        """The messages that a query finds."""
        by_id = {id: name for name, id in self.ids.items()}
        return {by_id[hit.id] for hit in self.here.page(query).hits}


@pytest.fixture(scope="module")
def indexed(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Indexed]:
    with Extractor() as extractor:
        here = Searched(tmp_path_factory.mktemp("corpus"), extractor)
        files = sorted(path for path in (corpus / "mail").rglob("*") if path.is_file())
        kept: list[tuple[Envelope, bytes, bytes]] = []
        for number, path in enumerate(files):
            # A sender and a recipient that stand in no message, so that nothing is found by them.
            envelope = here.envelope(
                "envelope@nowhere.invalid", "nobody@nowhere.invalid", at=OCTOBER + timedelta(seconds=number)
            )
            record = orjson.dumps({"envelope": envelope.to_json(), "verdict": None})
            kept.append((envelope, record, path.read_bytes()))
        here.keep_all(kept)
        here.update()
        names = [path.stem for path in files]
        assert len(set(names)) == len(names)
        yield Indexed(here, dict(zip(names, (envelope.id for envelope, _, _ in kept), strict=True)))


def test_all_of_it_is_searchable(indexed: Indexed) -> None:
    assert indexed.names("") == set(indexed.ids)
    assert len(ROWS) >= 60
    assert set(ROWS) <= set(indexed.ids)


@pytest.mark.parametrize(("name", "query"), [(name, query) for name in ROWS for query in ROWS[name]])
def test_a_message_is_found_by_what_stands_in_it(indexed: Indexed, name: str, query: str) -> None:
    found = indexed.names(query)
    assert name in found
    assert len(found) <= MANY


@pytest.mark.parametrize("name", ROWS)
def test_all_that_is_known_of_a_message_finds_it_and_its_near_copies(indexed: Indexed, name: str) -> None:
    query = " ".join(ROWS[name])
    found = indexed.names(query)
    assert name in found
    assert len(found) <= FEW
    assert indexed.names(query.swapcase()) == found


def test_what_no_message_says_is_not_found(indexed: Indexed) -> None:
    """The table would prove little if words of anywhere found anything."""
    for query in (
        '"figure wrong going out"',
        "subject:aluminum",
        "body:pitbull",
        "from:investor",
        "filename:hello",
    ):
        assert indexed.names(query) == set(), query
