"""Labels: what is one, what an act says, and what is left when acts are followed; and that a new one counts at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog import facts
from gateway.catalog.reader import Catalog
from gateway.extraction.extractor import Extractor
from gateway.message.events import ACTS
from gateway.records.retention.finding import Sources, candidates
from gateway.records.retention.labels import label, labelled
from gateway.search.tantivy import TantivySearcher
from tests.indexer.test_searching import MOTHER, Searched, letter
from tests.records.retention.schedules import schedule, series

OLD = datetime(2010, 3, 5, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["transcript", "student-record", "2026", "a", " Transcript ", "x" * 60])
def test_what_is_a_label(text: str) -> None:
    assert label(text) == text.strip().lower()


@pytest.mark.parametrize(
    "text", ["", " ", "two words", "-x", "a_b", "é", "a:b", "x" * 61, "a\n", "a\x1b[31m", "*"]
)
def test_what_is_none(text: str) -> None:
    if text == "a\n":
        assert label(text) == "a"
        return
    with pytest.raises(ValueError, match="expected a label of lower case letters, digits and dashes"):
        label(text)


def test_what_an_act_says() -> None:
    assert labelled({"b", "a"}, (), "Pat", "why") == {
        "event": "labelled",
        "add": ["a", "b"],
        "remove": [],
        "by": "Pat",
        "reason": "why",
    }
    assert labelled((), (), "", "")["event"] in ACTS


@pytest.mark.parametrize(
    ("acts", "left"),
    [
        ([], set()),
        ([({"a", "b"}, set())], {"a", "b"}),
        ([({"a"}, set()), (set(), {"a"})], set()),
        ([({"a"}, set()), (set(), {"a"}), ({"a"}, set())], {"a"}),
        ([(set(), {"a"}), ({"b"}, set())], {"b"}),
    ],
)
def test_what_is_left(acts: list[tuple[set[str], set[str]]], left: set[str]) -> None:
    assert facts.labels_of(labelled(add, remove, "x", "") for add, remove in acts) == left


@pytest.mark.parametrize("broken", [None, "a", 7, {"a": 1}, [7, None, ["a"]]])
def test_what_is_no_list_of_labels_names_none(broken: Any) -> None:
    """Whatever wrote it: the archive keeps it, and everything else goes on."""
    assert facts.labels_of([labelled({"b"}, (), "x", ""), {"add": broken, "remove": broken}, {}]) == {"b"}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Searched]:
    with Extractor() as extractor:
        yield Searched(tmp_path, extractor)


TABLE = schedule(series("transcript", "label:transcript", "received", "60 years"))


def found(here: Searched) -> list[str]:
    """The ids of what may be disposed of."""

    class Nobody:
        def of(self, persons: object) -> tuple[date | None, ...]:
            raise AssertionError("nothing waits for students")

    with (
        closing(TantivySearcher(here.folder / "search")) as searcher,
        closing(Catalog(here.settings.storage.catalog)) as catalog,
        catalog.connect() as connection,
    ):
        sources = Sources(searcher, connection, Nobody())
        return [each.id for each in candidates(sources, TABLE, date(2026, 11, 23))]


def test_a_new_label_keeps_mail_before_the_index_knows_it(here: Searched) -> None:
    one, two = (here.take(letter(each), MOTHER, at=OLD) for each in ("One", "Two"))
    here.update()
    assert found(here) == [one, two]
    here.note(one, OLD, labelled(["transcript"], (), "Pat", ""))
    here.index()  # the catalog, and not the index
    assert found(here) == [two]
    here.update()
    assert found(here) == [two]
    here.note(one, OLD, labelled((), ["transcript"], "Pat", "a mistake"))
    here.update()
    assert found(here) == [one, two]


def test_labels_of_many_messages_are_asked_at_once(here: Searched) -> None:
    ids = [here.take(letter(each), MOTHER, at=OLD) for each in ("One", "Two", "Three")]
    here.note(ids[0], OLD, labelled(["a", "b"], (), "Pat", ""))
    here.note(ids[2], OLD, labelled(["c"], (), "Pat", ""))
    here.note(ids[0], OLD, labelled((), ["b"], "Pat", ""))
    here.index()
    with closing(Catalog(here.settings.storage.catalog)) as catalog, catalog.connect() as connection:
        assert facts.labels(connection, ids) == {ids[0]: {"a"}, ids[1]: set(), ids[2]: {"c"}}
        assert [each.labels for each in facts.between(connection, 0, 3).values()] == [("a",), (), ("c",)]
        assert facts.catalogued(connection, [1])[1].labels == ("a",)
        assert facts.labelled_after(connection, 4) == {ids[0], ids[2]}
        assert facts.labelled_after(connection, 6) == set()
        received = facts.receipts(connection, [2, 99])
        assert {seq: (each.id, each.received, each.indexed) for seq, each in received.items()} == {
            2: (ids[1], OLD, True)
        }
