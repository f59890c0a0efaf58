"""An invented district, of 20,000 people unless asked for more: OneRoster 1.1 CSV with the four extra files.

For the gateway to judge by. The people who write and receive the bench's messages are in it, with a class, a team and a
registered personal account, so that the rules have something to find. Same call, same files.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.mail import Letter

DOMAIN = "district.example"
SCHOOLS = 20
CLASSES_A_STUDENT = 5
TEAM_SIZE = 18
DATE = "2026-08-25"

GIVEN = (
    *("Amy", "Ben", "Carla", "Dan", "Ella", "Frank", "Grace", "Hugo", "Iris", "Jack", "Kara", "Leo"),
    *("Mia", "Noah", "Olga", "Paul", "Rosa", "Sam", "Tina", "Victor"),
)
FAMILY = (
    *("Adams", "Baker", "Clark", "Diaz", "Evans", "Flores", "Garcia", "Hall", "Irwin", "Jones"),
    *("Klein", "Lopez", "Moore", "Nguyen", "Ortiz", "Price", "Reed", "Silva"),
)

# The cast of the messages: staff 0 writes to student 0 with a colleague, which the rules look at and let be; staff 1
# coaches team 0 and writes to one member, which is a finding on every message: one in ten.
LETTERS = (
    Letter(
        "lesson",
        f"staff0@{DOMAIN}",
        f"student0@{DOMAIN}",
        f"The Teacher <staff0@{DOMAIN}>",
        f"A Pupil <student0@{DOMAIN}>, A Colleague <staff2@{DOMAIN}>",
        0.9,
    ),
    Letter(
        "coach",
        f"staff1@{DOMAIN}",
        f"student1@{DOMAIN}",
        f"The Coach <staff1@{DOMAIN}>",
        f"A Player <student1@{DOMAIN}>",
        0.1,
    ),
)


@dataclass(frozen=True, slots=True)
class Size:
    """How many there are of each."""

    students: int = 13_000
    staff: int = 1_500
    guardians: int = 5_500
    classes: int = 2_600
    teams: int = 160

    @property
    def people(self) -> int:
        return self.students + self.staff + self.guardians


BENCH = Size()
LARGE = Size(students=65_000, staff=7_500, guardians=27_500, classes=13_000, teams=800)


def write_roster(folder: Path, size: Size = BENCH) -> int:
    """Write the roster into `folder` (made if missing); the number of people."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "manifest.csv", ("propertyName", "value"), _manifest())
    _write(
        folder / "orgs.csv",
        ("sourcedId", "status", "dateLastModified", "name", "type", "identifier", "parentSourcedId"),
        _orgs(),
    )
    _write(folder / "users.csv", _USER, [*_students(size), *_staff(size), *_guardians(size)])
    _write(folder / "classes.csv", _CLASS, _classes(size))
    _write(folder / "enrollments.csv", _ENROLLMENT, _enrollments(size))
    _write(
        folder / "groups.csv",
        ("group_id", "name", "kind", "school", "address", "season_start", "season_end"),
        (
            (f"team{n}", f"Team {n}", "team", f"school{n % SCHOOLS}", f"team{n}@{DOMAIN}", "", "")
            for n in range(size.teams)
        ),
    )
    _write(folder / "group_members.csv", ("group_id", "user", "role"), _group_members(size))
    _write(
        folder / "accounts.csv",
        ("user", "address", "kind", "source", "verified_on"),
        ((f"staff{n}", f"staff{n}@mail.example", "personal", "form", DATE) for n in range(0, size.staff, 2)),
    )
    _write(
        folder / "forms.csv",
        ("user", "form", "signed_on"),
        ((f"staff{n}", "GBEE", DATE) for n in range(size.staff)),
    )
    return size.people


_USER = (
    "sourcedId", "status", "dateLastModified", "enabledUser", "orgSourcedIds", "role", "username", "userIds",
    "givenName", "familyName", "middleName", "identifier", "email", "sms", "phone", "agentSourcedIds",
    "grades", "password",
)  # fmt: skip
_CLASS = (
    "sourcedId", "status", "dateLastModified", "title", "grades", "courseSourcedId", "classCode", "classType",
    "location", "schoolSourcedId", "termSourcedIds", "subjects", "subjectCodes", "periods",
)  # fmt: skip
_ENROLLMENT = (
    "sourcedId", "status", "dateLastModified", "classSourcedId", "schoolSourcedId", "userSourcedId", "role",
    "primary", "beginDate", "endDate",
)  # fmt: skip


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _manifest() -> list[tuple[str, str]]:
    bulk = {"orgs", "users", "classes", "enrollments"}
    files = (
        "academicSessions", "categories", "classes", "classResources", "courses", "courseResources",
        "demographics", "enrollments", "lineItems", "orgs", "resources", "results", "users",
    )  # fmt: skip
    return [
        ("manifest.version", "1.0"),
        ("oneroster.version", "1.1"),
        *((f"file.{name}", "bulk" if name in bulk else "absent") for name in files),
        ("source.systemName", "bench"),
        ("source.systemCode", "bench"),
    ]


def _orgs() -> list[tuple[str, ...]]:
    schools = [
        (f"school{n}", "active", DATE, f"School {n}", "school", str(n), "district") for n in range(SCHOOLS)
    ]
    return [("district", "active", DATE, "Bench District", "district", "0", ""), *schools]


def _name(number: int) -> tuple[str, str]:
    return GIVEN[number % len(GIVEN)], FAMILY[number // len(GIVEN) % len(FAMILY)]


def _user(
    user: str, school: int, role: str, number: int, email: str, agents: str = "", grade: str = ""
) -> tuple[str, ...]:
    given, family = _name(number)
    return (
        user, "active", DATE, "true", f"school{school}", role, user, "",
        given, family, "", "", email, "", "", agents, grade, "",
    )  # fmt: skip


def _students(size: Size) -> Iterable[tuple[str, ...]]:
    for n in range(size.students):
        agents = ",".join(
            dict.fromkeys((f"guardian{n % size.guardians}", f"guardian{(n * 7 + 1) % size.guardians}"))
        )
        yield _user(
            f"student{n}", n % SCHOOLS, "student", n, f"student{n}@{DOMAIN}", agents, f"{n % 12 + 1:02d}"
        )


def _staff(size: Size) -> Iterable[tuple[str, ...]]:
    for n in range(size.staff):
        role = "administrator" if n >= size.staff - 2 * SCHOOLS else "teacher"
        yield _user(f"staff{n}", n % SCHOOLS, role, n * 3, f"staff{n}@{DOMAIN}")


def _guardians(size: Size) -> Iterable[tuple[str, ...]]:
    for n in range(size.guardians):
        yield _user(f"guardian{n}", n % SCHOOLS, "guardian", n * 5, f"guardian{n}@home.example")


def _classes(size: Size) -> Iterable[tuple[str, ...]]:
    for n in range(size.classes):
        yield (
            f"class{n}",
            "active",
            DATE,
            f"Class {n}",
            "",
            "",
            f"C{n}",
            "scheduled",
            "",
            f"school{n % SCHOOLS}",
            "",
            "",
            "",
            "",
        )


def _enrollments(size: Size) -> Iterable[tuple[str, ...]]:
    chance = random.Random(1)
    for n in range(size.classes):
        yield _enrollment(f"t{n}", n, f"staff{n % (size.staff - 2 * SCHOOLS)}", "teacher")
    for n in range(size.students):
        for place, taken in enumerate(
            {n % size.classes, *chance.sample(range(size.classes), CLASSES_A_STUDENT - 1)}
        ):
            yield _enrollment(f"s{n}.{place}", taken, f"student{n}", "student")


def _enrollment(number: str, taken: int, user: str, role: str) -> tuple[str, ...]:
    return (
        number,
        "active",
        DATE,
        f"class{taken}",
        f"school{taken % SCHOOLS}",
        user,
        role,
        "true" if role == "teacher" else "false",
        "",
        "",
    )


def _group_members(size: Size) -> Iterable[tuple[str, ...]]:
    for n in range(size.teams):
        yield (f"team{n}", f"staff{n + 1}", "coach")
        yield (f"team{n}", f"staff{size.staff - 1 - n % SCHOOLS}", "administrator")
        for place in range(TEAM_SIZE):
            yield (f"team{n}", f"student{n * TEAM_SIZE + place + 1}", "member")
