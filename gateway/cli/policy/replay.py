"""`mailgw policy replay`: what today's rules and directory make of mail that was judged before."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from gateway.archive import ArchiveUnavailable
from gateway.archive.configured import reader_of
from gateway.catalog.queries import RulePattern
from gateway.cli.options import ConfigOption, JsonOption, fail, load_config, print_json
from gateway.cli.policy.again import Again, Workers
from gateway.cli.policy.period import SINCE, UNTIL, period
from gateway.cli.policy.records import Unreadable, bounds
from gateway.cli.policy.today import read_directory
from gateway.cli.rules import rule_named
from gateway.config import Config
from gateway.policy.engine import Engine
from gateway.policy.replay import (
    COMPARED,
    Brief,
    Change,
    Comparison,
    Settling,
    Tally,
)
from gateway.telemetry import logs


def replay(
    since: Annotated[str, typer.Option(metavar="WHEN", help=SINCE)],
    until: Annotated[str | None, typer.Option(metavar="WHEN", help=UNTIL)] = None,
    rule: Annotated[
        list[str] | None, typer.Option(help="Only this rule, or this family: coach. Can be repeated.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="List so many differences; all are counted.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes; by default one for each processor.")
    ] = None,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Judge archived mail again by today's rules and directory, and tell what would be found differently.

    Nothing is written anywhere. To try settings before they are in force, name a copy of the configuration
    file with --config. A difference is no error: exit 0; exit 1 where the archive cannot be read.
    """
    settings = load_config(config)
    wanted = period(since, until, now=datetime.now(settings.district.zone))
    rules = tuple(rule_named(text) for text in rule or ())
    logs.configure("warning", process="replay")
    directory = read_directory(settings)
    versions = (Engine(settings.policy, settings.district).rules_version, directory.version)
    report = Report(_Json() if json else _Text(settings), limit, versions)
    try:
        if not settings.storage.archive.is_dir():
            raise fail(f"{settings.storage.archive}: no archive yet")
        with closing(reader_of(settings)) as reader:
            after, last = bounds(reader, wanted)
        workers = Workers(Again(settings, directory, wanted), after, last, jobs or _processors())
        _replay(workers, after, last, rules, report)
    except (ArchiveUnavailable, OSError) as error:
        raise fail(f"{settings.storage.archive}: cannot be read: {error}") from None
    except BrokenProcessPool:
        raise fail("a process that judged was ended from outside; try --jobs 1") from None
    report.end()


def _processors() -> int:
    """As many as this process may use."""
    return len(os.sched_getaffinity(0))


# --- judging again ---------------------------------------------------------------------------------------


def _replay(workers: Workers, after: int, last: int, rules: tuple[RulePattern, ...], report: Report) -> None:
    settling = Settling()
    with workers, _progress() as progress:
        bar = progress.add_task("Judging again", total=last - after)
        for stretch in workers.stretches():
            report.messages += stretch.messages
            report.failures += stretch.failures
            for found in stretch.items:
                if isinstance(found, Unreadable):
                    report.unreadable(found)
                    continue
                settling.revoke(found.revokes)
                settling.add(one for one in found.comparisons if _is_wanted(one, rules))
                report.take(settling.settled(found.received))
            progress.update(bar, completed=stretch.last - after)
    report.take(settling.rest())


def _progress() -> Progress:
    """A bar on standard error, where that is a terminal; what is told goes where standard output goes."""
    return Progress(
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
        redirect_stdout=sys.stdout.isatty(),
    )


def _is_wanted(comparison: Comparison, rules: tuple[RulePattern, ...]) -> bool:
    found = comparison.shown.rule
    return not rules or any(rule.matches(found) for rule in rules)


# --- telling ---------------------------------------------------------------------------------------------


@dataclass
class Report:
    """Tells differences as they come, and the sums at the end."""

    paper: _Json | _Text
    limit: int | None
    versions: tuple[str, str]  # of rules and directory
    messages: int = 0
    listed: int = 0
    unreadable_entries: int = 0
    tally: Tally = field(default_factory=Tally)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)  # rule, type of error
    started: float = field(default_factory=monotonic)

    def take(self, comparisons: Iterator[Comparison]) -> None:
        for one in comparisons:
            self.tally.add(one)
            if one.change is not Change.UNCHANGED and (self.limit is None or self.listed < self.limit):
                self.listed += 1
                self.paper.difference(one)

    def unreadable(self, what: Unreadable) -> None:
        self.unreadable_entries += what.last - what.seq + 1
        self.paper.unreadable(what)

    def end(self) -> None:
        self.paper.end(self, monotonic() - self.started)


class _Json:
    """One object a line, all on standard output: `event` says what it is."""

    def difference(self, one: Comparison) -> None:
        brief = one.shown
        print_json(
            {
                "event": "difference",
                "change": one.change.value,
                "id": one.id,
                "archive_id": one.archive_id,
                "received": one.received.isoformat(timespec="microseconds"),
                "rule": brief.rule,
                "author": {"person_id": brief.author_id, "name": brief.author},
                "recorded": _weight(one.recorded),
                "today": _weight(one.today),
                "differs": list(one.differs),
                "why": brief.why,
                "explanation": brief.explanation,
                "note": one.note,
            }
        )

    def unreadable(self, what: Unreadable) -> None:
        print_json(
            {
                "event": "unreadable",
                "seq": what.seq,
                "last": what.last,
                "archive_id": what.archive_id,
                "why": what.why,
            }
        )

    def end(self, report: Report, seconds: float) -> None:
        for rule, counts in report.tally.rows():
            print_json({"event": "rule", "rule": rule, **counts})
        print_json(
            {
                "event": "summary",
                "messages": report.messages,
                **report.tally.total,
                "unreadable": report.unreadable_entries,
                "rule_errors": [
                    {"rule": rule, "error": error, "messages": count}
                    for (rule, error), count in sorted(report.failures.items())
                ],
                "rules_version": report.versions[0],
                "directory_version": report.versions[1],
                "seconds": round(seconds, 3),
            }
        )


def _weight(brief: Brief | None) -> dict[str, str] | None:
    return None if brief is None else {name: getattr(brief, name) for name in COMPARED}


class _Text:
    """For people; what could not be done goes to standard error."""

    def __init__(self, settings: Config) -> None:
        self._zone = settings.district.zone

    def difference(self, one: Comparison) -> None:
        brief = one.shown
        when = one.received.astimezone(self._zone)
        typer.echo(
            f"{when:%Y-%m-%d %H:%M}  {one.change.value:9} {brief.severity} {brief.rule} "
            f"({brief.confidence})  {brief.author}"
        )
        if one.recorded is not None and one.today is not None:
            typer.echo(
                "    "
                + ", ".join(
                    f"{name} {getattr(one.recorded, name)} -> {getattr(one.today, name)}"
                    for name in one.differs
                )
            )
        typer.echo(f"    {brief.explanation}")
        typer.echo(f"    message {one.archive_id}" + (f"; {one.note}" if one.note else ""))

    def unreadable(self, what: Unreadable) -> None:
        named = what.place if what.archive_id is None else f"{what.place} ({what.archive_id})"
        typer.echo(f"mailgw: {named}: {what.why}", err=True)

    def end(self, report: Report, seconds: float) -> None:
        total = report.tally.total
        hidden = sum(total[change] for change in ("new", "gone", "changed", "unknown")) - report.listed
        if hidden:
            typer.echo(f"... and {hidden} more differences (--limit)")
        if sum(total.values()):
            _print_table([*report.tally.rows(), ("all", total)])
        for (rule, error), count in sorted(report.failures.items()):
            typer.echo(f"mailgw: {rule} failed on {count} messages: {error}", err=True)
        typer.echo(
            f"{report.messages} messages judged again in {seconds:.1f} s, "
            f"{report.unreadable_entries} entries unreadable; "
            f"rules {report.versions[0]}, directory {report.versions[1]}",
            err=True,
        )


def _print_table(rows: list[tuple[str, dict[str, Any]]]) -> None:
    table = Table("rule", box=None)
    for name in rows[0][1]:
        table.add_column(name, justify="right")
    for rule, counts in rows:
        table.add_row(rule, *(str(count) for count in counts.values()))
    width = None if sys.stdout.isatty() else 120  # a file or a pipe has no width to fit into
    Console(width=width, highlight=False).print(table)
