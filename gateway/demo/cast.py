"""Chooses who plays in a scenario.

Every choice says what is special about the people, because the labels of the day depend on it: unless a
scenario asks for it, nobody chosen is two things at once. People are taken in turn, so a day has many faces.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle
from typing import TypeVar

from gateway.demo.district import DOMAIN, Course, District, Group, Job, Kind, Person

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Leadership:
    """A group and one who leads it."""

    group: Group
    leader: Person


@dataclass(frozen=True, slots=True)
class Family:
    """A staff member who is a parent, the child, the child's other guardian and a teacher of the child."""

    parent: Person
    child: Person
    other: Person
    teacher: Person


@dataclass(frozen=True)
class Cast:
    """The people of the district by what they are; each property is an endless round."""

    district: District
    rng: random.Random

    def _round(self, of: Iterable[T]) -> Iterator[T]:
        found = list(of)
        self.rng.shuffle(found)
        if not found:
            raise LookupError("the demo district has nobody for this scenario")
        return cycle(found)

    # --- who is plainly one thing --------------------------------------------------------------

    def _plain(self, person: Person) -> bool:
        """Works here, leads no group, is nobody's parent, has an account of the district's."""
        return (
            self.district.here(person)
            and person.id not in self.district.led
            and person.id not in self.district.children
            and person.email.endswith("@" + DOMAIN)
        )

    def _secondary(self, person: Person) -> bool:
        return person.school in ("qvhs", "srms")

    @cached_property
    def teachers(self) -> Iterator[Person]:
        """Teachers of the middle and high school who are nothing else, with classes."""
        return self._round(
            p
            for p in self.district.staff
            if p.job == Job.TEACHER and self._plain(p) and self._secondary(p) and p.id in self.district.taught
        )

    @cached_property
    def teachers_with_account(self) -> Iterator[Person]:
        """The same, with a registered personal account outside gmail.com."""
        return self._round(self._with_account(gmail=False))

    @cached_property
    def teachers_with_gmail(self) -> Iterator[Person]:
        """The same, with a registered account at gmail.com."""
        return self._round(self._with_account(gmail=True))

    def _with_account(self, *, gmail: bool) -> Iterator[Person]:
        jobs = (Job.TEACHER, Job.AIDE, Job.COUNSELOR)
        for person in self.district.staff:
            at_gmail = any(address.endswith("@gmail.com") for address in person.personal)
            if person.job in jobs and self._plain(person) and person.personal and at_gmail is gmail:
                yield person

    @cached_property
    def teachers_with_alias(self) -> Iterator[Person]:
        return self._round(p for p in self.district.staff if p.aliases and self._plain(p))

    @cached_property
    def colleagues(self) -> Iterator[Person]:
        """Staff who are nothing else."""
        jobs = (Job.TEACHER, Job.COUNSELOR, Job.NURSE, Job.AIDE, Job.OFFICE)
        return self._round(p for p in self.district.staff if p.job in jobs and self._plain(p))

    @cached_property
    def counselors(self) -> Iterator[Person]:
        return self._round(
            p for p in self.district.staff if p.job in (Job.COUNSELOR, Job.NURSE) and self._plain(p)
        )

    @cached_property
    def retired(self) -> Iterator[Person]:
        return self._round(p for p in self.district.staff if p.left)

    @cached_property
    def students(self) -> Iterator[Person]:
        """Students of the middle and high school with an account."""
        return self._round(
            p for p in self.district.students if p.email and self._secondary(p) and self.district.here(p)
        )

    @cached_property
    def guardians(self) -> Iterator[tuple[Person, Person]]:
        """Guardians who do not work here and share their address with nobody, and a child with mail."""
        return self._round(self._guardians())

    def _guardians(self) -> Iterator[tuple[Person, Person]]:
        users = Counter(p.email for p in self.district.people.values())
        for person in self.district.people.values():
            if not person.job and person.email and users[person.email] == 1:
                for child in self.district.children.get(person.id, ()):
                    if child.email and self._secondary(child) and self.district.here(child):
                        yield person, child

    # --- who leads -----------------------------------------------------------------------------

    def _leaderships(self, kind: Kind, *, in_season: bool) -> Iterator[Leadership]:
        """Leaders of exactly one group, with an account of the district's."""
        for group in self.district.groups:
            if group.kind == kind and self.district.in_season(group) is in_season:
                for person in map(self.district.people.__getitem__, group.leaders):
                    if len(self.district.led[person.id]) == 1 and person.email:
                        yield Leadership(group, person)

    @cached_property
    def coaches(self) -> Iterator[Leadership]:
        """Coaches of a team in season who teach nobody."""
        return self._round(
            lead for lead in self._leaderships(Kind.TEAM, in_season=True) if not lead.leader.teaches
        )

    @cached_property
    def coaches_with_director(self) -> Iterator[Leadership]:
        """The same, of teams that name their administrator."""
        return self._round(
            lead
            for lead in self._leaderships(Kind.TEAM, in_season=True)
            if not lead.leader.teaches and lead.group.administrators
        )

    @cached_property
    def coaches_without_director(self) -> Iterator[Leadership]:
        """The same, of teams that name none."""
        return self._round(
            lead
            for lead in self._leaderships(Kind.TEAM, in_season=True)
            if not lead.leader.teaches and not lead.group.administrators
        )

    @cached_property
    def teacher_coaches(self) -> Iterator[Leadership]:
        """Teachers who coach a team in season, with pupils on it."""
        return self._round(
            lead
            for lead in self._leaderships(Kind.TEAM, in_season=True)
            if lead.leader.teaches and self.district.pupils(lead.leader) & set(lead.group.members)
        )

    @cached_property
    def resting_coaches(self) -> Iterator[Leadership]:
        """Coaches whose only team is out of season."""
        return self._round(self._leaderships(Kind.TEAM, in_season=False))

    @cached_property
    def advisors(self) -> Iterator[Leadership]:
        """Advisors of a club."""
        return self._round(self._leaderships(Kind.CLUB, in_season=True))

    @cached_property
    def volunteers(self) -> Iterator[Leadership]:
        """Volunteer coaches without an account of the district's."""
        return self._round(
            Leadership(group, person)
            for group in self.district.groups
            for person in map(self.district.people.__getitem__, group.leaders)
            if not person.email and self.district.in_season(group) and group.administrators
        )

    @cached_property
    def two_teams(self) -> Iterator[tuple[Person, Group, Group]]:
        """Coaches who have two teams in season, with no player on both."""
        return self._round(
            (self.district.people[leader], *groups)
            for leader, groups in self.district.led.items()
            if len(groups) == 2
            and all(map(self.district.in_season, groups))
            and not set(groups[0].members) & set(groups[1].members)
        )  # fmt: skip

    # --- who is a parent and on the staff ------------------------------------------------------

    @cached_property
    def families(self) -> Iterator[Family]:
        return self._round(self._families())

    def _families(self) -> Iterator[Family]:
        for parent in self.district.staff:
            for child in self.district.children.get(parent.id, ()):
                others = [self.district.people[g] for g in child.guardians if g != parent.id]
                others = [p for p in others if p.email and not p.job]
                teachers = [p for p in self.district.teachers_of(child) if self._plain(p)]
                if child.email and others and teachers and parent.personal:
                    yield Family(parent, child, others[0], teachers[0])

    @cached_property
    def namesake(self) -> tuple[Person, Person]:
        """A guardian who does not work here and is called like a teacher, and a child with mail."""
        names = {(p.given, p.family) for p in self.district.staff}
        return next(
            (person, child)
            for person, child in self._guardians()
            if (person.given, person.family) in names
        )  # fmt: skip

    def student_of_other_family(self, student: Person) -> Person:
        return next(p for p in self.students if not set(p.guardians) & set(student.guardians))

    # --- who goes with somebody ----------------------------------------------------------------

    def players(self, group: Group) -> tuple[Person, ...]:
        """Members who are still here and can be written to."""
        return tuple(person for person in self.district.members(group) if person.email)

    def some(self, group: Group, count: int) -> tuple[Person, ...]:
        return tuple(self.rng.sample(self.players(group), count))

    def administrator(self, group: Group) -> Person:
        """Who answers for the group: named for it, or by the demo's settings."""
        if group.administrators:
            return self.district.people[group.administrators[0]]
        return self.district.principal(group.school)

    def course(self, teacher: Person) -> tuple[Course, tuple[Person, ...]]:
        """One of the teacher's classes, and its pupils who are still here and have mail."""
        course = self.rng.choice(self.district.taught[teacher.id])
        pupils = (self.district.people[pupil] for pupil in course.pupils)
        return course, tuple(pupil for pupil in pupils if pupil.email and self.district.here(pupil))

    def course_with(self, teacher: Person, group: Group) -> tuple[Course, tuple[Person, ...]]:
        """A class of the teacher's in which there are members of the group and others."""
        for course in self.district.taught[teacher.id]:
            pupils = [self.district.people[pupil] for pupil in course.pupils]
            able = tuple(pupil for pupil in pupils if pupil.email and self.district.here(pupil))
            inside = sum(pupil.id in group.members for pupil in able)
            if 0 < inside < len(able):
                return course, able
        raise LookupError(f"{teacher.id} has no class with members of {group.id}")

    def parent_of(self, student: Person) -> list[Person]:
        """Guardians who do not work here and have an address."""
        guardians = map(self.district.people.__getitem__, student.guardians)
        return [p for p in guardians if p.email and not p.job]

    def group(self, number: int) -> Leadership:
        """The first leader of the n-th team of the season (the first three have a story of their own)."""
        group = self.district.groups[number]
        return Leadership(group, self.district.people[group.leaders[0]])
