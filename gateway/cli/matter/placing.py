"""`mailgw matter hold`: what it would cover is told first, then the hold is placed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from gateway.catalog.reader import Catalog
from gateway.catalog.shapes import Json
from gateway.catalog.words import clean_json
from gateway.cli.hold.choosing import catalog
from gateway.cli.matter import known, told
from gateway.cli.matter.asked import Asked, asked
from gateway.cli.matter.covered import Covered, counting
from gateway.cli.options import WRONG_USAGE, ConfigOption, JsonOption, fail, load_config, print_json
from gateway.cli.recording import ByOption, become_owner, who
from gateway.cli.searching.matters import in_words
from gateway.cli.searching.shown import covered as coverage_line
from gateway.cli.searching.typed import query_of
from gateway.config import Config
from gateway.message.printable import printable
from gateway.records.matters import Matter, acts
from gateway.records.matters.covering import Wanted


def hold(
    name: known.NameArgument,
    reason: known.ReasonOption,
    query: Annotated[
        list[str] | None,
        typer.Argument(metavar="QUERY", help='As for `mailgw search`, such as: subject:"late bus" -practice'),
    ] = None,
    custodian: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PERSON",
            help="All mail of somebody in the roster: an id, an address, or words of the name. Several times.",
        ),
    ] = None,
    address: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS", help="All mail of one address, or of a domain: @b.example. Several times."
        ),
    ] = None,
    since: Annotated[str, typer.Option(metavar="DAY", help="Received on this day or later.")] = "",
    until: Annotated[str, typer.Option(metavar="DAY", help="Received on this day or earlier.")] = "",
    id: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help="This message, whatever else is said: archive id, sequence number or Message-ID. Several times.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what it would cover; nothing is recorded.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask at a terminal.")] = False,
    by: ByOption = None,
    wait: known.WaitOption = 10.0,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Hold mail for a matter, that which is there and that which will come.

    Custodians and addresses are alternatives; days and QUERY narrow them; messages named by --id are held as well.
    """
    settings, person = load_config(config), who(by)
    why = known.line_of("--reason", reason, needed=True)
    wanted = Wanted(
        query=query_of(query or []), addresses=tuple(address or ()), since=since.strip(), until=until.strip()
    )
    become_owner(settings.storage.archive)
    with catalog(settings) as found:
        matter = known.one(found, name)
        _require_open(matter, settings)
        meant = asked(found, settings, wanted, custodian or (), id or ())
        now = _counted(settings, meant, dry_run=dry_run)
        row = _facts(matter, meant, now, settings)
        if not json:
            for line in told.clean(_lines(meant, now, settings)):
                typer.echo(line)
        for line in told.clean(iter(meant.warnings)):
            typer.echo(f"mailgw: {line}", err=True)
        if not dry_run:
            _agree(yes=yes or json)
            row |= _placed(found, settings, matter, meant, person, why, wait)
    if json:
        print_json(clean_json(row))
    elif not dry_run:
        typer.echo(printable(f"{matter.name}: {row['text']}"))


def _placed(
    found: Catalog, settings: Config, matter: Matter, meant: Asked, by: str, why: str, wait: float
) -> Json:
    """Record the hold; what holds then. Ends the command where the matter was closed before."""
    document = acts.placed(matter.next_number, meant.query, meant.ids, meant.said, by, why)
    done = known.act(found, settings, matter.id, document, wait)
    if done.matter is None:
        return told.outcome(matter.id, done.seq, "recorded", known.TAKEN_UP_LATER, hold=None)
    placed = next((each for each in done.matter.holds if each.placed.seq == done.seq), None)
    if placed is None:
        _require_open(done.matter, settings)
        raise fail(printable(f"{matter.name}: entry {done.seq} of the archive is no hold (mailgw verify)"))
    if placed.trouble:
        text = f"hold {placed.number} stands and covers everything, for it cannot be read: {placed.trouble}"
        raise fail(printable(text))
    text = f"hold {placed.number} is placed"
    return told.outcome(matter.id, done.seq, "placed", text, hold=placed.number)


def _require_open(matter: Matter, settings: Config) -> None:
    if matter.closed is not None:
        when = told.when(matter.closed, settings)
        raise fail(printable(f"{matter.name}: this matter is closed, {when}; open another one"))


def _counted(settings: Config, meant: Asked, *, dry_run: bool) -> Covered | None:
    """What it would cover now; None where the index cannot be asked, which keeps no hold from being placed."""
    try:
        with counting(settings) as count:
            unknown = count.without_mail(meant.unknown)
            found = count.of(meant.covers)
    except typer.Exit as ended:  # it was told why
        if dry_run or meant.unknown or ended.exit_code == WRONG_USAGE:
            raise
        typer.echo(
            "mailgw: so it is not known how much the hold covers; it does not depend on that", err=True
        )
        return None
    for name in unknown:
        text = f"{name}: this is nobody in today's roster, and no message in the index is of a person with this id"
        raise fail(printable(text), WRONG_USAGE)
    return found


def _agree(*, yes: bool) -> None:
    """Ask at a terminal; ends the command where the answer is no."""
    if yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    if not typer.confirm("Place this hold?"):
        raise fail("nothing is recorded")


def _facts(matter: Matter, meant: Asked, now: Covered | None, settings: Config) -> Json:
    return {
        "matter": matter.id,
        "name": matter.name,
        "query": meant.query,
        "ids": list(meant.ids),
        "explanation": in_words(meant.node, meant.ids, settings.district.zone),
        "said": list(meant.said),
        "warnings": list(meant.warnings),
        "now": told.figures_facts(now.figures) if now is not None else None,
        "coverage": now.coverage.to_json() if now is not None else None,
        "outcome": "dry-run",
    }


def _lines(meant: Asked, now: Covered | None, settings: Config) -> Iterator[str]:
    yield in_words(meant.node, meant.ids, settings.district.zone)
    yield from meant.said
    if now is not None:
        how_much = told.how_much(now.figures, settings)
        yield f"{how_much[:1].upper()}{how_much[1:]}"
        yield coverage_line(now.coverage, None)
