"""DMARC: what a domain publishes about mail in its name, and which domains are its own (RFC 7489).

A domain's organization is the domain below the public suffix (`mail.school.example` and `school.example` are one,
`a.k12.ma.us` and `b.k12.ma.us` are two). What a policy asks receivers to do with mail that fails (`p=`, `sp=`, `pct=`)
is not looked at beyond its form: the gateway refuses nothing for DMARC's sake.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from publicsuffixlist import PublicSuffixList

from gateway.smtp.authentication.resolver import NoName, Resolver

_POLICIES = frozenset({"none", "quarantine", "reject"})


@dataclass(frozen=True, slots=True)
class Published:
    """What matters of a domain's record."""

    strict_spf: bool = False
    strict_dkim: bool = False


# Where the record could not be looked up: no less than the same domain will do.
UNKNOWN = Published(strict_spf=True, strict_dkim=True)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def organization(domain: str) -> str:
    """The organizational domain of a domain in lower-case A-labels; the domain itself where it has none."""
    found: str | None = _suffixes().privatesuffix(domain)
    return found or domain


def is_aligned(author: str, other: str, *, strict: bool = False) -> bool:
    """Whether a domain that SPF or DKIM vouches for is the author's (RFC 7489 §3.1)."""
    if not author or not other:
        return False
    return author == other or (not strict and organization(author) == organization(other))


async def published(resolver: Resolver, domain: str) -> Published | None:
    """The record of a domain, or else of its organization; None where there is none. Raises LookupFailed."""
    if not domain:
        return None
    records = await _records(resolver, domain)
    if not records and (above := organization(domain)) != domain:
        records = await _records(resolver, above)
    return _read(records[0]) if len(records) == 1 else None


async def _records(resolver: Resolver, domain: str) -> list[dict[str, str]]:
    try:
        texts = await resolver.txt(f"_dmarc.{domain}")
    except NoName:
        return []
    found = (_tags(text.decode("latin-1")) for text in texts)
    return [tags for tags in found if next(iter(tags.items()), None) == ("v", "DMARC1")]


def _tags(text: str) -> dict[str, str]:
    """The tags in their order; what is no tag is left out, as §6.3 asks."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def _read(tags: dict[str, str]) -> Published | None:
    if tags.get("p", "").lower() not in _POLICIES and "rua" not in tags:
        return None  # RFC 7489 §6.6.3, step 6
    return Published(tags.get("aspf", "").lower() == "s", tags.get("adkim", "").lower() == "s")
