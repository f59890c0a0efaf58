"""Routes by MX, against a real DNS server (RFC 5321 §5.1, RFC 7505).

Exchangers are loopback addresses, 127.0.0.2 and on, which all listen on the port of the route.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.peers.knot import Knot
from tests.smtp.hops import RudeHop, serving
from tests.smtp.steps import PLAIN, greet, mail, stuffed

ZONE = """\
a A 127.0.0.2
b A 127.0.0.3
c A 127.0.0.4
six AAAA ::1
both A 127.0.0.2
both AAAA ::1
nowhere TXT "a name without an address"
alias CNAME a

ordered MX 20 b
ordered MX 10 a
ordered MX 30 c
equal MX 10 a
equal MX 10 b
single MX 10 a
v6 MX 10 six
dual MX 10 both
implicit A 127.0.0.2
implicit-v6 AAAA ::1
null MX 0 .
no-mail TXT "exists, and that is all"
addressless MX 10 nowhere
half-addressless MX 10 nowhere
half-addressless MX 20 b
dangling MX 10 gone
dangling MX 20 b
unreachable MX 10 host.not-ours.test.
unreachable MX 20 b
aliased MX 10 alias
ourselves MX 10 gateway.district.invalid.
ourselves-first MX 10 gateway.district.invalid.
ourselves-first MX 20 b
ourselves-second MX 10 a
ourselves-second MX 20 gateway.district.invalid.
ourselves-second MX 30 c
many MX 10 a
""" + "".join(f"many MX {n} nowhere{n}\nnowhere{n} TXT x\n" for n in range(11, 60))

GATEWAY = "gateway.district.invalid"
HOSTS = {"a": "127.0.0.2", "b": "127.0.0.3", "c": "127.0.0.4", "six": "::1"}


@pytest.fixture(scope="module")
def dns(knot: Any) -> Knot:
    server: Knot = knot(ZONE)
    return server


def settings(dns_address: str, port: int, **more: Any) -> dict[str, Any]:
    """An outbound gateway that sends everything by MX to this port."""
    return {
        "hostname": GATEWAY,
        "listener": [
            {"name": "out", "role": "outbound", "bind": ["127.0.0.1:0"], "networks": ["127.0.0.0/8"]}
        ],
        "route": [{"domains": ["*"], "next_hop": "mx", "port": port}],
        "dns": {"servers": [dns_address], "timeout": 2},
        "timeouts": {"connect": 1, "reply": 5},
        **more,
    }


class Exchangers:
    """Next hops on several addresses and one port."""

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self._stack = stack
        self.port = 0
        self.hops: dict[str, RudeHop] = {}

    async def add(self, name: str, hop: RudeHop | None = None) -> RudeHop:
        hop = hop or RudeHop()
        self.hops[name] = await self._stack.enter_async_context(serving(hop, HOSTS[name], self.port))
        self.port = hop.port
        return hop

    def visited(self) -> dict[str, int]:
        """Messages by exchanger, where there were any."""
        return {name: len(hop.messages) for name, hop in self.hops.items() if hop.messages}


@pytest.fixture
async def exchangers() -> Any:
    async with contextlib.AsyncExitStack() as stack:
        yield Exchangers(stack)


async def send(gateway: Any, dial: Any, recipient: str) -> str:
    """The reply to RCPT where it is refused, else to the final dot."""
    client = await dial(gateway.ports["out"])
    await greet(client)
    await client.ask("MAIL FROM:<a@district.example>")
    reply = await client.ask(f"RCPT TO:<{recipient}>")
    if reply.startswith("250"):
        assert (await client.ask("DATA")).startswith("354")
        await client.send(stuffed(PLAIN))
        reply = await client.reply()
    return str(reply)


# Which exchangers are up, the recipient's domain, who gets the message or what the reply is.
DELIVERED = [
    ("abc", "ordered.example", "a"),
    ("bc", "ordered.example", "b"),
    ("c", "ordered.example", "c"),
    ("abc", "implicit.example", "a"),
    ("ab", "half-addressless.example", "b"),
    ("ab", "dangling.example", "b"),
    ("ab", "unreachable.example", "b"),
    ("abc", "aliased.example", "a"),
    ("abc", "ourselves-second.example", "a"),
    ("abc", "many.example", "a"),
    ("abc", "ORDERED.Example", "a"),
    ("abc", "ordered.example.", "a"),
]


@pytest.mark.parametrize(("up", "domain", "who"), DELIVERED)
async def test_delivered_to(
    up: str, domain: str, who: str, dns: Knot, exchangers: Exchangers, start: Any, dial: Any
) -> None:
    for name in up:
        await exchangers.add(name)
    gateway = await start(**settings(dns.address, exchangers.port))
    assert (await send(gateway, dial, f"x@{domain}")).startswith("250")
    assert exchangers.visited() == {who: 1}
    envelope = gateway.messages()[0]["envelope"]
    assert envelope["next_hop"] == f"{HOSTS[who]}:{exchangers.port}"


REFUSED = [
    ("null.example", "556 5.1.10"),
    ("no-such-domain.example", "550 5.1.2"),
    ("no-mail.example", "550 5.1.2"),
    ("addressless.example", "550 5.1.2"),
    ("ourselves.example", "554 5.4.6"),
    ("ourselves-first.example", "554 5.4.6"),
    (f"{'x' * 64}.example", "55"),
    (f"{'x.' * 130}example", "55"),
    ("[192.0.2.1]", "55"),
    ("domain.not-ours.test", "451 4.4.3"),  # the server refuses to answer for it
]


@pytest.mark.parametrize(("domain", "reply"), REFUSED)
async def test_refused(
    domain: str, reply: str, dns: Knot, exchangers: Exchangers, start: Any, dial: Any
) -> None:
    await exchangers.add("a")
    gateway = await start(**settings(dns.address, exchangers.port))
    assert (await send(gateway, dial, f"x@{domain}")).startswith(reply)
    assert exchangers.visited() == {}


@pytest.mark.parametrize(
    "fault",
    [
        {"banner": "421 4.3.2 busy & DROP"},
        {"banner": "554 5.7.1 no"},
        {"banner": "DROP"},
        {"EHLO": "421 no", "HELO": "421 no"},
    ],
    ids=["421", "554", "drops", "no hello"],
)
async def test_the_second_exchanger_helps_out(
    fault: dict[str, str], dns: Knot, exchangers: Exchangers, start: Any, dial: Any
) -> None:
    await exchangers.add("a", RudeHop(answers=dict(fault)))
    await exchangers.add("b")
    gateway = await start(**settings(dns.address, exchangers.port))
    assert (await send(gateway, dial, "x@ordered.example")).startswith("250")
    assert exchangers.visited() == {"b": 1}


async def test_all_exchangers_down(dns: Knot, start: Any, dial: Any) -> None:
    gateway = await start(**settings(dns.address, 1))
    assert (await send(gateway, dial, "x@ordered.example")).startswith("451 4.4.1")


async def test_equals_share_the_load(dns: Knot, exchangers: Exchangers, start: Any, dial: Any) -> None:
    for name in "ab":
        await exchangers.add(name)
    gateway = await start(**settings(dns.address, exchangers.port, limits={"upstream_idle": 0}))
    for _ in range(30):  # one of them alone by chance: 1 in 2**29
        assert (await send(gateway, dial, "x@equal.example")).startswith("250")
    assert set(exchangers.visited()) == {"a", "b"}


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
            return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
@pytest.mark.parametrize("domain", ["v6.example", "dual.example", "implicit-v6.example"])
async def test_ipv6(domain: str, dns: Knot, exchangers: Exchangers, start: Any, dial: Any) -> None:
    await exchangers.add("six")
    gateway = await start(**settings(dns.address, exchangers.port))
    assert (await send(gateway, dial, f"x@{domain}")).startswith("250")
    assert gateway.messages()[0]["envelope"]["next_hop"] == f"[::1]:{exchangers.port}"


async def test_ipv4_where_ipv6_does_not_answer(
    dns: Knot, exchangers: Exchangers, start: Any, dial: Any
) -> None:
    await exchangers.add("a")
    gateway = await start(**settings(dns.address, exchangers.port))
    assert (await send(gateway, dial, "x@dual.example")).startswith("250")
    assert exchangers.visited() == {"a": 1}


async def test_two_domains_are_two_transactions(
    dns: Knot, exchangers: Exchangers, start: Any, dial: Any
) -> None:
    await exchangers.add("a")
    gateway = await start(**settings(dns.address, exchangers.port))
    client = await dial(gateway.ports["out"])
    await greet(client)
    await client.ask("MAIL FROM:<a@district.example>")
    assert (await client.ask("RCPT TO:<x@single.example>")).startswith("250")
    assert (await client.ask("RCPT TO:<x@ordered.example>")).startswith("452 4.5.3")
    assert (await client.ask("RCPT TO:<y@single.example>")).startswith("250")


async def test_the_connection_to_a_domain_is_kept(
    dns: Knot, exchangers: Exchangers, start: Any, dial: Any
) -> None:
    hop = await exchangers.add("a")
    gateway = await start(**settings(dns.address, exchangers.port))
    client = await dial(gateway.ports["out"])
    await greet(client)
    for _ in range(3):
        assert (await mail(client, "x@single.example")).startswith("250")
    assert hop.connections == 1


# --- the DNS server itself --------------------------------------------------------------------------------


@pytest.fixture
def silent_dns() -> Iterator[str]:
    """Takes questions and never answers."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{sock.getsockname()[1]}"


@pytest.mark.parametrize("kind", ["silent", "absent"])
async def test_no_answer_in_time(kind: str, silent_dns: str, start: Any, dial: Any) -> None:
    server = silent_dns if kind == "silent" else "127.0.0.1:9"
    gateway = await start(**settings(server, 25, dns={"servers": [server], "timeout": 0.5}))
    async with asyncio.timeout(5):
        assert (await send(gateway, dial, "x@single.example")).startswith("451 4.4.3")


async def test_another_server_answers(
    silent_dns: str, dns: Knot, exchangers: Exchangers, start: Any, dial: Any
) -> None:
    await exchangers.add("a")
    section = settings("", exchangers.port, dns={"servers": [silent_dns, dns.address], "timeout": 10})
    gateway = await start(**section)
    assert (await send(gateway, dial, "x@single.example")).startswith("250")
