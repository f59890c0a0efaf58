"""Whatever is typed: an answer, or an error that points into the text. Never another exception, never a runaway.

Each query goes the whole way: parsed, told back, written in its canonical form, and answered by the engine with counts,
facets, a histogram, a ranking and pages. What single slips of the pen are answered with stands in `test_errors`.
"""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.search.document import Document, Mailbox
from gateway.search.engine import Facet, Histogram, Sort, Step, Unanswerable, Wanted
from gateway.search.query import (
    FIELDS,
    MAX_CANONICAL,
    MAX_OPEN,
    MAX_QUERY,
    QueryError,
    drawn,
    explain,
    unparse,
)
from gateway.search.query import parse as parse_at
from gateway.search.query.tree import Place
from gateway.search.snippet import snippet
from gateway.search.tantivy import TantivySearcher, TantivyWriter
from tests.search.query.trees import NOW, ZONE, parse

LETTERS = string.ascii_lowercase
WANTED = Wanted(
    sort=Sort.RELEVANCE, limit=50, facets=tuple(Facet), facet_values=50, histogram=Histogram(Step.WEEK, ZONE)
)


def document(seq: int, text: str) -> Document:
    return Document(
        seq=seq,
        id=f"{seq:032x}",
        received=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=seq),
        size=len(text),
        subject=" ".join(text.split()[:4]),
        body=text,
        quoted=text[:50],
        attachments=(text[::-1],),
        filenames=(f"{text[:8]}.pdf",),
        mailboxes=(Mailbox(Place.FROM, f"u{seq}@x.org", "x.org", text[:20]),),
        direction="in",
        rules=("coach/one-to-one",),
    )


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TantivySearcher]:
    """Thousands of words, many with each beginning, and some that are as strange as the queries."""
    folder = tmp_path_factory.mktemp("index")
    source = random.Random(1)
    words = ["".join(source.choices(LETTERS + string.digits, k=source.randrange(1, 9))) for _ in range(8_000)]
    texts = [" ".join(source.choices(words, k=100)) for _ in range(200)]
    texts += [
        "the and of to a",
        "a" * 300,
        "é ß ı ǅ ﬁ 数学课 ไทย",
        "(a+)+$ .* [a-z]{9} \\d",
        "",
        "OR AND NOT",
        "\0\x1b[2J\ud800",
    ]
    with closing(TantivyWriter(folder)) as writer:
        writer.write([document(seq, text) for seq, text in enumerate(texts, 1)], len(texts))
    with closing(TantivySearcher(folder)) as found:
        yield found


def ask(searcher: TantivySearcher, query: str) -> str:
    """Ask in every way; what came of it."""
    try:
        tree = parse(query)
    except QueryError as error:
        assert 0 <= error.position <= len(query)
        assert error.problem and error.expected
        line, caret, said = drawn(query, error).split("\n")
        assert caret.strip() == "^"
        assert len(caret) <= 2 * len(line) + 1  # some letters are two wide
        assert (line + said).isprintable()
        return "error"
    assert explain(tree, zone=ZONE).endswith(".")
    again = parse_at(unparse(tree, zone=ZONE), now=NOW, zone=ZONE, limit=MAX_CANONICAL)
    assert again == tree
    assert isinstance(snippet("some text, as good as any", tree, 100), list)
    try:
        page = searcher.search(tree, WANTED)
    except Unanswerable as error:
        assert str(error)
        with pytest.raises(Unanswerable):
            searcher.count(tree)
        return "unanswerable"
    assert page.count == searcher.count(tree) == sum(1 for _ in searcher.seqs(tree))
    assert len(page.hits) == min(page.count, WANTED.limit)
    return "answer"


def times(piece: str, length: int = MAX_QUERY) -> str:
    """A text of exactly this length, of nothing but one piece."""
    return (piece * (length // len(piece) + 1))[:length]


PIECES = [
    "a", "a ", "the ", "bus late ", '"', '" ', '"a" ', '"a b"~50 ', '"a b c"~40 ',
    "(", ")", "() ", "(a ", "(a) ", "-", "- ",
    "-a ", "--a ",
    "NOT ", "NOT a ", "OR ", "a OR ", "a | ", "AND ", "a AND ", "*", "a* ", "ab* ", "*a ", "~",
    "a~ ", "abc~ ", "abcde~2 ",
    ":", "a: ", "from:", "from:a ", "from:a@b.c ", "from:@", "subject:( ",
    "subject:(a) ", "person:x ", "rule:coach ",
    "after:2026 ", "after:1d ", "on:.. ", "size:1..2 ", "larger:1",
    "id:a* ", "sha256:aaaa* ", "has:attachment ",
    "\\", '\\"', "\\\\ ", "(a+)+", "(a|a)*", ".*", ".* ", "[a-z]* ", "(?:x", "x{1,9999} ", "^$ ", "a|b|",
    "\0", "\x1b[2J", "\r\n", "\t", "\x7f", "\u202e", "\u200b",
    "\u200d", "\ufeff", "\ufffe", "\ud800", "\udfff ", "\ud83d\ude00",
    "é", "e\u0301", "\u0301", "ß ", "İ", "ﬃ ", "㍿", "数", "数 ",
    "ไ", "한", "👩\u200d👩\u200d👧", "“", "”", "„a” ", "—", "–a ",
    "{", "}", "<", ">", "<a@b> ", "@", "/", "'", "`", ";", ",",
    "..", "%00", "&", "$", "0", "9 ", "-1 ", "1e999 ",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_as_long_as_a_query_may_be_and_longer(searcher: TantivySearcher, piece: str) -> None:
    for length in (1, 2, 50, MAX_QUERY):
        ask(searcher, times(piece, length))
    ask(searcher, piece * (MAX_QUERY // len(piece)))  # none of them cut
    for length in (MAX_QUERY + 1, 100_000):
        assert ask(searcher, times(piece, length)) == "error"


@pytest.mark.parametrize("letter", LETTERS + string.digits)
def test_the_beginning_of_many_words(searcher: TantivySearcher, letter: str) -> None:
    assert ask(searcher, f"{letter}*") == "answer"
    assert ask(searcher, f"-{letter}*") == "answer"
    assert ask(searcher, f"subject:{letter}* OR from:{letter}* OR filename:{letter}*") == "answer"
    ask(searcher, f'"a {letter}"*')


def test_all_beginnings_at_once(searcher: TantivySearcher) -> None:
    ask(searcher, " ".join(f"{letter}*" for letter in LETTERS))
    ask(searcher, " OR ".join(f"{letter}*" for letter in LETTERS))
    ask(searcher, "".join(f"-{letter}* " for letter in LETTERS))


@pytest.mark.parametrize("joined", [" ", " OR "])
def test_many_beginnings(searcher: TantivySearcher, joined: str) -> None:
    pairs = [f"{one}{two}*" for one in LETTERS for two in LETTERS + string.digits]
    assert ask(searcher, joined.join(pairs[:MAX_OPEN])) == "answer"
    assert ask(searcher, joined.join(pairs[: MAX_OPEN + 1])) == "error"
    assert ask(searcher, joined.join(pairs * 2)) == "error"  # too long as well


@pytest.mark.parametrize("joined", [" ", " OR "])
def test_many_words_with_slips(searcher: TantivySearcher, joined: str) -> None:
    words = [f"{one}{two}cde~2" for one in LETTERS for two in LETTERS]
    assert ask(searcher, joined.join(words[:MAX_OPEN])) == "answer"
    assert ask(searcher, joined.join(words)) == "error"


@pytest.mark.parametrize("slop", [0, 1, 5, 49, 50])
@pytest.mark.parametrize("words", [2, 3, 5, 50, 900])
def test_words_far_from_each_other(searcher: TantivySearcher, slop: int, words: int) -> None:
    said = " ".join(LETTERS[number % 26] for number in range(words))
    ask(searcher, f'"{said}"~{slop}')
    ask(searcher, f'subject:"{said}"~{slop} OR "{said}"* -"{said}"')


@pytest.mark.parametrize("around", ["()", "-()", "NOT ()", "subject:()", "a ()", "() OR a", "-(-())"])
def test_within_each_other(searcher: TantivySearcher, around: str) -> None:
    """As deep as is allowed is answered; deeper is told."""
    told = {}
    for depth in (1, 10, 24, 25, 49, 50, 51, 1000):
        query = "a"
        for _ in range(depth):
            query = around.replace("()", f"({query})")
        told[depth] = ask(searcher, query[:20_000])
    if around != "subject:()":  # a field within a field is none
        assert told[1] == told[10] == "answer"
    assert told[1000] == "error"


PATTERNS = [
    "(a+)+$", "(a|aa)+$", "(.*a){25}", "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(x+x+)+y", "([a-zA-Z]+)*", "a{1,65535}{1,65535}",
    "[[:alpha:]]*", "\\w+\\s*", "(?=a)*", "(?P<n>a)(?P=n)", "\\1\\2",
    "[^]", "[", "x*y*z*", "a?b?c?", "%s%n", "${x}", "$(x)",
    "'; DROP TABLE messages; --", "<script>", "../../etc/passwd",
    "a\\", "a\\*", "\\*", "*:*", "_exists_:a", "[a TO b]",
    "a^2", "a~0.5", "+a", "&&", "a && b", "a || b", "!a", "body:/a.*/",
    "NEAR(a b, 5)", "a NEAR/5 b", "a w/5 b", "{!raw}",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_languages_of_others(searcher: TantivySearcher, pattern: str) -> None:
    for query in (
        pattern,
        f'"{pattern}"',
        f"subject:{pattern}",
        f"({pattern})",
        f"-{pattern}",
        f"{pattern}*",
        pattern * 99,
    ):
        ask(searcher, query)


@pytest.mark.parametrize(
    "query", ["the", "the and", '"the and of"', "the -the", "a OR the", '"to a"~5', "subject:the of"]
)
def test_words_that_others_leave_out_are_words(searcher: TantivySearcher, query: str) -> None:
    assert ask(searcher, query) == "answer"
    if "-" not in query:
        assert searcher.count(parse(query)) >= 1


# --- anything out of nasty pieces ----------------------------------------------------------------

nasty = st.one_of(
    st.sampled_from(PIECES),
    st.sampled_from(PATTERNS),
    st.sampled_from([f"{field}:" for field in FIELDS]),
    st.sampled_from(
        ["a b", "coach/one-to-one", "x.org", "u1@x.org", "2026-11-01", "2026-11..", "30d", "5MB", "~50", "~2"]
    ),
    st.characters(),  # surrogates too
)
some = st.lists(nasty, max_size=12).map("".join)
grown = st.recursive(
    some,
    lambda inner: st.one_of(
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-({text})"),
        inner.map(lambda text: f'"{text}"'),
        inner.map(lambda text: f"subject:({text})"),
        st.tuples(inner, st.sampled_from([" ", " OR ", " AND ", " -", " NOT ", "|", ""]), inner).map("".join),
        st.tuples(inner, st.integers(2, 60)).map(lambda pair: pair[0] * pair[1]),
    ),
    max_leaves=6,
)


@given(query=grown)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_anything(searcher: TantivySearcher, query: str) -> None:
    ask(searcher, query)
