"""A query's text to its tree.

    query  := either                               blank: everything
    either := all (("OR" | "|") all)*
    all    := one ("AND"? one)*
    one    := ("NOT" | "-") one | "(" either ")" | field ":" "(" either ")" | field ":" term | term

NOT binds closest, then what stands side by side, then OR. The tree is plain: a group within a group of its
own kind is part of that one, and a group of one is that one. Within `subject:( )` terms are values of the field.

Promises: time linear in the length of the text, a bounded depth, and the same tree for the same text, `now`
and `zone`. Fails only with `QueryError`, which points at a place within the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from difflib import get_close_matches

from gateway.search.query.dates import Clock
from gateway.search.query.errors import QueryError, quoted
from gateway.search.query.fields import FIELDS, Reader, read_text
from gateway.search.query.tokens import Kind, Token, Tokens
from gateway.search.query.tree import And, Beginning, Is, Name, Near, Node, Not, Or, Text

MAX_QUERY = 10_000  # characters
# A canonical text writes out what folding, dates and groups made longer: pass it as `limit` for those.
MAX_CANONICAL = 400_000
MAX_DEPTH = 50  # parentheses and negations within each other
MAX_TERMS = 1_000
MAX_OPEN = 100  # of them with a star or a tilde: an engine looks for those through all words that there are

_STARTS = frozenset({Kind.OPEN, Kind.NOT, Kind.FIELD, Kind.TERM})
_TERM = "a word, a field or a parenthesis"


def parse(text: str, *, now: datetime, zone: tzinfo, limit: int = MAX_QUERY) -> Node:
    """The tree of `text`, as asked at `now` (aware) in the district's `zone`; of a blank text, everything."""
    assert now.tzinfo is not None
    if len(text) > limit:
        raise QueryError(limit, "the query is too long", f"at most {limit} characters")
    parser = _Parser(Tokens(text), Clock(now, zone))
    if parser.tokens.peek().kind is Kind.END:
        return And(())
    node = parser.either(read_text, 0)
    left = parser.tokens.peek()
    if left.kind is Kind.CLOSE:
        raise QueryError(left.position, "a parenthesis that was never opened", 'a "(" before it, or quotes')
    assert left.kind is Kind.END
    return node


def all_of(nodes: list[Node]) -> Node:
    """The nodes together, as a plain tree has them."""
    plain = [each for node in nodes for each in (node.nodes if isinstance(node, And) else (node,))]
    return plain[0] if len(plain) == 1 else And(tuple(plain))


def one_of(nodes: list[Node]) -> Node:
    """One of the nodes, as a plain tree has them."""
    plain = [each for node in nodes for each in (node.nodes if isinstance(node, Or) else (node,))]
    return plain[0] if len(plain) == 1 else Or(tuple(plain))


@dataclass(slots=True)
class _Parser:
    """Recursive descent; `read` makes a node of a term, `depth` counts what is open."""

    tokens: Tokens
    clock: Clock
    terms: int = 0
    open_ended: int = 0
    field: Token | None = None  # whose parentheses are open

    def either(self, read: Reader, depth: int) -> Node:
        nodes = [self._all(read, depth)]
        while self.tokens.peek().kind is Kind.OR:
            self._operator()
            nodes.append(self._all(read, depth))
        return one_of(nodes)

    def _all(self, read: Reader, depth: int) -> Node:
        nodes = [self._one(read, depth)]
        while True:
            kind = self.tokens.peek().kind
            if kind is Kind.AND:
                self._operator()
            elif kind not in _STARTS:
                return all_of(nodes)
            nodes.append(self._one(read, depth))

    def _operator(self) -> None:
        """OR or AND, with something behind it."""
        operator = self.tokens.take()
        if self.tokens.peek().kind not in _STARTS:
            raise QueryError(operator.position, f"nothing after {operator.text}", _TERM)

    def _one(self, read: Reader, depth: int) -> Node:
        token = self.tokens.take()
        if depth > MAX_DEPTH:
            raise QueryError(token.position, "too many within each other", f"at most {MAX_DEPTH} levels")
        match token.kind:
            case Kind.NOT:
                if self.tokens.peek().kind not in _STARTS:
                    raise QueryError(token.position, f"nothing after {token.text}", _TERM)
                return Not(self._one(read, depth + 1))
            case Kind.OPEN:
                return self._group(token, read, depth)
            case Kind.FIELD:
                return self._field(token, depth)
            case Kind.TERM:
                return self._term(token, read)
            case Kind.OR | Kind.AND:
                raise QueryError(token.position, f"nothing before {token.text}", _TERM)
            case _:
                raise QueryError(token.position, "nothing to look for here", _TERM)

    def _group(self, opening: Token, read: Reader, depth: int) -> Node:
        if self.tokens.peek().kind is Kind.CLOSE:
            raise QueryError(opening.position, "empty parentheses", "something to look for in them")
        if self.tokens.peek().kind is Kind.END:
            raise _never_closed(opening)
        node = self.either(read, depth + 1)
        if self.tokens.peek().kind is not Kind.CLOSE:
            raise _never_closed(opening)
        self.tokens.take()
        return node

    def _field(self, token: Token, depth: int) -> Node:
        if self.field is not None:
            inside = f"the value alone, or quotes around text with a colon, as in {self.field.text}:( )"
            raise QueryError(token.position, f"a field {quoted(token.text + ':')} within a field", inside)
        read = FIELDS.get(token.text)
        if read is None:
            raise _unknown(token)
        value = self.tokens.value_of(token)
        if value is not None:
            return self._term(value, read)
        self.field = token
        node = self._group(self.tokens.take(), read, depth)
        self.field = None
        return node

    def _term(self, token: Token, read: Reader) -> Node:
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise QueryError(token.position, "too many words and fields", f"at most {MAX_TERMS}")
        node = read(token, self.clock)
        self.open_ended += _is_open_ended(node)
        if self.open_ended > MAX_OPEN:
            raise QueryError(token.position, "too many words with a star or a tilde", f"at most {MAX_OPEN}")
        return node


def _is_open_ended(node: Node) -> bool:
    match node:
        case Text(match=Beginning() | Near()) | Name(match=Beginning() | Near()) | Is(prefix=True):
            return True
        case And(nodes=nodes) | Or(nodes=nodes):
            return any(map(_is_open_ended, nodes))
        case Not(node=inner):
            return _is_open_ended(inner)
    return False


def _never_closed(opening: Token) -> QueryError:
    return QueryError(opening.position, "a parenthesis that is never closed", 'a closing ")"')


def _unknown(token: Token) -> QueryError:
    near = get_close_matches(token.text, FIELDS, 1, 0.7) if len(token.text) <= 20 else []
    meant = f" (did you mean {near[0]}:?)" if near else ""
    known = ", ".join(f"{name}:" for name in FIELDS)
    problem = f"unknown field {quoted(token.text + ':')}{meant}"
    return QueryError(token.position, problem, f"one of {known} or the text in quotes")
