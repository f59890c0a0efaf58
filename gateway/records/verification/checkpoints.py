"""The ledger's checkpoints by themselves: who signed them, and whether they follow each other. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.archive.verify import Problem
from gateway.ledger.checkpoint import Kept
from gateway.ledger.note import NoteError, PublicKey

CHECKPOINT = "checkpoint"


def signature_problems(kept: Sequence[Kept], keys: Sequence[PublicKey], origin: str) -> Iterator[Problem]:
    """Checkpoints that no known key signed, are another tree's, or do not grow."""
    size = -1
    for each in kept:
        name = f"the checkpoint of {each.checkpoint.size} entries"
        try:
            if not each.note.signed_by(keys):
                yield _problem(f"{name} bears no signature of a known key")
        except NoteError as error:
            yield _problem(f"{name}: {error}")
        if each.checkpoint.origin != origin:
            yield _problem(f"{name} is of {each.checkpoint.origin}, not of {origin}")
        if each.checkpoint.size <= size:
            yield _problem(f"{name} follows one of {size}")
        size = each.checkpoint.size


def unvouched(kept: Sequence[Kept], keys: Sequence[PublicKey]) -> list[PublicKey]:
    """Keys but the first that no older key vouches for, by a checkpoint that bears the signatures of both."""
    vouched = set(keys[:1])
    for each in kept:
        try:
            signers = each.note.signed_by(keys)
        except NoteError:
            continue
        if vouched.intersection(signers):
            vouched.update(signers)
    return [key for key in keys if key not in vouched]


def _problem(text: str) -> Problem:
    return Problem("", None, CHECKPOINT, text)
