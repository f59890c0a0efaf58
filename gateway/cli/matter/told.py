"""Matters and holds as lines for a terminal and as objects. Nothing that was typed acts upon a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.catalog.shapes import Json, moment
from gateway.cli.searching.matters import in_words
from gateway.config import Config
from gateway.message.printable import printable
from gateway.records.matters import Hold, Matter, Step
from gateway.records.matters.figures import Figures


def step_of(step: Step | None) -> Json | None:
    """Who, when and why."""
    if step is None:
        return None
    return {"seq": step.seq, "at": moment(step.at), "by": step.by, "reason": step.reason}


def facts(matter: Matter) -> Json:
    """A matter without its holds."""
    return {
        "id": matter.id,
        "name": matter.name,
        "title": matter.title,
        "authority": matter.authority,
        "state": "open" if matter.closed is None else "closed",
        "opened": step_of(matter.opened),
        "closed": step_of(matter.closed),
        "holds": len(matter.holds),
        "standing": len(matter.standing),
    }


def hold_facts(hold: Hold, settings: Config) -> Json:
    """A hold."""
    return {
        "hold": hold.number,
        "query": hold.query,
        "ids": list(hold.ids),
        "explanation": in_words(hold.asked, hold.ids, settings.district.zone),
        "said": list(hold.said),
        "placed": step_of(hold.placed),
        "lifted": step_of(hold.lifted),
        "trouble": hold.trouble,
    }


def figures_facts(found: Figures) -> Json:
    """How much a hold covers."""
    return {
        "messages": found.messages,
        "octets": found.octets,
        "first": moment(found.first),
        "last": moment(found.last),
    }


def when(step: Step, settings: Config) -> str:
    """`on 2026-11-02 at 14:05 by Pat Kim: the reason`."""
    by = f" by {step.by}" if step.by else ""
    why = f": {step.reason}" if step.reason else ""
    return f"on {step.at.astimezone(settings.district.zone):%Y-%m-%d at %H:%M}{by}{why}"


def how_much(found: Figures, settings: Config) -> str:
    """How much a hold covers, in words."""
    if not found.messages:
        return "covers no message now"
    zone = settings.district.zone
    count = "1 message" if found.messages == 1 else f"{found.messages:,} messages"
    days = ""
    if found.first is not None and found.last is not None:
        first, last = f"{found.first.astimezone(zone):%Y-%m-%d}", f"{found.last.astimezone(zone):%Y-%m-%d}"
        days = f", received on {first}" if first == last else f", received from {first} to {last}"
    return f"covers {count} now ({found.octets:,} octets){days}"


def hold_lines(hold: Hold, found: Figures | None, settings: Config) -> Iterator[str]:
    """A hold, for a terminal."""
    yield f"hold {hold.number}, placed {when(hold.placed, settings)}"
    if hold.trouble:
        yield f"    covers EVERYTHING, for it cannot be read: {hold.trouble}"
    yield f"    {in_words(hold.asked, hold.ids, settings.district.zone)}"
    if hold.query is not None:
        yield f"    query: {hold.query}"
    for line in hold.said:
        yield f"    {line}"
    if hold.lifted is not None:
        yield f"    lifted {when(hold.lifted, settings)}"
    elif found is not None:
        yield f"    {how_much(found, settings)}"


def matter_lines(matter: Matter, settings: Config) -> Iterator[str]:
    """A matter without its holds, for a terminal."""
    yield f"{matter.name}" + (f"  {matter.title}" if matter.title else "")
    if matter.authority:
        yield f"    imposed by: {matter.authority}"
    if matter.opened is not None:
        yield f"    opened {when(matter.opened, settings)}"
    else:
        yield "    its opening is not in the archive any more (mailgw verify)"
    if matter.closed is not None:
        yield f"    closed {when(matter.closed, settings)}"
    else:
        count = len(matter.standing)
        yield f"    {count} hold{'s' if count != 1 else ''} in force, of {len(matter.holds)} in all"


def clean(lines: Iterator[str]) -> Iterator[str]:
    """Lines that cannot act upon a terminal."""
    return map(printable, lines)


def outcome(matter_id: str, seq: int, what: str, text: str, **more: Any) -> Json:
    """What came of an act."""
    return {"matter": matter_id, "event_seq": seq, "outcome": what, "text": text, **more}
