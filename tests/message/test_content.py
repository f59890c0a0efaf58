"""One message has one id in every transaction that carries it; another message has another."""

from __future__ import annotations

import pytest

from gateway.message.content import content_id
from gateway.message.reading import read_message

MESSAGE = b"Message-ID: <1@x.example>\r\nFrom: a@x.example\r\nTo: b@y.example\r\n\r\nHello\r\n"


def identify(raw: bytes) -> str:
    return content_id(read_message(raw), raw)


def test_the_same_message_has_the_same_id() -> None:
    assert identify(MESSAGE) == identify(bytes(bytearray(MESSAGE)))
    assert identify(MESSAGE) == content_id(read_message(MESSAGE), bytearray(MESSAGE))


def test_another_way_makes_no_other_message() -> None:
    """A server that splits a message by recipients may send the parts over different hosts."""
    assert identify(b"Received: by another.example\r\nX-Spam: no\r\n" + MESSAGE) == identify(MESSAGE)


@pytest.mark.parametrize(
    "other",
    [
        MESSAGE.replace(b"<1@", b"<2@"),
        MESSAGE.replace(b"To: b", b"To: c"),
        MESSAGE + b"and more\r\n",
        MESSAGE.replace(b"Hello", b"Hallo"),
        MESSAGE.replace(b"From:", b"Subject: a word\r\nFrom:"),
        b"",
    ],
    ids=["message-id", "recipient", "longer", "another word", "subject", "empty"],
)
def test_another_message_has_another_id(other: bytes) -> None:
    assert identify(other) != identify(MESSAGE)
