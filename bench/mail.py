"""The messages that the bench sends: lifelike in size and in how well they compress, the same on every run.

A message is a short text part and a base64 attachment whose octets are random, because that is what mail of
this size is; a body of one repeated letter would flatter every archive that compresses. Lines are short and
7-bit, so that no candidate has to convert anything.
"""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass
from pathlib import Path

WORDS = (
    "practice", "bus", "field", "schedule", "homework", "parents", "library", "Thursday", "lunch",
    "permission", "form", "concert", "game", "season", "uniform", "coach", "teacher", "guidance",
    "principal", "calendar", "please", "remember", "bring", "return", "before", "after", "school",
    "class", "team", "project", "chapter", "reading", "laboratory", "report", "due", "tomorrow",
    "meeting", "cafeteria", "gym", "weather", "cancelled", "moved", "thank", "you", "questions",
    "let", "me", "know", "everyone", "the", "a", "of", "to", "and", "in", "for", "on", "with",
    "at", "from", "this", "that", "will", "be", "is", "are",
)  # fmt: skip

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Letter:
    """Who writes to whom, and what a directory knows of it."""

    kind: str
    sender: str
    recipient: str
    from_header: str
    to_header: str
    share: float  # of all messages and connections of a load


@dataclass(frozen=True, slots=True)
class Mail:
    """A message with its envelope; `content` has CRLF line ends, no line starts with a dot."""

    letter: Letter
    content: bytes

    def write_for_source(self, path: Path) -> Path:
        """As `smtp-source -F` wants it: bare LF line ends, which it sends as CRLF."""
        path.write_bytes(self.content.replace(b"\r\n", b"\n"))
        return path


def compose(letter: Letter, size: int, seed: int) -> Mail:
    """A message of exactly `size` octets (1,500 at least), CRLFs counted."""
    chance = random.Random(seed)
    text_size = min(2400, size // 2)
    head = _header(letter, seed)
    text = _prose(chance, text_size - len(head))
    start = (
        f'{head}--=_bench\r\nContent-Type: text/plain; charset="utf-8"\r\n\r\n{text}\r\n'
        "--=_bench\r\nContent-Type: application/octet-stream; name=schedule.bin\r\n"
        "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=schedule.bin\r\n\r\n"
    ).encode("ascii")
    end = b"--=_bench--\r\n"
    room = size - len(start) - len(end)
    if room < 160:
        raise ValueError(f"a message of {size} octets is too small for its header")
    lines, rest = divmod(room, 78)
    if rest in (1, 2):  # too short for a line of its own
        lines, rest = lines - 1, rest + 78
    body = b"".join(_base64_line(chance, 76) for _ in range(lines))
    # One last, shorter or longer, line takes the octets that are left; 998 is the limit, 78 the most here.
    body += _base64_line(chance, rest - 2) if rest else b""
    return Mail(letter, start + body + end)


def _base64_line(chance: random.Random, characters: int) -> bytes:
    return base64.b64encode(chance.randbytes(characters))[:characters] + b"\r\n"


def _prose(chance: random.Random, size: int) -> str:
    lines: list[str] = []
    while sum(len(line) + 2 for line in lines) < size:
        line = " ".join(chance.choice(WORDS) for _ in range(11))
        lines.append(line[:72].capitalize() + ".")
    return "\r\n".join(lines)


def _header(letter: Letter, seed: int) -> str:
    return "\r\n".join(
        (
            f"Received: from mail.outside.example (mail.outside.example [192.0.2.{seed % 250 + 1}])",
            f"\tby relay.outside.example with ESMTPS id bench{seed:06d}; Mon, 02 Nov 2026 09:15:00 -0500",
            f"From: {letter.from_header}",
            f"To: {letter.to_header}",
            f"Subject: Schedule for the week, number {seed}",
            "Date: Mon, 02 Nov 2026 09:14:58 -0500",
            f"Message-ID: <bench.{seed}.{letter.kind}@outside.example>",
            "MIME-Version: 1.0",
            'Content-Type: multipart/mixed; boundary="=_bench"',
            "X-Mailer: bench",
            "",
            "",
        )
    )
