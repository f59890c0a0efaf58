"""The header block: its end, its fields, and agreement with Python's own parser where that one is sane."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.message.headers import HEADER_LIMIT, Buffer, header_block, read_headers

DETERMINISTIC = settings(deadline=None, derandomize=True, max_examples=500)


def fields(raw: Buffer) -> list[tuple[str, bytes]]:
    return [(field.name, field.value) for field in read_headers(raw).fields]


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview])
def test_fields_of_any_line_end_in_any_buffer(end: bytes, buffer: type[Buffer]) -> None:
    raw = end.join([b"From: a@b", b"Subject:\tHello,", b"  world", b"X-Empty:", b"", b"To: body", b"", b""])
    headers = read_headers(buffer(raw))
    assert [(field.name, field.value) for field in headers.fields] == [
        ("From", b"a@b"),
        ("Subject", b"Hello," + end + b"  world"),
        ("X-Empty", b""),
    ]
    assert raw[headers.size :].startswith(b"To: body")
    assert headers.first("subject") == "Hello,  world"
    assert header_block(buffer(raw)) == raw[: headers.size - len(end)]


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        (b"A: b\r\n\r\nbody", 8),
        (b"A: b\n\nbody", 6),
        (b"A: b\r\rbody", 6),
        (b"A: b\r\n\nbody", 7),
        (b"A: b\n\r\nbody", 7),
        (b"A: b\n\rbody", 6),
        (b"A: b\r\r\nbody", 7),
        (b"A: b\r\n \r\n\r\nbody", 11),  # white space makes a line not empty
        (b"A: b\r\n\r\n\r\nbody", 8),
        (b"\r\nbody", 2),
        (b"\nbody", 1),
        (b"\rbody", 1),
        (b"A: b\r\n", 6),
        (b"A: b", 4),
        (b"", 0),
    ],
)
def test_where_the_body_begins(raw: bytes, size: int) -> None:
    assert read_headers(raw).size == size


@pytest.mark.parametrize("length", [4085, *range(4088, 4098), 65_520, 65_534, 65_535, 65_536, 65_537])
def test_an_empty_line_at_any_place_is_found(length: int) -> None:
    """The block is looked at in growing pieces: an empty line may lie across the edge of one."""
    for ends in (b"\r\n\r\n", b"\n\n", b"\n\r\n", b"\r\r"):
        raw = b"A: " + b"x" * (length - 3) + ends + b"B: body"
        headers = read_headers(raw)
        assert headers.size == len(raw) - len(b"B: body")
        assert [field.name for field in headers.fields] == ["A"]


@pytest.mark.parametrize(
    ("raw", "names", "defects"),
    [
        (b"A: b\r\n\r\n", ["A"], ()),
        (b"A : b\r\n\r\n", ["A"], ()),
        (b"A: b", ["A"], ("no-blank-line",)),
        (b"", [], ("no-blank-line",)),
        (b"A: b\r\nstray\r\nC: d\r\n\r\n", ["A", "C"], ("line-without-colon",)),
        (b"A: b\r\nstray line: x\r\nC: d\r\n\r\n", ["A", "C"], ("bad-field-name",)),
        (b"A: b\r\n: x\r\nC: d\r\n\r\n", ["A", "C"], ("bad-field-name",)),
        (b"A: b\r\nN\xc3\xa4me: x\r\nC: d\r\n\r\n", ["A", "C"], ("bad-field-name",)),
        (b" x\r\nA: b\r\n\r\n", ["A"], ("leading-continuation",)),
        (b"From a@b Fri Nov 20\r\nA: b\r\n\r\n", ["A"], ("mbox-from-line",)),
        (b"A: b\r\n>From a@b\r\n\r\n", ["A"], ("mbox-from-line",)),
        (b"A: b\0\r\n\r\n", ["A"], ("nul-octet",)),
        (b"A: \xe9\r\n\r\n", ["A"], ("eight-bit",)),
        (b"A: \xc3\xa9\r\n\r\n", ["A"], ()),
        (b"A: b\nC: d\n\n", ["A", "C"], ("bare-lf",)),
        (b"A: b\rC: d\r\n\r\n", ["A", "C"], ("bare-cr",)),
        (b"stray", [], ("no-blank-line", "line-without-colon")),
    ],
)
def test_defects(raw: bytes, names: list[str], defects: tuple[str, ...]) -> None:
    headers = read_headers(raw)
    assert [field.name for field in headers.fields] == names
    assert headers.defects == defects


def test_the_block_is_bounded() -> None:
    raw = b"A: b\r\n" * (HEADER_LIMIT // 6 + 100)
    headers = read_headers(raw)
    assert headers.size == HEADER_LIMIT
    assert headers.defects == ("header-too-large",)
    assert header_block(raw, limit=10) == b"A: b\r\nA: b"
    assert header_block(b"A: b", limit=4) == b"A: b"
    assert read_headers(b"A:" + b"b" * (HEADER_LIMIT - 2)).defects == ("no-blank-line",)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain ", "plain"),
        (b"J\xc3\xb6rg", "Jörg"),
        (b"J\xf6rg", "Jörg"),
        (b"a\r\n b\r\n\tc", "a b\tc"),
        (b"a\n b", "a b"),
        (b"a\0b", "ab"),
        (b"=?utf-8?Q?a?=", "=?utf-8?Q?a?="),
    ],
)
def test_values_as_text(value: bytes, text: str) -> None:
    headers = read_headers(b"X: other\r\nSubject: " + value + b"\r\n\r\n")
    assert headers.first("SUBJECT") == text
    assert headers.all("subject") == [text]


def test_looking_up() -> None:
    headers = read_headers(b"To: a\r\nTO: b\r\nCc: c\r\n\r\n")
    assert headers.all("to") == ["a", "b"]
    assert headers.first("to") == "a"
    assert headers.all("from") == []
    assert headers.first("from") is None


# --- properties --------------------------------------------------------------------------------


@DETERMINISTIC
@given(st.one_of(st.binary(), st.text("Aa:\r\n \t\0é", max_size=60).map(str.encode)))
def test_any_octets(raw: bytes) -> None:
    headers = read_headers(raw)
    assert 0 <= headers.size <= len(raw)
    assert read_headers(memoryview(raw)) == headers
    for field in headers.fields:
        assert field.name
        headers.all(field.name)


END = st.sampled_from([b"\r\n", b"\n", b"\r"])
# What a line may hold, with much of what might confuse a reader.
INSIDE = st.lists(
    st.one_of(
        st.sampled_from([b":", b" ", b"\t", b"\0", b"\xff", b"=?", b"\x0b", b"\x0c", b"\x85"]), st.binary()
    ),
    max_size=4,
).map(lambda pieces: b"".join(pieces).replace(b"\r", b"").replace(b"\n", b""))
FIELD = st.builds(
    lambda name, first, folds, end: (
        name + b":" + first + b"".join(e + b" " + line for e, line in folds) + end
    ),
    st.sampled_from([b"From", b"X-Long-Name", b"!#$%&'*+-.^_`|~", b"a", b"(x)", b'"q"']),
    INSIDE,
    st.lists(st.tuples(END, INSIDE), max_size=3),
    END,
)
MESSAGE = (
    st.tuples(st.lists(FIELD, min_size=1).map(b"".join), END, INSIDE)
    # A CR and an LF that come together are one line end, and no empty line.
    .filter(lambda parts: not (parts[0].endswith(b"\r") and parts[1] == b"\n"))
    .map(b"".join)
)


def python_fields(raw: bytes) -> tuple[list[tuple[str, bytes]], bytes]:
    """Fields and body as `email.policy.compat32` has them."""
    message = BytesParser(policy=policy.compat32).parsebytes(raw, headersonly=True)
    body = message.get_payload(decode=True)
    assert isinstance(body, bytes)
    return [(name, value.encode("ascii", "surrogateescape")) for name, value in message.raw_items()], body


@DETERMINISTIC
@given(MESSAGE)
def test_agreement_with_python(raw: bytes) -> None:
    """On the fields and where the body begins, for any values, folds and line ends."""
    theirs, body = python_fields(raw)
    headers = read_headers(raw)
    assert fields(raw) == theirs
    assert raw[headers.size :] == body


@pytest.mark.parametrize(
    ("raw", "theirs", "ours"),
    [
        # A stray line ends the header for Python: the fields behind it would be hidden from the rules.
        (b"A: b\r\nstray\r\nTo: c\r\n\r\n", ["A"], ["A", "To"]),
        (b"A: b\r\nstray line: c\r\nTo: c\r\n\r\n", ["A"], ["A", "To"]),
        # White space before the colon is old but legal (RFC 5322 §4.5).
        (b"A: b\r\nTo : c\r\n\r\n", ["A"], ["A", "To"]),
        # A mailbox line in the wrong place is passed over by both, but by Python not as the last line.
        (b"A: b\r\nFrom x\r\nTo: c\r\n\r\n", ["A", "To"], ["A", "To"]),
    ],
)
def test_deliberate_differences_from_python(raw: bytes, theirs: list[str], ours: list[str]) -> None:
    assert [name for name, _ in python_fields(raw)[0]] == theirs
    assert [name for name, _ in fields(raw)] == ours
