"""People and groups as facts: what a roster says, in the words of the policy.

Everything here is frozen. Names and addresses are left out of every `repr`: the registry of personal
addresses is exempt from disclosure (M.G.L. c.4 §7 cl.26(o)) and must not slip into a log or a traceback.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class Role(StrEnum):
    """What a person is to the district; one person can be several (policy.md, "Terms")."""

    STUDENT = "student"
    GUARDIAN = "guardian"
    STAFF = "staff"
    COACH = "coach"
    ADVISOR = "advisor"
    ADMINISTRATOR = "administrator"
    PRINCIPAL = "principal"


# A volunteer coach is staff in the policy's sense, and a principal is an administrator.
IMPLIED: Mapping[Role, frozenset[Role]] = {
    Role.STUDENT: frozenset({Role.STUDENT}),
    Role.GUARDIAN: frozenset({Role.GUARDIAN}),
    Role.STAFF: frozenset({Role.STAFF}),
    Role.COACH: frozenset({Role.COACH, Role.STAFF}),
    Role.ADVISOR: frozenset({Role.ADVISOR, Role.STAFF}),
    Role.ADMINISTRATOR: frozenset({Role.ADMINISTRATOR, Role.STAFF}),
    Role.PRINCIPAL: frozenset({Role.PRINCIPAL, Role.ADMINISTRATOR, Role.STAFF}),
}


class AddressKind(StrEnum):
    """How an address belongs to a person; the order is the order of preference in a look-up."""

    DISTRICT = "district"  # in a district domain
    ALIAS = "alias"  # another name of the district account
    PERSONAL = "personal"  # a known outside account of a student or a staff member
    GUARDIAN = "guardian"  # a guardian's registered outside address


PREFERENCE: Mapping[AddressKind, int] = {kind: rank for rank, kind in enumerate(AddressKind)}


@dataclass(frozen=True, slots=True)
class PersonAddress:
    """One address of one person."""

    address: str = field(repr=False)  # as the roster writes it
    canonical: str = field(repr=False)  # as addresses are compared
    kind: AddressKind
    source: str  # "roster", or what accounts.csv says
    verified_on: date | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """One human. `roles` holds what they are on the directory's day; it is empty for one who has left."""

    id: str
    given: str = field(repr=False)
    family: str = field(repr=False)
    middle: str = field(default="", repr=False)
    preferred: str = field(default="", repr=False)
    roles: frozenset[Role] = frozenset()
    schools: frozenset[str] = frozenset()  # sourcedIds of orgs
    addresses: tuple[PersonAddress, ...] = field(default=(), repr=False)
    start: date | None = None  # first and last day of the roles; None: open
    end: date | None = None

    @property
    def name(self) -> str:
        """Given and family name, whichever there are; the id where there is neither."""
        return f"{self.given} {self.family}".strip() or self.id

    def is_a(self, role: Role) -> bool:
        """Whether the person has `role` on the directory's day."""
        return role in self.roles


class GroupKind(StrEnum):
    TEAM = "team"
    CLUB = "club"
    CLASS = "class"
    ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True)
class Group:
    """A team, club, class or organization. The sets hold ids of people as they are on the directory's day."""

    id: str
    name: str
    kind: GroupKind
    school: str = ""  # sourcedId of the org, or what groups.csv says where no org answers to it
    address: str | None = field(default=None, repr=False)  # list address, as written
    canonical_address: str | None = field(default=None, repr=False)
    start: date | None = None  # season, both days included; None: open
    end: date | None = None
    leaders: frozenset[str] = field(default=frozenset(), repr=False)  # coaches, advisors, teachers
    members: frozenset[str] = field(default=frozenset(), repr=False)
    administrators: frozenset[str] = field(default=frozenset(), repr=False)
    guardians: frozenset[str] = field(default=frozenset(), repr=False)
    groups: frozenset[str] = field(default=frozenset(), repr=False)  # ids of groups in this group

    def in_season(self, day: date) -> bool:
        """Whether `day` lies within the group's dates; a group without dates is always in season."""
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)


@dataclass(frozen=True, slots=True)
class SignedForm:
    """A row of forms.csv: a person signed a form on a day."""

    form: str
    signed_on: date
