"""Whom a rule leaves alone, and until when.

An exemption names people, groups, addresses or domains with a reason and a last day. It leaves alone an
author it names, and the recipients it names: they no longer count towards a finding. A group stands for
everybody on it and the guardians of its members, as recipients; it does not free its leaders to write to
others as they like.

Promises: an expired exemption has no effect, as of the district's local date of the message; naming one more
person never leads to one more finding; never raises, whatever the settings name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from gateway.config import Exemption, in_domain
from gateway.directory.model import Person
from gateway.directory.snapshot import Directory
from gateway.message.canonical import canonical_address, domain_of
from gateway.policy.audience import Recipient, people_on_list
from gateway.policy.identify import Identity


@dataclass(frozen=True, slots=True)
class Exempt:
    """Whom one rule leaves alone on one day."""

    people: frozenset[str] = frozenset()  # ids, as the settings name them
    accounts: frozenset[str] = frozenset()  # people again, by a canonical address of theirs
    addresses: frozenset[str] = frozenset()  # canonical; these and no others of the same people
    domains: tuple[str, ...] = ()
    in_groups: frozenset[str] = frozenset()  # ids of people

    def person(self, person: Person) -> bool:
        """Whether a person is exempt, by id or by an address that is theirs."""
        if person.id in self.people:
            return True
        return bool(self.accounts) and any(item.canonical in self.accounts for item in person.addresses)

    def address(self, address: str) -> bool:
        """Whether an address is exempt by itself or by its domain."""
        if self.addresses and canonical_address(address) in self.addresses:
            return True
        if not self.domains:
            return False
        domain = domain_of(address)
        return any(in_domain(domain, exempt) for exempt in self.domains)

    def author(self, author: Identity) -> bool:
        """Whether an author is left alone."""
        return self is not NOBODY and (self.person(author.person) or self.address(author.address))

    def recipient(self, recipient: Recipient) -> bool:
        """Whether a recipient does not count."""
        person = recipient.person
        return (
            person.id in self.in_groups
            or self.person(person)
            or any(self.address(way.address) for way in recipient.ways)
        )


NOBODY = Exempt()


def exempt_on(exemptions: Iterable[Exemption], day: date, directory: Directory) -> Exempt:
    """What the exemptions of one rule come to on a day; `expires` is the last day of each."""
    current = [exemption for exemption in exemptions if day <= exemption.expires]
    if not current:
        return NOBODY
    named = frozenset(name for exemption in current for name in exemption.people)
    return Exempt(
        people=named,
        accounts=frozenset(canonical_address(name) for name in named if "@" in name),
        addresses=frozenset(canonical_address(text) for exemption in current for text in exemption.addresses),
        domains=tuple(domain for exemption in current for domain in exemption.domains),
        in_groups=_in_groups({group for exemption in current for group in exemption.groups}, directory),
    )


def _in_groups(group_ids: Iterable[str], directory: Directory) -> frozenset[str]:
    found: set[str] = set()
    for group_id in group_ids:
        group = directory.groups.get(group_id)
        if group is not None:
            found |= people_on_list(directory, group)
            for member in directory.members_of(group_id):
                found |= directory.guardians_of(member)
    return frozenset(found)
