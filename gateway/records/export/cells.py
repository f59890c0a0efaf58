"""Texts as the cells of tables that other programs read. Pure; every text can be written.

CSV is RFC 4180 in UTF-8 with a byte order mark: Excel takes a file without one for the local code page, and shows
names wrongly. A cell that a spreadsheet would compute, and one that begins with an apostrophe, gets an apostrophe in
front; to undo it, one apostrophe is taken away wherever a cell begins with one.

Concordance's load file has þ (U+00FE) around each cell, U+0014 between cells and ® (U+00AE) for a line break, and no
way to escape any of them: in a text, þ becomes th, ® becomes (R) and U+0014 a blank. `index.jsonl` has the text as it
was.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

BOM = b"\xef\xbb\xbf"
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_QUOTE, _BETWEEN, _BREAK = "\u00fe", "\u0014", "\u00ae"
_NOT_IN_A_CELL = str.maketrans({_QUOTE: "th", _BETWEEN: " ", _BREAK: "(R)"})


def csv_lines(rows: Iterable[Sequence[str]]) -> bytes:
    """Lines of CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([_guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith((*FORMULA, "'")) else cell


def concordance_lines(rows: Iterable[Sequence[str]]) -> bytes:
    """Lines of a Concordance load file."""
    return "".join(f"{_BETWEEN.join(map(_quoted, row))}\r\n" for row in rows).encode("utf-8", "replace")


def _quoted(cell: str) -> str:
    lines = cell.translate(_NOT_IN_A_CELL).replace("\r\n", "\n").replace("\r", "\n")
    return f"{_QUOTE}{lines.replace(chr(10), _BREAK)}{_QUOTE}"
