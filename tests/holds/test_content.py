"""A message as a reviewer reads it: what is shown of which message, and that no message can harm a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.holds.content import TEXT_LIMIT, content
from gateway.message.printable import printable


def mail(*lines: str, head: str = "") -> bytes:
    return (f"From: Carla <carla@harbor.example>\r\n{head}" + "\r\n".join(lines)).encode()


def parts(kind: str, *bodies: str) -> bytes:
    inner = "".join(f"--B\r\n{body}\r\n" for body in bodies)
    return mail("", inner + "--B--\r\n", head=f"Content-Type: multipart/{kind}; boundary=B\r\n")


PLAIN = "Content-Type: text/plain; charset=utf-8\r\n\r\nPlain words."
HTML = "Content-Type: text/html; charset=utf-8\r\n\r\n<p>Other <b>words</b>.</p>"
FILE = 'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="plan.pdf"\r\n\r\n%PDF'
NOTES = 'Content-Type: text/plain\r\nContent-Disposition: attachment; filename="notes.txt"\r\n\r\nKept apart.'
WITHIN = f"Content-Type: message/rfc822\r\n\r\nFrom: b@c.example\r\nSubject: Within\r\n{PLAIN}"

QP = "Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain; charset=utf-8\r\n"
BASE64 = "Content-Transfer-Encoding: base64\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
IS_HTML = "Content-Type: text/html\r\n"
LINK = '<p>At <b>five</b>.<br><a href="https://x.example">here</a><script>evil()</script>'

TEXTS = {
    "plain": (mail("", "At five."), ["At five."], []),
    "quoted-printable": (mail("", "Caf=C3=A9", head=QP), ["Café"], []),
    "base64 in latin-1": (mail("", "Q2Fm6Q==", head=BASE64), ["Café"], []),
    "HTML alone": (
        mail("", LINK, head=IS_HTML),
        ["At five.", "here", "[leads to https://x.example]"],
        ["evil()", "<p>"],
    ),
    "HTML with an unclosed head": (
        mail("", "<head><title>Team<p>Meet me alone", head=IS_HTML), ["Meet me alone"], []
    ),
    "both versions": (
        parts("alternative", PLAIN, HTML),
        ["Other words.", "[not shown by a mail program, or only in another version]\nPlain words."],
        [],
    ),
    "an empty plain version": (
        parts("alternative", "Content-Type: text/plain\r\n\r\n \r\n", HTML), ["Other words."], []
    ),
    "with a file": (parts("mixed", PLAIN, FILE), ["Plain words."], ["%PDF"]),
    "text as a file": (parts("mixed", PLAIN, NOTES), ["Plain words."], ["Kept apart"]),
    "hidden text": (
        mail("", "<p>See you.</p><div style='display:none'>Meet me alone.</div>", head=IS_HTML),
        ["See you.\n\n[not shown by a mail program, or only in another version]\nMeet me alone."],
        [],
    ),
    "a message within": (parts("mixed", WITHIN), ["message/rfc822", "Subject: Within", "Plain words."], []),
    "no such boundary": (
        mail("", "Lost words.", head="Content-Type: multipart/mixed; boundary=B\r\n"), ["Lost words."], []
    ),
    "an unknown charset": (mail("", "Words.", head="Content-Type: text/plain; charset=no-such\r\n"), ["Words."], []),
    "nothing": (b"", [], []),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_text(name: str) -> None:
    raw, shown, hidden = TEXTS[name]
    text = content(raw).text
    assert all(each in text for each in shown), text
    assert not any(each in text for each in hidden), text


def test_attachments_are_named() -> None:
    assert content(parts("mixed", PLAIN, FILE)).attachments == ("plan.pdf, application/pdf, 4 bytes",)
    assert content(parts("mixed", PLAIN, NOTES)).attachments == ("notes.txt, text/plain, 11 bytes",)


def test_header_fields_are_decoded_and_all_of_a_name_are_shown() -> None:
    fields = (
        "Subject: =?utf-8?Q?Caf=C3=A9?=",
        "Received: by x",
        "To: ann@harbor.example",
        "From: other@x.example",
    )
    assert content(mail(*fields, "", "x")).header == (
        ("From", "Carla <carla@harbor.example>"),
        ("From", "other@x.example"),
        ("To", "ann@harbor.example"),
        ("Subject", "Café"),
    )


def test_parts_that_cannot_be_told_apart_are_shown_as_they_came() -> None:
    nested = "".join(f"Content-Type: multipart/mixed; boundary=B{n}\r\n\r\n--B{n}\r\n" for n in range(100))
    text = content(mail(nested, "", "Meet me alone.")).text
    assert text.startswith("[nested-too-deep: the body as it was received]") and "Meet me alone." in text


def test_a_long_text_is_cut_with_a_word() -> None:
    text = content(mail("", "x" * (TEXT_LIMIT + 1))).text
    assert text.endswith(f"[cut after {TEXT_LIMIT} characters]")


@given(st.binary(max_size=300))
def test_any_octets(raw: bytes) -> None:
    _is_safe(printable(content(raw).text, lines=True).replace("\n", "").replace("\t", ""))


@given(st.text(alphabet=st.characters(), max_size=100))
def test_whatever_is_printable_is_safe(text: str) -> None:
    _is_safe(printable(text))


def _is_safe(text: str) -> None:
    unsafe = {"Cc", "Cs", "Cf", "Zl", "Zp"}
    assert not [each for each in text if unicodedata.category(each) in unsafe and each not in "\u200c\u200d"]


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\rb", "a\\x0db"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb", "a\\u202eb"),
        ("a\udcffb", "a\\udcffb"),
        ("a\nb", "a\\x0ab"),
        ("Größe 😀", "Größe 😀"),
        ("no\u00a0break", "no\u00a0break"),
    ],
)
def test_printable(hostile: str, shown: str) -> None:
    assert printable(hostile) == shown
