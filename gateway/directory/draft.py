"""The directory while it is being put together from rows.

`people.py`, `classes.py`, `accounts.py` and `groups.py` write here row by row; `build.py` makes the
immutable snapshot of it. Only what is in force on `as_of` becomes a role, a guardianship or a membership;
that something *was* known once (`ever`, `gone`) is kept to tell a row that is over from a dangling one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, field
from datetime import date

from gateway.directory.cells import ids, known_ids
from gateway.directory.csvfile import Table
from gateway.directory.dates import covers
from gateway.directory.model import IMPLIED, GroupKind, PersonAddress, Role, SignedForm
from gateway.directory.roles import Part
from gateway.directory.snapshot import in_domains
from gateway.message.canonical import canonical_address

Span = tuple[date | None, date | None]  # first and last day, None: open


@dataclass(slots=True, repr=False)
class DraftPerson:
    """One row of users.csv and what other files add to it."""

    id: str
    line: int  # of users.csv
    given: str = ""
    family: str = ""
    middle: str = ""
    preferred: str = ""
    _: KW_ONLY
    own: Span = (None, None)  # dates of the person's own row
    roles: frozenset[Role] = frozenset()  # in force
    ever: frozenset[Role] = frozenset()  # in force, over or yet to come
    inferred: bool = False  # whether the roles come from enrollments only
    span: Span | None = None  # from the first role's first day to the last one's last
    schools: frozenset[str] = frozenset()
    emails: tuple[tuple[str, str], ...] = ()  # of the roster: as written, canonical
    accounts: tuple[PersonAddress, ...] = ()  # of accounts.csv

    def grant(self, role: Role, start: date | None, end: date | None, as_of: date) -> bool:
        """Give a role with its dates (None: open); returns whether it is in force."""
        self.ever |= IMPLIED[role]
        self._extend((start or self.own[0], end or self.own[1]))
        now = covers(start, end, as_of) and covers(*self.own, as_of)
        if now:
            self.roles |= IMPLIED[role]
        return now

    def absorb(self, other: DraftPerson) -> None:
        """Take over what another record of the same human says."""
        self.roles |= other.roles
        self.ever |= other.ever
        self.schools |= other.schools
        self.preferred = self.preferred or other.preferred
        self.middle = self.middle or other.middle
        self.emails += tuple(email for email in other.emails if email not in self.emails)
        self.accounts += other.accounts
        if other.span is not None:
            self._extend(other.span)

    def _extend(self, span: Span) -> None:
        if self.span is None:
            self.span = span
            return
        starts, ends = zip(self.span, span, strict=True)
        self.span = (
            None if None in starts else min(day for day in starts if day),
            None if None in ends else max(day for day in ends if day),
        )

    @property
    def active(self) -> bool:
        """Whether the person has a role today; one whose role nobody knows gets the benefit of the doubt."""
        return bool(self.roles) or not self.ever


@dataclass(slots=True, repr=False)
class DraftGroup:
    """A class of the roster or a row of groups.csv, and who is in it."""

    id: str
    name: str
    kind: GroupKind
    school: str = ""
    address: str | None = None
    start: date | None = None
    end: date | None = None
    parts: dict[Part, set[str]] = field(default_factory=lambda: {part: set() for part in Part})
    groups: set[str] = field(default_factory=set)


@dataclass(slots=True, repr=False)
class Draft:
    """Everything read so far."""

    as_of: date
    domains: tuple[str, ...]  # the district's
    schools: dict[str, str] = field(default_factory=dict)  # sourcedId -> name
    school_names: dict[str, set[str]] = field(default_factory=dict)  # folded name or code -> sourcedIds
    terms: dict[str, Span] = field(default_factory=dict)
    people: dict[str, DraftPerson] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)  # ids of people whose status is not active
    gone_schools: set[str] = field(default_factory=set)
    gone_classes: set[str] = field(default_factory=set)
    same: dict[str, str] = field(default_factory=dict)  # a second id of one human -> the id that is kept
    principals: dict[str, set[str]] = field(default_factory=dict)  # school -> people
    guardians: dict[str, set[str]] = field(default_factory=dict)  # student -> guardians
    groups: dict[str, DraftGroup] = field(default_factory=dict)
    forms: dict[str, list[SignedForm]] = field(default_factory=dict)
    forms_loaded: bool = False
    _in_district: dict[str, bool] = field(default_factory=dict)  # domain -> whether it is the district's
    _by_address: dict[str, list[str]] = field(default_factory=dict)  # canonical -> ids

    def person(self, id: str) -> DraftPerson | None:
        """The person with this sourcedId, or with the record that was joined to theirs."""
        while id in self.same:
            id = self.same[id]
        return self.people.get(id)

    def known_schools(self, table: Table, line: int, field: str, text: str) -> list[str]:
        """The ids of orgs in a cell; without orgs.csv every id is one."""
        if not self.schools:
            return ids(text)
        return known_ids(table, line, field, text, self.schools, self.gone_schools)

    def find(self, text: str) -> list[DraftPerson]:
        """Whom a file means by a sourcedId or an e-mail address; more than one where a family shares it."""
        person = self.person(text)
        if person is not None or "@" not in text:
            return [person] if person else []
        return self.owners(canonical_address(text))

    def add_principal(self, person: DraftPerson, schools: Iterable[str]) -> None:
        for school in schools:
            self.principals.setdefault(school, set()).add(person.id)

    def is_district(self, canonical: str) -> bool:
        """Whether a canonical address lies in the district."""
        domain = canonical.rpartition("@")[2]
        known = self._in_district.get(domain)
        if known is None:
            known = self._in_district[domain] = in_domains(domain, self.domains)
        return known

    def learn_address(self, canonical: str, id: str) -> None:
        """Remember whose address this is, for files that name people by e-mail."""
        owners = self._by_address.setdefault(canonical, [])
        if id not in owners:
            owners.append(id)

    def owners(self, canonical: str) -> list[DraftPerson]:
        """Everybody with this address, in the order of the files."""
        found = {
            person.id: person for id in self._by_address.get(canonical, ()) if (person := self.person(id))
        }
        return list(found.values())

    def shared_addresses(self) -> list[str]:
        """Canonical addresses that more than one record has."""
        return [canonical for canonical, owners in self._by_address.items() if len(owners) > 1]

    def link(self, student: DraftPerson, guardian: DraftPerson) -> None:
        """Make `guardian` a guardian of `student`; without effect on people who have left."""
        if Role.STUDENT not in student.roles:
            guardian.ever |= {Role.GUARDIAN}
        elif guardian.grant(Role.GUARDIAN, None, None, self.as_of):
            self.guardians.setdefault(student.id, set()).add(guardian.id)
