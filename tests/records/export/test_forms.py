"""Cells, mboxrd and spans: what others read of them is what was written."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from gateway.records import spans
from gateway.records.export import cells, mboxrd, rows

WHEN = datetime(2026, 11, 3, 4, 5, 6, tzinfo=UTC)


@given(st.sets(st.integers(1, 60)))
def test_spans_are_the_numbers(numbers: set[int]) -> None:
    assert list(spans.read(spans.written(numbers))) == sorted(numbers)


def test_spans() -> None:
    assert spans.written([9, 1, 2, 3, 5]) == "1-3,5,9"
    assert spans.written([]) == ""


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2))
def test_cells_of_csv_can_be_undone(texts: list[str]) -> None:
    octets = cells.csv_lines([texts])
    (row,) = csv.reader(io.StringIO(octets.decode(), newline=""))
    assert not [cell for cell in row if cell.startswith(cells.FORMULA)]
    assert [cell.removeprefix("'") if cell.startswith("'") else cell for cell in row] == texts


@given(st.lists(st.text(), min_size=1))
def test_a_load_file_has_as_many_cells_as_were_given(texts: list[str]) -> None:
    line = cells.concordance_lines([texts]).decode()
    assert line.endswith("\r\n")
    assert line.count("\r\n") == 1 or "\r\n" not in line[:-2]
    assert len(line[1:-3].split("\u00fe\u0014\u00fe")) == len(texts)
    assert line.count("\u00fe") == 2 * len(texts)


def test_lines_in_a_load_file() -> None:
    assert cells.concordance_lines([["a\r\nb\nc", "þ®\x14"]]).decode() == "þa®b®cþ\x14þth(R) þ\r\n"


@given(st.lists(st.sampled_from([b"From ", b">", b"x", b"\n", b"\r\n", b"\r", b"\0"])).map(b"".join))
def test_mboxrd_can_be_undone(raw: bytes) -> None:
    octets = mboxrd.entry(raw, "ann@x.example", WHEN)
    line, _, rest = octets.partition(b"\n")
    assert line == b"From ann@x.example Tue Nov  3 04:05:06 2026"
    assert not re.search(rb"^From ", rest, re.MULTILINE)
    undone = re.sub(rb"^>(>*From )", rb"\1", rest, flags=re.MULTILINE)
    assert undone == raw + (b"\n" if raw.endswith(b"\n") else b"\n\n")


def test_no_sender_makes_another_line() -> None:
    for sender in ("", "a b\nFrom x", "ü\r"):
        line = mboxrd.entry(b"", sender, WHEN).partition(b"\n")[0]
        assert re.fullmatch(rb"From [!-~]+ Tue Nov  3 04:05:06 2026", line)


@given(
    st.binary(),
    st.dictionaries(st.sampled_from(["mail_from", "recipients"]), st.none() | st.lists(st.text())),
)
def test_any_message_makes_a_row(raw: bytes, envelope: dict[str, object]) -> None:
    row = rows.row("1", "f", rows.Stored(1, "id", WHEN, "00"), raw, envelope)
    assert tuple(row) == rows.KEYS
    assert len(rows.csv_cells(row)) == len(rows.KEYS)
    assert len(rows.concordance_cells(row, "link")) == len(rows.CONCORDANCE)
