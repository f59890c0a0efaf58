"""Postfix as the district's mail server behind the gateway."""

from __future__ import annotations

import asyncio
import hashlib
import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.peers.postfix import Postfix, below_trace
from tests.smtp.conftest import Dialogue
from tests.smtp.steps import greet, mail, with_crlf, with_final_line_end


def route(postfix: Postfix, port: str = "plain", **more: Any) -> dict[str, Any]:
    return {"route": [{"domains": ["district.example"], "next_hop": postfix.address(port), **more}]}


def marked(mark: str, body: bytes = b"Hi Mary\r\n") -> bytes:
    """A message that a test finds again among others'."""
    return f"Subject: {mark}\r\n\r\n".encode() + body


def found(postfix: Postfix, mark: str, mailbox: str = "mary") -> list[bytes]:
    return [raw for raw in postfix.delivered(mailbox) if f"Subject: {mark}\n".encode() in raw]


def arrived(postfix: Postfix, mark: str, mailbox: str, count: int) -> bool:
    return len(found(postfix, mark, mailbox)) == count


async def test_delivered_to_a_maildir(postfix: Postfix, start: Any, dial: Any, until: Any) -> None:
    gateway = await start(**route(postfix))
    client = await dial(gateway.ports["inbound"])
    offered = await greet(client)
    assert {"PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"} <= set(offered)
    raw = marked("maildir", b".leading dot\r\n\r\ncaf\xe9 \xff\r\n..\r\n" + b"long " * 4000 + b"\r\n")
    reply = await mail(client, raw=raw)
    assert reply.startswith("250 2.0.0 Ok: queued as ")
    (message,) = await until(lambda: found(postfix, "maildir"))
    assert below_trace([message]) == [raw.replace(b"\r\n", b"\n")]
    assert gateway.raws() == [raw]
    assert gateway.messages()[0]["envelope"]["recipients"][0]["reply"] == "250 2.1.5 Ok"


async def test_an_unknown_user_is_refused_in_postfixs_words(postfix: Postfix, start: Any, dial: Any) -> None:
    gateway = await start(**route(postfix))
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    await client.ask("MAIL FROM:<a@x.example>")
    reply = await client.ask("RCPT TO:<nobody@district.example>")
    assert reply == (
        "550 5.1.1 <nobody@district.example>: Recipient address rejected: User unknown in virtual mailbox table"
    )
    assert (await client.ask("RCPT TO:<mary@district.example>")).startswith("250")


async def test_postfix_logs_the_real_clients(postfix: Postfix, start: Any, until: Any) -> None:
    """By XCLIENT, each client under its own address although they share the connections."""
    gateway = await start(**route(postfix))
    for _ in range(2):
        for last in (21, 22, 23):
            client = Dialogue(
                *await asyncio.open_connection(
                    "127.0.0.1", gateway.ports["inbound"], local_addr=(f"127.0.0.{last}", 0)
                )
            )
            await client.reply()
            await greet(client, f"helo-{last}.example")
            raw = marked(f"xclient-{last}")
            assert (await mail(client, "joe@district.example", raw=raw)).startswith("250")
            await client.close()
    assert gateway.metrics.upstream_opened.labels("district.example").value == 1
    for last in (21, 22, 23):
        await until(partial(arrived, postfix, f"xclient-{last}", "joe", 2))
        for message in found(postfix, f"xclient-{last}", "joe"):
            assert f" (unknown [127.0.0.{last}])".encode() in message
        assert postfix.log().count(f"client=unknown[127.0.0.{last}]") == 2


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::9"])
async def test_postfix_logs_the_client_behind_a_load_balancer(
    address: str, postfix: Postfix, start: Any, dial: Any
) -> None:
    """From the PROXY header to XCLIENT, IPv6 too."""
    listener = {"name": "inbound", "role": "inbound", "bind": ["127.0.0.1:0"]}
    proxy = {"proxy_protocol": True, "proxy_networks": ["127.0.0.0/8"]}
    gateway = await start(**route(postfix), listener=[{**listener, **proxy}])
    client = await dial(gateway.ports["inbound"], greeting=False)
    own = "2001:db8::1" if ":" in address else "192.0.2.1"
    await client.send(f"PROXY TCP{6 if ':' in address else 4} {address} {own} 51234 25\r\n")
    await client.reply()
    await greet(client)
    assert (await mail(client, raw=marked("behind a balancer"))).startswith("250")
    assert f"client=unknown[{address}]" in postfix.log()


async def test_without_xclient_the_gateway_is_the_client(
    postfix: Postfix, start: Any, dial: Any, until: Any
) -> None:
    gateway = await start(**route(postfix, xclient=False))
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert (await mail(client, raw=marked("no-xclient"))).startswith("250")
    (message,) = await until(lambda: found(postfix, "no-xclient"))
    assert b"Received: from gateway.district.example (unknown [127.0.0.1])" in message


@pytest.mark.parametrize(
    ("port", "tls", "secured"),
    [
        ("plain", "opportunistic", False),
        ("tls", "opportunistic", True),
        ("tls", "required", True),
        ("only-tls", "required", True),
        ("tls", "off", False),
    ],
)
async def test_tls(
    port: str, tls: str, secured: bool, postfix: Postfix, authority: Any, start: Any, dial: Any, until: Any
) -> None:
    mark = f"tls-{port}-{tls}"
    gateway = await start(**route(postfix, port, tls=tls, ca_file=authority.file))
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert (await mail(client, raw=marked(mark))).startswith("250")
    (message,) = await until(lambda: found(postfix, mark))
    assert (b"(using TLSv1.3 " in message) == secured


async def test_tls_required_of_postfix_without(
    postfix: Postfix, authority: Any, start: Any, dial: Any
) -> None:
    gateway = await start(**route(postfix, "plain", tls="required", ca_file=authority.file))
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    await client.ask("MAIL FROM:<a@x.example>")
    assert (await client.ask("RCPT TO:<mary@district.example>")).startswith("451 4.7.5")


async def test_tls_required_by_postfix(postfix: Postfix, start: Any, dial: Any) -> None:
    gateway = await start(**route(postfix, "only-tls", tls="off"))
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    await client.ask("MAIL FROM:<a@x.example>")
    reply = await client.ask("RCPT TO:<mary@district.example>")
    assert reply == "530 5.7.0 Must issue a STARTTLS command first"


async def test_postfix_without_8bitmime(postfix: Postfix, start: Any, dial: Any, until: Any) -> None:
    gateway = await start(**route(postfix, "7bit"))
    client = await dial(gateway.ports["inbound"])
    assert not {"8BITMIME", "SMTPUTF8"} & set(await greet(client))
    assert (await mail(client, raw=marked("8bit", b"caf\xe9\r\n"))).startswith("554 5.6.3")
    assert (await mail(client, raw=marked("7bit"))).startswith("250")
    await until(lambda: found(postfix, "7bit"))
    assert not found(postfix, "8bit")


async def test_postfixs_size_limit(postfix: Postfix, start: Any, dial: Any) -> None:
    gateway = await start(**route(postfix, "small"))
    client = await dial(gateway.ports["inbound"])
    assert "SIZE 20000" in await greet(client)
    assert (await client.ask("MAIL FROM:<a@x.example> SIZE=20001")).startswith("552 5.3.4")
    assert (await mail(client, raw=marked("big", b"x" * 70 + b"\r\n" * 20_000))).startswith("552 5.3.4")


async def test_many_at_once(postfix: Postfix, needs: Any, start: Any, until: Any) -> None:
    """smtp-source on ten connections: each message once in the archive, once in the mailbox."""
    gateway = await start(**route(postfix))
    source = await asyncio.create_subprocess_exec(
        *(needs("smtp-source"), "-s", "10", "-m", "100", "-l", "3000", "-f", "source@x.example"),
        *("-t", "ann@district.example", "-S", "many-at-once", f"127.0.0.1:{gateway.ports['inbound']}"),
        stderr=subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(source.communicate(), 60)
    assert (source.returncode, errors) == (0, b"")
    await until(partial(arrived, postfix, "many-at-once", "students/ann", 100))
    assert len(gateway.messages()) == 100
    assert gateway.metrics.transactions.labels("inbound", "relayed").value == 100
    assert digests(below_trace(found(postfix, "many-at-once", "students/ann"))) == digests(gateway.raws())


def well_formed(raw: bytes) -> bool:
    """Whether the header holds fields only; Postfix mends others by an empty line ahead of what is none."""
    header = raw.partition(b"\r\n\r\n")[0]
    return all(re.match(rb"[!-9;-~]+:|[ \t]", line) for line in header.split(b"\r\n"))


async def test_the_corpus_arrives_in_the_maildir(
    postfix: Postfix, corpus: Path, start: Any, dial: Any, until: Any
) -> None:
    """Below the trace lines, Postfix keeps every octet too, but for line ends."""
    files = sorted((corpus / "mail").rglob("*.eml"))
    every = [with_final_line_end(with_crlf(path.read_bytes())) for path in files]
    messages = [raw for raw in every if well_formed(raw)]
    assert len(messages) > len(every) / 2
    gateway = await start(**route(postfix))
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    before = len(postfix.delivered("joe"))
    for raw in messages:
        assert (await mail(client, "joe@district.example", raw=raw)).startswith("250 2.0.0 Ok: queued as ")
    await until(lambda: len(postfix.delivered("joe")) == before + len(messages))
    assert digests(below_trace(postfix.delivered("joe")[before:])) == digests(messages)


def digests(messages: Iterable[bytes]) -> Counter[str]:
    """SHA-256 of each message, with LF as a Maildir has it."""
    return Counter(hashlib.sha256(raw.replace(b"\r\n", b"\n")).hexdigest() for raw in messages)
