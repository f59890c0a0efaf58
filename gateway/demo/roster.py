"""Writes the demo district as a roster: OneRoster 1.2 CSV files and the four files that stand beside them.

The files are what a student information system exports (1EdTech OneRoster 1.2, CSV binding, bulk mode), so the
gateway reads the demo by the same way as a real district.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from gateway.demo.district import NAME, District, Job, Kind, Person

ORG = "qvrsd"  # the district itself
YEAR = "year"
_ONEROSTER_ROLE = {
    Job.SUPERINTENDENT: "districtAdministrator",
    Job.ATHLETIC_DIRECTOR: "siteAdministrator",
    Job.PRINCIPAL: "principal",
    Job.TEACHER: "teacher",
    Job.COUNSELOR: "counselor",
}  # OneRoster has no word for the others; a real export calls them all aides

Row = Sequence[str]


def write_roster(district: District, folder: Path) -> None:
    """Write all files into `folder`, which is made if need be. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    files = (*_oneroster_files(district), *_district_files(district))
    bulk = [name.removesuffix(".csv") for name, _, _ in _oneroster_files(district)]
    for name, header, rows in (("manifest.csv", ("propertyName", "value"), _manifest(bulk)), *files):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)


def _manifest(bulk: Iterable[str]) -> Iterator[Row]:
    yield "manifest.version", "1.0"
    yield "oneroster.version", "1.2"
    for name in bulk:
        yield f"file.{name}", "bulk"
    yield "source.systemName", "Demo student information system"
    yield "source.systemCode", "demo"


def _oneroster_files(district: District) -> tuple[tuple[str, Row, Iterator[Row]], ...]:
    standard = ("sourcedId", "status", "dateLastModified")
    return (
        ("orgs.csv", (*standard, "name", "type", "identifier", "parentSourcedId"), _orgs(district)),
        (
            "academicSessions.csv",
            (*standard, "title", "type", "startDate", "endDate", "parentSourcedId", "schoolYear"),
            _sessions(district),
        ),
        (
            "courses.csv",
            (*standard, "schoolYearSourcedId", "title", "courseCode", "grades", "orgSourcedId", "subjects",
             "subjectCodes"),
            _courses(district),
        ),
        (
            "classes.csv",
            (*standard, "title", "grades", "courseSourcedId", "classCode", "classType", "location", "schoolSourcedId",
             "termSourcedIds", "subjects", "subjectCodes", "periods"),
            _classes(district),
        ),
        (
            "users.csv",
            (*standard, "enabledUser", "username", "userIds", "givenName", "familyName", "middleName", "identifier",
             "email", "sms", "phone", "agentSourcedIds", "grades", "password", "userMasterIdentifier",
             "resourceSourcedIds", "preferredGivenName", "preferredMiddleName", "preferredFamilyName",
             "primaryOrgSourcedId", "pronouns"),
            _users(district),
        ),
        (
            "roles.csv",
            (*standard, "userSourcedId", "roleType", "role", "beginDate", "endDate", "orgSourcedId",
             "userProfileSourcedId"),
            _roles(district),
        ),
        (
            "enrollments.csv",
            (*standard, "classSourcedId", "schoolSourcedId", "userSourcedId", "role", "primary", "beginDate",
             "endDate"),
            _enrollments(district),
        ),
    )  # fmt: skip


def _orgs(district: District) -> Iterator[Row]:
    yield ORG, "", "", NAME, "district", "", ""
    for school in district.schools:
        yield school.id, "", "", school.name, "school", "", ORG


def _year(day: date) -> tuple[date, date]:
    """The school committee's year, which has no gap in summer: 1 July to 30 June."""
    first = day.year if day.month >= 7 else day.year - 1
    return date(first, 7, 1), date(first + 1, 6, 30)


def _sessions(district: District) -> Iterator[Row]:
    start, end = _year(district.day)
    title = f"School year {start.year}-{end.year}"
    yield YEAR, "", "", title, "schoolYear", start.isoformat(), end.isoformat(), "", str(end.year)


def _courses(district: District) -> Iterator[Row]:
    for course in district.courses:
        yield f"{course.id}-course", "", "", YEAR, course.title, course.id, "", course.school, "", ""


def _classes(district: District) -> Iterator[Row]:
    for course in district.courses:
        kind = "scheduled" if course.school in ("qvhs", "srms") else "homeroom"
        yield (
            course.id, "", "", course.title, "", f"{course.id}-course", course.id, kind, "", course.school,
            YEAR, "", "", "",
        )  # fmt: skip


def _users(district: District) -> Iterator[Row]:
    for person in district.people.values():
        enabled = "true" if district.here(person) else "false"
        yield (
            person.id, "", "", enabled, person.email or person.id, "", person.given, person.family, person.middle,
            person.id, person.email, "", "", ",".join(person.guardians), person.grade, "", "", "",
            person.preferred, "", "", person.school or ORG, "",
        )  # fmt: skip


def _roles(district: District) -> Iterator[Row]:
    for person in district.people.values():
        end = person.left.isoformat() if person.left else ""
        roles = []
        if person.is_student:
            roles.append("student")
        if person.job:
            roles.append(_ONEROSTER_ROLE.get(person.job, "aide"))
        if person.id in district.children:
            roles.append("guardian")
        for index, role in enumerate(roles):
            rank = "secondary" if index else "primary"
            org = ORG if role == "guardian" else person.school
            yield f"{person.id}-{role}", "", "", person.id, rank, role, "", end, org, ""


def _enrollments(district: District) -> Iterator[Row]:
    for course in district.courses:
        yield f"{course.id}-t", "", "", course.id, course.school, course.teacher, "teacher", "true", "", ""
        for pupil in course.pupils:
            left = district.people[pupil].left
            end = left.isoformat() if left else ""
            yield f"{course.id}-{pupil}", "", "", course.id, course.school, pupil, "student", "", "", end


# --- the four files of the gateway --------------------------------------------------------------


def _district_files(district: District) -> tuple[tuple[str, Row, Iterator[Row]], ...]:
    return (
        (
            "groups.csv",
            ("group_id", "name", "kind", "school", "address", "season_start", "season_end"),
            _groups(district),
        ),
        ("group_members.csv", ("group_id", "user", "role"), _group_members(district)),
        ("accounts.csv", ("user", "address", "kind", "source", "verified_on"), _accounts(district)),
        ("forms.csv", ("user", "form", "signed_on"), _forms(district)),
    )


def _groups(district: District) -> Iterator[Row]:
    for group in district.groups:
        start, end = (bound.isoformat() if bound else "" for bound in (group.start, group.end))
        yield group.id, group.name, group.kind, group.school, group.address, start, end


def _group_members(district: District) -> Iterator[Row]:
    for group in district.groups:
        leader = "coach" if group.kind == Kind.TEAM else "advisor"
        by_role = (
            (leader, group.leaders),
            ("member", group.members),
            ("administrator", group.administrators),
            ("guardian", group.guardians),
        )
        for role, people in by_role:
            for person in people:
                yield group.id, _reference(district.people[person], role), role


def _reference(person: Person, role: str) -> str:
    """Administrators are entered by hand, so by their address; the rest comes from the system, by id."""
    return person.email if role == "administrator" else person.id


def _accounts(district: District) -> Iterator[Row]:
    verified = (district.day - timedelta(days=75)).isoformat()
    for person in district.people.values():
        for address in person.aliases:
            yield person.id, address, "alias", "mail administrator", verified
        for address in person.personal:
            yield person.id, address, "personal", "staff contact form", verified


def _forms(district: District) -> Iterator[Row]:
    signed = (_year(district.day)[0] + timedelta(days=58)).isoformat()
    for person in district.staff:
        if person.signed:
            yield person.id, "digital-use", min(signed, district.day.isoformat())
