"""What the clock does about held messages, case by case, and what it never leaves undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.holds import OVERDUE, UNFOUNDED, Held
from gateway.config import Hold
from gateway.holds.oversight import due, duration, steps

NOON = datetime(2026, 11, 2, 17, 0, tzinfo=UTC)
DAY = 86400.0
SETTLE = 600.0

RELEASE = Hold(limit=DAY, then="release")
ESCALATE = Hold(limit=DAY, then="escalate", escalate_to=("head@harbor.example", "deputy@harbor.example"))
SETTINGS = {"release": RELEASE, "escalate": ESCALATE}


def hours(count: float) -> datetime:
    """So many hours after the message came."""
    return NOON + timedelta(hours=count)


# then | state | escalated at hour | released at hour | a finding asks | now, hour -> what happens
CASES: Sequence[tuple[str, str, float | None, float | None, bool, float, str]] = (
    # Nobody decides.
    ("release", "held", None, None, True, 0, ""),
    ("release", "held", None, None, True, 23.99, ""),
    ("release", "held", None, None, True, 24, OVERDUE),
    ("release", "held", None, None, True, 500, OVERDUE),
    ("escalate", "held", None, None, True, 23.99, ""),
    ("escalate", "held", None, None, True, 24, "escalated"),
    # Again and again, from the last time on.
    ("escalate", "held", 24, None, True, 24.01, ""),
    ("escalate", "held", 24, None, True, 47.99, ""),
    ("escalate", "held", 24, None, True, 48, "escalated"),
    ("escalate", "held", 300, None, True, 323, ""),
    ("escalate", "held", 300, None, True, 324, "escalated"),
    # The setting was changed after an escalation: the limit has long passed.
    ("release", "held", 24, None, True, 30, OVERDUE),
    # The finding was withdrawn: not before the settle window (ten minutes) has passed.
    ("release", "held", None, None, False, 0.1, ""),
    ("release", "held", None, None, False, 0.17, UNFOUNDED),
    ("release", "held", None, None, False, 30, UNFOUNDED),
    ("escalate", "held", None, None, False, 0.17, UNFOUNDED),
    ("escalate", "held", 24, None, False, 24.1, UNFOUNDED),
    # It was released and came back: never released by the clock again; escalated, from the release on.
    ("release", "returned", None, 2, True, 500, ""),
    ("release", "returned", None, 2, False, 500, ""),
    ("escalate", "returned", None, 2, True, 25, ""),
    ("escalate", "returned", None, 2, True, 26, "escalated"),
    ("escalate", "returned", None, 2, False, 26, "escalated"),
    ("escalate", "returned", 30, 2, True, 53, ""),
    ("escalate", "returned", 30, 2, True, 54, "escalated"),
    # Decided: whatever the time, there is nothing left to do.
    ("release", "released", None, 2, True, 500, ""),
    ("release", "refused", None, 2, True, 500, ""),
    ("escalate", "refused", None, 2, False, 500, ""),
    ("escalate", "ended", None, None, False, 500, ""),
)


@pytest.mark.parametrize(("then", "state", "escalated", "released", "asks", "now", "wanted"), CASES)
def test_the_clock(
    held: Callable[..., Held],
    then: str,
    state: str,
    escalated: float | None,
    released: float | None,
    asks: bool,
    now: float,
    wanted: str,
) -> None:
    one = held(
        state=state,
        escalations=int(escalated is not None),
        escalated_at=None if escalated is None else hours(escalated),
        decided_at=None if released is None else hours(released),
    )
    found = steps([one], [] if asks else [one], SETTINGS[then], SETTLE, hours(now))
    documents = [step.document for step in found]
    if not wanted:
        assert documents == []
        return
    (document,) = documents
    if wanted == "escalated":
        assert document == {"event": "hold-escalated", "to": 2}
    else:
        assert (document["event"], document["by"], document["automatic"]) == ("hold-released", wanted, True)
        assert document["reason"]
    assert [step.held for step in found] == [one]


def test_the_reason_is_said_plainly(held: Callable[..., Held]) -> None:
    (step,) = steps([held()], [], RELEASE, SETTLE, hours(24))
    assert step.document["reason"] == "nobody decided within 1 day"
    (step,) = steps([held()], [held()], RELEASE, SETTLE, hours(24))
    assert step.document["reason"].startswith("no finding asks to hold it any longer")


def test_one_finding_that_was_withdrawn_frees_no_other_message(held: Callable[..., Held]) -> None:
    first, second = held(), held(seq=8)
    (step,) = steps([first, second], [second], RELEASE, SETTLE, hours(1))
    assert (step.held, step.document["by"]) == (second, UNFOUNDED)


def test_a_withdrawn_finding_of_a_hold_that_is_not_open_any_more(held: Callable[..., Held]) -> None:
    assert steps([], [held()], RELEASE, SETTLE, hours(30)) == []


@pytest.mark.parametrize("limit", [1e12, 1e300, float("inf")])
def test_a_limit_of_a_thousand_years_is_never(held: Callable[..., Held], limit: float) -> None:
    never = Hold(limit=limit)
    assert due(held(), never) is None
    assert steps([held()], [], never, SETTLE, hours(1)) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (90, "90 seconds"),
        (3600, "1 hour"),
        (5400, "1 hour 30 minutes"),
        (86400, "1 day"),
        (86400 * 2 + 3600 * 5 + 60, "2 days 5 hours"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


# --- whatever happened before ----------------------------------------------------------------------------

_moments = st.floats(0, 1000).map(hours)


@st.composite
def _holds(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "state": draw(st.sampled_from(["held", "returned", "released", "refused", "ended"])),
        "received": draw(_moments),
        "escalated_at": draw(st.none() | _moments),
        "decided_at": draw(st.none() | _moments),
    }


@given(_holds(), st.sampled_from(["release", "escalate"]), st.booleans(), _moments)
def test_nothing_is_forgotten(facts: dict[str, Any], then: str, asks: bool, now: datetime) -> None:
    """No held message is older than the limit without an event now, or, where people are asked, one since."""
    one = _made(facts)
    setting = SETTINGS[then]
    limit = timedelta(seconds=setting.limit)
    found = steps([one], [] if asks else [one], setting, SETTLE, now)
    assert len(found) <= 1
    if one.state == "held" and now - one.received >= limit and not found:
        assert then == "escalate"
        assert one.escalated_at is not None and now - one.escalated_at < limit
    if one.state in ("held", "returned") and then == "escalate" and not found:
        seen_to = [one.received, one.escalated_at, one.decided_at if one.state == "returned" else None]
        assert any(at is not None and now - at < limit for at in seen_to)
    if one.state == "returned":
        assert all(step.document["event"] == "hold-escalated" for step in found)
    if one.state in ("released", "refused", "ended"):
        assert not found


@given(_holds(), st.sampled_from(["release", "escalate"]), st.booleans(), _moments)
def test_what_was_done_is_not_done_again(facts: dict[str, Any], then: str, asks: bool, now: datetime) -> None:
    """With a catalog that has the event, the next look a second later finds nothing to do."""
    one = _made(facts)
    for step in steps([one], [] if asks else [one], SETTINGS[then], SETTLE, now):
        if step.document["event"] == "hold-escalated":
            one = replace(one, escalated_at=now, escalations=one.escalations + 1)
        else:
            one = replace(one, state="released", decided_at=now)
        assert not steps([one], [] if asks else [one], SETTINGS[then], SETTLE, now + timedelta(seconds=1))


def _made(facts: dict[str, Any]) -> Held:
    rest = {"escalations": 0, "decided_by": None, "reason": None, "reply": None, "undelivered": ()}
    return Held(seq=7, id="019a0000-0000-7000-8000-000000000007", recipients=3, **rest, **facts)
