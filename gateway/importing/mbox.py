"""The messages of an mbox file.

A message begins behind a line `From …`. Such a line separates if it ends with a time and a year, as mail programs
write it (`From ann@x.example Thu Nov 20 12:00:00 2025`), and stands behind an empty line or before a header field; or
if it has neither and stands behind an empty line *and* before a header field. So a paragraph that begins with the
word From separates nothing. The empty line before a separator belongs to it and not to the message (RFC 4155).

Lines of a message that begin with From were quoted with a `>` by who wrote the file:

    mboxrd      From, >From, >>From ... get one more `>`: one is taken away, and the message is what it was
    mboxo       only From gets a `>`: one is taken away; a line that had been `>From` already loses its own
    mboxcl2     nothing is quoted, Content-Length tells where the body ends: nothing is taken away

Nothing in a file says which it is. One `>` is taken away, as mboxrd has it, which is the only form that can be undone
without loss; and none where the message has a Content-Length that is exactly the size of its body as it stands. Line
ends stay as they are.

Promises: linear, and memory for little more than one message; a message beyond the limit is passed over, and the next
one is read. Fails with NotMbox, before anything is handed out, and with whatever reading fails with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.message.headers import HEADER_LIMIT, read_headers

_CHUNK = 2**20
_LINE = 1_000  # octets of a line behind which nothing more is looked for
_SEPARATOR = b"From "
# A time, a zone or not, and a year: what asctime and the mail programs that go their own way have in common.
_DATED = re.compile(rb"From (?:.*\s)?\d{1,2}:\d\d(?::\d\d)?\s(?:\S+\s)?(?:\d{4})(?:\s\S+)?\s*\Z")
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:|>?From ")
_LENGTH = re.compile(rb"^content-length[ \t]*:", re.IGNORECASE | re.MULTILINE)
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


class NotMbox(ValueError):
    """It does not begin with a line `From …`."""


class Piece(NamedTuple):
    """One message of the file."""

    number: int  # from 1
    offset: int  # octets of the file before its `From …` line
    octets: bytes | None  # None: too large


@dataclass(slots=True)
class _Window:
    """What has been read of a file, from some place on."""

    read: Callable[[int], bytes]
    octets: bytearray = field(default_factory=bytearray)
    offset: int = 0  # of the first of them
    ended: bool = False

    def more(self) -> bool:
        """Read on; whether there was anything."""
        chunk = b"" if self.ended else self.read(_CHUNK)
        self.octets += chunk
        self.ended = not chunk
        return not self.ended

    def drop(self, count: int) -> None:
        del self.octets[:count]
        self.offset += count

    def line(self, at: int) -> bytes:
        """The line that begins at a place, with its end; of a very long one the beginning."""
        while (end := self.octets.find(b"\n", at, at + _LINE)) < 0:
            if len(self.octets) - at >= _LINE or not self.more():
                return bytes(self.octets[at : at + _LINE])
        return bytes(self.octets[at : end + 1])


def split(read: Callable[[int], bytes], limit: int) -> Iterator[Piece]:
    """The messages of a file that `read` reads (so many octets, or fewer; none at its end). Raises NotMbox."""
    window = _Window(read)
    while (blank := window.line(0)) in (b"\n", b"\r\n"):
        window.drop(len(blank))
    if not blank:
        return  # an empty file holds no message
    if not blank.startswith(_SEPARATOR):
        raise NotMbox('does not begin with a line "From "')
    number = 0
    while window.octets:
        number += 1
        offset = window.offset
        _skip_line(window)
        yield Piece(number, offset, _message(window, limit))


def _skip_line(window: _Window) -> None:
    """Take a line out of the window, however long it is."""
    while (end := window.octets.find(b"\n")) < 0:
        window.drop(len(window.octets))
        if not window.more():
            return
    window.drop(end + 1)


def _message(window: _Window, limit: int) -> bytes | None:
    """Take the message that the window begins with out of it; None if it is too large."""
    at, is_whole = 0, True
    while (end := _next_separator(window, at)) is None:
        at = max(len(window.octets) - len(_SEPARATOR), 0)
        if not window.more():
            end = len(window.octets)
            break
        if at > limit:
            is_whole = False
            window.drop(at - 3)  # what is before a separator is looked at
            at = 3
    octets = None
    if is_whole and end <= limit:
        with memoryview(window.octets) as view:
            octets = bytes(view[:end])
    window.drop(end)
    return None if octets is None else _as_written(octets)


def _next_separator(window: _Window, at: int) -> int | None:
    """Where the next separator begins, at a place or behind; None where there is none in what was read."""
    while (found := window.octets.find(_SEPARATOR, at)) >= 0:
        if (found == 0 or window.octets[found - 1] == 0x0A) and _separates(window, found):
            return found
        at = found + 1
    return None


def _separates(window: _Window, at: int) -> bool:
    line = window.line(at)
    before = bytes(window.octets[max(at - 3, 0) : at])
    behind_empty = before in (b"", b"\n", b"\r\n") or before.endswith((b"\n\n", b"\n\r\n"))
    is_dated = _DATED.match(line.rstrip(b"\r\n")) is not None
    if is_dated and behind_empty:
        return True
    is_before_field = line.endswith(b"\n") and _FIELD.match(window.line(at + len(line))) is not None
    return is_before_field and (is_dated or behind_empty)


def _as_written(octets: bytes) -> bytes:
    """A message as it was before it was put into the file."""
    if octets.endswith((b"\n\n", b"\n\r\n")) or octets in (b"\n", b"\r\n"):
        octets = octets[:-2] if octets.endswith(b"\r\n") else octets[:-1]
    return octets if _is_counted(octets) else _QUOTED.sub(rb"\1", octets)


def _is_counted(octets: bytes) -> bool:
    """Whether its Content-Length is that of its body."""
    if _LENGTH.search(octets, 0, HEADER_LIMIT) is None:
        return False
    headers = read_headers(octets)
    length = headers.first("Content-Length") or ""
    return length.isascii() and length.isdigit() and length == str(len(octets) - headers.size)
