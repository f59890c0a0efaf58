"""`mailgw matter open`: from now on there is a matter, which holds nothing yet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from gateway.catalog.words import clean_json
from gateway.cli.hold.choosing import catalog
from gateway.cli.matter import known, told
from gateway.cli.options import WRONG_USAGE, ConfigOption, JsonOption, fail, load_config, print_json
from gateway.cli.recording import ByOption, become_owner, who
from gateway.config import Config
from gateway.message.printable import printable
from gateway.records.matters import Step, acts, named


def open_matter(
    name: Annotated[str, typer.Argument(metavar="NAME", help='What it is called, such as "Doe v. Harbor".')],
    reason: known.ReasonOption,
    title: Annotated[str, typer.Option(help="What it is about, in a line.")] = "",
    authority: Annotated[
        str, typer.Option(help="Who imposed it, such as: Superintendent, letter of 2026-11-20.")
    ] = "",
    by: ByOption = None,
    wait: known.WaitOption = 10.0,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Open a legal matter. It holds nothing until `mailgw matter hold` says what.

    A name is never used again, also when its matter is closed. Capitals, accents and blanks make no difference in it.
    """
    settings, person = load_config(config), who(by)
    why = known.line_of("--reason", reason, needed=True)
    said = {"title": title, "authority": authority}
    lines = {option: known.line_of(f"--{option}", text, needed=False) for option, text in said.items()}
    try:
        called = acts.matter_name(name)
    except ValueError as error:
        raise fail(printable(f"{name}: {error}"), WRONG_USAGE) from None
    become_owner(settings.storage.archive)
    with catalog(settings) as found:
        for other in named(known.matters(found), called):
            raise fail(printable(_taken(called, other.opened, settings)))
        subject = str(uuid4())
        document = acts.opened(called, lines["title"], lines["authority"], person, why)
        done = known.act(found, settings, subject, document, wait)
        quicker = next(iter(named(known.matters(found), called)), None)
    if done.matter is None and quicker is not None:
        raise fail(printable(_taken(called, quicker.opened, settings)))
    is_open = done.matter is not None
    text = "opened; it holds nothing yet (mailgw matter hold)" if is_open else known.TAKEN_UP_LATER
    if json:
        row = told.outcome(subject, done.seq, "opened" if is_open else "recorded", text, name=called)
        print_json(clean_json(row))
    else:
        typer.echo(printable(f"{called}: {text}"))


def _taken(name: str, opened: Step | None, settings: Config) -> str:
    when = f", opened {told.when(opened, settings)}" if opened is not None else ""
    return f"{name}: there is a matter by this name{when}"
