"""What is decided about a held message, as the archive keeps it; and whether there is anything to decide.

Promises: texts that people typed are kept as one line that can be stored and shown anywhere; nobody decides in the
name of the gateway itself.

Fails with `NotOpen` and `ValueError`, whose texts are meant for the reviewer.
"""

from __future__ import annotations

import unicodedata
from datetime import tzinfo
from typing import Any

from gateway.catalog.holds import ENDED, OPEN, OVERDUE, REFUSED, RETURNED, UNFOUNDED, Held
from gateway.message import events

NAME_LIMIT = 200  # characters
REASON_LIMIT = 2000

# How a reviewer is told what a hold has come to.
STATES = {
    "held": "waiting",
    "released": "released",
    RETURNED: "released, but it could not be delivered",
    REFUSED: "refused",
    ENDED: "ended",
}


class NotOpen(Exception):
    """Nothing is left to decide about a message; the text says why."""


def released(by: str, reason: str, *, automatic: bool = False) -> dict[str, Any]:
    """The message goes on to its recipients."""
    return {"event": events.RELEASED, "by": by, "reason": reason, "automatic": automatic}


def turned_down(by: str, reason: str) -> dict[str, Any]:
    """The message is not delivered, ever; its sender is not told."""
    return {"event": events.TURNED_DOWN, "by": by, "reason": reason, "automatic": False}


def escalated(to: int) -> dict[str, Any]:
    """So many people are asked who stand above the reviewers."""
    return {"event": events.ESCALATED, "to": to}


def viewed(by: str, what: str) -> dict[str, Any]:
    """Somebody reads it; what: `content` or `raw`."""
    return {"event": events.VIEWED, "by": by, "what": what}


def require_open(held: Held, zone: tzinfo) -> None:
    """Raise NotOpen, with who decided and when, unless the message waits for a decision."""
    if held.state not in OPEN:
        raise NotOpen(became(held, zone))


def became(held: Held, zone: tzinfo) -> str:
    """What has become of a held message, in words: "refused by Pat on 2026-11-02 at 14:05: not for students"."""
    if held.state == ENDED:
        return "its sender was told that it was not taken, and has to send it again"
    said = STATES.get(held.state, held.state)
    if held.decided_at is None:
        return said
    when = held.decided_at.astimezone(zone)
    reason = f": {held.reason}" if held.reason else ""
    whose = f" by {held.decided_by}" if held.decided_by else ""
    if held.state == RETURNED:  # the person who released it is no longer the point
        return f"{said} (released{whose} on {when:%Y-%m-%d at %H:%M}{reason})"
    return f"{said}{whose} on {when:%Y-%m-%d at %H:%M}{reason}"


# --- what people type ----------------------------------------------------------------------------------


def name_of(text: str) -> str:
    """Who decides, as it is kept. Raises ValueError."""
    name = _line(text)
    if not name or len(name) > NAME_LIMIT:
        raise ValueError(f"expected a name of 1 to {NAME_LIMIT} characters")
    if name.casefold().startswith("mailgw ("):
        raise ValueError(
            f'expected the name of a person; "{OVERDUE}" and "{UNFOUNDED}" are the gateway itself'
        )
    return name


def reason_of(text: str, *, needed: bool) -> str:
    """Why, as it is kept; `needed`: it must not be empty. Raises ValueError."""
    reason = _line(text)
    if needed and not reason:
        raise ValueError("expected a reason in some words")
    if len(reason) > REASON_LIMIT:
        raise ValueError(f"expected a reason of at most {REASON_LIMIT} characters, got {len(reason)}")
    return reason


def _line(text: str) -> str:
    """One line of text: white space, and characters that a terminal would obey, become single blanks."""
    safe = (" " if unicodedata.category(each) in _UNSAFE else each for each in text)
    return " ".join("".join(safe).split())


# Control characters, formatting ones such as those that turn the direction of writing, surrogates, separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
