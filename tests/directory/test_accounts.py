from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from gateway.directory.model import AddressKind, SignedForm

Rosters = Any
ProblemsOf = Callable[[Any], list[str]]

ACCOUNTS = "user,address,kind,source,verified_on\n"
FORMS = "user,form,signed_on\n"


@pytest.mark.parametrize(
    ("row", "kind", "source", "verified"),
    [
        ("t1,tim@kay.example,personal,HR,9/1/2026", AddressKind.PERSONAL, "HR", date(2026, 9, 1)),
        ("tim.kay@harbor.example,tim@kay.example,personal,HR,", AddressKind.PERSONAL, "HR", None),
        ("TIM.KAY+x@HARBOR.example,tim@kay.example,Personal,,", AddressKind.PERSONAL, "accounts", None),
        ("t1,tkay@harbor.example,alias,,", AddressKind.ALIAS, "accounts", None),
        ("t1,tkay@oldharbor.example,alias,,", AddressKind.ALIAS, "accounts", None),
        (
            "t1,tkay@harbor.example,personal,,",
            AddressKind.ALIAS,
            "accounts",
            None,
        ),  # no account is more the district's
    ],
)
def test_an_account_is_found(
    rosters: Rosters, row: str, kind: AddressKind, source: str, verified: date | None
) -> None:
    found = rosters.load({**rosters.one_one, "accounts.csv": f"{ACCOUNTS}{row}\n"})
    match = found.directory.match(row.split(",")[1])
    assert found.problems == ()
    assert match.person.id == "t1"
    assert (match.address.kind, match.address.source, match.address.verified_on) == (kind, source, verified)


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        ("nobody,tim@kay.example,personal,,", ["user: names nobody in users.csv; not used"]),
        ("nobody@harbor.example,tim@kay.example,personal,,", ["user: names nobody in users.csv; not used"]),
        (",tim@kay.example,personal,,", ["user: empty; not used"]),
        ("t1,tim at kay,personal,,", ["address: not an e-mail address; not used"]),
        ("t1,,personal,,", ["address: empty; not used"]),
        ("t1,tim@kay.example,,,", ["kind: expected alias or personal; taken from the address's domain"]),
        (
            "t1,tim@kay.example,private-ish,,",
            ["kind: expected alias or personal; taken from the address's domain"],
        ),
        (
            "t1,tim@kay.example,personal,,yes",
            ["verified_on: no date; expected one such as 2026-08-21 or 8/21/2026"],
        ),
    ],
)
def test_dirty_accounts(rosters: Rosters, problems_of: ProblemsOf, row: str, problems: list[str]) -> None:
    files = {**rosters.one_one, "accounts.csv": f"{ACCOUNTS}{row}\n"}
    assert problems_of(files) == [f"accounts.csv:2: {problem}" for problem in problems]


def test_an_address_of_a_family_names_nobody_in_particular(rosters: Rosters, problems_of: ProblemsOf) -> None:
    rows = "t1,home@kay.example,personal,,\nt2,home@kay.example,personal,,\nhome@kay.example,x@kay.example,personal,,\n"
    assert problems_of({**rosters.one_one, "accounts.csv": ACCOUNTS + rows}) == [
        "accounts.csv:4: user: an address of several people; expected a sourcedId; not used"
    ]


def test_an_address_is_kept_once(rosters: Rosters) -> None:
    rows = (
        "s3,Cy.Fox@Gmail.com,personal,family,2026-09-01\n"  # the roster has it, unverified
        "t1,tim.kay@harbor.example,alias,,\n"  # the roster has it, as district address
        "g1,gil@lee.example,personal,,\n"  # the roster has it, as a guardian's
    )
    people = rosters.load({**rosters.one_one, "accounts.csv": ACCOUNTS + rows}).directory.people
    (cy,), (tim,), (gil,) = (people[id].addresses for id in ("s3", "t1", "g1"))
    assert (cy.kind, cy.source, cy.verified_on) == (AddressKind.PERSONAL, "family", date(2026, 9, 1))
    assert tim.kind is AddressKind.DISTRICT
    assert gil.kind is AddressKind.GUARDIAN


def test_forms_are_kept(rosters: Rosters) -> None:
    rows = "t1,technology-use,9/1/2026\ntim.kay@harbor.example,handbook,2026-09-02\n"
    directory = rosters.load({**rosters.one_one, "forms.csv": FORMS + rows}).directory
    assert directory.forms_loaded
    assert directory.forms == {
        "t1": (SignedForm("technology-use", date(2026, 9, 1)), SignedForm("handbook", date(2026, 9, 2)))
    }


def test_without_forms_csv_nothing_is_known_of_forms(rosters: Rosters) -> None:
    assert not rosters.load(rosters.one_one).directory.forms_loaded


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        ("nobody,technology-use,2026-09-01", ["user: names nobody in users.csv; not used"]),
        ("t1,,2026-09-01", ["form: empty; not used"]),
        ("t1,technology-use,", ["signed_on: empty; not taken as signed"]),
        ("t1,technology-use,yes", ["signed_on: no date; expected one such as 2026-08-21 or 8/21/2026"]),
    ],
)
def test_dirty_forms(rosters: Rosters, problems_of: ProblemsOf, row: str, problems: list[str]) -> None:
    files = {**rosters.one_one, "forms.csv": f"{FORMS}{row}\n"}
    assert problems_of(files) == [f"forms.csv:2: {problem}" for problem in problems]
    assert rosters.load(files).directory.forms == {}
