"""Matters as the archive has them: their acts, folded in sequence.

Pure but for `read_matters`. Of two acts that contradict each other the first in the archive counts: a name that is
taken is not opened again, what is lifted is not lifted again, nothing happens in a closed matter.

Promises, because mail that should have been kept is worse than mail that was kept too long:

- No hold ends but by an act that says who ended it and why.
- Two people who place a hold at the same time have both placed one: the second gets the next number.
- A hold of a matter whose opening is not there (damaged, say) stands, under the matter's id.
- A hold that cannot be read covers everything; `trouble` says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeGuard

from sqlalchemy import Connection

from gateway.catalog import acts as catalog_acts
from gateway.catalog.acts import Act
from gateway.message import events
from gateway.message.words import fold
from gateway.records.matters.acts import NAMES
from gateway.records.matters.covering import EVERYTHING, Unreadable, by_id, read
from gateway.search.query.parser import one_of
from gateway.search.query.tree import Node

_MOST_HOLDS = 1_000_000  # of a matter; a number beyond is nobody's count


@dataclass(frozen=True, slots=True)
class Step:
    """Something that somebody did, when and why."""

    seq: int  # of its entry in the archive
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold of a matter."""

    number: int
    placed: Step
    query: str | None  # as the archive has it; None: only single messages
    ids: tuple[str, ...]  # archive ids of single messages
    asked: Node | None  # the query read; everything, where it cannot be
    said: tuple[str, ...] = ()  # who was meant when it was placed
    trouble: str = ""  # why it cannot be read
    lifted: Step | None = None  # by itself, or with its matter

    @property
    def covers(self) -> Node:
        """What it holds as a search asks for it."""
        asked = [] if self.asked is None else [self.asked]
        return one_of([*asked, *map(by_id, self.ids)])


@dataclass(frozen=True, slots=True)
class Matter:
    """A legal matter."""

    id: str
    name: str
    title: str = ""
    authority: str = ""  # who imposed it
    opened: Step | None = None  # None: its opening is not in the archive
    holds: tuple[Hold, ...] = ()
    closed: Step | None = None

    @property
    def standing(self) -> tuple[Hold, ...]:
        """The holds that hold."""
        return tuple(hold for hold in self.holds if hold.lifted is None)

    @property
    def covers(self) -> Node:
        """What its standing holds cover together."""
        return one_of([hold.covers for hold in self.standing])

    @property
    def next_number(self) -> int:
        """Of its next hold."""
        return max((hold.number for hold in self.holds), default=0) + 1

    def hold(self, number: int) -> Hold | None:
        """The hold with a number."""
        return next((hold for hold in self.holds if hold.number == number), None)


def read_matters(connection: Connection) -> tuple[Matter, ...]:
    """All matters that the catalog knows. Raises sqlalchemy.exc.DBAPIError."""
    return matters(catalog_acts.named(connection, NAMES))


def matters(acts: Iterable[Act]) -> tuple[Matter, ...]:
    """The matters that some acts make, in the order in which they were opened."""
    found: dict[str, Matter] = {}
    taken: set[str] = set()
    for act in sorted(acts, key=lambda act: act.seq):
        before = found.get(act.subject)
        if act.event == events.MATTER_OPENED:
            after = _opened(before, act, taken)
        elif before is not None and before.closed is not None:
            continue
        elif act.event == events.MATTER_HELD:
            after = _held(before or Matter(act.subject, act.subject), act)
        else:
            after = _ended(before, act) if before is not None else None
        if after is not None:
            found[act.subject] = after
            taken.add(key(after.name))
    return tuple(found.values())


def key(name: str) -> str:
    """As names are compared: without case and accents, and however many blanks are in it."""
    return fold(" ".join(name.split()))


def named(known: Iterable[Matter], text: str, prefix: bool = False) -> tuple[Matter, ...]:
    """The matter with a name or id; with `prefix`, all whose names begin with a text."""
    wanted = key(text)
    if prefix:
        return tuple(each for each in known if key(each.name).startswith(wanted))
    return tuple(each for each in known if key(each.name) == wanted or each.id == wanted)


# --- one act -------------------------------------------------------------------------------------------


def _opened(before: Matter | None, act: Act, taken: set[str]) -> Matter | None:
    """The matter as opened; None where it, or its name, was there already."""
    document = act.document
    name = " ".join(_text(document, "name").split()) or act.subject
    if (before is not None and before.opened is not None) or (key(name) in taken and before is None):
        return None
    if before is not None and key(name) in taken:  # its holds stood before it was opened
        name = act.subject
    return replace(
        before or Matter(act.subject, name),
        name=name,
        title=_text(document, "title"),
        authority=_text(document, "authority"),
        opened=_step(act),
    )


def _held(matter: Matter, act: Act) -> Matter:
    document = act.document
    number = _number(document)
    if number is None or matter.hold(number) is not None:
        number = matter.next_number
    query, ids, said = document.get("query"), document.get("ids"), document.get("said", [])
    trouble, asked = "", None
    try:
        if not (query is None or isinstance(query, str)) or not _are_texts(ids):
            raise Unreadable("its record is damaged")
        if query is None and not ids:
            raise Unreadable("its record says neither a query nor messages")
        asked = None if query is None else read(query)
    except Unreadable as error:
        trouble, asked = str(error), EVERYTHING
    hold = Hold(
        number=number,
        placed=_step(act),
        query=query if isinstance(query, str) else None,
        ids=tuple(ids) if _are_texts(ids) else (),
        asked=asked,
        said=tuple(said) if _are_texts(said) else (),
        trouble=trouble,
    )
    return replace(matter, holds=(*matter.holds, hold))


def _ended(matter: Matter, act: Act) -> Matter | None:
    """The matter without a hold, or closed; None where the act does not say who, why and what."""
    step = _step(act)
    if not step.by or not step.reason:
        return None
    if act.event == events.MATTER_CLOSED:
        holds = tuple(replace(hold, lifted=hold.lifted or step) for hold in matter.holds)
        return replace(matter, holds=holds, closed=step)
    number = _number(act.document)
    hold = matter.hold(number) if number is not None else None
    if act.event != events.MATTER_LIFTED or hold is None or hold.lifted is not None:
        return None
    return replace(
        matter,
        holds=tuple(replace(each, lifted=step) if each is hold else each for each in matter.holds),
    )


def _step(act: Act) -> Step:
    return Step(act.seq, act.at, _text(act.document, "by"), _text(act.document, "reason"))


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    return value.strip() if isinstance(value, str) else ""


def _number(document: dict[str, Any]) -> int | None:
    value = document.get("hold")
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 < value <= _MOST_HOLDS else None


def _are_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
