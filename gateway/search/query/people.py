"""Names in a query, made what they stand for by whoever knows: people by the roster, legal matters by their holds.

The language cannot know people: `person:smith` is `Is(Keyword.PERSON, "smith")`, the text as typed, until `resolve` is
given a function that knows; likewise `hold:` and `resolve_holds`. Groups and schools stay as typed: engines have their
ids and names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway.search.query.parser import one_of
from gateway.search.query.tree import And, Is, Keyword, Node, Not, Or

# Person ids for a text (an id, an address or words of a name), and whether it is only the beginning of one.
People = Callable[[str, bool], Iterable[str]]
# What is held for the matters that a text names, and whether it is only the beginning of a name.
Matters = Callable[[str, bool], Node]


def resolve(node: Node, people: People) -> Node:
    """`node` with each `person:` as one of the ids that `people` tells; of none, as what never holds."""

    def ids(value: str, prefix: bool) -> Node:
        return one_of([Is(Keyword.PERSON, each) for each in sorted(set(people(value, prefix)))])

    return replaced(node, Keyword.PERSON, ids)


def resolve_holds(node: Node, matters: Matters) -> Node:
    """`node` with each `hold:` as what `matters` tells is held. After `resolve`: who is held by is an id already."""
    return replaced(node, Keyword.HOLD, matters)


def replaced(node: Node, field: Keyword, other: Callable[[str, bool], Node]) -> Node:
    """`node` with something else for each `field`, made of its value and of whether that is a beginning."""
    match node:
        case Is(found, value, prefix) if found is field:
            return other(value, prefix)
        case And(nodes):
            return And(tuple(replaced(each, field, other) for each in nodes))
        case Or(nodes):
            return Or(tuple(replaced(each, field, other) for each in nodes))
        case Not(inner):
            return Not(replaced(inner, field, other))
        case _:
            return node
