"""Tolerant reading of one CSV file: whatever the bytes are, rows come out or are reported.

Promises: every row carries the physical line on which it begins; quoted fields may hold line breaks; a
byte order mark, any line ending, NUL octets, UTF-16 and lines in Windows-1252 are read; an unbalanced
quote costs its own line, not the rest of the file. Nothing is raised for any bytes.

What cannot be used is told to `Problems`. Cells of columns that nobody asks for (passwords among them)
are never taken out of their row.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Mapping
from operator import itemgetter

from gateway.directory.columns import ColumnSet
from gateway.directory.problems import Problems

_LONGEST_RECORD = 64  # lines; a quoted cell with more line breaks is an unbalanced quote
_DELIMITERS = ",\t;|"


class Table:
    """The rows of one file under the column names of the format; `rows` can be read once."""

    def __init__(self, file: str, data: bytes, columns: ColumnSet, problems: Problems) -> None:
        self.file = file
        self._problems = problems
        self._lines = _Lines(data)
        self._width = 0
        self._records = self._read()
        self._places: Mapping[str, int] = {}
        self.usable = self._read_header(columns)

    def __contains__(self, column: str) -> bool:
        return column in self._places

    def rows(self, *columns: str) -> Iterator[tuple[int, list[str]]]:
        """Each row's line and its values of `columns` (two or more), stripped; "" where there is none."""
        if not self.usable:
            return
        width = self._width
        pick = itemgetter(*(self._places.get(column, width) for column in columns))
        for line, row in self._records:
            if len(row) != width and not self._fits(line, row):
                continue
            row.append("")  # stands for every column that the file does not have
            yield line, [cell.strip() for cell in pick(row)]

    def problem(self, line: int, field: str, why: str) -> None:
        """Report something about a row of this file."""
        self._problems.add(self.file, line, field, why)

    def _read_header(self, columns: ColumnSet) -> bool:
        line, header = next(self._records, (1, []))
        self._width = len(header)
        self._places, guessed = columns.places(header)
        for column in guessed:
            self.problem(line, column, f"the column's name is misspelled; read as {column}")
        missing = [column for column in columns.required if column not in self._places]
        for column in missing:
            self.problem(line, column, f"expected a column {column} in the first line; the file is not used")
        return not missing

    def _fits(self, line: int, row: list[str]) -> bool:
        """Bring a ragged row to the header's width; False where its cells may stand in wrong columns."""
        if len(row) < self._width:
            self.problem(line, "", f"{len(row)} fields, expected {self._width}; the missing ones are empty")
            row += [""] * (self._width - len(row))
            return True
        if any(map(str.strip, row[self._width :])):
            self.problem(
                line, "", f"{len(row)} fields, expected {self._width} (an unquoted comma?); not used"
            )
            return False
        del row[self._width :]
        return True

    def _read(self) -> Iterator[tuple[int, list[str]]]:
        """Records with their first line, blank ones left out. The first is the header."""
        lines = self._lines
        reader = lines.reader()
        while True:
            start = lines.begin_record()
            try:
                row = next(reader)
                broken = lines.taken > 1 and 0 < self._width != len(row)
            except StopIteration:
                return
            except (csv.Error, _RunawayError):
                broken = True
            if broken:
                row = self._first_line_alone(start)
                reader = lines.reader()  # the old one is left in the middle of a record
            if lines.had_nul:
                self.problem(start, "", "NUL octets; they were left out")
            if any(map(str.strip, row)):
                yield start, row

    def _first_line_alone(self, start: int) -> list[str]:
        """Read a broken record's first line without strictness; [] where a quote stays open beyond it.

        The lines after it are read again, as records of their own.
        """
        several = self._lines.taken > 1
        text = self._lines.first_line_again()
        if several:
            self.problem(start, "", "an unbalanced quote; the line is not used")
            return []
        try:
            return next(csv.reader([text], delimiter=self._lines.delimiter), [])
        except csv.Error:
            self.problem(start, "", f"a field of more than {csv.field_size_limit()} characters; not used")
            return []


class _RunawayError(Exception):
    """A record goes on for more lines than any cell has."""


class _Lines:
    """Decoded lines of a file, with the way back to where a record began."""

    def __init__(self, data: bytes) -> None:
        data = _as_utf8(data)
        self._buffer = io.BytesIO(data)
        self._number = 0  # physical lines read
        self._record = (0, 0)  # offset and physical lines where the current record began
        self.taken = 0  # lines of the current record
        self.had_nul = False  # whether the current record had NUL octets
        head = self._decoded(data[: data.find(b"\n") + 1] or data[:4096])
        self.delimiter = max(_DELIMITERS, key=head.count)

    def reader(self) -> Iterator[list[str]]:
        return csv.reader(self, delimiter=self.delimiter, strict=True)

    def begin_record(self) -> int:
        """Mark the place; returns the physical line that comes next, from 1."""
        self._record = (self._buffer.tell(), self._number)
        self.taken = 0
        self.had_nul = False
        return self._number + 1

    def first_line_again(self) -> str:
        """Go back to the current record's first line and read only that, with bare CR as spaces."""
        offset, self._number = self._record
        self._buffer.seek(offset)
        self.taken = 0
        return next(self, "").rstrip("\r\n").replace("\r", " ")

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._buffer.readline()
        if not line:
            raise StopIteration
        if self.taken >= _LONGEST_RECORD:
            raise _RunawayError
        self.taken += 1
        self._number += 1
        return self._decoded(line)

    def _decoded(self, line: bytes) -> str:
        """UTF-8, or else Windows-1252: exports are joined from parts in different encodings."""
        if b"\0" in line:
            self.had_nul = True
            line = line.replace(b"\0", b"")
        try:
            return line.decode()
        except UnicodeDecodeError:
            return line.decode("cp1252", "replace")


def _as_utf8(data: bytes) -> bytes:
    """The file without byte order mark, UTF-16 (Excel's "Unicode text") as UTF-8, line ends with LF."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    data = data.removeprefix(codecs.BOM_UTF8)
    return data if b"\n" in data else data.replace(b"\r", b"\n")
