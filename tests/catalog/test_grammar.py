"""The query language."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.grammar import (
    FIELDS,
    MAX_CLAUSES,
    MAX_QUERY,
    AddressIs,
    And,
    DomainIs,
    Field,
    Node,
    Not,
    Pattern,
    Phrase,
    QueryError,
    Text,
    parse,
)


@pytest.mark.parametrize(
    ("query", "nodes"),
    [
        ("", []),
        ("   \t\n", []),
        ("practice", [Text(Phrase(("practice",)))]),
        ("late bus", [Text(Phrase(("late",))), Text(Phrase(("bus",)))]),
        ('"late bus"', [Text(Phrase(("late", "bus")))]),
        ("one-to-one", [Text(Phrase(("one", "to", "one")))]),
        ("pract*", [Text(Phrase(("pract",), prefix=True))]),
        ('"late bu"*', [Text(Phrase(("late", "bu"), prefix=True))]),
        ("-practice", [Not(Text(Phrase(("practice",))))]),
        ("5:30", [Text(Phrase(("5", "30")))]),
        ("from:alice@x.org", [Field("from", AddressIs("alice@x.org"))]),
        ("from:Alice+news@X.ORG", [Field("from", AddressIs("alice@x.org"))]),
        ("FROM:alice@x.org", [Field("from", AddressIs("alice@x.org"))]),
        ("to:@Lists.X.org", [Field("to", DomainIs("lists.x.org"))]),
        ("to:bob", [Field("to", Phrase(("bob",)))]),
        ('with:"Bob Émile"', [Field("with", Phrase(("bob", "emile")))]),
        ("-cc:bob@x.org", [Not(Field("cc", AddressIs("bob@x.org")))]),
        (r'subject:"the \"late\" bus"', [Field("subject", Phrase(("the", "late", "bus")))]),
        ("subject:Straße", [Field("subject", Phrase(("strasse",)))]),
        ("rule:coach/one-to-one", [Field("rule", Pattern("coach/one-to-one"))]),
        ("rule:coach/*", [Field("rule", Pattern("coach/", prefix=True))]),
        ("rule:coach", [Field("rule", Pattern("coach/", prefix=True))]),
        ("severity:Violation", [Field("severity", Pattern("violation"))]),
        ("outcome:pending", [Field("outcome", Pattern("pending"))]),
        ("role:journal", [Field("role", Pattern("journal"))]),
        ("listener:inbound", [Field("listener", Pattern("inbound"))]),
        ("has:finding", [Field("has", Pattern("finding"))]),
        ("id:<a.b@x>", [Field("id", Pattern("a.b@x"))]),
        ("after:2026-11-01", [Field("after", date(2026, 11, 1))]),
        ('before:"2026-11-30"', [Field("before", date(2026, 11, 30))]),
        (
            "from:alice@x to:bob subject:word rule:coach/one-to-one outcome:relayed after:2026-11-01 "
            "before:2026-11-30 has:finding free words",
            [
                Field("from", AddressIs("alice@x")),
                Field("to", Phrase(("bob",))),
                Field("subject", Phrase(("word",))),
                Field("rule", Pattern("coach/one-to-one")),
                Field("outcome", Pattern("relayed")),
                Field("after", date(2026, 11, 1)),
                Field("before", date(2026, 11, 30)),
                Field("has", Pattern("finding")),
                Text(Phrase(("free",))),
                Text(Phrase(("words",))),
            ],
        ),
    ],
)
def test_queries(query: str, nodes: list[Node]) -> None:
    assert parse(query) == And(tuple(nodes))


@pytest.mark.parametrize(
    ("query", "position", "says"),
    [
        ("form:alice", 0, "unknown field 'form:'; expected one of from:, to:,"),
        ("bus Re:practice", 4, "unknown field 'Re:'"),
        ("from:", 5, "nothing after 'from:'; expected a value right after the colon"),
        ("from: alice", 5, "nothing after 'from:'"),
        ("from:@", 5, "'@' has no domain; expected user@domain, @domain or a name"),
        ("from:bob@", 5, "'bob@' has no domain"),
        ('a "late bus', 2, 'a quote that is never closed; expected a closing "'),
        ('subject:"late"bus', 14, "text right after a closing quote; expected a blank"),
        ('late"bus"', 4, "a quote within a word"),
        ("a - b", 2, 'a "-" that negates nothing'),
        ("--a", 0, 'a "-" that negates nothing'),
        ("-", 0, 'a "-" that negates nothing'),
        ("!!!", 0, "nothing to look for in '!!!'; expected at least one letter or digit"),
        ('subject:""', 8, "nothing to look for in ''"),
        ("outcome:delivered", 8, "unknown value 'delivered'; expected one of pending, relayed"),
        ("severity:bad", 9, "expected one of violation, advisory, notice"),
        ("has:cheese", 4, "expected one of finding, attachment, defect"),
        ("after:yesterday", 6, "'yesterday' is no date; expected a day as YYYY-MM-DD"),
        ("after:2026-02-30", 6, "'2026-02-30' is no date (day is out of range for month)"),
        ("after:0001-01-01", 6, "out of range"),
        ("rule:coach/one/two", 5, "is no rule id; expected a rule such as coach/one-to-one"),
        ("listener:?", 9, "is no listener"),
        ("a\0b", 1, "unreadable character '\\x00'; expected text"),
        ("a \udcff", 2, "unreadable character"),
        ("x" * 1001, 0, "the words are too long"),
        ("x" * (MAX_QUERY + 1), MAX_QUERY, "the query is too long"),
        ("x " * (MAX_CLAUSES + 1), 2 * MAX_CLAUSES, "too many clauses"),
    ],
)
def test_what_cannot_be_read_says_where_and_what_was_expected(query: str, position: int, says: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert caught.value.position == position
    assert f"at character {position + 1}: " in str(caught.value)
    assert says in str(caught.value)


pieces = st.one_of(
    st.sampled_from([f"{name}:" for name in FIELDS]),
    st.sampled_from(['"', "-", "*", "\\", " ", "@", ":", "2026-11-01", "coach/", "a", "\0", "é", "relayed"]),
    st.text(st.characters(), max_size=4),
)


@given(st.lists(pieces, max_size=12).map("".join))
@settings(deadline=None)
def test_any_text_gives_a_tree_or_a_query_error(query: str) -> None:
    try:
        tree = parse(query)
    except QueryError as error:
        assert 0 <= error.position <= len(query)
        assert error.expected
    else:
        assert isinstance(tree, And)


@given(
    st.sampled_from(["subject", "from", "with"]),
    st.lists(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), min_size=1),
)
@settings(deadline=None)
def test_quoting_any_words_keeps_them_together(field: str, found: list[str]) -> None:
    (node,) = parse(f'{field}:"{" ".join(found)}"').nodes
    assert node == Field(field, Phrase(tuple(found)))
