"""What all sessions of a worker share, passed to each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.config import Config, Listener, Role
from gateway.smtp.auth import Users
from gateway.smtp.delivery import Delivery
from gateway.smtp.extensions import Offer, common
from gateway.smtp.limits import Connections, InFlight
from gateway.smtp.nexthop import NextHops
from gateway.smtp.stream import Deadlines
from gateway.smtp.tls import ServerTls
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.series import CounterCell, HistogramCell


@dataclass(slots=True)
class Context:
    """The parts of a worker; `users` is replaced at a reload."""

    config: Config
    metrics: Metrics
    deadlines: Deadlines
    next_hops: NextHops
    delivery: Delivery
    tls: ServerTls
    users: Users
    connections: Connections
    in_flight: InFlight
    command_seconds: HistogramCell
    received_bytes: Mapping[str, CounterCell]
    message_size: Mapping[str, HistogramCell]

    async def offer(self, listener: Listener) -> Offer:
        """What a client of this listener is offered: what we and every next hop of it can do."""
        size = self.config.limits.message_size
        if listener.role == Role.JOURNAL:
            own = {"PIPELINING": "", "8BITMIME": "", "SMTPUTF8": "", "ENHANCEDSTATUSCODES": ""}
            return common([Offer(own)], size)
        domains = self.config.district.domains if listener.role == Role.INBOUND else None
        return common(await self.next_hops.offers(domains), size)
