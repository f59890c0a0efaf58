"""Staff by surname, and who else bears their names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.directory.model import Person, Role
from gateway.directory.snapshot import Directory

NOW = datetime(2026, 10, 14, tzinfo=UTC)


def person(id: str, given: str, family: str, *roles: Role, preferred: str = "") -> Person:
    return Person(id, given, family, preferred=preferred, roles=frozenset(roles))


def directory(*people: Person) -> Directory:
    return Directory("0" * 12, NOW, NOW.date(), {one.id: one for one in people}, {}, ("harbor.example",))


TEACHER = Role.STAFF
DISTRICT = directory(
    person("lopez", "Maria", "López", TEACHER),
    person("garcia", "Ana", "García López", TEACHER),
    person("cruz", "Eva", "de la Cruz", Role.COACH, Role.STAFF),
    person("schroeder", "Jürgen", "Schröder", TEACHER),
    person("obrien", "Sean", "O'Brien", Role.PRINCIPAL),
    person("student", "Ben", "Cole", Role.STUDENT),
    person("both", "Ken", "Ito", Role.STUDENT, Role.STAFF),
    person("guardian", "Rosa", "Silva", Role.GUARDIAN),
    person("left", "Frank", "Moss"),
    person("nameless", "", "", TEACHER),
)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Maria Lopez", {"lopez", "garcia"}),
        ("LÓPEZ, Maria", {"lopez", "garcia"}),
        ("Paula Lopez", {"lopez", "garcia"}),
        ("Ana García López", {"garcia", "lopez"}),
        ("Ana Garcia", {"garcia"}),
        ("Ms. de la Cruz", {"cruz"}),
        ("Eva Cruz", {"cruz"}),
        ("Eva Delacruz", {"cruz"}),
        ("Jurgen Schroeder", {"schroeder"}),
        ("Jürgen Schröder", {"schroeder"}),
        ("Jurgen Schroder", {"schroeder"}),
        ("Sean O Brien", {"obrien"}),
        ("Ben Cole", set()),
        ("Ken Ito", set()),
        ("Rosa Silva", set()),
        ("Frank Moss", set()),
        ("Maria Lopes", set()),
        ("", set()),
        ("Maria Lopez via ClassApp", set()),
    ],
)
def test_staff_are_found_by_surname(text: str, ids: set[str]) -> None:
    assert {found.id for found in DISTRICT.staff_named(text)} == ids


def test_a_surname_alone_is_a_key() -> None:
    assert [found.id for found in DISTRICT.staff_of_surname("obrien")] == ["obrien"]
    assert DISTRICT.staff_of_surname("O'Brien") == ()


@pytest.mark.parametrize(
    ("other", "whole", "initial"),
    [
        (person("x", "Robert", "Smith", Role.STUDENT), True, True),
        (person("x", "Bob", "SMITH", Role.GUARDIAN), True, True),
        (person("x", "Robert", "Smith Jr.", Role.STUDENT), True, True),
        (person("x", "Rita", "Smith", Role.STUDENT), False, True),
        (person("x", "William", "Smith", Role.STUDENT, preferred="Rob"), True, True),
        (person("x", "Bobby", "Smyth", Role.STUDENT), False, False),
        (person("x", "Mary", "Smith", Role.GUARDIAN), False, False),
        (person("x", "Robert", "Smith"), False, False),  # has left
        (person("x", "Robert", "Smith", TEACHER), False, False),  # staff: the ladder counts them itself
        (person("x", "", "Smith", Role.STUDENT), False, False),
    ],
)
def test_namesakes(other: Person, whole: bool, initial: bool) -> None:
    found = directory(person("t", "Robert", "Smith", TEACHER), other)
    assert found.has_namesake("t") is whole
    assert found.has_namesake("t", by_initial=True) is initial
    assert not found.has_namesake("nobody")
