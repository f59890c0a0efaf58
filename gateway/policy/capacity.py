"""In which capacity somebody writes or reads: as staff, student, guardian, parent, teacher or leader.

Promises: every answer is for one day, because a person's and a group's dates come from the roster
(policy.md: "Enrollment and role dates from the roster count the same way"); never raises for ids that
the directory does not know.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from gateway.directory.model import AddressKind, Group, Person, Role
from gateway.directory.snapshot import Directory

_STAFF = frozenset({Role.STAFF, Role.COACH, Role.ADVISOR, Role.ADMINISTRATOR, Role.PRINCIPAL})
# Kinds of addresses that are the district's own account, wherever it is hosted.
SCHOOL_KINDS = frozenset({AddressKind.DISTRICT, AddressKind.ALIAS})
_ADMINISTRATING = frozenset({Role.ADMINISTRATOR, Role.PRINCIPAL})


def is_active(person: Person, day: date) -> bool:
    """Whether the roster's dates of a person hold the day; both ends belong to it."""
    return (person.start is None or person.start <= day) and (person.end is None or day <= person.end)


def is_student(person: Person, day: date) -> bool:
    """Whether somebody is an enrolled student that day."""
    return Role.STUDENT in person.roles and is_active(person, day)


def is_staff(person: Person, day: date) -> bool:
    """Whether somebody works for the district that day, volunteer coaches included.

    A student is never staff, whatever else the roster says: a student who writes causes no finding.
    """
    roles = person.roles
    return not roles.isdisjoint(_STAFF) and Role.STUDENT not in roles and is_active(person, day)


def has_school_account(person: Person) -> bool:
    """Whether the directory knows an account of the district's for somebody."""
    return any(address.kind in SCHOOL_KINDS for address in person.addresses)


def is_administrator(person: Person, day: date) -> bool:
    """Whether somebody is an administrator or principal that day."""
    return not person.roles.isdisjoint(_ADMINISTRATING) and is_active(person, day)


def active_people(directory: Directory, ids: Iterable[str], day: date) -> frozenset[str]:
    """Those of some person ids whom the directory knows and whose dates hold the day."""
    people = directory.people
    return frozenset(
        person_id for person_id in ids if (person := people.get(person_id)) and is_active(person, day)
    )


def is_guardian(directory: Directory, person_id: str, day: date) -> bool:
    """Whether somebody is a guardian of an enrolled student that day."""
    people = directory.people
    for child in directory.children_of(person_id):
        if (person := people.get(child)) is not None and is_student(person, day):
            return True
    return False


def enrolled_children(directory: Directory, person_id: str, day: date) -> tuple[Person, ...]:
    """The enrolled students whose guardian somebody is, in the order of their ids."""
    children = directory.children_of(person_id)
    if not children:
        return ()
    people = directory.people
    found = (people[child] for child in sorted(children) if child in people)
    return tuple(child for child in found if is_student(child, day))


def family(directory: Directory, person_id: str, day: date) -> frozenset[str]:
    """The enrolled children of somebody and these children's other guardians."""
    children = enrolled_children(directory, person_id, day)
    others = (directory.guardians_of(child.id) for child in children)
    return frozenset(child.id for child in children).union(*others) - {person_id}


def classes_taught(directory: Directory, person_id: str, day: date) -> tuple[Group, ...]:
    """The classes that somebody teaches that day."""
    return tuple(group for group in directory.classes_taught_by(person_id) if group.in_season(day))


def groups_led(directory: Directory, person_id: str, day: date) -> tuple[Group, ...]:
    """The teams, clubs and organizations in season that somebody coaches or advises."""
    return tuple(group for group in directory.groups_led_by(person_id) if group.in_season(day))


def teaches_or_leads(directory: Directory, adult_id: str, students: frozenset[str], day: date) -> bool:
    """Whether somebody teaches, coaches or advises at least one of the students."""
    groups = (*classes_taught(directory, adult_id, day), *groups_led(directory, adult_id, day))
    return any(not students.isdisjoint(directory.members_of(group.id)) for group in groups)
