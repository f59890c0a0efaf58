"""What is written into the archive about a legal matter; docs/archive-format.md has the documents.

The subject of each is the matter's UUID. Texts come as `holds.decisions` leaves them: one line each. Fails with
ValueError, whose text is meant for whoever typed the name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.message import events
from gateway.message.printable import printable

NAME_LIMIT = 200  # characters

NAMES = (events.MATTER_OPENED, events.MATTER_HELD, events.MATTER_LIFTED, events.MATTER_CLOSED)


def matter_name(text: str) -> str:
    """The name of a matter, such that `hold:"…"` can ask for it. Raises ValueError."""
    name = " ".join(text.split())
    if not any(map(str.isalnum, name)) or len(name) > NAME_LIMIT:
        raise ValueError(
            f"expected a name of 1 to {NAME_LIMIT} characters, with at least one letter or digit"
        )
    if "*" in name:
        raise ValueError('expected a name without "*", which in a search stands for the rest of a name')
    if printable(name) != name:
        raise ValueError("expected a name without control characters and other characters that nobody sees")
    return name


def opened(name: str, title: str, authority: str, by: str, reason: str) -> dict[str, Any]:
    """There is a matter; `authority`: who imposed it."""
    return {
        "event": events.MATTER_OPENED,
        "name": name,
        "title": title,
        "authority": authority,
        "by": by,
        "reason": reason,
    }


def placed(
    number: int, query: str | None, ids: Sequence[str], said: Sequence[str], by: str, reason: str
) -> dict[str, Any]:
    """Mail is held: what `query` finds (None: nothing), and some messages; `said`: who was meant, in sentences."""
    return {
        "event": events.MATTER_HELD,
        "hold": number,
        "query": query,
        "ids": list(ids),
        "said": list(said),
        "by": by,
        "reason": reason,
    }


def lifted(number: int, by: str, reason: str) -> dict[str, Any]:
    """A hold holds nothing any more."""
    return {"event": events.MATTER_LIFTED, "hold": number, "by": by, "reason": reason}


def closed(by: str, reason: str) -> dict[str, Any]:
    """The matter is over: all its holds are lifted."""
    return {"event": events.MATTER_CLOSED, "by": by, "reason": reason}
