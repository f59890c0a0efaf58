"""What another version of a text says besides is found by its words, however the two are laid out."""

from __future__ import annotations

import string

import pytest

from gateway.message.readable.markup import Line
from gateway.message.readable.versions import Version
from gateway.message.words import WORD, fold, words

READ = "The Café opens\nat eight. Bring a pen"

# another version; the lines of it with words that the one that is read has not
OTHERS = [
    ("", []),
    (READ, []),
    ("The Café\nopens at", []),
    ("> The CAFE opens at eight:", []),
    ("pen a bring", []),
    ("The Caf", ["The Caf"]),
    ("The Café opens at eight. Bring a pencil", ["The Café opens at eight. Bring a pencil"]),
    ("The Café opens\nat nine", ["at nine"]),
    ("http://cafe.example/menu", []),
    ("not shown", []),
    ("not shown either", ["not shown either"]),
]


@pytest.mark.parametrize(("other", "missing"), OTHERS)
def test_lines_with_words_that_are_not_read_are_missing(other: str, missing: list[str]) -> None:
    version = Version([READ, "not shown", "http://cafe.example/menu"])
    lines = [Line(line) for line in other.split("\n")]
    assert version.holds(other) == (not missing)
    assert version.missing(lines) == missing


def test_words_of_ascii_are_those_that_any_text_has() -> None:
    """They are found in a way of their own."""
    for letter in map(chr, range(128)):
        text = f"a{letter}b {letter} Z{letter}{string.digits}"
        assert words(text) == WORD.findall(fold(text))
