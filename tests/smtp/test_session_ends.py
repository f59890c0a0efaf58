"""How sessions end: clients that hang up, half-close, vanish or fall silent, and a service that stops.

Nothing that is past its final dot is interrupted, and nothing before it is delivered.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from tests.smtp.hops import RudeHop, reset, serving, until_sent
from tests.smtp.steps import MARY, PLAIN, greet, mail, open_message, outcomes, round_trip, stuffed


async def ended(hop: RudeHop) -> None:
    """Wait until the connection to the next hop has ended."""
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(hop.writers[0].wait_closed(), 20)


# --- clients ----------------------------------------------------------------------------------------------


async def test_a_half_closed_client_gets_its_reply(start: Any, dial: Any) -> None:
    async with serving(RudeHop(answers={".": "WAIT"})) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await open_message(client)
        await client.send(stuffed(PLAIN))
        client.writer.write_eof()
        await until_sent(hop)
        hop.gate.set()
        assert await client.reply() == "250 2.0.0 hop took its time"
        assert await client.reply() == ""


async def test_a_client_may_send_everything_and_half_close(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address)
    client = await dial(gateway.ports["inbound"], greeting=False)
    await client.send(
        b"EHLO x.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<mary@district.example>\r\nDATA\r\n"
        + stuffed(PLAIN)
        + b"QUIT\r\n"
    )
    client.writer.write_eof()
    assert [(await client.reply())[:3] for _ in range(7)] == ["220", "250", "250", "250", "354", "250", "221"]
    assert len(hop.messages) == 1


async def test_a_client_that_vanishes_after_the_final_dot(start: Any, dial: Any) -> None:
    """Archived, delivered once, its outcome recorded, and the lost reply counted (RFC 1047)."""
    async with serving(RudeHop(answers={".": "WAIT"})) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await open_message(client)
        await client.send(stuffed(PLAIN))
        await until_sent(hop)
        reset(client.writer)
        await round_trip(dial, gateway.ports["inbound"])
        hop.gate.set()
        (event,) = await outcomes(gateway)
        assert (event["event"], event["reply"]) == ("relayed", "250 2.0.0 hop took its time")
        assert gateway.raws() == [PLAIN]
        assert len(hop.messages) == 1
        assert gateway.metrics.lost_replies.labels("inbound").value == 1


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
@pytest.mark.parametrize("sent", [b"", b"Subject: x\r\n", PLAIN + b".", PLAIN + b".\r", PLAIN + b"\r\n.\n"])
async def test_a_client_that_leaves_before_the_final_dot(
    sent: bytes, how: str, start: Any, dial: Any
) -> None:
    async with serving(RudeHop()) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await open_message(client)
        await client.send(sent)
        if how == "reset":
            await round_trip(dial, gateway.ports["inbound"])
            reset(client.writer)
        elif how == "close":
            await client.close()
        else:
            client.writer.write_eof()
        await ended(hop)
        assert hop.messages == []
        assert gateway.messages() == []
        assert gateway.metrics.transactions.labels("inbound", "aborted").value == 1


async def test_a_client_that_falls_silent_between_commands(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, timeouts={"command": 0.2})
    client = await dial(gateway.ports["inbound"])
    assert (await client.reply()).startswith("421 4.4.2")
    assert await client.reply() == ""


async def test_a_client_that_falls_silent_in_its_message(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, timeouts={"data": 0.2})
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    await open_message(client)
    await client.send("Subject: to be continu")
    assert (await client.reply()).startswith("421 4.4.2")
    assert await client.reply() == ""
    assert hop.messages == []
    assert gateway.messages() == []


async def test_a_connection_that_says_nothing_at_all(start: Any, dial: Any, hop: Any) -> None:
    """A load balancer's or a scanner's look at the port: open and reset at once."""
    gateway = await start(hop.address)
    for _ in range(20):
        client = await dial(gateway.ports["inbound"], greeting=False)
        reset(client.writer)
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert (await mail(client)).startswith("250")
    assert gateway.metrics.connections_open.labels("inbound").read() == 1


# --- the service stops ------------------------------------------------------------------------------------


async def test_an_idle_session_is_sent_away(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address)
    greeted, fresh = [await dial(gateway.ports["inbound"]) for _ in range(2)]
    await greet(greeted)
    await gateway.server.close(5)
    for client in (greeted, fresh):
        assert (await client.reply()).startswith("421 4.3.2")
        assert await client.reply() == ""
    with pytest.raises(ConnectionRefusedError):
        await dial(gateway.ports["inbound"])


async def test_a_running_transaction_ends_well(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address)
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    await client.ask("MAIL FROM:<a@x.example>")
    closing = asyncio.create_task(gateway.server.close(20))
    await asyncio.sleep(0)
    assert (await client.ask(f"RCPT TO:<{MARY}>")).startswith("250")
    assert (await client.ask("DATA")).startswith("354")
    await client.send(stuffed(PLAIN))
    assert await client.reply() == "250 2.0.0 hop took it"
    assert (await client.reply()).startswith("421 4.3.2")
    assert await client.reply() == ""
    await closing
    assert gateway.raws() == [PLAIN]


async def test_what_is_past_its_final_dot_is_finished(start: Any, dial: Any) -> None:
    """However short the time to drain is."""
    async with serving(RudeHop(answers={".": "WAIT"})) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await open_message(client)
        await client.send(stuffed(PLAIN))
        await until_sent(hop)
        closing = asyncio.create_task(gateway.server.close(0.01))
        await asyncio.wait([closing], timeout=0.1)
        assert not closing.done()
        hop.gate.set()
        assert await client.reply() == "250 2.0.0 hop took its time"
        await closing
        assert [event["event"] for event in await outcomes(gateway)] == ["relayed"]


@pytest.mark.parametrize("sent", ["", "Subject: to be continu"])
async def test_a_transaction_that_does_not_end_is_sent_away(
    sent: str, start: Any, dial: Any, hop: Any
) -> None:
    gateway = await start(hop.address)
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    await client.ask("MAIL FROM:<a@x.example>")
    await client.ask(f"RCPT TO:<{MARY}>")
    if sent:
        assert (await client.ask("DATA")).startswith("354")
        await client.send(sent)
    await gateway.server.close(0.05)
    assert (await client.reply()).startswith("421 4.3.2")
    assert await client.reply() == ""
    assert hop.messages == []
    assert gateway.messages() == []


async def test_a_session_that_waits_for_the_next_hop_is_sent_away_after_its_reply(
    start: Any, dial: Any
) -> None:
    async with serving(RudeHop(answers={"RCPT": "WAIT"})) as hop:
        gateway = await start(hop.address, timeouts={"commit": 1})
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await client.ask("MAIL FROM:<a@x.example>")
        await client.send(f"RCPT TO:<{MARY}>\r\n")
        await round_trip(dial, gateway.ports["inbound"])
        closing = asyncio.create_task(gateway.server.close(0.01))
        await asyncio.wait([closing], timeout=0.1)
        hop.gate.set()
        assert (await client.reply()).startswith("250")
        async with asyncio.timeout(3):
            assert (await client.reply()).startswith("421 4.3.2")
        await closing
