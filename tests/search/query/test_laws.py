"""What holds of every query: an answer or an error in its place, the same tree again, and the laws of and, or, not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.message.canonical import canonical_address, domain_of
from gateway.message.words import words
from gateway.search.query import FIELDS, MAX_CANONICAL, QueryError, drawn, explain, unparse
from gateway.search.query import parse as parse_at
from gateway.search.query.keywords import DIRECTIONS, HAS, OUTCOMES, ROLES, SEVERITIES, STATUSES
from gateway.search.query.tree import (
    Address,
    And,
    Beginning,
    Between,
    Domain,
    Is,
    Keyword,
    Name,
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
from tests.search.query.test_queries import ROWS
from tests.search.query.trees import NOW, ZONE, both, either, no, parse

every = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# --- any text ----------------------------------------------------------------------------------

pieces = st.one_of(
    st.sampled_from([f"{field}:" for field in FIELDS]),
    st.sampled_from([*'"“”()|-–*~\\ :.@<>{}\0', "OR", "AND", "NOT", " ", " ", "..", "~2", "* ", '""']),
    st.sampled_from(["2026-11-01", "30d", "5MB", "coach/", "a", "bus", "é", "relayed", "a@x.org", "数学"]),
    st.text(max_size=4),
)
queries = st.lists(pieces, max_size=20).map("".join)


@given(queries)
@every
def test_any_text_gives_a_tree_or_an_error_at_a_place_in_it(query: str) -> None:
    try:
        tree = parse(query)
    except QueryError as error:
        assert 0 <= error.position <= len(query)
        assert error.problem
        assert error.expected
        line, caret, said = drawn(query, error).split("\n")
        assert caret.strip() == "^"
        assert (line + said).isprintable()
    else:
        assert explain(tree, zone=ZONE).isprintable() or "\N{SOFT HYPHEN}" in query or not query.isprintable()


@given(queries, st.sampled_from([None, ZONE]))
@every
def test_the_canonical_text_of_any_query_says_the_same(query: str, zone: tzinfo | None) -> None:
    try:
        tree = parse(query)
    except QueryError:
        assume(False)
    text = unparse(tree, zone=zone)
    assert again(text, zone) == tree
    assert unparse(again(text, zone), zone=zone) == text


def again(text: str, zone: tzinfo | None) -> Node:
    """Read a canonical text at another time, and where it does not depend on it, in another zone."""
    return parse_at(
        text, now=NOW + timedelta(days=77), zone=zone or ZoneInfo("Asia/Tokyo"), limit=MAX_CANONICAL
    )


@pytest.mark.parametrize("query", [query for query, _ in ROWS])
@pytest.mark.parametrize("zone", [None, ZONE])
def test_the_canonical_text_of_every_known_query_says_the_same(query: str, zone: tzinfo | None) -> None:
    assert again(unparse(parse(query), zone=zone), zone) == parse(query)


# --- any tree ----------------------------------------------------------------------------------

found = st.text(max_size=12).map(words).filter(bool).map(lambda each: tuple(each[:4]))
several = st.lists(found, min_size=2, max_size=4).map(lambda each: sum(each, ())[:6])
matches = st.one_of(
    st.builds(Phrase, found),
    st.builds(Phrase, several, st.integers(0, 50)),
    st.builds(Beginning, found),
    st.builds(Near, found.map(lambda each: each[0]).filter(lambda each: len(each) > 4), st.integers(1, 2)),
)
addresses = (
    st.tuples(st.text(min_size=1, max_size=8), st.sampled_from(["x.org", "gmail.com", "bücher.example", "a"]))
    .map(lambda parts: canonical_address("@".join(parts)))
    .filter(lambda text: domain_of(text) != "" and not text.startswith("@") and "<" not in text)
    .filter(lambda text: all(letter.isprintable() for letter in text))
)
domains = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?(\.[a-z]{2,6}){0,2}", fullmatch=True)
# The printable ones, none of which the parser takes away at the ends.
values = (
    st.text(min_size=1, max_size=12)
    .map(lambda text: " ".join("".join(filter(str.isprintable, text)).strip("<>").split()))
    .filter(lambda text: any(map(str.isalnum, text)) and text == text.strip("<> ") and "*" not in text)
)
ids = (
    values.filter(lambda text: "@" not in text).map(str.lower).filter(lambda text: text == text.strip("<> "))
)
moments = st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))
seconds = moments.map(lambda moment: moment.replace(microsecond=0))
midnights = moments.map(
    lambda moment: moment.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
)


@st.composite
def times(draw: st.DrawFn) -> Between:
    low, high = sorted(draw(st.lists(moments | seconds | midnights, min_size=2, max_size=2, unique=True)))
    which = draw(st.sampled_from([(low, high), (low, None), (None, high)]))
    return Between(draw(st.sampled_from([Number.RECEIVED, Number.DATE])), *which)


@st.composite
def sizes(draw: st.DrawFn) -> Between:
    number = st.one_of(st.integers(1, 1 << 40), st.integers(1, 999).map(lambda count: count << 20))
    low, high = sorted(draw(st.lists(number, min_size=2, max_size=2, unique=True)))
    return Between(Number.SIZE, *draw(st.sampled_from([(low, high), (low, None), (None, high), (0, None)])))


def facts(
    field: Keyword, said: st.SearchStrategy[str], prefix: st.SearchStrategy[bool]
) -> st.SearchStrategy[Is]:
    return st.builds(Is, st.just(field), said, prefix)


exactly = st.just(False)
codes = st.from_regex(r"[a-z0-9]{2,8}", fullmatch=True)
is_so = st.one_of(
    facts(Keyword.PERSON, values, st.booleans()),
    facts(Keyword.GROUP, values, st.booleans()),
    facts(Keyword.SCHOOL, values, st.booleans()),
    facts(Keyword.HOLD, values, st.booleans()),
    facts(Keyword.REQUEST, values, st.booleans()),
    facts(Keyword.LABEL, st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}", fullmatch=True), st.booleans()),
    facts(Keyword.ROLE, st.sampled_from(ROLES), exactly),
    facts(Keyword.DIRECTION, st.sampled_from(DIRECTIONS), exactly),
    facts(Keyword.SEVERITY, st.sampled_from(SEVERITIES), exactly),
    facts(Keyword.STATUS, st.sampled_from(STATUSES), exactly),
    facts(Keyword.OUTCOME, st.sampled_from(OUTCOMES), exactly),
    facts(Keyword.HAS, st.sampled_from(HAS), exactly),
    facts(Keyword.RULE, st.from_regex(r"[a-z]{2,8}/[a-z-]{2,8}", fullmatch=True), st.booleans()),
    facts(Keyword.RULE, st.from_regex(r"[a-z]{2,8}/?", fullmatch=True), st.just(True)),
    facts(Keyword.LISTENER, codes, st.booleans()),
    facts(Keyword.DEFECT, codes, st.booleans()),
    facts(Keyword.TYPE, codes, st.booleans()),
    facts(Keyword.LANGUAGE, st.from_regex(r"[a-z]{2}", fullmatch=True), exactly),
    facts(Keyword.SHA256, st.from_regex(r"[0-9a-f]{64}", fullmatch=True), st.booleans()),
    facts(Keyword.SHA256, st.from_regex(r"[0-9a-f]{8}", fullmatch=True), st.just(True)),
    facts(Keyword.THREAD, values, st.booleans()),
    facts(Keyword.MESSAGE_ID, values, st.booleans()),
    facts(Keyword.CONTENT, values, st.booleans()),
    facts(Keyword.ID, ids, st.booleans()),
)
places = st.sampled_from(Place)
leaves = st.one_of(
    st.builds(Text, matches, st.sampled_from(TextField)),
    st.builds(Name, places, matches),
    st.builds(Address, places, addresses),
    st.builds(Domain, places, domains),
    is_so,
    times(),
    sizes(),
)


def groups(node: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Trees as the parser gives them: no group in a group of its kind, none of fewer than two."""
    ands = st.lists(node.filter(lambda each: not isinstance(each, And)), min_size=2, max_size=4)
    ors = st.lists(node.filter(lambda each: not isinstance(each, Or)), min_size=2, max_size=4)
    return st.one_of(
        ands.map(lambda nodes: And(tuple(nodes))),
        ors.map(lambda nodes: Or(tuple(nodes))),
        st.builds(Not, node),
    )


trees = st.recursive(leaves, groups, max_leaves=12) | st.just(And(()))


@given(trees, st.sampled_from([None, ZONE]))
@every
def test_a_tree_written_and_read_is_the_tree(tree: Node, zone: tzinfo | None) -> None:
    assert again(unparse(tree, zone=zone), zone) == tree


@given(trees)
@every
def test_every_tree_is_a_sentence(tree: Node) -> None:
    said = explain(tree, zone=ZONE)
    assert said.endswith(".")
    assert "Between(" not in said
    assert "Phrase(" not in said


# --- and, or, not ------------------------------------------------------------------------------

terms = leaves.map(unparse)


@given(terms, terms, terms)
@every
def test_what_stands_side_by_side_binds_closer_than_or(a: str, b: str, c: str) -> None:
    x, y, z = map(parse, (a, b, c))
    assert parse(f"{a} {b} OR {c}") == parse(f"({a} {b}) OR {c}") == either(both(x, y), z)
    assert parse(f"{a} OR {b} {c}") == parse(f"{a} | ({b} AND {c})") == either(x, both(y, z))
    assert parse(f"{a} ({b} OR {c})") == both(x, either(y, z))


@given(terms, terms)
@every
def test_not_binds_closest(a: str, b: str) -> None:
    x, y = parse(a), parse(b)
    assert parse(f"-{a} {b}") == parse(f"NOT {a} AND {b}") == parse(f"(-{a}) {b}") == both(no(x), y)
    assert parse(f"NOT {a} OR {b}") == either(no(x), y)
    assert parse(f"-({a} {b})") == no(both(x, y))


@given(terms, terms, terms)
@every
def test_where_parentheses_change_nothing_the_tree_is_the_same(a: str, b: str, c: str) -> None:
    assert parse(f"{a} {b} {c}") == parse(f"({a} {b}) {c}") == parse(f"{a} ({b} AND ({c}))")
    assert parse(f"{a} OR {b} OR {c}") == parse(f"({a} OR {b}) | {c}") == parse(f"{a} | ({b} || ({c}))")


@given(st.sampled_from(["subject", "body", "from", "with"]), st.lists(codes, min_size=1, max_size=5))
@every
def test_a_field_before_parentheses_is_a_field_before_each(field: str, said: list[str]) -> None:
    inside = " OR ".join(said)
    outside = " OR ".join(f"{field}:{each}" for each in said)
    assert parse(f"{field}:({inside})") == parse(outside)


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"], exclude_characters='"*\\'), max_size=30)
)
@every
def test_quoting_keeps_any_words_together(said: str) -> None:
    assume(words(said))
    assert parse(f'"{said}"') == Text(Phrase(tuple(words(said))))
