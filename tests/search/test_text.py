"""Text as Tantivy gets it has the words of `message.words`, and no others."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.message.words import words
from gateway.search.engine import WORD_LETTERS
from gateway.search.tantivy.text import GAP, NOBODY, asked, joined, plain

HARD = "ﬁn\u0345de ΑΣ ας İi ß\u0301 \ud800 \x1c١٢ ㊀① क्ष한글\u1100\u1161 <\u0338 ŉǰ ẞ ½x² K"
anything = st.one_of(
    st.text(max_size=200),
    st.text(alphabet=st.characters(codec="ascii"), max_size=1200),
    st.lists(st.sampled_from([*HARD, "a", "B", " ", "\u0301", "\u1100", "\u0345"]), max_size=40).map("".join),
    st.lists(
        st.builds("".__class__.__mul__, st.sampled_from("aéß東. "), st.integers(1, 600)), max_size=4
    ).map("".join),
)


@given(anything)
@example(HARD)
@example("x" * WORD_LETTERS + " " + "y" * (WORD_LETTERS + 1) + "." + "z" * 255)
def test_the_same_words(text: str) -> None:
    assert plain(text).split(" ") != [] and plain(text).split() == [
        word[:WORD_LETTERS] for word in words(text)
    ]
    assert tuple(plain(text).split()) == asked([text])


@given(anything)
def test_nobodys_word_is_in_no_text(text: str) -> None:
    assert NOBODY not in plain(text).split()


def test_every_character() -> None:
    for start in range(0, 0x110000, 0x1000):
        text = " ".join(map(chr, range(start, start + 0x1000)))
        assert plain(text).split() == words(text)
        text = "a".join(map(chr, range(start, start + 0x1000)))
        assert plain(text).split() == [word[:WORD_LETTERS] for word in words(text)]


def test_texts_with_nothing_in_them_leave_no_gap() -> None:
    assert joined(("", "a", "...", "b")).split() == ["a", *GAP.split(), "b"]
    assert joined(("", " ")) == ""
