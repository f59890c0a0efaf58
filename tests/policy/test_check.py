"""Settings that name rules, people or groups which are not there; groups that have no administrator in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from gateway.config import Policy
from gateway.policy.check import gaps, problems

TODAY = date(2026, 10, 14)
RULE = "coach/one-to-one"


def exempting(**who: Any) -> dict[str, Any]:
    return {"rules": {RULE: {"exemptions": [{"reason": "test", "expires": "2026-12-31", **who}]}}}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        exempting(people=["Tom Kelly", "cara.dunn@harbor.example", "Maria.Lopez@harbor.example"]),
        exempting(groups=["Chess Club"], domains=["elsewhere.example"], addresses=["a@elsewhere.example"]),
        {"fallback_administrators": {"team": {"people": ["Pat Kim", "lee.wong@harbor.example"]}}},
        {"fallback_administrators": {"team": {"schools": {"annex": ["sam.poe@harbor.example"]}}}},
        {"fallback_administrators": {"team": {"schools": {"harbor point HIGH": ["Sam Poe"]}}}},
    ],
)
def test_nothing_to_say(harbor: Any, settings: Any) -> None:
    assert problems(Policy.model_validate(settings), harbor.directory, TODAY) == ()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"rules": {"coach/one-on-one": {}}},
            'policy.rules."coach/one-on-one": no such rule; expected one of',
        ),
        (exempting(people=["Nobody"]), "exemptions[0].people: 'Nobody' is nobody in the directory"),
        (exempting(groups=["No Club"]), "exemptions[0].groups: no group in the directory is 'No Club'"),
        (exempting(expires="2026-10-13"), "exemptions[0]: expired on 2026-10-13 and has no effect"),
        (
            {"fallback_administrators": {"club": {"people": ["Nobody", "Ben Cole"]}}},
            "policy.fallback_administrators.club.people: 'Nobody' is nobody in the directory",
        ),
        (
            {"fallback_administrators": {"team": {"schools": {"Lincoln High": ["Sam Poe"]}}}},
            "fallback_administrators.team.schools.\"Lincoln High\": no school in the directory is 'Lincoln High'",
        ),
        (
            {"fallback_administrators": {"team": {"schools": {"ANNEX": ["Sam Poe"]}}}},
            "no school in the directory is 'ANNEX'; expected a sourcedId or name",
        ),
        (
            {"fallback_administrators": {"team": {"schools": {"annex": ["ad.annex@harbor.example"]}}}},
            "team.schools.\"annex\": 'ad.annex@harbor.example' is nobody in the directory",
        ),
        (
            {"fallback_administrators": {"team": {"schools": {"annex": ["Ben Cole"]}}}},
            "team.schools.\"annex\": 'Ben Cole' is not on the staff; expected an administrator",
        ),
    ],
)
def test_problems(harbor: Any, settings: Any, words: str) -> None:
    found = problems(Policy.model_validate(settings), harbor.directory, TODAY)
    assert any(words in problem for problem in found), found


@pytest.mark.parametrize("name", ["Ben Cole", "Frank Moss"])
def test_a_student_or_a_leaver_is_no_administrator(harbor: Any, name: str) -> None:
    settings = Policy.model_validate({"fallback_administrators": {"club": {"people": [name]}}})
    (problem,) = problems(settings, harbor.directory, TODAY)
    assert problem == (
        f"policy.fallback_administrators.club.people: '{name}' is not on the staff; expected an administrator"
    )


# --- what the roster lacks -------------------------------------------------------------------------------

# Varsity Soccer, Spring Track, Swimming, Golf, Debate and Drama name an administrator who is there; the principal is
# in Arts and leads a council; Biology, Music and other classes without a list act as no group.
WITHOUT = {
    *("JV Soccer", "Soccer Captains", "Sailing", "Chess Club", "Student Council", "Ski Team", "Bell Ringers"),
    "Choir",
    *(
        "Robotics",
        "Robotics Build",
        "Robotics Code",
        "Band Boosters",
        "Empty Club",
        "Algebra",
        "Faculty Senate",
    ),
}


@pytest.mark.parametrize(
    ("settings", "without"),
    [
        ({"fallback_administrators": {"team": {"people": ["Pat Kim"]}}}, WITHOUT),
        ({}, WITHOUT),
        ({"fallback_administrators": {"team": {"people": ["Tom Kelly"]}}}, WITHOUT - {"JV Soccer"}),
        (
            {"fallback_administrators": {"team": {"schools": {"high": ["Tom Kelly"]}}}},
            WITHOUT - {"JV Soccer"},
        ),
        ({"fallback_administrators": {"team": {"schools": {"annex": ["Tom Kelly"]}}}}, WITHOUT),
        (
            {"fallback_administrators": {"team": {"schools": {"annex": ["Victor Stone"]}}}},
            WITHOUT - {"Sailing"},
        ),
        (
            {"require_administrators": "all", "fallback_administrators": {"team": {"people": ["Tom Kelly"]}}},
            WITHOUT,
        ),
        (
            {"fallback_administrators": {"club": {"people": ["Amos Bell"], "principals": False}}},
            (WITHOUT | {"Arts"}) - {"Robotics", "Robotics Code", "Empty Club"},
        ),
    ],
)
def test_every_group_without_its_administrator_is_reported(
    harbor: Any, settings: Any, without: set[str]
) -> None:
    """Whether or not mail was sent, and in season or not."""
    found = gaps(Policy.model_validate(settings), harbor.directory, TODAY)
    assert {line.group for line in found if line.code == "group-without-administrator"} == without


def test_the_report_and_the_rule_agree(harbor: Any) -> None:
    """A message to the list of a group is a finding where the report has the group, if it has members in season."""
    settings = {"fallback_administrators": {"team": {"people": ["Pat Kim"]}}}
    reported = {
        line.group
        for line in gaps(Policy.model_validate(settings), harbor.directory, TODAY)
        if line.code == "group-without-administrator"
    }
    lists = {group.id for group in harbor.directory.groups.values() if group.address}
    judged = {
        group
        for name in lists
        for finding in harbor.judge("Maria Lopez", [f"list of {name}"], settings).findings
        if finding.rule == "group/no-administrator"
        for group in finding.groups
    }
    nobody_to_write_to = {"Empty Club", "Faculty Senate", "Ski Team"}
    assert judged == (reported & lists) - nobody_to_write_to


def test_the_report_names_no_address(harbor: Any) -> None:
    assert not any("@" in line.text for line in gaps(Policy(), harbor.directory, TODAY))


def test_a_name_of_two_schools_means_both_and_is_told(harbor: Any) -> None:
    directory = replace(harbor.directory, schools={"high": "Lincoln", "annex": "Lincoln"})
    settings = {"fallback_administrators": {"team": {"schools": {"lincoln": ["Sam Poe"]}}}}
    assert problems(Policy.model_validate(settings), directory, TODAY) == (
        'policy.fallback_administrators.team.schools."lincoln": 2 schools have this name, and all are meant; '
        "expected a sourcedId",
    )


def test_a_school_without_org_goes_by_the_name_that_its_groups_give_it(harbor: Any) -> None:
    directory = replace(harbor.directory, schools={})
    settings = {"fallback_administrators": {"team": {"schools": {"Annex": ["Sam Poe"]}}}}
    assert problems(Policy.model_validate(settings), directory, TODAY) == ()
