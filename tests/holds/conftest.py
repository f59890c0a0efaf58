"""Held messages as the catalog has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.catalog.holds import Held

NOON = datetime(2026, 11, 2, 17, 0, tzinfo=UTC)  # of the district

_WAITING: dict[str, Any] = {
    "seq": 7,
    "id": "019a0000-0000-7000-8000-000000000007",
    "received": NOON,
    "state": "held",
    "recipients": 3,
    "escalations": 0,
    "escalated_at": None,
    "decided_at": None,
    "decided_by": None,
    "reason": None,
    "reply": None,
    "undelivered": (),
}


@pytest.fixture
def held() -> Callable[..., Held]:
    """A message held since NOON, some facts given by name."""
    return lambda **facts: Held(**_WAITING | facts)
