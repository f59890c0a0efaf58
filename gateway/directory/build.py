"""From the draft to the immutable snapshot."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from gateway.directory.draft import Draft, DraftGroup, DraftPerson
from gateway.directory.model import PREFERENCE, AddressKind, Group, Person, PersonAddress, Role
from gateway.directory.roles import Part
from gateway.directory.snapshot import Directory
from gateway.message.canonical import canonical_address

_SOURCE = "roster"
H = TypeVar("H", bound=Hashable)


class _Shared:
    """Equal sets are kept once: a hundred thousand people have a few dozen sets of roles and schools."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Hashable] = {}

    def of(self, value: frozenset[H]) -> frozenset[H]:
        known = self._known.setdefault(value, value)
        assert isinstance(known, frozenset)
        return known


def build(draft: Draft, version: str, now: datetime) -> Directory:
    """The snapshot of a complete draft."""
    shared = _Shared()
    return Directory(
        version=version,
        loaded_at=now,
        as_of=draft.as_of,
        people={id: _person(draft, person, shared) for id, person in draft.people.items()},
        groups={id: _group(draft, group, shared) for id, group in draft.groups.items()},
        domains=draft.domains,
        schools=draft.schools,
        guardians=_relation(draft, draft.guardians, shared),
        principals=_relation(draft, draft.principals, shared),
        forms={id: tuple(forms) for id, forms in draft.forms.items()},
        forms_loaded=draft.forms_loaded,
    )


def _person(draft: Draft, person: DraftPerson, shared: _Shared) -> Person:
    start, end = person.span or person.own
    return Person(
        id=person.id,
        given=person.given,
        family=person.family,
        middle=person.middle,
        preferred=person.preferred,
        roles=shared.of(person.roles),
        schools=shared.of(person.schools),
        addresses=_addresses(draft, person),
        start=start,
        end=end,
    )


def _addresses(draft: Draft, person: DraftPerson) -> tuple[PersonAddress, ...]:
    """Each address once: a district address as such, else as accounts.csv says, else as the roster says."""
    outside = AddressKind.GUARDIAN if Role.GUARDIAN in person.ever else AddressKind.PERSONAL
    found: dict[str, PersonAddress] = {}
    for address, canonical in person.emails:
        kind = AddressKind.DISTRICT if draft.is_district(canonical) else outside
        found[canonical] = PersonAddress(address, canonical, kind, _SOURCE)
    for account in person.accounts:
        known = found.get(account.canonical)
        if known is None or known.kind == AddressKind.PERSONAL:
            found[account.canonical] = account
    return tuple(sorted(found.values(), key=lambda address: PREFERENCE[address.kind]))


def _group(draft: Draft, group: DraftGroup, shared: _Shared) -> Group:
    parts = {part: shared.of(_active(draft, ids)) for part, ids in group.parts.items()}
    return Group(
        id=group.id,
        name=group.name,
        kind=group.kind,
        school=group.school,
        address=group.address,
        canonical_address=canonical_address(group.address) if group.address else None,
        start=group.start,
        end=group.end,
        leaders=parts[Part.LEADER],
        members=parts[Part.MEMBER],
        administrators=parts[Part.ADMINISTRATOR],
        guardians=parts[Part.GUARDIAN],
        groups=shared.of(frozenset(group.groups)),
    )


def _active(draft: Draft, ids: Iterable[str]) -> frozenset[str]:
    """The people behind these ids who have not left."""
    people = (draft.person(id) for id in ids)
    return frozenset(person.id for person in people if person is not None and person.active)


def _relation(
    draft: Draft, relation: Mapping[str, Iterable[str]], shared: _Shared
) -> dict[str, frozenset[str]]:
    found = {key: shared.of(_active(draft, ids)) for key, ids in relation.items()}
    return {key: ids for key, ids in found.items() if ids}
