"""`mailgw dispose propose`: a batch of what the retention schedule lets go and nothing else keeps."""

from __future__ import annotations

import sys
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.console import Console
from rich.progress import Progress

from gateway.cli.dispose.acting import CONFIG, as_service, login, reading, require_reason, write
from gateway.cli.dispose.asking import Asked, asked
from gateway.cli.options import WRONG_USAGE, ConfigOption, JsonOption, fail, load_config, print_json
from gateway.cli.recording import ByOption, who
from gateway.message import events
from gateway.records.disposal.batch import listing_sha256
from gateway.records.disposal.choosing import Chosen, choose
from gateway.records.spans import spans_of

MOST = 1_000_000  # messages of one batch; its listing has to be read by people


def propose(
    reason: Annotated[str, typer.Option(help="Why, for the record and the certificate.")],
    series: Annotated[
        str | None,
        typer.Option(help="Only what this series of the schedule covers; by default everything eligible."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=MOST, help="At most so many messages, the oldest first.")
    ] = MOST,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be in it, and record nothing.")
    ] = False,
    by: ByOption = None,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> None:
    """Propose that mail be destroyed whose retention period is over. Nothing is destroyed by this.

    Mail that a legal matter holds, and mail of the month that is being written, stays out; the batch says so.
    """
    name, why, settings = who(by), require_reason(reason), load_config(config)
    as_service(settings)
    with reading(settings) as reader, asked(settings, reader) as found:
        if series is not None and found.schedule.named(series) is None:
            known = ", ".join(each.name for each in found.schedule)
            raise fail(f"--series {series}: expected one of {known}", WRONG_USAGE)
        candidates = found.candidates(series, limit)
        with Progress(
            console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
        ) as progress:
            bar = progress.add_task("Looking", total=len(candidates))
            chosen = choose(
                reader, candidates, found.guard.held, lambda at: progress.update(bar, completed=at)
            )
        if not chosen.records:
            raise fail(_nothing(chosen))
        facts = _document(found, chosen, series) | {"by": name, "login": login(), "reason": why}
        batch = str(uuid4())
        if not dry_run:
            found.bring_up(write(settings, batch, facts))
    _tell(batch, facts, dry_run=dry_run, json=json)


def _document(found: Asked, chosen: Chosen, series: str | None) -> dict[str, Any]:
    messages = [record.message for record in chosen.records]
    return {
        "event": events.DISPOSAL_PROPOSED,
        "series": series,
        "schedule": found.schedule.version,
        "day": found.today.isoformat(),
        "messages": spans_of(message.seq for message in messages),
        "octets": sum(message.size for message in messages),
        "oldest": min(message.received for message in messages).isoformat(timespec="seconds"),
        "newest": max(message.received for message in messages).isoformat(timespec="seconds"),
        "listing": listing_sha256((message.seq, message.id, message.sha256 or "") for message in messages),
        "spared": [{"why": why, "messages": spans_of(seqs)} for why, seqs in chosen.spared.items()],
    }


def _nothing(chosen: Chosen) -> str:
    kept = "".join(f"\n{len(seqs)} messages stay: {why}" for why, seqs in chosen.spared.items())
    return f"nothing is eligible today; `mailgw retention report` tells what will be and when{kept}"


def _tell(batch: str, facts: dict[str, Any], *, dry_run: bool, json: bool) -> None:
    count = sum(last - first + 1 for first, last in facts["messages"])
    if json:
        row = {
            key: facts[key]
            for key in ("series", "messages", "octets", "oldest", "newest", "listing", "spared")
        }
        print_json({"batch": None if dry_run else batch, "count": count, **row})
        return
    for each in facts["spared"]:
        typer.echo(f"{sum(b - a + 1 for a, b in each['messages'])} messages stay: {each['why']}", err=True)
    if dry_run:
        typer.echo(f"{count} messages would be proposed; nothing was recorded", err=True)
        return
    typer.echo(batch)
    typer.echo(
        f"{count} messages proposed; next: the Supervisor's permission, `mailgw dispose permit`", err=True
    )
