"""What bounds a worker: connections, and message octets held in memory."""

from __future__ import annotations

from collections import Counter

from gateway.config import Limits
from gateway.smtp.reply import IN_FLIGHT_FULL, Refusal
from gateway.telemetry.metrics import Metrics


class Connections:
    """Counts open connections, in all and by client address."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_address: Counter[str] = Counter()
        self._open = 0

    def enter(self, address: str) -> str:
        """Take a connection in; the metrics label of the result. Only "accepted" has to `leave`."""
        if self._open >= self._limits.connections:
            return "refused_limit"
        if self._by_address[address] >= self._limits.connections_per_address:
            return "refused_address_limit"
        self._open += 1
        self._by_address[address] += 1
        return "accepted"

    def leave(self, address: str) -> None:
        self._open -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


class InFlight:
    """Message octets that all sessions of this worker hold together."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limit = limits.in_flight
        self._held = 0
        self._gauge = metrics.in_flight_bytes.labels()

    def check(self, octets: int) -> None:
        """Raises Refusal where so many more octets would not fit now."""
        if self._held + octets > self._limit:
            raise Refusal(IN_FLIGHT_FULL)

    def resize(self, before: int, after: int) -> bool:
        """Change a session's share; False, and nothing changes, where it does not fit."""
        if after > before and self._held + after - before > self._limit:
            return False
        self._held += after - before
        self._gauge.set(self._held)
        return True
