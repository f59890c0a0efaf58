"""Trees in few letters, for tables that people can read; and the moment at which the tables ask."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gateway.search.query import parse as parse_at
from gateway.search.query.tree import (
    Address,
    And,
    Beginning,
    Between,
    Domain,
    Is,
    Keyword,
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

ZONE = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 23, 14, 35, 20, 123456, tzinfo=ZONE)  # a Monday


def parse(query: str) -> Node:
    """The tree of a query, asked at NOW in ZONE."""
    return parse_at(query, now=NOW, zone=ZONE)


def match(text: str) -> Match:
    """`late bus` a phrase, `late bu*` a beginning, `bus~1` a near word, `late bus~5` a spread phrase."""
    if text.endswith("*"):
        return Beginning(tuple(text[:-1].split()))
    words, _, number = text.partition("~")
    found = tuple(words.split())
    if number and len(found) == 1:
        return Near(words, int(number))
    return Phrase(found, int(number or 0))


def text(said: str, field: str = "any") -> Text:
    return Text(match(said), TextField(field))


def name(place: str, said: str) -> Name:
    return Name(Place(place), match(said))


def address(place: str, canonical: str) -> Address:
    return Address(Place(place), canonical)


def domain(place: str, said: str) -> Domain:
    return Domain(Place(place), said)


def fact(field: str, value: str) -> Is:
    """A fact; with a last `*` the beginning of one."""
    return Is(Keyword(field), value.removesuffix("*"), prefix=value.endswith("*"))


def time(number: str, low: str | None, high: str | None) -> Between:
    """Both ends by the clock of ZONE, as `2026-11-01` or `2026-11-01T12:00`."""
    return Between(Number(number), _moment(low), _moment(high))


def _moment(said: str | None) -> datetime | None:
    if said is None:
        return None
    moment = datetime.fromisoformat(said)
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZONE)).astimezone(UTC)


def size(low: int | None, high: int | None) -> Between:
    return Between(Number.SIZE, low, high)


def both(*nodes: Node) -> And:
    return And(nodes)


def either(*nodes: Node) -> Or:
    return Or(nodes)


def no(node: Node) -> Not:
    return Not(node)
