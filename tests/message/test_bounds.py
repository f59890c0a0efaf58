"""Hostile input stays linear: each case takes milliseconds, or hours if anything is quadratic.

The time-out is there for the latter; a busy machine does not come near it.
"""

from __future__ import annotations

import pytest

from gateway.message.addresses import mailboxes
from gateway.message.canonical import canonical_address, domain_of
from gateway.message.headers import HEADER_LIMIT
from gateway.message.reading import read_message
from gateway.message.structure import structure
from gateway.message.text import decode_words

pytestmark = pytest.mark.timeout(60)

MEGABYTE = 10**6
# Characters: quadratic time shows, and there is time for many patterns.
LENGTH = 100_000


def test_a_megabyte_of_brackets() -> None:
    assert mailboxes(["a@b," + "<" * MEGABYTE])[0].address == "a@b"


@pytest.mark.parametrize(
    "pattern",
    [
        "<", ">", "(", ")", '"', "\\", "@", ",", ";", ":", "[", " ", "a", "=?", "<@", "<,", "(\\", '"\\', "a<",
        "a@<", "()", "(a", '"a" ', "[a", "[a]", "a:", "@ ", ". ", "=?a?q?", "=?a?q?x?= ", "a@b ", ">a@b<", "a@b,",
        "a@b(x);", "<a@b:",
    ],
)  # fmt: skip
def test_address_lists(pattern: str) -> None:
    text = pattern * (LENGTH // len(pattern))
    for value in (text, "a@b" + text, text + "a@b", "<@" + text + ":a@b>"):
        mailboxes([value])
    canonical_address(text[:-3] + "@b")
    domain_of("a@" + text)


def test_ten_thousand_mailboxes() -> None:
    for separator in (", ", "; "):
        value = separator.join(f'"Doe, J. {n}" <j{n}@school.example>' for n in range(10_000))
        assert len(mailboxes([value])) == 10_000


def test_nested_comments() -> None:
    depth = 100_000
    found = mailboxes(["(" * depth + ")" * depth + " a@b"])
    assert [mailbox.address for mailbox in found] == ["a@b"]
    assert mailboxes(["a@b " + "(" * depth])[0].address == "a@b"


@pytest.mark.parametrize(
    "pattern",
    ["=?", "=?a?b?", "=?a?b?x?=", "=?a?q?=", "=?a?q?x?= ", "=", "?", "?=", "=?=", "=?utf-7?q?+?=", "\0"],
)
def test_encoded_words(pattern: str) -> None:
    text = pattern * (LENGTH // len(pattern))
    for value in (text, text + "?=", "=?utf-8?q?" + text, "=?utf-8?b?" + text + "?="):
        decode_words(value)


@pytest.mark.parametrize(
    "pattern",
    [
        b"a: b\r\n",
        b"a:\r\n b\r\n",
        b":",
        b":\r\n",
        b"\r\n ",
        b" \n",
        b"From: a@b\r\n",
        b"To: <",
        b"a",
        b"\0",
        b"\xff",
    ],
)
def test_header_blocks_of_ten_megabytes(pattern: bytes) -> None:
    raw = b"x" + pattern * (10 * MEGABYTE // len(pattern))
    reading = read_message(raw)
    assert reading.header_size <= HEADER_LIMIT


def test_a_body_of_fifty_megabytes_is_not_read(ordinary: bytes) -> None:
    raw = memoryview(bytearray(ordinary).ljust(50 * MEGABYTE, b"\n"))
    assert read_message(raw) == read_message(ordinary)


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\na\r\n" * 100_000,
        b"".join(
            b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(5_000)
        ),
        b"Content-Type: message/rfc822\r\n\r\n" * 30_000,
        b"Content-Type: message/delivery-status\r\n\r\n" + b"a: b\r\n\r\n" * 100_000,
        b'Content-Type: multipart/mixed; boundary="' + b';"' * 500_000 + b"\r\n\r\n",
        b"Content-Type: a/b; name*" + b"9" * 1_000_000 + b"=x\r\n\r\n",
    ],
    ids=["parts", "multiparts", "messages", "report", "parameters", "digits"],
)
def test_structures(raw: bytes) -> None:
    structure(raw)
