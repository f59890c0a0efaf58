"""What the index keeps of a message comes back as it was, in few octets."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.search.tantivy.kept import Kept, pack, unpack

texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    st.from_regex("[0-9a-f]{1,70}", fullmatch=True),
    st.uuids().map(str),
    st.from_regex("[A-Za-z0-9_-]{1,40}", fullmatch=True),
)


@given(st.builds(Kept, texts, texts, texts, texts))
@example(Kept("", "", "", ""))
@example(Kept("a", "a", "a", "b"))
@example(Kept("0" * 62, "x" * 31, "é" * 200_000, "A" * 16))
@example(Kept("01A205F3-ab53-71d7-9461-334be5c39965", "abc", "ABCD=", "----"))
def test_comes_back(kept: Kept) -> None:
    assert unpack(pack(kept)) == kept


@pytest.mark.parametrize(
    ("kept", "octets"),
    [
        (Kept("01a205f3-ab53-71d7-9461-334be5c39965"), 20),
        (Kept("01a205f3-ab53-71d7-9461-334be5c39965", "ab" * 12, "-Abcdefgh_jklmno", "-Abcdefgh_jklmno"), 44),
    ],
)
def test_few_octets(kept: Kept, octets: int) -> None:
    assert len(pack(kept)) == octets
