"""DNS for the checks of an author: TXT, addresses, MX and PTR, through dnspython's asyncio resolver.

Promises: an answer is a tuple, empty where the name or the record does not exist; answers are remembered for their
time to live, but no longer than an hour, what does not exist no longer than five minutes, and failures for half a
minute, so that a domain whose servers are silent delays one message and not each. The memory is bounded.

Fails with `LookupFailed` where DNS does not answer, and with `NoName` for what cannot be a name.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdata
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.PTR
import dns.rdtypes.ANY.TXT
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.resolver

from gateway.config import Dns

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Answer = tuple[
    bytes, ...
]  # TXT: whole records; A, AAAA: addresses as text; MX, PTR: names without the final dot

MAX_ANSWERS = 10_000
MAX_AT_ONCE = 100  # look-ups under way in a worker: each has a socket of its own
LONGEST = 3600.0  # seconds an answer is remembered at most
LONGEST_NOTHING = 300.0
FAILURE = 30.0
# Of a record set; no honest name has as many, and a hostile zone could send thousands.
MAX_RECORDS = 100

# RFC 9715 §3: no larger answers by UDP, as fragments get lost; beyond it TCP is used.
_UDP_OCTETS = 1232


class LookupFailed(Exception):
    """DNS did not answer, or answered that it cannot; it may next time."""


class NoName(Exception):
    """The text cannot be a name in DNS."""


class Resolver:
    """Looks up records; one for a worker."""

    def __init__(self, settings: Dns, lifetime: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`lifetime`: seconds for one look-up with its retries, where `settings` do not allow fewer."""
        self._resolver = dns.asyncresolver.Resolver(configure=not settings.servers)
        if settings.servers:
            self._resolver.nameservers = [server.host for server in settings.servers]
            self._resolver.nameserver_ports = {server.host: server.port for server in settings.servers}
        self._lifetime = self._resolver.lifetime = min(settings.timeout, lifetime)
        self._resolver.use_edns(0, 0, _UDP_OCTETS)
        self._clock = clock
        self._under_way = asyncio.Semaphore(MAX_AT_ONCE)
        self._known: OrderedDict[tuple[str, str], tuple[float, Answer | None]] = OrderedDict()

    async def txt(self, name: str) -> Answer:
        """The TXT records of a name, the strings of each put together."""
        return await self._ask(name, "TXT")

    async def addresses(self, name: str, version: int) -> tuple[IPAddress, ...]:
        """The IPv4 or IPv6 addresses of a name."""
        found = await self._ask(name, "A" if version == 4 else "AAAA")
        return tuple(ipaddress.ip_address(address.decode("ascii")) for address in found)

    async def exchangers(self, name: str) -> tuple[str, ...]:
        """The hosts of a name's MX records, the preferred first; "" for the null MX."""
        return tuple(host.decode("ascii") for host in await self._ask(name, "MX"))

    async def names(self, address: IPAddress) -> tuple[str, ...]:
        """The names that an address's PTR records give."""
        return tuple(name.decode("ascii") for name in await self._ask(address.reverse_pointer, "PTR"))

    async def _ask(self, name: str, kind: str) -> Answer:
        key = (name.lower().rstrip("."), kind)
        now = self._clock()
        known = self._known.get(key)
        if known is not None and now < known[0]:
            self._known.move_to_end(key)
            if known[1] is None:
                raise LookupFailed(f"{kind} look-up failed a moment ago")
            return known[1]
        try:
            lifetime, answer = await self._look_up(key[0], kind)
        except LookupFailed:
            self._remember(key, now + FAILURE, None)
            raise
        self._remember(key, now + lifetime, answer)
        return answer

    def _remember(self, key: tuple[str, str], until: float, answer: Answer | None) -> None:
        self._known[key] = (until, answer)
        self._known.move_to_end(key)
        if len(self._known) > MAX_ANSWERS:
            self._known.popitem(last=False)

    async def _look_up(self, name: str, kind: str) -> tuple[float, Answer]:
        """Seconds for which the answer holds, and the answer."""
        try:
            # By labels, as a backslash from a hostile record means nothing here.
            asked = dns.name.Name([*name.encode("ascii").split(b"."), b""])
        except (dns.exception.DNSException, UnicodeError) as error:
            raise NoName(f"cannot be a name in DNS: {type(error).__name__}") from None
        try:
            # The library's own limit is a pause between two attempts too long.
            async with self._under_way, asyncio.timeout(self._lifetime):
                answer = await self._resolver.resolve(asked, kind, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return LONGEST_NOTHING, ()
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise LookupFailed(f"{kind} look-up failed: {type(error).__name__}") from error
        if answer.rrset is None:
            return LONGEST_NOTHING, ()
        return min(float(answer.rrset.ttl), LONGEST), tuple(_texts(answer.rrset))[:MAX_RECORDS]


def _texts(records: Iterable[dns.rdata.Rdata]) -> list[bytes]:
    found: list[tuple[int, bytes]] = []
    for record in records:
        match record:
            case dns.rdtypes.ANY.TXT.TXT():
                found.append((0, b"".join(record.strings)))
            case dns.rdtypes.ANY.MX.MX():
                found.append((record.preference, _text(record.exchange)))
            case dns.rdtypes.ANY.PTR.PTR():
                found.append((0, _text(record.target)))
            case dns.rdtypes.IN.A.A() | dns.rdtypes.IN.AAAA.AAAA():
                found.append((0, record.address.encode("ascii")))
    return [text for _, text in sorted(found, key=lambda item: item[0])]


def _text(name: dns.name.Name) -> bytes:
    return name.to_text(omit_final_dot=True).encode("ascii") if name != dns.name.root else b""
