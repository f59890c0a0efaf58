"""The page for those who search tells the truth: its examples can be asked, and it names every field and value."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.search.query import FIELDS, MAX_DEPTH, MAX_OPEN, MAX_QUERY, MAX_TERMS, QueryError, drawn
from gateway.search.query.dates import NAMED
from gateway.search.query.keywords import DIRECTIONS, HAS, OUTCOMES, ROLES, SEVERITIES, STATUSES
from gateway.search.query.matches import MAX_PHRASE, MAX_SLOP
from tests.search.query.trees import parse

PAGE = Path("docs/search.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.splitlines()
    if line.startswith("| ") and "`" in line
]
EXAMPLES = [code for row in ROWS for code in re.findall(r"`([^`]+)`", row[len(row) - 2]) if code[-1] != ":"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_can_be_asked(example: str) -> None:
    parse(example)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 50


def test_every_field_has_its_row_and_an_example_of_its_own() -> None:
    named = {}
    for row in ROWS:
        if row[0].endswith(":`"):
            for field in re.findall(r"`([a-z0-9-]+):`", row[0]):
                named[field] = row[1]
    assert set(named) == set(FIELDS)
    for field, example in named.items():
        assert f"{field}:" in example or field == "participant"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("has", HAS),
        ("role", ROLES),
        ("direction", DIRECTIONS),
        ("severity", SEVERITIES),
        ("status", STATUSES),
        ("outcome", OUTCOMES),
    ],
)
def test_every_value_is_named(field: str, values: tuple[str, ...]) -> None:
    (row,) = [row for row in ROWS if row[0] == f"`{field}:`"]
    assert all(f"`{value}`" in row[2] for value in values)


def test_every_named_span_is_named() -> None:
    assert all(name in PAGE for name in NAMED)


def test_the_bounds_are_those() -> None:
    for bound in (MAX_QUERY, MAX_TERMS, MAX_OPEN, MAX_DEPTH, MAX_PHRASE):
        assert f"{bound:,}" in PAGE
    assert f"at most {MAX_SLOP}." in PAGE


def test_the_drawn_error_is_the_one_that_is_drawn() -> None:
    drawing = PAGE.split("the place is shown:\n\n```\n")[1].split("\n```")[0]
    query = drawing.splitlines()[0]
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert drawn(query, caught.value) == drawing


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("late OR early", "late | early"),
        ("bus -practice", "bus NOT practice"),
        ("subject:(late OR early)", "subject:late OR subject:early"),
        ("late AND bus", "late bus"),
        ("late bus OR school van", "(late bus) OR (school van)"),
        ("domain:school.example", "with:@school.example"),
        ("from:ann+news@school.example", "from:ann@school.example"),
        ("o'brien", '"o brien"'),
        ("e-mail", '"e mail"'),
        ("7:30", '"7 30"'),
    ],
)
def test_what_the_page_calls_the_same_is_the_same(one: str, other: str) -> None:
    page = PAGE.replace("\\|", "|")
    assert f"`{one}`" in page
    assert f"`{other}`" in page
    assert parse(one) == parse(other)
