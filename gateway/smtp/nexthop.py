"""Next hops: which hosts serve a route, and a pool of open sessions with them.

A session goes back to the pool only between transactions and only when nothing unexpected is in its
buffer. Hosts are tried in order; the pool is bounded, busy sessions included.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress

from gateway.config import Config, Route, TlsMode, route_for
from gateway.message.envelope import Client
from gateway.smtp.extensions import PRESUMED, Offer
from gateway.smtp.mx import MxResolver
from gateway.smtp.reply import NEXT_HOP_BUSY, NEXT_HOP_GONE, NO_DOMAIN, Refusal
from gateway.smtp.stream import Streams
from gateway.smtp.tls import client_context
from gateway.smtp.upstream import NextHopFailure, Target, Upstream, connect
from gateway.telemetry.metrics import Metrics

OFFER_WAIT = 2.0  # seconds that a client's EHLO waits for a next hop that was not heard of yet
MAX_ADDRESSES = 4  # of one exchanger: enough for both families, bounds what a hostile zone costs
MAX_DOMAINS = 1000  # pools of MX domains remembered by a worker, and next hops of other domains


class NextHop:
    """The hosts behind a route (and, by MX, one domain), with their open sessions."""

    def __init__(
        self,
        route: Route,
        config: Config,
        streams: Streams,
        metrics: Metrics,
        mx: MxResolver,
        context: ssl.SSLContext | None,
        domain: str = "",
    ) -> None:
        self.route = route
        self.name = route.name
        self.domain = domain  # only for next_hop = "mx"
        self._config = config
        self._streams = streams
        self._metrics = metrics
        self._mx = mx
        self._context = context
        self._idle: list[Upstream] = []
        self._open = 0
        self._offer: Offer | None = None
        self._probe: asyncio.Task[None] | None = None
        self._idle_gauge = metrics.upstream_connections.labels(self.name, "idle")
        self._busy_gauge = metrics.upstream_connections.labels(self.name, "busy")
        self._reused = metrics.upstream_reused.labels(self.name)
        self._opened = metrics.upstream_opened.labels(self.name)
        self._connect_seconds = metrics.phase_seconds.labels("connect")

    def unused(self) -> bool:
        """Whether nothing is open here."""
        self._forget_ended()
        return self._open == 0 and not self._idle

    def _forget_ended(self) -> None:
        living = [session for session in self._idle if not session.lost]
        self._idle_gauge.dec(len(self._idle) - len(living))
        self._idle = living

    # --- the pool ---

    async def acquire(self, client: Client | None, *, fresh: bool = False) -> Upstream:
        """A session for one transaction of `client`, reused where possible. Raises Refusal."""
        if self._open >= self._config.limits.upstream_connections:
            raise NextHopFailure("refused", NEXT_HOP_BUSY)
        self._open += 1
        self._busy_gauge.inc()
        try:
            return (None if fresh else await self._reuse(client)) or await self._new(client)
        except BaseException:
            self._open -= 1
            self._busy_gauge.dec()
            raise

    async def _reuse(self, client: Client | None) -> Upstream | None:
        """An idle session that now names `client`; None where there is none."""
        while (session := self._take_idle(client)) is not None:
            try:
                await self._introduce(session, client)
            except BaseException as failure:
                session.abort()
                if not isinstance(failure, NextHopFailure) or failure.reason == "timeout":
                    raise  # a silent host: the other sessions would be silent as well
                # else stale, or it keeps to the client it was told of before
            else:
                self._reused.inc()
                return session
        return None

    async def _new(self, client: Client | None) -> Upstream:
        session = await self._open_session()
        try:
            await self._introduce(session, client)
        except BaseException:
            session.abort()
            raise
        return session

    async def _introduce(self, session: Upstream, client: Client | None) -> None:
        if client is not None and self.route.xclient:
            await session.introduce(client, self._config.hostname, self._config.timeouts.reply)

    def release(self, session: Upstream) -> None:
        """Give a session back between two transactions."""
        self._open -= 1
        self._busy_gauge.dec()
        self._forget_ended()
        room = len(self._idle) < self._config.limits.upstream_idle
        until = self._streams.loop.time() + self._config.timeouts.upstream_idle
        if not session.park(until):
            session.abort()
        elif room:
            session.reused = True
            self._idle.append(session)
            self._idle_gauge.inc()
        else:
            session.write(b"QUIT\r\n")
            session.close()

    def discard(self, session: Upstream) -> None:
        """End a session that must not be used again, without sending what is not sent yet."""
        self._open -= 1
        self._busy_gauge.dec()
        session.abort()

    def _take_idle(self, client: Client | None) -> Upstream | None:
        """An idle session, one that already names this client where there is any."""
        choice = len(self._idle) - 1
        if client is not None and self.route.xclient:
            choice = next((i for i, s in enumerate(self._idle) if s.identity == client), choice)
        while self._idle:
            session = self._idle.pop(choice)
            self._idle_gauge.dec()
            choice = len(self._idle) - 1
            if session.unpark():
                return session
        return None

    def close(self) -> None:
        """Say goodbye on every idle session."""
        while (session := self._take_idle(None)) is not None:
            session.write(b"QUIT\r\n")
            session.close()

    # --- connecting ---

    async def _open_session(self) -> Upstream:
        started = time.perf_counter()
        try:
            # However many hosts and addresses there are, the client waits no longer than for anything else.
            async with asyncio.timeout(self._config.timeouts.commit):
                session = await self._connect()
        except TimeoutError:
            raise NextHopFailure("timeout", NEXT_HOP_GONE) from None
        self._offer = session.offer
        self._opened.inc()
        self._connect_seconds.observe(time.perf_counter() - started)
        return session

    async def _connect(self) -> Upstream:
        """A session with the first host that takes one. Raises Refusal."""
        failure: Refusal | None = None
        async for target in self._targets():
            try:
                return await connect(
                    target,
                    self._streams,
                    hostname=self._config.hostname,
                    context=self._context,
                    tls_required=self.route.tls == TlsMode.REQUIRED,
                    timeout=self._config.timeouts.connect,
                )
            except NextHopFailure as error:
                failure = error
                self._metrics.upstream_failures.labels(self.name, error.reason).inc()
        if failure is None:
            # A domain that exists, but neither it nor an exchanger of it has an address.
            self._metrics.upstream_failures.labels(self.name, "dns").inc()
            failure = Refusal(NO_DOMAIN) if self.domain else NextHopFailure("dns", NEXT_HOP_GONE)
        raise failure

    async def _targets(self) -> AsyncIterator[Target]:
        """Hosts to try, in order."""
        if self.route.next_hop != "mx":
            for hop in self.route.next_hop:
                yield Target(hop.host, hop.port, hop.host)
            return
        found, failure = False, None
        for host in await self._look_up(self._mx.exchangers(self.domain)):
            try:
                addresses = await self._look_up(self._mx.addresses(host))
            except Refusal as refusal:
                failure = refusal  # the next exchanger may be known all the same
                continue
            for address in addresses[:MAX_ADDRESSES]:
                found = True
                yield Target(address, self.route.port, host)
        if failure is not None and not found:
            raise failure

    async def _look_up(self, answer: Awaitable[list[str]]) -> list[str]:
        try:
            return await answer
        except Refusal:
            self._metrics.upstream_failures.labels(self.name, "dns").inc()
            raise

    # --- what it offers ---

    async def offer(self) -> Offer:
        """What the next hop offers, asked once; what is usual while it does not answer, and mail waits anyway."""
        if self.route.next_hop == "mx":
            return PRESUMED
        if self._offer is None:
            self.ask()
        if self._offer is None and self._probe is not None:
            await asyncio.wait((self._probe,), timeout=OFFER_WAIT)
        return self._offer or PRESUMED

    def ask(self) -> None:
        """Connect to learn the offer, unless that is under way."""
        if self._probe is None or self._probe.done():
            self._probe = self._streams.loop.create_task(self._ask())

    async def _ask(self) -> None:
        with suppress(Refusal):
            self.release(await self.acquire(None))


class NextHops:
    """All next hops of a worker, by recipient domain."""

    def __init__(self, config: Config, streams: Streams, metrics: Metrics, shuffle: random.Random) -> None:
        self._config = config
        self._streams = streams
        self._metrics = metrics
        self._mx = MxResolver(config.dns, config.hostname, shuffle)
        self._contexts = {route.name: client_context(route) for route in config.route}
        self._fixed = {route.name: self._next_hop(route) for route in config.route if route.next_hop != "mx"}
        self._by_mx: dict[str, NextHop] = {}
        self._known: dict[str, NextHop] = {}  # by domain, what `_fixed` answered before

    def _next_hop(self, route: Route, domain: str = "") -> NextHop:
        context = self._contexts[route.name]
        return NextHop(route, self._config, self._streams, self._metrics, self._mx, context, domain)

    def for_domain(self, domain: str) -> NextHop | None:
        """The next hop for a recipient's domain (lower case, A-labels); None where no route leads there."""
        if (known := self._known.get(domain)) is not None:
            return known
        route = route_for(self._config, domain)
        if route is None:
            return None
        if route.next_hop != "mx":
            if len(self._known) < MAX_DOMAINS:
                self._known[domain] = self._fixed[route.name]
            return self._fixed[route.name]
        hop = self._by_mx.get(domain)
        if hop is None:
            if len(self._by_mx) >= MAX_DOMAINS:
                self._by_mx = {name: hop for name, hop in self._by_mx.items() if not hop.unused()}
            hop = self._by_mx[domain] = self._next_hop(route, domain)
        return hop

    async def offers(self, domains: tuple[str, ...] | None) -> list[Offer]:
        """What the next hops for these domains offer; of every route where `domains` is None."""
        if domains is not None:
            found = {hop.name: hop for domain in domains if (hop := self.for_domain(domain))}
            return [await hop.offer() for hop in found.values()]
        fixed = [await hop.offer() for hop in self._fixed.values()]
        return fixed + [PRESUMED for route in self._config.route if route.next_hop == "mx"]

    def ask_all(self) -> None:
        """Find out what every fixed next hop offers, before the first client asks; returns at once."""
        for hop in self._fixed.values():
            hop.ask()

    def close(self) -> None:
        for hop in (*self._fixed.values(), *self._by_mx.values()):
            hop.close()
