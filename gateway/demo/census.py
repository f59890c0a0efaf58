"""The people of the demo district: families with their children, and the staff.

Deterministic: the same random source gives the same people with the same addresses.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from gateway.demo.district import DOMAIN, STUDENT_DOMAIN, Job, Person, School
from gateway.demo.words import COMMON_GIVEN, ORIGINS, PREFERRED, PROVIDERS, SUBJECTS, Origin

STUDENTS = 2300
STAFF_PARENTS = 45
RETIRED = 3
FIRST_GRADE_WITH_MAIL = "03"

HIGH = School("qvhs", "Quabbin Valley High School", "hs", ("09", "10", "11", "12"))
MIDDLE = School("srms", "Swift River Middle School", "ms", ("06", "07", "08"))
ELEMENTARY = tuple(
    School(id_, name, short, ("01", "02", "03", "04", "05"))
    for id_, name, short in (
        ("pres", "Prescott Elementary School", "prescott"),
        ("dana", "Dana Hill Elementary School", "danahill"),
        ("gwpl", "Greenwich Plains Elementary School", "greenwich"),
    )
)
EARLY = School("mill", "Millbrook Early Childhood Center", "millbrook", ("PK", "KG"))
SCHOOLS = (HIGH, MIDDLE, *ELEMENTARY, EARLY)
GRADES = ("PK", "KG", *(f"{grade:02}" for grade in range(1, 13)))

_COMMON_JOBS = {Job.PRINCIPAL: 1, Job.NURSE: 1}
STAFFING: Mapping[str, Mapping[Job, int]] = {
    HIGH.id: {**_COMMON_JOBS, Job.TEACHER: 62, Job.COUNSELOR: 5, Job.AIDE: 10, Job.OFFICE: 6}
    | {Job.ATHLETIC_DIRECTOR: 1, Job.SUPERINTENDENT: 1, Job.COACH: 16, Job.VOLUNTEER: 8},
    MIDDLE.id: {**_COMMON_JOBS, Job.TEACHER: 44, Job.COUNSELOR: 3, Job.AIDE: 12, Job.OFFICE: 5},
    **{s.id: {**_COMMON_JOBS, Job.TEACHER: 20, Job.COUNSELOR: 1, Job.AIDE: 9, Job.OFFICE: 3} for s in ELEMENTARY},
    EARLY.id: {**_COMMON_JOBS, Job.TEACHER: 18, Job.COUNSELOR: 1, Job.AIDE: 15, Job.OFFICE: 3},
}  # fmt: skip
# Jobs in which the demo looks for parents; coaches and principals are left to be just that.
_PARENT_JOBS = (Job.TEACHER, Job.TEACHER, Job.AIDE, Job.OFFICE)


def populate(rng: random.Random, day: date) -> dict[str, Person]:
    """Everybody, by id."""
    census = _Census(rng, day)
    while census.students < STUDENTS:
        census.add_family()
    census.add_staff()
    return census.people


def ascii_name(text: str) -> str:
    """A name as it stands in an address: `João Araújo-Díaz` gives `joaoaraujo-diaz`."""
    plain = unicodedata.normalize("NFKD", text.replace("’", "").replace("ł", "l")).encode("ascii", "ignore")
    return plain.decode().lower().replace(" ", "")


class _Census:
    """Collects people, gives each an id, and sees to it that no two get the same address by chance."""

    def __init__(self, rng: random.Random, day: date) -> None:
        self.people: dict[str, Person] = {}
        self.students = 0
        self._rng = rng
        self._day = day
        self._taken: set[str] = set()
        self._graduation = day.year + (1 if day.month >= 7 else 0)

    def add(self, person: Person) -> Person:
        numbered = replace(person, id=str(104_729 + 7 * len(self.people)))
        self.people[numbered.id] = numbered
        return numbered

    def address(self, local: str, domain: str) -> str:
        """`local@domain`, with a number where somebody has it already."""
        number = 1
        address = f"{local}@{domain}"
        while address in self._taken:
            number += 1
            address = f"{local}{number}@{domain}"
        self._taken.add(address)
        return address

    def private_address(self, given: str, family: str) -> str:
        """An address at one of the providers."""
        first, last = ascii_name(given), ascii_name(family)
        if self._rng.random() < 0.2:
            return self.address(f"{first}.{last}_{self._rng.randrange(60, 99)}", "gmail.com")
        local = self._rng.choice((f"{first}.{last}", f"{first[0]}{last}", f"{last}{first}"))
        return self.address(
            f"{local}{self._rng.choice(('', '', '7', '413', '02'))}", self._rng.choice(PROVIDERS)
        )

    def origin(self) -> Origin:
        return self._rng.choices(ORIGINS, [origin.weight for origin in ORIGINS])[0]

    def given(self, origin: Origin) -> str:
        return self._rng.choice(origin.given if self._rng.random() < 0.6 else COMMON_GIVEN)

    # --- families ------------------------------------------------------------------------------

    def add_family(self) -> None:
        """One or two guardians and their children, all at the school of their part of town."""
        rng, origin = self._rng, self.origin()
        family = rng.choice(origin.families)
        guardians = self._guardians(origin, family)
        elementary = rng.choice(ELEMENTARY)
        for grade in rng.sample(GRADES, rng.choices((1, 2, 3, 4), (42, 40, 14, 4))[0]):
            self._add_student(self.given(origin), family, grade, elementary, guardians)

    def _guardians(self, origin: Origin, family: str) -> tuple[str, ...]:
        rng = self._rng
        couple = rng.random() < 0.72
        shared = (
            self.address(f"the.{ascii_name(family)}.family", PROVIDERS[0])
            if couple and rng.random() < 0.08
            else ""
        )
        guardians: list[str] = []
        for index in range(2 if couple else 1):
            other = self.origin()
            surname = rng.choice(other.families) if index and rng.random() < 0.25 else family
            given = self.given(other if surname != family else origin)
            while guardians and given == self.people[guardians[0]].given:
                given = self.given(origin)
            email = shared or ("" if rng.random() < 0.05 else self.private_address(given, surname))
            guardians.append(self.add(Person("", given, surname, email=email)).id)
        return tuple(guardians)

    def _add_student(
        self, given: str, family: str, grade: str, elementary: School, guardians: tuple[str, ...]
    ) -> None:
        school = next(s for s in (HIGH, MIDDLE, elementary, EARLY) if grade in s.grades)
        leaves = self._graduation + 12 - int(grade) if grade.isdigit() else 0
        email = ""
        if grade.isdigit() and grade >= FIRST_GRADE_WITH_MAIL:
            local = f"{ascii_name(given)}.{ascii_name(family)}{leaves % 100:02}"
            email = self.address(local, STUDENT_DOMAIN)
        preferred = PREFERRED.get(given, "") if self._rng.random() < 0.4 else ""
        middle = self._rng.choice(COMMON_GIVEN) if self._rng.random() < 0.5 else ""
        self.add(Person("", given, family, middle, preferred, email, school.id, grade, guardians=guardians))
        self.students += 1

    # --- staff ---------------------------------------------------------------------------------

    def add_staff(self) -> None:
        """Everybody employed; some of them are parents in the district, a few have retired."""
        parents = self._parents()
        posts = [
            (school.id, job, index)
            for school in SCHOOLS
            for job, count in STAFFING[school.id].items()
            for index in range(count)
        ]
        for number, (school, job, index) in enumerate(posts):
            if number % 6 == 5 and job in _PARENT_JOBS and parents:
                self._employ_parent(parents.pop(), school, job)
            else:
                self._employ(school, job, index)
        for _ in range(RETIRED):
            retired = self._employ(HIGH.id, Job.TEACHER, 0, personal=True)
            self.people[retired.id] = replace(retired, left=self._day - timedelta(days=150))

    def _parents(self) -> list[Person]:
        """Guardians with an address of their own and a child who has mail."""
        reachable = {
            guardian
            for person in self.people.values()
            if person.is_student and person.email
            for guardian in person.guardians
        }
        emails = [person.email for person in self.people.values()]
        able = [
            person
            for person in self.people.values()
            if person.id in reachable and person.email and emails.count(person.email) == 1
        ]
        return self._rng.sample(able, STAFF_PARENTS)

    def _employ_parent(self, parent: Person, school: str, job: Job) -> None:
        self.people[parent.id] = replace(
            parent,
            email=self._work_address(parent.given, parent.family),
            school=school,
            job=job,
            teaches=self._rng.choice(SUBJECTS) if job == Job.TEACHER else "",
            personal=(parent.email,),
        )

    def _employ(self, school: str, job: Job, index: int, *, personal: bool = False) -> Person:
        rng, origin = self._rng, self.origin()
        given, family = self.given(origin), rng.choice(origin.families)
        # Half of the volunteers never got an account of the district's.
        outsider = job == Job.VOLUNTEER and index % 2 == 0
        known = personal or outsider or job in (Job.COACH, Job.VOLUNTEER) or rng.random() < 0.22
        return self.add(
            Person(
                "",
                given,
                family,
                preferred=PREFERRED.get(given, "") if rng.random() < 0.5 else "",
                email="" if outsider else self._work_address(given, family),
                school=school,
                job=job,
                teaches=rng.choice(SUBJECTS) if job == Job.TEACHER else "",
                personal=(self.private_address(given, family),) if known else (),
                signed=rng.random() < 0.97,
            )
        )

    def _work_address(self, given: str, family: str) -> str:
        return self.address(f"{ascii_name(given)}.{ascii_name(family)}", DOMAIN)
