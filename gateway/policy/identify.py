"""Who is behind the author's address: the identification ladder of policy.md, one small function a step.

A step looks at one sighting of an author and answers with an Identity or None; `LADDER` is tried from the
surest step down and the first answer holds. A further step (Reply-To, threads, display names) is a further
function in `LADDER`; nothing else changes.

Promises: an address that several people share identifies nobody, unless the display name tells which
of them wrote (then the finding is at most `likely`), and never anybody where a student shares it; an
answer says in words why. Never raises for any address.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from gateway.directory.model import AddressKind, Person, PersonAddress, Role
from gateway.directory.snapshot import Directory
from gateway.policy.capacity import SCHOOL_KINDS
from gateway.policy.model import Confidence, Transaction, weakest
from gateway.policy.wording import display_name, possessive


class Account(StrEnum):
    """Through which kind of account somebody writes."""

    DISTRICT = "district"
    OUTSIDE = "outside"


class Field(StrEnum):
    """Where an author was named."""

    FROM = "From"
    SENDER = "Sender"
    MAIL_FROM = "MAIL FROM"


@dataclass(frozen=True, slots=True)
class Sighting:
    """An author as the message names one."""

    name: str  # display name, may be ""
    address: str
    field: Field


@dataclass(frozen=True, slots=True)
class Identity:
    """The person whom a step of the ladder takes for the author."""

    person: Person
    address: str  # as the message has it
    account: Account
    confidence: Confidence
    why: str  # a sentence


Step = Callable[[Sighting, Transaction, Directory, date], Identity | None]

# Nobody writes as this many people. The bound keeps a hostile From line from buying hours of judging.
_MOST_AUTHORS = 20


def authors(transaction: Transaction, directory: Directory, day: date) -> tuple[Identity, ...]:
    """Everybody whom the ladder recognises as an author, each once, in the order they are named.

    Somebody named with a school account and an outside one together counts as writing from the school
    account.
    """
    found: dict[str, Identity] = {}
    for sighting in _sightings(transaction):
        identity = _climb(sighting, transaction, directory, day)
        if identity is None:
            continue
        known = found.get(identity.person.id)
        if known is None and len(found) == _MOST_AUTHORS:
            break
        if known is None or (known.account, identity.account) == (Account.OUTSIDE, Account.DISTRICT):
            found[identity.person.id] = identity
    return tuple(found.values())


def _sightings(transaction: Transaction) -> Iterator[Sighting]:
    """The mailboxes of From; where there are none, those of Sender; then MAIL FROM (policy.md: Author)."""
    reading = transaction.reading
    if reading.from_:
        return (Sighting(box.name, box.address, Field.FROM) for box in reading.from_)
    if reading.sender:
        return (Sighting(box.name, box.address, Field.SENDER) for box in reading.sender)
    return iter((Sighting("", transaction.mail_from, Field.MAIL_FROM),))


def _climb(sighting: Sighting, transaction: Transaction, directory: Directory, day: date) -> Identity | None:
    for step in LADDER:
        identity = step(sighting, transaction, directory, day)
        if identity is None:
            continue
        if sighting.field is Field.MAIL_FROM:
            # The envelope sender names a mailbox for bounces, not a writer: weaker evidence.
            return replace(
                identity,
                confidence=weakest(identity.confidence, Confidence.STRONG),
                why=f"{identity.why} (the message itself names no sender; this is its return address)",
            )
        return identity
    return None


# --- the steps -----------------------------------------------------------------------------------


def school_account(
    sighting: Sighting, transaction: Transaction, directory: Directory, day: date
) -> Identity | None:
    """A school account: an address in the district's domains, or a registered alias, of one person."""
    owner = _owner(sighting, directory)
    if owner is None or not _at_school(owner, sighting, directory):
        return None
    name = display_name(owner.person)
    return owner.identity(
        sighting, Account.DISTRICT, f"the message came from {possessive(name)} school account"
    )


def registered_address(
    sighting: Sighting, transaction: Transaction, directory: Directory, day: date
) -> Identity | None:
    """Step 1: the canonical address is a registered personal address, or a registered guardian address."""
    owner = _owner(sighting, directory)
    if owner is None or _at_school(owner, sighting, directory):
        return None
    name = display_name(owner.person)
    if AddressKind.PERSONAL in owner.kinds:
        why = f"the sending address is on record as a personal account of {name}"
    else:
        why = f"the sending address is the one that {name} gave the district as a parent or guardian"
    return owner.identity(sighting, Account.OUTSIDE, why)


LADDER: tuple[Step, ...] = (school_account, registered_address)


# --- shared addresses ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Owner:
    person: Person
    kinds: frozenset[AddressKind]
    shared: bool

    def identity(self, sighting: Sighting, account: Account, why: str) -> Identity:
        if self.shared:
            why += "; others use this address too, and the sender's name in the message tells them apart"
        confidence = Confidence.LIKELY if self.shared else Confidence.CERTAIN
        return Identity(self.person, sighting.address, account, confidence, why)


def _at_school(owner: _Owner, sighting: Sighting, directory: Directory) -> bool:
    return not owner.kinds.isdisjoint(SCHOOL_KINDS) or directory.is_district(sighting.address)


def _owner(sighting: Sighting, directory: Directory) -> _Owner | None:
    """The one person to whom an address belongs, or who is named beside a shared one."""
    matches = directory.matches(sighting.address)
    if not matches:
        return None
    addresses: dict[str, list[PersonAddress]] = {}
    for match in matches:
        addresses.setdefault(match.person.id, []).append(match.address)
    people = {match.person.id: match.person for match in matches}
    shared = len(people) > 1
    if shared:
        # A family's address: it may be the student who writes, and a student's mail is never a finding.
        if any(Role.STUDENT in person.roles for person in people.values()):
            return None
        people = {key: person for key, person in people.items() if _is_named(sighting.name, person)}
        if len(people) != 1:
            return None
    ((person_id, person),) = people.items()
    return _Owner(person, frozenset(address.kind for address in addresses[person_id]), shared)


def _is_named(display: str, person: Person) -> bool:
    """Whether a display name is a person's full name, as "Given Family" or "Family, Given"."""
    shown = _folded(display)
    if not shown or not person.family:
        return False
    return any(
        shown in (_folded(f"{given} {person.family}"), _folded(f"{person.family} {given}"))
        for given in (person.given, person.preferred)
        if given
    )


def _folded(name: str) -> str:
    """A name without case, accents and punctuation, single spaces between its words."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    return " ".join("".join(char if char.isalnum() else " " for char in plain).casefold().split())
