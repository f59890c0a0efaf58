"""The pieces of a query: fields, terms, operators and parentheses, each with its place.

Read one after the other, each character once, so that errors come in the order of the text and the time is
linear in its length. Knows nothing of what fields there are or what values they take.

Fails only with `QueryError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.search.query.errors import QueryError

# Word processors and telephones turn straight quotes and hyphens into these.
QUOTES = '"\u201c\u201d\u201e\u201f'
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212\uff0d"
_WITH_DIGITS = frozenset({"sha256"})  # fields; any other name with digits, as in 7:30, is text
_ENDS = frozenset(f"{QUOTES}()|")  # what ends a bare word, beside blanks
_ALLOWED = frozenset("\t\n\v\f\r\x85")  # control characters that are blanks


class Kind(StrEnum):
    """What a piece is."""

    OPEN = "("
    CLOSE = ")"
    OR = "OR"
    AND = "AND"
    NOT = "NOT"
    FIELD = "field"
    TERM = "term"
    END = "end"


_OPERATORS = {"OR": Kind.OR, "AND": Kind.AND, "NOT": Kind.NOT}


@dataclass(frozen=True, slots=True)
class Token:
    """One piece. `text`: a field's name in lower case; a term without its quotes and escapes."""

    kind: Kind
    position: int
    text: str = ""
    quoted: bool = False
    suffix: str = ""  # of a quoted term: `*` or `~5`, as written after the closing quote
    source: str = ""  # of a quoted term: what stands between the quotes, escapes and all

    def at(self, index: int) -> int:
        """Where in the query the character `index` of `text` stands."""
        if not self.quoted:
            return self.position + index
        place = 0
        for _ in range(index):
            place += 2 if self.source[place] == "\\" else 1
        return self.position + 1 + place


class Tokens:
    """A query's pieces. One is read only when it is asked for, so that what is wrong earlier is said first."""

    def __init__(self, query: str) -> None:
        _refuse_unreadable(query)
        self._query = query
        self._place = 0
        self._next: Token | None = None
        self._negated = False  # a minus was read, and what it negates stands right behind it

    def peek(self) -> Token:
        """The next piece."""
        if self._next is None:
            self._next = self._read()
        return self._next

    def take(self) -> Token:
        """The next piece; the one behind it becomes the next."""
        token = self.peek()
        self._next = None
        return token

    def value_of(self, field: Token) -> Token | None:
        """The value of a field that was just taken; None where a parenthesis opens."""
        query, place = self._query, self._place
        if query.startswith("(", place):
            return None
        if place == len(query) or query[place].isspace() or query[place] in ")|":
            raise QueryError(place, f"nothing after '{field.text}:'", "a value right after the colon")
        return self._quoted(place) if query[place] in QUOTES else self._bare(place)

    def _read(self) -> Token:
        query, place = self._query, self._place
        negated, self._negated = self._negated, False
        while place < len(query) and query[place].isspace():
            place += 1
        if place == len(query):
            return Token(Kind.END, place)
        letter = query[place]
        if letter == "(":
            return self._ending(place + 1, Token(Kind.OPEN, place, "("))
        if letter == ")":
            self._refuse_glued(place + 1, "a closing parenthesis")
            return self._ending(place + 1, Token(Kind.CLOSE, place, ")"))
        if letter == "|":
            end = place + 2 if query.startswith("||", place) else place + 1
            return self._ending(end, Token(Kind.OR, place, query[place:end]))
        if letter in QUOTES:
            return self._quoted(place)
        if letter in DASHES:
            return self._minus(place)
        if letter == "{":
            raise QueryError(place, "braces mean nothing here", "parentheses, such as (late OR early)")
        operator = None if negated else self._operator(place)
        return operator or self._field(place) or self._bare(place)

    def _ending(self, end: int, token: Token) -> Token:
        self._place = end
        return token

    def _minus(self, place: int) -> Token:
        follows = self._query[place + 1 : place + 2]
        if not follows or follows.isspace() or follows in DASHES or follows in ")|":
            raise QueryError(place, 'a "-" that negates nothing', "a word or field right after it")
        self._negated = True
        return self._ending(place + 1, Token(Kind.NOT, place, "-"))

    def _field(self, place: int) -> Token | None:
        """`name:`, unless it is the beginning of a web address."""
        query, end = self._query, place
        while end < len(query) and (query[end] in "_-" or (query[end].isascii() and query[end].isalnum())):
            end += 1
        if end == place or not query.startswith(":", end) or query.startswith("://", end):
            return None
        name = query[place:end].lower()
        if any(map(str.isdigit, name)) and name not in _WITH_DIGITS:
            return None
        return self._ending(end + 1, Token(Kind.FIELD, place, name))

    def _operator(self, place: int) -> Token | None:
        for word, kind in _OPERATORS.items():
            end = place + len(word)
            if self._query.startswith(word, place) and self._is_end(end, "("):
                return self._ending(end, Token(kind, place, word))
        return None

    def _bare(self, place: int) -> Token:
        query, end = self._query, place
        while end < len(query) and not query[end].isspace() and query[end] not in _ENDS:
            end += 1
        if end < len(query) and query[end] in QUOTES:
            blank = "a blank before it, or quotes around the whole value"
            raise QueryError(end, "a quote within a word", blank)
        if query.startswith("(", end):
            blank = "a blank before it, or quotes around the whole"
            raise QueryError(end, "a parenthesis right after a word", blank)
        return self._ending(end, Token(Kind.TERM, place, query[place:end]))

    def _quoted(self, place: int) -> Token:
        """A quoted text. A straight quote is closed by a straight one, a curly one by any."""
        query, end = self._query, place + 1
        closing = '"' if query[place] == '"' else QUOTES
        letters: list[str] = []
        while end < len(query) and query[end] not in closing:
            end += query[end] == "\\"
            letters.append(query[end : end + 1])
            end += 1
        if end >= len(query):
            raise QueryError(place, "a quote that is never closed", 'a closing "')
        source, begin = query[place + 1 : end], end + 1
        end = begin
        if query.startswith("*", end):
            end += 1
        elif query.startswith("~", end):
            end += 1
            while end < len(query) and query[end].isascii() and query[end].isdigit():
                end += 1
        self._refuse_glued(end, "a closing quote")
        term = Token(Kind.TERM, place, "".join(letters), True, query[begin:end], source)
        return self._ending(end, term)

    def _refuse_glued(self, end: int, after: str) -> None:
        if not self._is_end(end):
            raise QueryError(end, f"text right after {after}", "a blank")

    def _is_end(self, place: int, also: str = "") -> bool:
        return place >= len(self._query) or self._query[place].isspace() or self._query[place] in f")|{also}"


def _refuse_unreadable(query: str) -> None:
    for place, letter in enumerate(query):
        code = ord(letter)
        control = code < 0x20 or 0x7F <= code < 0xA0
        if (control and letter not in _ALLOWED) or 0xD800 <= code < 0xE000:
            raise QueryError(place, f"unreadable character {letter!r}", "text")
