"""The canonical form of a mail address: two spellings of one mailbox compare equal.

Case, a trailing dot, surrounding angle brackets and needless quotes do not tell mailboxes apart, nor do
plus-tags (RFC 5233), the dots of Gmail, googlemail.com for gmail.com, or the two spellings of an
internationalised domain (RFC 5890 §2.3.2.1). The canonical form is for comparing only: mail is never sent
to it, and whoever shows an address shows it as it was written.

Promises: `canonical_address(canonical_address(x)) == canonical_address(x)` for every text, and time linear
in its length. Never raises: what is no address comes back trimmed and in lower case, and equals itself.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import idna

# What a lone look at ASCII can settle: a dot-atom without plus-tag, at a domain of letters, digits and hyphens.
_PLAIN = re.compile(r"[a-z0-9!#$%&'*/=?^_`{|}~.-]++@([a-z0-9.-]*[a-z0-9-])")
# Octets that may stand neither in an unquoted local part nor in a domain (RFC 5322 §3.2.3 `specials`).
_NOT_IN_ATOM = re.compile(r'[\s\x00-\x20\x7f<>()\[\]@,;:\\"]')
_QUOTED = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LITERAL = re.compile(r"\[[^\s\[\]\\@<>]*+\]")
# `@hop,@hop:` before the address: a source route, to be ignored (RFC 5321 §4.1.1.3, appendix C).
_ROUTE = re.compile(r"(?:@[^:\"]*+:\s*+)+")
_LABEL_ENDS = re.compile("[.\u3002\uff0e\uff61]")  # the full stops of UTS 46 §2.3
_AROUND = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "<>"

_GMAIL = frozenset({"gmail.com", "googlemail.com"})
# What is longer is no address (RFC 5321 §4.5.3.1), and folding it would take quadratic time.
_ADDRESS_LIMIT = 1_000
_DOMAIN_LIMIT = 255  # octets, RFC 5321 §4.5.3.1.2; no longer text is a domain, or worth the work of IDNA


def canonical_address(address: str) -> str:
    """The form of `address` to compare by, e.g. `joan.doe@school.example` for `<Joan.Doe+News@School.Example.>`.

    A plus-tag goes (`a+b` is `a`), unless the local part begins with the plus. A quoted local part loses
    its quotes where it needs none; RFC 5321 §4.1.2 would keep them for `a..b`, but mail systems that allow
    such mailboxes take both spellings, so they count as one here. A domain is compared by its A-labels.

    Returns `address` trimmed and in lower case where it is no address. Idempotent; never raises.
    """
    lowered = address.lower()
    plain = _PLAIN.fullmatch(lowered) if address.isascii() else None
    if plain is not None and plain[1] not in _GMAIL:
        return lowered
    text = address.strip(_AROUND)
    local, domain = _halves(text)
    if not domain or len(text) > _ADDRESS_LIMIT:
        return text.lower()
    quoted = _QUOTED.fullmatch(local)
    content = _ESCAPED.sub(r"\1", quoted[1]) if quoted else local
    if domain in _GMAIL:
        domain = "gmail.com"
        content = content.replace(".", "") or content
    content = _fold(content)
    if not content.startswith("+"):
        content = content.partition("+")[0]
    if content and not _NOT_IN_ATOM.search(content):
        return f"{content}@{domain}"
    if not quoted:
        return text.lower()
    escaped = content.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"@{domain}'


def domain_of(address: str) -> str:
    """The domain of `address` in lower-case A-labels, without trailing dot; "" if there is none. Never raises."""
    plain = _PLAIN.fullmatch(address.lower()) if address.isascii() else None
    return plain[1] if plain is not None else _halves(address.strip(_AROUND))[1]


def _halves(text: str) -> tuple[str, str]:
    """Local part as written and canonical domain; the domain is "" where the text has no usable one."""
    route = _ROUTE.match(text)
    local, at, domain = text[route.end() if route else 0 :].rpartition("@")
    return (local.strip(), _domain(domain.strip())) if at else (text, "")


def _domain(domain: str) -> str:
    """The domain in lower-case A-labels, "" if the text is none."""
    domain = domain.rstrip(".")
    if _NOT_IN_ATOM.search(domain):
        return domain.lower() if _LITERAL.fullmatch(domain) else ""
    if domain.isascii() or len(domain) > _DOMAIN_LIMIT:
        return domain.lower()
    return ".".join(map(_label, _LABEL_ENDS.split(domain))).rstrip(".")


@lru_cache(maxsize=4096)  # a list of ten thousand recipients has a few domains
def _label(label: str) -> str:
    """One label as an A-label (RFC 5891 §4), after the mapping of UTS 46 (case, width, composition).

    Labels that IDNA 2008 forbids (an emoji, a letter without a script's context rule) are in use all the same
    under their IDNA 2003 name, which is their plain Punycode.
    """
    if label.isascii():
        return label.lower()
    try:
        mapped = idna.uts46_remap(label, std3_rules=False)
        if mapped.isascii() and not _NOT_IN_ATOM.search(mapped):
            return mapped
        return idna.alabel(mapped).decode("ascii")
    except UnicodeError:  # idna's own error is one
        folded = unicodedata.normalize("NFC", label.lower())
        return "xn--" + folded.encode("punycode").decode("ascii").lower()


def _fold(text: str) -> str:
    """Caseless and composed: canonical caseless matching of Unicode, D145, then NFC (RFC 6532 §3.1)."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFD", text)
    text = unicodedata.normalize("NFD", text.casefold())
    return unicodedata.normalize("NFC", text)
