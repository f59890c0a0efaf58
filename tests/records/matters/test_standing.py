"""Which messages are held: on a real archive, catalog and index, and on any documents and questions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, update

from gateway.archive import Reader
from gateway.catalog.reader import Catalog
from gateway.catalog.schema import acts as acts_table
from gateway.catalog.schema import watermark
from gateway.catalog.sqlite import open_writer
from gateway.catalog.store import Store
from gateway.extraction.extractor import Extractor
from gateway.records.matters import CatalogBehind, acts, held, is_held, matters
from gateway.records.matters.standing import covering
from gateway.search.document import Document
from gateway.search.engine import Searcher, Unanswerable
from gateway.search.query import unparse
from gateway.search.query.hiding import may_hide
from gateway.search.query.tree import Node
from gateway.search.tantivy import TantivySearcher
from tests.catalog.conftest import Rows
from tests.cli.installation import OCTOBER
from tests.indexer.test_searching import ANN, COACH, TEACHER, Searched, letter
from tests.records.matters.said import closed, lifted, opened, placed, sequence
from tests.search.generated import corpora, nodes
from tests.search.reference import Reference, holds

INDEX = "data/search"


class Place(Searched):
    """An installation with matters."""

    def __init__(self, folder: Path, extractor: Extractor) -> None:
        super().__init__(folder, extractor)
        self.told: list[str] = []

    def hold(self, name: str, query: str | None, *ids: str) -> str:
        """A matter with one hold; its id."""
        matter = str(uuid4())
        self.note(matter, OCTOBER, acts.opened(name, "", "", "pat", "so"))
        self.note(matter, OCTOBER, acts.placed(1, query, ids, (), "pat", "so"))
        return matter

    def held(self, *seqs: int, index: str = INDEX) -> dict[int, tuple[str, ...]]:
        """What is held of some messages."""
        configured = self.settings.storage
        with (
            closing(Reader(configured.archive)) as reader,
            closing(Catalog(configured.catalog)) as catalog,
            closing(TantivySearcher(self.folder / index)) as searcher,
        ):
            last = reader.last_seq()
            with catalog.connect() as connection:
                found = held(connection, searcher, seqs, last=last, tell=self.told.append)
                for seq in seqs:
                    alone = is_held(connection, searcher, seq, last=last, tell=self.told.append)
                    assert alone == found.get(seq, ())
                return dict(found)


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


@pytest.fixture
def here(tmp_path: Path, extractor: Extractor) -> Place:
    """Two messages: 1 from the teacher, 2 from the coach."""
    made = Place(tmp_path, extractor)
    made.keep_roster()
    made.take(letter("Bus"), ANN, author=TEACHER)
    made.take(letter("Practice"), ANN, author=COACH, at=OCTOBER + timedelta(days=1))
    return made


def test_what_a_hold_covers_is_held(here: Place) -> None:
    here.hold("Doe", "subject:bus")
    here.hold("Roe", "person:s1")
    here.hold("None", "subject:heron")
    here.update(INDEX)
    assert here.held(1, 2) == {1: ("Doe", "Roe"), 2: ("Roe",)}
    assert here.held() == {}
    assert here.told == []


def test_mail_that_comes_later_is_held_and_lifting_frees_what_nothing_else_holds(here: Place) -> None:
    doe = here.hold("Doe", "subject:bus")
    here.hold("Roe", "subject:bus after:2026-10-15T16:00:00Z")
    here.take(letter("Late bus"), ANN, at=OCTOBER + timedelta(days=2))
    here.update(INDEX)
    assert here.held(1, 2, 7) == {1: ("Doe",), 7: ("Doe", "Roe")}
    here.note(doe, OCTOBER, acts.lifted(1, "pat", "settled"))
    here.update(INDEX)
    assert here.held(1, 2, 7) == {7: ("Roe",)}


def test_a_message_that_the_index_does_not_have_is_held_by_each_query(here: Place) -> None:
    """It is not known what it says: nobody could read it, or it is newer than the index."""
    other = here.take(letter("Other"), ANN)
    here.damage(3)
    here.hold("Doe", "subject:heron")
    here.hold("Single", None, other)
    here.hold("Another", None, "00000000-0000-7000-8000-000000000000")
    here.update(INDEX)
    here.take(letter("New"), ANN)
    here.index()
    assert here.held(1, 2, 3, 10) == {3: ("Doe", "Single"), 10: ("Doe",)}
    assert here.held(99) == {99: ("Doe", "Single", "Another")}  # not even the catalog knows it


def test_a_single_message_is_held_whether_or_not_it_is_indexed(here: Place) -> None:
    with closing(Reader(here.settings.storage.archive)) as reader:
        entry = reader.entry(2)
    assert entry is not None
    here.hold("Doe", None, entry.id)
    here.update(INDEX)
    assert here.held(1, 2) == {2: ("Doe",)}


def test_a_hit_may_hide_in_a_part_that_could_not_be_read(here: Place) -> None:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = TEACHER, ANN, "Report"
    message.set_content("See the file.\n")
    message.add_attachment(b"\0\1\2", maintype="application", subtype="octet-stream", filename="report.bin")
    here.take(message.as_bytes(), ANN, author=TEACHER)
    here.hold("Doe", "heron from:tim@harbor.example")
    here.hold("Roe", "heron from:carla@harbor.example")
    here.update(INDEX)
    assert here.held(1, 2, 3) == {3: ("Doe",)}


def test_an_empty_index_frees_nothing(here: Place) -> None:
    here.hold("Doe", "subject:heron")
    here.index()
    from gateway.search.tantivy import TantivyWriter

    TantivyWriter(here.folder / "empty").close()
    assert here.held(1, 2, index="empty") == {1: ("Doe",), 2: ("Doe",)}


def test_a_hold_that_cannot_be_read_holds_everything_loudly(here: Place) -> None:
    here.hold("Doe", "no-such-field:x")
    here.update(INDEX)
    assert here.held(1, 2) == {1: ("Doe",), 2: ("Doe",)}
    assert here.told[0].startswith("hold 1 of the matter “Doe” holds everything, for it cannot be read")


def test_a_hold_that_cannot_be_answered_holds_everything_loudly(here: Place) -> None:
    here.hold("Doe", " OR ".join(f'"{"a b c d e f g h"}"~{slop}' for slop in range(40, 50)))
    here.update(INDEX)
    assert here.held(1, 2) == {1: ("Doe",), 2: ("Doe",)}
    assert "for the index cannot answer it" in here.told[0]


def test_nothing_is_told_while_the_catalog_is_behind(here: Place) -> None:
    here.update(INDEX)
    assert here.held(1) == {}
    here.hold("Doe", "subject:bus")
    with pytest.raises(CatalogBehind, match="up to entry 2, and there are 4"):
        here.held(1)
    here.index()
    assert here.held(1) == {1: ("Doe",)}


# --- any documents and any questions --------------------------------------------------------------------

MOST = 24  # documents are numbered from 1 to this


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A catalog with messages 1 to MOST."""
    made = Store(open_writer(tmp_path_factory.mktemp("store") / "catalog.db"))
    mark, rows = made.prepare(), Rows()
    made.write(rows.batch(MOST, messages=[rows.message(seq) for seq in range(1, MOST + 1)]), mark)
    yield made
    made.close()


def say(connection: Connection, *said: tuple[str, dict[str, object]]) -> None:
    """Let the catalog know acts, as if they were all that was said."""
    rows = [
        {
            "seq": MOST + act.seq,
            "subject": act.subject,
            "event": act.event,
            "at": act.at,
            "document": act.document,
        }
        for act in sequence(*said)
    ]
    if rows:
        connection.execute(insert(acts_table), rows)
    connection.execute(update(watermark).values(position=MOST + len(rows)))


def is_sayable(node: Node) -> bool:
    try:
        unparse(node)
    except ValueError:
        return False
    return "hold:" not in unparse(node)


questions = nodes.filter(is_sayable)


@given(
    corpora(),
    st.lists(st.tuples(st.sampled_from("abc"), questions), max_size=3),
    st.sets(st.integers(1, MOST), max_size=2),
    st.sets(st.integers(1, 3)),
)
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
def test_free_is_only_what_no_standing_hold_could_cover(
    store: Store,
    documents: list[Document],
    placed_by: list[tuple[str, Node]],
    single: set[int],
    lifted_numbers: set[int],
) -> None:
    """The rule, said once more in another way: by document, not by question."""
    index = Reference()
    index.write(documents, MOST)
    by_seq = {document.seq: document for document in documents}
    singles = [f"id-{seq}" for seq in sorted(single)]
    said = [opened(each, each.upper()) for each in "abcd"]
    said += [placed(matter, unparse(node), number=4) for matter, node in placed_by]
    said += [placed("d", None, singles)] if singles else []
    said += [lifted("a", number) for number in sorted(lifted_numbers)] + [closed("c")]
    standing = [(each, hold) for each in matters(sequence(*said)) for hold in each.standing]
    with store.engine.connect() as connection:
        say(connection, *said)
        found = held(connection, index, range(1, MOST + 1), last=MOST, tell=pytest.fail)
        connection.rollback()
    for seq in range(1, MOST + 1):
        names = dict.fromkeys(
            matter.name
            for matter, hold in standing
            if f"id-{seq}" in hold.ids
            or (
                hold.asked is not None
                and (
                    seq not in by_seq
                    or holds(hold.asked, by_seq[seq])
                    or holds(may_hide(hold.asked), by_seq[seq])
                )
            )
        )
        assert found.get(seq, ()) == tuple(names)
    covers = covering(matters(sequence(*said)))
    assert set(index.seqs(covers)) <= found.keys()  # what a search shows as held is held


class Shrinking(Reference):
    """An index that is made anew while it is asked: it forgets everything after a few questions."""

    def __init__(self, questions: int) -> None:
        super().__init__()
        self.left = questions

    def seqs(self, node: Node) -> Iterator[int]:
        if not self.left:
            self.remove(range(MOST + 1))
            self.commit(MOST)
        self.left -= 1
        return super().seqs(node)


@pytest.mark.parametrize("questions", range(4))
def test_an_index_that_is_made_anew_meanwhile_frees_nothing_that_is_held(
    store: Store, questions: int
) -> None:
    index = Shrinking(questions)
    index.write([Document(seq, f"id-{seq}", OCTOBER, subject="bus") for seq in range(1, MOST + 1)], MOST)
    with store.engine.connect() as connection:
        say(connection, opened("a", "Doe"), placed("a", "heron"), placed("a", "bus"), placed("a", "swan"))
        found = held(connection, index, range(1, MOST + 1), last=MOST, tell=pytest.fail)
        connection.rollback()
    assert found == dict.fromkeys(range(1, MOST + 1), ("Doe",))


def test_an_engine_that_fails_frees_nothing(store: Store) -> None:
    class Refusing(Reference):
        def seqs(self, node: Node) -> Iterator[int]:
            raise Unanswerable("too much")

    index: Searcher = Refusing()
    told: list[str] = []
    with store.engine.connect() as connection:
        say(
            connection,
            opened("a", "Doe"),
            placed("a", "heron"),
            opened("b", "Roe"),
            placed("b", None, ["id-2"]),
        )
        found = held(connection, index, [1, 2, *range(100, 2100)], last=MOST, tell=told.append)
        connection.rollback()
    assert (found[1], found[2], found[2099]) == (("Doe",), ("Doe", "Roe"), ("Doe", "Roe"))
    assert told == ["hold 1 of the matter “Doe” holds everything, for the index cannot answer it: too much"]
