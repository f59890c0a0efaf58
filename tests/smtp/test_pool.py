"""Sessions with next hops, as they are shared: none with a past, none for ever, none waited for in vain."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.config import Route
from gateway.smtp import nexthop
from gateway.smtp.mx import MxResolver
from gateway.smtp.nexthop import NextHop
from tests.smtp.conftest import ScriptedHop
from tests.smtp.hops import RudeHop, reset, serving
from tests.smtp.steps import MARY, PLAIN, greet, mail, open_message, outcomes, round_trip, stuffed

LARGE = b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n") * 3000  # beyond what goes out in one write
OK = "250 ok"


@dataclass
class ListeningHop(RudeHop):
    """Remembers what was said on each of its connections."""

    said: dict[asyncio.StreamWriter, list[str]] = field(default_factory=dict)

    async def _reply(self, text: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        self.said.setdefault(writer, []).append(text)
        return await super()._reply(text, reader, writer)

    def commands(self, connection: int) -> list[str]:
        return self.said[self.writers[connection]]


# --- a session that was interrupted ----------------------------------------------------------------------


@pytest.mark.parametrize("raw", [PLAIN, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("silent", ["MAIL", "RCPT", "DATA"])
async def test_a_session_with_replies_to_come_is_never_shared(
    silent: str, raw: bytes, start: Any, dial: Any
) -> None:
    """The replies to one transaction's commands must not be taken for those to another's."""
    hop = ListeningHop(answers={silent: ["354 go" if silent == "DATA" else OK, "WAIT"]})
    async with serving(hop):
        gateway = await start(hop.address, timeouts={"commit": 0.5})
        port = gateway.ports["inbound"]
        first, second = [await dial(port) for _ in range(2)]
        for client in (first, second):
            await greet(client)
        await open_message(first, sender="first@x.example")
        reset(hop.writers[0])
        await round_trip(dial, port)
        await first.send(stuffed(raw))  # told again to a second connection, which does not answer in time
        assert (await first.reply()).startswith("451 4.4.1")

        await second.ask("MAIL FROM:<second@y.example>")
        await second.send("RCPT TO:<joe@district.example>\r\n")
        await round_trip(dial, port)
        hop.gate.set()  # the late replies come while the second client waits for its own
        assert (await second.reply()).startswith("250")
        assert (await second.ask("DATA")).startswith("354")
        await second.send(stuffed(b"Subject: second\r\n\r\nmine\r\n"))
        assert await second.reply() == "250 2.0.0 hop took it"

        assert hop.connections == 3
        expected = ["MAIL FROM:<second@y.example>", "RCPT TO:<joe@district.example>", "DATA"]
        assert [line for line in hop.commands(2) if not line.startswith("EHLO")] == expected
        (message,) = hop.messages
        assert message.endswith(b"Subject: second\r\n\r\nmine\r\n")
        assert [event["event"] for event in await outcomes(gateway, 2)] == ["abandoned", "relayed"]


# --- a next hop that ends while the client takes its time ------------------------------------------------


@pytest.mark.parametrize("end", ["close", "reset", "421 and close", "421"])
@pytest.mark.parametrize("kind", ["reused", "new"])
@pytest.mark.parametrize("raw", [PLAIN, LARGE], ids=["small", "large"])
async def test_a_slow_client_does_not_meet_the_next_hops_patience(
    raw: bytes, kind: str, end: str, start: Any, dial: Any
) -> None:
    async with serving(ListeningHop()) as hop:
        gateway = await start(hop.address)
        port = gateway.ports["inbound"]
        client = await dial(port)
        await greet(client)
        if kind == "new":  # the connection that asked for the offer is gone before it can be used again
            hop.writers[0].close()
            await round_trip(dial, port)
        await open_message(client)
        wire = stuffed(raw)
        await client.send(wire[: len(wire) // 2])
        if end == "reset":
            reset(hop.writers[-1])
        else:
            hop.writers[-1].write(b"421 4.4.2 idle too long\r\n" if "421" in end else b"")
            if "close" in end:
                hop.writers[-1].close()
        await round_trip(dial, port)
        await client.send(wire[len(wire) // 2 :])
        assert await client.reply() == "250 2.0.0 hop took it"
        (delivered,) = hop.messages
        assert delivered.endswith(raw)
        assert gateway.raws() == [raw]
        assert [event["event"] for event in await outcomes(gateway)] == ["relayed"]


# --- what the record says of the final dot ---------------------------------------------------------------


@pytest.mark.parametrize("raw", [PLAIN, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    ("before", "outcome", "dotted"),
    [(False, "failed", True), (True, "failed", False)],
    ids=["lost behind the final dot", "lost before the final dot"],
)
async def test_the_event_tells_whether_a_delivery_may_hide(
    before: bool, outcome: str, dotted: bool, raw: bytes, start: Any, dial: Any
) -> None:
    async with serving(RudeHop(answers={".": "DROP"})) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await open_message(client)
        if before:  # and whoever connects again is sent away
            hop.answers["banner"] = "DROP"
            reset(hop.writers[-1])
            await round_trip(dial, gateway.ports["inbound"])
        await client.send(stuffed(raw))
        assert (await client.reply()).startswith("451")
        (event,) = await outcomes(gateway)
        assert (event["event"], event["final_dot"]) == (outcome, dotted)
        assert event["next_hop"] == hop.address
        assert len(hop.messages) == dotted


# --- XCLIENT -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["RSET", "XCLIENT"])
async def test_silent_sessions_are_not_tried_one_after_the_other(command: str, start: Any, dial: Any) -> None:
    """Each would cost the client a whole `timeouts.reply`."""
    async with serving(RudeHop(offer=["PIPELINING", "XCLIENT NAME ADDR PORT"])) as hop:
        gateway = await start(hop.address, timeouts={"reply": 0.3})
        clients = [await dial(gateway.ports["inbound"]) for _ in range(6)]
        for client in clients:
            await greet(client)
        for client in clients[:5]:  # five sessions at once, then all of them in the pool
            await client.ask("MAIL FROM:<a@x.example>")
            assert (await client.ask(f"RCPT TO:<{MARY}>")).startswith("250")
        for client in clients[:5]:
            await client.ask("RSET")
        opened = hop.connections
        assert opened >= 5
        hop.lines.clear()
        hop.answers[command] = "SILENCE"
        await clients[5].ask("MAIL FROM:<a@x.example>")
        assert (await clients[5].ask(f"RCPT TO:<{MARY}>")).startswith("451 4.4.1")
        assert [line.partition(" ")[0] for line in hop.lines].count(command) == 1
        assert hop.connections == opened
        hop.answers.clear()
        await clients[5].ask("RSET")
        assert (await mail(clients[5])).startswith("250")


# --- what nobody foresaw -----------------------------------------------------------------------------------


async def test_every_command_of_a_pipeline_gets_its_reply(
    start: Any, dial: Any, hop: ScriptedHop, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await start(hop.address)
    client = await dial(gateway.ports["inbound"])
    await greet(client)

    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("unforeseen")

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(NextHop, "acquire", fail)
        lines = [f"RCPT TO:<pupil{n}@district.example>\r\n" for n in range(5)]
        await client.send("MAIL FROM:<a@x.example>\r\n" + "".join(lines) + "NOOP\r\n")
        replies = [(await client.reply())[:9] for _ in range(7)]
    assert replies == ["250 2.1.0"] + ["451 4.3.0"] * 5 + ["250 2.0.0"]
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["session_failed"]
    await client.ask("RSET")
    assert (await mail(client)).startswith("250")


# --- mail exchangers ---------------------------------------------------------------------------------------


@pytest.fixture
def local_exchangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every domain's mail exchanger is this machine."""

    async def exchangers(_: MxResolver, domain: str) -> list[str]:
        return [f"mx.{domain}"]

    async def addresses(_: MxResolver, host: str) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr(MxResolver, "exchangers", exchangers)
    monkeypatch.setattr(MxResolver, "addresses", addresses)


@pytest.mark.usefixtures("local_exchangers")
async def test_pools_of_ended_sessions_are_forgotten(
    start: Any, dial: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nexthop, "MAX_DOMAINS", 3)
    async with serving(RudeHop()) as hop:
        gateway = await start(route=[{"domains": ["*"], "next_hop": "mx", "port": hop.port}])
        port = gateway.ports["outbound"]
        client = await dial(port)
        await greet(client)
        old = {}
        for name in ("one", "two", "three"):
            assert (await mail(client, f"a@{name}.example")).startswith("250")
            old[name] = gateway.context.next_hops.for_domain(f"{name}.example")
        assert hop.connections == 3
        for writer in hop.writers[:2]:  # the exchangers of one and two have enough
            writer.close()
        await round_trip(dial, port)
        assert (await mail(client, "a@four.example")).startswith("250")
        again = {name: gateway.context.next_hops.for_domain(f"{name}.example") for name in old}
        assert again["three"] is old["three"]  # its session is open and will be used again
        assert again["one"] is not old["one"]
        assert again["two"] is not old["two"]
        assert gateway.metrics.upstream_connections.labels("*", "idle").read() == 2
        assert (await mail(client, "a@three.example", "b@three.example")).startswith("250")
        assert hop.connections == 4


@pytest.mark.usefixtures("local_exchangers")
async def test_one_tls_context_serves_all_domains_of_a_route(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the system's whole set of certificates: megabytes, and a tenth of a second."""
    made: list[str] = []
    real = nexthop.client_context

    def counted(route: Route) -> Any:
        made.append(route.name)
        return real(route)

    monkeypatch.setattr(nexthop, "client_context", counted)
    gateway = await start(
        route=[
            {"domains": ["district.example"], "next_hop": "127.0.0.1:1"},
            {"domains": ["*"], "next_hop": "mx"},
        ]
    )
    hops = [gateway.context.next_hops.for_domain(f"d{n}.example") for n in range(50)]
    assert len({id(hop) for hop in hops}) == 50
    assert sorted(made) == ["*", "district.example"]


async def test_a_subdomains_own_next_hop_counts_at_ehlo(start: Any, dial: Any, hop: ScriptedHop) -> None:
    """An inbound client may send to it, so it is offered only what that host can do as well."""
    async with serving(RudeHop(answers={"EHLO": "502 5.5.1 what?"})) as old:
        gateway = await start(
            route=[
                {"domains": ["district.example"], "next_hop": hop.address},
                {"domains": ["students.district.example"], "next_hop": old.address},
            ]
        )
        client = await dial(gateway.ports["inbound"])
        words = {keyword.partition(" ")[0] for keyword in await greet(client)}
        assert old.lines == ["EHLO gateway.district.example", "HELO gateway.district.example"]
        assert words == {"SIZE"}
        assert (await mail(client, "ana@students.district.example")).startswith("250")
        assert len(old.messages) == 1
