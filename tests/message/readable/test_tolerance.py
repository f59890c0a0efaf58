"""Anything is read: octets at random, real mail with octets changed, cut and mixed; and in linear time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.message.readable import Kind, Limits, Part, Readable, readable
from gateway.message.readable.charset import clean, decoded_text
from gateway.message.readable.language import language_of
from gateway.message.readable.markup import rendered
from gateway.message.readable.rtf import unpacked_rtf
from gateway.message.readable.signed import signed_content
from gateway.message.readable.tnef import unpacked
from gateway.message.readable.transfer import decoded
from tests.message.readable.letters import letter

PIECES = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"--b",
    b"--b--",
    b"\n--b\n",
    b"\n--c\n",
    b": ",
    b"; ",
    b"=",
    b'"',
    b"'",
    b"*0*=",
    b"Content-Type: ",
    b"multipart/mixed; boundary=b",
    b"multipart/alternative; boundary=c",
    b"message/rfc822",
    b"text/html",
    b"text/plain; format=flowed",
    b"text/calendar",
    b"application/ms-tnef",
    b"application/pkcs7-mime",
    b"charset=utf-7",
    b"charset=utf-16",
    b"charset=gb2312",
    b"Content-Transfer-Encoding: base64",
    b"Content-Transfer-Encoding: quoted-printable",
    b"Content-Transfer-Encoding: x-uuencode",
    b"Content-Disposition: attachment; filename=",
    b"=?utf-8?B?w6k=?=",
    b"utf-8''%C3%A9",
    b"begin 644 a\n",
    b"end\n",
    b"=ybegin name=a\n",
    b"=yend\n",
    b"<div style='display:none'>",
    b"<a href='",
    b"</div>",
    b"<!--",
    b"-->",
    b"<style>",
    b"&#",
    b"&amp;",
    b"<",
    b">",
    b"> ",
    b"On 1 May 2026 a@b.example wrote:\n",
    b"From: a\nTo: b\nSubject: c\n",
    b"-- \n",
    b"BEGIN:VEVENT\n",
    b'ATTENDEE;CN="',
    b"\x78\x9f\x3e\x22\x01\x00",
    b"\x30\x80",
    b"\x24\x80",
    b"\xff\xfe",
    b"\xe9",
    b"\0",
    b"-----BEGIN PGP MESSAGE-----\n",
    b"References: <a@b> <c@d>",
    b"Subject: Re: x",
    b"word",
    b"UHJhY3RpY2U=",
]
HOSTILE = st.lists(st.sampled_from(PIECES) | st.binary(max_size=12), max_size=60).map(b"".join)


def check(message: Readable) -> None:
    """What holds of every message, whatever it was made of."""
    assert "unreadable-message" not in message.defects  # nothing had to be caught
    for text in (message.body, message.quoted, message.hidden, message.thread, *message.filenames):
        assert "\r" not in text and "\0" not in text
        text.encode("utf-8")
    for part in every(message):
        part.content()
        assert part.path or part in message.unreadable
        assert (part.message is not None) <= (part.kind is Kind.MESSAGE)
        if part.kind in (Kind.ATTACHMENT, Kind.IMAGE):
            assert len(part.content()) == part.size


def every(message: Readable) -> tuple[Part, ...]:
    return (*message.parts, *message.attachments, *message.unreadable)


@given(HOSTILE)
@settings(max_examples=400, deadline=None)
def test_pieces_of_mail(raw: bytes) -> None:
    check(readable(raw))


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_octets(raw: bytes) -> None:
    check(readable(raw))
    clean(decoded_text(raw, "utf-8")[0])
    signed_content(raw)
    unpacked_rtf(b"\0\0\0\0\xff\xff\0\0LZFu\0\0\0\0" + raw)
    unpacked(b"\x78\x9f\x3e\x22\x01\x00" + raw)
    for encoding in ("base64", "quotedprintable", "uuencode", "other"):
        decoded(raw, encoding)


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_text(text: str) -> None:
    rendered(text)
    language_of(text)
    check(readable(letter(text.encode("utf-8", "surrogatepass"))))


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changed_mail(corpus_mail: dict[str, bytes], data: st.DataObject) -> None:
    raw = corpus_mail[data.draw(st.sampled_from(sorted(corpus_mail)))]
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw)))
        gone = data.draw(st.sampled_from([0, 0, 1, 40]))
        raw = raw[:at] + data.draw(st.sampled_from(PIECES)) + raw[at + gone :]
    check(readable(raw))


def test_every_cut(corpus_mail: dict[str, bytes]) -> None:
    for raw in corpus_mail.values():
        for end in range(0, len(raw), max(61, len(raw) // 25)):
            check(readable(raw[:end]))


def test_line_ends_make_no_difference(corpus_mail: dict[str, bytes]) -> None:
    for name, raw in corpus_mail.items():
        if b"\0" in raw or b"binary" in raw or b"utf-16" in raw.lower():
            continue  # such octets are no lines
        plain = raw.replace(b"\r\n", b"\n")
        if b"\r" in plain:
            continue
        one, other = readable(plain), readable(plain.replace(b"\n", b"\r\n"))
        assert (one.body, one.quoted, one.hidden, one.filenames) == (
            other.body, other.quoted, other.hidden, other.filenames,
        ), name  # fmt: skip


@pytest.mark.parametrize(("kind", "line"), [("text/plain", "\n"), ("text/html", "<br>")])
def test_more_lines_than_anybody_reads_are_still_found(kind: str, line: str) -> None:
    message = readable(letter(line.join(["x"] * 150_000) + f"{line}needle", kind))
    assert message.body.endswith("needle")
    assert message.body.count("x") == 150_000


def test_other_kinds_of_buffers() -> None:
    raw = letter("Hello")
    assert readable(bytearray(raw)).body == readable(memoryview(raw)).body == "Hello"


def test_a_message_beyond_the_limit_is_read_up_to_it() -> None:
    message = readable(letter("Hello " * 1000), Limits(octets=500))
    assert message.body.startswith("Hello") and "message-too-large" in message.defects
    assert [one.defects for one in message.unreadable] == [("message-too-large",)]


# --- linear time -----------------------------------------------------------------------------------


def steps(read: Callable[[], Any]) -> int:
    """How many calls a reading takes; a clock would tell more of the machine than of the code."""
    count = 0

    def seen(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        read()
    finally:
        sys.setprofile(before)
    return count


HTML = "text/html; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
MIXED = "multipart/mixed; boundary=b"
GROWING = [
    (HTML, b"<div>"),
    (HTML, b"</div>"),
    (HTML, b"<p><b><i>"),
    (HTML, b"<a href='"),
    (HTML, b'<a x="'),
    (HTML, b"<!--"),
    (HTML, b"<!-- -->"),
    (HTML, b"<style>"),
    (HTML, b"<td>"),
    (HTML, b"<li><div>"),
    (HTML, b"&#99999999"),
    (HTML, b"<"),
    (HTML, b"<a = 'b' \"c\""),
    (HTML, b"<span hidden>a</span>b"),
    (HTML, b"<blockquote type=cite>a"),
    (HTML, b"<pre>\n"),
    (PLAIN, b"> a\n"),
    (PLAIN, b"On 1 May 2026 a@b wrote:\n"),
    (PLAIN, b"From: a\n"),
    (PLAIN, b"From: a\nTo: b\n"),
    (PLAIN, b"--\n"),
    (PLAIN, b"-- \n"),
    (PLAIN, b"begin 644 a\nMx\n"),
    (PLAIN, b"=ybegin name=a\n"),
    (PLAIN, b"http://a "),
    (PLAIN + "; format=flowed", b"> a \n"),
    (PLAIN, b"-----BEGIN PGP MESSAGE-----\n"),
    ("text/calendar", b'ATTENDEE;CN="a":b\n'),
    (MIXED, b"--b\r\n\r\na\r\n"),
    (MIXED, b"--b"),
    (MIXED, b"--b\r\nContent-Type: message/rfc822\r\n\r\n"),
    (MIXED, b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"),
    ("application/ms-tnef", b"\x78\x9f\x3e\x22"),
]


@pytest.mark.parametrize(("content_type", "pattern"), GROWING)
def test_twice_the_mail_takes_twice_the_steps(content_type: str, pattern: bytes) -> None:
    small, large = (letter(pattern * times, content_type) for times in (400, 800))
    readable(small)  # what is remembered from one message to the next must not count
    once, twice = steps(lambda: readable(small)), steps(lambda: readable(large))
    assert twice <= 2.2 * once + 200


# What no count of calls shows: searches that look at all the rest again and again. Milliseconds, or hours.
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("content_type", "pattern"), GROWING)
def test_half_a_megabyte(content_type: str, pattern: bytes) -> None:
    check(readable(letter(pattern * (500_000 // len(pattern)), content_type)))
