"""DKIM signatures: those of other implementations hold, and what may not count does not."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Dns
from gateway.smtp.authentication import dkim
from gateway.smtp.authentication.resolver import Resolver
from tests.smtp.authentication.nameserver import SERVFAIL, Zone, serving, text
from tests.smtp.authentication.signing import Signer

# Signed by dkimpy 1.1.8, in all forms, with bodies of odd white space.
OTHERS = json.loads((Path(__file__).parent / "dkimpy.json").read_text())

MAIL = (
    b"From: Dana Reed <dana@mail.example>\r\nTo: ana@district.example\r\nSubject: Practice\r\n"
    b"Date: Mon, 02 Nov 2026 10:00:00 -0500\r\n\r\nSee you at the  field.\r\n\r\n-- \r\nDana\r\n\r\n"
)
SIGNER = Signer("mail.example")
KEY = {SIGNER.name: [SIGNER.record()]}


async def results(raw: bytes, zone: Zone, now: float | None = None) -> list[str]:
    """The result of each signature, unusable ones first."""
    async with serving(zone) as server:
        resolver = Resolver(Dns.model_validate({"servers": [server.address]}), 5)
        message = dkim.read(raw)
        found, unusable = dkim.signatures(message, lambda domain: True, now or time.time())
        held = dkim.holds(message, found)
        return [one.result for one in unusable] + [
            (await dkim.verify(resolver, message, one)).result if holds else "fail"
            for one, holds in zip(found, held, strict=True)
        ]


@pytest.mark.parametrize("item", OTHERS["messages"], ids=lambda item: item["canonicalization"])
async def test_another_implementation(item: dict[str, str]) -> None:
    zone = {name: [text(key)] for name, key in OTHERS["keys"].items()}
    raw = item["message"].encode("latin-1")
    assert await results(raw, zone) == ["pass"]
    assert await results(raw.replace(b"\r\n", b"\n"), zone) == ["pass"]  # the next hop gets CRLF all the same
    assert await results(raw.replace(b"a@x.example>\r\n", b"b@x.example>\r\n"), zone) == ["fail"]
    assert await results(raw + b"more\r\n", zone) == ["fail"]


EXAMPLE = """\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
""".replace("\n", "\r\n").encode()
EXAMPLE_KEYS = {
    "brisbane._domainkey.football.example.com": [
        text("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    ],
    "test._domainkey.football.example.com": [
        text(
            "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2j"
            "LQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3"
            "G+2kryOTIKT+l/K4w3QIDAQAB"
        )
    ],
}


async def test_the_example_of_rfc_8463() -> None:
    assert await results(EXAMPLE, EXAMPLE_KEYS) == ["pass", "pass"]


NOW = int(time.time())
# The tags that differ from an honest signature's; None: the tag is not there.
TAGS: list[tuple[dict[str, Any], str]] = [
    ({}, "pass"),
    ({"i": "dana@sub.mail.example"}, "pass"),
    ({"h": "from:to:subject:from"}, "pass"),
    ({"x": NOW + 86_400}, "pass"),  # NOW is when the tests were gathered, which may be an hour ago
    ({"q": "dns/txt:other"}, "pass"),
    ({"l": 35}, "pass"),  # the whole canonical body, so nothing can have been appended
    ({"l": 10}, "fail"),
    ({"t": NOW - 1000, "x": NOW - 400}, "fail"),
    ({"t": NOW + 4000}, "fail"),
    ({"t": NOW, "x": NOW - 1}, "permerror"),
    ({"a": "rsa-sha1"}, "fail"),
    ({"a": "rsa-sha512"}, "permerror"),
    ({"v": "2"}, "permerror"),
    ({"v": None}, "permerror"),
    ({"s": None}, "permerror"),
    ({"bh": None}, "permerror"),
    ({"bh": "=?="}, "permerror"),
    ({"i": "dana@other.example"}, "permerror"),
    ({"i": "dana@notmail.example"}, "permerror"),
    ({"c": "nowsp/simple"}, "permerror"),
    ({"q": "http"}, "permerror"),
    ({"h": "to:subject"}, "permerror"),
    ({"d": "example"}, "permerror"),
    ({"l": "-1"}, "permerror"),
    ({"s": "no-such-key"}, "permerror"),
    ({"s": "x" * 64}, "permerror"),
]


def _named(value: object) -> str:
    """A case's name without the time of day, as all processes of a test run must have the same."""
    return str(value) if not isinstance(value, dict) else " ".join(map(_tag, value.items())) or "as it is"


def _tag(item: tuple[str, Any]) -> str:
    name, value = item
    return f"{name}={value - NOW:+}" if name in "tx" else f"{name}={value}"


@pytest.mark.parametrize(("tags", "result"), TAGS, ids=_named)
async def test_tags(tags: dict[str, Any], result: str) -> None:
    assert await results(SIGNER.sign(MAIL, **tags), KEY) == [result]


KEYS: list[tuple[list[str], str]] = [
    ([SIGNER.record()], "pass"),
    ([SIGNER.record("k=rsa; h=sha1:sha256; s=email; n=a note; ")], "pass"),
    ([text("something else"), SIGNER.record()], "pass"),
    ([SIGNER.record("t=s; ")], "pass"),
    ([SIGNER.record("t=y; ")], "none"),  # the domain is trying it out
    ([SIGNER.record("h=sha1; ")], "permerror"),
    ([SIGNER.record("s=tlsrpt; ")], "permerror"),
    ([SIGNER.record("k=ed25519; ")], "permerror"),
    ([Signer("mail.example", ed=True).record()], "permerror"),
    ([Signer("mail.example", bits=1032).record()], "fail"),  # another key
    ([text("v=DKIM1; p=")], "permerror"),  # revoked
    ([text("v=DKIM1; p=AAAA")], "permerror"),
    ([text("v=DKIM2; p=AAAA")], "permerror"),
    ([text("not a key")], "permerror"),
    ([], "permerror"),
    ([SERVFAIL], "temperror"),
]


@pytest.mark.parametrize(("records", "result"), KEYS, ids=map(str, range(len(KEYS))))
async def test_keys(records: list[str], result: str) -> None:
    assert await results(SIGNER.sign(MAIL), {SIGNER.name: records}) == [result]


async def test_a_key_for_the_domain_alone() -> None:
    """With `t=s` the author may not be in a subdomain (RFC 6376 §3.6.1)."""
    raw = SIGNER.sign(MAIL, i="dana@sub.mail.example")
    assert await results(raw, {SIGNER.name: [SIGNER.record("t=s; ")]}) == ["permerror"]


# 512 bits, as they were usual until 2012; anybody can find out the private half today.
SMALL_KEY = (
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL6cFwI5Y7Ew7xB0sy0SQ/h2xzgyBLkT/S35c+Ja48BAfb5TXs9XUFnEUC4a9mJTSvPn"
    "NBGAgydMcC8GbBE6f/kCAwEAAQ=="
)


async def test_small_keys_count_for_nothing() -> None:
    (result,) = await results(SIGNER.sign(MAIL), {SIGNER.name: [text(f"v=DKIM1; p={SMALL_KEY}")]})
    assert result == "fail"


async def test_large_keys() -> None:
    signer = Signer("mail.example", bits=2048)
    assert await results(signer.sign(MAIL), {signer.name: [signer.record()]}) == ["pass"]


# What was done to a signed message on its way, and whether the signature still counts.
CHANGES = [
    ("nothing", lambda raw: raw, "pass"),
    ("a trace field above", lambda raw: b"Received: from a by b\r\n" + raw, "pass"),
    ("other white space", lambda raw: raw.replace(b"at the  field", b"at \t the field"), "pass"),
    ("empty lines at the end", lambda raw: raw + b"\r\n\r\n", "pass"),
    ("another body", lambda raw: raw.replace(b"field", b"hotel"), "fail"),
    ("a list's footer", lambda raw: raw + b"-- \r\nA list\r\n", "fail"),
    ("a list's subject", lambda raw: raw.replace(b"Subject: ", b"Subject: [list] "), "fail"),
    ("another author", lambda raw: raw.replace(b"dana@", b"dean@"), "fail"),
    ("a second From above", lambda raw: b"From: dean@mail.example\r\n" + raw, "fail"),
    ("a second From below", lambda raw: raw.replace(b"Date:", b"From: dean@mail.example\r\nDate:"), "fail"),
    ("a From behind a bare CR", lambda raw: raw.replace(b"Date:", b"X: y\rFrom: d@mail.example\r\nDate:"), "permerror"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "result"), [(c, r) for _, c, r in CHANGES], ids=[n for n, _, _ in CHANGES]
)
async def test_on_the_way(change: Any, result: str) -> None:
    assert await results(change(SIGNER.sign(MAIL)), KEY) == [result]


async def test_only_some_signatures_are_looked_at() -> None:
    """A thousand signatures buy no thousand look-ups, and the author's own come first."""
    raw = SIGNER.sign(MAIL)
    for number in range(40):
        raw = Signer(f"d{number}.example").sign(raw)
    message = dkim.read(raw)
    found, unusable = dkim.signatures(message, lambda domain: domain == "mail.example", time.time())
    assert len(found) == dkim.MAX_SIGNATURES
    assert found[0].domain == "mail.example"
    assert not unusable


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_octets(head: bytes, body: bytes) -> None:
    """Nothing raises, and what is no signature holds for nothing."""
    raw = b"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=AA==; b=AA==;" + head + body
    message = dkim.read(raw)
    found, _ = dkim.signatures(message, lambda domain: True, 0.0)
    assert not any(dkim.holds(message, found))


_PIECES = st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"\n", b" \r\n", b"\r\n\r\n", b"text"])


@given(st.lists(_PIECES, max_size=60), st.integers(1, 12), st.booleans())
def test_a_body_in_pieces(parts: list[bytes], chunk: int, relaxed: bool) -> None:
    """However the body is cut for hashing, the result is the same."""
    body = b"".join(parts)
    whole = b"".join(dkim._canonical_body(body, 0, relaxed=relaxed))
    usual, dkim._CHUNK = dkim._CHUNK, chunk
    try:
        assert b"".join(dkim._canonical_body(body, 0, relaxed=relaxed)) == whole
    finally:
        dkim._CHUNK = usual
