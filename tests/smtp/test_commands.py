"""The path of MAIL and RCPT: what is ordinary is read by one pattern, and must be read as all else is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp import commands
from gateway.smtp.commands import Path, parse_path
from gateway.smtp.reply import Refusal

ALLOWED = frozenset({"SIZE", "BODY"})
NEVER = re.compile(r"(?!)")


def read(argument: str) -> Path | int:
    """The path, or the code of the refusal."""
    try:
        return parse_path(argument, "TO:", ALLOWED)
    except Refusal as refusal:
        return refusal.reply.code


@pytest.mark.parametrize(
    ("octets", "code"),
    [(254, None), (317, None), (318, None), (319, None), (320, None), (2048, None), (2049, 553), (3010, 553)],
)
def test_length_of_an_address(octets: int, code: int | None) -> None:
    address = "mary@" + "a" * (octets - len("mary@.example")) + ".example"
    found = read(f"TO:<{address}>")
    assert found == (Path(address, ()) if code is None else code)


@given(
    st.text("ab.-_+@<> =:SIZE1\t\r\x00é", max_size=40)
    | st.from_regex(r"<a@b(\.c)*> ?(SIZE=1)?", fullmatch=True)
)
def test_the_short_way_reads_as_the_long_one(text: str) -> None:
    short = read(f"TO:{text}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "_ORDINARY", NEVER)
        assert read(f"TO:{text}") == short
