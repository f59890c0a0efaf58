"""The end of data: a message out of the bytes that follow DATA (RFC 5321 §4.5.2).

`DataReader` takes whole chunks and looks for CRLF.CRLF only; it never works line by line. A message that
comes clean (every line ends in CRLF) is kept once and goes on as it came. A bare CR or LF is mended
on the way out and kept in the record; a look-alike of the end of data is refused, so nothing can be
smuggled in or out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

END = b"\r\n.\r\n"
CR = 13

# A lone dot beside a bare CR, a bare LF or NUL. CRLF.CRLF itself cannot stand inside the data.
_LOOK_ALIKE = re.compile(rb"(?:\A|[\r\n\0])\.[\r\n\0]")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_ANY_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Data:
    """A received message in both of its forms."""

    wire: bytes | bytearray  # as it came, dot-stuffed, with the CRLF before the final dot
    clean: bool  # every line ends in CRLF
    dotted: bool  # a line may begin with a dot

    @property
    def raw(self) -> bytes | bytearray:
        """The message itself, the record: dots unstuffed, nothing else touched."""
        return unstuff(self.wire) if self.dotted else self.wire

    def outgoing(self) -> bytes | bytearray:
        """The message for the next hop: CRLF line ends only, dot-stuffed from those lines."""
        return self.wire if self.clean else stuff(_ANY_LINE_END.sub(b"\r\n", unstuff(self.wire)))

    @property
    def look_alike(self) -> bool:
        """Whether some server could take something in it for the end of data."""
        if self.clean and b"\0" not in self.wire:
            return False
        return self.wire.endswith(b"\r\r\n") or _LOOK_ALIKE.search(self.wire) is not None


def unstuff(wire: bytes | bytearray) -> bytes | bytearray:
    """Remove one leading dot from each line (RFC 5321 §4.5.2); the same object where there is none."""
    if wire.startswith(b"."):
        wire = wire[1:]
    return wire.replace(b"\r\n.", b"\r\n") if b"\r\n." in wire else wire


def stuff(lines: bytes | bytearray) -> bytes | bytearray:
    """Double the leading dot of each line; the same object where there is none."""
    if lines.startswith(b"."):
        lines = b"." + lines
    return lines.replace(b"\r\n.", b"\r\n..") if b"\r\n." in lines else lines


def has_long_line(data: bytes | bytearray, limit: int) -> bool:
    """Whether a line is longer than `limit` octets without its CRLF; looks at few places, not at every line."""
    position = 0
    while len(data) - position > limit + 2:
        end = data.rfind(b"\n", position, position + limit + 2)
        if end < 0:
            return True
        position = end + 1
    return False


class DataReader:
    """Collects chunks until CRLF.CRLF.

    Beyond `limit` octets it goes on looking for the end but keeps nothing (`overflow`), so that the client
    gets its reply and the connection stays in step.
    """

    __slots__ = ("_buffer", "_clean", "_dotted", "_received", "limit", "overflow")

    def __init__(self, limit: int) -> None:
        self._buffer = bytearray()
        self.limit = limit
        self._received = 0
        self._clean = True
        self._dotted = False
        self.overflow = False

    @property
    def received(self) -> int:
        """Octets taken so far."""
        return self._received

    @property
    def held(self) -> int:
        """Octets kept in memory."""
        return len(self._buffer)

    def discard(self) -> None:
        """Keep nothing of what came or comes, but go on looking for the end."""
        self.overflow = True
        del self._buffer[:-4]

    def feed(self, chunk: bytes | bytearray) -> bytes | None:
        """Take a chunk; None while the end has not come, else the octets that follow the final dot."""
        buffer = self._buffer
        start = len(buffer)
        buffer += chunk
        at_start = self._received == start and start < 3 and buffer.startswith(b".\r\n")
        self._received += len(chunk)
        end = -2 if at_start else self._find_end(max(0, start - 4))
        if end == -1:
            self._clean = self._clean and _clean(buffer, start, final=False)
            if self._received > self.limit or self.overflow:
                self.discard()
            return None
        rest = bytes(buffer[end + 5 :])
        self._received -= len(rest)
        del buffer[end + 2 :]
        self._clean = self._clean and _clean(buffer, min(start, len(buffer)), final=True)
        if self._received - 3 > self.limit:
            self.overflow = True
        return rest

    def _find_end(self, start: int) -> int:
        """Where CRLF.CRLF begins, -1 if it has not come. One search, as long as no line begins with a dot."""
        if (
            self._buffer.find(b".", start) < 0
        ):  # most of an attachment: a tenth of the time of the next search
            return -1
        if not self._dotted:
            self._dotted = self._buffer.startswith(b".")
            found = self._buffer.find(b"\r\n.", start)
            if found < 0 or self._buffer.startswith(END, found):
                return found
            self._dotted = True  # or a part of the end, which costs a look at each line later
        return self._buffer.find(END, start)

    def finish(self) -> Data:
        """The message, once `feed` has seen its end."""
        return Data(self._buffer, self._clean, self._dotted)


def _clean(buffer: bytearray, start: int, *, final: bool) -> bool:
    """Whether the octets from `start` on bring no bare CR or LF; a CR at the very end may still get its LF."""
    if start and buffer[start - 1] == CR:
        start -= 1
    end = len(buffer) - (not final and buffer.endswith(b"\r"))
    others = buffer[start:end].replace(b"\r\n", b"")
    return b"\n" not in others and b"\r" not in others
