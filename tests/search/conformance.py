"""What every search engine must do; see `gateway.search.engine`.

A test file of an engine derives a class from `Conformance` and says how one is made; pytest then runs all of this
against it. Answers are compared with those of `tests.search.reference`, which looks at every document.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.message.words import words
from gateway.search.document import Document, Mailbox, Named
from gateway.search.engine import (
    DEPTH,
    PAGE,
    WORD_LETTERS,
    BadCursor,
    Collapse,
    Facet,
    Histogram,
    IndexLocked,
    Searcher,
    Sort,
    Step,
    Unanswerable,
    Wanted,
    Writer,
)
from gateway.search.query.tree import (
    Address,
    And,
    Beginning,
    Between,
    Domain,
    Is,
    Keyword,
    Near,
    Node,
    Not,
    Number,
    Or,
    Phrase,
    Place,
    Text,
    TextField,
)
from tests.search.generated import corpora, nodes
from tests.search.reference import Reference, differ

EVERYTHING = And(())
BOSTON = ZoneInfo("America/New_York")
# Many small indexes are made here; a disk that syncs each of them takes minutes.
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)

thorough = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Engine:
    """One index, open."""

    writer: Writer
    searcher: Searcher

    def found(self, node: Node) -> list[int]:
        return list(self.searcher.seqs(node))


def word(text: str, field: TextField = TextField.ANY) -> Text:
    return Text(Phrase((text,)), field)


def letter(seq: int, **fields: object) -> Document:
    return replace(Document(seq, f"id-{seq}", NOON + timedelta(minutes=seq)), **fields)  # type: ignore[arg-type]


def alike(document: Document, key: str) -> Document:
    """A document that says the same as all others with this key."""
    return replace(document, content_id=key, text_id=key, origin_id=key)


def pages(searcher: Searcher, node: Node, wanted: Wanted) -> Iterator[list[int]]:
    """The sequence numbers on each page."""
    while True:
        page = searcher.search(node, wanted)
        yield [hit.seq for hit in page.hits]
        if page.cursor is None:
            return
        assert page.cursor != wanted.cursor, "the same page again"
        wanted = replace(wanted, cursor=page.cursor)


class Conformance:
    """Derive from this, and say how an engine is opened."""

    def open(self, folder: Path) -> AbstractContextManager[Engine]:
        """The engine whose data is in a folder; made when there is none."""
        raise NotImplementedError

    @contextmanager
    def fresh(self) -> Iterator[Engine]:
        with TemporaryDirectory(dir=IN_MEMORY) as folder, self.open(Path(folder)) as engine:
            yield engine

    # --- equal to the reference -----------------------------------------------------------------

    @thorough
    @given(corpora(), st.lists(nodes, min_size=1, max_size=25))
    def test_finds_what_the_reference_finds(self, corpus: list[Document], asked: list[Node]) -> None:
        with self.fresh() as engine:
            reference = Reference()
            for each in (engine.writer, reference):
                each.write(corpus, 100)
            for node in asked:
                assert engine.found(node) == list(reference.seqs(node)), node
                assert engine.searcher.count(node) == reference.count(node)

    @thorough
    @given(
        corpora(12),
        nodes,
        st.builds(
            Wanted,
            sort=st.sampled_from(Sort),
            limit=st.integers(0, 5),
            facets=st.just(tuple(Facet)),
            facet_values=st.just(1000),
            histogram=st.none() | st.builds(Histogram, st.sampled_from(Step), st.sampled_from([UTC, BOSTON])),
            collapse=st.none() | st.sampled_from(Collapse),
        ),
    )
    def test_pages_are_the_references(self, corpus: list[Document], node: Node, wanted: Wanted) -> None:
        with self.fresh() as engine:
            reference = Reference()
            for each in (engine.writer, reference):
                each.write(corpus, 100)
            while True:
                page, right = engine.searcher.search(node, wanted), reference.search(node, wanted)
                assert (page.hits, page.count, page.position) == (right.hits, right.count, right.position)
                assert page.facets == right.facets
                assert page.histogram == right.histogram
                assert (page.cursor is None) == (right.cursor is None)
                if page.cursor is None:
                    return
                wanted = replace(wanted, cursor=page.cursor)

    @thorough
    @given(st.lists(st.tuples(corpora(5), st.sets(st.integers(1, 15), max_size=3)), max_size=4), nodes)
    def test_replacing_and_removing(self, batches: list[tuple[list[Document], set[int]]], node: Node) -> None:
        with self.fresh() as engine:
            reference = Reference()
            for number, (corpus, removed) in enumerate(batches):
                for each in (engine.writer, reference):
                    each.add(corpus)
                    each.remove(removed)
                    each.commit(100 + number)
                assert engine.found(EVERYTHING) == list(reference.seqs(EVERYTHING))
                assert engine.found(node) == list(reference.seqs(node))
                assert engine.searcher.position() == engine.writer.position() == 100 + number

    # --- words ----------------------------------------------------------------------------------

    @thorough
    @given(st.text(max_size=60), st.text(max_size=60))
    @example("ﬁn\u0345de ΑΣ ας İi ß\u0301 \ud800 \x1c١٢ ㊀① क्ष한글\u1100\u1161 <\u0338", "x_y\x00z")
    def test_a_text_is_found_by_its_words(self, one: str, other: str) -> None:
        with self.fresh() as engine:
            engine.writer.write([letter(1, body=one, attachments=(one, other)), letter(2)], 2)
            folded = words(one)
            for each in folded:
                assert engine.found(word(each)) == [1]
                assert engine.found(Text(Beginning((each[:1],)))) == [1]
            for pair in pairwise(folded):
                assert engine.found(Text(Phrase(pair), TextField.NEW)) == [1]
                assert engine.found(Text(Phrase(pair), TextField.ATTACHMENT)) == [1]
            whole = Text(Phrase(tuple(folded)), TextField.NEW)
            assert engine.found(whole) == ([1] if folded else [])

    @pytest.mark.parametrize("letters", [40, 41, 250, WORD_LETTERS, WORD_LETTERS + 1, 70_000])
    @pytest.mark.parametrize("alphabet", ["ab", "é", "ж"])
    def test_no_word_is_lost_for_its_length(self, letters: int, alphabet: str) -> None:
        long = (alphabet * letters)[:letters]
        with self.fresh() as engine:
            engine.writer.write([letter(1, body=f"before {long} after")], 1)
            (folded,) = words(long)
            assert engine.found(word(folded)) == [1]
            assert engine.found(Text(Beginning((folded[: min(letters, WORD_LETTERS) - 1],)))) == [1]
            assert engine.found(Text(Phrase(("before", folded, "after")))) == [1]

    def test_no_phrase_from_one_text_into_the_next(self) -> None:
        with self.fresh() as engine:
            boxes = (
                Mailbox(Place.TO, "x@y.org", "y.org", "Ann"),
                Mailbox(Place.TO, "z@y.org", "y.org", "Bob"),
            )
            engine.writer.write(
                [letter(1, attachments=("field", "trip"), quoted="left", hidden="right", mailboxes=boxes)], 1
            )
            for slop in (0, 3, 50):
                assert engine.found(Text(Phrase(("field", "trip"), slop))) == []
                assert engine.found(Text(Phrase(("left", "right"), slop))) == []
            assert engine.found(Text(Phrase(("field",)))) == [1]

    def test_words_in_their_order_only(self) -> None:
        with self.fresh() as engine:
            engine.writer.write([letter(1, body="trip to the field"), letter(2, body="field a b trip")], 2)
            assert engine.found(Text(Phrase(("field", "trip"), 2))) == [2]
            assert engine.found(Text(Phrase(("field", "trip"), 1))) == []
            assert engine.found(Text(Phrase(("trip", "field"), 9))) == [1]

    def test_a_beginning_that_many_words_have(self) -> None:
        with self.fresh() as engine:
            engine.writer.write([letter(n, body=f"room w{n:04}") for n in range(1, 2001)], 2000)
            assert engine.searcher.count(Text(Beginning(("w",)))) == 2000
            assert engine.searcher.count(Text(Beginning(("room", "w")))) == 2000
            assert engine.searcher.count(Text(Beginning(("room", "w00")))) == 99
            assert engine.searcher.count(Text(Near("w0100", 1))) == sum(
                differ("w0100", f"w{n:04}") <= 1 for n in range(1, 2001)
            )

    # --- pages ----------------------------------------------------------------------------------

    @pytest.mark.parametrize("sort", Sort)
    @pytest.mark.parametrize("collapse", [None, *Collapse])
    def test_pages_hold_while_mail_arrives(self, sort: Sort, collapse: Collapse | None) -> None:
        def made(seq: int, moment: datetime = NOON) -> Document:
            subject = "trip" if seq % 3 else ""
            return alike(letter(seq, received=moment, subject=subject, body="trip"), f"c{seq}")

        with self.fresh() as engine:
            engine.writer.write([made(seq) for seq in range(1, 31)], 30)
            seen, later = [], 30
            for page in pages(engine.searcher, word("trip"), Wanted(sort, limit=4, collapse=collapse)):
                seen += page
                later += 2
                copy = alike(made(later, NOON + timedelta(1)), f"c{later % 30 + 1}")
                engine.writer.write([copy, made(later - 1, NOON - timedelta(1))], later)
            assert sorted(seen) == list(range(1, 31))

    def test_a_page_after_pages_tells_the_first_ones_counts(self) -> None:
        with self.fresh() as engine:
            engine.writer.write([letter(seq, rules=("r",)) for seq in range(1, 6)], 5)
            wanted = Wanted(limit=2, facets=(Facet.RULE,))
            first = engine.searcher.search(EVERYTHING, wanted)
            engine.writer.write([letter(6, rules=("r",))], 6)
            second = engine.searcher.search(EVERYTHING, replace(wanted, cursor=first.cursor))
            assert (second.count, second.facets, second.position) == (
                first.count,
                first.facets,
                first.position,
            )

    def test_the_most_frequent_values_of_a_facet(self) -> None:
        with self.fresh() as engine:
            engine.writer.write(
                [letter(n * n + m, types=(f"t{n}",)) for n in range(1, 9) for m in range(n)], 99
            )
            page = engine.searcher.search(EVERYTHING, Wanted(facets=(Facet.TYPE,), facet_values=3))
            assert [(each.value, each.count) for each in page.facets[Facet.TYPE]] == [
                ("t8", 8),
                ("t7", 7),
                ("t6", 6),
            ]

    def test_a_facet_is_exact_over_many_commits(self) -> None:
        with self.fresh() as engine:
            for batch in range(6):  # the same value is never among the first of a batch, and the first of all
                base = batch * 1000
                made = [
                    letter(base + n, types=(f"{batch}-{n // 3}" if n < 300 else "common",))
                    for n in range(1, 303)
                ]
                engine.writer.write(made, base + 1000)
            page = engine.searcher.search(EVERYTHING, Wanted(facets=(Facet.TYPE,), facet_values=1))
            assert [(each.value, each.count) for each in page.facets[Facet.TYPE]] == [("common", 18)]

    @pytest.mark.parametrize("text", ["", "x", "W10", "WyJuZXdlc3QiLDEsMl0", "é", "bnVsbA", "A" * 10_000])
    def test_a_cursor_that_is_none(self, text: str) -> None:
        with self.fresh() as engine, pytest.raises(BadCursor):
            engine.searcher.search(EVERYTHING, Wanted(cursor=text))

    def test_a_cursor_of_another_sorting(self) -> None:
        with self.fresh() as engine:
            engine.writer.write([letter(1), letter(2)], 2)
            cursor = engine.searcher.search(EVERYTHING, Wanted(limit=1)).cursor
            with pytest.raises(BadCursor):
                engine.searcher.search(EVERYTHING, Wanted(Sort.OLDEST, cursor=cursor))

    def test_days_are_those_of_the_place(self) -> None:
        with self.fresh() as engine:
            moments = [datetime(2026, 3, 8, 4, 59, tzinfo=UTC), datetime(2026, 3, 9, 3, 59, tzinfo=UTC)]
            engine.writer.write([letter(n + 1, received=moment) for n, moment in enumerate(moments)], 2)
            wanted = Wanted(histogram=Histogram(Step.DAY, BOSTON))
            bars = engine.searcher.search(EVERYTHING, wanted).histogram
            # March 8 has 23 hours: clocks go forward.
            told = [(f"{bar.start:%m-%d %H:%M %z}", bar.count) for bar in bars]
            assert told == [("03-07 00:00 -0500", 1), ("03-08 00:00 -0500", 1)]
            assert f"{bars[-1].end:%m-%d %z}" == "03-09 -0400"

    def test_a_stream_sees_one_moment(self) -> None:
        with self.fresh() as engine:
            engine.writer.write([letter(seq) for seq in range(1, 50)], 50)
            stream = engine.searcher.seqs(EVERYTHING)
            engine.writer.write([letter(60)], 60)
            engine.writer.remove([5])
            engine.writer.commit(60)
            assert list(stream) == list(range(1, 50))

    # --- questions beyond reason ----------------------------------------------------------------

    def test_parentheses_within_each_other(self) -> None:
        def nested(depth: int) -> Node:
            node: Node = word("trip")
            for level in range(depth):
                node = (Not(node), And((node, word("x"))), Or((node,)))[level % 3]
            return node

        with self.fresh() as engine:
            engine.searcher.count(nested(DEPTH - 1))
            for depth in (2 * DEPTH, 900):
                for sort in Sort:
                    with pytest.raises(Unanswerable):
                        engine.searcher.search(nested(depth), Wanted(sort))

    @pytest.mark.parametrize(
        "match", [Phrase(("a", "b"), 51), Phrase(("a",) * 6, 20), Phrase(("a", "b"), 10**9), Near("word", 3)]
    )
    def test_too_loose(self, match: Phrase | Near) -> None:
        with self.fresh() as engine, pytest.raises(Unanswerable):
            engine.searcher.count(Text(match))

    @pytest.mark.parametrize(
        "node",
        [
            Or(()),
            Text(Phrase(())),
            Text(Beginning(())),
            Text(Phrase(("...",))),
            Text(Beginning((".*", "(", "[a-z]*"))),
            Is(Keyword.ID, ""),
            Domain(Place.FROM, ""),
            Between(Number.SIZE, 5, 5),
            Between(Number.SIZE, 6, 5),
        ],
    )
    def test_holds_never(self, node: Node) -> None:
        with self.fresh() as engine:
            engine.writer.write([letter(1, body="abc", size=5)], 1)
            assert engine.found(node) == []
            assert engine.found(Not(node)) == [1]

    @pytest.mark.parametrize(
        "wanted", [Wanted(limit=-1), Wanted(limit=PAGE + 1), Wanted(limit=10**12), Wanted(facet_values=-1)]
    )
    def test_pages_of_no_size(self, wanted: Wanted) -> None:
        with self.fresh() as engine, pytest.raises(Unanswerable):
            engine.searcher.search(EVERYTHING, wanted)

    def test_the_longest_page(self) -> None:
        with self.fresh() as engine:
            engine.writer.write([alike(letter(seq), str(seq % 3)) for seq in range(1, 101)], 100)
            page = engine.searcher.search(EVERYTHING, Wanted(limit=PAGE, facet_values=PAGE))
            assert (len(page.hits), page.cursor) == (100, None)
            for collapse in Collapse:
                wanted = Wanted(limit=2, collapse=collapse)
                page = engine.searcher.search(EVERYTHING, wanted)
                assert [(hit.seq, hit.also) for hit in page.hits] == [(100, 33), (99, 32)]
                page = engine.searcher.search(EVERYTHING, replace(wanted, cursor=page.cursor))
                assert ([(hit.seq, hit.also) for hit in page.hits], page.cursor) == ([(98, 32)], None)

    def test_what_is_no_text(self) -> None:
        """Half of a surrogate pair, and octets that no text should have."""
        with self.fresh() as engine:
            odd = "\ud800\x00\n"
            box = Mailbox(Place.FROM, f"{odd}@x.org", "x.org", odd)
            engine.writer.write([letter(1, thread=odd, subject=f"{odd}trip", mailboxes=(box,)), letter(2)], 2)
            assert engine.found(Is(Keyword.THREAD, odd)) == [1]
            assert engine.found(Is(Keyword.THREAD, odd[:1], prefix=True)) == [1]
            assert engine.found(Address(Place.PARTICIPANT, f"{odd}@x.org")) == [1]
            assert engine.found(Domain(Place.FROM, odd)) == []
            assert engine.found(word(f"{odd}trip")) == [1]

    def test_very_many_words(self) -> None:
        with self.fresh() as engine:
            engine.writer.write([letter(1, body="w4999")], 1)
            assert engine.found(Or(tuple(word(f"w{n}") for n in range(5000)))) == [1]
            assert engine.found(And(tuple(Not(word(f"w{n}")) for n in range(4999)))) == [1]
            assert engine.found(Text(Phrase(tuple(f"w{n}" for n in range(3000))))) == []

    # --- alike ----------------------------------------------------------------------------------

    @thorough
    @given(corpora(12), nodes, st.sampled_from(Sort), st.sampled_from(Collapse), st.integers(1, 5))
    def test_nothing_is_lost_in_collapsing(
        self, corpus: list[Document], node: Node, sort: Sort, collapse: Collapse, limit: int
    ) -> None:
        with self.fresh() as engine:
            engine.writer.write(corpus, 100)
            wanted = Wanted(sort, limit=limit, collapse=collapse)
            told = 0
            while True:
                page = engine.searcher.search(node, wanted)
                told += sum(1 + hit.also for hit in page.hits)
                if page.cursor is None:
                    break
                wanted = replace(wanted, cursor=page.cursor)
            assert told == page.count == engine.searcher.count(node)

    def test_what_each_way_of_collapsing_joins(self) -> None:
        with self.fresh() as engine:
            engine.writer.write(
                [
                    letter(1, content_id="c1", text_id="t1", origin_id="t1"),
                    letter(2, content_id="c1", text_id="t1", origin_id="t1"),  # another transaction
                    letter(3, content_id="c3", text_id="t1", origin_id="t1"),  # sent again
                    letter(4, content_id="c4", text_id="t4", origin_id="t1"),  # forwarded with a comment
                    letter(5, content_id="c5", text_id="t4", origin_id="t1"),  # that sent again
                    letter(6, content_id="c6", text_id="t6", origin_id="t4"),  # no text of any other
                    letter(7),
                    letter(8),  # what has no key is like nothing
                ],
                8,
            )
            told = {
                collapse: [
                    (hit.seq, hit.also)
                    for hit in engine.searcher.search(EVERYTHING, Wanted(Sort.OLDEST, collapse=collapse)).hits
                ]
                for collapse in Collapse
            }
            assert told == {
                Collapse.MESSAGE: [(1, 1), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0)],
                Collapse.TEXT: [(1, 2), (4, 1), (6, 0), (7, 0), (8, 0)],
                Collapse.FORWARDS: [(1, 4), (6, 0), (7, 0), (8, 0)],
            }

    def test_legal_matters_and_requests_by_name(self) -> None:
        with self.fresh() as engine:
            engine.writer.write(
                [
                    letter(1, holds=("Doe v. Harbor", "Bus 12")),
                    letter(2, requests=("2026-17 Écoles",)),
                    letter(3, holds=("Doe v. Harbor II",), requests=("2026-18",)),
                    letter(4, subject="Doe v. Harbor", thread="Bus 12", groups=(Named("2026-17"),)),
                ],
                4,
            )
            assert engine.found(Is(Keyword.HOLD, "DOE v.  harbor")) == [1]
            assert engine.found(Is(Keyword.HOLD, "doe", prefix=True)) == [1, 3]
            assert engine.found(Is(Keyword.HOLD, "doe")) == []
            assert engine.found(Is(Keyword.HOLD, "bus 12")) == [1]
            assert engine.found(Is(Keyword.REQUEST, "2026-17 ecoles")) == [2]
            assert engine.found(Is(Keyword.REQUEST, "2026", prefix=True)) == [2, 3]
            assert engine.found(Not(Is(Keyword.HOLD, "doe", prefix=True))) == [2, 4]

    def test_similar_messages(self) -> None:
        trip = "The third grade goes to the aquarium on Friday with lunch boxes and permission slips"
        with self.fresh() as engine:
            others = [letter(n, body=f"The minutes of meeting number {n} on Friday") for n in range(10, 40)]
            near = letter(2, body="Permission slips for the aquarium: third grade, bring lunch boxes")
            engine.writer.write([letter(1, body=trip), near, *others], 40)
            assert [hit.seq for hit in engine.searcher.similar(letter(1, body=trip), 5)][:1] == [2]
            assert 1 not in [hit.seq for hit in engine.searcher.similar(letter(1, body=trip))]
            assert list(engine.searcher.similar(letter(1))) == []

    # --- commits --------------------------------------------------------------------------------

    def test_nothing_before_the_commit(self) -> None:
        with self.fresh() as engine:
            engine.writer.write([letter(1)], 1)
            engine.writer.add([letter(2), letter(1, body="new")])
            engine.writer.remove([1])
            assert (engine.found(EVERYTHING), engine.searcher.position()) == ([1], 1)
            engine.writer.commit(7)
            assert (engine.found(EVERYTHING), engine.searcher.position()) == ([2], 7)

    def test_positions_go_forward(self) -> None:
        with self.fresh() as engine:
            engine.writer.write([letter(5)], 5)
            with pytest.raises(ValueError, match="position"):
                engine.writer.commit(4)
            with pytest.raises(ValueError, match="position"):
                engine.writer.write([letter(6)], 5)

    def test_all_is_there_when_opened_again(self, tmp_path: Path) -> None:
        with self.open(tmp_path) as engine:
            engine.writer.write([letter(1, body="one"), letter(2, body="two")], 3)
            engine.writer.add([letter(4)])
        with self.open(tmp_path) as engine:
            assert (engine.found(EVERYTHING), engine.searcher.position(), engine.writer.position()) == (
                [1, 2],
                3,
                3,
            )
            engine.writer.write([letter(2, body="three")], 4)
            assert (engine.found(word("two")), engine.found(word("three"))) == ([], [2])

    def test_an_empty_index(self) -> None:
        with self.fresh() as engine:
            assert (engine.found(EVERYTHING), engine.found(Not(word("x"))), engine.searcher.position()) == (
                [],
                [],
                0,
            )
            wanted = Wanted(Sort.RELEVANCE, facets=tuple(Facet), histogram=Histogram(Step.DAY, UTC))
            page = engine.searcher.search(EVERYTHING, wanted)
            assert (page.hits, page.count, page.cursor, page.histogram) == ((), 0, None, ())

    def test_one_writer(self, tmp_path: Path) -> None:
        with self.open(tmp_path) as engine:
            engine.writer.write([letter(1)], 1)
            with pytest.raises(IndexLocked), self.open(tmp_path):
                pass
            engine.writer.write([letter(2)], 2)
            assert engine.found(EVERYTHING) == [1, 2]
