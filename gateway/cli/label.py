"""`mailgw label`: give messages labels, and take them away; for the record, with who did it and why.

A label is an act in the archive about the message. `label:NAME` finds what has it, and a retention schedule may go by
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from gateway.archive import ArchiveUnavailable
from gateway.catalog import facts, queries
from gateway.cli.hold.choosing import catalog
from gateway.cli.options import (
    FOUND_WRONG,
    WRONG_USAGE,
    ConfigOption,
    JsonOption,
    fail,
    load_config,
    print_json,
)
from gateway.cli.recording import ByOption, await_known, become_owner, record, who
from gateway.holds.decisions import reason_of
from gateway.records.retention.labels import label as label_of
from gateway.records.retention.labels import labelled

Names = Annotated[
    list[str], typer.Argument(metavar="ID...", help="Archive ids, sequence numbers or Message-IDs.")
]


def label(
    names: Names,
    add: Annotated[
        list[str] | None, typer.Option("--add", metavar="NAME", help="A label to give; may be repeated.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="NAME", help="A label to take away.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    by: ByOption = None,
    single: Annotated[
        bool,
        typer.Option("--single", help="Only the transactions named, not the others of the same message."),
    ] = False,
    wait: Annotated[
        float,
        typer.Option(min=0, max=3600, help="Seconds to wait until the catalog knows; it is recorded before."),
    ] = 10.0,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Give messages labels, such as transcript, student-record or transitory, or take them away.

    Where a mail server sent one message in several transactions, all of them are labelled that are here by now.
    """
    settings = load_config(config)
    given, taken = _labels("--add", add), _labels("--remove", remove)
    if not given and not taken:
        raise fail("expected --add NAME or --remove NAME", WRONG_USAGE)
    if both := sorted(given & taken):
        raise fail(f"--add and --remove: {', '.join(both)} stands in both", WRONG_USAGE)
    person = who(by)
    try:
        why = reason_of(reason, needed=False)
    except ValueError as error:
        raise fail(f"--reason: {error}", WRONG_USAGE) from None
    become_owner(settings.storage.archive)
    with catalog(settings) as found:
        with found.connect() as connection:
            wanted = _chosen(connection, names, single=single)
            before = facts.labels(connection, wanted)
        changing = [id for id in wanted if given - before[id] or taken & before[id]]
        done = dict(
            zip(changing, record(settings, changing, labelled(given, taken, person, why)), strict=True)
        )
        seqs = [each.seq for each in done.values() if not isinstance(each, ArchiveUnavailable)]
        known = not seqs or await_known(found, max(seqs), wait)
    lost = False
    for id in wanted:
        outcome = done.get(id)
        failed = isinstance(outcome, ArchiveUnavailable)
        lost = lost or failed
        after = before[id] if failed else (before[id] | given) - taken
        row: dict[str, Any] = {"id": id, "labels": sorted(after), "outcome": _outcome(outcome, known)}
        if failed:
            typer.echo(f"mailgw: {id}: not recorded: {outcome}", err=True)
        if json:
            print_json(row)
        elif not failed:
            typer.echo(f"{id}: {', '.join(sorted(after)) or 'no label'}{_SAID[row['outcome']]}")
    if lost:
        raise typer.Exit(FOUND_WRONG)


_SAID = {
    "labelled": "",
    "unchanged": " (as before)",
    "recorded": " (recorded; the indexer has not taken it up yet)",
}


def _outcome(done: object, known: bool) -> str:
    if done is None:
        return "unchanged"
    if isinstance(done, ArchiveUnavailable):
        return "not-recorded"
    return "labelled" if known else "recorded"


def _labels(option: str, texts: Sequence[str] | None) -> set[str]:
    try:
        return {label_of(text) for text in texts or ()}
    except ValueError as error:
        raise fail(f"{option}: {error}", WRONG_USAGE) from None


def _chosen(connection: Connection, names: Sequence[str], *, single: bool) -> list[str]:
    """The ids of the messages named, and of the other transactions of the same messages; nothing where one is wrong."""
    ids: dict[str, None] = {}
    for name in names:
        message = queries.message(connection, name)
        if message is None:
            raise fail(f"{name}: no such message; `mailgw search` shows the ids")
        ids[message["id"]] = None
        if not single:
            ids |= dict.fromkeys(facts.same_message(connection, message["seq"]))
    return list(ids)
