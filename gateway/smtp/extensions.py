"""Service extensions: what a next hop offers, what a client may be offered (RFC 5321 §2.2, §4.1.1.1).

The gateway promises a client only what both the gateway and every next hop of the listener can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from gateway.smtp.reply import Reply

# Extensions that the gateway can hand on. STARTTLS and AUTH are matters of each connection;
# CHUNKING is not implemented and so never offered.
_RELAYED = ("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")

_MAIL_PARAMETERS = {
    "8BITMIME": ("BODY",),  # RFC 6152
    "SMTPUTF8": ("SMTPUTF8",),  # RFC 6531
    "DSN": ("RET", "ENVID"),  # RFC 3461
}
_RCPT_PARAMETERS = {"DSN": ("NOTIFY", "ORCPT")}


@dataclass(frozen=True)
class Offer:
    """The keywords of an EHLO reply with their arguments."""

    keywords: Mapping[str, str] = field(default_factory=dict)  # upper case

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.keywords

    @cached_property
    def size(self) -> int:
        """The largest message in octets (RFC 1870), 0 for no fixed limit."""
        value = self.keywords.get("SIZE", "")
        return int(value) if value.isdecimal() and len(value) < 20 else 0

    @cached_property
    def mail_parameters(self) -> frozenset[str]:
        """Keywords of the parameters that MAIL may have. SIZE and AUTH= are always understood."""
        return frozenset({"SIZE", "AUTH"}) | self._parameters(_MAIL_PARAMETERS)

    @cached_property
    def rcpt_parameters(self) -> frozenset[str]:
        """Keywords of the parameters that RCPT may have."""
        return self._parameters(_RCPT_PARAMETERS)

    def _parameters(self, by_extension: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
        return frozenset(name for key, names in by_extension.items() if key in self for name in names)


NOTHING = Offer()

# What is presumed of mail exchangers on the internet, and of a next hop that does not answer: a client that is not
# offered SMTPUTF8 or 8BITMIME returns such mail to its sender, though it could wait. No DSN: many lack it, and a
# client that is not offered DSN sends its own "relayed" notice, which is the truth.
PRESUMED = Offer(dict.fromkeys(("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE"), ""))


def parse_offer(reply: Reply) -> Offer:
    """The offer in a positive EHLO reply."""
    found = {}
    for line in reply.wire.decode("ascii", "replace").split("\n")[1:]:
        keyword, _, argument = line[4:].strip().partition(" ")
        if keyword:
            found[keyword.upper()] = argument
    return Offer(found)


def common(offers: Iterable[Offer], message_size: int) -> Offer:
    """What may be offered to a client whose mail goes to next hops with these offers."""
    every = list(offers)
    found = {keyword: "" for keyword in _RELAYED if all(keyword in offer for offer in every)}
    sizes = [offer.size for offer in every if offer.size] + [message_size]
    return Offer({"SIZE": str(min(sizes)), **found})


_NEEDED = {
    "SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "RET": "DSN", "ENVID": "DSN",
    "AUTH": "AUTH", "NOTIFY": "DSN", "ORCPT": "DSN",
}  # fmt: skip


def passable(parameters: tuple[str, ...], offer: Offer) -> tuple[str, ...]:
    """The parameters, byte for byte, that a next hop with this offer understands."""
    return tuple(item for item in parameters if _NEEDED[item.partition("=")[0].upper()] in offer)
