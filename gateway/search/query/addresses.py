"""Who: an address, a domain or words of a name, in a place of the message.

Fails only with `QueryError`.
"""

from __future__ import annotations

from gateway.message.canonical import canonical_address, domain_of
from gateway.search.query.errors import QueryError, quoted
from gateway.search.query.matches import read_match
from gateway.search.query.tokens import Token
from gateway.search.query.tree import Address, Domain, Name, Node, Place

MAX_ADDRESS = 1_000  # characters
_WHO = "user@domain, @domain or a name"


def read_who(term: Token, place: Place) -> Node:
    """`a@b` an address, `@b` a domain, anything else words of a name or of the part before the @."""
    text = _bare(term.text)
    local, at, _ = text.rpartition("@")
    if not at:
        return Name(place, read_match(term))
    everybody = local == "*" and not term.quoted  # `*@domain`
    if everybody:
        local, text = "", text[1:]
    star = -1 if term.quoted else term.text.find("*", 1 if everybody else 0)
    if term.suffix or star >= 0:
        position = term.at(len(term.text)) + 1 if term.suffix else term.at(star)
        raise QueryError(position, "an address is compared as a whole", f"{_WHO} such as smith*")
    _refuse_longer(term, text)
    domain = domain_of(text if local else f"x{text}")
    if not domain:
        raise QueryError(term.position, f"{quoted(term.text)} has no domain", _WHO)
    if not local:
        return Domain(place, domain)
    canonical = canonical_address(text)
    if canonical.startswith("@") or canonical != _bare(canonical):
        raise QueryError(term.position, f"{quoted(term.text)} is no address", _WHO)
    return Address(place, canonical)


def read_domain(term: Token) -> Node:
    """`domain:b`: somebody's address is in it or below it."""
    text = term.text.strip().removeprefix("@")
    _refuse_longer(term, text)
    domain = "" if "@" in text or "*" in text or term.suffix else domain_of(f"x@{text}")
    if not domain:
        expected = "a domain such as school.example; those below it are included"
        raise QueryError(term.position, f"{quoted(term.text)} is no domain", expected)
    return Domain(Place.PARTICIPANT, domain)


def _bare(text: str) -> str:
    """The address of `<ann@school.example>` and of `Ann <ann@school.example>`, as mail programs copy it."""
    text = text.strip()
    begin = text.rfind("<")
    named = begin >= 0 and text.endswith(">")
    return (text[begin + 1 : -1] if named else text).strip("<>").strip()


def _refuse_longer(term: Token, text: str) -> None:
    if len(text) > MAX_ADDRESS:
        raise QueryError(term.position, "the address is too long", f"at most {MAX_ADDRESS} characters")
