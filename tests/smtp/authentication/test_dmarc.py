"""DMARC: which domains are one organization's, and which record is a domain's (RFC 7489 §3.2, §6.6.3)."""

from __future__ import annotations

import pytest

from gateway.config import Dns
from gateway.smtp.authentication.dmarc import Published, is_aligned, organization, published
from gateway.smtp.authentication.resolver import LookupFailed, Resolver
from tests.smtp.authentication.nameserver import SERVFAIL, serving, text

ORGANIZATIONS = [
    ("mail.example", "mail.example"),
    ("a.b.mail.example", "mail.example"),
    ("school.k12.ma.us", "school.k12.ma.us"),
    ("students.school.k12.ma.us", "school.k12.ma.us"),
    ("x.co.uk", "x.co.uk"),
    ("a.x.co.uk", "x.co.uk"),
    ("co.uk", "co.uk"),
    ("someone.github.io", "someone.github.io"),
    ("example", "example"),
    ("www.xn--mgba3a4f16a.ir", "www.xn--mgba3a4f16a.ir"),
    ("", ""),
]


@pytest.mark.parametrize(("domain", "expected"), ORGANIZATIONS)
def test_organization(domain: str, expected: str) -> None:
    assert organization(domain) == expected


@pytest.mark.parametrize(
    ("author", "other", "relaxed", "strict"),
    [
        ("mail.example", "mail.example", True, True),
        ("mail.example", "a.mail.example", True, False),
        ("a.mail.example", "b.mail.example", True, False),
        ("mail.example", "mail.example.evil.example", False, False),
        ("mail.example", "xmail.example", False, False),
        ("a.k12.ma.us", "b.k12.ma.us", False, False),
        ("mail.example", "", False, False),
        ("", "", False, False),
    ],
)
def test_is_aligned(author: str, other: str, relaxed: bool, strict: bool) -> None:
    assert is_aligned(author, other) == is_aligned(other, author) == relaxed
    assert is_aligned(author, other, strict=True) == strict


LENIENT = Published()
# The records at `_dmarc.` of the domain a.mail.example and of mail.example, and what holds for the former.
RECORDS = [
    ([text("v=DMARC1; p=none")], [], LENIENT),
    ([text("v=DMARC1;p=reject;aspf=s;adkim=s")], [], Published(True, True)),
    ([text("v=DMARC1; p=reject; aspf=S; pct=0")], [], Published(True, False)),
    ([text("v = DMARC1 ; p = none ; adkim = s")], [], Published(False, True)),
    ([text("v=DMARC1; p=none; nonsense; =; aspf=x")], [], LENIENT),
    ([], [text("v=DMARC1; p=none; sp=reject; adkim=s")], Published(False, True)),
    ([text("v=DMARC1; p=none")], [text("v=DMARC1; p=none; aspf=s")], LENIENT),
    ([text("something else")], [text("v=DMARC1; p=none; aspf=s")], Published(True, False)),
    ([text("something else"), text("v=DMARC1; p=none")], [], LENIENT),
    ([text("v=DMARC1; rua=mailto:a@mail.example")], [], LENIENT),  # no policy but a wish for reports
    ([text("v=DMARC1; p=wrong; rua=mailto:a@mail.example")], [], LENIENT),
    ([text("v=DMARC1")], [], None),
    ([text("v=DMARC1; p=wrong")], [], None),
    ([text("p=none; v=DMARC1")], [], None),  # the version comes first
    ([text("v=DMARC2; p=none")], [], None),
    ([text("v=DMARC1; p=none"), text("v=DMARC1; p=reject")], [], None),  # which one?
    ([], [], None),
]


@pytest.mark.parametrize(("own", "above", "expected"), RECORDS, ids=map(str, range(len(RECORDS))))
async def test_published(own: list[str], above: list[str], expected: Published | None) -> None:
    zone = {"_dmarc.a.mail.example": own, "_dmarc.mail.example": above}
    async with serving(zone) as server:
        resolver = Resolver(Dns.model_validate({"servers": [server.address]}), 5)
        assert await published(resolver, "a.mail.example") == expected


@pytest.mark.parametrize("where", ["_dmarc.a.mail.example", "_dmarc.mail.example"])
async def test_it_cannot_be_had(where: str) -> None:
    async with serving({where: [SERVFAIL]}) as server:
        resolver = Resolver(Dns.model_validate({"servers": [server.address]}), 5)
        with pytest.raises(LookupFailed):
            await published(resolver, "a.mail.example")
