"""The piece of a text that shows why it was found."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.message.words import words
from gateway.search.query.tree import (
    And,
    Beginning,
    Is,
    Keyword,
    Match,
    Name,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Place,
    Text,
    TextField,
)
from gateway.search.snippet import LEFT_OUT, located, matched_terms, snippet
from tests.search.generated import nodes

TRIP = Text(Phrase(("trip",)))


def shown(text: str, match: Match, width: int = 200) -> str:
    return "".join(f"[{piece}]" if hit else piece for piece, hit in snippet(text, Text(match), width))


@pytest.mark.parametrize(
    ("text", "match", "expected"),
    [
        ("The Trip, TRIPS and trip.", Phrase(("trip",)), "The [Trip], TRIPS and [trip]."),
        ("The Trip, TRIPS and trip.", Beginning(("trip",)), "The [Trip], [TRIPS] and [trip]."),
        ("a field trip, a trip, field", Phrase(("field", "trip")), "a [field] [trip], a trip, field"),
        ("field and day trip", Phrase(("field", "trip"), 2), "[field] and day [trip]"),
        ("field and day trip", Phrase(("field", "trip"), 1), "field and day trip"),
        ("a field tr, field trip", Beginning(("field", "tri")), "a field tr, [field] [trip]"),
        ("Café, CAFÉ, cafe\u0301!", Phrase(("cafe",)), "[Café], [CAFÉ], [cafe\u0301]!"),
        ("the ﬁeld—trip’s Straße", Phrase(("field",)), "the [ﬁeld]—trip’s Straße"),
        ("the ﬁeld—trip’s Straße", Phrase(("trip", "s", "strasse")), "the ﬁeld—[trip]’[s] [Straße]"),
        ("한글 x", Phrase(tuple(words("한글"))), "[한글] x"),
        ("wrod word", Near("word", 1), "[wrod] [word]"),
        ("ward wordy world", Near("word", 1), "[ward] [wordy] [world]"),
        ("", Phrase(("a",)), ""),
        ("nothing here", Phrase(("a",)), "nothing here"),
        ("nothing here", Phrase(()), "nothing here"),
        ("trip_trip", Phrase(("trip", "trip")), "[trip]_[trip]"),
    ],
)
def test_what_is_marked(text: str, match: Match, expected: str) -> None:
    assert shown(text, match) == expected


def test_the_piece_with_most_of_what_was_asked() -> None:
    text = "trip " + "x " * 200 + "a trip to the aquarium " + "y " * 200 + "trip"
    node = And((TRIP, Text(Phrase(("aquarium",)))))
    pieces = snippet(text, node, 40)
    assert [piece for piece, hit in pieces if hit] == ["trip", "aquarium"]
    assert pieces[0] == pieces[-1] == (LEFT_OUT, False)


def test_no_word_is_cut() -> None:
    text = "beginning " * 30 + "trip " + "ending " * 30
    body = "".join(piece for piece, _ in snippet(text, TRIP, 57)).strip(LEFT_OUT)
    assert set(body.split()) == {"beginning", "trip", "ending"}


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (TRIP, (Phrase(("trip",)),)),
        (Not(TRIP), ()),
        (And((TRIP, Not(Text(Phrase(("x",)))))), (Phrase(("trip",)),)),
        (Or((TRIP, And((TRIP, Name(Place.FROM, Near("ann", 1)))))), (Phrase(("trip",)), Near("ann", 1))),
        (Is(Keyword.RULE, "r"), ()),
    ],
)
def test_the_terms_of_a_query(node: Node, expected: tuple[Match, ...]) -> None:
    assert matched_terms(node) == expected


def test_words_asked_for_in_the_subject_are_not_marked_in_the_body() -> None:
    node = And(
        (
            Text(Phrase(("trip",)), TextField.SUBJECT),
            Text(Phrase(("field",))),
            Name(Place.FROM, Phrase(("a",))),
        )
    )
    body = (TextField.ANY, TextField.BODY, TextField.NEW)
    assert snippet("a field trip", node, 50, body) == [("a ", False), ("field", True), (" trip", False)]
    assert snippet("a field trip", node, 50) == [
        ("a", True),
        (" ", False),
        ("field", True),
        (" ", False),
        ("trip", True),
    ]


@given(st.text(max_size=80))
@example("ﬁn\u0345de ΑΣ ας İi ß\u0301 \ud800 \x1c١٢ ㊀① क्ष한글\u1100\u1161 <\u0338 a\u0301b")
def test_words_where_they_stand(text: str) -> None:
    found = list(located(text))
    assert [each.word for each in found] == words(text)
    assert all(0 <= each.start < each.end <= len(text) for each in found)


@given(st.text(max_size=120), nodes, st.integers(1, 60))
def test_a_snippet_is_a_piece_of_the_text(text: str, node: Node, width: int) -> None:
    pieces = snippet(text, node, width)
    assert all(piece for piece, _ in pieces)
    body = [piece for piece, _ in pieces]
    first = 1 if body[:1] == [LEFT_OUT] and not text.startswith("".join(body)) else 0
    last = (
        len(body) - 1 if body[-1:] == [LEFT_OUT] and not text.endswith("".join(body[first:])) else len(body)
    )
    assert "".join(body[first:last]) in text
