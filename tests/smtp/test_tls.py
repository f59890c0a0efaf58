"""STARTTLS on both sides: what is offered, what is required, and what an attacker or a bad file achieves."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path
from typing import Any

import pytest

from gateway.config import ConfigError
from tests.smtp.certificates import Authority, Pair
from tests.smtp.hops import RudeHop, serving
from tests.smtp.steps import MARY, greet, mail


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def own(authority: Authority, tmp_path: Path) -> Pair:
    """The gateway's own certificate, in files of the test."""
    issued = authority.issue("gateway.district.example", file="gateway")
    pair = Pair(tmp_path / "gateway.pem", tmp_path / "gateway.key")
    shutil.copy(issued.certificate, pair.certificate)
    shutil.copy(issued.key, pair.key)
    return pair


def tls_settings(pair: Pair, mode: str = "opportunistic") -> dict[str, Any]:
    return {
        "tls": {"certificate": pair.certificate, "key": pair.key},
        "listener": [{"name": "inbound", "role": "inbound", "bind": ["127.0.0.1:0"], "tls": mode}],
    }


async def secure(client: Any, authority: Authority) -> bytes:
    """STARTTLS; the certificate of the gateway in DER."""
    assert (await client.ask("STARTTLS")).startswith("220 ")
    await client.writer.start_tls(authority.client_context())
    found: bytes = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return found


def der(pair: Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())


# --- clients ----------------------------------------------------------------------------------------------


async def test_a_client_under_tls(authority: Authority, own: Pair, start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, **tls_settings(own))
    client = await dial(gateway.ports["inbound"])
    assert "STARTTLS" in await greet(client)
    await secure(client, authority)
    assert (await client.ask("MAIL FROM:<a@x.example>")).startswith("503")  # EHLO comes anew (RFC 3207 §4.2)
    assert "STARTTLS" not in await greet(client)
    assert (await client.ask("STARTTLS")).startswith("502")
    assert (await mail(client)).startswith("250")
    tls = gateway.messages()[0]["envelope"]["client"]["tls"]
    assert tls["version"] == "TLSv1.3" and tls["bits"] >= 128
    assert b" with ESMTPS id " in hop.messages[0]
    assert f"(TLSv1.3 cipher {tls['cipher']} bits {tls['bits']})".encode() in hop.messages[0]


async def test_without_tls_nothing_is_taken_where_it_is_required(
    authority: Authority, own: Pair, start: Any, dial: Any, hop: Any
) -> None:
    gateway = await start(hop.address, **tls_settings(own, "required"))
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert (await client.ask("MAIL FROM:<a@x.example>")).startswith("530 5.7.0")
    await secure(client, authority)
    await greet(client)
    assert (await mail(client)).startswith("250")


async def test_starttls_where_there_is_none(start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address)
    client = await dial(gateway.ports["inbound"])
    assert "STARTTLS" not in await greet(client)
    assert (await client.ask("STARTTLS")).startswith("502")


async def test_plain_text_behind_starttls_is_not_executed_under_tls(
    own: Pair, start: Any, dial: Any, hop: Any
) -> None:
    """CVE-2011-0411: what an attacker puts behind STARTTLS must not act in the secured session."""
    gateway = await start(hop.address, **tls_settings(own))
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    await client.send("STARTTLS\r\nNOOP\r\n")
    assert (await client.reply()).startswith("503")
    assert (await client.reply()).startswith("250")  # still plain, and the client knows


async def test_plain_text_instead_of_a_handshake(own: Pair, start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, **tls_settings(own))
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert (await client.ask("STARTTLS")).startswith("220")
    await client.send(f"EHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<{MARY}>\r\n")
    rest = await client.reader.read()
    assert not rest.startswith(b"2") and b"ssl" not in rest.lower()  # at most a TLS alert
    other = await dial(gateway.ports["inbound"])
    await greet(other)
    assert not any(line.startswith("MAIL") for line in hop.lines)
    assert (await mail(other)).startswith("250")


async def test_a_handshake_that_never_comes(own: Pair, start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address, timeouts={"connect": 0.3}, **tls_settings(own))
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert (await client.ask("STARTTLS")).startswith("220")
    assert await client.reader.read() == b""


# --- reload -----------------------------------------------------------------------------------------------


async def test_a_new_certificate_serves_new_handshakes(
    authority: Authority, own: Pair, start: Any, dial: Any, hop: Any
) -> None:
    gateway = await start(hop.address, **tls_settings(own))
    running = await dial(gateway.ports["inbound"])
    await greet(running)
    first = await secure(running, authority)
    renewed = authority.issue("gateway.district.example", file="renewed")
    shutil.copy(renewed.certificate, own.certificate)
    shutil.copy(renewed.key, own.key)
    gateway.context.tls.reload()
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert await secure(client, authority) == der(renewed) != first
    await greet(running)  # the old session goes on
    assert (await mail(running)).startswith("250")


@pytest.mark.parametrize("damage", ["garbage", "another key", "empty", "gone"])
async def test_a_broken_certificate_is_refused_and_the_old_one_stays(
    damage: str, authority: Authority, own: Pair, start: Any, dial: Any, hop: Any
) -> None:
    gateway = await start(hop.address, **tls_settings(own))
    before = der(own)
    if damage == "gone":
        own.certificate.unlink()
    elif damage == "another key":
        shutil.copy(authority.issue("other", file="other").key, own.key)
    else:
        own.certificate.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n" if damage == "garbage" else "")
    with pytest.raises(ConfigError, match=str(own.certificate)):
        gateway.context.tls.reload()
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert await secure(client, authority) == before


# --- the next hop -----------------------------------------------------------------------------------------

# route's tls, what the next hop has and does, and what comes of it
TRUSTED, STRANGER, WRONG_NAME = "trusted", "stranger", "wrong name"
NEXT_HOP = [
    ("required", TRUSTED, "", "under TLS"),
    ("required", STRANGER, "", "451 4.7.5"),
    ("required", WRONG_NAME, "", "451 4.7.5"),
    ("required", None, "", "451 4.7.5"),
    ("required", TRUSTED, "454 4.7.0 not now", "451 4.7.5"),
    ("required", TRUSTED, "220 go\r\nthis is no TLS & DROP", "451 4.7.5"),
    ("required", TRUSTED, "DROP", "451"),
    ("opportunistic", TRUSTED, "", "under TLS"),
    ("opportunistic", STRANGER, "", "under TLS"),
    ("opportunistic", WRONG_NAME, "", "under TLS"),
    ("opportunistic", None, "", "plain"),
    ("opportunistic", TRUSTED, "454 4.7.0 not now", "plain"),
    ("opportunistic", TRUSTED, "220 go\r\nthis is no TLS & DROP", "plain"),
    ("opportunistic", TRUSTED, "DROP", "plain"),
    ("off", TRUSTED, "", "plain"),
]


@pytest.mark.parametrize(("mode", "certificate", "answer", "outcome"), NEXT_HOP)
async def test_tls_to_the_next_hop(
    mode: str,
    certificate: str | None,
    answer: str,
    outcome: str,
    authority: Authority,
    tmp_path: Path,
    start: Any,
    dial: Any,
) -> None:
    signer = Authority(tmp_path, "Stranger") if certificate == STRANGER else authority
    name = "elsewhere.example" if certificate == WRONG_NAME else "127.0.0.1"
    hop = RudeHop(tls=signer.issue(name, file="hop").server_context() if certificate else None)
    hop.offer = ["PIPELINING", *(["STARTTLS"] if certificate else [])]
    if answer:
        hop.answers["STARTTLS"] = answer
    async with serving(hop):
        route = {
            "domains": ["district.example"],
            "next_hop": hop.address,
            "tls": mode,
            "ca_file": authority.file,
        }
        gateway = await start(route=[route], timeouts={"connect": 3})
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        await client.ask("MAIL FROM:<a@x.example>")
        reply = await client.ask(f"RCPT TO:<{MARY}>")
        if outcome.startswith("451"):
            assert reply.startswith(outcome)
            assert not any(line.startswith("MAIL") for line in hop.lines)
        else:
            assert reply.startswith("250"), reply
            await client.ask("RSET")
            assert (await mail(client)).startswith("250")
            assert (hop.secured > 0) == (outcome == "under TLS")


async def test_a_reply_injected_before_the_handshake_is_not_believed(
    authority: Authority, start: Any, dial: Any
) -> None:
    """CVE-2021-38371 and its kin: what follows the 220 in plain text is no reply to anything under TLS."""
    injected = "220 go\r\n250-evil.example\r\n250-SIZE 1\r\n250 XCLIENT ADDR"

    class Injecting(RudeHop):
        async def _send(self, writer: Any, answer: str) -> bool:
            return await super()._send(writer, injected if answer == "220 go ahead" else answer)

    context = authority.issue("127.0.0.1", file="injected").server_context()
    evil = Injecting(offer=["STARTTLS"], tls=context)
    async with serving(evil):
        route = {
            "domains": ["district.example"],
            "next_hop": evil.address,
            "tls": "required",
            "ca_file": authority.file,
        }
        gateway = await start(route=[route])
        client = await dial(gateway.ports["inbound"])
        offered = await greet(client)
        assert "SIZE 1" not in offered
        await client.ask("MAIL FROM:<a@x.example>")
        assert (await client.ask(f"RCPT TO:<{MARY}>")).startswith(("250", "451 4.7.5"))
        assert not any(line.startswith("XCLIENT") for line in evil.lines)
