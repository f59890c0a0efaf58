"""The demo district: who is in it, as plain facts.

It knows nothing of the gateway's own directory: the roster that the gateway reads is written from these
facts, and the labels of the demo's mail are reasoned from them, so the two can disagree only by a mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property

DOMAIN = "quabbinvalley.example"
STUDENT_DOMAIN = "students.quabbinvalley.example"
NAME = "Quabbin Valley Regional School District"


class Job(StrEnum):
    """What somebody on the staff is employed, or volunteers, to do."""

    SUPERINTENDENT = "Superintendent"
    ATHLETIC_DIRECTOR = "Athletic Director"
    PRINCIPAL = "Principal"
    TEACHER = "Teacher"
    COUNSELOR = "School Counselor"
    NURSE = "School Nurse"
    AIDE = "Paraprofessional"
    OFFICE = "Office Staff"
    COACH = "Coach"  # hired for the season, works nowhere else in the district
    VOLUNTEER = "Volunteer Coach"


class Kind(StrEnum):
    """What sort of group it is; the words are those of groups.csv."""

    TEAM = "team"
    CLUB = "club"


@dataclass(frozen=True, slots=True)
class School:
    id: str
    name: str
    short: str  # part of list addresses
    grades: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """One invented human, who may be several things at once."""

    id: str
    given: str
    family: str
    middle: str = ""
    preferred: str = ""
    email: str = ""  # the school-issued address, or a guardian's own; "" where there is none
    school: str = ""
    grade: str = ""  # students only
    job: Job | None = None  # staff only
    teaches: str = ""  # a teacher's subject
    guardians: tuple[str, ...] = ()  # of a student: person ids
    personal: tuple[str, ...] = ()  # registered personal accounts of staff
    aliases: tuple[str, ...] = ()  # further school-issued addresses
    left: date | None = None  # last day in the district
    signed: bool = True  # staff: the digital use form

    @property
    def name(self) -> str:
        """As written in mail."""
        return f"{self.preferred or self.given} {self.family}"

    @property
    def is_student(self) -> bool:
        return bool(self.grade)


@dataclass(frozen=True, slots=True)
class Group:
    """A team or club. Without dates it meets all year."""

    id: str
    name: str
    kind: Kind
    school: str
    address: str = ""
    start: date | None = None
    end: date | None = None
    leaders: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    administrators: tuple[str, ...] = ()
    guardians: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """A class (one section): a teacher and pupils."""

    id: str
    title: str
    school: str
    teacher: str
    pupils: tuple[str, ...]


@dataclass(frozen=True)
class District:
    """Everybody and everything, for one day."""

    day: date
    schools: tuple[School, ...]
    people: Mapping[str, Person]
    groups: tuple[Group, ...]
    courses: tuple[Course, ...]

    @cached_property
    def students(self) -> tuple[Person, ...]:
        return tuple(person for person in self.people.values() if person.is_student)

    @cached_property
    def staff(self) -> tuple[Person, ...]:
        return tuple(person for person in self.people.values() if person.job)

    @cached_property
    def children(self) -> Mapping[str, tuple[Person, ...]]:
        """Students by guardian id."""
        found: dict[str, list[Person]] = {}
        for student in self.students:
            for guardian in student.guardians:
                found.setdefault(guardian, []).append(student)
        return {guardian: tuple(theirs) for guardian, theirs in found.items()}

    @cached_property
    def led(self) -> Mapping[str, tuple[Group, ...]]:
        """Groups by leader id, in season or not."""
        found: dict[str, list[Group]] = {}
        for group in self.groups:
            for leader in group.leaders:
                found.setdefault(leader, []).append(group)
        return {leader: tuple(theirs) for leader, theirs in found.items()}

    @cached_property
    def taught(self) -> Mapping[str, tuple[Course, ...]]:
        """Classes by teacher id."""
        found: dict[str, list[Course]] = {}
        for course in self.courses:
            found.setdefault(course.teacher, []).append(course)
        return {teacher: tuple(theirs) for teacher, theirs in found.items()}

    @cached_property
    def mailboxes(self) -> frozenset[str]:
        """What the district's mail server delivers to: people who are still here, and list addresses."""
        boxes = {
            address
            for person in self.people.values()
            if (person.job or person.is_student) and self.here(person)
            for address in (person.email, *person.aliases)
            if address
        }
        boxes |= {group.address for group in self.groups if group.address}
        boxes |= {f"{box}@{DOMAIN}" for box in ("office", "helpdesk", "library", "copier", "transport")}
        return frozenset(boxes)

    def here(self, person: Person) -> bool:
        """Whether somebody has not left the district."""
        return person.left is None or person.left >= self.day

    def in_season(self, group: Group) -> bool:
        return (group.start is None or group.start <= self.day) and (
            group.end is None or self.day <= group.end
        )

    def members(self, group: Group) -> tuple[Person, ...]:
        """Those who are still here, whether or not they have an address."""
        return tuple(person for person in map(self.people.__getitem__, group.members) if self.here(person))

    def pupils(self, teacher: Person) -> frozenset[str]:
        """Ids of everybody in the teacher's classes."""
        return frozenset(pupil for course in self.taught.get(teacher.id, ()) for pupil in course.pupils)

    def teachers_of(self, student: Person) -> tuple[Person, ...]:
        return tuple(self.people[course.teacher] for course in self.courses if student.id in course.pupils)

    def principal(self, school: str) -> Person:
        return next(p for p in self.staff if p.job == Job.PRINCIPAL and p.school == school)

    @cached_property
    def athletic_director(self) -> Person:
        return next(p for p in self.staff if p.job == Job.ATHLETIC_DIRECTOR)
