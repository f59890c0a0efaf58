"""What the directory cannot answer: gaps that a district should know before it trusts the findings.

A pure look at one snapshot. Lines name people and groups by id, never by name or address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass

from gateway.directory.model import AddressKind, Group, GroupKind, Person, Role
from gateway.directory.snapshot import Directory


@dataclass(frozen=True, slots=True)
class CoverageLine:
    """One gap."""

    code: str  # stable, e.g. "group-without-administrator"
    group: str  # group_id; "" where the line is about people or schools
    people: tuple[str, ...]  # ids (of schools in school-without-principal), sorted
    text: str  # a sentence for the person who keeps the roster


Answerable = Callable[[Group], Set[str]]


def acts_as_group(group: Group) -> bool:
    """Whether a group is one that somebody made for writing to it, and not only a fact of the timetable.

    Classes come from the roster by the thousand; only those with a list address act as groups.
    """
    return group.kind is not GroupKind.CLASS or bool(group.address)


def coverage(directory: Directory, answerable: Answerable | None = None) -> tuple[CoverageLine, ...]:
    """Every gap, groups first.

    `answerable` gives the administrators who are in a group and answer for it, fallbacks of the configuration
    included (`policy.check.gaps`); without it, those that the group names.
    """
    named: Answerable = answerable or (lambda group: group.administrators)
    lines: list[CoverageLine] = []
    for group in directory.groups.values():
        if acts_as_group(group):
            lines += _of_group(directory, group, named)
    lines += _of_people(directory)
    lines += _of_addresses(directory)
    return tuple(lines)


def _of_group(directory: Directory, group: Group, answerable: Answerable) -> Iterator[CoverageLine]:
    def line(code: str, people: Iterable[str], text: str) -> CoverageLine:
        return CoverageLine(code, group.id, tuple(sorted(people)), text)

    members = directory.members_of(group.id)
    if not answerable(group):
        yield line(
            "group-without-administrator",
            (),
            f"{group.kind} {group.id}: no administrator who answers for it is in it",
        )
    if not group.leaders:
        yield line("group-without-leader", (), f"{group.kind} {group.id}: has no coach, advisor or teacher")
    if not members:
        yield line("empty-group", (), f"{group.kind} {group.id}: has no active member")
    silent = [id for id in members if id in directory.people and not directory.people[id].addresses]
    if silent:
        yield line(
            "members-without-address",
            silent,
            f"{group.kind} {group.id}: {len(silent)} of {len(members)} members have no known address and "
            "are left out when a message is checked for reaching the whole group",
        )
    if group.school and directory.schools and group.school not in directory.schools:
        yield line("group-of-unknown-school", (), f"{group.kind} {group.id}: its school is not in orgs.csv")
    owners = [match.person.id for match in directory.matches(group.address)] if group.address else []
    if owners:
        yield line(
            "list-address-of-person", owners, f"{group.kind} {group.id}: its list address is a person's too"
        )


def _of_people(directory: Directory) -> Iterator[CoverageLine]:
    people = directory.people.values()
    students = [person for person in people if person.is_a(Role.STUDENT)]
    guardians = [person for person in people if person.is_a(Role.GUARDIAN)]
    staff = [person for person in people if person.is_a(Role.STAFF)]
    yield from _about(
        "person-without-role",
        "people have no role today (they have left, or nobody knows it)",
        (p for p in people if not p.roles),
    )
    yield from _about(
        "student-and-staff",
        "people are student and staff at once, and count as students: nothing that they write is judged",
        (p for p in staff if p.is_a(Role.STUDENT)),
    )
    yield from _about(
        "staff-without-district-address",
        "members of staff have no district address",
        (p for p in staff if not any(a.kind == AddressKind.DISTRICT for a in p.addresses)),
    )
    yield from _about(
        "student-without-address", "students have no address", (p for p in students if not p.addresses)
    )
    yield from _about(
        "guardian-without-address", "guardians have no address", (p for p in guardians if not p.addresses)
    )
    yield from _about(
        "student-without-guardian",
        "students have no guardian",
        (p for p in students if not directory.guardians_of(p.id)),
    )
    yield from _about(
        "guardian-without-student",
        "guardians have no enrolled student",
        (p for p in guardians if not directory.children_of(p.id)),
    )
    attended = {school for person in students for school in person.schools}
    headless = sorted(school for school in attended if not directory.principals_of(school))
    if headless:
        text = f"{len(headless)} schools with students have no principal"
        yield CoverageLine("school-without-principal", "", tuple(headless), text)


def _about(code: str, text: str, people: Iterable[Person]) -> Iterator[CoverageLine]:
    ids = tuple(sorted(person.id for person in people))
    if ids:
        yield CoverageLine(code, "", ids, f"{len(ids)} {text}")


def _of_addresses(directory: Directory) -> Iterator[CoverageLine]:
    """A district address of two people is a mistake; an outside one is usually a family's."""
    families: set[str] = set()
    for matches in directory.shared_addresses():
        ids = tuple(sorted(match.person.id for match in matches))
        if directory.is_district(matches[0].address.canonical):
            text = f"{len(ids)} people have the same district address"
            yield CoverageLine("shared-district-address", "", ids, text)
        else:
            families.update(ids)
    if families:
        text = f"{len(families)} people share an outside address with somebody"
        yield CoverageLine("shared-outside-address", "", tuple(sorted(families)), text)
