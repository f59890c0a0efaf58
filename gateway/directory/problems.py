"""What is wrong with a roster: rows that could not be used, and imports that are refused.

A problem names file, line, field and the *kind* of value found. It never quotes a name or an address: the
list is shown on terminals and kept in tickets.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

# Enough to see what is wrong with an export; a file of another kind would make a problem of every line.
MOST_PROBLEMS = 10_000


class RosterError(Exception):
    """A whole import is refused; the text names the file and what was expected."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One row, or one field of it, that was not used as it stands."""

    file: str
    line: int  # physical line of the file, from 1; 0: the file as a whole
    field: str  # the column's own name in the format; "": the row as a whole
    why: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.why}" if self.field else f"{place}: {self.why}"


class Problems:
    """Collects problems; of each file the first `most` are kept and the others counted."""

    def __init__(self, most: int = MOST_PROBLEMS) -> None:
        self._most = most
        self._kept: list[RowProblem] = []
        self._by_file: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many were reported, those not kept included."""
        return self._by_file.total()

    def add(self, file: str, line: int, field: str, why: str) -> None:
        self._by_file[file] += 1
        if self._by_file[file] <= self._most:
            self._kept.append(RowProblem(file, line, field, why))

    def all(self) -> tuple[RowProblem, ...]:
        """In the order of file and line; a file with more than were kept ends with a line that says so."""
        more = [
            RowProblem(file, 0, "", f"{count - self._most} more problems are not listed")
            for file, count in self._by_file.items()
            if count > self._most
        ]
        return tuple(sorted(self._kept, key=lambda row: (row.file, row.line)) + more)
