"""What is kept of a decision, and when there is nothing to decide."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.holds import OVERDUE, UNFOUNDED, Held
from gateway.holds import decisions
from gateway.holds.decisions import NotOpen, became, name_of, reason_of, require_open

ZONE = ZoneInfo("America/New_York")
THEN = datetime(2026, 11, 2, 19, 5, tzinfo=UTC)


def test_documents() -> None:
    """As docs/archive-format.md has them."""
    assert decisions.released("pat", "fine") == {
        "event": "hold-released", "by": "pat", "reason": "fine", "automatic": False
    }  # fmt: skip
    assert decisions.turned_down("pat", "not for students") == {
        "event": "hold-refused", "by": "pat", "reason": "not for students", "automatic": False
    }  # fmt: skip
    assert decisions.escalated(2) == {"event": "hold-escalated", "to": 2}
    assert decisions.viewed("pat", "content") == {"event": "viewed", "by": "pat", "what": "content"}


@pytest.mark.parametrize("state", ["held", "returned"])
def test_open(held: Callable[..., Held], state: str) -> None:
    require_open(held(state=state), ZONE)


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (
            {"state": "released", "decided_at": THEN, "decided_by": "pat", "reason": ""},
            "released by pat on 2026-11-02 at 14:05",
        ),
        (
            {"state": "refused", "decided_at": THEN, "decided_by": "pat", "reason": "not for students"},
            "refused by pat on 2026-11-02 at 14:05: not for students",
        ),
        (
            {"state": "released", "decided_at": THEN, "decided_by": OVERDUE, "reason": "nobody decided"},
            "released by mailgw (time limit) on 2026-11-02 at 14:05: nobody decided",
        ),
        ({"state": "ended"}, "its sender was told that it was not taken, and has to send it again"),
    ],
)
def test_decided(held: Callable[..., Held], facts: dict[str, object], text: str) -> None:
    with pytest.raises(NotOpen) as error:
        require_open(held(**facts), ZONE)
    assert str(error.value) == text


def test_returned_is_told(held: Callable[..., Held]) -> None:
    one = held(state="returned", decided_at=THEN, decided_by="pat", reason="fine")
    assert became(one, ZONE) == (
        "released, but it could not be delivered (released by pat on 2026-11-02 at 14:05: fine)"
    )


@pytest.mark.parametrize(
    "name", ["", "  ", "\x1b\x00", "x" * 201, OVERDUE, UNFOUNDED, " MAILGW (night shift)"]
)
def test_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        name_of(name)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("pat", "pat"),
        (" Pat  Kim\n", "Pat Kim"),
        ("José", "José"),
        ("a\x1b[2Jb", "a [2Jb"),
        ("a\u202eb", "a b"),
        ("a\udcffb", "a b"),
    ],
)
def test_names(typed: str, kept: str) -> None:
    assert name_of(typed) == kept


def test_a_refusal_needs_words() -> None:
    with pytest.raises(ValueError, match="some words"):
        reason_of(" \n", needed=True)
    assert reason_of(" \n", needed=False) == ""
    with pytest.raises(ValueError, match="at most 2000"):
        reason_of("x" * 2001, needed=False)


@given(st.text(max_size=300))
def test_what_people_type_can_be_kept_and_shown(text: str) -> None:
    kept = reason_of(text, needed=False)
    assert orjson.loads(orjson.dumps(kept)) == kept
    assert reason_of(kept, needed=False) == kept
    assert len(kept.splitlines()) <= 1 and "\x1b" not in kept
