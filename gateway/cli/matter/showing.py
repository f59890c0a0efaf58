"""`mailgw matter list` and `show`: which matters there are, and all that happened in one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.catalog.words import clean_json
from gateway.cli.hold.choosing import behind_by, catalog, lag
from gateway.cli.matter import known, told
from gateway.cli.matter.covered import Covered, counting
from gateway.cli.options import FOUND_WRONG, ConfigOption, JsonOption, load_config, print_json
from gateway.cli.searching.shown import covered as coverage_line
from gateway.config import Config
from gateway.records.matters import Matter


def list_matters(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are closed.")] = False,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """List the legal matters, with who opened each, when and why, and how many holds are in force."""
    settings = load_config(config)
    with catalog(settings) as found:
        matters = known.matters(found)
        with found.connect() as connection:
            behind = lag(connection, settings)
    is_open = [matter for matter in matters if matter.closed is None]
    for matter in matters if everything else is_open:
        if json:
            print_json(clean_json(told.facts(matter)))
        else:
            for line in told.clean(told.matter_lines(matter, settings)):
                typer.echo(line)
    text = f"{len(is_open)} open, {len(matters) - len(is_open)} closed"
    typer.echo(f"{text}; {behind_by(behind)}" if behind else text, err=True)
    _warn(is_open)


def show(
    name: known.NameArgument,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Show a matter: every step with who, when and why, and what each hold that is in force covers now.

    How complete that answer is stands in the last line, as with a search.
    """
    settings = load_config(config)
    with catalog(settings) as found:
        matter = known.one(found, name)
    covered = _covered(matter, settings)
    if json:
        holds = [
            told.hold_facts(hold, settings)
            | {"now": told.figures_facts(covered[hold.number].figures) if hold.number in covered else None}
            for hold in matter.holds
        ]
        row = told.facts(matter) | {"holds": holds}
        total = covered.get(0)
        row |= {
            "now": told.figures_facts(total.figures) if total else None,
            "coverage": total.coverage.to_json() if total else None,
        }
        print_json(clean_json(row, 2_000_000))
    else:
        _print(matter, covered, settings)
    _warn([matter])
    if matter.standing and not covered:
        raise typer.Exit(FOUND_WRONG)


def _covered(matter: Matter, settings: Config) -> dict[int, Covered]:
    """What each hold in force covers, by its number, and at 0 all of them together; nothing where that is not known."""
    if not matter.standing:
        return {}
    try:
        with counting(settings) as count:
            each = {hold.number: count.of(hold.covers) for hold in matter.standing}
            return {**each, 0: count.of(matter.covers)}
    except typer.Exit:  # it was told why
        return {}


def _print(matter: Matter, covered: dict[int, Covered], settings: Config) -> None:
    for line in told.clean(told.matter_lines(matter, settings)):
        typer.echo(line)
    for hold in matter.holds:
        now = covered[hold.number].figures if hold.number in covered else None
        for line in told.clean(told.hold_lines(hold, now, settings)):
            typer.echo(f"  {line}")
    if 0 in covered:
        if len(matter.standing) > 1:
            typer.echo(f"Together the matter {told.how_much(covered[0].figures, settings)}")
        typer.echo(coverage_line(covered[0].coverage, None), err=True)


def _warn(matters: list[Matter]) -> None:
    """Of holds that cannot be read: they keep everything."""
    for matter in matters:
        for hold in matter.standing:
            if hold.trouble:
                text = f"{matter.name}, hold {hold.number}: holds EVERYTHING, for it cannot be read: {hold.trouble}"
                for line in told.clean(iter([text])):
                    typer.echo(f"mailgw: {line}", err=True)
