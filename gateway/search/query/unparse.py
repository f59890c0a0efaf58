"""The canonical text of a tree: one text for each tree, in full, without anything relative.

For certificates and for comparing queries. `after:30d` comes out as the moment that it meant when it was asked;
whoever saves a search to be asked again keeps the text as it was typed.

Promises: `parse(unparse(tree), limit=MAX_CANONICAL)` is `tree` for every tree that `parse` gives, and whatever
is returned was read back to prove it. Fails with ValueError for a tree that the language cannot say.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from gateway.search.query.dates import written_from, written_to
from gateway.search.query.errors import QueryError
from gateway.search.query.parser import MAX_CANONICAL, all_of, one_of, parse
from gateway.search.query.sizes import written_size
from gateway.search.query.tree import (
    Address,
    And,
    Beginning,
    Between,
    Domain,
    Is,
    Match,
    Name,
    Near,
    Node,
    Not,
    Number,
    Or,
    Phrase,
    Place,
    Text,
    TextField,
)

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def unparse(node: Node, *, zone: tzinfo | None = None) -> str:
    """The text of `node`. With a `zone`, its midnights are written as days, and it is to be read in that zone."""
    tree = plain(node)
    text = "" if tree == And(()) else _Writer(zone).either(tree)
    try:
        read_back = parse(text, now=_EPOCH, zone=zone or UTC, limit=MAX_CANONICAL)
    except QueryError as error:
        raise ValueError(f"no query says this tree: {error}") from None
    if read_back != tree:
        raise ValueError("no query says this tree")
    return text


def plain(node: Node) -> Node:
    """`node` as the parser would give it: groups of one, and groups within groups of their kind, are dissolved."""
    match node:
        case And(nodes):
            return all_of([plain(each) for each in nodes])
        case Or(nodes):
            return one_of([plain(each) for each in nodes])
        case Not(inner):
            return Not(plain(inner))
        case _:
            return node


class _Writer:
    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone

    def either(self, node: Node) -> str:
        """Any tree, as it stands alone or within parentheses."""
        return " OR ".join(map(self._all, node.nodes)) if isinstance(node, Or) else self._all(node)

    def _all(self, node: Node) -> str:
        return " ".join(map(self._one, node.nodes)) if isinstance(node, And) else self._one(node)

    def _one(self, node: Node) -> str:
        match node:
            case Not(Not()):
                return f"NOT {self._one(node.node)}"
            case Not(inner):
                return f"-{self._one(inner)}"
            case And() | Or():
                return f"({self.either(node)})"
            case Text(match, field):
                return ("" if field is TextField.ANY else f"{field}:") + _match(match)
            case Name(place, match):
                return f"{place}:{_match(match)}"
            case Address(place, canonical):
                return f"{place}:{_value(canonical)}"
            case Domain(place, domain):
                return (
                    f"domain:{_value(domain)}"
                    if place is Place.PARTICIPANT
                    else f"{place}:{_value(f'@{domain}')}"
                )
            case Is(field, value, prefix):
                return f"{field}:{_value(value, prefix=prefix)}"
            case Between():
                return self._between(node)

    def _between(self, node: Between) -> str:
        low, high = node.low, node.high
        if isinstance(low, datetime) or isinstance(high, datetime):
            return self._during(node)
        if low is not None and high is not None:
            return f"size:{written_size(low)}..{written_size(high - 1)}"
        if high is not None:
            return f"smaller:{written_size(high)}"
        # Nothing is larger than "larger than -1".
        return f"larger:{written_size(low - 1)}" if low else "size:0.."

    def _during(self, node: Between) -> str:
        low, high = node.low, node.high
        first = written_from(low, self._zone) if isinstance(low, datetime) else ""
        if node.field is Number.RECEIVED and high is None:
            return f"after:{first}"
        if node.field is Number.RECEIVED and low is None and isinstance(high, datetime):
            return f"before:{written_from(high, self._zone)}"
        last = written_to(high, self._zone) if isinstance(high, datetime) else ""
        name = "on" if node.field is Number.RECEIVED else "date"
        return f"{name}:{first}" if first == last else f"{name}:{first}..{last}"


def _match(match: Match) -> str:
    match match:
        case Near(word, distance):
            return f"{word}~{distance}"
        case Beginning(words):
            return f"{_words(words)}*"
        case Phrase(words, slop):
            return _words(words) + (f"~{slop}" if slop else "")


def _words(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f'"{" ".join(words)}"'


_PLAIN = frozenset("@.-_+/=:")  # beside letters and digits, what needs no quotes within a value


def _value(text: str, *, prefix: bool = False) -> str:
    """A value, in quotes where a character of it would mean something."""
    if not all(letter in _PLAIN or letter.isalnum() for letter in text):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        text = f'"{escaped}"'
    return f"{text}*" if prefix else text
