"""Bounds: what happens at each limit, just below it and just beyond it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.smtp.conftest import Dialogue
from tests.smtp.steps import MARY, PLAIN, greet, mail, open_message, round_trip, stuffed


async def test_connections(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, limits={"connections": 2})
    first, _ = [await dial(gateway.ports["inbound"]) for _ in range(2)]
    third = await dial(gateway.ports["inbound"], greeting=False)
    assert (await third.reply()).startswith("421 4.7.0")
    assert await third.reply() == ""
    assert (await first.ask("QUIT")).startswith("221")
    assert await first.reply() == ""
    again = await dial(gateway.ports["inbound"])
    await greet(again)
    assert (await mail(again)).startswith("250")
    assert gateway.metrics.connections.labels("inbound", "refused_limit").value == 1


async def test_connections_of_one_address(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, limits={"connections_per_address": 1})
    await dial(gateway.ports["inbound"])
    second = await dial(gateway.ports["inbound"], greeting=False)
    assert (await second.reply()).startswith("421 4.7.0")
    elsewhere = Dialogue(
        *await asyncio.open_connection("127.0.0.1", gateway.ports["inbound"], local_addr=("127.0.0.2", 0))
    )
    assert (await elsewhere.reply()).startswith("220 ")
    await elsewhere.close()
    assert gateway.metrics.connections.labels("inbound", "refused_address_limit").value == 1


async def test_commands(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, limits={"commands": 10})
    client = await dial(gateway.ports["inbound"])
    for _ in range(10):
        assert (await client.ask("NOOP")).startswith("250")
    assert (await client.ask("NOOP")).startswith("421 4.7.0")
    assert await client.reply() == ""


async def test_pipelined_recipients_count_as_commands(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, limits={"commands": 10})
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    await client.send("MAIL FROM:<a@x.example>\r\n" + f"RCPT TO:<{MARY}>\r\n" * 20 + "NOOP\r\n")
    replies = [await client.reply() for _ in range(22)]
    assert replies[-1].startswith("421 4.7.0") or "" in replies


async def test_errors(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, limits={"errors": 3})
    client = await dial(gateway.ports["inbound"])
    for _ in range(3):
        assert (await client.ask("GET / HTTP/1.1")).startswith("500")
    assert (await client.ask("Host: gateway")).startswith("421 4.7.0")
    assert await client.reply() == ""


async def test_what_the_next_hop_refuses_is_no_error_of_the_client(start: Any, dial: Any, hop: Any) -> None:
    """A list server has many stale addresses; the next hop itself ends what it takes for harvesting."""
    hop.answers["RCPT TO:<old"] = "550 5.1.1 unknown"
    gateway = await start(hop.address, limits={"errors": 5})
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    lines = [f"RCPT TO:<old{n}@district.example>\r\n" for n in range(50)]
    await client.send("MAIL FROM:<a@x.example>\r\n" + "".join(lines))
    replies = [(await client.reply())[:3] for _ in range(51)]
    assert replies == ["250"] + ["550"] * 50
    assert (await client.ask("RSET")).startswith("250")
    assert (await mail(client)).startswith("250")


async def test_the_next_hop_ends_harvesting(start: Any, dial: Any, hop: Any) -> None:
    hop.answers["RCPT"] = ["550 5.1.1 unknown"] * 3 + ["421 4.7.0 enough"] * 2
    gateway = await start(hop.address)
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    await client.ask("MAIL FROM:<a@x.example>")
    replies = [await client.ask("RCPT TO:<guess@district.example>") for _ in range(4)]
    assert replies[:3] == ["550 5.1.1 unknown"] * 3
    assert replies[3] == "421 4.7.0 enough"


@pytest.mark.parametrize("at_once", [True, False], ids=["pipelined", "one by one"])
async def test_recipients(at_once: bool, start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, limits={"recipients": 100})
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    await client.ask("MAIL FROM:<a@x.example>")
    lines = [f"RCPT TO:<pupil{n}@district.example>\r\n" for n in range(103)]
    if at_once:
        await client.send("".join(lines))
        replies = [await client.reply() for _ in lines]
    else:
        replies = [await client.ask(line.rstrip()) for line in lines]
    assert [reply[:9] for reply in replies] == ["250 2.0.0"] * 100 + ["452 4.5.3"] * 3
    assert (await client.ask("DATA")).startswith("354")
    await client.send(stuffed(PLAIN))
    assert (await client.reply()).startswith("250")
    assert len(gateway.messages()[0]["envelope"]["recipients"]) == 100


SIZE = 1000


@pytest.mark.parametrize(
    ("parameter", "reply"),
    [
        ("SIZE=1000", "250"),
        ("SIZE=1001", "552 5.3.4"),
        ("SIZE=0", "250"),
        ("SIZE=-1", "501"),
        ("SIZE=", "501"),
    ],
)
async def test_announced_size(parameter: str, reply: str, start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, limits={"message_size": SIZE})
    client = await dial(gateway.ports["inbound"])
    assert f"SIZE {SIZE}" in await greet(client)
    assert (await client.ask(f"MAIL FROM:<a@x.example> {parameter}")).startswith(reply)


@pytest.mark.parametrize("hello", ["EHLO x.example", "HELO x.example"])
@pytest.mark.parametrize(
    ("octets", "reply"), [(SIZE, "250"), (SIZE + 1, "552 5.3.4"), (5_000_000, "552 5.3.4")]
)
async def test_size(octets: int, reply: str, hello: str, start: Any, dial: Any, hop: Any) -> None:
    """Without an announcement, or in spite of it; the session goes on."""
    gateway = await start(hop.address, limits={"message_size": SIZE})
    client = await dial(gateway.ports["inbound"])
    await client.ask(hello)
    raw = (b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * (octets // 72)).ljust(octets - 2, b"y")[
        : octets - 2
    ]
    assert (await mail(client, raw=raw + b"\r\n")).startswith(reply)
    assert len(gateway.messages()) == len(hop.messages) == (reply == "250")
    assert (await mail(client)).startswith("250")


async def test_the_next_hops_own_limit_counts_too(start: Any, dial: Any, hop: Any) -> None:
    hop.offer = ["SIZE 500", "PIPELINING"]
    gateway = await start(hop.address, limits={"message_size": SIZE})
    client = await dial(gateway.ports["inbound"])
    assert "SIZE 500" in await greet(client)
    assert (await mail(client, raw=b"x" * 70 + b"\r\n" * 300)).startswith("552 5.3.4")


async def test_octets_in_flight(start: Any, dial: Any, hop: Any) -> None:
    """What does not fit now is asked to come again, and what holds the room goes through."""
    gateway = await start(hop.address, limits={"in_flight": 1000, "message_size": 1000})
    first, second = [await dial(gateway.ports["inbound"]) for _ in range(2)]
    for client in (first, second):
        await greet(client)
    await open_message(first)
    await first.send((b"x" * 70 + b"\r\n") * 10)
    await round_trip(dial, gateway.ports["inbound"])
    assert (await second.ask("MAIL FROM:<a@x.example> SIZE=900")).startswith("452 4.3.1")
    assert (await mail(second, raw=(b"y" * 70 + b"\r\n") * 10)).startswith("452 4.3.1")
    await first.send(b".\r\n")
    assert (await first.reply()).startswith("250")
    assert gateway.metrics.in_flight_bytes.labels().read() == 0
    assert (await mail(second, raw=(b"y" * 70 + b"\r\n") * 10)).startswith("250")
    assert len(hop.messages) == len(gateway.messages()) == 2


@pytest.mark.parametrize(("octets", "reply"), [(200, "250"), (201, "550 5.6.0")])
async def test_line_length(octets: int, reply: str, start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, limits={"line_length": 200})
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert (await mail(client, raw=b"\r\n" + b"x" * octets + b"\r\nshort\r\n")).startswith(reply)
    assert (await mail(client)).startswith("250")


@pytest.mark.parametrize("line", [b"NOOP " + b"x" * 2000, b"x" * 100_000, b"\xff" * 5000, b"\0" * 5000])
async def test_a_command_line_too_long(line: bytes, start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, limits={"command_line": 1024})
    client = await dial(gateway.ports["inbound"])
    await client.send(line + b"\r\nNOOP\r\n")
    assert (await client.reply()).startswith("500 5.5.6")
    assert (await client.reply()).startswith("250")


async def test_a_long_recipient_in_a_pipeline(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, limits={"command_line": 512})
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    long = "x" * 1000
    await client.send(
        f"MAIL FROM:<a@x.example>\r\nRCPT TO:<{MARY}>\r\nRCPT TO:<{long}@district.example>\r\nRCPT TO:<{MARY}>\r\n"
    )
    assert [(await client.reply())[:3] for _ in range(4)] == ["250", "250", "500", "250"]
