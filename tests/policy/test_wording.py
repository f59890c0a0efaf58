"""Names and lists of names in sentences."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.directory.model import AddressKind, Person, PersonAddress
from gateway.policy.wording import by_name, display_name, names, paragraph, people_called, possessive, series


def person(name: str, **rest: Any) -> Person:
    given, _, family = name.partition(" ")
    return Person(id=rest.pop("id", name), given=given, family=family, **rest)


PEOPLE = [person(f"{letter} Person") for letter in "ABCDEF"]


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "A Person"),
        (2, "A Person and B Person"),
        (3, "A Person, B Person and C Person"),
        (4, "A Person, B Person, C Person and D Person"),
        (5, "A Person, B Person, C Person and 2 others"),
        (6, "A Person, B Person, C Person and 3 others"),
    ],
)
def test_names(count: int, words: str) -> None:
    assert names(PEOPLE[:count]) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "the student A Person"),
        (2, "the students A Person and B Person"),
        (5, "5 students (A Person, B Person, C Person and 2 others)"),
    ],
)
def test_people_called(count: int, words: str) -> None:
    assert people_called(PEOPLE[:count], "student", "students") == words


@pytest.mark.parametrize(
    ("words", "conjunction", "sentence"),
    [
        ([], "and", ""),
        (["A"], "and", "A"),
        (["A", "B"], "or", "A or B"),
        (["A", "B", "C"], "or", "A, B or C"),
    ],
)
def test_series(words: list[str], conjunction: str, sentence: str) -> None:
    assert series(words, conjunction) == sentence


def test_a_person_without_name_is_called_by_address_and_else_by_id() -> None:
    address = PersonAddress("x@harbor.example", "x@harbor.example", AddressKind.DISTRICT, "test", None)
    assert display_name(person("", id="17", addresses=(address,))) == "x@harbor.example"
    assert display_name(person("", id="17")) == "person 17"
    assert display_name(person("Cher")) == "Cher"


def test_people_stand_in_the_order_of_a_class_list() -> None:
    unsorted = [person("Bo Young"), person("Al Young"), person("Zoe adams"), person("Al Young", id="0")]
    assert [f"{who.name} {who.id}" for who in by_name(unsorted)] == [
        "Zoe adams Zoe adams",
        "Al Young 0",
        "Al Young Al Young",
        "Bo Young Bo Young",
    ]


def test_possessive() -> None:
    assert possessive("Dana Reed") == "Dana Reed's"
    assert possessive("Sam James") == "Sam James'"


def test_paragraph_leaves_out_what_is_empty() -> None:
    assert paragraph("One.", "", "Two.") == "One. Two."
