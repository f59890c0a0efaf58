"""The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt), with real header octets."""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

import pytest

from tests.smtp.steps import greet, mail

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TLV = b"\x05\x00\x04\xde\xad\xbe\xef"  # a unique id of the connection


def v2(source: str, port: int, *, more: bytes = b"", command: int = 0x21) -> bytes:
    """A version 2 header for a TCP connection from `source`."""
    address = ipaddress.ip_address(source)
    own = ipaddress.ip_address("::1" if address.version == 6 else "192.0.2.1")
    body = address.packed + own.packed + struct.pack("!HH", port, 25) + more
    family = 0x21 if address.version == 6 else 0x11
    return SIGNATURE + struct.pack("!BBH", command, family, len(body)) + body


# Header octets and the client they name.
GOOD = {
    "v1 IPv4": (b"PROXY TCP4 203.0.113.9 192.0.2.1 51234 25\r\n", "203.0.113.9", 51234),
    "v1 IPv6": (b"PROXY TCP6 2001:db8::9 2001:db8::1 51234 25\r\n", "2001:db8::9", 51234),
    "v2 IPv4": (v2("203.0.113.9", 51234), "203.0.113.9", 51234),
    "v2 IPv6": (v2("2001:db8::9", 51234), "2001:db8::9", 51234),
    "v2 with TLVs": (v2("203.0.113.9", 51234, more=TLV), "203.0.113.9", 51234),
    "v2, IPv4 in IPv6": (v2("::ffff:203.0.113.9", 51234), "203.0.113.9", 51234),
}

# A health check of the balancer itself: the connection counts as its own (§2.2 "LOCAL", §2.1 "UNKNOWN").
LOCAL = {
    "v1 UNKNOWN": b"PROXY UNKNOWN\r\n",
    "v1 UNKNOWN with addresses": b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
    "v2 LOCAL": SIGNATURE + b"\x20\x00\x00\x00",
    "v2 LOCAL with addresses": v2("203.0.113.9", 51234, command=0x20),
}

BAD = {
    "SMTP at once": b"EHLO x.example\r\n",
    "v1 without addresses": b"PROXY\r\n",
    "v1 of TCP9": b"PROXY TCP9 1.2.3.4 1.2.3.4 1 2\r\n",
    "v1 with a name": b"PROXY TCP4 evil.example 192.0.2.1 51234 25\r\n",
    "v1 with a bad address": b"PROXY TCP4 203.0.113.999 192.0.2.1 51234 25\r\n",
    "v1 with a bad port": b"PROXY TCP4 203.0.113.9 192.0.2.1 99999 25\r\n",
    "v1 too short": b"PROXY TCP4 203.0.113.9\r\n",
    "v1 too long": b"PROXY TCP4 203.0.113.9 192.0.2.1 51234 25" + b" " * 200 + b"\r\n",
    "v1 without end": b"PROXY TCP4 " + b"1" * 5000,
    "v1 with a bare LF": b"PROXY TCP4 203.0.113.9 192.0.2.1 51234 25\n",
    "v2 of version 3": v2("203.0.113.9", 51234, command=0x31),
    "v2 with an unknown command": v2("203.0.113.9", 51234, command=0x2F),
    "v2 too short": SIGNATURE + b"\x21\x11\x00\x04\x01\x02\x03\x04",
    "v2 of a Unix socket": SIGNATURE + b"\x21\x31\x00\xd8" + b"/run/x".ljust(216, b"\0"),
    "octets": bytes(range(256)),
}


def settings(network: str = "127.0.0.0/8") -> dict[str, Any]:
    listener = {
        "name": "inbound",
        "role": "inbound",
        "bind": ["127.0.0.1:0"],
        "proxy_protocol": True,
        "proxy_networks": [network],
    }
    return {"listener": [listener], "timeouts": {"connect": 1}}


@pytest.mark.parametrize(("header", "address", "port"), GOOD.values(), ids=list(GOOD))
@pytest.mark.parametrize("pieces", [1, 7], ids=["in one packet", "in pieces"])
async def test_the_named_client_counts(
    header: bytes, address: str, port: int, pieces: int, start: Any, dial: Any, hop: Any
) -> None:
    gateway = await start(hop.address, **settings())
    client = await dial(gateway.ports["inbound"], greeting=False)
    size = -(-len(header) // pieces)
    for at in range(0, len(header), size):
        await client.send(header[at : at + size])
    assert (await client.reply()).startswith("220 ")
    await greet(client)
    assert (await mail(client)).startswith("250")
    facts = gateway.messages()[0]["envelope"]["client"]
    assert (facts["address"], facts["port"], facts["proxy"]) == (address, port, "127.0.0.1")
    literal = f"IPv6:{address}" if ":" in address else address
    assert f"Received: from client.example ([{literal}])".encode() in hop.messages[0]


async def test_commands_may_follow_in_the_same_packet(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, **settings())
    client = await dial(gateway.ports["inbound"], greeting=False)
    await client.send(GOOD["v2 IPv4"][0] + b"EHLO x.example\r\nNOOP\r\n")
    assert [(await client.reply())[:3] for _ in range(3)] == ["220", "250", "250"]


@pytest.mark.parametrize("header", LOCAL.values(), ids=list(LOCAL))
async def test_the_balancers_own_connection_is_served(header: bytes, start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, **settings())
    client = await dial(gateway.ports["inbound"], greeting=False)
    await client.send(header)
    assert (await client.reply()).startswith("220 ")
    await greet(client)
    assert (await mail(client)).startswith("250")
    assert gateway.messages()[0]["envelope"]["client"]["address"] == "127.0.0.1"


@pytest.mark.parametrize("header", BAD.values(), ids=list(BAD))
async def test_a_bad_header_closes_without_a_word(header: bytes, start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, **settings())
    client = await dial(gateway.ports["inbound"], greeting=False)
    await client.send(header)
    assert await client.reader.read() == b""
    assert gateway.metrics.connections.labels("inbound", "refused_proxy").value == 1


@pytest.mark.parametrize("header", [GOOD["v1 IPv4"][0], GOOD["v2 IPv4"][0], b"EHLO x.example\r\n", b""])
async def test_a_stranger_is_disconnected(header: bytes, start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, **settings("192.0.2.0/24"))
    client = await dial(gateway.ports["inbound"], greeting=False)
    try:
        await client.send(header)
        assert await client.reader.read() == b""
    except ConnectionResetError:  # closed before the header was read: as good an end
        pass
    assert gateway.metrics.connections.labels("inbound", "refused_proxy").value == 1


async def test_a_balancer_that_says_nothing(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, **{**settings(), "timeouts": {"connect": 0.2}})
    client = await dial(gateway.ports["inbound"], greeting=False)
    assert await client.reader.read() == b""


async def test_a_named_client_is_held_to_the_networks(start: Any, dial: Any, hop: Any) -> None:
    """The address that the balancer names decides who may send, not the balancer's own."""
    section = settings()
    section["listener"][0] |= {"role": "outbound", "networks": ["203.0.113.0/24"]}
    section["route"] = [{"domains": ["*"], "next_hop": hop.address}]
    gateway = await start(**section)
    for source, reply in (("203.0.113.9", "250"), ("198.51.100.9", "550 5.7.1")):
        client = await dial(gateway.ports["inbound"], greeting=False)
        await client.send(v2(source, 1))
        await client.reply()
        await greet(client)
        assert (await client.ask("MAIL FROM:<a@x.example>")).startswith(reply)
