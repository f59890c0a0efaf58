"""`mailgw policy sample`: mail drawn at random, for people to check what the rules made of it.

Tells ids and numbers only, never an address, a subject or content: whoever may read a message reads it with
`mailgw show ID`.
"""

from __future__ import annotations

import csv
import secrets
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gateway.archive import ArchiveUnavailable
from gateway.archive.configured import reader_of
from gateway.catalog import queries
from gateway.catalog.queries import Coverage
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.catalog.sample import Candidate, Draw, allocate, candidates, recipients
from gateway.cli.options import WRONG_USAGE, ConfigOption, JsonOption, fail, load_config, print_json
from gateway.cli.policy.period import SINCE, UNTIL, Period, period
from gateway.cli.policy.today import read_directory
from gateway.config import Config
from gateway.directory.snapshot import Directory
from gateway.policy.capacity import is_guardian, is_staff, is_student

PRIVACY_COPY = "coach/privacy-copy"
_SEEDS = 2**32


class Population(StrEnum):
    """What is sampled."""

    UNFLAGGED = "unflagged"  # no finding stands: what did the rules miss?
    PRIVACY_COPY = "privacy-copy"  # copied to an administrator: was it a privacy matter?


@dataclass(frozen=True, slots=True)
class Stratum:
    """Messages that are alike; each is sampled by itself."""

    population: str
    role: str
    listener: str
    wrote: str  # staff, student, guardian, unknown, outside
    month: str  # "2026-11", in the district's zone


@dataclass(frozen=True, slots=True)
class Drawn:
    """One message of the sample."""

    id: str
    seq: int
    received: str
    sender_domain: str  # district, outside, none


def sample(
    since: Annotated[str | None, typer.Option(metavar="WHEN", help=SINCE)] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help=UNTIL)] = None,
    of: Annotated[
        list[Population] | None, typer.Option("--of", help="What to sample; by default each of these.")
    ] = None,
    size: Annotated[int, typer.Option(min=1, help="Messages of each.")] = 100,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, max=_SEEDS - 1, help="The same seed draws the same sample; by default a new one."
        ),
    ] = None,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="A table for a spreadsheet, with headings.")] = False,
) -> None:
    """Draw archived mail at random for an audit: mail without findings, and mail copied for privacy.

    The sample is stratified by listener, who wrote (by today's directory) and month, in proportion to the
    strata's sizes, with at least one message of each. It tells ids and numbers, never addresses or content;
    mailgw show ID shows a message.

    To estimate a rate, read every message drawn and count those that are amiss. With N messages in all, and of
    each stratum N_h messages, n_h of them drawn and k_h of these amiss, the rate is p = sum(N_h/N * k_h/n_h).
    Its 95 % interval is p +- 1.96 * sqrt(sum((N_h/N)^2 * (1 - n_h/N_h) * q_h * (1 - q_h) / n_h)), where
    q_h = (k_h + 1) / (n_h + 2). Where none of n drawn in all is amiss, the rate is below about 3/n.
    """
    if json and as_csv:
        raise fail("--json --csv: expected one of them", WRONG_USAGE)
    settings = load_config(config)
    wanted = period(since, until, now=datetime.now(settings.district.zone))
    if seed is None:
        seed = secrets.randbelow(_SEEDS)
    directory = read_directory(settings)
    populations = tuple(Population) if not of else tuple(dict.fromkeys(of))
    with _catalog(settings) as connection:
        survey = Survey(connection, settings, directory, wanted, populations)
        paper = Paper(survey.sizes(), size, seed, survey.coverage())
        survey.draw(paper)
    show = _show_json if json else _show_csv if as_csv else _show_text
    show(paper, directory.version)
    _tell(paper, survey.populations)


# --- drawing ---------------------------------------------------------------------------------------------


class Paper:
    """The sample: sizes of strata, how many were drawn of each, and the messages."""

    def __init__(self, sizes: Counter[Stratum], size: int, seed: int, coverage: Coverage) -> None:
        self.sizes = sizes
        self.seed = seed
        self.coverage = coverage
        self.wanted: dict[Stratum, int] = {}
        for population in Population:
            own = {stratum: count for stratum, count in sizes.items() if stratum.population == population}
            self.wanted |= allocate(own, size)
        self.drawn: dict[Stratum, list[Drawn]] = {}
        self.recipients: dict[int, int] = {}

    def rows(self) -> Iterator[tuple[Stratum, dict[str, Any]]]:
        """Each message of the sample."""
        for stratum, items in self.drawn.items():
            for item in items:
                yield stratum, asdict(item) | {"recipients": self.recipients[item.seq]}

    def totals(self, population: str) -> dict[str, int]:
        """Messages, drawn and strata of one population, and the strata of which none was drawn."""
        strata = [stratum for stratum in self.wanted if stratum.population == population]
        return {
            "messages": sum(self.sizes[stratum] for stratum in strata),
            "sampled": sum(self.wanted[stratum] for stratum in strata),
            "strata": len(strata),
            "strata_without": sum(not self.wanted[stratum] for stratum in strata),
        }


class Survey:
    """Goes through the catalog twice, in one read transaction: to count, and to draw."""

    def __init__(
        self,
        connection: Connection,
        settings: Config,
        directory: Directory,
        wanted: Period,
        populations: tuple[Population, ...],
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._directory = directory
        self._period = wanted
        self._wrote = lru_cache(maxsize=50_000)(_wrote_by(directory))
        self.populations = populations

    def coverage(self) -> Coverage:
        """How far the catalog is."""
        return queries.coverage(self._connection, reader_of(self._settings).last_seq())

    def sizes(self) -> Counter[Stratum]:
        """How many messages there are in each stratum."""
        return Counter(stratum for stratum, _ in self._all())

    def draw(self, paper: Paper) -> None:
        """Draw what the paper wants of each stratum."""
        draw: Draw[Stratum, Drawn] = Draw(paper.seed, paper.wanted)
        for stratum, one in self._all():
            received = one.received.isoformat(timespec="microseconds")
            draw.offer(stratum, one.id, Drawn(one.id, one.seq, received, self._domain(one.author)))
        paper.drawn = draw.drawn()
        seqs = [item.seq for items in paper.drawn.values() for item in items]
        paper.recipients = recipients(self._connection, seqs)

    def _all(self) -> Iterator[tuple[Stratum, Candidate]]:
        zone = self._settings.district.zone
        found = candidates(self._connection, PRIVACY_COPY, self._period.since, self._period.until)
        for one in found:
            population = _population(one)
            if population in self.populations:
                day = one.received.astimezone(zone).date()
                wrote = self._wrote(one.author, day)
                yield Stratum(population.value, one.role, one.listener, wrote, f"{day:%Y-%m}"), one

    def _domain(self, author: str) -> str:
        if not author:
            return "none"
        return "district" if self._directory.is_district(author) else "outside"


def _population(one: Candidate) -> Population | None:
    if one.marked:
        return Population.PRIVACY_COPY
    return None if one.flagged else Population.UNFLAGGED


def _wrote_by(directory: Directory) -> Callable[[str, date], str]:
    """Who an author is on a day; of several people who share an address the first kind that fits."""

    def wrote(author: str, day: date) -> str:
        people = [match.person for match in directory.matches(author)]
        if any(is_staff(person, day) for person in people):
            return "staff"
        if any(is_student(person, day) for person in people):
            return "student"
        if any(is_guardian(directory, person.id, day) for person in people):
            return "guardian"
        return "unknown" if people or not author or directory.is_district(author) else "outside"

    return wrote


@contextmanager
def _catalog(settings: Config) -> Iterator[Connection]:
    catalog = Catalog(settings.storage.catalog)
    try:
        with catalog.connect() as connection:
            yield connection
    except (CatalogUnavailableError, ArchiveUnavailable) as error:
        raise fail(str(error)) from None
    except DBAPIError as error:
        raise fail(f"{settings.storage.catalog}: cannot be read: {error.orig}") from None
    finally:
        catalog.close()


# --- telling ---------------------------------------------------------------------------------------------


def _show_json(paper: Paper, directory_version: str) -> None:
    """One object a line; `event` says what it is."""
    for stratum, count in _strata(paper):
        drawn = paper.wanted[stratum]
        print_json({"event": "stratum", **asdict(stratum), "messages": count, "sampled": drawn})
    for stratum, row in paper.rows():
        print_json({"event": "message", **asdict(stratum), **row})
    for population in Population:
        if (totals := paper.totals(population))["strata"]:
            print_json({"event": "population", "population": population.value, **totals})
    print_json(
        {
            "event": "summary",
            "seed": paper.seed,
            "directory_version": directory_version,
            "indexed": paper.coverage.indexed,
            "last": paper.coverage.last,
        }
    )


def _show_csv(paper: Paper, _directory_version: str) -> None:
    """A line for each message, with the numbers of its stratum, so that the table is all that is needed."""
    headings = ("id", "seq", "received", "sender_domain", "recipients")
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow((*headings, *Stratum.__dataclass_fields__, "stratum_messages", "stratum_sampled"))
    for stratum, row in paper.rows():
        counts = (paper.sizes[stratum], paper.wanted[stratum])
        table.writerow((*(row[name] for name in headings), *astuple(stratum), *counts))


def _show_text(paper: Paper, _directory_version: str) -> None:
    strata = _table(*Stratum.__dataclass_fields__, "messages", "sampled")
    for stratum, count in _strata(paper):
        strata.add_row(*astuple(stratum), str(count), str(paper.wanted[stratum]))
    found = _table("id", "seq", "received", "population", "listener", "wrote", "sender", "recipients")
    for stratum, row in paper.rows():
        facts = (row["id"], row["seq"], row["received"][:19], stratum.population, stratum.listener)
        found.add_row(*map(str, (*facts, stratum.wrote, row["sender_domain"], row["recipients"])))
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(strata)
    console.print()
    console.print(found)


def _strata(paper: Paper) -> list[tuple[Stratum, int]]:
    return sorted(paper.sizes.items(), key=lambda item: astuple(item[0]))


def _table(*headings: str) -> Table:
    table = Table(box=None)
    for heading in headings:
        number = heading in ("messages", "sampled", "seq", "recipients")
        table.add_column(heading, justify="right" if number else "left", no_wrap=heading == "id")
    return table


def _tell(paper: Paper, populations: tuple[Population, ...]) -> None:
    """On standard error: what was drawn of what, and what draws it again."""
    for population in populations:
        totals = paper.totals(population)
        typer.echo(
            f"{population.value}: {totals['sampled']} of {totals['messages']} messages, "
            f"{totals['strata']} strata",
            err=True,
        )
        if totals["strata_without"]:
            typer.echo(
                f"mailgw: none of {totals['strata_without']} strata; draw at least --size {totals['strata']} "
                "to estimate a rate",
                err=True,
            )
    known = paper.coverage
    typer.echo(f"seed {paper.seed}; indexed up to {known.indexed} of {known.last} entries", err=True)
