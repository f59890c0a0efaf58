"""Names of people in a query, made ids by whoever knows the roster.

The language cannot know people: `person:smith` is `Is(Keyword.PERSON, "smith")`, the text as typed, until
`resolve` is given a function that knows. Groups and schools stay as typed: engines have their ids and names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway.search.query.parser import one_of
from gateway.search.query.tree import And, Is, Keyword, Node, Not, Or

# Person ids for a text (an id, an address or words of a name), and whether it is only the beginning of one.
People = Callable[[str, bool], Iterable[str]]


def resolve(node: Node, people: People) -> Node:
    """`node` with each `person:` as one of the ids that `people` tells; of none, as what never holds."""
    match node:
        case Is(Keyword.PERSON, value, prefix):
            return one_of([Is(Keyword.PERSON, each) for each in sorted(set(people(value, prefix)))])
        case And(nodes):
            return And(tuple(resolve(each, people) for each in nodes))
        case Or(nodes):
            return Or(tuple(resolve(each, people) for each in nodes))
        case Not(inner):
            return Not(resolve(inner, people))
        case _:
            return node
