"""`person:` becomes ids by whoever knows the roster, and `hold:` what is held by whoever knows the matters."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.search.query import resolve
from gateway.search.query.people import resolve_holds
from gateway.search.query.tree import Node, Or
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


def kept(said: str, prefix: bool) -> Node:
    known = {"doe": either(fact("person", "p1"), text("bus")), "closed": Or(())}
    return known[said] if not prefix else fact("person", "p3")


def test_a_matter_is_what_is_held_for_it() -> None:
    assert resolve_holds(parse("hold:doe"), kept) == either(fact("person", "p1"), text("bus"))
    assert resolve_holds(parse("hold:do*"), kept) == fact("person", "p3")
    assert resolve_holds(parse("hold:closed"), kept) == Or(())


def test_a_matter_within_a_query() -> None:
    tree = resolve_holds(parse("late -hold:doe OR (role:coach hold:closed)"), kept)
    assert tree == either(
        both(text("late"), no(either(fact("person", "p1"), text("bus")))),
        both(fact("role", "coach"), Or(())),
    )


def test_who_is_held_by_is_not_looked_up_again() -> None:
    """An id that is somebody else's name: `resolve` comes first."""
    tree = resolve_holds(resolve(parse("person:smith hold:a"), people), lambda *_: fact("person", "smith"))
    assert tree == both(either(fact("person", "p1"), fact("person", "p2")), fact("person", "smith"))
