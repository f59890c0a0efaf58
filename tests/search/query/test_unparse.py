"""The canonical text of queries, and trees that no query says."""

from __future__ import annotations

import pytest

from gateway.search.query import MAX_CANONICAL, MAX_TERMS, unparse
from gateway.search.query import parse as parse_at
from gateway.search.query.tree import (
    And,
    Beginning,
    Between,
    Keyword,
    Near,
    Node,
    Not,
    Number,
    Or,
    Phrase,
    Text,
)
from tests.search.query.trees import NOW, ZONE, both, either, fact, no, parse, text

ROWS = [
    ("", ""),
    ("  Late   BUS ", "late bus"),
    ('late AND "bus"', "late bus"),
    ("a | b || c", "a OR b OR c"),
    ("(a b) OR (c)", "a b OR c"),
    ("a (b OR c)", "a (b OR c)"),
    ("NOT a", "-a"),
    ("NOT (a b)", "-(a b)"),
    ("NOT NOT a", "NOT -a"),
    ("o'brien", '"o brien"'),
    ("e-ma*", '"e ma"*'),
    ("practice~", "practice~1"),
    ('"Late Bus"~05', '"late bus"~5'),
    ("with:Bob", "participant:bob"),
    ("with:@X.org", "domain:x.org"),
    ("from:@X.org", "from:@x.org"),
    ("from:(a@x OR b)", "from:a@x OR from:b"),
    ("subject:(late bus) x", "subject:late subject:bus x"),
    ("rule:coach", "rule:coach/*"),
    ("id:<a@b>", "message-id:a@b"),
    ('message-id:"a*"', 'message-id:"a*"'),
    ('message-id:"a b"*', 'message-id:"a b"*'),
    ('person:"Ann  Smith"', 'person:"Ann Smith"'),
    (r'person:"\"Ann\" \\"', r'person:"\"Ann\" \\"'),
    ("larger:5MB", "larger:5MB"),
    ("larger:5000", "larger:5000"),
    ("smaller:1024", "smaller:1KB"),
    ("size:1MB..", "larger:1048575"),
    ("size:0..", "size:0.."),
    ("size:1024", "size:1KB..1KB"),
    ("after:30d", "after:2026-10-24"),
    ("on:2026-11", "on:2026-11-01..2026-11-30"),
    ("on:yesterday", "on:2026-11-22"),
    ("on:..2026-10", "before:2026-11-01"),
    ("date:..2026-10", "date:..2026-10-31"),
    ("date:2026..", "date:2026-01-01.."),
    ("on:2199", "on:2199-01-01..2199-12-31"),
    ("on:..2199", "before:2200-01-01T05:00:00Z"),
    ("after:12h", "after:2026-11-23T07:35:20Z"),
    ("on:2026-11-05T14:30Z", "on:2026-11-05T14:30:00Z..2026-11-05T14:30:59Z"),
    ("on:2026-11-05T14:30:01Z", "on:2026-11-05T14:30:01Z"),
    ("on:2026-11-05T14:30:01.5Z", "on:2026-11-05T14:30:01.500000Z"),
]


@pytest.mark.parametrize(("query", "canonical"), ROWS)
def test_canonical_texts(query: str, canonical: str) -> None:
    assert unparse(parse(query), zone=ZONE) == canonical
    assert parse(canonical) == parse(query)


def test_without_a_zone_every_moment_is_in_full() -> None:
    assert unparse(parse("on:2026-11")) == "on:2026-11-01T04:00:00Z..2026-12-01T04:59:59Z"


@pytest.mark.parametrize(
    "tree",
    [
        Or(()),
        Not(And(())),
        both(text("a"), Or(())),
        either(text("a"), And(())),
        Text(Phrase(())),
        Text(Phrase(("Late",))),
        Text(Phrase(("late bus",))),
        Text(Phrase(("late",), slop=2)),
        Text(Phrase(("late", "bus"), slop=999)),
        Text(Beginning(("a*",))),
        Text(Near("bus", 3)),
        fact("role", "wizard"),
        fact("person", ""),
        fact("message-id", "<a>"),
        Between(Number.SIZE),
        Between(Number.RECEIVED),
        Between(Number.SIZE, 5, 5),
    ],
)
def test_a_tree_that_no_query_says_has_no_text(tree: Node) -> None:
    with pytest.raises(ValueError, match="no query says this tree"):
        unparse(tree)


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (And((text("a"),)), "a"),
        (And((text("a"), And((text("b"), And(()))))), "a b"),
        (Or((Or((text("a"), text("b"))), text("c"))), "a OR b OR c"),
        (no(And((text("a"),))), "-a"),
    ],
)
def test_needless_groups_are_not_written(tree: Node, text: str) -> None:
    assert unparse(tree) == text


@pytest.mark.parametrize(
    "query",
    [
        "on:1d " * MAX_TERMS,
        "a@b OR " * (MAX_TERMS - 1) + "c",
        "-on:(" + "1d " * MAX_TERMS + ")",
        "participant:(" + "@b " * MAX_TERMS + ")",
        ("\ufdfa" * 100 + " ") * 90,  # one letter that folds to eighteen
        "person:(" + '"\\\\\\"a" ' * MAX_TERMS + ")",
        "from:(" + "x@" + "\U0001f600." * 50 + "y " + ")",
    ],
)
def test_the_canonical_text_of_a_long_query_can_be_read(query: str) -> None:
    canonical = unparse(parse(query))
    assert parse_at(canonical, now=NOW, zone=ZONE, limit=MAX_CANONICAL) == parse(query)


def test_every_fact_can_be_written() -> None:
    said = {
        Keyword.ROLE: "coach", Keyword.DIRECTION: "in", Keyword.SEVERITY: "notice", Keyword.STATUS: "open",
        Keyword.OUTCOME: "held", Keyword.HAS: "image", Keyword.SHA256: "0" * 64, Keyword.RULE: "a/b",
        Keyword.LANGUAGE: "en",
    }  # fmt: skip
    for field in Keyword:
        tree = fact(field, said.get(field, "value"))
        assert parse(unparse(tree)) == tree
