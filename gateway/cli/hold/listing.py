"""`mailgw hold list`: what waits for a decision, the oldest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from gateway.catalog import holds, notified, queries
from gateway.catalog.holds import OPEN, RETURNED, Held
from gateway.catalog.shapes import moment
from gateway.catalog.words import clean_json
from gateway.cli.hold.choosing import behind_by, catalog, lag
from gateway.cli.options import ConfigOption, JsonOption, load_config, print_json
from gateway.config import Config
from gateway.holds.decisions import became
from gateway.holds.oversight import due, duration
from gateway.message.printable import printable


@dataclass(frozen=True, slots=True)
class Shown:
    """A held message with what the rules found."""

    held: Held
    author: str
    rules: tuple[str, ...]


def list_holds(
    everything: Annotated[bool, typer.Option("--all", help="Also those decided: who, when and why.")] = False,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """List the messages that wait for a decision, the oldest first.

    Each with how long it has waited, what happens by itself and when, who wrote it, and which rules hold it.
    """
    settings = load_config(config)
    now = datetime.now(UTC)
    with catalog(settings) as found, found.connect() as connection:
        chosen = holds.all_holds(connection) if everything else holds.open_holds(connection)
        shown = [_shown(connection, one) for one in chosen]
        behind = lag(connection, settings)
    copies = Counter(one.held.content_id for one in shown if one.held.state in OPEN)
    for one in shown:
        if json:
            print_json(facts(one, settings, now))
        else:
            for line in _lines(one, copies[one.held.content_id], settings, now):
                typer.echo(printable(line))
    _print_sum(shown, now, behind)


def _shown(connection: Connection, held: Held) -> Shown:
    found = notified.of_message(connection, held.seq)
    author = next(
        (f"{row['author'].get('name') or ''} <{row['author'].get('address')}>" for row in found), None
    )
    if author is None:  # every finding was withdrawn
        message = queries.message(connection, held.id) or {}
        author = str(message.get("from") or message.get("mail_from") or "<>")
    return Shown(held, author.strip(), tuple(dict.fromkeys(row["rule"] for row in found)))


def facts(one: Shown, settings: Config, now: datetime) -> dict[str, Any]:
    """A held message as a JSON object."""
    held = one.held
    waits = held.state in OPEN
    row = {
        "id": held.id,
        "seq": held.seq,
        "content_id": held.content_id,
        "state": held.state,
        "received": moment(held.received),
        "age_seconds": int((now - held.received).total_seconds()) if waits else None,
        "until": moment(due(held, settings.hold)),
        "then": settings.hold.then if due(held, settings.hold) else None,
        "author": one.author,
        "rules": list(one.rules),
        "recipients": held.recipients,
        "undelivered": len(held.undelivered),
        "escalations": held.escalations,
        "escalated_at": moment(held.escalated_at),
        "decided_at": moment(held.decided_at),
        "decided_by": held.decided_by,
        "reason": held.reason,
        "reply": held.reply,
    }
    cleaned: dict[str, Any] = clean_json(row)
    return cleaned


def outlook(held: Held, settings: Config, now: datetime) -> str:
    """How a held message stands: what it waits for and until when, or what became of it."""
    zone = settings.district.zone
    if held.state not in OPEN:
        return became(held, zone)
    at = due(held, settings.hold)
    if at is None:
        ahead = "until somebody decides"
    else:
        what = "released" if settings.hold.then == "release" else "escalated"
        ahead = f"until {at.astimezone(zone):%Y-%m-%d %H:%M}, then {what}"
        ahead += " at once" if at <= now else ""
    age = duration(max(0.0, (now - held.received).total_seconds()))
    text = f"waits since {held.received.astimezone(zone):%Y-%m-%d %H:%M} ({age}), {ahead}"
    if held.escalations:
        text += f"; escalated {held.escalations} times" if held.escalations > 1 else "; escalated once"
    if held.state == RETURNED:
        text += f"; {became(held, zone)}"
    return text


def _lines(one: Shown, copies: int, settings: Config, now: datetime) -> list[str]:
    """`copies`: how many transactions of the same message wait."""
    held = one.held
    to = f"{held.recipients} recipients" if held.recipients != 1 else "1 recipient"
    if held.state == RETURNED:
        to += f", {len(held.undelivered)} not reached"
    rules = ", ".join(one.rules) or "no finding holds any longer"
    lines = [f"{held.id}  {outlook(held, settings, now)}", f"    {one.author} to {to}  [{rules}]"]
    if held.state in OPEN and held.content_id is not None and copies > 1:
        lines.append(f"    one of {copies} transactions of the same message, which are decided together")
    if held.state == RETURNED and held.reply:
        lines.append(f"    last reply: {held.reply}")
    return lines


def _print_sum(shown: Sequence[Shown], now: datetime, behind: int) -> None:
    waiting = [one.held for one in shown if one.held.state in OPEN]
    text = f"{len(waiting)} waiting"
    if waiting:
        oldest = max((now - held.received).total_seconds() for held in waiting)
        text += f", the oldest for {duration(max(0.0, oldest))}"
    if len(shown) > len(waiting):
        text += f"; {len(shown) - len(waiting)} decided"
    if behind:
        text += f"; {behind_by(behind)}"
    typer.echo(text, err=True)
