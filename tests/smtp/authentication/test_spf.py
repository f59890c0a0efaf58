"""SPF by the test suite of RFC 7208 (openspf.org, release 2014.04; see rfc7208.LICENSE), over real DNS packets."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import Dns
from gateway.smtp.authentication.resolver import Resolver
from gateway.smtp.authentication.spf import HOSTS, LOOKUPS, check_host
from tests.smtp.authentication.nameserver import SERVFAIL, Zone, serving, text

SUITE = json.loads((Path(__file__).parent / "rfc7208.json").read_text())
CASES = [
    pytest.param(scenario["zonedata"], test, id=name)
    for scenario in SUITE
    for name, test in scenario["tests"].items()
]


def records(zone: dict[str, Any]) -> Zone:
    """The suite's zone as records; SPF records (RFC 4408) stand for TXT where a name has no TXT of its own."""
    found = {}
    for name, entries in zone.items():
        own = [entry for entry in entries if isinstance(entry, dict)]
        has_txt = any("TXT" in entry for entry in own)
        lines = [SERVFAIL] if "TIMEOUT" in entries else []
        for entry in own:
            ((kind, value),) = entry.items()
            if kind == "SPF":
                kind = "" if has_txt else "TXT"
            if not kind or value == "NONE":
                continue
            if kind == "TXT":
                lines.append(text("".join(value) if isinstance(value, list) else value))
            elif kind == "MX":
                lines.append(f"MX {value[0]} {value[1] or '.'}{'.' if value[1] else ''}")
            elif kind in ("CNAME", "PTR"):
                lines.append(f"{kind} {value}.")
            else:
                lines.append(f"{kind} {value}")
        found[name] = lines
    return found


@pytest.mark.parametrize(("zone", "test"), CASES)
async def test_suite(zone: dict[str, Any], test: dict[str, Any]) -> None:
    allowed = test["result"] if isinstance(test["result"], list) else [test["result"]]
    async with serving(records(zone)) as server:
        resolver = Resolver(Dns.model_validate({"servers": [server.address]}), 5)
        domain = test["mailfrom"].rpartition("@")[2] or test["helo"]
        result = await check_host(resolver, test["host"], domain, test["mailfrom"], test["helo"])
    assert result in allowed


RESULTS = {"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"}
TOKENS = (
    "a mx ptr all include: exists: redirect= exp= ip4: ip6: x= %{ } %{d} %{l1r-}. %{p} %% %_ /24 //64 //129 "
    'b.example . : 1.2.3.4 ::1 - ~ ? \xe9 0 \\ "'
)
WORDS = st.sampled_from([*TOKENS.split(), " ", "\t"])


@given(st.lists(st.lists(WORDS, max_size=12).map("".join), max_size=2))
@settings(deadline=None)
def test_any_record(texts: list[str]) -> None:
    """No record raises, and none takes more look-ups than the limits allow."""

    async def check() -> None:
        zone = {"a.example": [text(f"v=spf1 {value}") for value in texts], "b.example": ["A 192.0.2.1"]}
        async with serving(zone) as server:
            resolver = Resolver(Dns.model_validate({"servers": [server.address]}), 5)
            assert (
                await check_host(resolver, "1.2.3.4", "a.example", "x\udcff@a.example", "h\udcff") in RESULTS
            )
            assert len(server.asked) <= 1 + LOOKUPS * (2 + HOSTS)

    asyncio.run(check())


LOOP = {
    "loop.example": [text("v=spf1 include:loop.example -all")],
    "redirect.example": [text("v=spf1 redirect=redirect.example")],
    "void.example": [text("v=spf1 a:gone1.example a:gone2.example a:gone3.example +all")],
    "mapped.example": [text("v=spf1 ip4:192.0.2.1 -all")],
}


@pytest.mark.parametrize(
    ("domain", "result"),
    [
        ("loop.example", "permerror"),
        ("redirect.example", "permerror"),
        ("void.example", "permerror"),
        ("mapped.example", "pass"),
        ("MAPPED.example.", "pass"),
        ("", "none"),
        ("[192.0.2.1]", "none"),
    ],
)
async def test_limits_and_forms(domain: str, result: str) -> None:
    async with serving(LOOP) as server:
        resolver = Resolver(Dns.model_validate({"servers": [server.address]}), 5)
        assert await check_host(resolver, "::ffff:192.0.2.1", domain, f"x@{domain}", "h.example") == result
