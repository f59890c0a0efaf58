"""Who is told: tables that a principal could check."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.notices.town import GROUPS, MEMBERS, Town, clock

Make = Callable[..., Town]
NOON = clock("10-14 12:00")
SOON = clock("10-14 12:00:05")  # the transactions of a message of noon are here
SETTLED = clock("10-14 12:10")


def notices(text: str, hold: str = "") -> str:
    """A configuration: people by their first names."""
    lines = []
    for section, content in (("notices", text), ("hold", hold)):
        if content:
            lines.append(f"[{section}]")
            for line in content.split(";"):
                key, _, people = line.partition("=")
                addresses = ", ".join(f'"{name}@harbor.example"' for name in people.split())
                lines.append(f"{key.strip()} = [{addresses}]")
    return "\n".join(lines) + "\n"


def told(town: Town) -> set[str]:
    """Who is told something of the one finding there is, by first name."""
    return {
        address.removesuffix("@harbor.example")
        for notice in town.plan(SETTLED).notices
        for address in notice.recipients
    }


ALL = "reviewers = pat rae"
HIGH = f'{ALL}; schools."Lincoln High" = pat ivo'


@pytest.mark.parametrize(
    ("settings", "escalate", "author", "expected"),
    [
        (ALL, "", "carla", "pat rae"),
        (ALL, "", "pat", "rae"),  # nobody is told about themselves
        (ALL, "", "rae", "pat"),
        ("reviewers = pat", "escalate_to = sue", "pat", "sue"),  # nobody left: those above
        ("reviewers = pat", "escalate_to = pat", "pat", ""),  # nobody at all may be told
        ("reviewers = pat", "", "pat", ""),
        ("reviewers = pat+notices rae", "", "pat", "rae"),  # another spelling of her address
        ("reviewers = office rae", "", "carla", "rae"),  # a list that she reads
        ("reviewers = office rae", "", "pat", "rae"),
        ("reviewers = office rae", "", "tim", "office rae"),
        # schools
        (HIGH, "", "carla", "pat ivo"),  # works at Lincoln High
        (HIGH, "", "tim", "pat rae"),  # at the other school
        (HIGH, "", "pat", "ivo"),
        (f"{ALL}; schools.high = ivo", "", "carla", "ivo"),  # by its id
        (f'{ALL}; schools."  lincoln   HIGH" = ivo', "", "carla", "ivo"),
        (f"{ALL}; schools.high = pat", "", "pat", "rae"),  # nobody left: all reviewers but her
        ("reviewers = pat; schools.high = pat", "escalate_to = sue", "pat", "sue"),
        (f"{ALL}; schools.high = ivo; schools.middle = tim", "", "sue", "pat rae"),  # of no school
    ],
)
def test_who_is_told_of_a_violation(
    town: Make, settings: str, escalate: str, author: str, expected: str
) -> None:
    here = town(notices(settings, escalate))
    (_, finding) = here.found(author, at=NOON)
    assert told(here) == set(expected.split())
    assert here.plan(SETTLED).untellable == (() if expected else ((finding, "reviewers"),))


def test_somebody_at_a_personal_address_is_the_same_person(town: Make) -> None:
    """Tim wrote from home; his school account is a reviewer's."""
    here = town(notices("reviewers = tim rae"))
    here.found("tim", at=NOON)
    assert told(here) == {"rae"}


def test_an_author_whom_the_roster_does_not_know_any_more(town: Make) -> None:
    here = town(notices("reviewers = gone rae"))
    author = {"person_id": None, "name": "Gone", "role": "staff", "address": "Gone@harbor.example", "why": ""}
    here.found("carla", at=NOON, author=author)
    assert told(here) == {"rae"}


def test_a_list_in_a_list_reaches_the_author_too(town: Make) -> None:
    groups = f"{GROUPS}all,All Offices,organization,high,all@harbor.example\n"
    here = town(notices("reviewers = all rae"), groups=groups, group_members=f"{MEMBERS}all,office,member\n")
    here.found("carla", at=NOON)
    assert told(here) == {"rae"}


@pytest.mark.parametrize(
    ("author", "group", "expected"),
    [
        ("tim", "soccer", "ivo tim2"),  # his school and the team's
        ("carla", "soccer", "ivo"),
        ("sue", "soccer", "ivo"),
        ("sue", "no-such-group", "pat rae"),
    ],
)
def test_a_finding_across_schools(town: Make, author: str, group: str, expected: str) -> None:
    here = town(notices(f"{ALL}; schools.high = ivo; schools.middle = tim2"))
    here.found(author, at=NOON, groups=[group])
    assert told(here) == set(expected.split())


@pytest.mark.parametrize(
    ("settings", "author", "expected"),
    [
        (f"{ALL}; it = ivo", "tim", "ivo"),
        (f"{HIGH}; it = ivo", "carla", "ivo"),  # IT, whatever the school
        (ALL, "tim", "pat rae"),
        (HIGH, "carla", "pat rae"),
        (f"{ALL}; it = pat", "pat", "rae"),  # her own name was misused; somebody else looks
    ],
)
def test_possible_forgeries_go_to_it(town: Make, settings: str, author: str, expected: str) -> None:
    here = town(notices(settings))
    here.found(author, at=NOON, marks=["for-it"])
    assert told(here) == set(expected.split())


def test_one_mail_for_each_set_of_people(town: Make) -> None:
    here = town(notices("reviewers = pat rae sue"))
    for author in ("carla", "tim", "pat", "rae", "pat"):
        here.found(author, at=NOON)
    found = {notice.recipients: len(notice.about) for notice in here.plan(SETTLED).notices}
    pat, rae, sue = (f"{name}@harbor.example" for name in ("pat", "rae", "sue"))
    assert found == {(pat, rae, sue): 2, (rae, sue): 2, (pat, sue): 1}


def test_a_reviewer_does_not_decide_about_their_own_message(town: Make) -> None:
    """Two authors, one of them a reviewer: she is told neither of the hold nor of the other's part in it."""
    here = town(notices("reviewers = pat rae"))
    here.found("carla", "pat", at=NOON, action="hold", held=True)
    (notice,) = here.plan(SOON).notices
    assert notice.recipients == ("rae@harbor.example",)


@pytest.mark.parametrize("action", ["record", "notify"])
def test_a_hold_is_no_matter_for_it_and_for_nobody_in_it(town: Make, action: str) -> None:
    """What is beside it for IT, in a reviewer's name, keeps that reviewer away and brings IT nothing of the hold."""
    here = town(notices("reviewers = pat rae; it = ivo"))
    message, _ = here.found("carla", at=NOON, action="hold", held=True)
    holding = here.finding("carla", id="a", action="hold")
    kept = here.finding("pat", id="b", action=action, marks=["for-it"])
    here.judge_again(message, at=NOON, findings=[holding, kept])
    (notice,) = here.plan(SOON).notices
    assert notice.recipients == ("rae@harbor.example",)
    assert notice.about == ((message, "held"), ("a", "reviewers"))
