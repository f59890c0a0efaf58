"""The identification ladder, step by step."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gateway.policy.identify import authors

DAY = date(2026, 10, 14)


def found(harbor: Any, author: Any, **rest: Any) -> list[tuple[str, str, str]]:
    identities = authors(harbor.transaction(author, **rest), harbor.directory, DAY)
    return [(who.person.id, who.account.value, who.confidence.value) for who in identities]


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ("Maria Lopez", ("Maria Lopez", "district", "certain")),
        ("Maria Lopez by alias", ("Maria Lopez", "district", "certain")),
        ("MARIA.LOPEZ@Harbor.Example", ("Maria Lopez", "district", "certain")),
        ("Maria Lopez at home", ("Maria Lopez", "outside", "certain")),
        ("marialopez+x@googlemail.com", ("Maria Lopez", "outside", "certain")),
        ("Grace Hill at home", ("Grace Hill", "outside", "certain")),
        ("Grace Hill as guardian", ("Grace Hill", "outside", "certain")),
        ("Kim Berg <bergs@home.example>", ("Kim Berg", "outside", "likely")),
        ("KIM  BERG <bergs@home.example>", ("Kim Berg", "outside", "likely")),
        ("Berg, Kim <bergs@home.example>", ("Kim Berg", "outside", "likely")),
        ("Kím Berg <bergs@home.example>", ("Kim Berg", "outside", "likely")),
    ],
)
def test_recognised(harbor: Any, author: str, expected: tuple[str, str, str]) -> None:
    assert found(harbor, author) == [expected]


@pytest.mark.parametrize(
    "author",
    [
        "stranger@elsewhere.example",
        "Maria Lopez <maria.lopez@elsewhere.example>",
        "maria.lopez@notharbor.example",
        "maria.lopez@gmail.com.elsewhere.example",
        "bergs@home.example",
        "The Bergs <bergs@home.example>",
        "K. Berg <bergs@home.example>",
        "Hugo Vale <vales@home.example>",
        "Iris Vale <vales@home.example>",
        "nobody@harbor.example",
    ],
)
def test_not_recognised(harbor: Any, author: str) -> None:
    assert found(harbor, author) == []


def test_each_person_once_and_the_school_account_first(harbor: Any) -> None:
    mixed = [
        "Maria Lopez at home",
        "Tom Kelly",
        "Maria Lopez",
        "maria.lopez+tag@gmail.com",
        "Tom Kelly at home",
    ]
    assert found(harbor, mixed) == [
        ("Maria Lopez", "district", "certain"),
        ("Tom Kelly", "district", "certain"),
    ]


def test_a_hostile_from_line_is_bounded(harbor: Any, directory_of: Any) -> None:
    crowd = {f"Person N{number}": {"roles": ["staff"]} for number in range(500)}
    directory = directory_of({"domains": ["harbor.example"], "people": crowd})
    everybody = [f"person.n{number}@harbor.example" for number in range(500)]
    assert len(authors(harbor.transaction(everybody), directory, DAY)) == 20


def test_two_who_share_both_address_and_name_are_nobody(harbor: Any, directory_of: Any) -> None:
    """Father and son of one name at one address: no guess."""
    directory = directory_of(
        {
            "domains": ["harbor.example"],
            "people": {
                "Pat Moe": {"roles": ["staff"], "home": "moes@home.example"},
                "PAT MOE": {"roles": ["guardian"], "guardian": "moes@home.example"},
            },
        }
    )
    assert authors(harbor.transaction("Pat Moe <moes@home.example>"), directory, DAY) == ()


def test_a_personal_account_in_the_districts_domain_is_a_school_account(
    harbor: Any, directory_of: Any
) -> None:
    """A slip of the registry; nobody is accused of using the district's own server."""
    directory = directory_of(
        {
            "domains": ["harbor.example"],
            "people": {
                "Pat Moe": {"roles": ["staff"], "school_account": False, "home": "pat@mail.harbor.example"}
            },
        }
    )
    (identity,) = authors(harbor.transaction("pat@mail.harbor.example"), directory, DAY)
    assert identity.account.value == "district"


def test_why_is_said_in_words(harbor: Any) -> None:
    (identity,) = authors(harbor.transaction("Ray Cole <coles@home.example>"), harbor.directory, DAY)
    assert identity.why == (
        "the sending address is on record as a personal account of Ray Cole; others use this address too, and the "
        "sender's name in the message tells them apart"
    )
