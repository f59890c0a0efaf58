"""Checkpoints: their text, and the file that keeps them all."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.ledger.checkpoint import Checkpoint, Checkpoints, Kept
from gateway.ledger.note import NoteError, PrivateKey

KEY = PrivateKey("harbor.example/mail", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ROOT = bytes(range(32))


def kept(size: int) -> Kept:
    checkpoint = Checkpoint("harbor.example/mail", size, ROOT)
    return Kept(checkpoint, checkpoint.signed([KEY]))


def test_its_text_is_three_lines() -> None:
    """C2SP tlog-checkpoint: origin, size in decimal, root in base64."""
    text = kept(12).checkpoint.text()
    assert text == "harbor.example/mail\n12\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert Checkpoint.parse(text) == kept(12).checkpoint
    assert Checkpoint.parse(text + "what others add\n") == kept(12).checkpoint


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a\n1\n", "one a line"),
        ("a\n01\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "not a number"),
        ("a\n-1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "not a number"),
        ("a\n\u0663\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "not a number"),
        ("a\n1\nAAEC\n", "3 octets"),
        ("a\n1\n*\n", "not base64"),
        ("\n1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "cannot name"),
    ],
)
def test_what_is_none(text: str, error: str) -> None:
    with pytest.raises(NoteError, match=error):
        Checkpoint.parse(text)


def test_all_are_kept_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints"
    assert Checkpoints(path).newest is None
    one = Checkpoints(path)
    for size in (1, 5):
        one.append(kept(size))
    Checkpoints(path).append(kept(7))
    assert [each.checkpoint.size for each in Checkpoints(path).kept] == [1, 5, 7]
    newest = Checkpoints(path).newest
    assert newest is not None
    assert newest.note.signed_by([KEY.public]) == [KEY.public]


def test_an_end_that_was_cut_short_is_passed_over_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints"
    whole = Checkpoints(path)
    whole.append(kept(1))
    first = path.stat().st_size
    whole.append(kept(5))
    octets = path.read_bytes()
    for end in range(first, len(octets)):
        path.write_bytes(octets[:end])
        cut = Checkpoints(path)
        assert [each.checkpoint.size for each in cut.kept] == [1]
        cut.append(kept(5))
        assert path.read_bytes() == octets


def test_what_was_changed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints"
    file = Checkpoints(path)
    for size in (1, 5, 7):
        file.append(kept(size))
    octets = path.read_bytes()
    path.write_bytes(octets.replace(b"\n5\n", b"\n5x\n"))
    with pytest.raises(NoteError, match=r"checkpoints: checkpoint 2: .*'5x'"):
        Checkpoints(path)
    path.write_bytes(octets.replace(b"\n5\n", b"\n\xff\n"))
    with pytest.raises(NoteError, match="checkpoint 2"):
        Checkpoints(path)
