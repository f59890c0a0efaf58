"""Where the parts of a multipart begin and end (RFC 2046 §5.1), in octets that need not be well made.

Promises: never raises; linear in the octets for each level of nesting. Where the boundary is missing, wrong or not
declared, it is guessed from the lines; parts behind the closing line are parts all the same, and the defect says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BOUNDARY_LIMIT = 512  # octets; the standard has 70
_WHITE = b" \t"
_GUESS = re.compile(
    rb"^--([!-~][ -~]{0,199}?)[ \t]*\r?\n(?=content-[a-z-]{2,30}[ \t]*:)", re.IGNORECASE | re.MULTILINE
)
_MARKS = 10_000  # boundary lines of one multipart; the limit of parts lies far below


@dataclass(frozen=True, slots=True)
class Pieces:
    """The ranges of the parts, of the text before and of the text behind them; and what was wrong."""

    parts: tuple[tuple[int, int], ...]
    before: tuple[int, int]
    behind: tuple[int, int]
    defects: tuple[str, ...] = ()


def pieces(octets: bytes, start: int, end: int, boundary: str) -> Pieces | None:
    """The parts of the multipart that stands in `octets[start:end]`; None where there are none to be told apart."""
    defects: list[str] = []
    marks: list[tuple[int, int, bool]] = []
    if boundary:
        marks = _marks(octets, start, end, boundary.encode("utf-8", "replace")[:BOUNDARY_LIMIT])
    if not marks:
        guess = _GUESS.search(octets, start, end)
        if guess is None:
            return None
        defects.append("wrong-boundary" if boundary else "no-boundary")
        marks = _marks(octets, start, end, guess[1])
        if not marks:
            return None
    return _between(octets, start, end, marks, defects)


def _marks(octets: bytes, start: int, end: int, boundary: bytes) -> list[tuple[int, int, bool]]:
    """Begin and end of each boundary line, and whether it closes."""
    line = b"--" + boundary
    found: list[tuple[int, int, bool]] = []
    position = start
    while len(found) < _MARKS:
        begin = octets.find(line, position, end)
        if begin < 0:
            break
        position = begin + len(line)
        if begin > start and octets[begin - 1] not in b"\r\n":
            continue
        closes = octets.startswith(b"--", position, end)
        stop = position + 2 if closes else position
        while stop < end and octets[stop] in _WHITE:
            stop += 1
        if stop < end and octets[stop] not in b"\r\n":
            continue  # the boundary of another multipart that begins alike
        if octets.startswith(b"\r\n", stop, end):
            stop += 2
        elif stop < end:
            stop += 1
        found.append((begin, stop, closes))
        # The line end may be the empty line's that the next boundary line needs before it.
        position = stop
    return found


def _between(
    octets: bytes, start: int, end: int, marks: list[tuple[int, int, bool]], defects: list[str]
) -> Pieces:
    parts: list[tuple[int, int]] = []
    behind = (end, end)
    for number, (_, begin, closes) in enumerate(marks):
        last = number + 1 == len(marks)
        if closes:
            if last:
                behind = (begin, end)
                continue
            defects.append("part-after-end")
        elif last:
            defects.append("close-boundary-not-found")
        stop = end if last else _without_line_end(octets, begin, marks[number + 1][0])
        # Between a closing line and the next boundary there is rarely anything but empty lines.
        if not closes or octets[begin:stop].strip():
            parts.append((begin, stop))
    return Pieces(tuple(parts), (start, marks[0][0]), behind, tuple(dict.fromkeys(defects)))


def _without_line_end(octets: bytes, begin: int, stop: int) -> int:
    """The line end before a boundary belongs to the boundary."""
    if stop - 2 >= begin and octets.startswith(b"\r\n", stop - 2):
        return stop - 2
    return stop - 1 if stop > begin else stop
