"""The messages of mbox files: as they were, however the file was written."""

from __future__ import annotations

import io
import mailbox
import re
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.importing.mbox import NotMbox, split

MANY = 10**9
ENVELOPE = b"From ann@x.example Thu Nov 20 12:00:00 2025\n"


def messages(file: bytes, limit: int = MANY, chunk: int = 0) -> list[bytes | None]:
    stream = io.BytesIO(file)
    return [piece.octets for piece in split(lambda size: stream.read(chunk or size), limit)]


def mboxrd(bodies: list[bytes]) -> bytes:
    """As mboxrd writes messages that end with a line end."""
    quoted = (re.sub(rb"^(>*From )", rb">\1", body, flags=re.MULTILINE) for body in bodies)
    return b"".join(ENVELOPE + each + b"\n" for each in quoted)


LINES = st.one_of(
    st.sampled_from(
        [
            b"",
            b"From ",
            b"From x Thu Nov 20 12:00:00 2025",
            b">From ",
            b">>From y",
            b"From: a@x.example",
            b"Subject: x",
            b"\r",
            b"From a\r",
            b" From",
            b">",
            b"F",
        ]
    ),
    st.binary(max_size=30).map(lambda octets: octets.replace(b"\n", b"")),
)
MESSAGES = st.lists(LINES, min_size=1, max_size=8).map(lambda lines: b"".join(line + b"\n" for line in lines))


@given(st.lists(MESSAGES, max_size=5), st.integers(1, 50))
def test_what_was_written_as_mboxrd_comes_back_to_the_octet(bodies: list[bytes], chunk: int) -> None:
    file = mboxrd(bodies)
    assert messages(file) == bodies
    assert messages(file, chunk=chunk) == bodies


@given(st.binary(max_size=300), st.integers(1, 40), st.integers(0, 60))
def test_whatever_is_in_a_file_it_ends(octets: bytes, chunk: int, limit: int) -> None:
    """And what is handed out is no larger than what was there."""
    file = ENVELOPE + octets
    found = messages(file, limit, chunk)
    assert len(found) >= 1
    assert sum(len(each or b"") for each in found) <= len(octets)
    assert all(len(each or b"") <= limit for each in found)


def test_what_python_writes_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "box"
    box = mailbox.mbox(path)
    raws = []
    for number in range(3):
        message = EmailMessage()
        message["Subject"] = f"Number {number}"
        message.set_content("Dear all,\n\nFrom now on:\n>>From afar\nBye.\n")
        raws.append(message.as_bytes())
        box.add(raws[-1])
    box.flush()
    box.close()
    # It is mboxo: a line of the message that had its own `>` loses one of them.
    assert messages(path.read_bytes()) == [raw.replace(b">>From", b">From") for raw in raws]


def test_line_ends_stay_as_they_are() -> None:
    first, second = b"Subject: a\r\n\r\n>From b\r\n", b"Subject: b\r\n\r\n"
    envelope = ENVELOPE.replace(b"\n", b"\r\n")
    assert messages(envelope + first + b"\r\n" + envelope + second + b"\r\n") == [
        first.replace(b">", b""),
        second,
    ]


@pytest.mark.parametrize(
    "envelope",
    [
        b"From ann@x.example Thu Nov 20 12:00:00 2025",
        b"From - Thu Nov  6 02:03:04 2025",
        b"From MAILER-DAEMON Thu Nov 20 12:00 2025",
        b"From 12345@xxx Thu Nov 20 12:00:00 +0000 2025",
        b"From ann Thu Nov 20 12:00:00 EST 2025",
        b"From ann Thu Nov 20 12:00:00 2025 remote from far",
        b"From ???@??? Thu Nov 20 12:00:00 2025\r",
        b"From ",
        b"From -",
        b"From ann@x.example",
    ],
)
def test_what_separates(envelope: bytes) -> None:
    file = b"".join(envelope + b"\nSubject: %d\n\ntext\n\n" % number for number in range(2))
    assert messages(file) == [b"Subject: 0\n\ntext\n", b"Subject: 1\n\ntext\n"]


@pytest.mark.parametrize(
    "text",
    [
        b"From my point of view,\nthis is one.\n",
        b"text\nFrom here to there: a field follows\nNote: no\n",
        b"From Thursday on, at 12:00 we meet.\n",
        b"text\nFrom ann Thu Nov 20 12:00:00 2025\nno field\n",
    ],
)
def test_a_text_that_begins_with_from_separates_nothing(text: bytes) -> None:
    """Though who wrote the file has not quoted it."""
    whole = b"Subject: a\n\n" + text
    assert messages(ENVELOPE + whole + b"\n" + ENVELOPE + b"Subject: b\n\n\n") == [whole, b"Subject: b\n\n"]


def test_a_message_that_was_cut_off_keeps_the_next_one_apart() -> None:
    file = ENVELOPE + b"Subject: a\n\ncut\n" + ENVELOPE + b"Subject: b\n\nwhole\n\n"
    assert messages(file) == [b"Subject: a\n\ncut\n", b"Subject: b\n\nwhole\n"]


def test_the_last_one_may_lack_its_line_ends() -> None:
    assert messages(ENVELOPE + b"Subject: a\n\nend") == [b"Subject: a\n\nend"]


def test_nothing_is_unquoted_where_the_content_length_says_that_nothing_was_quoted() -> None:
    body = b">From a\n>>From b\n"
    counted = b"Subject: a\nContent-Length: %d\n\n" % len(body) + body
    wrong = b"Subject: a\nContent-Length: 3\n\n" + body
    assert messages(ENVELOPE + counted + b"\n" + ENVELOPE + wrong + b"\n") == [
        counted,
        wrong.replace(b">From", b"From"),
    ]


def test_one_that_is_too_large_is_passed_over() -> None:
    large = b"Subject: large\n\n" + b"x" * 3_000_000 + b"\n"
    bodies = [b"Subject: a\n\n", large, b"Subject: b\n\n", large, large, b"Subject: c\n\n"]
    found = [None if body is large else body for body in bodies]
    assert messages(mboxrd(bodies), 1_000_000) == found
    assert messages(mboxrd(bodies), 1_000_000, chunk=999_983) == found


def test_places_are_told() -> None:
    file = mboxrd([b"a: b\n", b"c: d\n"])
    stream = io.BytesIO(file)
    places = [(piece.number, piece.offset) for piece in split(stream.read, MANY)]
    assert places == [(1, 0), (2, file.rindex(b"From "))]


@pytest.mark.parametrize("octets", [b"Subject: a\n\nb\n", b"PK\x03\x04", b"From", b"\0" * 5000])
def test_what_is_no_mbox(octets: bytes) -> None:
    with pytest.raises(NotMbox):
        messages(octets)


@pytest.mark.parametrize("octets", [b"", b"\n", b"\r\n\n"])
def test_an_empty_file_holds_no_message(octets: bytes) -> None:
    assert messages(octets) == []


def test_an_endless_first_line_is_passed_over() -> None:
    assert messages(b"From " + b"x" * 5_000_000 + b"\nSubject: a\n") == [b"Subject: a\n"]
