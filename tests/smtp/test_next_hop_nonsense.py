"""A next hop that speaks nonsense: a reply never answers another command than its own, whatever it sends.

The worst that could happen is a 250 to a final dot that was meant for something else: the client would
forget a message that nobody took. So it is checked against what the next hop really took.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.smtp.hops import RudeHop, serving
from tests.smtp.steps import MARY, PLAIN, greet, mail, stuffed

# Answers that are no answer to the command: the client gets a temporary reply of the gateway's own.
NONSENSE = {
    "no code": "hello there",
    "an empty line": "",
    "two digits": "25 ok",
    "a code below 200": "150 hm",
    "a code above 599": "650 hm",
    "a code alone, glued to text": "250ok",
    "an intermediate code": "354 go ahead",
    "lines that differ in code": "250-yes\r\n550 no",
    "HTTP": "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n",
    "octets": "\x00\x01\x02",
    "a bare CR": "250 a\rb",
    "a reply without end": "250-" + "x" * 70_000,
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=list(NONSENSE))
@pytest.mark.parametrize("command", ["RCPT", "MAIL", "."])
async def test_nonsense_is_a_temporary_failure(command: str, answer: str, start: Any, dial: Any) -> None:
    async with serving(RudeHop(answers={command: [answer]})) as hop:
        gateway = await start(hop.address, timeouts={"reply": 1})
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await client.ask("MAIL FROM:<a@x.example>")
        reply = await client.ask(f"RCPT TO:<{MARY}>")
        if command == ".":
            assert (await client.ask("DATA")).startswith("354")
            await client.send(stuffed(PLAIN))
            reply = await client.reply()
        assert re.fullmatch(r"451 4\.[0-9.]+ .*", reply), reply
        await client.ask("RSET")
        assert await mail(client) == "250 2.0.0 hop took it"


@pytest.mark.parametrize("answer", ["250 2.0.0 what data?", "220 hi", "334 more", "hello"])
async def test_what_is_no_answer_to_data_never_reads_as_success(answer: str, start: Any, dial: Any) -> None:
    async with serving(RudeHop(answers={"DATA": [answer]})) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await client.ask("MAIL FROM:<a@x.example>")
        await client.ask(f"RCPT TO:<{MARY}>")
        assert (await client.ask("DATA")).startswith("451")
        assert hop.messages == []
        assert gateway.messages() == []


# --- replies that nobody asked for -----------------------------------------------------------------------


async def test_an_early_reply_is_not_the_one_to_the_final_dot(start: Any, dial: Any) -> None:
    """`354` and a stray `250` in one packet, and then the next hop dies: nobody took the message."""
    async with serving(RudeHop(answers={"DATA": ["354 go\r\n250 2.0.0 stray"], ".": ["DROP"]})) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        assert (await mail(client)).startswith("451")


async def test_a_refusal_before_the_final_dot_stands(start: Any, dial: Any) -> None:
    """A next hop may refuse while the message still comes (postscreen and `smtp-sink -A` do)."""
    async with serving(RudeHop(answers={"DATA": "354 go\r\n550 5.7.1 seen enough & DROP"})) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await client.ask("MAIL FROM:<a@x.example>")
        await client.ask(f"RCPT TO:<{MARY}>")
        reply = await client.ask("DATA")
        if reply.startswith("354"):
            await client.send(stuffed(PLAIN))
            reply = await client.reply()
        assert reply.startswith(("550 5.7.1 seen enough", "451 4.")), reply
        hop.answers.clear()
        await client.ask("RSET")
        assert (await mail(client)).startswith("250 2.0.0 hop took it")


@pytest.mark.parametrize("extra", ["250 2.0.0 stray", "550 5.0.0 stray", "354 stray", "250-stray"])
@pytest.mark.parametrize("command", ["EHLO", "MAIL", "RCPT", "RSET"])
async def test_a_stray_reply_answers_no_later_command(
    command: str, extra: str, start: Any, dial: Any
) -> None:
    """Only within one pipeline may it take a place; then the transaction can't go on."""
    fine = "250-hop.example\r\n250 PIPELINING" if command == "EHLO" else "250 2.0.0 fine"
    async with serving(RudeHop()) as hop:
        gateway = await start(hop.address)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        hop.writers[0].close()  # the connection that asked for the offer; the message takes a new one
        await client.ask("NOOP")
        hop.answers = {command: [f"{fine}\r\n{extra}"], "RCPT TO:<joe@": "550 5.1.1 not joe"}
        if command == "RSET":  # comes ahead of a transaction on a connection with an unfinished one
            await client.ask("MAIL FROM:<a@x.example>")
            await client.ask("RCPT TO:<joe@district.example>")
            await client.ask("RSET")
        await client.ask("MAIL FROM:<a@x.example>")
        await client.ask(f"RCPT TO:<{MARY}>")
        later = await client.ask("RCPT TO:<joe@district.example>")
        assert later.startswith(("550 5.1.1 not joe", "451 4.")), later
        await client.ask("RSET")
        assert (await mail(client)).startswith("250 2.0.0 hop took it")
        assert len(hop.messages) == 1


# --- many sessions at once ---------------------------------------------------------------------------------


@dataclass
class TellingHop(RudeHop):
    """Each answer names what it answers; `strays` says after which answers another one follows unasked."""

    strays: list[bool] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    async def _reply(self, text: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        verb = text.partition(" ")[0].upper()
        if verb == "EHLO":
            await self._send(writer, "\r\n".join(["250-hop.example", *self.offer, "250 8BITMIME"]))
        elif verb == "DATA":
            await self._send(writer, "354 to DATA" + self._stray())
            message = await reader.readuntil(b"\r\n.\r\n")
            subject = message.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
            self.taken.add(subject)
            await self._send(writer, f"250 2.0.0 took {subject}" + self._stray())
        else:
            await self._send(writer, f"250 2.0.0 to {text}" + self._stray())
        return verb != "QUIT"

    def _stray(self) -> str:
        return "\r\n250 2.0.0 stray" if self.strays and self.strays.pop(0) else ""


@dataclass
class Sender:
    """A client that sends messages step by step, so that several can be interleaved."""

    name: str
    client: Any
    number: int = 0
    step: int = 0
    claimed: list[str] = field(default_factory=list)  # subjects the client saw accepted

    async def advance(self, *, strict: bool) -> None:
        """One command and its reply; where `strict`, that is its own or a temporary one of the gateway."""
        subject = f"{self.name}.{self.number}"
        recipient = f"{subject}@district.example"
        if self.step == 0:
            await self.client.ask(f"MAIL FROM:<{subject}@x.example>")
            self.step = 1
            return
        wanted = {
            1: (f"RCPT TO:<{recipient}>\r\n", f"250 2.0.0 to RCPT TO:<{recipient}>"),
            2: ("DATA\r\n", "354 to DATA"),
            3: (f"Subject: {subject}\r\n\r\nx\r\n.\r\n", f"250 2.0.0 took {subject}"),
        }
        line, answer = wanted[self.step]
        await self.client.send(line)
        reply = await self.client.reply()
        assert not strict or reply == answer or reply.startswith("451 4."), (line, reply)
        if reply[:3] != answer[:3]:
            if self.step < 3:
                await self.client.ask("RSET")
            self.step, self.number = 0, self.number + 1
        elif self.step == 3:
            self.claimed.append(subject)
            self.step, self.number = 0, self.number + 1
        else:
            self.step += 1


@pytest.fixture
async def telling(start: Any) -> AsyncIterator[tuple[TellingHop, int]]:
    """The hop, and the port of a gateway in front of it; both live for all examples."""
    hop = TellingHop()
    async with serving(hop):
        gateway = await start(hop.address)
        yield hop, gateway.ports["inbound"]


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    turns=st.lists(st.integers(0, 3), min_size=4, max_size=40),
    strays=st.lists(st.booleans(), max_size=30),
    pipelining=st.booleans(),
)
async def test_replies_never_shift_between_sessions(
    turns: list[int], strays: list[bool], pipelining: bool, telling: tuple[TellingHop, int], dial: Any
) -> None:
    """Whatever it says unasked, no client believes a message taken that was not."""
    hop, port = telling
    hop.offer = ["PIPELINING"] if pipelining else []
    hop.strays = []
    hop.taken.clear()
    senders = [Sender(f"s{n}", await dial(port)) for n in range(4)]
    for sender in senders:
        await greet(sender.client)
    hop.strays = strays
    for turn in turns:
        await senders[turn].advance(strict=not pipelining)
    for sender in senders:
        assert set(sender.claimed) <= hop.taken
        await sender.client.close()
    while hop.writers:  # the next example begins with an empty pool
        hop.writers.pop().close()
