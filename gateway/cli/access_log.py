"""`mailgw access-log`: to whom student records were released, as 603 CMR 23.07 wants it kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gateway.catalog import acts as catalog_acts
from gateway.catalog.shapes import moment
from gateway.cli.hold.choosing import behind_by, catalog, lag
from gateway.cli.options import ConfigOption, JsonOption, load_config, print_json
from gateway.cli.searching.roster import Roster
from gateway.config import Config
from gateway.message import events
from gateway.message.printable import printable
from gateway.records.export.acts import Access, access_log


def show_access_log(
    student: Annotated[
        str | None,
        typer.Option(
            metavar="PERSON", help="Only this student's: an id, or an address or name of today's roster."
        ),
    ] = None,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Who released student records, to whom, when, which messages, and why. It only reads."""
    settings = load_config(config)
    students = _meant(settings, student)
    with catalog(settings) as found, found.connect() as connection:
        behind = lag(connection, settings)
        lines = list(access_log(catalog_acts.named(connection, [events.EXPORTED]), students))
    for each in lines:
        if json:
            print_json(asdict(each) | {"at": moment(each.at)})
        else:
            for line in _told(each, settings):
                typer.echo(printable(line))
    if not lines:
        typer.echo(
            "no student records were released" if student is None else "none of this student's were", err=True
        )
    if behind:
        typer.echo(f"{behind_by(behind)}: what is newer is not shown", err=True)


def _meant(settings: Config, text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    roster = Roster(settings)
    found = roster(text, False)
    for line in roster.told():
        typer.echo(printable(line), err=True)
    return found


def _told(each: Access, settings: Config) -> Iterator[str]:
    when = each.at.astimezone(settings.district.zone)
    to = ", ".join(filter(None, (each.to.get(name) for name in ("name", "position", "affiliation"))))
    yield f"{when:%Y-%m-%d %H:%M:%S}  export {each.export}"
    yield f"    {each.by} to {to}: {each.reason}"
    yield f"    entries {each.messages}"
    for id, messages in each.students.items():
        yield f"    student {id}: entries {messages}"
