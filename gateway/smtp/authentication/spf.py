"""SPF: whether a client may send for a domain (RFC 7208).

`check_host` is the RFC's function of that name (§4). It keeps the RFC's limits (ten terms that ask DNS, two answers
with nothing in them, ten hosts of an MX, ten names of an address), so that a hostile record buys little work. How
long it takes is the caller's to bound. Never raises: what fails is `temperror` or `permerror`.

Not done: the explanation of a failure (`exp=`), which nobody would read; its syntax is checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote

from gateway.smtp.authentication.resolver import IPAddress, LookupFailed, NoName, Resolver

LOOKUPS = 10  # RFC 7208 §4.6.4, like the following
VOID_LOOKUPS = 2
HOSTS = 10

_QUALIFIERS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}

_DIRECTIVE = re.compile(r"([-+?~]?)([A-Za-z][A-Za-z0-9._-]*)(.*)", re.DOTALL)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(.*)", re.DOTALL)
_PREFIXES = re.compile(r"(.*?)(?:/(0|[1-9]\d?))?(?://(0|[1-9]\d{0,2}))?", re.DOTALL)
_MACRO = re.compile(r"%(?:([%_-])|\{([A-Za-z])(\d*)([rR]?)([-.+,/_=]*)\})")
_LITERAL = re.compile(r"[!-$&-~]*")
_TOP_LABEL = re.compile(r".*\.(?:[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])\.?")
_MACRO_LETTERS = frozenset("slodiphv")


class _Failed(Exception):
    """Ends the check; the argument is its result."""


@dataclass(frozen=True, slots=True)
class _Term:
    """A mechanism with what it says where it matches."""

    name: str
    result: str
    target: str  # the domain-spec, macros unexpanded; "" for the domain itself
    prefix4: int = 32
    prefix6: int = 128
    network: IPv4Network | IPv6Network | None = None


@dataclass(frozen=True, slots=True)
class _Record:
    terms: tuple[_Term, ...]
    redirect: str | None


@dataclass(slots=True)
class _Check:
    """One evaluation: who sends, and what the limits still allow."""

    resolver: Resolver
    address: IPAddress
    sender: str
    helo: str
    lookups: int = 0
    voids: int = 0
    names: dict[str, str] = field(default_factory=dict)  # by domain, what the macro "p" is


async def check_host(resolver: Resolver, client: str, domain: str, sender: str, helo: str) -> str:
    """The result for `domain`: none, neutral, pass, fail, softfail, temperror or permerror.

    `client` is the IP address; `sender` is MAIL FROM, "" for the null sender, whose domain is then HELO's.
    """
    try:
        address = ip_address(client)
    except ValueError:
        return "none"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    local, _, sender_domain = sender.rpartition("@")
    sender = f"{local or 'postmaster'}@{sender_domain or domain}"
    try:
        return await _result(_Check(resolver, address, sender, helo), domain)
    except _Failed as failure:
        return str(failure)


async def _result(check: _Check, domain: str) -> str:
    """Of one domain's record; includes and redirects come here too."""
    domain = domain.rstrip(".")
    if not _is_full_name(domain):
        return "none"
    text = await _policy(check, domain)
    if text is None:
        return "none"
    record = _parsed(text)
    for term in record.terms:
        if await _matches(check, term, domain):
            return term.result
    if record.redirect is None:
        return "neutral"
    _count(check)
    target = await _expanded(check, record.redirect, domain)
    result = await _result(check, target)
    return "permerror" if result == "none" else result


async def _policy(check: _Check, domain: str) -> str | None:
    """The one SPF record of a domain; None where there is none."""
    try:
        records = await check.resolver.txt(domain)
    except NoName:
        return None
    except LookupFailed:
        raise _Failed("temperror") from None
    found = [text for text in records if text[:6].lower() == b"v=spf1" and text[6:7] in (b"", b" ")]
    if len(found) > 1:
        raise _Failed("permerror")
    if not found:
        return None
    try:
        return found[0][6:].decode("ascii")
    except UnicodeDecodeError:
        raise _Failed("permerror") from None


def _is_full_name(domain: str) -> bool:
    labels = domain.split(".")
    return (
        len(labels) > 1
        and len(domain) <= 253
        and domain.isascii()
        and all(0 < len(label) <= 63 for label in labels)
        and not domain.startswith("[")
    )


# --- reading a record ------------------------------------------------------------------------------------


def _parsed(text: str) -> _Record:
    """The whole record; one mistake anywhere spoils it (RFC 7208 §4.6)."""
    terms: list[_Term] = []
    once: dict[str, str] = {}
    for word in filter(None, text.split(" ")):
        modifier = _MODIFIER.fullmatch(word)
        if modifier is None:
            terms.append(_term(word))
            continue
        name, value = modifier[1].lower(), modifier[2]
        if name in ("redirect", "exp"):
            if name in once:
                raise _Failed("permerror")
            once[name] = _domain_spec(value)
        else:
            _macro_string(value)
    has_all = any(term.name == "all" for term in terms)
    return _Record(tuple(terms), None if has_all else once.get("redirect"))


def _term(word: str) -> _Term:
    match = _DIRECTIVE.fullmatch(word)
    if match is None:
        raise _Failed("permerror")
    result, name, rest = _QUALIFIERS[match[1] or "+"], match[2].lower(), match[3]
    if name == "all" and not rest:
        return _Term(name, result, "")
    if name in ("include", "exists") and rest.startswith(":"):
        return _Term(name, result, _domain_spec(rest[1:]))
    if name == "ptr" and (not rest or rest.startswith(":")):
        return _Term(name, result, _domain_spec(rest[1:]) if rest else "")
    if name in ("a", "mx"):
        return _hosts_term(name, result, rest)
    if name in ("ip4", "ip6") and rest.startswith(":"):
        return _Term(name, result, "", network=_network(rest[1:], 4 if name == "ip4" else 6))
    raise _Failed("permerror")


def _hosts_term(name: str, result: str, rest: str) -> _Term:
    match = _PREFIXES.fullmatch(rest)
    assert match is not None  # the pattern takes any text
    target = match[1]
    prefix4 = 32 if match[2] is None else int(match[2])
    prefix6 = 128 if match[3] is None else int(match[3])
    if prefix4 > 32 or prefix6 > 128 or (target and not target.startswith(":")):
        raise _Failed("permerror")
    return _Term(name, result, _domain_spec(target[1:]) if target else "", prefix4, prefix6)


def _network(text: str, version: int) -> IPv4Network | IPv6Network:
    address, slash, prefix = text.partition("/")
    if slash and re.fullmatch(r"0|[1-9]\d{0,2}", prefix) is None:
        raise _Failed("permerror")
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise _Failed("permerror") from None
    if network.version != version or "%" in address:
        raise _Failed("permerror")
    return network


def _domain_spec(text: str) -> str:
    """A domain-spec that is well-formed (RFC 7208 §7.1), as it is."""
    last = _macro_string(text)
    if not text or (not last and _TOP_LABEL.fullmatch(text) is None):
        raise _Failed("permerror")
    return text


def _macro_string(text: str) -> bool:
    """Checks the macros of a text; whether it ends with one that is expanded."""
    position, last = 0, False
    while position < len(text):
        if text[position] != "%":
            literal = _LITERAL.match(text, position)
            if literal is None or literal.end() == position:
                raise _Failed("permerror")
            position, last = literal.end(), False
            continue
        macro = _MACRO.match(text, position)
        if macro is None:
            raise _Failed("permerror")
        letter, digits = (macro[2] or "s").lower(), macro[3] or "1"
        if letter not in _MACRO_LETTERS or not digits.strip("0"):
            raise _Failed("permerror")
        position, last = macro.end(), True
    return last


# --- mechanisms --------------------------------------------------------------------------------------------


async def _matches(check: _Check, term: _Term, domain: str) -> bool:
    if term.name == "all":
        return True
    if term.network is not None:
        return check.address in term.network
    _count(check)
    target = await _expanded(check, term.target, domain) if term.target else domain
    if term.name == "include":
        return await _included(check, target)
    if term.name == "ptr":
        return await _named_within(check, target)
    if not _is_full_name(target.rstrip(".")) and term.name != "exists":
        return False
    if term.name == "exists":
        return bool(await _addresses(check, target, 4))
    if term.name == "a":
        return _is_among(check, term, await _addresses(check, target, check.address.version))
    return await _exchanges(check, term, target)


def _count(check: _Check) -> None:
    check.lookups += 1
    if check.lookups > LOOKUPS:
        raise _Failed("permerror")


async def _included(check: _Check, target: str) -> bool:
    result = await _result(check, target)
    if result == "none":
        raise _Failed("permerror")
    if result in ("temperror", "permerror"):
        raise _Failed(result)
    return result == "pass"


async def _addresses(check: _Check, name: str, version: int) -> tuple[IPAddress, ...]:
    try:
        found = await check.resolver.addresses(name, version)
    except NoName:
        return ()
    except LookupFailed:
        raise _Failed("temperror") from None
    _void(check, found)
    return found


async def _exchanges(check: _Check, term: _Term, target: str) -> bool:
    try:
        hosts = await check.resolver.exchangers(target)
    except NoName:
        return False
    except LookupFailed:
        raise _Failed("temperror") from None
    _void(check, hosts)
    if len(hosts) > HOSTS:
        raise _Failed("permerror")
    for host in filter(None, hosts):
        if _is_among(check, term, await _addresses(check, host, check.address.version)):
            return True
    return False


def _void(check: _Check, found: tuple[object, ...]) -> None:
    check.voids += not found
    if check.voids > VOID_LOOKUPS:
        raise _Failed("permerror")


def _is_among(check: _Check, term: _Term, found: tuple[IPAddress, ...]) -> bool:
    prefix = term.prefix4 if check.address.version == 4 else term.prefix6
    return any(check.address in ip_network(f"{address}/{prefix}", strict=False) for address in found)


async def _validated_names(check: _Check) -> list[str]:
    """The client's names that lead back to its address (RFC 7208 §5.5); DNS failures leave names out."""
    found: list[str] = []
    try:
        names = await check.resolver.names(check.address)
        for name in names[:HOSTS]:
            try:
                addresses = await check.resolver.addresses(name, check.address.version)
            except (LookupFailed, NoName):
                continue
            if check.address in addresses:
                found.append(name.lower())
    except (LookupFailed, NoName):
        pass
    return found


async def _named_within(check: _Check, target: str) -> bool:
    target = target.lower().rstrip(".")
    return any(name == target or name.endswith("." + target) for name in await _validated_names(check))


# --- macros ------------------------------------------------------------------------------------------------


async def _expanded(check: _Check, text: str, domain: str) -> str:
    """A domain-spec with its macros expanded (RFC 7208 §7.3); labels beyond 253 octets fall off its left."""
    pieces: list[str] = []
    position = 0
    for macro in _MACRO.finditer(text):
        pieces.append(text[position : macro.start()])
        position = macro.end()
        if macro[1] is not None:
            pieces.append({"%": "%", "_": " ", "-": "%20"}[macro[1]])
            continue
        value = _transformed(await _value(check, macro[2].lower(), domain), macro[3], macro[4], macro[5])
        pieces.append(quote(value, safe="") if macro[2].isupper() else value)
    name = "".join((*pieces, text[position:]))
    while len(name.rstrip(".")) > 253 and "." in name:
        name = name.partition(".")[2]
    return name


async def _value(check: _Check, letter: str, domain: str) -> str:
    address = check.address
    local, _, sender_domain = check.sender.rpartition("@")
    match letter:
        case "s":
            return check.sender
        case "l":
            return local
        case "o":
            return sender_domain
        case "d":
            return domain
        case "h":
            return check.helo
        case "v":
            return "in-addr" if address.version == 4 else "ip6"
        case "i":
            return str(address) if address.version == 4 else ".".join(address.exploded.replace(":", ""))
    if domain not in check.names:
        check.names[domain] = await _client_name(check, domain)
    return check.names[domain]


async def _client_name(check: _Check, domain: str) -> str:
    """The macro "p": the client's validated name, at best the domain itself or one below it."""
    names = await _validated_names(check)
    own = domain.lower()
    below = [name for name in names if name.endswith("." + own)]
    return own if own in names else next(iter((*below, *names)), "unknown")


def _transformed(value: str, digits: str, reverse: str, delimiters: str) -> str:
    parts = re.split(f"[{re.escape(delimiters)}]", value) if delimiters else value.split(".")
    if reverse:
        parts.reverse()
    keep = int(digits[:4]) if digits else 0
    return ".".join(parts[-keep:] if keep else parts)
