"""Look-ups of the immutable directory."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

import pytest

from gateway.directory.model import AddressKind, Group, GroupKind, Person, PersonAddress, Role
from gateway.directory.snapshot import Directory
from gateway.message.canonical import canonical_address

NOW = datetime(2026, 10, 14, tzinfo=UTC)


def address(text: str, kind: AddressKind = AddressKind.DISTRICT) -> PersonAddress:
    return PersonAddress(text, canonical_address(text), kind, "test")


def person(
    id: str, *addresses: PersonAddress, role: Role | None = Role.STAFF, school: str = "high"
) -> Person:
    roles = frozenset({role} if role else ())
    return Person(id, "Ann", "Lee", roles=roles, schools=frozenset({school}), addresses=addresses)


def directory(*people: Person, groups: tuple[Group, ...] = ()) -> Directory:
    return Directory(
        version="0" * 12,
        loaded_at=NOW,
        as_of=NOW.date(),
        people={one.id: one for one in people},
        groups={group.id: group for group in groups},
        domains=("harbor.example", "xn--hafen-1ya.example"),
        guardians={"s1": frozenset({"g1", "g2"}), "s2": frozenset({"g1"})},
    )


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("ann@harbor.example", True),
        ("ANN@HARBOR.EXAMPLE.", True),
        ("ann@students.harbor.example", True),
        ("ann@notharbor.example", False),
        ("ann@harbor.example.evil.example", False),
        ("ann@example", False),
        ("harbor.example", False),
        ("", False),
    ],
)
def test_district_addresses(text: str, inside: bool) -> None:
    assert directory().is_district(text) is inside


@pytest.mark.parametrize("text", ["gia.lee@gmail.com", "GiaLee@GoogleMail.com", "gia.lee+school@gmail.com"])
def test_a_person_is_found_by_any_spelling(text: str) -> None:
    gia = person("g1", address("Gia.Lee@gmail.com", AddressKind.GUARDIAN))
    match = directory(gia).match(text)
    assert match is not None
    assert (match.person, match.address.address) == (gia, "Gia.Lee@gmail.com")


def test_nobody_is_found() -> None:
    assert directory().match("ann@harbor.example") is None
    assert directory().matches("") == ()
    assert directory().group_at("ann@harbor.example") is None
    assert directory().guardians_of("nobody") == frozenset()


def test_the_order_of_people_who_share_an_address() -> None:
    def at_home(kind: AddressKind) -> PersonAddress:
        return address("lees@lee.example", kind)

    people = [
        person("d", at_home(AddressKind.GUARDIAN)),
        person("c", at_home(AddressKind.PERSONAL)),
        person("b", at_home(AddressKind.PERSONAL)),
        person("a", at_home(AddressKind.PERSONAL), role=None),  # has left
        person("e", at_home(AddressKind.ALIAS)),
    ]
    for order in (people, people[::-1]):
        matches = directory(*order).matches("Lees@Lee.example")
        assert [match.person.id for match in matches] == ["e", "b", "c", "d", "a"]


def test_families() -> None:
    found = directory()
    assert found.guardians_of("s1") == {"g1", "g2"}
    assert found.children_of("g1") == {"s1", "s2"}
    assert found.children_of("s1") == frozenset()


def test_principals_are_known_by_their_schools_unless_told_otherwise() -> None:
    pam = person("p1", role=Role.PRINCIPAL, school="high")
    assert directory(pam, person("t1")).principals_of("high") == {"p1"}
    told = Directory("v", NOW, NOW.date(), {"p1": pam}, {}, (), principals={"middle": frozenset({"p1"})})
    assert told.principals_of("high") == frozenset()
    assert told.principals_of("middle") == {"p1"}


def test_groups() -> None:
    team = Group("soccer", "Soccer", GroupKind.TEAM, address="s@h.example", canonical_address="s@h.example",
                 leaders=frozenset({"t1", "t2"}), members=frozenset({"s1"}))  # fmt: skip
    course = Group("c1", "Biology", GroupKind.CLASS, leaders=frozenset({"t1"}))
    found = directory(groups=(team, course))
    assert found.groups_led_by("t1") == (team,)
    assert found.classes_taught_by("t1") == (course,)
    assert found.classes_taught_by("t2") == ()
    assert found.group_at("S@H.example") == team
    assert found.members_of("soccer") == {"s1"}


@pytest.mark.parametrize(
    ("day", "inside"),
    [
        (date(2026, 8, 17), True),
        (date(2026, 11, 20), True),
        (date(2026, 8, 16), False),
        (date(2026, 11, 21), False),
    ],
)
def test_a_season_includes_both_ends(day: date, inside: bool) -> None:
    team = Group("g", "G", GroupKind.TEAM, start=date(2026, 8, 17), end=date(2026, 11, 20))
    assert team.in_season(day) is inside


def test_a_snapshot_cannot_be_changed() -> None:
    people = {"t1": person("t1")}
    found = Directory("v", NOW, NOW.date(), people, {}, ())
    people.clear()
    assert set(found.people) == {"t1"}
    with pytest.raises(TypeError):
        found.people["t2"] = person("t2")  # type: ignore[index]  # the point of the test
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.version = "w"  # type: ignore[misc]  # the point of the test


def test_the_empty_directory() -> None:
    empty = Directory.empty(("harbor.example",), NOW)
    assert (empty.people, empty.groups, empty.as_of) == ({}, {}, NOW.date())
    assert empty.is_district("a@harbor.example")
    assert repr(empty) == "Directory(version='e3b0c44298fc', as_of=2026-10-14, people=0, groups=0)"


def test_names_of_people_whose_record_lacks_one() -> None:
    names = [
        Person("x", given, family).name
        for given, family in (("Ann", "Lee"), ("", "Lee"), ("Ann", ""), ("", ""))
    ]
    assert names == ["Ann Lee", "Lee", "Ann", "x"]
