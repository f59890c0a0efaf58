"""What becomes of held messages about which nobody decides, so that nobody's mail is forgotten.

    hold.then   a held message, `hold.limit` after it came    one that came back undelivered
    release     is released                                   is left to the reviewers, who are told
    escalate    is escalated, again after each `limit`        is escalated too, from its release on

And a message for which no finding asks any more, once all its transactions are known, is released.

Promises: whatever was held for longer than the limit gets an event; a message that came back is never released by the
clock, for it would only come back again. Pure: ask it as often as you like, but with a catalog that has the events
that it gave before, or they are given twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.catalog.holds import HELD, OPEN, OVERDUE, UNFOUNDED, Held
from gateway.config import Hold
from gateway.holds import decisions

WITHDRAWN = "no finding asks to hold it any longer, now that the message is known as a whole"


@dataclass(frozen=True, slots=True)
class Step:
    """An event that the clock makes."""

    held: Held
    document: dict[str, Any]


def steps(
    open_holds: Iterable[Held],
    unfounded: Iterable[Held],
    hold: Hold,
    settle_window: float,
    now: datetime,
) -> list[Step]:
    """The events to be written now, at most one of each hold, the oldest first.

    `unfounded`: those for which no finding asks any more. `settle_window`: seconds for which transactions of one
    message may still come (`policy.settle_window`).
    """
    settled = timedelta(seconds=settle_window)
    withdrawn = {one.seq for one in unfounded if one.state == HELD and now >= one.received + settled}
    found = (_step(one, one.seq in withdrawn, hold, now) for one in open_holds)
    return [each for each in found if each is not None]


def due(held: Held, hold: Hold) -> datetime | None:
    """When the clock will do something about a hold; None: never, a person must."""
    if held.state not in OPEN or (hold.then == "release" and held.state != HELD):
        return None
    try:
        return _since(held, hold) + timedelta(seconds=hold.limit)
    except OverflowError:  # a limit of a thousand years means that a person shall decide
        return None


def _step(held: Held, withdrawn: bool, hold: Hold, now: datetime) -> Step | None:
    if withdrawn and held.state == HELD:
        return Step(held, decisions.released(UNFOUNDED, WITHDRAWN, automatic=True))
    at = due(held, hold)
    if at is None or now < at:
        return None
    if hold.then == "escalate":
        return Step(held, decisions.escalated(len(hold.escalate_to)))
    reason = f"nobody decided within {duration(hold.limit)}"
    return Step(held, decisions.released(OVERDUE, reason, automatic=True))


def _since(held: Held, hold: Hold) -> datetime:
    """From when the limit counts."""
    moments = [held.received]
    if hold.then == "escalate" and held.escalated_at is not None:
        moments.append(held.escalated_at)
    if held.state != HELD and held.decided_at is not None:
        moments.append(held.decided_at)  # it came back after this: until then somebody had seen to it
    return max(moments)


def duration(seconds: float) -> str:
    """A length of time in words: "24 hours", "1 day 6 hours", "90 seconds"."""
    left = round(seconds)
    if left < 120:
        return f"{left} seconds" if left != 1 else "1 second"
    parts = []
    for name, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {name}" + ("s" if count != 1 else ""))
    return " ".join(parts[:2])
