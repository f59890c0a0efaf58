"""Checkpoints (C2SP tlog-checkpoint): the size and root of the tree at one time, as the text of a signed note.

    harbor.example/mail        whose tree
    1200345                    leaves
    CsUYapGGPo4d…              root, in base64

All that were ever made are kept in one file, one after the other with an empty line between, the newest at the end.
Its last note may have been cut short by a power cut; it is passed over and written again.

Fails with NoteError where something is not a checkpoint, and with OSError.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.ledger.merkle import HASH_SIZE
from gateway.ledger.note import Note, NoteError, PrivateKey, check_name, sign

_LINES = 3
_GAP = "\n"  # behind each note in the file


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a tree was."""

    origin: str  # whose
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed(self, keys: Sequence[PrivateKey]) -> Note:
        """The signed note of it. Raises NoteError where the origin cannot be one."""
        check_name(self.origin)
        return sign(self.text(), keys)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """From the text of a note; lines behind the third, which others may add, are passed over. Raises NoteError."""
        lines = text.split("\n")
        if len(lines) <= _LINES:
            raise NoteError("a checkpoint is an origin, a size and a root, one a line")
        origin, size, encoded = lines[:_LINES]
        try:
            root = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise NoteError("the root of a checkpoint is not base64") from error
        if not (size.isascii() and size.isdecimal()) or str(int(size)) != size:
            raise NoteError(f"the size of a checkpoint is not a number: {size[:40]!r}")
        if len(root) != HASH_SIZE:
            raise NoteError(f"the root of a checkpoint has {len(root)} octets, not {HASH_SIZE}")
        return cls(check_name(origin), int(size), root)


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint that was made, with its signatures."""

    checkpoint: Checkpoint
    note: Note

    @classmethod
    def parse(cls, written: str) -> Kept:
        """From a signed note. Raises NoteError."""
        note = Note.parse(written)
        return cls(Checkpoint.parse(note.text), note)


class Checkpoints:
    """The file of all checkpoints that were ever made. One process at a time appends."""

    def __init__(self, path: Path) -> None:
        """Reads the file; none is one without checkpoints. Raises NoteError, naming the place, and OSError."""
        self._path = path
        try:
            octets = path.read_bytes()
        except FileNotFoundError:
            octets = b""
        notes, self._end = _notes(octets)
        self.torn = self._end < len(octets)  # the last one was cut short
        self.kept = [_kept(path, number, note) for number, note in enumerate(notes, 1)]

    @property
    def newest(self) -> Kept | None:
        return self.kept[-1] if self.kept else None

    def append(self, kept: Kept) -> None:
        """Add a checkpoint, durably. Raises OSError."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.ftruncate(descriptor, self._end)
            octets = f"{kept.note}{_GAP}".encode()
            done = 0
            while done < len(octets):
                done += os.pwrite(descriptor, octets[done:], self._end + done)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._end += len(octets)
        self.torn = False
        self.kept.append(kept)


def _notes(octets: bytes) -> tuple[list[bytes], int]:
    """The whole notes at the beginning, and where they end."""
    pieces = octets.split(b"\n\n")
    whole = (len(pieces) - 1) // 2 * 2  # what is behind the last gap was cut short, or is nothing
    notes = [
        body + b"\n\n" + below + b"\n"
        for body, below in zip(pieces[:whole:2], pieces[1:whole:2], strict=True)
    ]
    return notes, sum(len(note) + len(_GAP) for note in notes)


def _kept(path: Path, number: int, note: bytes) -> Kept:
    try:
        return Kept.parse(note.decode())
    except (NoteError, UnicodeDecodeError) as error:
        raise NoteError(f"{path.name}: checkpoint {number}: {error}") from error
