"""The identification ladder, step by step."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.directory.snapshot import Directory
from gateway.message.addresses import Mailbox
from gateway.message.canonical import canonical_address
from gateway.message.reading import read_message
from gateway.policy.identify import UNKNOWN, Account, Identity, Step, authors
from gateway.policy.model import Confidence, Transaction

DAY = date(2026, 10, 14)
LADDER = tomllib.loads(Path(__file__).with_name("ladder.toml").read_text(encoding="utf-8"))
CASES = [pytest.param(case, id=case["name"]) for case in LADDER["case"]]


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
        "Mary Lopez <mary.lopez@elsewhere.example>",
        "mary.lopez@notharbor.example",
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


@pytest.mark.parametrize(
    "author",
    [
        "Maria Lopez <maria.lopez@elsewhere.example>",
        "maria.lopez@notharbor.example",
        "maria.lopez@gmail.com.elsewhere.example",
    ],
)
def test_recognised_by_name_only(harbor: Any, author: str) -> None:
    """An address that is nearly hers is a stranger's; only the name in it is left."""
    assert found(harbor, author) == [("Maria Lopez", "outside", "possible")]


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


# --- by name and evidence: ladder.toml ---------------------------------------------------------------


@pytest.fixture(scope="module")
def elm_park(directory_of: Any) -> Directory:
    directory: Directory = directory_of(LADDER["district"])
    return directory


def _mailboxes(texts: list[str]) -> tuple[Mailbox, ...]:
    return tuple(Mailbox("", text, text) for text in texts)


def _transaction(harbor: Any, case: dict[str, Any]) -> Transaction:
    name, _, address = case["from"].rpartition("<")
    author = Mailbox(name.strip(), address.removesuffix(">"), case["from"])
    transaction: Transaction = harbor.transaction(
        [],
        case["to"],
        case.get("cc", ()),
        case.get("bcc", ()),
        from_=(author,),
        mail_from=author.address,
        reply_to=_mailboxes(case.get("reply_to", [])),
        sender=_mailboxes(case.get("sender", [])),
    )
    return replace(
        transaction,
        thread=frozenset(map(canonical_address, case.get("thread", ()))),
        raw=f"Subject: x\r\n\r\n{case['body']}".encode() if "body" in case else b"",
    )


def _answer(identities: tuple[Identity, ...]) -> dict[str, str]:
    assert len(identities) < 2
    return {
        key: value
        for who in identities
        for key, value in (("who", who.person.id), ("sure", who.confidence.value), ("step", who.step.value))
    }


@pytest.mark.parametrize("case", CASES)
def test_ladder(harbor: Any, elm_park: Directory, case: dict[str, Any]) -> None:
    identities = authors(_transaction(harbor, case), elm_park, DAY)
    assert _answer(identities) == case["expect"], case["why"]
    for identity in identities:
        assert identity.account is Account.OUTSIDE
        assert "@" not in identity.why
        assert identity.person is UNKNOWN or identity.person.name in identity.why


@pytest.mark.parametrize("case", CASES)
def test_an_address_on_record_is_never_somebody_elses(
    harbor: Any, elm_park: Directory, case: dict[str, Any]
) -> None:
    """The same messages from the registered address of a mother: whatever they show, she wrote them."""
    name, _, _ = case["from"].rpartition("<")
    transaction = _transaction(harbor, {**case, "from": f"{name}<rosa@silva.example>"})
    (identity,) = authors(transaction, elm_park, DAY)
    assert (identity.person.id, identity.step) == ("Rosa Silva", Step.REGISTERED)


@pytest.mark.parametrize("case", CASES)
def test_no_address_of_the_district_is_taken_for_an_outside_one(
    harbor: Any, elm_park: Directory, case: dict[str, Any]
) -> None:
    name, _, _ = case["from"].rpartition("<")
    transaction = _transaction(harbor, {**case, "from": f"{name}<nobody@new.harbor.example>"})
    assert authors(transaction, elm_park, DAY) == ()


def test_every_step_has_cases_for_and_against() -> None:
    steps = [case["expect"].get("step") for case in LADDER["case"]]
    by_name = set(Step) - {Step.SCHOOL_ACCOUNT, Step.REGISTERED}
    assert {step.value for step in by_name} <= set(steps)
    assert steps.count(None) >= len(steps) // 3
    names = [case["name"] for case in LADDER["case"]]
    assert len(names) == len(set(names))


def test_a_name_alone_is_never_more_than_possible(harbor: Any, elm_park: Directory) -> None:
    for case in LADDER["case"]:
        for identity in authors(_transaction(harbor, case), elm_park, DAY):
            if identity.step in (Step.NAME_ALONE, Step.LOOK_ALIKE):
                assert identity.confidence is Confidence.POSSIBLE


def test_several_mailboxes_of_one_person_count_once_and_by_the_surest(harbor: Any) -> None:
    mixed = ["Maria Lopez <stranger@elsewhere.example>", "Maria Lopez at home"]
    assert found(harbor, mixed) == [("Maria Lopez", "outside", "certain")]
    assert found(harbor, mixed[::-1]) == [("Maria Lopez", "outside", "certain")]
    assert found(harbor, [*mixed, "Maria Lopez"]) == [("Maria Lopez", "district", "certain")]


def test_each_mailbox_of_a_from_line_is_looked_at(harbor: Any) -> None:
    mixed = ["Paula Brown <paula@elsewhere.example>", "Dana Reed <x@elsewhere.example>"]
    assert found(harbor, mixed) == [("Dana Reed", "outside", "possible")]


def test_names_in_a_hostile_from_line_are_bounded(harbor: Any) -> None:
    strangers = [f"Nobody <n{number}@elsewhere.example>" for number in range(20)]
    assert found(harbor, [*strangers, "Dana Reed <x@elsewhere.example>"]) == []
    assert found(harbor, [*strangers, "Dana Reed at home"]) == [("Dana Reed", "outside", "certain")]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.text(max_size=30) | st.sampled_from(["Maria Lopez", "Coach Reed", "John Gray", "Mаria Lopez"]),
    st.text(max_size=15) | st.sampled_from(["maria.lopez", "dreed", "", "@"]),
    st.sampled_from(
        ["mail.example", "hаrbor.example", "xn--hrbor-4ve.example", "xn--\ud800", "xn--a.b", "", "[1.2.3.4]"]
    ),
    st.lists(st.text(max_size=10) | st.just("maria.lopez@harbor.example"), max_size=3),
    st.binary(max_size=100),
)
def test_never_raises(
    harbor: Any, elm_park: Directory, name: str, local: str, domain: str, addresses: list[str], raw: bytes
) -> None:
    transaction = harbor.transaction(
        [],
        from_=(Mailbox(name, f"{local}@{domain}", ""),),
        to=(),
        reply_to=_mailboxes(addresses),
        cc=(),
    )
    transaction = replace(transaction, thread=frozenset(addresses), raw=raw, recipients=tuple(addresses))
    for identity in authors(transaction, elm_park, DAY):
        assert "@" not in identity.why


# --- header lines as they come ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("From: =?utf-8?Q?Mar=C3=ADa_L=C3=B3pez?= <x@mail.example>", ("likely", "name with context")),
        ('From: "Lopez, Maria" <x@mail.example>', ("likely", "name with context")),
        (
            "From: Lopez, Maria <x@mail.example>",
            None,
        ),  # without quotes two list items, and one is a bare name
        ("From: x@mail.example (Maria Lopez)", ("likely", "name with context")),
        ("From: Teachers: Maria Lopez <x@mail.example>;", ("likely", "name with context")),
        ("From: Teachers:;", None),
        ("From: Maria Lopez", None),
        ("From: Paula Brown <p@mail.example>, Maria Lopez <x@mail.example>", ("likely", "name with context")),
        (
            'From: "Maria Lopez <maria.lopez@harbor.example>" <x@mail.example>',
            ("possible", "look-alike"),
        ),
        ('From: "Maria Lopez (maria@mail.example)" <x@mail.example>', ("likely", "name with context")),
        ('From: "maria.lopez@harbor.example" <x@mail.example>', ("possible", "look-alike")),
        ("From: =?utf-8?B?TdCwcmlhIExvcGV6?= <x@mail.example>", ("possible", "look-alike")),
        ("From: Maria Lopez <khill@home.example>", ("certain", "registered address")),
        ("From: Maria Lopez\r\n\t<x@mail.example>", ("likely", "name with context")),
        (
            "From: Maria Lopez <x@mail.example>\r\nFrom: Paula <p@mail.example>",
            ("likely", "name with context"),
        ),
        ("From: Maria Lopez <x@mail.example>\r\nReply-To: undisclosed:;", ("likely", "name with context")),
        (
            "From: Maria Lopez <x@mail.example>\r\nReply-To: Maria <maria.lopez@harbor.example>",
            ("strong", "reply-to"),
        ),
    ],
)
def test_header_lines(
    harbor: Any, elm_park: Directory, header: str, expected: tuple[str, str] | None
) -> None:
    reading = read_message(f"{header}\r\nTo: ana.silva@harbor.example\r\n\r\n".encode())
    transaction = replace(harbor.transaction("x@mail.example"), reading=reading)
    identities = authors(transaction, elm_park, DAY)
    assert [(who.confidence.value, who.step.value) for who in identities] == ([expected] if expected else [])
