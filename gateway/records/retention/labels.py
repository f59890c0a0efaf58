"""Labels: names that people give to messages, for a schedule to go by.

Giving and taking them are acts in the archive about the message, with who did it and why; the labels it has are what
is left when its acts are followed (`catalog.facts.labels_of`). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.message.events import LABELLED
from gateway.search.query.keywords import LABEL, LABEL_WANTED


def label(text: str) -> str:
    """A label as it is kept. Raises ValueError, which says what was expected."""
    name = text.strip().lower()
    if not LABEL.fullmatch(name):
        raise ValueError(f"expected {LABEL_WANTED}; got {text!r}")
    return name


def labelled(add: Iterable[str], remove: Iterable[str], by: str, reason: str) -> dict[str, Any]:
    """The act by which a message gets labels and loses others."""
    return {"event": LABELLED, "add": sorted(add), "remove": sorted(remove), "by": by, "reason": reason}
