"""`mailgw matter lift` and `close`: mail is not kept for a matter any more. Nothing is deleted by it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.catalog.shapes import Json
from gateway.catalog.words import clean_json
from gateway.cli.hold.choosing import catalog
from gateway.cli.matter import known, told
from gateway.cli.options import ConfigOption, JsonOption, fail, load_config, print_json
from gateway.cli.recording import ByOption, become_owner, who
from gateway.config import Config
from gateway.message.printable import printable
from gateway.records.matters import Matter, Step, acts


def lift(
    name: known.NameArgument,
    number: Annotated[
        int, typer.Argument(metavar="N", min=1, help="The hold's number; `mailgw matter show` has it.")
    ],
    reason: known.ReasonOption,
    by: ByOption = None,
    wait: known.WaitOption = 10.0,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Lift a hold. What no other hold covers may be disposed of again, in its time.

    Nothing is deleted. Exit 1 where somebody else has lifted it, or closed the matter, before.
    """
    settings, person = load_config(config), who(by)
    why = known.line_of("--reason", reason, needed=True)
    become_owner(settings.storage.archive)
    with catalog(settings) as found:
        matter = known.one(found, name)
        _require_standing(matter, number, settings)
        done = known.act(found, settings, matter.id, acts.lifted(number, person, why), wait)
    text, what = known.TAKEN_UP_LATER, "recorded"
    if done.matter is not None:
        after = done.matter.hold(number)
        if after is None or after.lifted is None or after.lifted.seq != done.seq:
            _quicker(matter, after.lifted if after is not None else None, settings)
        left = len(done.matter.standing)
        others = (
            f"{left} hold{'s' if left != 1 else ''} of the matter still in force"
            if left
            else ("no hold of the matter is in force any more")
        )
        text, what = f"hold {number} is lifted; {others}", "lifted"
    _tell(matter, told.outcome(matter.id, done.seq, what, text, hold=number), json=json)


def close(
    name: known.NameArgument,
    reason: known.ReasonOption,
    by: ByOption = None,
    wait: known.WaitOption = 10.0,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Close a matter: all its holds are lifted, and it is never opened again.

    Nothing is deleted. Exit 1 where somebody else has closed it before.
    """
    settings, person = load_config(config), who(by)
    why = known.line_of("--reason", reason, needed=True)
    become_owner(settings.storage.archive)
    with catalog(settings) as found:
        matter = known.one(found, name)
        if matter.closed is not None:
            when = told.when(matter.closed, settings)
            raise fail(printable(f"{matter.name}: nothing to close: closed already, {when}"))
        done = known.act(found, settings, matter.id, acts.closed(person, why), wait)
    text, what = known.TAKEN_UP_LATER, "recorded"
    if done.matter is not None:
        closed = done.matter.closed
        if closed is None or closed.seq != done.seq:
            _quicker(matter, closed, settings)
        ended = [
            hold for hold in done.matter.holds if hold.lifted is not None and hold.lifted.seq == done.seq
        ]
        count = f"{len(ended)} holds are" if len(ended) != 1 else "1 hold is"
        text, what = f"closed; {count} lifted with it", "closed"
    _tell(matter, told.outcome(matter.id, done.seq, what, text), json=json)


def _require_standing(matter: Matter, number: int, settings: Config) -> None:
    hold = matter.hold(number)
    if hold is None:
        there = ", ".join(str(each.number) for each in matter.holds) or "none yet"
        raise fail(printable(f"{matter.name}: no hold {number}; there is {there}"))
    if hold.lifted is not None:
        when = told.when(hold.lifted, settings)
        raise fail(printable(f"{matter.name}: nothing to lift: hold {number} was lifted already, {when}"))


def _quicker(matter: Matter, before: Step | None, settings: Config) -> None:
    """End the command: somebody else was there first."""
    when = told.when(before, settings) if before is not None else "by another act"
    raise fail(printable(f"{matter.name}: somebody was quicker: ended {when}"))


def _tell(matter: Matter, row: Json, *, json: bool) -> None:
    if json:
        print_json(clean_json(row))
    else:
        typer.echo(printable(f"{matter.name}: {row['text']}"))
