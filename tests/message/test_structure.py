"""MIME structure: parts, attachments, and bounds on hostile mail."""

from __future__ import annotations

import base64
from collections.abc import Callable
from email.message import EmailMessage
from email.parser import BytesFeedParser
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.message import structure as structure_module
from gateway.message.headers import Buffer
from gateway.message.structure import (
    DEPTH_LIMIT,
    PART_LIMIT,
    Attachment,
    Structure,
    structure,
    tolerant_structure,
)

DETERMINISTIC = settings(deadline=None, derandomize=True, max_examples=200)


Read: TypeAlias = Callable[[Buffer], Structure]


@pytest.fixture(params=[structure, tolerant_structure])
def read(request: pytest.FixtureRequest) -> Read:
    """Both ways to the same answer."""
    found: Read = request.param
    return found


def mixed(*parts: bytes, boundary: bytes = b"x") -> bytes:
    """A message of parts, each with its own header."""
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts)
    field = b"Content-Type: multipart/mixed; boundary=" + boundary
    return b"From: a@b\r\n%b\r\n\r\n%b--%b--\r\n" % (field, body, boundary)


TEXT = b"Content-Type: text/plain\r\n\r\nhello"


@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview])
def test_text_and_attachment(read: Read, buffer: type[Buffer]) -> None:
    message = EmailMessage()
    message.set_content("See the schedule.")
    message.add_alternative("<p>See the schedule.</p>", subtype="html")
    message.add_attachment(
        b"x" * 1000, maintype="application", subtype="pdf", filename="Zeitplan für Mai.pdf"
    )
    found = read(buffer(message.as_bytes()))
    assert found.attachments == (Attachment("Zeitplan für Mai.pdf", "application/pdf", 1000),)
    assert (found.parts, found.has_text, found.defects) == (5, True, ())


def test_attached_message(read: Read) -> None:
    inner = mixed(TEXT, b"Content-Type: image/png; name=i.png\r\n\r\n12345", boundary=b"y")
    found = read(mixed(b'Content-Type: message/rfc822; name="f.eml"\r\n\r\n' + inner))
    assert found.attachments == (
        Attachment("f.eml", "message/rfc822", 10),
        Attachment("i.png", "image/png", 5),
    )
    assert found.parts == 5
    assert not found.has_text  # what is forwarded is not this message's own text


@pytest.mark.parametrize(
    ("raw", "attachments", "has_text"),
    [
        (b"Subject: x\r\n\r\nhello", (), True),
        (b"Subject: x\r\n\r\n", (), False),
        (b"", (), False),
        (b"Content-Type: text/html\r\n\r\n<p>", (), True),
        (b"Content-Type: application/pdf\r\n\r\n%PDF", (Attachment("", "application/pdf", 4),), False),
        (mixed(TEXT, TEXT), (), True),
        (
            mixed(b'Content-Disposition: attachment; filename="a.txt"\r\n\r\nabc'),
            (Attachment("a.txt", "text/plain", 3),),
            False,
        ),
        (mixed(b"Content-Disposition: attachment\r\n\r\nabc"), (Attachment("", "text/plain", 3),), False),
        (mixed(b"Content-Disposition: inline\r\n\r\nabc"), (), True),
        (
            mixed(b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\nAction: failed\r\n"),
            (Attachment("", "message/delivery-status", 0),),
            False,
        ),
        (
            b"Content-Type: we ird/t\xc3\xbfpe; name=a\r\n\r\nx",
            (Attachment("a", "application/octet-stream", 1),),
            False,
        ),
        (b"Content-Type: multipart/mixed; boundary=x\r\n\r\nno parts", (), True),
        # the fields behind a stray line count, as they do in `headers`
        (b"stray\r\nContent-Type: image/png\r\n\r\nx", (Attachment("", "image/png", 1),), False),
    ],
)  # fmt: skip
def test_what_is_an_attachment(
    read: Read, raw: bytes, attachments: tuple[Attachment, ...], has_text: bool
) -> None:
    found = read(raw)
    assert found.attachments == attachments
    assert found.has_text is has_text


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (b'Content-Disposition: attachment; filename="a b.pdf"', "a b.pdf"),
        (b"Content-Disposition: attachment; filename=a b.pdf", "a b.pdf"),
        (b'Content-Disposition: attachment;\r\n filename="a.pdf"', "a.pdf"),
        (b"Content-Disposition: attachment; filename*=utf-8''J%C3%B6rg.pdf", "Jörg.pdf"),
        (b"Content-Disposition: attachment; filename*0*=iso-8859-1''J%F6; filename*1=rg.pdf", "Jörg.pdf"),
        (b"Content-Disposition: attachment; filename*=x-nonsense''J%C3%B6rg.pdf", "Jörg.pdf"),
        (b'Content-Disposition: attachment; filename="=?utf-8?Q?J=C3=B6rg?=.pdf"', "Jörg.pdf"),
        (b'Content-Disposition: attachment; filename="J\xc3\xb6rg.pdf"', "Jörg.pdf"),
        (b'Content-Disposition: attachment; filename="J\xf6rg.pdf"', "Jörg.pdf"),
        (b'Content-Disposition: attachment; filename=""\r\nContent-Type: image/png; name=b.png', "b.png"),
        (b'Content-Type: image/png; name="b.png"', "b.png"),
        (b"Content-Type: image/png", ""),
    ],
)
def test_file_names(read: Read, field: bytes, name: str) -> None:
    (attachment,) = read(mixed(field + b"\r\n\r\nx")).attachments
    assert attachment.name == name


@pytest.mark.parametrize(
    ("encoding", "body", "size"),
    [
        (b"base64", base64.b64encode(b"x" * 100), 100),
        (b"base64", b"QUJ", 2),
        (b"BASE64 ", b"QUJD", 3),
        (b"quoted-printable", b"=41=42=\r\n=43", 3),
        (b"x-uuencode", b"begin 644 a\r\n#04)#\r\n`\r\nend", 3),
        (b"x-uuencode", b"no such thing", 13),
        (b"nonsense", b"QUJD", 4),
        (b"8bit", b"\xff\xfe", 2),
    ],
)
def test_sizes(read: Read, encoding: bytes, body: bytes, size: int) -> None:
    part = b"Content-Type: image/png\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body
    assert [attachment.size for attachment in read(mixed(part)).attachments] == [size]


@pytest.mark.parametrize(
    ("raw", "defects"),
    [
        (mixed(TEXT)[:-7], ("close-boundary-not-found",)),
        (b"Content-Type: multipart/mixed\r\n\r\nx", ("no-boundary-in-multipart", "multipart-invariant-violation")),
        (mixed(b"Content-Transfer-Encoding: base64\r\n\r\nQUJ"), ("invalid-base64-padding",)),
        (mixed(b"Content-Disposition: attachment; filename*=a; filename*0*=b\r\n\r\nx"), ("unreadable-name",)),
        (mixed(b"Content-Type: text/plain" + b";" * 5000 + b"\r\n\r\nx"), ("field-too-long",)),
        (mixed(*[TEXT] * (PART_LIMIT - 1)), ()),
        (mixed(*[TEXT] * PART_LIMIT), ("too-many-parts",)),
        (b"Content-Type: message/rfc822\r\n\r\n" * DEPTH_LIMIT, ()),
        (b"Content-Type: message/rfc822\r\n\r\n" * (DEPTH_LIMIT + 1), ("nested-too-deep",)),
    ],
)  # fmt: skip
def test_defects(read: Read, raw: bytes, defects: tuple[str, ...]) -> None:
    found = read(raw)
    assert found.defects == defects
    assert found.parts <= PART_LIMIT


def test_an_error_of_the_parser_leaves_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: BytesFeedParser) -> None:
        raise AssertionError("a bug in the library")

    monkeypatch.setattr(BytesFeedParser, "close", fail)
    found = tolerant_structure(b"Content-Type: image/png\r\n\r\nabc\r\n")
    assert found.defects == ("unreadable-structure",)
    assert found.parts == 1


def test_an_error_in_decoding_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, *arguments: object) -> None:
        raise RuntimeError("a bug in the library")

    monkeypatch.setattr(structure_module._Part, "get_payload", fail)
    found = tolerant_structure(b"Content-Type: image/png; name=a\r\n\r\nabc\r\n")
    assert found.attachments == (Attachment("a", "image/png", 0),)
    assert found.defects == ("unreadable-body",)


LINES = st.sampled_from(
    [
        b"--x", b"--x--", b"--y", b"", b"text", b"Content-Type: multipart/mixed; boundary=x",
        b"Content-Type: multipart/digest; boundary=y", b"Content-Type: message/rfc822",
        b"Content-Type: message/delivery-status", b"Content-Type: text/plain; name*=x''%FF; name*0=b",
        b"Content-Disposition: attachment; filename=a", b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: uue", b"Content-Type: a/b; charset=\xff\0", b"begin 644 x", b"QUJD", b" folded",
    ]
)  # fmt: skip


@DETERMINISTIC
@given(st.lists(st.one_of(LINES, st.binary(max_size=10))).map(b"\r\n".join))
def test_any_message(raw: bytes) -> None:
    found = structure(raw)
    assert 1 <= found.parts <= PART_LIMIT
    repr(found).encode()
