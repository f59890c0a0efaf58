"""A small query language over the catalog: text to a syntax tree, without any database.

That of `mailgw search` is in `search/query`; this one reads the options of `mailgw findings`.

    from:alice@example.org -to:bob subject:"late bus" rule:coach/* after:2026-11-01 has:finding practice

Clauses stand side by side and all must hold. `field:value` looks in a field, a bare word or a phrase in
quotes in the text (today the subject); a leading `-` negates; `\\"` and `\\\\` escape within quotes; a
last `*` makes the last word a beginning. Words compare without case and accents. A date is a day in the
district's time zone: `after:` from its start, `before:` up to its start, `on:` that day.

Fails only with `QueryError`, which names the place and what was expected. The tree (`Node`) is what
other engines and later syntax build on: a new node type or field is an addition to `FIELDS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from gateway.catalog.words import words
from gateway.message.canonical import canonical_address, domain_of

MAX_QUERY = 4000  # characters; far beyond what people type, below what databases take in a pattern
MAX_CLAUSES = 100
MAX_PHRASE = 1000  # folded characters: folding makes up to 18 of one, and patterns have a limit too

OUTCOMES = (
    "pending", "relayed", "refused", "rejected", "deferred", "failed", "abandoned", "journaled", "held",
    "hold-released", "hold-refused", "returned",
)  # fmt: skip
SEVERITIES = ("violation", "advisory", "notice")
ROLES = ("inbound", "outbound", "journal", "notice")
HAS = ("finding", "attachment", "defect")


class QueryError(ValueError):
    """A query that cannot be read: where (characters from 0), and what was expected there."""

    def __init__(self, position: int, problem: str, expected: str) -> None:
        super().__init__(f"at character {position + 1}: {problem}; expected {expected}")
        self.position = position
        self.problem = problem
        self.expected = expected


# --- the tree ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Phrase:
    """Folded words in this order; with `prefix` the last is the beginning of a word."""

    words: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class AddressIs:
    """One address, canonical."""

    canonical: str


@dataclass(frozen=True, slots=True)
class DomainIs:
    """A domain and its subdomains, lower case, A-labels."""

    domain: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """An identifier as the archive writes it; with `prefix` the beginning of one."""

    text: str
    prefix: bool = False


Value = Phrase | AddressIs | DomainIs | Pattern | date


@dataclass(frozen=True, slots=True)
class Text:
    """Words anywhere in the text."""

    phrase: Phrase


@dataclass(frozen=True, slots=True)
class Field:
    """A value in a field; `name` is a key of FIELDS."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Not:
    """What must not hold."""

    node: Node


@dataclass(frozen=True, slots=True)
class And:
    """What must hold together; with no nodes, always."""

    nodes: tuple[Node, ...]


Node = Text | Field | Not | And


# --- values ------------------------------------------------------------------------------------


def _phrase(text: str, position: int) -> Phrase:
    prefix = text.endswith("*")
    found = tuple(words(text))
    if not found:
        raise QueryError(position, f"nothing to look for in {text!r}", "at least one letter or digit")
    if sum(map(len, found)) + len(found) > MAX_PHRASE:
        raise QueryError(position, "the words are too long", f"at most {MAX_PHRASE} characters")
    return Phrase(found, prefix)


def _who(text: str, position: int) -> Value:
    """`a@b` an address, `@b` a domain, anything else words of a name or of the part before the @."""
    local, at, _ = text.rpartition("@")
    if not at:
        return _phrase(text, position)
    domain = domain_of(f"x{text}" if not local else text)
    if not domain:
        raise QueryError(position, f"{text!r} has no domain", "user@domain, @domain or a name")
    return AddressIs(canonical_address(text)) if local else DomainIs(domain)


def _one_of(allowed: tuple[str, ...]) -> Callable[[str, int], Value]:
    def parse(text: str, position: int) -> Value:
        if text.lower() not in allowed:
            raise QueryError(position, f"unknown value {text!r}", f"one of {', '.join(allowed)}")
        return Pattern(text.lower())

    return parse


_RULE = re.compile(r"([a-z0-9-]+(?:/[a-z0-9-]*)?)(\*?)")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")


def _rule(text: str, position: int) -> Value:
    """`coach/one-to-one`; `coach/*` and `coach` are every rule of that family."""
    match = _RULE.fullmatch(text.lower())
    if match is None:
        raise QueryError(position, f"{text!r} is no rule id", "a rule such as coach/one-to-one or coach/*")
    if "/" not in match[1] and not match[2]:
        return Pattern(f"{match[1]}/", prefix=True)
    return Pattern(match[1], prefix=bool(match[2]))


def _listener(text: str, position: int) -> Value:
    if not _NAME.fullmatch(text.lower()):
        raise QueryError(position, f"{text!r} is no listener", "a listener's name, such as inbound")
    return Pattern(text.lower())


def _identifier(text: str, _position: int) -> Value:
    """The archive's id, or a Message-ID with or without its brackets."""
    return Pattern(text.strip().removeprefix("<").removesuffix(">"))


def _day(text: str, position: int) -> Value:
    wanted = "a day as YYYY-MM-DD between 1970 and 2199"
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise QueryError(position, f"{text!r} is no date", wanted)
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise QueryError(position, f"{text!r} is no date ({error})", wanted) from None
    if not 1970 <= day.year < 2200:  # room for time zones at both ends of what databases hold
        raise QueryError(position, f"{text!r} is out of range", wanted)
    return day


FIELDS: Mapping[str, Callable[[str, int], Value]] = {
    "from": _who,  # From:, Sender: or the envelope's sender
    "to": _who,  # To:, Cc: or the envelope's recipients
    "cc": _who,
    "with": _who,  # anybody in any place
    "subject": _phrase,
    "rule": _rule,
    "severity": _one_of(SEVERITIES),
    "outcome": _one_of(OUTCOMES),
    "role": _one_of(ROLES),
    "listener": _listener,
    "after": _day,
    "before": _day,
    "on": _day,
    "has": _one_of(HAS),
    "id": _identifier,
}


# --- parsing -----------------------------------------------------------------------------------

_FIELD = re.compile(r"([A-Za-z_]+):")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r'[^\s"]+')
_BLANK = re.compile(r"\s*")
_UNREADABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")


def parse(query: str) -> And:
    """The syntax tree of `query`; of a blank one, the tree that everything satisfies."""
    if len(query) > MAX_QUERY:
        raise QueryError(MAX_QUERY, "the query is too long", f"at most {MAX_QUERY} characters")
    unreadable = _UNREADABLE.search(query)
    if unreadable:
        raise QueryError(unreadable.start(), f"unreadable character {unreadable[0]!r}", "text")
    nodes: list[Node] = []
    position = _skip(query, 0)
    while position < len(query):
        if len(nodes) == MAX_CLAUSES:
            raise QueryError(position, "too many clauses", f"at most {MAX_CLAUSES}")
        node, position = _clause(query, position)
        nodes.append(node)
        position = _skip(query, position)
    return And(tuple(nodes))


def _skip(query: str, position: int) -> int:
    match = _BLANK.match(query, position)
    return match.end() if match else position


def _clause(query: str, position: int) -> tuple[Node, int]:
    if query[position] == "-":
        if position + 1 == len(query) or query[position + 1].isspace() or query[position + 1] == "-":
            raise QueryError(position, 'a "-" that negates nothing', "a word or field right after it")
        node, end = _clause(query, position + 1)
        return Not(node), end
    field = _FIELD.match(query, position)
    if field is None:
        text, end = _value(query, position)
        return Text(_phrase(text, position)), end
    name = field[1].lower()
    read = FIELDS.get(name)
    if read is None:
        known = ", ".join(f"{known}:" for known in FIELDS)
        raise QueryError(position, f"unknown field {field[0]!r}", f"one of {known} or the text in quotes")
    if field.end() == len(query) or query[field.end()].isspace():
        raise QueryError(field.end(), f"nothing after {field[0]!r}", "a value right after the colon")
    text, end = _value(query, field.end())
    return Field(name, read(text, field.end())), end


def _value(query: str, position: int) -> tuple[str, int]:
    """A quoted or bare value and where it ends."""
    if query[position] != '"':
        bare = _BARE.match(query, position)
        end = bare.end() if bare else position + 1
        if query[end : end + 1] == '"':
            raise QueryError(
                end, "a quote within a word", "a blank before it, or quotes around the whole value"
            )
        return query[position:end], end
    quoted = _QUOTED.match(query, position)
    if quoted is None:
        raise QueryError(position, "a quote that is never closed", 'a closing "')
    end = quoted.end()
    star = query[end : end + 1] == "*"
    end += star
    if end < len(query) and not query[end].isspace():
        raise QueryError(end, "text right after a closing quote", "a blank")
    return re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL) + ("*" if star else ""), end
