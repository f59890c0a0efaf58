"""The demo's district: the same for the same seed, lifelike in size, and with a cast for every scenario."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from gateway.demo.district import DOMAIN, STUDENT_DOMAIN, District, Job
from gateway.demo.founding import found
from gateway.message.canonical import canonical_address


def test_same_seed_same_district(district: District, seed: int) -> None:
    assert found(seed, district.day) == district
    assert found(seed + 1, district.day).people != district.people


def test_size(district: District) -> None:
    assert len(district.students) == pytest.approx(2300, abs=5)
    assert len(district.staff) == pytest.approx(330, abs=15)
    assert len(district.schools) == 6
    assert all(1 <= len(student.guardians) <= 2 for student in district.students)
    siblings = Counter(student.guardians for student in district.students)
    assert max(siblings.values()) > 1


def test_addresses_belong_to_one_person_or_one_family(district: District) -> None:
    owners: dict[str, set[str]] = {}
    for person in district.people.values():
        for address in filter(None, (person.email, *person.personal, *person.aliases)):
            owners.setdefault(canonical_address(address), set()).add(person.id)
    for address, people in owners.items():
        if len(people) > 1:  # parents who share one mailbox
            assert len(people) == 2 and not any(district.people[person].job for person in people), address


def test_no_address_is_a_real_one(district: District) -> None:
    """Reserved names (RFC 2606), or a form that Gmail does not give out."""
    for person in district.people.values():
        for address in filter(None, (person.email, *person.personal, *person.aliases)):
            local, _, domain = address.rpartition("@")
            assert domain.endswith(".example") or (domain == "gmail.com" and "_" in local)
            assert address.isascii() and " " not in address


def test_who_has_what_account(district: District) -> None:
    for student in district.students:
        assert not student.email or student.email.endswith("@" + STUDENT_DOMAIN)
    for staff in district.staff:
        assert not staff.email or staff.email.endswith("@" + DOMAIN)
    without = [staff for staff in district.staff if not staff.email]
    assert without and all(staff.job == Job.VOLUNTEER and staff.personal for staff in without)


@pytest.mark.parametrize("month", range(1, 13))
def test_teams_in_and_out_of_season_on_any_day(month: int, seed: int) -> None:
    district = found(seed, date(2027, month, 15))
    teams = [group for group in district.groups if group.start]
    in_season = [group for group in teams if district.in_season(group)]
    assert len(in_season) == 12
    assert len(teams) - len(in_season) == 7
    names = [group.name for group in teams]
    assert len(set(names)) == len(names)


def test_players_have_one_team_in_season(district: District) -> None:
    teams = [group for group in district.groups if group.start and district.in_season(group)]
    players = Counter(member for team in teams for member in team.members)
    assert set(players.values()) == {1}


def test_most_groups_name_their_administrator(district: District) -> None:
    named = sum(bool(group.administrators) for group in district.groups)
    assert len(district.groups) / 2 < named < len(district.groups)


def test_who_moved_away_has_no_mailbox(district: District) -> None:
    moved = [student for student in district.students if student.left]
    assert len(moved) == 1
    assert moved[0].email and moved[0].email not in district.mailboxes
