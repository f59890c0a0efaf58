"""Whom a message reaches, and in which ways."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.policy.audience import audience


@pytest.mark.parametrize(
    ("to", "cc", "bcc", "who", "why"),
    [
        (["Ben Cole"], [], [], "Ben Cole", "named in To"),
        ([], ["Ben Cole"], [], "Ben Cole", "named in Cc"),
        ([], [], ["Ben Cole"], "Ben Cole", "named in the envelope only (a blind copy)"),
        (["Ben Cole"], ["Ben Cole"], ["Ben Cole"], "Ben Cole", "named in To"),
        ([], ["BEN.COLE@harbor.example"], ["ben.cole+x@harbor.example"], "Ben Cole", "named in Cc"),
        (["Ben Cole"], ["Ben Cole at home"], [], "Ben Cole", "named in To; named in Cc"),
        (
            ["list of Varsity Soccer"],
            [],
            [],
            "Pat Kim",
            "on the list of Varsity Soccer, which is named in To",
        ),
        (
            [],
            ["list of Varsity Soccer"],
            ["Ben Cole"],
            "Ben Cole",
            "on the list of Varsity Soccer, which is named in Cc; named in the envelope only (a blind copy)",
        ),
    ],
)
def test_ways(harbor: Any, to: list[str], cc: list[str], bcc: list[str], who: str, why: str) -> None:
    found = audience(harbor.transaction("Maria Lopez", to, cc, bcc), harbor.directory)
    assert found.recipient(who).why == why


@pytest.mark.parametrize(
    ("address", "people"),
    [
        ("friend@elsewhere.example", set()),
        ("Kim Berg at home", {"Kim Berg", "Lou Berg"}),
        ("list of JV Soccer", {"Ana Silva", "Eli Stone", "Fay Young", "Tom Kelly"}),
        ("list of Sailing", {"Eli Stone", "Nia Long", "Victor Stone", "Mona Long"}),
        ("list of Robotics", {"Amos Bell", "Paul Roy", "Zoe Adams", "Nia Long", "Owen Hill"}),
        ("list of Robotics Code", {"Amos Bell", "Paul Roy", "Zoe Adams", "Nia Long", "Owen Hill"}),
        ("list of Robotics Build", {"Paul Roy", "Zoe Adams"}),
        ("list of Empty Club", {"Amos Bell"}),
    ],
)
def test_expansion(harbor: Any, address: str, people: set[str]) -> None:
    found = audience(harbor.transaction("Maria Lopez", [address]), harbor.directory)
    assert set(found.ids) == people


def test_an_author_is_no_recipient(harbor: Any) -> None:
    found = audience(harbor.transaction("Maria Lopez", ["Maria Lopez", "Ben Cole"]), harbor.directory)
    assert [person.id for person in found.others("Maria Lopez")] == ["Ben Cole"]


def test_lists_stand_in_one_order(harbor: Any) -> None:
    found = audience(
        harbor.transaction("Maria Lopez", ["list of Swimming", "list of Algebra", "list of JV Soccer"]),
        harbor.directory,
    )
    assert [group.id for group in found.lists] == ["Algebra", "JV Soccer", "Swimming"]


@pytest.mark.parametrize(
    ("to", "among", "unsure"),
    [
        (["Rosa Silva as guardian"], {"Ana Silva"}, {"Ana Silva"}),
        (["Rosa Silva as guardian"], {"Ana Silva", "Rosa Silva"}, set()),
        (["Rosa Silva as guardian", "Ana Silva"], {"Ana Silva"}, set()),
        (["Rosa Silva as guardian", "list of JV Soccer"], {"Ana Silva"}, set()),
        (["Ben Cole"], {"Ben Cole"}, set()),
    ],
)
def test_who_may_not_have_been_meant(harbor: Any, to: list[str], among: set[str], unsure: set[str]) -> None:
    found = audience(harbor.transaction("Maria Lopez", to), harbor.directory)
    assert found.unsure(among) == unsure


def test_a_group_that_names_people_nobody_knows(directory_of: Any, harbor: Any) -> None:
    directory = directory_of(
        {
            "domains": ["harbor.example"],
            "people": {"Ann Lee": {"roles": ["student"]}},
            "groups": {
                "Team": {
                    "kind": "team",
                    "list": "team@harbor.example",
                    "members": ["Ann Lee", "gone"],
                    "leaders": ["gone too"],
                    "groups": ["no such group"],
                }
            },
        }
    )
    transaction = harbor.transaction("x@elsewhere.example", ["team@harbor.example"])
    assert set(audience(transaction, directory).ids) == {"Ann Lee"}
