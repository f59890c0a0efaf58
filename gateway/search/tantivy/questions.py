"""From a syntax tree to a query of Tantivy's.

Promises: what is made never finds the document that marks the position; a tree too deep or a phrase too loose raises
Unanswerable before Tantivy sees it.

Slop is spelled out, one exact phrase for each way to stand, because Tantivy's own takes words in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import combinations
from math import comb

from tantivy import FieldType, Occur, Query, Schema

from gateway.message.words import fold
from gateway.search.engine import DEPTH, DISTANCE, SLOP, SPELLED, VARIANTS, Tier, Unanswerable
from gateway.search.query import tree
from gateway.search.query.tree import Keyword, Number, Place, TextField
from gateway.search.tantivy import schema as fields
from gateway.search.tantivy.text import asked

MOST, LEAST = 2**63 - 1, -(2**63)

_TIERS = {
    Tier.SUBJECT: (fields.SUBJECT,),
    Tier.WRITTEN: (fields.SUBJECT, fields.NEW, fields.FILENAME),
    Tier.ATTACHED: (fields.SUBJECT, fields.NEW, fields.FILENAME, fields.ATTACHMENT),
    Tier.ANYWHERE: fields.TEXTS[TextField.ANY],
}
_BY_NAME = frozenset({Keyword.HOLD, Keyword.REQUEST})
_NAMES = {Keyword.GROUP: fields.GROUP_NAME, Keyword.SCHOOL: fields.SCHOOL_NAME}


class Questions:
    """Makes queries for one schema."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._mark = Query.term_query(schema, fields.MARK, fields.MARKED, "basic")
        self.never = Query.empty_query()

    def query(self, node: tree.Node) -> Query:
        """What holds for exactly the messages that `node` holds for."""
        _within_reason(node)
        return self._node(node, Tier.ANYWHERE, 0)

    def tiers(self, node: tree.Node) -> list[tuple[Tier, Query]]:
        """The same in parts: each finds what the ones before it find, and more."""
        if not _can_be_told_apart(node):
            return [(Tier.ANYWHERE, self.query(node))]
        _within_reason(node)
        return [(tier, self._node(node, tier, 0)) for tier in Tier]

    def mark(self) -> Query:
        """Finds the document that marks the position."""
        return self._mark

    def number(self, name: str, low: int | None, high: int | None) -> Query:
        """A column from `low` (inclusive) to `high` (exclusive)."""
        if (low is not None and low > MOST) or (high is not None and high <= LEAST):
            return self.never
        low = None if low is None or low < LEAST else low
        high = None if high is None or high > MOST else high
        if low is not None and high is not None and low >= high:
            return self.never
        if low is None and high is None:
            low = LEAST
        return Query.range_query(
            self.schema, name, FieldType.Integer, low, high, include_lower=True, include_upper=high is None
        )

    def fact(self, name: str, value: str) -> Query:
        """A term as a whole."""
        return Query.term_query(self.schema, *fields.term(name, value), "basic")

    def both(self, *queries: Query) -> Query:
        """What holds together; nothing of it is a negation."""
        return Query.boolean_query([(Occur.Must, query) for query in queries])

    def either(self, queries: Sequence[Query]) -> Query:
        """Of which one holds."""
        if len(queries) == 1:
            return queries[0]
        return Query.boolean_query([(Occur.Should, query) for query in queries]) if queries else self.never

    def without(self, query: Query, out: Query) -> Query:
        """What holds but for some."""
        return Query.boolean_query([(Occur.Must, query), (Occur.MustNot, out)])

    def word(self, name: str, word: str) -> Query:
        """A word as it is stored."""
        return Query.term_query(self.schema, name, word, "freq")

    def _node(self, node: tree.Node, tier: Tier, depth: int) -> Query:
        if depth > DEPTH:
            raise Unanswerable(f"more than {DEPTH} parentheses within each other")
        match node:
            case tree.Not():
                return self._all((node,), tier, depth)
            case tree.And():
                return self._all(node.nodes, tier, depth)
            case tree.Or():
                return self.either([self._node(each, tier, depth + 1) for each in node.nodes])
            case tree.Text():
                names = _TIERS[tier] if node.field is TextField.ANY else fields.TEXTS[node.field]
                return self._match(node.match, names)
            case tree.Name():
                return self._match(node.match, [fields.name_field(place) for place in _places(node.place)])
            case tree.Address():
                return self._placed(fields.ADDRESS, node.place, node.canonical)
            case tree.Domain():
                return self._placed(fields.DOMAIN, node.place, node.domain)
            case tree.Is():
                return self._is(node)
            case tree.Between():
                return self._between(node)

    def _all(self, nodes: Sequence[tree.Node], tier: Tier, depth: int) -> Query:
        """What holds together; where all of it is negations, of everything."""
        clauses: list[tuple[Occur, Query]] = []
        for node in nodes:
            if isinstance(node, tree.Not):
                clauses.append((Occur.MustNot, self._node(node.node, Tier.ANYWHERE, depth + 1)))
            else:
                clauses.append((Occur.Must, self._node(node, tier, depth + 1)))
        if not any(occur is Occur.Must for occur, _ in clauses):
            clauses += (Occur.Must, Query.all_query()), (Occur.MustNot, self._mark)
        return Query.boolean_query(clauses)

    def _match(self, match: tree.Match, names: Sequence[str]) -> Query:
        given = (match.word,) if isinstance(match, tree.Near) else match.words
        words = asked(given)
        if not words:
            return self.never
        return self.either([query for name in names for query in self._in_field(match, words, name)])

    def _in_field(self, match: tree.Match, words: tuple[str, ...], name: str) -> list[Query]:
        match match:
            case tree.Beginning():
                return [self._beginning(name, words)]
            case tree.Near(distance=distance) if distance > 0 and len(words) == 1:
                if distance > DISTANCE:
                    raise Unanswerable(f"words that differ by more than {DISTANCE} letters")
                return [Query.fuzzy_term_query(self.schema, name, words[0], distance)]
            case tree.Phrase(slop=slop):
                return self._phrases(name, words, slop)
        return self._phrases(name, words, 0)

    def _beginning(self, name: str, words: tuple[str, ...]) -> Query:
        """Words are letters and digits, so a pattern needs no escapes.

        Not `phrase_prefix_query`: it looks at the first 50 words with this beginning and ignores the rest.
        """
        pattern = f"{words[-1]}.*"
        if len(words) == 1:
            return Query.regex_query(self.schema, name, pattern)
        return Query.regex_phrase_query(self.schema, name, [*words[:-1], pattern])

    def _phrases(self, name: str, words: tuple[str, ...], slop: int) -> list[Query]:
        if len(words) == 1:
            return [self.word(name, words[0])]
        following = len(words) - 1
        if slop > SLOP or comb(slop + following, following) > VARIANTS:
            raise Unanswerable("words so far from each other; ask for fewer words, or nearer ones")
        return [
            Query.phrase_query(self.schema, name, list(zip((0, *places), words, strict=True)))
            for places in combinations(range(1, slop + following + 1), following)
        ]

    def _placed(self, name: str, place: Place, value: str) -> Query:
        terms = [fields.term(name, f"{each}:{value}")[1] for each in _places(place)]
        return Query.term_set_query(self.schema, fields.FACTS, terms)

    def _is(self, node: tree.Is) -> Query:
        value = fields.digest(node.value) if node.field in fields.DIGESTS else node.value
        if node.field in _BY_NAME:
            value = fields.named(value)
        wanted = [(fields.KEYWORDS[node.field], value)]
        if node.field in _NAMES:
            wanted.append((_NAMES[node.field], fold(node.value)))
        if not node.prefix:
            return self.either([self.fact(name, value) for name, value in wanted])
        return self.either(
            [
                Query.fuzzy_term_query(self.schema, *fields.term(name, value), 0, prefix=True)
                for name, value in wanted
            ]
        )

    def _between(self, node: tree.Between) -> Query:
        name = {Number.RECEIVED: fields.RECEIVED, Number.DATE: fields.DATE, Number.SIZE: fields.SIZE}[
            node.field
        ]
        return self.number(name, _number(node.low), _number(node.high))


def _places(place: Place) -> tuple[Place, ...]:
    if place is Place.TO:
        return tuple(each for each in fields.PLACES if each is not Place.FROM)
    return fields.PLACES if place is Place.PARTICIPANT else (place,)


def _number(value: int | datetime | None) -> int | None:
    return fields.microseconds(value) if isinstance(value, datetime) else value


def _can_be_told_apart(node: tree.Node, depth: int = 0) -> bool:
    """Whether words are looked for in any field, so that it matters in which they are found."""
    if depth > DEPTH:
        return False
    match node:
        case tree.Text(field=TextField.ANY):
            return True
        case tree.And(nodes=nodes) | tree.Or(nodes=nodes):
            return any(_can_be_told_apart(each, depth + 1) for each in nodes)
    return False


def _within_reason(node: tree.Node) -> None:
    """Raises Unanswerable where phrases with slop, spelled out, are too much: many of them, or long ones."""
    if _spelled(node) > SPELLED:
        raise Unanswerable("so many words far from each other; ask for fewer words, or nearer ones")


def _spelled(node: tree.Node, depth: int = 0) -> int:
    """The words of phrases with slop, each as often as there are ways for the phrase to stand."""
    if depth > DEPTH:
        return 0  # refused for its depth
    match node:
        case tree.And(nodes=nodes) | tree.Or(nodes=nodes):
            return sum(_spelled(each, depth + 1) for each in nodes)
        case tree.Not():
            return _spelled(node.node, depth + 1)
        case (
            tree.Text(match=tree.Phrase(words=words, slop=slop))
            | tree.Name(match=tree.Phrase(words=words, slop=slop))
        ) if slop and len(words) > 1:
            return len(words) * comb(slop + len(words) - 1, slop)
    return 0
