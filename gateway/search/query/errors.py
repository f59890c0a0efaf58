"""What is wrong with a query, and where: for people who typed it.

`QueryError` names the place (characters from 0), the problem and what was expected; `drawn` shows the query
with a caret under the place, in two lines that any terminal can print.
"""

from __future__ import annotations

import unicodedata

_SHOWN = 40  # characters of a value that an error repeats
_AROUND = 60  # characters of a long query that are drawn on each side of the place


class QueryError(ValueError):
    """A query that cannot be read: where, and what was expected there."""

    def __init__(self, position: int, problem: str, expected: str) -> None:
        super().__init__(f"at character {position + 1}: {problem}; expected {expected}")
        self.position = position
        self.problem = problem
        self.expected = expected


def quoted(text: str) -> str:
    """`text` as an error repeats it: short, and with nothing that acts upon a terminal."""
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")


def drawn(query: str, error: QueryError) -> str:
    """The query, a caret under the place, and the error: three lines."""
    start = max(0, error.position - _AROUND)
    end = min(len(query), error.position + _AROUND)
    before = ("…" if start else "") + "".join(map(_printable, query[start : error.position]))
    after = "".join(map(_printable, query[error.position : end])) + ("…" if end < len(query) else "")
    return f"{before}{after}\n{' ' * sum(map(_width, before))}^\n{error}"


def _printable(letter: str) -> str:
    if letter.isspace():
        return " "
    # A combining mark may stand; what else does not print would move the caret, or act upon the terminal.
    return letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"


def _width(letter: str) -> int:
    """Columns that a terminal gives to a character."""
    if unicodedata.category(letter) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1
