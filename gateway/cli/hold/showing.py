"""`mailgw hold show`: one held message; its content only for the record."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.archive import ArchiveDamaged, ArchiveUnavailable, Entry
from gateway.archive.configured import reader_of
from gateway.catalog import queries
from gateway.catalog.holds import Held
from gateway.catalog.shapes import Json, moment
from gateway.catalog.whole import SUPERSEDED
from gateway.catalog.words import clean_json
from gateway.cli.hold.choosing import ID_HELP, catalog, chosen
from gateway.cli.hold.listing import outlook
from gateway.cli.options import WRONG_USAGE, ConfigOption, JsonOption, fail, load_config, print_json
from gateway.cli.recording import ByOption, become_owner, record, who
from gateway.config import Config
from gateway.holds import decisions
from gateway.holds.content import Content, content
from gateway.holds.oversight import due
from gateway.message.printable import printable

# Of an event's document; the rest is for machines.
_TOLD = ("by", "automatic", "what", "to", "reason", "reply", "next_hop", "seconds")


def show(
    name: Annotated[str, typer.Argument(metavar="ID", help=ID_HELP)],
    with_content: Annotated[
        bool, typer.Option("--content", help="Also what it says. It is recorded that you looked.")
    ] = False,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Only its bytes, for a mail program. It is recorded that you looked."),
    ] = False,
    by: ByOption = None,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Show one held message: sender and recipients, what the rules found and why, and what happened to it.

    What it says is shown with --content only. That somebody looked is in the archive before it is shown, and where
    that cannot be recorded nothing is shown.
    """
    if raw and (with_content or json):
        raise fail(
            "--raw: expected without --content and --json, for it shows nothing but the bytes", WRONG_USAGE
        )
    settings = load_config(config)
    reviewer = who(by)
    if raw or with_content:
        become_owner(settings.storage.archive)
    with catalog(settings) as found, found.connect() as connection:
        held = chosen(connection, settings, name)
        known = queries.message(connection, held.id) or {}
    octets = b""
    try:
        with closing(reader_of(settings)) as reader:
            if raw or with_content:
                octets = reader.raw(held.seq)
                _record_view(settings, held, reviewer, "raw" if raw else "content")
            if raw:
                sys.stdout.buffer.write(octets)
                return
            entry = reader.entry(held.seq)
            events = reader.events(held.id)
    except (ArchiveDamaged, ArchiveUnavailable, KeyError) as error:
        raise fail(f"{held.id}: cannot be read: {error}") from None
    row = _facts(held, known, entry, events, settings)
    text = content(octets) if with_content else None
    if json:
        print_json(clean_json(row | ({"content": text.to_json()} if text else {})))
    else:
        for line in _lines(held, row, settings):
            typer.echo(printable(line))
        for line in _content_lines(text) if text else ():
            typer.echo(printable(line, lines=True))


def _record_view(settings: Config, held: Held, reviewer: str, what: str) -> None:
    """Keep that somebody looks, before anything is shown; ends the command where it cannot be kept."""
    (done,) = record(settings, [held.id], decisions.viewed(reviewer, what))
    if isinstance(done, ArchiveUnavailable):
        raise fail(f"{held.id}: not shown, for it cannot be recorded that you look: {done}")


def _facts(held: Held, known: Json, entry: Entry | None, events: list[Entry], settings: Config) -> Json:
    return {
        "id": held.id,
        "seq": held.seq,
        "state": held.state,
        "received": moment(held.received),
        "until": moment(due(held, settings.hold)),
        "then": settings.hold.then if due(held, settings.hold) else None,
        "decided_at": moment(held.decided_at),
        "decided_by": held.decided_by,
        "reason": held.reason,
        "escalations": held.escalations,
        "reply": held.reply,
        "envelope": entry.document.get("envelope", {}) if entry else {},
        "undelivered": list(held.undelivered),
        "findings": known.get("findings", []),
        "events": [_event(each) for each in events],
    }


def _event(entry: Entry) -> Json:
    document = entry.document
    return {
        "seq": entry.seq,
        "received": moment(entry.received),
        "event": document.get("event"),
        **{name: document[name] for name in _TOLD if name in document},
    }


# --- for people ----------------------------------------------------------------------------------------


def _lines(held: Held, row: Json, settings: Config) -> Iterator[str]:
    envelope: dict[str, Any] = row["envelope"]
    client = envelope.get("client") or {}
    yield f"{held.id}  {outlook(held, settings, datetime.now(UTC))}"
    yield f"  from <{envelope.get('mail_from', '')}>, by {client.get('address', 'an unknown host')}"
    for place, recipient in enumerate(envelope.get("recipients", ())):
        missed = "  (not reached)" if place in held.undelivered else ""
        yield f"  to   <{recipient.get('address', '')}>{missed}"
    if held.reply:
        yield f"  last reply of the next host: {held.reply}"
    yield "What the rules found:"
    for finding in row["findings"]:
        withdrawn = ", withdrawn since" if finding["status"] == SUPERSEDED else ""
        yield f"  {finding['severity']} {finding['rule']} ({finding['confidence']}){withdrawn}"
        yield f"    {finding['explanation']}"
    if not row["findings"]:
        yield "  nothing"
    yield "What happened:"
    for event in row["events"]:
        yield f"  {_event_line(event, settings)}"
    if not row["events"]:
        yield "  nothing yet"


def _event_line(event: Json, settings: Config) -> str:
    when = datetime.fromisoformat(event["received"]).astimezone(settings.district.zone)
    text = f"{when:%Y-%m-%d %H:%M}  {event['event']}"
    if "by" in event:
        text += f" by {event['by']}"
    if "to" in event:
        text += f" to {event['to']} people"
    said = [str(event[name]) for name in ("what", "reason", "reply") if event.get(name)]
    return text + (f": {'; '.join(said)}" if said else "")


def _content_lines(text: Content) -> Iterator[str]:
    yield "What it says:"
    for name, value in text.header:
        yield f"  {name}: {value}"
    yield ""
    for line in text.text.split("\n"):
        yield f"  {line}"  # so that nothing in the message can pass for a line of this page
    for attachment in text.attachments:
        yield f"  attached: {attachment}"
