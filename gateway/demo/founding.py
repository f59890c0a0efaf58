"""Founds the demo district: people, classes, teams and clubs for one day.

`found(seed, day)` is deterministic. The groups are laid out so that the day's scenarios find their cast:
coaches who do nothing else, teachers who coach, one who has two teams, teams out of season, volunteers
without an account of the district's, and among the players one who moved away, one whose account is not
made yet, and one who changed name and so has two addresses.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import cycle

from gateway.demo.census import HIGH, MIDDLE, SCHOOLS, ascii_name, populate
from gateway.demo.district import DOMAIN, STUDENT_DOMAIN, Course, District, Group, Job, Kind, Person
from gateway.demo.words import CLUBS, SPORTS

SECTION = 22  # pupils in a class, at most
LESSONS = 6  # classes that a pupil of a secondary school has


def found(seed: int, day: date) -> District:
    """The district as it is on `day`."""
    rng = random.Random(f"district {seed}")
    people = populate(rng, day)
    courses = tuple(_courses(rng, people))
    groups = _Groups(rng, day, people, courses).all()
    _bad_luck(people, groups, day)
    return District(day, SCHOOLS, people, groups, courses)


def _courses(rng: random.Random, people: dict[str, Person]) -> Iterator[Course]:
    for school in SCHOOLS:
        teachers = [
            p for p in people.values() if p.job == Job.TEACHER and p.school == school.id and not p.left
        ]
        rng.shuffle(teachers)
        turn = cycle(teachers)
        number = 0
        for grade in school.grades:
            pupils = [p.id for p in people.values() if p.school == school.id and p.grade == grade]
            for _ in range(LESSONS if school in (HIGH, MIDDLE) else 1):
                rng.shuffle(pupils)
                sections = -(-len(pupils) // SECTION)  # of about the same size
                for section in range(sections):
                    teacher, number = next(turn), number + 1
                    title = (
                        f"{teacher.teaches} {grade.lstrip('0')}"
                        if school in (HIGH, MIDDLE)
                        else f"Grade {grade.lstrip('0')} with {teacher.name}"
                    )
                    yield Course(
                        f"{school.id}-c{number:03}", title, school.id, teacher.id,
                        tuple(sorted(pupils[section::sections])),
                    )  # fmt: skip


def _season(day: date) -> tuple[str, str, str]:
    """The sports season of a month: now, before, next."""
    order = ("fall", "winter", "spring")
    now = 0 if 8 <= day.month <= 11 else 1 if day.month in (12, 1, 2) else 2
    return order[now], order[now - 1], order[(now + 1) % 3]


class _Groups:
    """Lays out the teams and clubs."""

    def __init__(
        self, rng: random.Random, day: date, people: dict[str, Person], courses: Sequence[Course]
    ) -> None:
        self._rng, self._day, self._people, self._courses = rng, day, people, courses
        self._now, self._before, self._next = _season(day)
        self._players = [p for p in people.values() if p.school == HIGH.id and p.is_student]
        rng.shuffle(self._players)
        staff = [p for p in people.values() if p.job and not p.left]
        children = {guardian for p in people.values() for guardian in p.guardians}
        self._coaches = iter([p.id for p in staff if p.job == Job.COACH])
        self._volunteers = iter([p.id for p in staff if p.job == Job.VOLUNTEER])
        free = [p for p in staff if p.job == Job.TEACHER and p.id not in children]
        self._teachers = {
            school: iter([p.id for p in free if p.school == school]) for school in (HIGH.id, MIDDLE.id)
        }
        self._director = next(p.id for p in staff if p.job == Job.ATHLETIC_DIRECTOR)
        self._principals = {p.school: p.id for p in staff if p.job == Job.PRINCIPAL}

    def all(self) -> tuple[Group, ...]:
        return (*self._teams(), *self._resting_teams(), *self._clubs())

    def _teams(self) -> Iterator[Group]:
        """The season's teams; every third one is a teacher's, the last two have one coach together."""
        both = next(self._coaches)
        names = [(sport, level) for sport in SPORTS[self._now] for level in ("Varsity", "JV")]
        for index, (sport, level) in enumerate(names):
            last = index >= len(names) - 2
            head = both if last else next(self._teachers[HIGH.id] if index % 3 == 2 else self._coaches)
            assistant = () if last or index % 3 == 2 else (next(self._volunteers),)
            members = self._roster(head, 14 + self._rng.randrange(9))
            guardians = (
                {g for member in members for g in self._people[member].guardians} if index < 3 else set()
            )
            yield Group(
                id=f"team-{index + 1:02}",
                name=f"{level} {sport}",
                kind=Kind.TEAM,
                school=HIGH.id,
                address=f"{level}-{sport}@{DOMAIN}".replace(" ", "-").lower() if index % 2 == 0 else "",
                start=self._day - timedelta(days=47),
                end=self._day + timedelta(days=26),
                leaders=(head, *assistant),
                members=members,
                administrators=() if index % 4 == 3 else (self._director,),
                guardians=tuple(sorted(guardians)),
            )

    def _resting_teams(self) -> Iterator[Group]:
        """Teams whose season is over, and a few whose season is to come."""
        over = (self._before, self._day - timedelta(days=140), self._day - timedelta(days=62))
        to_come = (self._next, self._day + timedelta(days=31), self._day + timedelta(days=110))
        for (season, start, end), count in ((over, 5), (to_come, 2)):
            for sport in SPORTS[season][:count]:
                members = tuple(sorted(p.id for p in self._rng.sample(self._players, 18)))
                yield Group(
                    f"{season}-{sport}".replace(" ", "-").lower(), f"Varsity {sport}", Kind.TEAM, HIGH.id,
                    "", start, end, (next(self._coaches),), members, (self._director,),
                )  # fmt: skip

    def _clubs(self) -> Iterator[Group]:
        """Clubs meet all year, so they have no dates."""
        for index, name in enumerate(CLUBS):
            school = MIDDLE.id if index % 3 == 2 else HIGH.id
            pool = [p.id for p in self._people.values() if p.school == school and p.is_student]
            yield Group(
                id=f"club-{index + 1:02}",
                name=name,
                kind=Kind.CLUB,
                school=school,
                address=f"{name}@{DOMAIN}".replace(" ", "-").lower() if index % 4 == 0 else "",
                leaders=(next(self._teachers[school]),),
                members=tuple(sorted(self._rng.sample(pool, 9 + self._rng.randrange(12)))),
                administrators=() if index % 4 == 3 else (self._principals[school],),
            )

    def _roster(self, head: str, size: int) -> tuple[str, ...]:
        """Players for a team, none of whom has one yet; a teacher has pupils among them."""
        pupils = {pupil for course in self._courses if course.teacher == head for pupil in course.pupils}
        known = [p for p in self._players if p.id in pupils][:3]
        team = [*known, *[p for p in self._players if p not in known][: size - len(known)]]
        self._players = [p for p in self._players if p not in team]
        return tuple(sorted(p.id for p in team))


def _bad_luck(people: dict[str, Person], groups: Sequence[Group], day: date) -> None:
    """What real rosters have: a player who moved away, one without an account yet, one with two addresses;
    a mother who is called like a teacher; teachers who changed name."""
    moved, unmade, renamed = (people[group.members[4]] for group in groups[:3])
    people[moved.id] = replace(moved, left=day - timedelta(days=20))
    people[unmade.id] = replace(unmade, email="")
    people[renamed.id] = replace(renamed, aliases=(f"new.name.{renamed.id}@{STUDENT_DOMAIN}",))
    teachers = [p for p in people.values() if p.job == Job.TEACHER and not p.left]
    mother = next(p for p in people.values() if not p.job and not p.grade and p.email)
    people[mother.id] = replace(mother, given=teachers[0].given, family=teachers[0].family)
    for teacher in teachers[5:65:10]:
        alias = f"{teacher.email.partition('.')[0]}.{ascii_name(mother.family)}.{teacher.id}@{DOMAIN}"
        people[teacher.id] = replace(teacher, aliases=(alias,))
