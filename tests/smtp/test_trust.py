"""Connections that nobody can name: they get a greeting and no trust, and leave nothing behind."""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from gateway.smtp.auth import PasswordHash
from tests.smtp.certificates import Authority
from tests.smtp.steps import greet, mail, round_trip

V2 = b"\r\n\r\n\0\r\nQUIT\n"
ADDRESSES = bytes([203, 0, 113, 9, 192, 0, 2, 1]) + struct.pack("!HH", 51234, 25)

# Headers of a balancer that speaks for itself, or for somebody it cannot name (proxy-protocol.txt §2.1, §2.2).
UNNAMED = {
    "v1 UNKNOWN": b"PROXY UNKNOWN\r\n",
    "v1 UNKNOWN with addresses": b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
    "v2 LOCAL": V2 + b"\x20\x00\x00\x00",
    "v2 LOCAL with addresses": V2 + b"\x20\x11\x00\x0c" + ADDRESSES,
    "v2 PROXY of no family": V2 + b"\x21\x00\x00\x00",
}


def settings(hop: Any, **more: Any) -> dict[str, Any]:
    """An outbound listener behind a balancer that stands inside the listener's own networks."""
    listener = {
        "name": "submit",
        "role": "outbound",
        "bind": ["127.0.0.1:0"],
        "networks": ["127.0.0.0/8"],
        "proxy_protocol": True,
        "proxy_networks": ["127.0.0.1/32"],
        **more,
    }
    return {"listener": [listener], "route": [{"domains": ["*"], "next_hop": hop.address}]}


@pytest.mark.parametrize("header", UNNAMED.values(), ids=list(UNNAMED))
async def test_nobodys_connection_may_not_send(header: bytes, start: Any, dial: Any, hop: Any) -> None:
    """The balancer's own address vouches for nobody behind it; its health checks work all the same."""
    gateway = await start(**settings(hop))
    client = await dial(gateway.ports["submit"], greeting=False)
    await client.send(header)
    assert (await client.reply()).startswith("220 ")
    await greet(client)
    assert (await client.ask("MAIL FROM:<a@x.example>")).startswith("550 5.7.1 Access denied")
    assert (await client.ask("RCPT TO:<b@y.example>")).startswith("503")
    assert (await client.ask("QUIT")).startswith("221")
    assert not any(line.startswith(("MAIL", "RCPT")) for line in hop.lines)


async def test_a_client_that_the_balancer_names_may_send(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(**settings(hop))
    client = await dial(gateway.ports["submit"], greeting=False)
    await client.send("PROXY TCP4 127.0.0.77 127.0.0.1 51234 25\r\n")
    assert (await client.reply()).startswith("220 ")
    await greet(client)
    assert (await mail(client, "b@y.example")).startswith("250")


async def test_where_one_can_sign_in_nobody_is_asked_to(
    start: Any, dial: Any, hop: Any, tmp_path: Path
) -> None:
    users = tmp_path / "users"
    users.write_text(f"scanner:{PasswordHash(16, 8, 1, b'salt', bytes(32))}\n")
    pair = Authority(tmp_path).issue("gateway.district.example")
    gateway = await start(
        **settings(hop, tls="opportunistic", auth=True),
        tls={"certificate": pair.certificate, "key": pair.key},
        auth={"users_file": users},
    )
    client = await dial(gateway.ports["submit"], greeting=False)
    await client.send(UNNAMED["v1 UNKNOWN"])
    assert (await client.reply()).startswith("220 ")
    await greet(client)
    assert (await client.ask("MAIL FROM:<a@x.example>")).startswith("530 5.7.0")
    assert (await client.ask("QUIT")).startswith("221")


# --- connections that are gone before they are accepted --------------------------------------------------


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_connections_reset_before_they_are_accepted(start: Any, dial: Any, hop: Any) -> None:
    """A scanner's look at the port, fifty times: nothing stays open and nothing stays watched."""
    gateway = await start(hop.address)
    port = gateway.ports["inbound"]
    client = await dial(port)
    await greet(client)
    await round_trip(dial, port)
    streams = gateway.context.streams._watched

    async def settled(open_files: int, watched: int) -> None:
        async with asyncio.timeout(5):
            while descriptors() > open_files or len(streams) > watched:
                await asyncio.sleep(0.01)

    before = descriptors(), len(streams)
    for _ in range(50):  # without giving the gateway's loop a chance to accept one of them
        with socket.create_connection(("127.0.0.1", port)) as scanner:
            scanner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await round_trip(dial, port)
    await settled(*before)
    assert (await mail(client)).startswith("250")
    assert gateway.metrics.connections_open.labels("inbound").read() == 1
