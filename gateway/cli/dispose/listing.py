"""`mailgw dispose list`, `show` and `certificate`: what was proposed, how far it is, and what it came to."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.archive import Reader
from gateway.catalog import queries
from gateway.catalog.reader import Catalog
from gateway.cli.dispose.acting import CONFIG, BatchArgument, all_batches, batch_named, reading
from gateway.cli.options import ConfigOption, JsonOption, fail, load_config, print_json
from gateway.config import Config
from gateway.message.printable import printable
from gateway.records.disposal.batch import APPROVERS, Batch, State, Step
from gateway.records.disposal.certificate import certify, pdf
from gateway.records.spans import numbers_of, told

_AT_ONCE = 500
_ENDED = (State.DONE, State.WITHDRAWN)
_COLUMNS = ("seq", "id", "received", "from", "subject", "size")


def list_batches(
    everything: Annotated[bool, typer.Option("--all", help="Also those done or withdrawn.")] = False,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> None:
    """List batches, the oldest first, each with what it waits for."""
    settings = load_config(config)
    with reading(settings):
        found = [each for each in all_batches(settings).values() if everything or each.state not in _ENDED]
    for batch in found:
        if json:
            print_json(_facts(batch))
        else:
            series = batch.proposed.document.get("series") or "all series"
            typer.echo(f"{batch.id}  {batch.state}  {batch.count} messages of {printable(str(series))}")
    if not found and not json:
        typer.echo("no batch; `mailgw dispose propose` makes one", err=True)


def show(
    batch: BatchArgument,
    messages: Annotated[
        bool, typer.Option("--messages", help="List every message, as CSV: what is to be approved.")
    ] = False,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> None:
    """Show a batch: who did what, what it waits for, what stays and why; or every message in it."""
    settings = load_config(config)
    with reading(settings) as reader:
        found = batch_named(settings, reader, batch)
        if messages:
            _print_messages(settings, reader, found, json)
        elif json:
            print_json(_facts(found))
        else:
            for line in _lines(settings, found):
                typer.echo(line)


def certificate(
    batch: BatchArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write it into.")],
    config: ConfigOption = CONFIG,
) -> None:
    """Write the certificate of a batch that is done, as JSON and as PDF."""
    settings = load_config(config)
    with reading(settings) as reader:
        found = batch_named(settings, reader, batch)
        made = certify(found, settings.district.name, settings.ledger_origin)
        files = {
            f"disposal-{found.id}.json": made.json,
            f"disposal-{found.id}.pdf": pdf(made, settings.district.zone),
        }
        output.mkdir(parents=True, exist_ok=True)
        for name, octets in files.items():
            if (output / name).exists() and (output / name).read_bytes() != octets:
                raise fail(f"{output / name}: is there, and is another; move it away")
            (output / name).write_bytes(octets)
    for name in files:
        typer.echo(str(output / name))


def _print_messages(settings: Config, reader: Reader, batch: Batch, json: bool) -> None:
    writer = csv.writer(sys.stdout)
    if not json:
        writer.writerow(_COLUMNS)
    for row in _messages(settings, reader, batch):
        if json:
            print_json(row)
        else:
            writer.writerow([row[name] for name in _COLUMNS])


def _messages(settings: Config, reader: Reader, batch: Batch) -> Iterator[dict[str, Any]]:
    """What the catalog knows of each; of one that is gone only what its tombstone tells."""
    numbers = numbers_of(batch.messages)
    with closing(Catalog(settings.storage.catalog)) as catalog:
        while chunk := list(islice(numbers, _AT_ONCE)):
            with catalog.connect() as connection:
                known = queries.hits(connection, chunk)
            for seq in chunk:
                entry = reader.entry(seq)
                row = known.get(seq, {})
                yield {
                    "seq": seq,
                    "id": entry.id if entry else "",
                    "received": entry.received.isoformat(timespec="seconds") if entry else "",
                    "from": printable(str(row.get("from") or "")),
                    "subject": "disposed of"
                    if entry and entry.disposed
                    else printable(str(row.get("subject") or "")),
                    "size": entry.size if entry else 0,
                }


def _lines(settings: Config, batch: Batch) -> Iterator[str]:
    document = batch.proposed.document
    yield f"batch {batch.id}: {batch.state}"
    yield f"  {batch.count} messages, {document.get('octets', 0)} octets, of {document.get('series') or 'all series'}"
    yield f"  received {str(document.get('oldest'))[:10]} to {str(document.get('newest'))[:10]}"
    yield f"  listing SHA-256 {batch.listing}"
    for each in document.get("spared", []):
        yield f"  stays: {printable(each['why'])}: {told(each['messages'])}"
    for step in _steps(batch):
        when = step.at.astimezone(settings.district.zone).strftime("%Y-%m-%d %H:%M")
        reason = step.document.get("reason")
        why = f": {printable(str(reason))}" if reason else ""
        yield f"  {when}  {step.event} by {printable(step.by)}{why} (act {step.seq})"
    if batch.permission is not None:
        yield f"  permission {printable(batch.permission.number)} of {batch.permission.date}"
    yield f"  next: {_next(batch)}"


def _next(batch: Batch) -> str:
    match batch.state:
        case State.PROPOSED:
            return "the Supervisor's permission: `mailgw dispose permit`"
        case State.PERMITTED:
            missing = APPROVERS - len(batch.approvals)
            return f"{missing} more {'person' if missing == 1 else 'people'} must approve: `mailgw dispose approve`"
        case State.APPROVED:
            return "`mailgw dispose execute`"
        case State.BEGUN:
            return "it was broken off: `mailgw dispose execute` goes on"
        case State.DONE:
            return "nothing; `mailgw dispose certificate` writes the certificate"
    return "nothing"


def _steps(batch: Batch) -> list[Step]:
    all_steps = [batch.proposed, *batch.approvals, batch.begun, *batch.disposed, batch.done, batch.withdrawn]
    return sorted((step for step in all_steps if step is not None), key=lambda step: step.seq)


def _facts(batch: Batch) -> dict[str, Any]:
    document = batch.proposed.document
    return {
        "batch": batch.id,
        "state": batch.state,
        "series": document.get("series"),
        "messages": batch.count,
        "octets": document.get("octets"),
        "oldest": document.get("oldest"),
        "newest": document.get("newest"),
        "listing": batch.listing,
        "spared": document.get("spared", []),
        "permission": batch.permission.told() if batch.permission else None,
        "approved_by": list(batch.approvers),
        "steps": [
            {"act": step.seq, "event": step.event, "at": step.at.isoformat(), "by": step.by}
            for step in _steps(batch)
        ],
        "next": _next(batch),
    }
