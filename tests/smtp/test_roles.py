"""Listeners have a role, and some messages cannot go on: journal, strict networks, loops, 8-bit, UTF-8."""

from __future__ import annotations

from typing import Any

import pytest

from tests.smtp.hops import RudeHop, serving
from tests.smtp.nasty import HEAD, LOOK_ALIKES
from tests.smtp.steps import MARY, PLAIN, greet, mail, with_final_line_end

ANYWHERE = "127.0.0.0/8"


def listener(role: str = "inbound", **more: Any) -> dict[str, Any]:
    return {"listener": [{"name": "one", "role": role, "bind": ["127.0.0.1:0"], **more}]}


# --- journal ----------------------------------------------------------------------------------------------


async def test_a_journal_archives_and_relays_nothing(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address)
    client = await dial(gateway.ports["journal"])
    offered = await greet(client)
    assert "DSN" not in offered  # nobody is there who could keep such a promise
    reply = await mail(client, MARY, "anybody@anywhere.example", "no.domain")
    assert reply.startswith("250 2.0.0 Archived as ")
    (message,) = gateway.messages()
    assert message["envelope"]["id"] == reply.split()[-1]
    assert len(message["envelope"]["recipients"]) == 3
    assert (hop.connections, hop.messages) == (0, [])
    assert gateway.metrics.transactions.labels("journal", "journaled").value == 1


async def test_a_journal_works_without_any_next_hop(start: Any, dial: Any) -> None:
    gateway = await start("127.0.0.1:1")
    client = await dial(gateway.ports["journal"])
    await greet(client)
    assert (await mail(client)).startswith("250")


# What could not go on is no reason for a journal to lose it: its senders never try again after a 5xx (peers.md).
KEEPABLE = {
    **LOOK_ALIKES,
    "too many hops": b"Received: from a by b; now\r\n" * 60 + PLAIN,
    "8-bit": HEAD + b"\r\n\xff\xfe\r\n",
}


@pytest.mark.parametrize("raw", KEEPABLE.values(), ids=list(KEEPABLE))
async def test_a_journal_keeps_what_could_not_go_on(raw: bytes, start: Any, dial: Any) -> None:
    gateway = await start()
    client = await dial(gateway.ports["journal"])
    await greet(client)
    raw = with_final_line_end(raw)
    assert (await mail(client, raw=raw)).startswith("250")
    assert gateway.raws() == [raw]


async def test_a_journal_takes_from_its_networks_only(start: Any, dial: Any) -> None:
    gateway = await start(**listener("journal", networks=["192.0.2.0/24"]))
    client = await dial(gateway.ports["one"])
    await greet(client)
    assert (await client.ask("MAIL FROM:<a@x.example>")).startswith("550 5.7.1")


async def test_outbound_takes_from_its_networks_only(start: Any, dial: Any, hop: Any) -> None:
    route = [{"domains": ["*"], "next_hop": hop.address}]
    gateway = await start(route=route, **listener("outbound", networks=["192.0.2.0/24"]))
    client = await dial(gateway.ports["one"])
    await greet(client)
    assert (await client.ask("MAIL FROM:<a@district.example>")).startswith("550 5.7.1")
    assert (await client.ask(f"RCPT TO:<{MARY}>")).startswith("503")


# --- strict networks --------------------------------------------------------------------------------------

BARE = {
    "bare LF": b"Subject: a\n\nx\r\n",
    "bare CR": b"Subject: a\r\n\r\nx\ry\r\n",
    "CR CR LF": b"a\r\r\nb\r\n",
}


@pytest.mark.parametrize("raw", BARE.values(), ids=list(BARE))
@pytest.mark.parametrize(("network", "reply"), [(ANYWHERE, "550 5.6.11"), ("192.0.2.0/24", "250")])
async def test_strict_networks(network: str, reply: str, raw: bytes, start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, **listener(strict_networks=[network]))
    client = await dial(gateway.ports["one"])
    await greet(client)
    assert (await mail(client)).startswith("250")  # what is clean goes through
    assert (await mail(client, raw=raw)).startswith(reply)
    if reply != "250":
        assert await client.reply() == ""
        assert len(hop.messages) == 1


# --- loops ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hops", "reply"), [(5, "250"), (6, "554 5.4.6"), (500, "554 5.4.6")])
async def test_loops(hops: int, reply: str, start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, limits={"hops": 5})
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    raw = b"Received: from a by b\r\n\twith folding; now\r\n" * hops + PLAIN
    assert (await mail(client, raw=raw)).startswith(reply)
    assert len(hop.messages) == (reply == "250")
    assert (await mail(client)).startswith("250")


async def test_a_quoted_message_is_no_loop(start: Any, dial: Any, hop: Any) -> None:
    """A bounce carries the whole trace of another message in its body."""
    gateway = await start(hop.address, limits={"hops": 5})
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert (await mail(client, raw=PLAIN + b"Received: from a by b; now\r\n" * 60)).startswith("250")


# --- what the next hop cannot take ------------------------------------------------------------------------

# The message, and the reply where the next hop has no 8BITMIME.
CONTENTS = {
    "7-bit": (PLAIN, "250"),
    "8-bit in the body": (HEAD + b"\r\ncaf\xc3\xa9\r\n", "554 5.6.3"),
    "8-bit in a header": (b"Subject: caf\xe9\r\n\r\nx\r\n", "554 5.6.3"),
    "8-bit in the last octet": (HEAD + b"\r\nx\xff\r\n", "554 5.6.3"),
    "8-bit in a large message": (HEAD + b"\r\n" + b"x" * 70 + b"\r\n" * 20_000 + b"\xe9\r\n", "554 5.6.3"),
    "encoded": (HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n/////w==\r\n", "250"),
    "NUL and DEL": (HEAD + b"\r\n\0\x7f\r\n", "250"),
}


@pytest.mark.parametrize(("raw", "reply"), CONTENTS.values(), ids=list(CONTENTS))
async def test_a_next_hop_without_8bitmime(raw: bytes, reply: str, start: Any, dial: Any, hop: Any) -> None:
    hop.offer = ["PIPELINING"]
    gateway = await start(hop.address)
    client = await dial(gateway.ports["inbound"])
    assert "8BITMIME" not in await greet(client)
    assert (await client.ask("MAIL FROM:<a@x.example> BODY=8BITMIME")).startswith("555")
    assert (await mail(client, raw=raw)).startswith(reply)
    assert len(hop.messages) == (reply == "250")
    assert (await mail(client)).startswith("250")


async def test_an_announcement_alone_is_no_8_bit(start: Any, dial: Any) -> None:
    """The offer was made for one host behind the route; the one that answers now cannot do it."""
    async with serving(RudeHop()) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        assert "8BITMIME" in await greet(client)
        hop.offer = ["PIPELINING"]
        hop.writers[0].close()
        assert (await client.ask("MAIL FROM:<a@x.example> BODY=8BITMIME")).startswith("250")
        assert (await client.ask(f"RCPT TO:<{MARY}>")).startswith("250")
        assert "MAIL FROM:<a@x.example>" in hop.lines  # without what it does not understand
        assert (await client.ask("DATA")).startswith("354")
        await client.send(PLAIN + b".\r\n")
        assert (await client.reply()).startswith("250")


async def test_a_next_hop_without_smtputf8(start: Any, dial: Any) -> None:
    async with serving(RudeHop()) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        assert "SMTPUTF8" in await greet(client)
        hop.offer = ["PIPELINING", "8BITMIME"]
        hop.writers[0].close()
        assert (await client.ask("MAIL FROM:<zoë@x.example> SMTPUTF8")).startswith("250")
        assert (await client.ask(f"RCPT TO:<{MARY}>")).startswith("550 5.6.7")
        assert not any(line.startswith("MAIL") for line in hop.lines)
        await client.ask("RSET")
        assert (await mail(client)).startswith("250")


async def test_smtputf8_goes_through(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address)
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert (await client.ask("MAIL FROM:<zoë@x.example> BODY=8BITMIME SMTPUTF8")).startswith("250")
    assert (await client.ask("RCPT TO:<josé@district.example>")).startswith("250")
    assert (await client.ask("DATA")).startswith("354")
    raw = "From: Zoë <zoë@x.example>\r\nSubject: früh\r\n\r\n学校\r\n".encode()
    await client.send(raw + b".\r\n")
    assert (await client.reply()).startswith("250")
    assert gateway.raws() == [raw]
    assert "MAIL FROM:<zoë@x.example> BODY=8BITMIME SMTPUTF8" in hop.lines
    assert "RCPT TO:<josé@district.example>" in hop.lines
    assert b" with UTF8SMTP id " in hop.messages[0]
    assert gateway.messages()[0]["envelope"]["mail_from"] == "zoë@x.example"


async def test_what_is_offered_while_the_next_hop_is_away(start: Any, dial: Any) -> None:
    """A client that is not offered SMTPUTF8 returns such mail to its sender at once, though it could wait."""
    gateway = await start("127.0.0.1:1")
    client = await dial(gateway.ports["inbound"])
    offered = await greet(client)
    assert {"SMTPUTF8", "8BITMIME"} <= set(offered)
    assert (await client.ask("MAIL FROM:<zoë@x.example> BODY=8BITMIME SMTPUTF8")).startswith("250")
    assert (await client.ask(f"RCPT TO:<{MARY}>")).startswith("451 4.4.1")


# --- two routes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [True, False], ids=["pipelined", "one by one"])
async def test_recipients_of_a_second_route_come_again(at_once: bool, start: Any, dial: Any) -> None:
    async with serving(RudeHop()) as district, serving(RudeHop()) as school:
        routes = [
            {"domains": ["district.example"], "next_hop": district.address},
            {"domains": ["school.district.example"], "next_hop": school.address},
        ]
        gateway = await start(route=routes)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await client.ask("MAIL FROM:<a@x.example>")
        lines = [
            f"RCPT TO:<{MARY}>",
            "RCPT TO:<joe@school.district.example>",
            "RCPT TO:<ann@district.example>",
        ]
        if at_once:
            await client.send("\r\n".join(lines) + "\r\n")
            replies = [await client.reply() for _ in lines]
        else:
            replies = [await client.ask(line) for line in lines]
        assert [reply[:9] for reply in replies] == ["250 2.0.0", "452 4.5.3", "250 2.0.0"]
        await client.ask("RSET")
        assert (await mail(client, "joe@school.district.example")).startswith("250")
        assert (len(district.messages), len(school.messages)) == (0, 1)


async def test_a_route_that_accepted_nobody_binds_nobody(start: Any, dial: Any) -> None:
    async with serving(RudeHop(answers={"RCPT": "550 5.1.1 no"})) as refusing, serving(RudeHop()) as school:
        routes = [
            {"domains": ["district.example"], "next_hop": refusing.address},
            {"domains": ["school.district.example"], "next_hop": school.address},
        ]
        gateway = await start(route=routes)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await client.ask("MAIL FROM:<a@x.example>")
        assert (await client.ask(f"RCPT TO:<{MARY}>")).startswith("550 5.1.1 no")
        assert (await client.ask("RCPT TO:<joe@school.district.example>")).startswith("250")
