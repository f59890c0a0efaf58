"""A pooled connection that turns out to be dead is replaced once, before any data, and nobody notices."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from tests.smtp.hops import RudeHop, reset, serving
from tests.smtp.steps import MARY, PLAIN, greet, mail, open_message, outcomes, round_trip, stuffed

LARGE = b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n") * 3000  # beyond what goes out in one write

OK = "250 ok"
GO = "354 go"

# What the next hop answers on a reused connection, and to which command.
STALE = [
    (command, fine, answer)
    for command, fine in (("MAIL", OK), ("RCPT", OK), ("DATA", GO))
    for answer in ("421 4.4.2 idle too long", "421 4.3.2 going down & DROP", "DROP", "RESET")
]


def retries(gateway: Any) -> float:
    return float(gateway.metrics.upstream_retries.labels("district.example").value)


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "one by one"])
@pytest.mark.parametrize(("command", "fine", "answer"), STALE)
async def test_a_stale_connection_is_retried_on_a_new_one(
    command: str, fine: str, answer: str, pipelining: bool, start: Any, dial: Any
) -> None:
    hop = RudeHop(answers={command: [fine, answer]})
    if not pipelining:
        hop.offer.remove("PIPELINING")
    async with serving(hop):
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        for _ in range(2):
            assert await mail(client) == "250 2.0.0 hop took it"
        assert (hop.connections, len(hop.messages), len(gateway.messages())) == (2, 2, 2)
        assert retries(gateway) == 1


@pytest.mark.parametrize("end", ["close", "reset", "421 and close"])
async def test_a_connection_that_ends_while_idle_is_not_used(end: str, start: Any, dial: Any) -> None:
    async with serving(RudeHop()) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        assert (await mail(client)).startswith("250")
        if end == "reset":
            reset(hop.writers[0])
        else:
            hop.writers[0].write(b"421 4.4.2 idle\r\n" if end == "421 and close" else b"")
            hop.writers[0].close()
        assert (await mail(client)).startswith("250")
        assert (hop.connections, len(hop.messages)) == (2, 2)


async def test_several_recipients_are_told_again_to_the_new_connection(start: Any, dial: Any) -> None:
    async with serving(RudeHop(answers={"DATA": [GO, "DROP"]})) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        assert (await mail(client)).startswith("250")
        hop.lines.clear()
        assert (await mail(client, MARY, "joe@district.example")).startswith("250")
        expected = ["MAIL FROM:<a@x.example>", f"RCPT TO:<{MARY}>", "RCPT TO:<joe@district.example>", "DATA"]
        assert [line for line in hop.lines if "EHLO" not in line] == expected * 2
        assert [len(item["envelope"]["recipients"]) for item in gateway.messages()] == [1, 2]


async def test_a_recipient_that_the_new_connection_refuses_is_never_lost(start: Any, dial: Any) -> None:
    """It was accepted before; the client can only be told by a temporary reply to everything."""
    answers: dict[str, str | list[str]] = {"DATA": [GO, "DROP"], "RCPT": [OK, OK, "550 5.1.1 no longer"]}
    async with serving(RudeHop(answers=answers)) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        assert (await mail(client)).startswith("250")
        await client.ask("MAIL FROM:<a@x.example>")
        assert (await client.ask(f"RCPT TO:<{MARY}>")).startswith("250")
        assert (await client.ask("DATA")).startswith("451")
        assert len(hop.messages) == 1


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_a_second_failure_is_told_as_temporary(command: str, start: Any, dial: Any) -> None:
    fine = GO if command == "DATA" else OK
    async with serving(RudeHop(answers={command: [fine, "DROP", "DROP"]})) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        assert (await mail(client)).startswith("250")
        await client.ask("MAIL FROM:<a@x.example>")
        answers = [await client.ask(f"RCPT TO:<{MARY}>")]
        if command == "DATA":
            answers.append(await client.ask("DATA"))
        assert answers[-1].startswith("451 4.4.2")
        assert (await client.ask("RSET")).startswith("250")
        assert (await mail(client)).startswith("250")  # and the next message goes through
        assert (hop.connections, len(hop.messages)) == (3, 2)


async def test_after_a_second_failure_the_same_transaction_may_go_on(start: Any, dial: Any) -> None:
    async with serving(RudeHop(answers={"RCPT": [OK, "DROP", "DROP"]})) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        assert (await mail(client)).startswith("250")
        await client.ask("MAIL FROM:<a@x.example>")
        assert (await client.ask(f"RCPT TO:<{MARY}>")).startswith("451")
        assert (await client.ask(f"RCPT TO:<{MARY}>")).startswith("250")


DEATHS = ["close", "reset", "421 and close"]


async def die(hop: RudeHop, how: str, dial: Any, port: int) -> None:
    """End the newest connection to the hop; the gateway has met that when this returns."""
    writer = hop.writers[-1]
    if how == "reset":
        reset(writer)
    else:
        writer.write(b"421 4.4.2 waited too long\r\n" if how == "421 and close" else b"")
        writer.close()
    await round_trip(dial, port)


@pytest.mark.parametrize("how", DEATHS)
@pytest.mark.parametrize("raw", [PLAIN, LARGE], ids=["small", "large"])
async def test_a_reused_connection_dies_while_the_message_comes(
    raw: bytes, how: str, start: Any, dial: Any
) -> None:
    """Nothing of it was sent yet: the whole transaction goes to a new connection."""
    async with serving(RudeHop()) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await open_message(client)
        await die(hop, how, dial, gateway.ports["inbound"])
        await client.send(stuffed(raw))
        assert await client.reply() == "250 2.0.0 hop took it"
        assert (hop.connections, len(hop.messages), len(gateway.messages())) == (2, 1, 1)


async def test_the_record_names_the_host_that_took_it(start: Any, dial: Any) -> None:
    """The first host goes away while the message comes, and the second one takes it."""
    async with serving(RudeHop()) as second, contextlib.AsyncExitStack() as life:
        first = await life.enter_async_context(serving(RudeHop()))
        route = {"domains": ["district.example"], "next_hop": [first.address, second.address]}
        gateway = await start(route=[route])
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await open_message(client)
        await life.aclose()
        await round_trip(dial, gateway.ports["inbound"])
        await client.send(stuffed(PLAIN))
        assert await client.reply() == "250 2.0.0 hop took it"
        (event,) = await outcomes(gateway)
        assert event["next_hop"] == second.address


@pytest.mark.parametrize("how", DEATHS)
async def test_a_new_connection_dies_while_the_message_comes(how: str, start: Any, dial: Any) -> None:
    async with serving(RudeHop()) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await die(hop, "close", dial, gateway.ports["inbound"])  # the one that asked for the offer
        await open_message(client)
        await die(hop, how, dial, gateway.ports["inbound"])
        await client.send(stuffed(PLAIN))
        # Nothing of it was sent yet: a sender slower than the next hop's patience must get through, too.
        assert await client.reply() == "250 2.0.0 hop took it"
        assert len(hop.messages) == 1


async def test_a_next_hop_that_dies_in_the_middle_of_a_message(start: Any, dial: Any) -> None:
    """Too late for a new connection: a part was sent. The client sends it all again."""

    class Dying(RudeHop):
        async def _reply(self, text: str, reader: Any, writer: Any) -> bool:
            if text != "DATA" or self.messages:
                return await super()._reply(text, reader, writer)
            await self._send(writer, "354 go")
            self.messages.append(await reader.readexactly(50_000))
            return await self._send(writer, "RESET")

    async with serving(Dying(offer=["PIPELINING"])) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        assert (await mail(client, raw=LARGE * 20)).startswith("451 4.4.2")
        assert (await mail(client, raw=LARGE * 20)).startswith("250")
        assert len(hop.messages) == 2


async def test_nothing_is_retried_on_a_new_connection(start: Any, dial: Any) -> None:
    """What fails on a connection made for this very transaction is the next hop's state, not a stale pool."""
    async with serving(RudeHop(answers={"RCPT": ["DROP"]})) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)  # the gateway has asked for the offer, and keeps that connection
        reset(hop.writers[0])
        await client.ask("NOOP")
        await client.ask("MAIL FROM:<a@x.example>")
        assert (await client.ask(f"RCPT TO:<{MARY}>")).startswith("451 4.4.2")
        assert (hop.connections, retries(gateway)) == (2, 0)


@pytest.mark.parametrize("answer", ["DROP", "RESET", "421 4.4.2 idle & DROP"])
async def test_xclient_on_a_stale_connection_is_retried(answer: str, start: Any, dial: Any) -> None:
    async with serving(RudeHop(offer=["PIPELINING", "XCLIENT NAME ADDR PORT"])) as hop:
        hop.answers["XCLIENT"] = ["220 ok", answer]
        gateway = await start(hop.address)
        for _ in range(2):  # two clients, so the pooled connection has to be introduced anew
            client = await dial(gateway.ports["inbound"])
            await greet(client)
            assert await mail(client) == "250 2.0.0 hop took it"
        assert len(hop.messages) == 2


async def test_no_message_goes_out_under_another_clients_name(start: Any, dial: Any) -> None:
    """Where a pooled connection names one client and refuses to be told of another, it is not used."""
    async with serving(RudeHop(offer=["PIPELINING", "XCLIENT NAME ADDR PORT"])) as hop:
        hop.answers["XCLIENT"] = ["220 ok", "550 5.7.0 once is enough"]
        gateway = await start(hop.address)
        for _ in range(2):
            client = await dial(gateway.ports["inbound"])
            await greet(client)
            assert await mail(client) == "250 2.0.0 hop took it"
        assert hop.connections == 2


async def test_the_pool_keeps_no_more_connections_than_set(start: Any, dial: Any) -> None:
    async with serving(RudeHop(answers={"RCPT": "250 ok"})) as hop:
        gateway = await start(hop.address, limits={"upstream_idle": 1})
        clients = [await dial(gateway.ports["inbound"]) for _ in range(3)]
        for client in clients:
            await greet(client)
            await client.ask("MAIL FROM:<a@x.example>")
            await client.ask(f"RCPT TO:<{MARY}>")
        assert hop.connections == 3
        for client in clients:
            await client.ask("RSET")
        assert gateway.metrics.upstream_connections.labels("district.example", "idle").read() == 1
        assert gateway.metrics.upstream_connections.labels("district.example", "busy").read() == 0


async def test_busy_connections_to_a_next_hop_are_bounded(start: Any, dial: Any) -> None:
    """However many clients come at the same moment."""
    async with serving(RudeHop(offer=["PIPELINING"])) as hop:
        gateway = await start(hop.address, limits={"upstream_connections": 2})
        clients = [await dial(gateway.ports["inbound"]) for _ in range(5)]
        for client in clients:
            await greet(client)
            await client.ask("MAIL FROM:<a@x.example>")
        for client in clients:
            await client.send(f"RCPT TO:<{MARY}>\r\n")
        answers = sorted([(await client.reply())[:9] for client in clients])
        assert answers == ["250 2.0.0"] * 2 + ["451 4.4.5"] * 3
        assert hop.connections == 2
