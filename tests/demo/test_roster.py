"""The demo's roster is read by the gateway's own importer, whole, and means what the district means."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from gateway.demo.district import DOMAIN, District
from gateway.demo.roster import write_roster
from gateway.directory.importer import Import, read_roster
from gateway.directory.model import Role


@pytest.fixture(scope="module")
def imported(district: District, tmp_path_factory: pytest.TempPathFactory) -> Import:
    folder = tmp_path_factory.mktemp("a roster")
    write_roster(district, folder)
    noon = datetime.combine(district.day, time(17), UTC)
    return read_roster(folder, (DOMAIN,), now=noon, previous=None, max_shrink=0.2)


def test_nothing_is_unusable_but_what_is_missing(imported: Import) -> None:
    """People without an address are lifelike, and reported; there is nothing else to report."""
    assert {(problem.file, problem.field) for problem in imported.problems} == {("users.csv", "email")}


def test_everybody_is_there(district: District, imported: Import) -> None:
    people = imported.directory.people
    assert people.keys() == district.people.keys()
    for person in district.people.values():
        roles = people[person.id].roles
        here = district.here(person)
        assert (Role.STUDENT in roles) is (person.is_student and here), person
        assert (Role.STAFF in roles) is (person.job is not None and here), person


def test_groups_mean_the_same(district: District, imported: Import) -> None:
    directory = imported.directory
    for group in district.groups:
        read = directory.groups[group.id]
        assert read.in_season(district.day) is district.in_season(group)
        assert read.leaders == set(group.leaders)
        assert read.administrators == set(group.administrators)
        assert directory.members_of(group.id) == {person.id for person in district.members(group)}


def test_families_and_classes_mean_the_same(district: District, imported: Import) -> None:
    directory = imported.directory
    for guardian, children in district.children.items():
        here = {child.id for child in children if district.here(child)}
        assert here <= directory.children_of(guardian) <= {child.id for child in children}
    for teacher, courses in district.taught.items():
        assert {course.id for course in directory.classes_taught_by(teacher)} == {
            course.id for course in courses
        }


def test_every_address_finds_its_owner(district: District, imported: Import) -> None:
    for person in district.people.values():
        for address in filter(None, (person.email, *person.personal, *person.aliases)):
            owners = {match.person.id for match in imported.directory.matches(address)}
            assert person.id in owners, (person, address)


def test_same_district_same_files(district: District, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_roster(district, tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
