"""Cleaning and folding of text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.words import clean, clean_json, fold, words

any_text = st.text(st.characters())  # every code point, lone surrogates too


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Practice moved to 5", ["practice", "moved", "to", "5"]),
        ("coach/one-to-one", ["coach", "one", "to", "one"]),
        ("ÉCOLE élève", ["ecole", "eleve"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("ＦＵＬＬ width", ["full", "width"]),
        ("snake_case", ["snake", "case"]),
        ("!!! ... 🎉", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_fold_puts_a_blank_around_each_word() -> None:
    assert fold("Late bus!") == " late bus "
    assert fold("?") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("caf\u00e9", "caf\u00e9"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\\xe9"),
        ("\ud800 high", "\\ud800 high"),
        ("a\0b", "a\u2400b"),
        ("\u00e9\0", "\u00e9\u2400"),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(any_text, st.integers(0, 50))
@settings(deadline=None)
def test_what_is_clean_can_be_stored_and_stays_as_it_is(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    cleaned.encode()
    assert "\0" not in cleaned
    assert len(cleaned) <= limit
    assert clean(cleaned, limit) == cleaned


def test_json_is_cleaned_in_depth() -> None:
    assert clean_json({"a\0": ["\udcff", {"b": ("\0", 1, None)}]}) == {
        "a\u2400": ["\\xff", {"b": ["\u2400", 1, None]}]
    }


@given(st.lists(st.text(), max_size=5))
@settings(deadline=None)
def test_every_word_of_a_text_is_found_in_it(parts: list[str]) -> None:
    text = fold(" ".join(parts))
    for part in parts:
        assert fold(part) in text
