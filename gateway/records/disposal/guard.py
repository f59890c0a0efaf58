"""Asks, while mail is being destroyed, whether a matter holds it: before each volume, and whenever a hold may be new.

Promises: what a hold covers that was in the archive before the disposal began is never destroyed; one that is placed
meanwhile keeps what is not destroyed yet, from a second later on. Whatever cannot be asked keeps everything: it raises.

Fails with NotAllowed where an entry cannot be read at all; with CatalogBehind, EngineError, ArchiveUnavailable and
sqlalchemy.exc.DBAPIError.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from time import monotonic
from typing import Protocol

from sqlalchemy import Connection, func, select

from gateway.catalog.reader import Catalog
from gateway.catalog.schema import acts, messages
from gateway.message import events
from gateway.records.disposal.batch import NotAllowed
from gateway.records.matters import held
from gateway.search.engine import Searcher

LOOK = 1.0  # seconds for which a look at the acts is believed

_MATTERS = (events.MATTER_OPENED, events.MATTER_HELD, events.MATTER_LIFTED, events.MATTER_CLOSED)


class Source(Protocol):
    """The archive."""

    def last_seq(self) -> int: ...


class Guard:
    """Knows which of some messages are held. One thread at a time."""

    def __init__(
        self,
        source: Source,
        catalog: Catalog,
        searcher: Searcher,
        *,
        bring_up: Callable[[int], None],
        tell: Callable[[str], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """bring_up: lets the catalog know the archive up to a number. tell: of holds that cannot be read."""
        self._source = source
        self._catalog = catalog
        self._searcher = searcher
        self._bring_up = bring_up
        self._tell = tell
        self._clock = clock
        self._watched: Collection[int] = ()
        self._held: Mapping[int, tuple[str, ...]] = {}
        self._newest = -1  # act about a matter of which `_held` knows
        self._look_at = 0.0

    def held(self, seqs: Collection[int]) -> Mapping[int, tuple[str, ...]]:
        """Those of some messages that are held now, with the names of the matters."""
        last = self._source.last_seq()
        self._bring_up(last)
        with self._catalog.connect() as connection:
            _require_readable(connection)
            return held(connection, self._searcher, seqs, last=last, tell=self._tell)

    def watch(self, seqs: Collection[int]) -> None:
        """The messages of which `is_held` will be asked."""
        self._watched, self._newest, self._look_at = seqs, -1, 0.0

    def is_held(self, seq: int) -> bool:
        """Whether a message that is watched is held. Quick, unless something was decided about a matter."""
        now = self._clock()
        if now >= self._look_at:
            self._look()
            self._look_at = now + LOOK
        return seq in self._held

    def _look(self) -> None:
        last = self._source.last_seq()
        self._bring_up(last)
        with self._catalog.connect() as connection:
            newest = _newest(connection)
            if newest != self._newest:
                self._held = held(connection, self._searcher, self._watched, last=last, tell=self._tell)
                self._newest = newest


def _require_readable(connection: Connection) -> None:
    """Raises NotAllowed where the archive has an entry that nobody can read: it may have placed a hold."""
    unread = connection.scalar(select(func.min(messages.c.seq)).where(messages.c.id == ""))
    if unread is not None:
        raise NotAllowed(
            f"entry {unread} of the archive cannot be read, and may be a legal hold: put its volume back from a "
            "backup, then `mailgw reindex`"
        )


def _newest(connection: Connection) -> int:
    """The number of the last act about any matter; 0 where there is none."""
    return connection.scalar(select(func.max(acts.c.seq)).where(acts.c.event.in_(_MATTERS))) or 0
