"""What a disposal asks of everybody else: the schedule, the holds, index and catalog as they are today."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from time import monotonic, sleep

import typer

from gateway.archive import Reader
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.catalog.store import read_watermark
from gateway.cli.options import BAD_CONFIG, fail
from gateway.cli.policy.today import read_directory
from gateway.cli.searching.asking import opened
from gateway.cli.searching.roster import Roster
from gateway.config import Config
from gateway.directory.history import History
from gateway.message.printable import printable
from gateway.records.disposal.guard import Guard
from gateway.records.retention.finding import Candidate, Sources, candidates
from gateway.records.retention.leaving import Rosters
from gateway.records.retention.reading import ScheduleError, load
from gateway.records.retention.schedule import Schedule
from gateway.search.engine import Searcher
from gateway.service.follower import new_follower
from gateway.telemetry import logs
from gateway.telemetry.metrics import Metrics

_MOMENT = 0.5  # seconds
_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything that is asked, open."""

    schedule: Schedule  # names in it resolved
    today: date  # of the district
    guard: Guard
    bring_up: Callable[[int], None]  # lets the catalog know the archive up to a number
    _searcher: Searcher
    _catalog: Catalog
    _rosters: Rosters

    def candidates(self, series: str | None, limit: int) -> list[int]:
        """What the schedule lets go today, by number, the oldest first."""
        return [each.seq for each in islice(self._found(series), limit)]

    def eligible(self, seqs: Collection[int]) -> frozenset[int]:
        """Those of some messages that the schedule lets go today."""
        return frozenset(seqs) & {each.seq for each in self._found(None)}

    def _found(self, series: str | None) -> Iterator[Candidate]:
        wanted = self.schedule.named(series) if series is not None else None
        with self._catalog.connect() as connection:
            sources = Sources(self._searcher, connection, self._rosters)
            yield from candidates(sources, self.schedule, self.today, wanted)


@contextmanager
def asked(settings: Config, reader: Reader) -> Iterator[Asked]:
    """Everything that a disposal asks; ends the command where something cannot be asked."""
    logs.configure("warning", process="dispose")
    now = datetime.now(settings.district.zone)
    try:
        schedule = load(settings.retention.schedule, zone=settings.district.zone)
    except ScheduleError as error:
        raise fail(str(error), BAD_CONFIG) from None
    with opened(settings) as sources, _follower(settings, sources.catalog) as bring_up:
        bring_up(reader.last_seq())
        yield Asked(
            schedule=schedule.meant(Roster(settings)),
            today=now.date(),
            guard=Guard(reader, sources.catalog, sources.searcher, bring_up=bring_up, tell=_tell),
            bring_up=bring_up,
            _searcher=sources.searcher,
            _catalog=sources.catalog,
            _rosters=Rosters(
                read_directory(settings), History(settings.storage.rosters), settings.directory.max_shrink
            ),
        )


@contextmanager
def _follower(settings: Config, catalog: Catalog) -> Iterator[Callable[[int], None]]:
    """What lets the catalog know the archive up to a number.

    A running service does so by itself, within a moment. Where none runs, it is done here; two that follow are not in
    each other's way.
    """
    follower = new_follower(settings, Metrics())

    def bring_up(last: int) -> None:
        until = monotonic() + _MOMENT
        while (position := _position(catalog)) < last:
            if monotonic() < until:
                sleep(_LOOK)
            elif not follower.step().entries and _position(catalog) == position:
                return  # whoever asks finds that the catalog is behind, and says so

    try:
        yield bring_up
    finally:
        with suppress(OSError):
            follower.close()


def _position(catalog: Catalog) -> int:
    """Up to which entry the catalog knows the archive; 0 where there is none yet."""
    try:
        with catalog.connect() as connection:
            return read_watermark(connection).position
    except CatalogUnavailableError:
        return 0


def _tell(text: str) -> None:
    typer.echo(f"mailgw: {printable(text)}", err=True)
