"""A Maildir that keeps what an SMTP server accepted, and reads it back.

One file a transaction. Above the message, which is kept byte for byte, stand the lines that a delivery agent
writes: `Return-Path:`, one `X-Original-To:` for each recipient of the envelope, and `X-Kept-By:`, which ends
them. A file is written in `tmp/` and renamed to `new/` when complete, so a reader never sees half of one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

_RETURN_PATH = b"Return-Path: "
_ORIGINAL_TO = b"X-Original-To: "
_END = b"X-Kept-By: mailgw-demo"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One accepted transaction."""

    mail_from: str  # "" is the null sender
    recipients: tuple[str, ...]
    content: bytes  # as received, with the lines that hops before put on top


class Maildir:
    """Writes deliveries; one process, one thread."""

    def __init__(self, path: Path) -> None:
        """Make the folders. Raises OSError."""
        self._path = path
        self._numbers = count(1)
        for name in ("tmp", "new", "cur"):
            (path / name).mkdir(parents=True, exist_ok=True)

    def keep(self, mail_from: str, recipients: Sequence[str], content: bytes, seconds: float) -> Path:
        """Write one delivery at a time given in seconds since the epoch. Raises OSError."""
        name = f"{seconds:.6f}.P{os.getpid()}Q{next(self._numbers)}.mailgw-demo"
        trace = [_RETURN_PATH + f"<{mail_from}>".encode(errors="surrogateescape")]
        trace += [_ORIGINAL_TO + recipient.encode(errors="surrogateescape") for recipient in recipients]
        trace.append(_END)
        unfinished, finished = self._path / "tmp" / name, self._path / "new" / name
        unfinished.write_bytes(b"".join(line + b"\r\n" for line in trace) + content)
        unfinished.rename(finished)
        return finished


def read(path: Path) -> Iterator[Delivery]:
    """Every delivery in a Maildir, oldest first. Raises OSError; ValueError for a file that is none."""
    for file in sorted((path / "new").iterdir()):
        trace, end, content = file.read_bytes().partition(_END + b"\r\n")
        first, *others = trace.split(b"\r\n")
        if not end or not first.startswith(_RETURN_PATH):
            raise ValueError(f"{file}: expected the lines of a delivery on top")
        sender = first.removeprefix(_RETURN_PATH).decode(errors="surrogateescape")
        recipients = tuple(
            line.removeprefix(_ORIGINAL_TO).decode(errors="surrogateescape") for line in others if line
        )
        yield Delivery(sender[1:-1], recipients, content)
