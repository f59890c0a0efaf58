from __future__ import annotations

import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from gateway.directory.addresses import _PLAIN, usable_address, usable_addresses


@pytest.mark.parametrize(
    ("cell", "address"),
    [
        ("ann.lee@harbor.example", "ann.lee@harbor.example"),
        ("O'Brien+news@Harbor.Example", "O'Brien+news@Harbor.Example"),
        ("ann@mail.harbor.local", "ann@mail.harbor.local"),  # an internal name is compared, not delivered to
        ("Ann Lee <ann.lee@harbor.example>", "ann.lee@harbor.example"),
        ("<ann.lee@harbor.example>", "ann.lee@harbor.example"),
        ("mailto:ann.lee@harbor.example", "ann.lee@harbor.example"),
        ("josé@harbor.example", "josé@harbor.example"),
        ("ann@hafen-süd.example", "ann@hafen-süd.example"),
        ('"ann lee"@harbor.example', '"ann lee"@harbor.example'),
    ],
)
def test_usable_addresses(cell: str, address: str) -> None:
    assert usable_address(cell) == address


@pytest.mark.parametrize(
    "cell",
    [
        "", "n/a", "none", "@", "ann@", "@harbor.example", "ann.lee", "ann@@harbor.example", "ann lee@harbor.example",
        "ann..lee@harbor.example", ".ann@harbor.example", "ann@harbor..example", "ann@-harbor.example",
        "ann@harbor_.example.", "a" * 65 + "@harbor.example", "ann@" + "x" * 64 + ".example", "ann@" + "x." * 200 + "y",
        "ann@harbor.example\r\nbcc: eve@harbor.example", "\0@\0", "@" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_address(cell: str) -> None:
    assert usable_address(cell) is None


@pytest.mark.parametrize(
    ("cell", "addresses", "unusable"),
    [
        ("a@b.example; c@d.example", ["a@b.example", "c@d.example"], 0),
        ("a@b.example,c@d.example,", ["a@b.example", "c@d.example"], 0),
        ("a@b.example, n/a", ["a@b.example"], 1),
        ("n/a", [], 1),
        ('"a,b"@c.example', ['"a,b"@c.example'], 0),
    ],
)
def test_a_cell_may_hold_several(cell: str, addresses: list[str], unusable: int) -> None:
    assert usable_addresses(cell) == (addresses, unusable)


ATOM = st.text("aZ09_'+-", min_size=1, max_size=40)
LABEL = st.text("aZ09-", min_size=1, max_size=40)


@given(st.lists(ATOM, min_size=1, max_size=4), st.lists(LABEL, min_size=1, max_size=8))
def test_the_short_way_takes_nothing_that_the_validator_refuses(atoms: list[str], labels: list[str]) -> None:
    address = ".".join(atoms) + "@" + ".".join(labels)
    reserved = "--" in address  # A-labels that are none: compared as they are
    if _PLAIN.fullmatch(address) and not reserved:
        validate_email(address, check_deliverability=False, globally_deliverable=False, strict=True)


@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    usable_addresses(text)
