"""Rows out of any bytes, each with the physical line on which it begins."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.directory.columns import ColumnSet
from gateway.directory.csvfile import Table
from gateway.directory.problems import Problems

COLUMNS = ColumnSet(("id",), {"name": "title", "note": "comment"})
Rows = list[tuple[int, list[str]]]


def read(data: bytes) -> tuple[Rows, list[str]]:
    """Lines with id, name, note; and the problems."""
    problems = Problems()
    rows = list(Table("f.csv", data, COLUMNS, problems).rows("id", "name", "note"))
    return rows, [str(problem) for problem in problems.all()]


ONE_TWO: Rows = [(2, ["1", "a", "x"]), (3, ["2", "b", "y"])]


@pytest.mark.parametrize(
    "data",
    [
        b"id,name,note\n1,a,x\n2,b,y\n",
        b"id,name,note\n1,a,x\n2,b,y",
        b"id,name,note\r\n1,a,x\r\n2,b,y\r\n",
        b"id,name,note\r1,a,x\r2,b,y\r",
        b"\xef\xbb\xbfid,name,note\n1,a,x\n2,b,y\n",
        b'\xef\xbb\xbf"id","name","note"\n"1","a","x"\n"2","b","y"\n',
        "id,name,note\n1,a,x\n2,b,y\n".encode("utf-16"),
        "\ufeffid\tname\tnote\r\n1\ta\tx\r\n2\tb\ty\r\n".encode("utf-16-be"),
        b"id;name;note\n1;a;x\n2;b;y\n",
        b"ID , Title,COMMENT\n 1 ,\ta ,x\n2,b,y\n",
        b"note,id,name\nx,1,a\ny,2,b\n",
        b"id,name,secret,note\n1,a,pw,x\n2,b,pw,y\n",
        b"id,name,note,\n1,a,x,\n2,b,y,,,\n",
    ],
)
def test_the_same_rows_from_many_ways_of_writing(data: bytes) -> None:
    assert read(data) == (ONE_TWO, [])


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        pytest.param(b'id,name,note\n1,"a\nb",x\n2,c,y\n', [(2, ["1", "a\nb", "x"]), (4, ["2", "c", "y"])],
                     id="a line break in quotes counts as a physical line"),
        pytest.param(b"\n\nid,name,note\n\n1,a,x\n,,\n   \n2,b,y\n", [(5, ["1", "a", "x"]), (8, ["2", "b", "y"])],
                     id="blank lines count, and are no rows"),
        pytest.param(b'id,name,note\n1,"say ""hi""",x\n', [(2, ["1", 'say "hi"', "x"])], id="doubled quotes"),
        pytest.param(b'id,name,note\n1,"a"b,x\n2,"c" ,y\n', [(2, ["1", "ab", "x"]), (3, ["2", "c", "y"])],
                     id="text after a closing quote"),
        pytest.param(b'id,name,note\n1,6" ruler,x\n', [(2, ["1", '6" ruler', "x"])], id="a quote within a field"),
        pytest.param("id,name,note\n1,José,x\n".encode("cp1252") + "2,Zoë,y\n".encode(),
                     [(2, ["1", "José", "x"]), (3, ["2", "Zoë", "y"])], id="both encodings in one file"),
        pytest.param(b"id,name,note\n1,\x81\x93a\x94,x\n", [(2, ["1", "\ufffd“a”", "x"])], id="octets of no encoding"),
        pytest.param(b"id,name\n1,a\n", [(2, ["1", "a", ""])], id="a column that is not there"),
        pytest.param(b"id,name,name,note\n1,a,b,x\n", [(2, ["1", "a", "x"])], id="the first of two equal columns"),
    ],
)  # fmt: skip
def test_rows(data: bytes, rows: Rows) -> None:
    assert read(data) == (rows, [])


OPEN_QUOTE = "f.csv:2: an unbalanced quote; the line is not used"


@pytest.mark.parametrize(
    ("data", "rows", "problems"),
    [
        pytest.param(b'id,name,note\n1,"a,x\n2,b,y\n3,c,z\n', [(3, ["2", "b", "y"]), (4, ["3", "c", "z"])],
                     [OPEN_QUOTE], id="a quote that is never closed"),
        pytest.param(b'id,name,note\n1,a,"x\n2,b,y\n3,c,z\n', [(3, ["2", "b", "y"]), (4, ["3", "c", "z"])],
                     [OPEN_QUOTE], id="in the last column, to the end of the file"),
        pytest.param(b'id,name,note\n1,a,"x\n2,b,"y"\n3,c,z\n', [(3, ["2", "b", "y"]), (4, ["3", "c", "z"])],
                     [OPEN_QUOTE], id="closed by another row's quote"),
        pytest.param(b'id,name,note\n1,a,"' + b"x\n" * 70 + b'"\n2,b,y\n', [(73, ["2", "b", "y"])],
                     None, id="a cell longer than any cell"),
        pytest.param(b"id,name,note\n1,a\n2,b,y\n", [(2, ["1", "a", ""]), (3, ["2", "b", "y"])],
                     ["f.csv:2: 2 fields, expected 3; the missing ones are empty"], id="too few fields"),
        pytest.param(b"id,name,note\n1,Lee, Ann,x\n2,b,y\n", [(3, ["2", "b", "y"])],
                     ["f.csv:2: 4 fields, expected 3 (an unquoted comma?); not used"], id="too many fields"),
        pytest.param(b"id,name,note\n1,\0a\0,x\n", [(2, ["1", "a", "x"])],
                     ["f.csv:2: NUL octets; they were left out"], id="NUL octets"),
        pytest.param(b"id,name,note\n1," + b"a" * 200_000 + b",x\n2,b,y\n", [(3, ["2", "b", "y"])],
                     ["f.csv:2: a field of more than 131072 characters; not used"], id="a giant field"),
        pytest.param(b"id,name,note\n1,a\rb,x\n", [(2, ["1", "a b", "x"])], [], id="a bare CR in a field"),
        pytest.param(b"id,nmae,note\n1,a,x\n", [(2, ["1", "", "x"])], [], id="a column with quite another name"),
        pytest.param(b"id,name,notte\n1,a,x\n", [(2, ["1", "a", ""])], [], id="too short a name to guess"),
        pytest.param(b"", [], ["f.csv:1: id: expected a column id in the first line; the file is not used"],
                     id="nothing"),
        pytest.param(b"name,note\na,x\n", [],
                     ["f.csv:1: id: expected a column id in the first line; the file is not used"], id="no id"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_reported(data: bytes, rows: Rows, problems: list[str] | None) -> None:
    found, reported = read(data)
    assert found[-len(rows) :] == rows if rows else found == []
    assert problems is None or reported == problems


@given(st.binary(max_size=400))
def test_no_bytes_raise(data: bytes) -> None:
    read(data)
    read(b"id,name,note\n" + data)


CELL = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters='",\n '), min_size=1, max_size=12
)


@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=8))
def test_what_a_csv_writer_writes_is_read_back(cells: list[tuple[str, str, str]]) -> None:
    cells = [row for row in cells if any(cell.strip() for cell in row)]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([("id", "name", "note"), *cells])
    rows, problems = read(text.getvalue().encode())
    assert [row for _, row in rows] == [[cell.strip() for cell in row] for row in cells]
    assert problems == []
    starts = [
        1 + sum(cell.count("\n") for row in cells[:n] for cell in row) + n + 1 for n in range(len(cells))
    ]
    assert [line for line, _ in rows] == starts
