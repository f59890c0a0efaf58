"""The directory: an immutable snapshot of people, groups and addresses, with look-ups in constant time.

A snapshot is made whole and then never changes, so mail is judged by the old or the new directory and
never by half of one (`reload.py` swaps them). It is true for one day, `as_of`: roles, memberships and
guardianships whose dates exclude that day are not in it.

Nothing here fails: what is not known is `None` or empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import InitVar, dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, TypeVar

from gateway.directory.model import PREFERENCE, Group, GroupKind, Person, PersonAddress, Role, SignedForm
from gateway.directory.names import surname_keys, written
from gateway.directory.staff import StaffNames, staff_names
from gateway.message.canonical import canonical_address, domain_of

K = TypeVar("K")
V = TypeVar("V")

_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Match:
    """A person, and by which of their addresses they were found."""

    person: Person
    address: PersonAddress


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Directory:
    """See the module's text. `people` and `groups` are by id; `domains` are the district's, as A-labels."""

    version: str  # first 12 hex digits of SHA-256 over the files: same files, same version
    loaded_at: datetime
    as_of: date
    people: Mapping[str, Person]
    groups: Mapping[str, Group]
    domains: tuple[str, ...]
    schools: Mapping[str, str] = field(default_factory=dict)  # sourcedId -> name
    guardians: Mapping[str, frozenset[str]] = field(default_factory=dict)  # student -> guardians
    principals: InitVar[Mapping[str, frozenset[str]] | None] = None  # by school; None: by people's schools
    forms: Mapping[str, tuple[SignedForm, ...]] = field(default_factory=dict)  # person -> forms
    forms_loaded: bool = False  # whether there was a forms.csv at all
    _principals: Mapping[str, frozenset[str]] = field(init=False)
    _children: Mapping[str, frozenset[str]] = field(init=False)
    _by_address: Mapping[str, tuple[Match, ...]] = field(init=False)
    _group_by_address: Mapping[str, Group] = field(init=False)
    _leads: Mapping[str, tuple[Group, ...]] = field(init=False)
    _teaches: Mapping[str, tuple[Group, ...]] = field(init=False)
    _nested_members: Mapping[str, frozenset[str]] = field(init=False)
    _staff: StaffNames = field(init=False)

    def __post_init__(self, principals: Mapping[str, frozenset[str]] | None) -> None:
        groups = self.groups.values()
        led = [group for group in groups if group.kind != GroupKind.CLASS]
        classes = [group for group in groups if group.kind == GroupKind.CLASS]
        if principals is None:
            principals = _principals_by_school(self.people.values())
        _fix(
            self,
            people=_sealed(self.people),
            groups=_sealed(self.groups),
            schools=_sealed(self.schools),
            guardians=_sealed(self.guardians),
            _principals=_sealed(principals),
            forms=_sealed(self.forms),
            _children=_sealed(_inverse(self.guardians)),
            _by_address=_sealed(_addresses(self.people.values())),
            _group_by_address=_sealed(_list_addresses(groups)),
            _leads=_sealed(_by_leader(led)),
            _teaches=_sealed(_by_leader(classes)),
            _nested_members=_sealed(_nested_members(self.groups)),
            _staff=staff_names(self.people.values()),
        )

    def __repr__(self) -> str:
        return (
            f"Directory(version={self.version!r}, as_of={self.as_of.isoformat()}, "
            f"people={len(self.people)}, groups={len(self.groups)})"
        )

    @classmethod
    def empty(cls, domains: Iterable[str], now: datetime) -> Directory:
        """A directory of nobody: every address is outside or unknown, and no rule finds anything."""
        version = hashlib.sha256().hexdigest()[:12]
        return cls(version, now, now.date(), people={}, groups={}, domains=tuple(domains))

    # --- addresses ---

    def is_district(self, address: str) -> bool:
        """Whether `address` is in one of the district's domains or their subdomains."""
        return in_domains(domain_of(address), self.domains)

    def match(self, address: str) -> Match | None:
        """Who is behind `address`: the first of `matches`."""
        found = self.matches(address)
        return found[0] if found else None

    def matches(self, address: str) -> tuple[Match, ...]:
        """Everybody behind `address` (families share one).

        People who still have a role come first, then district, alias, personal, guardian addresses, then
        by id: the order is the same in every process.
        """
        return self._by_address.get(canonical_address(address), ())

    def behind(self, address: str) -> tuple[tuple[Match, ...], Group | None]:
        """Everybody behind `address`, and the group whose list address it is."""
        canonical = canonical_address(address)
        return self._by_address.get(canonical, ()), self._group_by_address.get(canonical)

    def shared_addresses(self) -> Iterator[tuple[Match, ...]]:
        """The matches of each address that several people have."""
        return (matches for matches in self._by_address.values() if len(matches) > 1)

    def group_at(self, address: str) -> Group | None:
        """The group whose list address this is."""
        return self._group_by_address.get(canonical_address(address))

    # --- names of staff ---

    def staff_of_surname(self, key: str) -> tuple[Person, ...]:
        """Staff with this surname, or one half of it, as `names.family_keys` writes it; students are none."""
        return self._staff.by_surname.get(key, ())

    def staff_named(self, text: str) -> tuple[Person, ...]:
        """Staff whose surname, or half of it, occurs in a written name; whether it fits, `names.fit` says."""
        keys = surname_keys(written(text))
        return tuple({person.id: person for key in keys for person in self.staff_of_surname(key)}.values())

    def has_namesake(self, person_id: str, *, by_initial: bool = False) -> bool:
        """Whether a student or guardian bears a staff member's name, or the surname and the initial of it."""
        return person_id in (self._staff.with_shared_initial if by_initial else self._staff.with_namesakes)

    # --- groups ---

    def groups_led_by(self, person_id: str) -> tuple[Group, ...]:
        """Teams, clubs and organizations that this person coaches or advises, in season or not."""
        return self._leads.get(person_id, ())

    def classes_taught_by(self, person_id: str) -> tuple[Group, ...]:
        """Classes that this person teaches, in session or not."""
        return self._teaches.get(person_id, ())

    def members_of(self, group_id: str) -> frozenset[str]:
        """Active members, those of groups in the group included; cycles of groups are tolerated."""
        nested = self._nested_members.get(group_id)
        if nested is not None:
            return nested
        group = self.groups.get(group_id)
        return group.members if group is not None else _NOBODY

    # --- families and schools ---

    def guardians_of(self, student_id: str) -> frozenset[str]:
        """Guardians of an active student."""
        return self.guardians.get(student_id, _NOBODY)

    def children_of(self, guardian_id: str) -> frozenset[str]:
        """Active students whose guardian this person is."""
        return self._children.get(guardian_id, _NOBODY)

    @property
    def principals_by_school(self) -> Mapping[str, frozenset[str]]:
        """Principals by the sourcedId of their school."""
        return self._principals

    def principals_of(self, school: str) -> frozenset[str]:
        """Principals of a school (sourcedId of its org)."""
        return self._principals.get(school, _NOBODY)


def in_domains(domain: str, domains: Iterable[str]) -> bool:
    """Whether `domain` is one of `domains` or a subdomain of one (all lower case, A-labels)."""
    return any(domain == own or domain.endswith("." + own) for own in domains)


def _fix(directory: Directory, **values: Any) -> None:
    """Set fields of a frozen dataclass while it is being made."""
    for name, value in values.items():
        object.__setattr__(directory, name, value)


def _sealed(mapping: Mapping[K, V]) -> Mapping[K, V]:
    """A read-only view; the importer hands its mappings over and keeps none of them."""
    return mapping if isinstance(mapping, MappingProxyType) else MappingProxyType(dict(mapping))


def _addresses(people: Iterable[Person]) -> dict[str, tuple[Match, ...]]:
    found: dict[str, tuple[Match, ...]] = {}
    shared: set[str] = set()
    for person in people:
        for address in person.addresses:
            before = found.get(address.canonical)
            match = Match(person, address)
            if before is None:
                found[address.canonical] = (match,)
            else:
                found[address.canonical] = (*before, match)
                shared.add(address.canonical)
    for canonical in shared:
        found[canonical] = tuple(sorted(found[canonical], key=_order))
    return found


def _order(match: Match) -> tuple[bool, int, str]:
    return not match.person.roles, PREFERENCE[match.address.kind], match.person.id


def _list_addresses(groups: Iterable[Group]) -> dict[str, Group]:
    found: dict[str, Group] = {}
    for group in groups:
        if group.canonical_address:
            found.setdefault(group.canonical_address, group)
    return found


def _by_leader(groups: Iterable[Group]) -> dict[str, tuple[Group, ...]]:
    found: dict[str, list[Group]] = {}
    for group in groups:
        for leader in group.leaders:
            found.setdefault(leader, []).append(group)
    return {leader: tuple(led) for leader, led in found.items()}


def _inverse(relation: Mapping[str, Set[str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for key, values in relation.items():
        for value in values:
            found.setdefault(value, set()).add(key)
    once: dict[frozenset[str], frozenset[str]] = {}  # brothers and sisters have the same guardians
    return {value: once.setdefault(keys := frozenset(all_keys), keys) for value, all_keys in found.items()}


def _principals_by_school(people: Iterable[Person]) -> dict[str, frozenset[str]]:
    relation = {person.id: person.schools for person in people if Role.PRINCIPAL in person.roles}
    return _inverse(relation)


def _nested_members(groups: Mapping[str, Group]) -> dict[str, frozenset[str]]:
    """Members of each group that holds other groups, through all of them."""
    found = {}
    for group in groups.values():
        if group.groups:
            seen: set[str] = set()
            members: set[str] = set()
            ahead = [group.id]
            while ahead:
                current = groups.get(ahead.pop())
                if current is None or current.id in seen:
                    continue
                seen.add(current.id)
                members |= current.members
                ahead += current.groups
            found[group.id] = frozenset(members)
    return found
