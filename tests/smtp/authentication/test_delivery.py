"""Mail through a gateway that asks who really wrote it: what is found, and that mail flows whatever DNS says.

Dana Reed is on the staff and has a personal account, dana@mail.example, which is on record. Ana Silva is a student.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from gateway.config import Config
from gateway.directory.model import AddressKind, Person, PersonAddress, Role
from gateway.directory.snapshot import Directory
from gateway.message.envelope import Envelope
from gateway.policy.engine import Engine
from gateway.policy.model import Transaction, Verdict
from tests.smtp.authentication.nameserver import SERVFAIL, SILENCE, NameServer, serving, text
from tests.smtp.authentication.signing import Signer
from tests.smtp.steps import below_received, greet, mail

DISTRICT = "district.example"
DANA, DANA_AT_SCHOOL, ANA = "dana@mail.example", f"dreed@{DISTRICT}", f"ana@{DISTRICT}"
SIGNER, SILENT = Signer("mail.example"), Signer("silent.example")
RULE = "off-channel/student"


def person(key: str, given: str, family: str, role: Role, *addresses: tuple[str, AddressKind]) -> Person:
    known = tuple(PersonAddress(address, address, kind, "roster") for address, kind in addresses)
    return Person(key, given, family, roles=frozenset({role}), addresses=known)


DIRECTORY = Directory(
    "0" * 12,
    datetime.now(UTC),
    date(2026, 11, 2),
    people={
        "d": person(
            "d", "Dana", "Reed", Role.STAFF,
            (DANA_AT_SCHOOL, AddressKind.DISTRICT), (DANA, AddressKind.PERSONAL),
            ("dana@silent.example", AddressKind.PERSONAL),
        ),
        "a": person("a", "Ana", "Silva", Role.STUDENT, (ANA, AddressKind.DISTRICT)),
        "b": person("b", "Ben", "Cole", Role.STUDENT, (f"ben@{DISTRICT}", AddressKind.DISTRICT)),
        "p": person("p", "Pat", "Lee", Role.PRINCIPAL, (f"plee@{DISTRICT}", AddressKind.DISTRICT)),
    },
    groups={},
    domains=(DISTRICT,),
)  # fmt: skip

ZONE = {
    SIGNER.name: [SIGNER.record()],
    "mail.example": [text("v=spf1 -all")],
    "_dmarc.mail.example": [text("v=DMARC1; p=reject")],
    DISTRICT: [text("v=spf1 ip4:127.0.0.1 -all")],
    "silent.example": [SILENCE],
    "_dmarc.silent.example": [SILENCE],
    SILENT.name: [SILENCE],
    "broken.example": [SERVFAIL],
}


def letter(author: str, body: bytes = b"See you at the field.\r\n") -> bytes:
    head = f"From: Dana Reed <{author}>\r\nTo: {ANA}\r\nSubject: Practice\r\nMessage-ID: <1@mail.example>\r\n\r\n"
    return head.encode() + body


class Judge:
    """The rules, and what they were shown."""

    def __init__(self, policy: dict[str, Any]) -> None:
        config = Config.model_validate(
            {
                "hostname": "gateway.district.example",
                "district": {"name": "Test District", "domains": [DISTRICT]},
                "listener": [{"name": "inbound", "role": "inbound", "bind": ["127.0.0.1:0"]}],
                "route": [{"domains": [DISTRICT], "next_hop": "127.0.0.1:1"}],
                "policy": policy,
            }
        )
        self._engine = Engine(config.policy, config.district)
        self.shown: list[Transaction] = []

    def __call__(self, transaction: Transaction) -> Verdict:
        self.shown.append(transaction)
        return self._engine.judge(transaction, DIRECTORY)


@pytest.fixture
async def dns() -> AsyncIterator[NameServer]:
    async with serving(ZONE) as server:
        yield server


def sections(dns: NameServer, **authentication: Any) -> dict[str, Any]:
    return {"dns": {"servers": [dns.address]}, "authentication": {"timeout": 1, **authentication}}


def rules(document: dict[str, Any]) -> set[str]:
    return {finding["rule"] for finding in document["verdict"]["findings"]}


async def send(
    gateway: Any, dial: Any, raw: bytes, *recipients: str, sender: str = DANA, listener: str = "inbound"
) -> dict[str, Any]:
    """The document of the archived message, which must have been taken."""
    client = await dial(gateway.ports[listener])
    await greet(client)
    answer = await mail(client, *(recipients or (ANA,)), raw=raw, sender=sender)
    assert answer.startswith("250"), answer
    (document,) = gateway.messages()
    return dict(document)


@pytest.mark.parametrize("large", [False, True])
async def test_genuine_mail_is_a_finding(
    large: bool, dns: NameServer, start: Any, dial: Any, hop: Any
) -> None:
    raw = SIGNER.sign(letter(DANA, b"A line of the letter.\r\n" * (10_000 if large else 1)))
    judge = Judge({})
    gateway = await start(hop.address, judge=judge, **sections(dns))
    document = await send(gateway, dial, raw)
    assert RULE in rules(document)
    assert "mail.example, vouches" in document["verdict"]["findings"][0]["explanation"]
    assert document["envelope"]["authentication"] == {
        "domain": "mail.example",
        "spf": "fail",
        "dkim": "pass",
        "dmarc": "pass",
        "aligned": True,
        "source": "gateway",
    }
    assert Envelope.from_json(document["envelope"]).authentication == document["envelope"]["authentication"]
    assert below_received(hop.messages[0]) == raw
    assert gateway.raws() == [raw]
    assert len(judge.shown) == 2
    assert judge.shown[0].raw == raw
    metrics = gateway.metrics
    assert metrics.findings.labels(RULE, "violation").value == 1  # judged twice, counted once
    assert metrics.authentications.labels("pass").value == 1
    assert metrics.phase_seconds.labels("authenticate").read()[0]


# What is sent in Dana's name, and the word that the metrics have for it.
FORGED = {
    "not signed": (letter(DANA), DANA, "fail"),
    "changed on the way": (SIGNER.sign(letter(DANA)).replace(b"field", b"hotel"), DANA, "fail"),
    "signed by a stranger": (Signer("evil.example").sign(letter(DANA)), "x@evil.example", "fail"),
    "says itself that it passes": (
        b"Authentication-Results: gateway.district.example; dmarc=pass header.from=mail.example\r\n"
        + letter(DANA),
        DANA,
        "fail",
    ),
}


@pytest.mark.parametrize(("raw", "sender", "word"), FORGED.values(), ids=FORGED.keys())
async def test_a_forgery_accuses_nobody(
    raw: bytes, sender: str, word: str, dns: NameServer, start: Any, dial: Any, hop: Any
) -> None:
    gateway = await start(hop.address, judge=Judge({"rules": {RULE: {"action": "reject"}}}), **sections(dns))
    document = await send(gateway, dial, raw, sender=sender)
    assert not {rule for rule in rules(document) if not rule.startswith("identity/")}
    assert document["envelope"]["authentication"]["aligned"] is False
    assert below_received(hop.messages[0]) == raw
    assert gateway.metrics.findings.labels(RULE, "violation").value == 0
    assert gateway.metrics.authentications.labels(word).value == 1


async def test_the_second_judgement_is_what_is_done(dns: NameServer, start: Any, dial: Any, hop: Any) -> None:
    """The rule refuses such mail, but only where it is genuine."""
    gateway = await start(hop.address, judge=Judge({"rules": {RULE: {"action": "reject"}}}), **sections(dns))
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert (await mail(client, ANA, raw=SIGNER.sign(letter(DANA)), sender=DANA)).startswith("550 5.7.1")
    assert (await mail(client, ANA, raw=letter(DANA), sender=DANA)).startswith("250")
    assert [below_received(raw) for raw in hop.messages] == [letter(DANA)]


async def test_dns_is_silent(dns: NameServer, start: Any, dial: Any, hop: Any) -> None:
    """The mail goes on, the finding stands, and it says that this could not be found out."""
    raw = SILENT.sign(letter("dana@silent.example"))
    gateway = await start(hop.address, judge=Judge({}), **sections(dns, timeout=0.5))
    document = await send(gateway, dial, raw, sender="dana@silent.example")
    assert "could not be found out in time" in document["verdict"]["findings"][0]["explanation"]
    assert below_received(hop.messages[0]) == raw
    assert gateway.metrics.authentications.labels("undecided").value == 1


# --- when DNS is asked ----------------------------------------------------------------------------------------

FRIEND = b"From: Kim <kim@mail.example>\r\nTo: ana@district.example\r\nSubject: Hi\r\n\r\nHi\r\n"
FROM_SCHOOL = letter(DANA_AT_SCHOOL)
# The setting, the listener, the mail, and whether DNS is asked.
ASKED = [
    ("findings", "inbound", letter(DANA), True),
    ("findings", "inbound", FRIEND, False),
    (
        "findings",
        "inbound",
        letter(f"nobody@sub.{DISTRICT}"),
        True,
    ),  # from outside in the district's own name
    ("findings", "inbound", FRIEND.replace(b"mail.example", b"notdistrict.example"), False),
    (
        "findings",
        "inbound",
        letter("nobody@mail.example"),
        True,
    ),  # a name of the staff, so a rule says something
    ("findings", "outbound", FROM_SCHOOL, False),
    ("findings", "journal", letter(DANA), False),
    ("always", "inbound", FRIEND, True),
    ("always", "outbound", letter(DANA), False),
    ("never", "inbound", letter(DANA), False),
]


@pytest.mark.parametrize(("check", "listener", "raw", "asked"), ASKED)
async def test_when_it_is_asked(
    check: str, listener: str, raw: bytes, asked: bool, dns: NameServer, start: Any, dial: Any, hop: Any
) -> None:
    gateway = await start(hop.address, judge=Judge({}), **sections(dns, check=check))
    document = await send(gateway, dial, raw, sender="x@mail.example", listener=listener)
    assert bool(dns.asked) == asked
    assert (document["envelope"]["authentication"] is not None) == asked


async def test_a_listed_server_in_front(dns: NameServer, start: Any, dial: Any, hop: Any) -> None:
    """Its word counts, and DNS is left alone; the field goes on as it is."""
    raw = (
        b"Authentication-Results: filter.example; dkim=pass header.d=mail.example; "
        b"dmarc=pass header.from=mail.example\r\n" + letter(DANA)
    )
    trusted = [{"authserv_id": "filter.example", "networks": ["127.0.0.1/32"]}]
    gateway = await start(hop.address, judge=Judge({}), **sections(dns, trusted=trusted))
    document = await send(gateway, dial, raw)
    assert RULE in rules(document)
    assert document["envelope"]["authentication"]["source"] == "filter.example"
    assert dns.asked == []
    assert below_received(hop.messages[0]) == raw


# --- what fails stops no mail (promise 4) ----------------------------------------------------------------------


async def test_judging_again_fails(dns: NameServer, start: Any, dial: Any, hop: Any) -> None:
    class Failing(Judge):
        def __call__(self, transaction: Transaction) -> Verdict:
            if transaction.authentication is not None:
                raise RuntimeError("the second time")
            return super().__call__(transaction)

    gateway = await start(hop.address, judge=Failing({}), **sections(dns))
    document = await send(gateway, dial, SIGNER.sign(letter(DANA)))
    assert document["verdict"] is None
    assert document["envelope"]["authentication"]["dkim"] == "pass"
    assert gateway.metrics.decide_errors.labels().value == 1
    assert gateway.metrics.findings.labels(RULE, "violation").value == 0
