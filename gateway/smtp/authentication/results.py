"""What a trusted mail server in front of the gateway found out: its `Authentication-Results` (RFC 8601).

Fields count only where the client is in the server's networks and the field's first word is the server's
authserv-id, and of these only the topmost with those that follow before the next `Received:`, as that one was
written by a host before it. Everything else in a message may be the sender's own invention.

Promises: never raises, whatever the text; time is linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from gateway.config import IPNetwork, TrustedResults
from gateway.message.authentication import Authentication
from gateway.message.canonical import domain_of
from gateway.message.headers import Buffer, decode_value, split_block, split_fields
from gateway.smtp.authentication.dmarc import is_aligned

LONGEST_FIELD = 16 * 1024

_RESULTS = frozenset({"pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"})
_OLDER = {
    "hardfail": "fail",
    "policy": "fail",
}  # RFC 5451's word; and what a signature fails for local reasons
_METHOD = re.compile(r"\s*([A-Za-z0-9-]+)\s*(?:/\s*\d+\s*)?=\s*([A-Za-z]+)")
# A value may be a quoted local part with its domain, in which anything may stand.
_PROPERTY = re.compile(
    r"(?<![A-Za-z])([A-Za-z]++)\s*+\.\s*+([A-Za-z-]++)\s*+=\s*+"
    r'((?:"[^"\\]*+(?:\\.[^"\\]*+)*")?[^\s;"]*+)'
)
_ID = re.compile(r'\s*("[^"]*"|[^\s;]+)')
_PART = re.compile(r'\\.|["();]|[^\\"();]++|\\', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Finding:
    """One method's result."""

    method: str  # spf, dkim, dmarc
    result: str
    domain: str  # for which it was found; "" where that is not told


def is_listed(client: str, networks: Iterable[IPNetwork]) -> bool:
    """Whether a client's address is in one of some networks."""
    try:
        address = ip_address(client)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)


def trusted_results(
    raw: Buffer, client: str, trusted: Sequence[TrustedResults], authors: Sequence[str]
) -> Authentication | None:
    """What a listed server says about the authors' domains; None where it says nothing that can be trusted."""
    names = {one.authserv_id.lower(): one for one in trusted if is_listed(client, one.networks)}
    if not names or not authors:
        return None
    name, findings = _topmost(raw, frozenset(names))
    if not findings:
        return None
    judged = [_about(author, findings, alone=len(authors) == 1) for author in authors]
    return Authentication(
        domain=authors[0],
        spf=_best([one for one in findings if one.method == "spf"], authors),
        dkim=_best([one for one in findings if one.method == "dkim"], authors),
        dmarc=worst(dmarc for dmarc, _ in judged),
        aligned=all(aligned for _, aligned in judged),
        source=names[name].authserv_id,
    )


def worst(results: Iterable[str]) -> str:
    """Of DMARC's results for several authors: pass only where all pass."""
    found = set(results)
    return next((word for word in ("fail", "temperror", "permerror", "none") if word in found), "pass")


def _topmost(raw: Buffer, names: frozenset[str]) -> tuple[str, list[Finding]]:
    """The findings of the topmost block that one of some servers wrote, and whose they are."""
    chosen, findings = "", list[Finding]()
    for field, value in split_fields(split_block(raw)[0])[0]:
        kind = field.lower()
        if kind == b"received" and chosen:
            break
        if kind != b"authentication-results" or len(value) > LONGEST_FIELD:
            continue
        statements = _statements(decode_value(value))
        match = _ID.match(statements[0])
        name = match[1].strip('"').lower() if match else ""
        if name in names and chosen in ("", name):
            chosen = name
            findings += (found for one in statements[1:] if (found := _finding(one)) is not None)
    return chosen, findings


def _statements(text: str) -> list[str]:
    """The parts between semicolons, without comments; quoted strings stay as they are."""
    parts: list[list[str]] = [[]]
    depth, quoted = 0, False
    for match in _PART.finditer(text):
        piece = match[0]
        if depth == 0 and piece == '"':
            quoted = not quoted
        if quoted:
            parts[-1].append(piece)
        elif piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(depth - 1, 0)
        elif depth:
            continue
        elif piece == ";":
            parts.append([])
        else:
            parts[-1].append(piece)
    return ["".join(part) for part in parts]


def _finding(text: str) -> Finding | None:
    match = _METHOD.match(text)
    method = match[1].lower() if match else ""
    if match is None or method not in ("spf", "dkim", "dmarc"):
        return None
    word = match[2].lower()
    result = _OLDER.get(word, word)
    properties = {
        f"{kind}.{name}".lower(): value.strip('"')
        for kind, name, value in _PROPERTY.findall(text, match.end())
    }
    wanted = {
        "spf": ("smtp.mailfrom", "smtp.mail", "smtp.helo"),
        "dkim": ("header.d", "header.i"),
        "dmarc": ("header.from",),
    }[method]
    value = next((properties[name] for name in wanted if name in properties), "")
    # A result with a name of its own, such as `bestguesspass`, is nobody's word.
    return Finding(
        method, result if result in _RESULTS else "none", domain_of(f"x@{value.rpartition('@')[2]}")
    )


def _about(author: str, findings: list[Finding], *, alone: bool) -> tuple[str, bool]:
    """DMARC's result for one author's domain, and whether the domain vouches for the message."""
    dmarc = [
        one.result
        for one in findings
        if one.method == "dmarc" and (one.domain == author or (alone and not one.domain))
    ]
    # Two words about one thing: then a sender may have smuggled one in, and the worse one counts.
    result = next((word for word in dmarc if word != "pass"), "pass" if dmarc else "none")
    if result in ("pass", "fail"):
        return result, result == "pass"
    aligned = any(
        one.result == "pass" and one.method in ("spf", "dkim") and is_aligned(author, one.domain)
        for one in findings
    )
    return result, aligned


def _best(findings: list[Finding], authors: Sequence[str]) -> str:
    """The result that says most for the authors; a failed look-up for another domain is none."""
    results = [
        "none"
        if one.result == "temperror" and not any(is_aligned(author, one.domain) for author in authors)
        else one.result
        for one in findings
    ]
    order = ("pass", "temperror", "fail", "softfail", "neutral", "permerror")
    return next((result for result in order if result in results), "none")
