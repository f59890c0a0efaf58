"""A retention schedule: series of records, each with whom it covers, from when, how long, and by which authority.

What a series covers is a tree of the search language. One series, the default, covers whatever no other one does.
Several may cover one message; `standing` says what follows. Pure; made by `reading`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gateway.records.retention.periods import Period
from gateway.records.retention.triggers import Calendar, Trigger
from gateway.search.query import People, resolve
from gateway.search.query.hiding import UNREADABLE, may_hide
from gateway.search.query.parser import one_of
from gateway.search.query.tree import And, Node, Not
from gateway.search.query.unparse import plain


@dataclass(frozen=True, slots=True)
class Series:
    """One line of the table."""

    name: str
    title: str
    trigger: Trigger
    floor: Period  # kept so long at least
    authority: str  # which law or schedule number says so
    query: str = ""  # what it covers, as typed; of the default nothing
    covers: Node | None = None  # the same; None: whatever no other series covers
    ceiling: Period | None = None  # and so long at most
    note: str = ""
    confirm: bool = False  # taken from no verified source: to be confirmed with counsel

    @property
    def is_default(self) -> bool:
        """Whether it covers what no other one does."""
        return self.covers is None


@dataclass(frozen=True, slots=True)
class Schedule:
    """The table. Names are unique, and `default` is none of `others`."""

    others: tuple[Series, ...]
    default: Series
    calendar: Calendar
    version: str  # first 12 hex digits of the file's SHA-256

    def __iter__(self) -> Iterator[Series]:
        """All series, the default last."""
        yield from self.others
        yield self.default

    def named(self, name: str) -> Series | None:
        """The series by this name."""
        return next((series for series in self if series.name == name), None)

    @property
    def waits_for_students(self) -> bool:
        """Whether it matters when students left."""
        return any(series.trigger is Trigger.LEFT for series in self)

    def meant(self, people: People) -> Schedule:
        """The schedule with each `person:` as the ids that `people` tells."""

        def settled(node: Node | None) -> Node | None:
            return None if node is None else resolve(node, people)

        return replace(self, others=tuple(replace(each, covers=settled(each.covers)) for each in self.others))

    def covered(self, series: Series) -> Node:
        """The messages that a series covers; of the default, those that no other one does."""
        return series.covers if series.covers is not None else self._rest()

    def possibly_covered(self, series: Series) -> Node:
        """Those, and the ones that it would cover if the right words stood in parts that nobody could read.

        Nobody knows what such a part says, so its message is kept as if that were in it.
        """
        if series.covers is None:
            return self._rest()
        hidden = may_hide(series.covers)
        certain = hidden == plain(And((series.covers, UNREADABLE)))  # no part that is read tells more
        return series.covers if certain else one_of([series.covers, hidden])

    def _rest(self) -> Node:
        return And(tuple(Not(each.covers) for each in self.others if each.covers is not None))
