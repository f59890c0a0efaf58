"""Authentication of authors against a real DNS server: records as zones have them, over UDP and TCP."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config import AuthenticationSettings, Dns
from gateway.message.authentication import Authentication
from gateway.message.envelope import Client
from gateway.message.reading import read_message
from gateway.smtp.authentication.authenticate import Authenticator
from tests.peers.knot import Knot
from tests.smtp.authentication.signing import Signer

SIGNER = Signer("mail.example", bits=2048)  # its key is longer than one string of a TXT record
LONG = Signer("long.example", bits=4096)
CLIENT = "192.0.2.1"
# More than fits an answer by UDP, as busy domains have it: the answer comes by TCP.
CROWD = "\n".join(f'crowd TXT "site-verification={number:0200}"' for number in range(12))

ZONE = f"""\
mail MX 10 mx.mail
mail TXT "v=spf1 mx include:_spf.mail.example -all"
mx.mail A {CLIENT}
_spf.mail TXT "v=spf1 exists:%{{i}}._ok.mail.example ?all"
198.51.100.1._ok.mail A 127.0.0.2
_dmarc.mail TXT "v=DMARC1; p=reject; " "rua=mailto:d@mail.example"
s1._domainkey.mail {SIGNER.record()}
s1._domainkey.long CNAME key.long
key.long {LONG.record()}
{CROWD}
crowd TXT "v=spf1 ip4:{CLIENT} -all"
"""


@pytest.fixture(scope="module")
def dns(knot: Any) -> Knot:
    server: Knot = knot(ZONE)
    return server


def letter(author: str) -> bytes:
    return f"From: Dana Reed <{author}>\r\nTo: ana@district.example\r\nSubject: x\r\n\r\nText\r\n".encode()


async def ask(dns: str, raw: bytes, mail_from: str, client: str = CLIENT) -> Authentication:
    settings = AuthenticationSettings.model_validate({})
    who = Authenticator(settings, Dns.model_validate({"servers": [dns]}))
    return await who.authenticate(Client(client, 25, "h.example"), mail_from, read_message(raw), raw)


@pytest.mark.parametrize(
    ("client", "spf"),
    [(CLIENT, "pass"), ("198.51.100.1", "pass"), ("203.0.113.9", "fail"), ("2001:db8::1", "fail")],
)
async def test_spf(client: str, spf: str, dns: Knot) -> None:
    found = await ask(dns.address, letter("d@mail.example"), "d@mail.example", client)
    assert (found.spf, found.dmarc) == (spf, "pass" if spf == "pass" else "fail")


@pytest.mark.parametrize("signer", [SIGNER, LONG], ids=["2048 bits", "4096 bits"])
async def test_dkim(signer: Signer, dns: Knot) -> None:
    found = await ask(dns.address, signer.sign(letter(f"d@{signer.domain}")), "x@evil.example", "203.0.113.9")
    assert (found.dkim, found.aligned) == ("pass", True)


async def test_an_answer_by_tcp(dns: Knot) -> None:
    found = await ask(dns.address, letter("d@crowd.example"), "d@crowd.example")
    assert (found.spf, found.aligned) == ("pass", True)


async def test_another_name_server(dns: Knot) -> None:
    """The server refuses to speak for names that are not its own."""
    found = await ask(dns.address, letter("d@elsewhere.test"), "d@elsewhere.test")
    assert found.undecided
