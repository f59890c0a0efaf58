"""Signed notes: as C2SP publishes them, and nothing that was changed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.note import Note, NoteError, PrivateKey, PublicKey, sign

# The example of the Go package golang.org/x/mod/sumdb/note, whose format C2SP signed-note describes.
PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_NOTE = """\
If you think cryptography is the answer to your problem,
then you don't know what your problem is.

\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""
KEY = PrivateKey("harbor.example/mail", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = PrivateKey("harbor.example/mail", Ed25519PrivateKey.from_private_bytes(bytes(32)))
TEXT = "harbor.example/mail\n12\nroot\n"


def test_a_published_note_is_read_and_its_signature_holds() -> None:
    key = PublicKey.parse(PUBLISHED_KEY)
    note = Note.parse(PUBLISHED_NOTE)
    assert note.signed_by([key]) == [key]
    assert str(note) == PUBLISHED_NOTE
    assert str(key) == PUBLISHED_KEY


def test_what_was_signed_holds() -> None:
    note = Note.parse(str(sign(TEXT, [KEY, OTHER])))
    assert note.text == TEXT
    assert note.signed_by([OTHER.public, KEY.public]) == [KEY.public, OTHER.public]
    assert note.signed_by([PublicKey("another", KEY.public.octets)]) == []


@given(st.data())
def test_no_letter_can_be_changed(data: st.DataObject) -> None:
    written = str(sign(TEXT, [KEY]))
    at = data.draw(st.integers(0, len(written) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda letter: letter != written[at]))
    changed = written[:at] + letter + written[at + 1 :]
    try:
        note = Note.parse(changed)
        signers = note.signed_by([KEY.public])
    except NoteError:
        return
    # What still is a note says the same, or is not signed by this key: another name or id.
    assert not signers or (note.text == TEXT and len(note.signatures) == 1)


@given(st.text(max_size=200))
def test_anything_is_a_note_or_an_error(text: str) -> None:
    for parse in (Note.parse, PublicKey.parse):
        try:
            parse(text)
        except NoteError:
            continue


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "the id of public key"),
        ("PeterNeumann+c74f20a3+AhpcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T", "none of Ed25519"),
        ("PeterNeumann+c74f20a3+*", "not base64"),
        ("PeterNeumann", "none of Ed25519"),
        ("+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "cannot name a key"),
        ("Peter N+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "cannot name a key"),
    ],
)
def test_what_is_no_key(text: str, error: str) -> None:
    with pytest.raises(NoteError, match=error):
        PublicKey.parse(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "is a text"),
        ("text\n", "is a text"),
        ("text\n\n", "is a text"),
        ("text\n\n- a AAAAAAAA\n", "not a signature"),
        ("text\n\n\u2014 a AAAA\n", "not a signature"),
        ("text\n\n\u2014 a *\n", "not base64"),
        ("te\0xt\n\n\u2014 a AAAAAAAA\n", "control characters"),
        ("text\n\n\u2014 a AAAAAAAA", "is a text"),
    ],
)
def test_what_is_no_note(text: str, error: str) -> None:
    with pytest.raises(NoteError, match=error):
        Note.parse(text)


@pytest.mark.parametrize("text", ["", "\n", "no end", "two\n\nparts\n"])
def test_what_cannot_be_signed(text: str) -> None:
    with pytest.raises(NoteError, match="lines"):
        sign(text, [KEY])
