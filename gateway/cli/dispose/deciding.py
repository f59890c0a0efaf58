"""`mailgw dispose permit`, `approve` and `withdraw`: what people decide about a batch before anything is destroyed."""

from __future__ import annotations

import base64
import hashlib
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.dispose.acting import (
    CONFIG,
    BatchArgument,
    as_service,
    batch_named,
    login,
    reading,
    require_reason,
    write,
)
from gateway.cli.options import WRONG_USAGE, ConfigOption, JsonOption, fail, load_config, print_json
from gateway.cli.recording import ByOption, who
from gateway.holds.decisions import reason_of
from gateway.message import events
from gateway.message.printable import printable
from gateway.records.disposal.batch import APPROVERS, Batch, NotAllowed, State, is_among

_LARGEST = 10 * 2**20  # octets of a permission's document
_LONGEST = 100  # characters of its number


def permit(
    batch: BatchArgument,
    number: Annotated[
        str, typer.Option(help="The permission's number, as the Supervisor of Records wrote it.")
    ],
    day: Annotated[str, typer.Option("--date", metavar="YYYY-MM-DD", help="The day on which it was given.")],
    document: Annotated[
        Path, typer.Option(help="The permission itself, such as a PDF; kept in the archive.")
    ],
    by: ByOption = None,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> None:
    """Attach the Supervisor's written permission to a batch."""
    name, settings = who(by), load_config(config)
    octets = _document(document)
    facts = {
        "event": events.DISPOSAL_PERMITTED,
        "by": name,
        "login": login(),
        "number": _number(number),
        "date": _day(day),
        "name": printable(document.name),
        "sha256": hashlib.sha256(octets).hexdigest(),
        "document": base64.b64encode(octets).decode(),
    }
    _decide(settings, batch, State.PROPOSED, facts, json)


def approve(
    batch: BatchArgument,
    by: ByOption = None,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> None:
    """Approve the destruction of exactly what a batch lists. Two different people must.

    `mailgw dispose show BATCH --messages` lists it; approving says that you have seen that list.
    """
    name, settings = who(by), load_config(config)
    with reading(settings) as reader:
        found = batch_named(settings, reader, batch)
        found.require(State.PERMITTED)
        if is_among(name, found.approvers):
            raise NotAllowed(f"{name} has approved before; expected another of {APPROVERS} different people")
    facts = {"event": events.DISPOSAL_APPROVED, "by": name, "login": login(), "listing": found.listing}
    _decide(settings, batch, State.PERMITTED, facts, json)


def withdraw(
    batch: BatchArgument,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    by: ByOption = None,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> None:
    """Give up a batch of which nothing is destroyed yet."""
    name, why, settings = who(by), require_reason(reason), load_config(config)
    facts = {"event": events.DISPOSAL_WITHDRAWN, "by": name, "login": login(), "reason": why}
    _decide(settings, batch, (State.PROPOSED, State.PERMITTED, State.APPROVED), facts, json)


def _decide(
    settings: Any, name: str, states: State | tuple[State, ...], facts: dict[str, Any], json: bool
) -> None:
    """Write an act down and tell what the batch is now."""
    with reading(settings) as reader:
        batch = batch_named(settings, reader, name)
        batch.require(*(states if isinstance(states, tuple) else (states,)))
        as_service(settings)
        seq = write(settings, batch.id, facts)
        after = batch_named(settings, reader, batch.id)
    if not any(step_seq == seq for step_seq in _counted(after)):
        raise fail(f"{batch.id}: somebody else was quicker, and this changed nothing: it is {after.state}")
    if json:
        print_json(
            {"batch": after.id, "state": after.state, "approved_by": list(after.approvers), "act": seq}
        )
    else:
        typer.echo(f"{after.id}: {_said(after)}", err=True)


def _counted(batch: Batch) -> list[int]:
    """The numbers of the acts that counted, but for permissions, which name none."""
    permitted = [] if batch.permission is None else [batch.permission.act]
    withdrawn = [] if batch.withdrawn is None else [batch.withdrawn.seq]
    return [*permitted, *withdrawn, *(step.seq for step in batch.approvals)]


def _said(batch: Batch) -> str:
    match batch.state:
        case State.PERMITTED if batch.approvers:
            return f"approved by {', '.join(batch.approvers)}; one more person must approve it"
        case State.PERMITTED:
            return f"permitted; {APPROVERS} different people must approve it: `mailgw dispose approve`"
        case State.APPROVED:
            return f"approved by {' and '.join(batch.approvers)}; `mailgw dispose execute` destroys it"
    return batch.state


def _document(path: Path) -> bytes:
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise fail(f"--document {path}: cannot be read: {error.strerror}", WRONG_USAGE) from None
    if not octets or len(octets) > _LARGEST:
        raise fail(f"--document {path}: expected 1 to {_LARGEST} octets, got {len(octets)}", WRONG_USAGE)
    return octets


def _number(text: str) -> str:
    number = reason_of(text, needed=False)
    if not number or len(number) > _LONGEST:
        raise fail(f"--number: expected 1 to {_LONGEST} characters", WRONG_USAGE)
    return number


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise fail(f"--date {text}: expected a day as YYYY-MM-DD", WRONG_USAGE) from None
