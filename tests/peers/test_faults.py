"""Faults of a next hop, made by smtp-sink's own flags: refusing, dropping and dawdling at each command.

For each: the reply the client gets, at which step, and whether the message is archived. A 250 to the
final dot is never given where the next hop did not give it, and nothing takes longer than it may.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from tests.smtp.steps import MARY, PLAIN, greet, stuffed

HARD = "500 5.3.0 Error: command failed"  # smtp-sink's own words, which have to come back verbatim
SOFT = "450 4.3.0 Error: command failed"
TIMES = {"connect": 0.6, "reply": 0.6, "commit": 0.6, "upstream_idle": 5}
BOUND = 10  # seconds for a whole dialogue, of which each wait ends after a fraction


@dataclass(frozen=True)
class Fault:
    flags: tuple[str, ...]
    step: str  # RCPT, DATA or ".": where the client learns of it
    reply: str
    archived: bool = False


def fault(flags: str, step: str, reply: str, archived: bool = False) -> Fault:
    return Fault(tuple(flags.split()), step, reply, archived)


FAULTS = [
    # Disconnects without a word.
    fault("-q CONNECT", "RCPT", "451 4.4.2"),
    fault("-q EHLO", "RCPT", "451 4.4.2"),
    fault("-q MAIL", "RCPT", "451 4.4.2"),
    fault("-q RCPT", "RCPT", "451 4.4.2"),
    fault("-q DATA", "DATA", "451 4.4.2"),
    fault("-q .", ".", "451 4.4.2", archived=True),
    # Says 421 and disconnects.
    fault("-Q CONNECT", "RCPT", "451 4.4.1"),
    fault("-Q EHLO", "RCPT", "4"),
    fault("-Q MAIL", "RCPT", "4"),
    fault("-Q RCPT", "RCPT", "4"),
    fault("-Q DATA", "DATA", "4"),
    fault("-Q .", ".", "421", archived=True),
    # Refuses for good.
    fault("-f CONNECT", "RCPT", "451 4.4.1"),
    fault("-f EHLO,HELO", "RCPT", "451 4.4.1"),
    fault("-f MAIL", "RCPT", HARD),
    fault("-f RCPT", "RCPT", HARD),
    fault("-f DATA", "DATA", HARD),
    fault("-f .", ".", HARD, archived=True),
    # Refuses for now.
    fault("-r CONNECT", "RCPT", "451 4.4.1"),
    fault("-r EHLO,HELO", "RCPT", "451 4.4.1"),
    fault("-r MAIL", "RCPT", SOFT),
    fault("-r RCPT", "RCPT", SOFT),
    fault("-r DATA", "DATA", SOFT),
    fault("-r .", ".", SOFT, archived=True),
    # With words of its own.
    Fault(("-f", "RCPT", "-B", "550 5.1.1 nobody by that name"), "RCPT", "550 5.1.1 nobody by that name"),
    Fault(("-r", ".", "-b", "452 4.2.2 mailbox full"), ".", "452 4.2.2 mailbox full", archived=True),
    # Dawdles longer than it may.
    fault("-W CONNECT:30", "RCPT", "451 4.4.1"),
    fault("-W EHLO:30", "RCPT", "451 4.4.1"),
    fault("-W MAIL:30", "RCPT", "451 4.4.1"),
    fault("-W RCPT:30", "RCPT", "451 4.4.1"),
    fault("-w 30", "DATA", "451 4.4.1"),
    fault("-W .:30", ".", "451 4.4.1", archived=True),
]

# What is odd, but no fault: the message goes through.
ODDITIES = [
    "",  # nothing odd at all
    "-f EHLO",  # knows HELO only, and says so
    "-r EHLO",
    "-e",  # does not announce ESMTP
    "-8",  # no 8BITMIME
    "-p",  # no PIPELINING
    "-N",  # no DSN
    "-E",  # no ENHANCEDSTATUSCODES
    "-C",  # no XCLIENT
    "-P",  # a firewall's greeting, full of asterisks
    "-f RSET",
    "-q QUIT",
    "-f NOOP",
    "-h a.very.odd-name.example",
    "-n 1",  # one session only
]


async def dialogue(client: Any) -> tuple[str, str]:
    """A message, as far as it gets: the step at which it failed, or ".", and the reply there."""
    await greet(client)
    assert (await client.ask("MAIL FROM:<a@x.example>")).startswith("250")
    reply = await client.ask(f"RCPT TO:<{MARY}>")
    if not reply.startswith("250"):
        return "RCPT", reply
    reply = await client.ask("DATA")
    if not reply.startswith("354"):
        return "DATA", reply
    await client.send(stuffed(PLAIN))
    return ".", await client.reply()


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: " ".join(case.flags))
async def test_fault(case: Fault, sink: Any, start: Any, dial: Any) -> None:
    gateway = await start(sink(*case.flags), timeouts=TIMES)
    client = await dial(gateway.ports["inbound"])
    async with asyncio.timeout(BOUND):
        step, reply = await dialogue(client)
    assert (step, reply[: len(case.reply)]) == (case.step, case.reply), reply
    assert reply[0] in "45"
    assert len(gateway.messages()) == case.archived
    if not reply.startswith("421"):
        assert (await client.ask("NOOP")).startswith("250")  # the client's session outlives it


@pytest.mark.parametrize("flags", ODDITIES)
async def test_oddity(flags: str, sink: Any, start: Any, dial: Any) -> None:
    gateway = await start(sink(*flags.split()), timeouts=TIMES)
    client = await dial(gateway.ports["inbound"])
    for _ in range(2):
        step, reply = await dialogue(client)
        if flags == "-n 1" and step == "RCPT":
            assert reply.startswith("451")
            return
        assert (step, reply[:3]) == (".", "250"), reply
    assert gateway.raws() == [PLAIN, PLAIN]


async def test_a_refusal_while_the_message_comes(sink: Any, start: Any, dial: Any) -> None:
    """smtp-sink says 354, and in the same breath 550 and goodbye."""
    gateway = await start(sink("-A", "0"), timeouts=TIMES)
    client = await dial(gateway.ports["inbound"])
    async with asyncio.timeout(BOUND):
        step, reply = await dialogue(client)
    assert step in ("DATA", ".")
    assert reply.startswith(("550 ", "451 4."))


async def test_several_hosts_of_which_one_works(sink: Any, start: Any, dial: Any) -> None:
    hosts = [sink("-q", "CONNECT"), sink("-f", "CONNECT"), sink("-W", "CONNECT:30"), sink()]
    route = {"domains": ["district.example"], "next_hop": hosts}
    gateway = await start(route=[route], timeouts={**TIMES, "commit": BOUND})  # which bounds all attempts
    client = await dial(gateway.ports["inbound"])
    async with asyncio.timeout(BOUND):
        assert (await dialogue(client))[1].startswith("250")
    assert gateway.messages()[0]["envelope"]["next_hop"] == hosts[-1]
