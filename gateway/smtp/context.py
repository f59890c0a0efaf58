"""What all sessions of a worker share, passed to each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.config import Config, Listener, Role, in_domain
from gateway.smtp.auth import Users
from gateway.smtp.delivery import Delivery
from gateway.smtp.extensions import NOTHING, Offer, common
from gateway.smtp.limits import Connections, InFlight
from gateway.smtp.nexthop import NextHops
from gateway.smtp.stream import Streams
from gateway.smtp.tls import ServerTls
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.series import CounterCell, HistogramCell


@dataclass(slots=True)
class Context:
    """The parts of a worker; `users` is replaced at a reload."""

    config: Config
    metrics: Metrics
    streams: Streams
    next_hops: NextHops
    delivery: Delivery
    tls: ServerTls
    users: Users
    logged_address: Callable[[str], str]  # an address as the log may hold it
    connections: Connections
    in_flight: InFlight
    sign_ins: asyncio.Semaphore  # checks of a password at once: slow ones, in threads that mail needs too
    command_seconds: HistogramCell
    received_bytes: Mapping[str, CounterCell]
    message_size: Mapping[str, HistogramCell]
    offered: dict[str, tuple[list[Offer], Offer]] = field(default_factory=dict)  # last time, by listener

    def reload_users(self) -> None:
        """Read again who may sign in. Raises ConfigError, and the old users stay."""
        self.users = Users.of(self.config)

    async def offer(self, listener: Listener) -> Offer:
        """What a client of this listener is offered: what we and every next hop of it can do."""
        size = self.config.limits.message_size
        if listener.role == Role.JOURNAL:
            own = {"PIPELINING": "", "8BITMIME": "", "SMTPUTF8": "", "ENHANCEDSTATUSCODES": ""}
            offers = [Offer(own)]
        else:
            domains = _own_domains(self.config) if listener.role == Role.INBOUND else None
            offers = await self.next_hops.offers(domains)
        known, offer = self.offered.get(listener.name, (None, NOTHING))
        if offers != known:
            offer = common(offers, size)
            self.offered[listener.name] = offers, offer
        return offer


def _own_domains(config: Config) -> tuple[str, ...]:
    """The district's domains, and those below them that have a route of their own."""
    own = config.district.domains
    routed = (name for route in config.route for name in route.domains)
    return (*own, *(name for name in routed if any(in_domain(name, parent) for parent in own)))
