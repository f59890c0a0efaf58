"""Postfix as a client of the gateway: its queue sends what local programs hand in, and tries again."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.peers.postfix import Postfix
from tests.smtp.hops import RudeHop, serving
from tests.smtp.steps import below_received


@pytest.fixture
def client(postfix: Postfix) -> Iterator[Postfix]:
    """Postfix with an empty queue, before and after."""
    postfix.empty_queue()
    yield postfix
    postfix.empty_queue()


def settings(client: Postfix, *next_hops: str, **listener: Any) -> dict[str, Any]:
    """An outbound gateway where Postfix looks for it; the first next hop takes what no other one does."""
    own = {"name": "out", "role": "outbound", "bind": [f"127.0.0.1:{client.gateway_port}"]}
    others = [{"domains": [f"route{n}.example"], "next_hop": hop} for n, hop in enumerate(next_hops[1:], 1)]
    return {
        "listener": [{**own, "networks": ["127.0.0.0/8"], **listener}],
        "route": [{"domains": ["*"], "next_hop": next_hops[0]}, *others],
        "timeouts": {"connect": 2},
    }


def subject(message: bytes) -> str:
    found = re.search(rb"^Subject: ([^\r\n]*)", message, re.MULTILINE)
    return found[1].decode() if found else ""


def has_status(client: Postfix, recipient: str, status: str) -> bool:
    return status in client.statuses(recipient)


async def test_a_message_with_everything(client: Postfix, start: Any, until: Any) -> None:
    """8-bit, DSN, several recipients, one transaction: every parameter as Postfix said it."""
    async with serving(RudeHop()) as hop:
        gateway = await start(**settings(client, hop.address))
        recipients = [f"r{n}@everything.example" for n in range(20)]
        raw = b"Subject: everything\n\n.caf\xe9\n..\nx\n"
        options = {"B": "8BITMIME", "N": "failure,delay", "V": "QQ+314", "R": "hdrs"}
        await asyncio.to_thread(partial(client.send, raw, *recipients, **options))
        await until(lambda: hop.messages)
        (mail_line,) = [line for line in hop.lines if line.startswith("MAIL")]
        assert re.fullmatch(
            r"MAIL FROM:<mary@district.example> SIZE=\d+ BODY=8BITMIME ENVID=QQ\+2B314 RET=HDRS", mail_line
        )
        lines = [line for line in hop.lines if line.startswith("RCPT")]
        assert sorted(lines) == [
            f"RCPT TO:<{address}> ORCPT=rfc822;{address} NOTIFY=FAILURE,DELAY"
            for address in sorted(recipients)
        ]
        (stored,) = gateway.raws()
        assert below_received(hop.messages[0]) == stored
        assert b"\r\n\r\n.caf\xe9\r\n..\r\nx\r\n" in stored
        await until(partial(has_status, client, recipients[-1], "sent"))
        assert gateway.messages()[0]["envelope"]["mail_parameters"] in mail_line


@pytest.mark.parametrize("domain", ["encrypt.example", "secure.example"])
async def test_starttls_to_the_gateway(
    domain: str, client: Postfix, authority: Any, start: Any, hop: Any, until: Any
) -> None:
    """smtp_tls_security_level encrypt, and secure: with a verified certificate."""
    pair = authority.issue("gateway.district.example", file="gateway")
    section = settings(client, hop.address, tls="required")
    gateway = await start(tls={"certificate": pair.certificate, "key": pair.key}, **section)
    await asyncio.to_thread(client.send, b"Subject: tls\n\nx\n", f"r@{domain}")
    await until(lambda: hop.messages)
    assert gateway.messages()[0]["envelope"]["client"]["tls"]["version"] == "TLSv1.3"
    assert b" with ESMTPS id " in hop.messages[0]
    trust = "Untrusted" if domain == "encrypt.example" else "Verified"
    assert domain != "secure.example" or f"{trust} TLS connection established to 127.0.0.1" in client.log()


async def test_starttls_that_the_gateway_does_not_have(
    client: Postfix, start: Any, hop: Any, until: Any
) -> None:
    await start(**settings(client, hop.address))
    await asyncio.to_thread(client.send, b"Subject: no tls\n\nx\n", "wants-tls@encrypt.example")
    await until(partial(has_status, client, "wants-tls@encrypt.example", "deferred"))
    assert hop.messages == []


async def test_smtputf8(client: Postfix, start: Any, hop: Any, until: Any) -> None:
    gateway = await start(**settings(client, hop.address))
    raw = "From: mary@district.example\nTo: josé@utf8.example\nSubject: früh\n\nñ\n".encode()
    await asyncio.to_thread(client.send, raw, "josé@utf8.example")
    await until(lambda: hop.messages)
    assert any("SMTPUTF8" in line for line in hop.lines if line.startswith("MAIL"))
    assert any(line.startswith("RCPT TO:<josé@utf8.example>") for line in hop.lines)
    assert gateway.messages()[0]["envelope"]["recipients"][0]["address"] == "josé@utf8.example"


async def test_recipients_of_two_routes(client: Postfix, start: Any, until: Any) -> None:
    """452 for the second route; Postfix sends it again by itself, in a transaction of its own."""
    async with serving(RudeHop()) as first, serving(RudeHop()) as second:
        gateway = await start(**settings(client, first.address, second.address))
        recipients = ["a@anywhere.example", "b@route1.example", "c@anywhere.example", "d@route1.example"]
        await asyncio.to_thread(client.send, b"Subject: two routes\n\nx\n", *recipients)
        await until(lambda: first.messages and second.messages)
        for recipient in recipients:
            await until(partial(has_status, client, recipient, "sent"))
        assert (len(first.messages), len(second.messages)) == (1, 1)
        groups = [
            {item["address"] for item in message["envelope"]["recipients"]} for message in gateway.messages()
        ]
        assert sorted(map(sorted, groups)) == [
            ["a@anywhere.example", "c@anywhere.example"],
            ["b@route1.example", "d@route1.example"],
        ]


async def test_an_unknown_user_is_returned_by_postfix_not_by_us(
    client: Postfix, start: Any, hop: Any, until: Any
) -> None:
    hop.answers["RCPT TO:<unknown@"] = "550 5.1.1 never heard of"
    await start(**settings(client, hop.address))
    await asyncio.to_thread(client.send, b"Subject: unknown\n\nx\n", "unknown@x.example")
    await until(partial(has_status, client, "unknown@x.example", "bounced"))
    assert "550 5.1.1 never heard of" in client.log()
    assert hop.messages == []


async def test_mail_waits_while_the_next_hop_is_away(client: Postfix, start: Any, until: Any) -> None:
    """Deferred, whatever kind of mail it is, and delivered when the next hop is back."""
    hop = RudeHop()
    async with serving(hop):
        address, port = hop.address, hop.port
    await start(**settings(client, address))
    kinds = {"plain@away.example": b"x", "8bit@away.example": b"caf\xe9", "josé@away.example": b"x"}
    for recipient, body in kinds.items():
        raw = b"Subject: " + recipient.encode() + b"\n\n" + body + b"\n"
        await asyncio.to_thread(client.send, raw, recipient)
    for recipient in kinds:
        await until(partial(client.statuses, recipient))
    assert {recipient: client.statuses(recipient)[0] for recipient in kinds} == dict.fromkeys(
        kinds, "deferred"
    )
    async with serving(hop, port=port):
        await asyncio.to_thread(client.command, "flush")
        await until(lambda: len(hop.messages) == len(kinds))
        assert {subject(message) for message in hop.messages} == set(kinds)


async def test_nothing_is_sent_twice_or_lost_when_the_next_hop_stumbles(
    client: Postfix, start: Any, until: Any
) -> None:
    """It drops, refuses for now and says 421 in turn; Postfix and the gateway get every message there once."""
    stumbles = {"RCPT": ["DROP", "250 ok", "450 4.2.0 later"], "DATA": ["421 4.3.2 & DROP"], "MAIL": ["DROP"]}
    async with serving(RudeHop(answers=dict(stumbles))) as hop:
        await start(**settings(client, hop.address))
        subjects = [f"stumble {n}" for n in range(8)]
        for each in subjects:
            raw = f"Subject: {each}\n\nx\n".encode()
            await asyncio.to_thread(client.send, raw, f"{each.replace(' ', '')}@stumble.example")
        await asyncio.to_thread(client.command, "flush")
        await until(lambda: len(hop.messages) >= len(subjects))
        assert sorted(map(subject, hop.messages)) == subjects


# --- other programs ---------------------------------------------------------------------------------------


async def run(*words: Any, given: bytes = b"") -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *map(str, words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(given), 60)
    return process.returncode or 0, output.decode("utf-8", "replace")


async def test_swaks(needs: Any, start: Any, hop: Any) -> None:
    gateway = await start(hop.address)
    code, output = await run(
        *(needs("swaks"), "--server", f"127.0.0.1:{gateway.ports['inbound']}", "--helo", "swaks.example"),
        *("--from", "pat@x.example", "--to", "mary@district.example", "--pipeline"),
        *("--header", "Subject: swaks", "--body", ".a dot\n..two dots\n", "--attach", "@/etc/hostname"),
    )
    assert code == 0, output
    assert "<-  250 2.0.0 hop took it" in output
    assert below_received(hop.messages[0]) == gateway.raws()[0]
    assert b"\r\n\r\n.a dot\r\n..two dots\r\n" in gateway.raws()[0]


async def test_swaks_sees_a_refusal(needs: Any, start: Any, hop: Any) -> None:
    hop.answers["RCPT"] = "550 5.1.1 nobody here"
    gateway = await start(hop.address)
    code, output = await run(
        *(needs("swaks"), "--server", f"127.0.0.1:{gateway.ports['inbound']}"),
        *("--from", "pat@x.example", "--to", "mary@district.example"),
    )
    assert code == 24, output  # "no recipients accepted"
    assert "<** 550 5.1.1 nobody here" in output


@pytest.mark.parametrize("flags", [[], ["-d"], ["-r", "5"], ["-N"]], ids=str)
async def test_smtp_source(flags: list[str], needs: Any, sink: Any, start: Any) -> None:
    """One connection for each message or for all of them (-d), or several recipients (-r)."""
    gateway = await start(sink())
    code, output = await run(
        *(needs("smtp-source"), *flags, "-s", "5", "-m", "50", "-l", "4000", "-f", "a@x.example"),
        *("-t", "mary@district.example", f"127.0.0.1:{gateway.ports['inbound']}"),
    )
    assert (code, output) == (0, "")
    assert len(gateway.messages()) == 50
    assert gateway.metrics.transactions.labels("inbound", "relayed").value == 50
