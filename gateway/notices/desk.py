"""What all kinds of notices are planned from: one state of the catalog, the settings, today's roster, the clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from gateway.catalog import notified
from gateway.catalog.holds import Held
from gateway.catalog.rows import FindingRow
from gateway.config import Config
from gateway.notices.audience import Audience
from gateway.notices.told import Pairs

LOOK_BACK = timedelta(days=7)  # what is older has been told, or nobody was there to be told

REVIEWERS = "reviewers"  # what findings are told as to those who look after the policy


@dataclass(frozen=True, slots=True)
class Desk:
    """Where notices are planned."""

    connection: Connection
    settings: Config
    now: datetime
    audience: Audience
    open_holds: tuple[Held, ...]

    @property
    def since(self) -> datetime:
        return self.now - LOOK_BACK

    @property
    def settled(self) -> datetime:
        """Findings detected until then are not revised any more by transactions of the same message."""
        return self.now - self.settle_window

    @property
    def settle_window(self) -> timedelta:
        return timedelta(seconds=self.settings.policy.settle_window)

    def untold(self, pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of some subjects that were not told to their audience."""
        wanted = set(pairs)
        return wanted - notified.told(self.connection, (subject for subject, _ in wanted))


def pairs(rows: Iterable[FindingRow], audience: str) -> Pairs:
    """Findings as subjects of a notice."""
    return tuple((finding["id"], audience) for finding in rows)
