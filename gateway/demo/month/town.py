"""The demo district for a month, with what a month needs: people of one name, dates within it, exemptions.

Deterministic. The people are those of `gateway.demo.founding`; a few are renamed or given other dates, and one
group is made of other groups. Whoever has a part of their own is in `apart`, so that no other scenario casts them.
"""

from __future__ import annotations

import csv
import random
import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from gateway.config import Policy
from gateway.demo.cast import Cast
from gateway.demo.census import HIGH
from gateway.demo.district import DOMAIN, District, Group, Job, Kind, Person
from gateway.demo.founding import found
from gateway.demo.roster import write_roster

DAYS = 30
FIRST = date(2026, 10, 5)  # a Monday; the teams of the demo are in season around it
_MIDDLE = FIRST + timedelta(days=15)
LEAVES, SEASON_ENDS, SEASON_BEGINS, EXEMPTION_ENDS = 11, 14, 17, 9  # days of the month, counted from 0

# Given names by which the roster has them, and what they are called; the roster does not know the short form.
NICKNAMES = {"Robert": "Bob", "William": "Bill", "Elizabeth": "Liz", "Michael": "Mike", "Katherine": "Kate"}

# Names that nobody else in the demo has, nor anything like them: for staff who are to be known by their name.
_BY_NICKNAME = ("Trelawney", "Oglethorpe", "Fortescue", "Haverstock", "Dunwoody")
_PARTS = (
    ("Gwendolyn", "Stonehewer"), ("Percival", "Attwater"), ("Rosalind", "Throckmorton"), ("Basil", "Heathcote"),
)  # fmt: skip
_KNOWN_BY_NAME = (  # given, family, preferred
    ("Margaret", "Hollingsworth", "Peggy"),
    ("Jonathan", "Featherstone", "Jon"),
    ("Alexandra", "Pemberton", "Sasha"),
    ("Frederick", "Liversidge", "Rick"),
    ("João", "Brandão", ""),
    ("Renée", "Beauchêne", ""),
    ("Miroslav", "Dvořáček", ""),
    ("Ewelina", "Ślusarczyk", ""),
    ("Niall", "O’Shaughnessy", ""),
    ("Ignatius", "van der Meulen", ""),
    ("Harriet", "Vandenberg-Lowe", ""),
    ("Cornelius", "Bickerstaff", ""),
    ("Henrietta", "Wolstenholme", ""),
    ("Barnaby", "Culpepper", ""),
    ("Philippa", "Ravenscroft", ""),
    ("Anneliese", "Kirchgessner", ""),
)
_COACHES = (("Duncan", "Kilbride"), ("Leona", "Marchbanks"))


@dataclass(frozen=True, slots=True)
class Town:
    """The district in the middle of the month, and who in it has a part of their own."""

    seed: int
    district: District
    council: Group  # made of two teams; `members` are theirs
    nested: tuple[str, str]
    twins: tuple[Person, Person]  # two teachers of one name
    mother: Person  # has a teacher's name, and her child is in that teacher's class
    mothers_child: Person
    mothers_teacher: Person
    student: Person  # has a teacher's name
    students_teacher: Person
    leaver: Person  # a teacher whose last day is in the month
    exempt: Person  # a teacher whom an exemption from off-channel/student names
    expired: Person  # another, whose exemption ends in the month
    parent_coach: Person  # coaches a team that their child plays on
    parent_coach_child: Person
    ending: Group  # a team whose season ends in the month
    beginning: Group
    principal: Person  # known by name
    by_name: tuple[
        str, ...
    ]  # teachers whose name is nobody else's, with pupils and without a registered account
    nicknamed: tuple[str, ...]  # the same, whose given name has a short form
    coaches: tuple[str, ...]  # coaches of a team in season, the same
    apart: frozenset[str]

    def on(self, index: int) -> District:
        """The district on a day of the month."""
        return replace(self.district, day=FIRST + timedelta(days=index))

    def is_exempt(self, day: date) -> bool:
        """Whether the exemption that ends in the month still holds."""
        return day <= FIRST + timedelta(days=EXEMPTION_ENDS)

    def settings(self) -> Policy:
        """What this district has set: who answers for groups, and two exemptions."""
        last = FIRST + timedelta(days=DAYS + 30)
        exemptions = [
            {"people": [self.exempt.email], "reason": "homebound instruction", "expires": last},
            {
                "people": [self.expired.id],
                "reason": "school account being moved",
                "expires": FIRST + timedelta(days=EXEMPTION_ENDS),
            },
        ]
        return Policy.model_validate(
            {
                "fallback_administrators": {
                    "team": {"people": [self.district.athletic_director.email], "principals": True},
                    "club": {"principals": True},
                },
                "rules": {"off-channel/student": {"exemptions": exemptions}},
            }
        )

    def write(self, folder: Path) -> None:
        """The roster as files. Raises OSError."""
        flat = replace(self.council, members=())
        groups = tuple(flat if group.id == flat.id else group for group in self.district.groups)
        write_roster(replace(self.district, groups=groups), folder)
        with (folder / "group_members.csv").open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows((self.council.id, inner, "member") for inner in self.nested)


def settle(seed: int) -> Town:
    """The town of a seed."""
    return _Settling(seed).town()


def folded(name: str) -> str:
    """A name without case, accents and anything but letters."""
    plain = unicodedata.normalize("NFKD", name.casefold().replace("ł", "l"))
    return "".join(char for char in plain if char.isalpha())


class _Settling:
    """Takes the demo district and gives out the parts, each to somebody else."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rng = random.Random(f"town {seed}")
        self._district = found(seed, _MIDDLE)
        self._people = dict(self._district.people)
        self._apart: set[str] = set()
        led, children = self._district.led, self._district.children
        teachers = [
            p
            for p in self._district.staff
            if p.job == Job.TEACHER and not p.left and p.id not in led and p.id not in children
            and p.school in ("qvhs", "srms") and p.id in self._district.taught and p.signed and not p.aliases
        ]  # fmt: skip
        self._rng.shuffle(teachers)
        self._teachers = teachers
        self._parts = iter(_PARTS)

    def town(self) -> Town:
        leaver, exempt, expired = (self._take(with_account=True) for _ in range(3))
        leaver = self._set(leaver, left=FIRST + timedelta(days=LEAVES))
        first, second = self._part(), self._take()
        second = self._set(second, given=first.given, family=first.family, preferred="")
        principal = self._named(self._district.principal(HIGH.id), *next(self._parts))
        mother, child, teacher = self._mother()
        student, students_teacher = self._student()
        coach, coachs_child = self._parent_coach()
        groups = list(self._district.groups)
        resting = [i for i, g in enumerate(groups) if g.start and not self._district.in_season(g)]
        over = next(i for i in resting if (groups[i].end or FIRST) < FIRST)
        coming = next(i for i in resting if (groups[i].start or FIRST) > _MIDDLE)
        groups[over] = replace(groups[over], end=FIRST + timedelta(days=SEASON_ENDS))
        groups[coming] = replace(groups[coming], start=FIRST + timedelta(days=SEASON_BEGINS))
        council = self._council(groups)
        groups.append(council)
        self._apart.update(groups[over].leaders, groups[coming].leaders, council.leaders)
        nicknamed = tuple(
            self._named(self._take(), *name).id for name in zip(NICKNAMES, _BY_NICKNAME, strict=True)
        )
        by_name = tuple(self._named(self._take(), *name).id for name in _KNOWN_BY_NAME)
        coaches = self._coaches(groups)
        self._register_teachers_of_colleagues_children()
        district = replace(self._district, people=self._people, groups=tuple(groups))
        return Town(
            self._seed, district, council, (groups[0].id, groups[2].id), (first, second),
            mother, child, teacher, student, students_teacher,
            leaver, exempt, expired, coach, coachs_child,
            groups[over], groups[coming], principal, by_name, nicknamed, coaches,
            frozenset(self._apart),
        )  # fmt: skip

    def _take(self, *, with_account: bool = False) -> Person:
        """A teacher who has no part yet."""
        person = next(
            p for p in self._teachers if p.id not in self._apart and bool(p.personal) is with_account
        )
        self._apart.add(person.id)
        return person

    def _named(self, person: Person, given: str, family: str, preferred: str = "") -> Person:
        return self._set(person, given=given, family=family, preferred=preferred)

    def _part(self) -> Person:
        """A teacher with a name of their own."""
        return self._named(self._take(), *next(self._parts))

    def _coaches(self, groups: list[Group]) -> tuple[str, ...]:
        """Coaches of one team with an administrator, renamed."""
        able = [
            leader
            for group in groups
            if self._district.in_season(group) and group.administrators and group.leaders[0] not in self._apart
            for leader in map(self._people.__getitem__, group.leaders[:1])
            if leader.job == Job.COACH and len(self._district.led[leader.id]) == 1
        ]  # fmt: skip
        return tuple(self._named(p, *name).id for p, name in zip(able, _COACHES, strict=False))

    def _register_teachers_of_colleagues_children(self) -> None:
        """Some who teach a colleague's child get a registered account, so that one can write from it."""
        for family in Cast(self._district, self._rng)._families():
            teacher = self._people[family.teacher.id]
            if teacher.id not in self._apart and not teacher.personal:
                self._set(teacher, personal=(f"teacher.{teacher.id}@bayline.example",))

    def _set(self, person: Person, **changes: Any) -> Person:
        changed = replace(self._people[person.id], **changes)
        self._people[person.id] = changed
        return changed

    def _mother(self) -> tuple[Person, Person, Person]:
        """A mother who is called like her child's teacher."""
        teacher = self._part()
        users = Counter(p.email for p in self._people.values())
        for course in self._district.taught[teacher.id]:
            for pupil in map(self._people.__getitem__, course.pupils):
                guardians = [self._people[g] for g in pupil.guardians]
                for mother in guardians:
                    if pupil.email and mother.email and not mother.job and users[mother.email] == 1:
                        mother = self._set(mother, given=teacher.given, family=teacher.family)
                        self._apart.update((mother.id, pupil.id))
                        return mother, pupil, teacher
        raise LookupError("no mother for a teacher")

    def _student(self) -> tuple[Person, Person]:
        """A student of the high school who is called like a teacher."""
        teacher = self._part()
        student = next(p for p in self._district.students if p.school == HIGH.id and p.id not in self._apart)
        self._apart.add(student.id)
        return self._set(student, given=teacher.given, family=teacher.family, preferred=""), teacher

    def _parent_coach(self) -> tuple[Person, Person]:
        """A coach of one team only, with a child on it."""
        for group in self._district.groups:
            leader = self._people[group.leaders[0]]
            if (
                leader.job == Job.COACH
                and len(self._district.led[leader.id]) == 1
                and self._district.in_season(group)
            ):
                child = next(self._people[m] for m in group.members[6:] if self._people[m].email)
                self._apart.update((leader.id, child.id))
                return leader, self._set(child, guardians=(*child.guardians, leader.id))
        raise LookupError("no coach for a child")

    def _council(self, groups: list[Group]) -> Group:
        """A club whose members are two teams, led by a coach who leads nothing else."""
        coach = next(p for p in self._district.staff if p.job == Job.COACH and p.id not in self._district.led)
        members = tuple(sorted({*groups[0].members, *groups[2].members}))
        return Group(
            "athletes", "Strength and Conditioning", Kind.CLUB, HIGH.id, f"strength@{DOMAIN}",
            leaders=(coach.id,), members=members,
        )  # fmt: skip
