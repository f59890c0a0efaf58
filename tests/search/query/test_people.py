"""`person:` becomes ids by whoever knows the roster."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.search.query import resolve
from gateway.search.query.tree import Or
from tests.search.query.trees import both, either, fact, no, parse, text


def people(said: str, prefix: bool) -> Iterable[str]:
    known = {"smith": {"p2", "p1"}, "ann@x.org": {"p1"}}
    return known.get(said, ()) if not prefix else ["p3"]


def test_a_name_is_one_of_those_who_have_it() -> None:
    assert resolve(parse("person:smith"), people) == either(fact("person", "p1"), fact("person", "p2"))


def test_an_address_is_its_person() -> None:
    assert resolve(parse("person:ann@x.org"), people) == fact("person", "p1")


def test_a_beginning_is_asked_as_one() -> None:
    assert resolve(parse("person:smi*"), people) == fact("person", "p3")


def test_nobody_is_found_nowhere_and_the_rest_stays() -> None:
    tree = resolve(parse("bus -person:nobody OR (role:coach -person:ann@x.org)"), people)
    assert tree == either(
        both(text("bus"), no(Or(()))), both(fact("role", "coach"), no(fact("person", "p1")))
    )
