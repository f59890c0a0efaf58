"""Mail exchangers of a domain (RFC 5321 §5.1, RFC 7505), through dnspython's asyncio resolver.

`exchangers` gives hosts in the order to try: by preference, at random among equals. A null MX, a domain
that does not exist, and one whose MX points back here are permanent refusals; a DNS failure is temporary.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from gateway.config import Dns
from gateway.smtp.reply import DNS_FAILED, MX_LOOP, NO_DOMAIN, NULL_MX, Refusal

# What cannot be a domain's name at all.
_NO_NAME = (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, dns.name.BadEscape)

MAX_HOSTS = 10  # enough for any sane domain; bounds the work that a hostile zone can cause


class MxResolver:
    """Looks up hosts for a domain; answers are cached for their time to live."""

    def __init__(self, settings: Dns, hostname: str, shuffle: random.Random) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=not settings.servers)
        if settings.servers:
            self._resolver.nameservers = [server.host for server in settings.servers]
            self._resolver.nameserver_ports = {server.host: server.port for server in settings.servers}
        self._resolver.lifetime = settings.timeout
        self._resolver.cache = dns.resolver.LRUCache(10_000)
        self._hostname = dns.name.from_text(hostname)
        self._random = shuffle

    async def exchangers(self, domain: str) -> list[str]:
        """Host names to try in order; the domain itself where it has no MX. Raises Refusal."""
        try:
            answer = await self._resolver.resolve(domain, "MX", search=False)
        except (dns.resolver.NXDOMAIN, *_NO_NAME):
            raise Refusal(NO_DOMAIN) from None
        except dns.resolver.NoAnswer:
            return [domain]  # the implicit MX, RFC 5321 §5.1
        except (dns.exception.DNSException, OSError) as error:
            raise Refusal(DNS_FAILED) from error
        records = [(item.preference, item.exchange) for item in answer]
        if any(exchange == dns.name.root for _, exchange in records):
            raise Refusal(NULL_MX)
        return self._in_order(records)

    def _in_order(self, records: Sequence[tuple[int, dns.name.Name]]) -> list[str]:
        # A loop is avoided by leaving out this host and every exchanger that is not preferred to it.
        own = min((preference for preference, name in records if name == self._hostname), default=None)
        usable = [(p, self._random.random(), name) for p, name in records if own is None or p < own]
        if not usable:
            raise Refusal(MX_LOOP)
        return [name.to_text(omit_final_dot=True) for _, _, name in sorted(usable)[:MAX_HOSTS]]

    async def addresses(self, host: str) -> list[str]:
        """IPv6 and IPv4 addresses of a host. Raises Refusal where DNS fails; empty where there are none."""
        found: list[str] = []
        failed: Exception | None = None
        for kind in (dns.rdatatype.AAAA, dns.rdatatype.A):
            try:
                found += [item.address for item in await self._resolver.resolve(host, kind, search=False)]
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, *_NO_NAME):
                continue
            except (dns.exception.DNSException, OSError) as error:
                failed = error
        if not found and failed is not None:
            raise Refusal(DNS_FAILED) from failed
        return found
