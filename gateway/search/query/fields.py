"""The fields of the language: how each reads its value. A new field is an addition to `FIELDS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.search.query.addresses import read_domain, read_who
from gateway.search.query.dates import Clock, Span, read_span
from gateway.search.query.errors import QueryError
from gateway.search.query.keywords import KEYWORDS
from gateway.search.query.matches import read_match
from gateway.search.query.sizes import read_size
from gateway.search.query.tokens import Token
from gateway.search.query.tree import Between, Is, Node, Number, Place, Text, TextField

Reader = Callable[[Token, Clock], Node]


def read_text(term: Token, _clock: Clock) -> Node:
    """Words without a field."""
    return Text(read_match(term))


def _text(field: TextField) -> Reader:
    return lambda term, _clock: Text(read_match(term), field)


def _who(place: Place) -> Reader:
    return lambda term, _clock: read_who(term, place)


def _keyword(read: Callable[[Token], Is]) -> Reader:
    return lambda term, _clock: read(term)


# --- more and less -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """One end of a range, or a value that is none."""

    text: str
    position: int


def _plain(term: Token, others: str) -> _Part:
    """A value that is no range; a `*` or `~` after a quoted one stays, and is refused as part of it."""
    place = term.text.find("..")
    if place >= 0:
        raise QueryError(term.at(place), "a range where one value belongs", f"one value; {others} ranges")
    text = term.text + term.suffix
    return _Part(text.strip(), term.position)


def _ends(term: Token) -> tuple[_Part | None, _Part | None]:
    """Both ends of `a..b`, one of which may be missing; of a value that is no range, that value twice."""
    text = term.text + term.suffix
    place = text.find("..")
    if place < 0:
        whole = _Part(text.strip(), term.position)
        return whole, whole
    low, high = text[:place].strip(), text[place + 2 :].strip()
    if not low and not high:
        raise QueryError(term.at(place), "a range without ends", "at least one end, such as 2026-09-01..")
    return (
        _Part(low, term.position) if low else None,
        _Part(high, term.at(place + 2)) if high else None,
    )


def _span(part: _Part, clock: Clock) -> Span:
    return read_span(part.text, part.position, clock)


def _after(term: Token, clock: Clock) -> Node:
    """From the first moment of the date: the day itself is included."""
    return Between(Number.RECEIVED, low=_span(_plain(term, "on: and date: take"), clock)[0])


def _before(term: Token, clock: Clock) -> Node:
    """Up to the first moment of the date: the day itself is not included."""
    return Between(Number.RECEIVED, high=_span(_plain(term, "on: and date: take"), clock)[0])


def _during(number: Number) -> Reader:
    def read(term: Token, clock: Clock) -> Node:
        first, last = _ends(term)
        low = _span(first, clock)[0] if first else None
        high = _span(last, clock)[1] if last else None
        return _between(number, low, high, last)

    return read


def _size(term: Token, _clock: Clock) -> Node:
    """Exactly so many octets, or a range with both its ends."""
    first, last = _ends(term)
    low = read_size(first.text, first.position) if first else None
    high = read_size(last.text, last.position) + 1 if last else None
    return _between(Number.SIZE, low, high, last)


def _larger(term: Token, _clock: Clock) -> Node:
    part = _plain(term, "size: takes")
    return Between(Number.SIZE, low=read_size(part.text, part.position) + 1)


def _smaller(term: Token, _clock: Clock) -> Node:
    part = _plain(term, "size: takes")
    size = read_size(part.text, part.position)
    if not size:
        raise QueryError(part.position, "nothing is smaller than 0", "a size above 0")
    return Between(Number.SIZE, high=size)


def _between(
    number: Number, low: int | datetime | None, high: int | datetime | None, last: _Part | None
) -> Between:
    if last and low is not None and high is not None and not _is_before(low, high):
        raise QueryError(last.position, "the range ends before it begins", "the smaller end first")
    return Between(number, low, high)


def _is_before(low: int | datetime, high: int | datetime) -> bool:
    if isinstance(low, datetime):
        return isinstance(high, datetime) and low < high
    return isinstance(high, int) and low < high


# -----------------------------------------------------------------------------------------------

FIELDS: Mapping[str, Reader] = {
    "from": _who(Place.FROM),
    "to": _who(Place.TO),
    "cc": _who(Place.CC),
    "bcc": _who(Place.BCC),
    "rcpt": _who(Place.RCPT),
    "participant": _who(Place.PARTICIPANT),
    "with": _who(Place.PARTICIPANT),
    "domain": lambda term, _clock: read_domain(term),
    "subject": _text(TextField.SUBJECT),
    "body": _text(TextField.BODY),
    "new": _text(TextField.NEW),
    "filename": _text(TextField.FILENAME),
    "attachment": _text(TextField.ATTACHMENT),
    "after": _after,
    "before": _before,
    "on": _during(Number.RECEIVED),
    "date": _during(Number.DATE),
    "larger": _larger,
    "smaller": _smaller,
    "size": _size,
    **{name: _keyword(read) for name, read in KEYWORDS.items()},
}
