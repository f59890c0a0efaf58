"""What a hold is to cover: said by people, made one question of the search language, kept as text, read back.

The text means the same in ten years: names are ids, every moment is written out in UTC, and what would move with time
is refused. So is every fact of a message that can change later, such as its outcome or a label: a hold would end there
without anybody having lifted it.

Pure. Fails with `QueryError` for a query that cannot be read, with `NotToBeHeld` for one that no hold may have, and
with `Unreadable` for a text that the archive has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from gateway.search.query import MAX_CANONICAL, QueryError, parse, unparse
from gateway.search.query.addresses import read_who
from gateway.search.query.dates import Clock, read_span
from gateway.search.query.parser import all_of, one_of
from gateway.search.query.people import People, replaced, resolve
from gateway.search.query.tokens import Kind, Token
from gateway.search.query.tree import Address, And, Between, Is, Keyword, Node, Not, Number, Or, Place
from gateway.search.saved import moves

EVERYTHING = And(())
MOST_IDS = 10_000  # single messages of one hold

# Ids of groups or schools for a text, and whether it is only the beginning of one.
Named = Callable[[str, bool], Iterable[str]]

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_LATER = timedelta(days=400)  # another day, week, month and year

# What is told of a message anew when somebody decides, judges or reads better.
_CHANGING = frozenset({"outcome", "label", "rule", "severity", "status", "hold", "request"})
_CHANGING_HAS = frozenset({"finding", "unreadable"})


class NotToBeHeld(ValueError):
    """A hold cannot be placed by this; the text says why, and what would do."""


class Unreadable(Exception):
    """The text of a hold cannot be read any more; the text says why."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who is meant by names, by the roster of today."""

    people: People
    groups: Named
    schools: Named


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a hold is to cover: all of custodians or addresses, between two days, that a query finds."""

    query: str = ""
    custodians: tuple[str, ...] = ()  # ids of people
    addresses: tuple[str, ...] = ()
    since: str = ""  # first day
    until: str = ""  # last day

    @property
    def is_empty(self) -> bool:
        return self == Wanted()


def question(wanted: Wanted, who: Who, *, now: datetime, zone: tzinfo) -> Node | None:
    """The tree of what is wanted; None where nothing is but single messages."""
    if wanted.is_empty:
        return None
    parts: list[Node] = []
    whose: list[Node] = [Is(Keyword.PERSON, each) for each in wanted.custodians]
    whose += map(_address, wanted.addresses)
    if whose:
        parts.append(one_of(whose))
    if wanted.since or wanted.until:
        parts.append(_between(wanted.since, wanted.until, Clock(now, zone)))
    if wanted.query:
        parts.append(_resolved(wanted.query, who, now, zone))
    return all_of(parts)


def written(node: Node) -> str:
    """The text of a question, which `read` reads back. Raises NotToBeHeld."""
    try:
        return unparse(node)
    except ValueError as error:
        raise NotToBeHeld(f"this is too much for one hold ({error}); place several") from None


def read(text: str) -> Node:
    """The question that the archive has. Raises Unreadable."""
    try:
        node = parse(text, now=_EPOCH, zone=UTC, limit=MAX_CANONICAL)
        later = parse(text, now=_EPOCH + _LATER, zone=UTC, limit=MAX_CANONICAL)
    except QueryError as error:
        raise Unreadable(f"its query is not of the search language any more ({error})") from None
    if node != later:
        raise Unreadable("its query moves with time")
    if any(leaf.field is Keyword.HOLD for leaf in leaves(node) if isinstance(leaf, Is)):
        raise Unreadable("its query asks for holds")
    return node


def by_id(id: str) -> Node:
    """One message."""
    return Is(Keyword.ID, id)


def leaves(node: Node) -> Iterator[Node]:
    """What a tree asks for, without how it is put together."""
    match node:
        case And(nodes) | Or(nodes):
            for each in nodes:
                yield from leaves(each)
        case Not(inner):
            yield from leaves(inner)
        case _:
            yield node


def addresses(node: Node) -> Sequence[str]:
    """The addresses that a tree asks for: what else their owners use is not asked for."""
    return tuple(dict.fromkeys(leaf.canonical for leaf in leaves(node) if isinstance(leaf, Address)))


def _resolved(text: str, who: Who, now: datetime, zone: tzinfo) -> Node:
    """A query as typed, with ids for names."""
    node = parse(text, now=now, zone=zone)
    if moves(text, now=now, zone=zone):
        raise NotToBeHeld(
            "the query moves with time (30d, yesterday, last-month): expected dates such as 2026-11-05"
        )
    _refuse_changing(node)
    node = resolve(node, _somebody(who.people))
    node = replaced(node, Keyword.GROUP, _as_typed_too(Keyword.GROUP, who.groups))
    return replaced(node, Keyword.SCHOOL, _as_typed_too(Keyword.SCHOOL, who.schools))


def _somebody(people: People) -> People:
    """Those whom `people` tells; nobody is refused."""

    def ids(value: str, prefix: bool) -> Iterable[str]:
        found = tuple(people(value, prefix))
        if not found:
            raise NotToBeHeld(f"person:{value}{'*' if prefix else ''}: this is nobody in today's roster")
        return found

    return ids


def _as_typed_too(field: Keyword, ids: Named) -> Callable[[str, bool], Node]:
    """By the ids that a name means today, and by the name: another year's group may have had it."""

    def replace(value: str, prefix: bool) -> Node:
        others = sorted(set(ids(value, prefix)) - ({value} if not prefix else set()))
        return one_of([Is(field, value, prefix), *(Is(field, each) for each in others)])

    return replace


def _refuse_changing(node: Node) -> None:
    for leaf in leaves(node):
        if isinstance(leaf, Is) and (
            leaf.field.value in _CHANGING or (leaf.field is Keyword.HAS and leaf.value in _CHANGING_HAS)
        ):
            asked = f"{leaf.field.value}:" + (leaf.value if leaf.field is Keyword.HAS else "")
            raise NotToBeHeld(
                f"{asked} can change for a message, and the hold would end there without having been lifted: "
                "hold by people, dates and words, or give the messages that it finds today with --id"
            )


def _between(since: str, until: str, clock: Clock) -> Node:
    first = _span("--since", since, clock)[0] if since else None
    last = _span("--until", until, clock)[1] if until else None
    if first is not None and last is not None and first >= last:
        raise NotToBeHeld("--until: expected a day that is not before --since")
    return Between(Number.RECEIVED, first, last)


def _span(option: str, text: str, clock: Clock) -> tuple[datetime, datetime]:
    try:
        span = read_span(text.strip(), 0, clock)
        later = read_span(text.strip(), 0, Clock(clock.now + _LATER, clock.zone))
    except QueryError as error:
        raise NotToBeHeld(f"{option}: {error.problem}; expected a date such as 2026-11-05") from None
    if span != later:
        raise NotToBeHeld(f"{option} {text}: it moves with time; expected a date such as 2026-11-05")
    return span


def _address(text: str) -> Node:
    """Somebody by one address, or everybody of a domain (`@school.example`)."""
    if "@" in text:
        try:
            return read_who(Token(Kind.TERM, 0, text.strip()), Place.PARTICIPANT)
        except QueryError:
            pass
    raise NotToBeHeld(f"--address {text}: expected an address such as ann@school.example, or @school.example")
