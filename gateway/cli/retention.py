"""`mailgw retention`: the schedule, how the archive stands by it, and why one message is kept. Nothing is changed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from gateway.catalog import facts as catalog_facts
from gateway.catalog import queries
from gateway.cli.options import BAD_CONFIG, ConfigOption, JsonOption, fail, load_config, print_json
from gateway.config import Config
from gateway.message.printable import printable
from gateway.records.retention import telling
from gateway.records.retention.reading import ScheduleError, load
from gateway.records.retention.schedule import Schedule, Series
from gateway.telemetry import logs

if TYPE_CHECKING:
    from gateway.records.retention.counting import Count
    from gateway.records.retention.finding import Sources

DEFAULT = Path("config/gateway.toml")

app = typer.Typer(help="How long mail is kept: the schedule of series, and what follows from it today.")


def schedule_of(settings: Config) -> Schedule:
    """The configured schedule, its queries as typed. Raises ScheduleError."""
    return load(settings.retention.schedule, zone=settings.district.zone)


@app.command()
def check(config: ConfigOption = DEFAULT, json: JsonOption = False) -> None:
    """Say whether the schedule can be used, and who is meant by names in it. Exit 3 with every mistake in it."""
    from gateway.cli.searching.roster import Roster

    settings = load_config(config)
    schedule = _schedule(settings)
    series, roster = len(list(schedule)), Roster(settings)
    schedule.meant(roster)
    for line in roster.told():
        typer.echo(f"mailgw: {printable(line)}", err=True)
    if json:
        print_json({"schedule": settings.retention.schedule, "series": series, "version": schedule.version})
    else:
        typer.echo(f"{settings.retention.schedule} is valid: {series} series, version {schedule.version}")


@app.command()
def show(config: ConfigOption = DEFAULT, json: JsonOption = False) -> None:
    """Show the schedule: for each series whom it covers, from when, how long, and by which authority."""
    settings = load_config(config)
    schedule = _schedule(settings)
    if json:
        for series in schedule:
            print_json(_object(series))
        return
    rows: list[Sequence[str]] = [("series", "runs from", "floor", "ceiling", "authority")]
    rows += [
        (
            each.name,
            each.trigger.value,
            str(each.floor),
            str(each.ceiling) if each.ceiling else "-",
            telling.authority(each),
        )
        for each in schedule
    ]
    _print_table(rows)
    for series in schedule:
        typer.echo("")
        for line in _lines(series, schedule):
            typer.echo(printable(line))
    typer.echo(f"\n{telling.NO_ADVICE}")


@app.command()
def report(
    on: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="As it will stand on that day; default: today.")
    ] = None,
    config: ConfigOption = DEFAULT,
    json: JsonOption = False,
) -> None:
    """Count for each series its messages, and those that may be disposed of now, within a year, or ought to be gone.

    A message that several series cover counts in each of them. Legal holds are not looked at here.
    """
    from gateway.records.retention.counting import report as counted
    from gateway.records.retention.finding import coverage

    settings = load_config(config)
    schedule = _schedule(settings)
    today = _day(on, settings)
    with _sources(settings, schedule) as (sources, meant, last):
        with _progress() as advance:
            found = counted(sources, meant, today, advance)
        known = coverage(sources, last)
    if json:
        for name, count in found.series.items():
            print_json({"series": name, **asdict(count)})
        print_json(
            {"together": asdict(found.together), "coverage": {**asdict(known), "behind": known.behind}}
        )
        return
    rows: list[Sequence[str]] = [("series", "messages", "eligible now", "within a year", "past ceiling")]
    rows += [(name, *_figures(count)) for name, count in found.series.items()]
    rows.append(("each once", *_figures(found.together)))
    _print_table(rows, numbers=True)
    typer.echo(
        f"\nOn {telling.day_of(today)}. Searched up to entry {known.searched} of {known.last}, {known.behind} behind."
    )
    if known.unindexed or known.by_envelope:
        typer.echo(
            f"{known.unindexed} messages are not in the search index, and {known.by_envelope} are catalogued by their "
            "envelope only: nobody knows what they are, so they are never eligible."
        )
    typer.echo(telling.NO_ADVICE)


@app.command()
def explain(
    name: Annotated[str, typer.Argument(metavar="ID", help="Archive id, sequence number or Message-ID.")],
    on: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="As it will stand on that day; default: today.")
    ] = None,
    config: ConfigOption = DEFAULT,
    json: JsonOption = False,
) -> None:
    """Tell which series cover a message, from when their periods run, and until when it is kept."""
    from gateway.records.retention.finding import facts_of
    from gateway.records.retention.standing import standing

    settings = load_config(config)
    schedule = _schedule(settings)
    today = _day(on, settings)
    with _sources(settings, schedule) as (sources, meant, _):
        found = queries.message(sources.connection, name)
        if found is None:
            raise fail(f"{name}: no such message; `mailgw search` shows the ids")
        receipt = catalog_facts.receipts(sources.connection, [found["seq"]])[found["seq"]]
        known = facts_of(sources, meant, receipt)
    if known is None or not receipt.indexed:
        raise fail(f"{receipt.id}: is not in the search index, so nobody knows what it is; it is kept")
    stands = standing(known, meant, today)
    said = list(telling.sentences(known, stands, meant, today))
    if json:
        print_json(
            {
                "id": receipt.id,
                "seq": receipt.seq,
                "received": receipt.received.isoformat(),
                "state": stands.state.value,
                "series": list(stands.series),
                "floor_until": stands.floor_until,
                "ceiling_at": stands.ceiling_at,
                "explanation": [line.strip() for line in said],
            }
        )
        return
    for line in (f"Message {receipt.id}", *said, telling.NO_ADVICE):
        typer.echo(printable(line))


# --- what is read ------------------------------------------------------------------------------------------


def _schedule(settings: Config) -> Schedule:
    try:
        return schedule_of(settings)
    except ScheduleError as error:
        raise fail(str(error), BAD_CONFIG) from None


@contextmanager
def _sources(settings: Config, schedule: Schedule) -> Iterator[tuple[Sources, Schedule, int]]:
    """Index, catalog and rosters; the schedule with its people as ids; the archive's last entry."""
    from gateway.cli.policy.today import read_directory
    from gateway.cli.searching.asking import opened
    from gateway.cli.searching.roster import Roster
    from gateway.directory.history import History
    from gateway.directory.snapshot import Directory
    from gateway.records.retention.finding import Sources
    from gateway.records.retention.leaving import Rosters

    logs.configure("warning", process="retention")  # a kept roster that cannot be read is told there
    with opened(settings) as asked, asked.catalog.connect() as connection:
        now = datetime.now(settings.district.zone)
        nobody = Directory.empty(settings.district.domains, now)
        today = read_directory(settings) if schedule.waits_for_students else nobody
        leaving = Rosters(today, History(settings.storage.rosters), settings.directory.max_shrink)
        sources = Sources(asked.searcher, connection, leaving)
        yield sources, schedule.meant(Roster(settings)), asked.reader.last_seq()


def _day(text: str | None, settings: Config) -> date:
    if text is None:
        return datetime.now(UTC).astimezone(settings.district.zone).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise fail(f"--on {text}: expected a day as YYYY-MM-DD", 2) from None


# --- what is shown -----------------------------------------------------------------------------------------


def _object(series: Series) -> dict[str, Any]:
    return {
        "series": series.name,
        "title": series.title,
        "covers": series.query or None,
        "trigger": series.trigger.value,
        "floor": str(series.floor),
        "ceiling": str(series.ceiling) if series.ceiling else None,
        "authority": series.authority,
        "confirm": series.confirm,
        "note": series.note,
    }


def _lines(series: Series, schedule: Schedule) -> Iterator[str]:
    yield f"{series.name}: {series.title}"
    yield f"    covers  {series.query or 'everything that no other series covers'}"
    yield f"    kept    {series.floor} from {telling.runs_from(series, schedule.calendar)}"
    if series.ceiling:
        yield f"    gone    after {series.ceiling} from then at the latest"
    yield f"    by      {telling.authority(series)}"
    if series.note:
        yield f"    note    {series.note}"


def _figures(count: Count) -> tuple[str, ...]:
    return tuple(f"{each:,}" for each in asdict(count).values())


def _print_table(rows: Sequence[Sequence[str]], *, numbers: bool = False) -> None:
    """Columns; where they are numbers, all but the first at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if numbers and place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        typer.echo(printable("  ".join(cells).rstrip()))


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("Messages that wait for students", total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)
