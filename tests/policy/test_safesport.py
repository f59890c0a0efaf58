"""The SafeSport rules beyond single messages: how they are turned on, and what holds for any message.

Single messages are in `scenarios/safesport.toml`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from gateway.config import District, Policy, Severity
from gateway.message.authentication import Authentication
from gateway.policy.context import Rule
from gateway.policy.engine import Engine
from gateway.policy.model import Confidence, Verdict
from gateway.policy.rules.table import RULES

SET = [rule for rule in RULES if rule.id.startswith("safesport/")]
REPLY = {"in_reply_to": ("a1@mail.example",)}
NIGHT = datetime(2026, 10, 15, 2, 0, tzinfo=UTC)
COPIES = {"safesport/one-to-one", "safesport/reply", "safesport/team"}

# Messages to athletes, most of which cause a finding.
MAIL: list[dict[str, Any]] = [
    {"author": "Tom Kelly", "to": ["Cara Dunn"]},
    {"author": "Tom Kelly", "to": ["Cara Dunn"], **REPLY},
    {"author": "Tom Kelly", "to": ["Cara Dunn", "Dev Patel"]},
    {"author": "Tom Kelly", "to": ["Cara Dunn", "Zoe Adams"]},
    {"author": "Tom Kelly", "to": ["Eli Stone", "Fay Young", "Ana Silva"]},
    {"author": "Tom Kelly", "to": ["list of JV Soccer"]},
    {"author": "Tom Kelly", "to": ["list of Varsity Soccer"], "received": NIGHT},
    {"author": "Tom Kelly", "to": ["Ben Cole"], "signed": ["Sue Cole"]},
    {"author": "Ivan Petrov", "to": ["Mila Petrov", "Otto Berg"]},
    {"author": "Ivan Petrov", "to": ["Mila Petrov", "Otto Berg", "Nia Long"]},
    {"author": "Dana Reed", "to": ["Ana Silva"], "received": NIGHT},
    {"author": "Victor Stone at home", "to": ["Eli Stone"]},
]


def _judge(harbor: Any, mail: Mapping[str, Any], **more: Any) -> Verdict:
    signed = [
        {"user": user, "form": "safesport-opt-out", "signed_on": date(2026, 10, 1)}
        for user in mail.get("signed", ())
    ]
    verdict: Verdict = harbor.judge(**{**mail, "signed": signed, "only": "safesport/", **more})
    assert verdict.errors == ()
    return verdict


def _rules(verdict: Verdict) -> list[str]:
    return [finding.rule for finding in verdict.findings]


# --- the set --------------------------------------------------------------------------------------------


def test_what_the_set_holds() -> None:
    assert {rule.id: rule.severity for rule in SET} == {
        "safesport/one-to-one": Severity.VIOLATION,
        "safesport/reply": Severity.VIOLATION,
        "safesport/team": Severity.ADVISORY,
        "safesport/opt-out": Severity.VIOLATION,
        "safesport/quiet-hours": Severity.ADVISORY,
    }


@pytest.mark.parametrize("rule", SET, ids=lambda rule: rule.id)
def test_a_sentence_is_introduced_as_the_standard_and_not_as_the_districts_policy(rule: Rule) -> None:
    assert rule.sentence.startswith("SafeSport (MAAPP), Electronic communications: ")
    assert rule.sentence.endswith(".")
    assert "“" not in rule.sentence


@pytest.mark.parametrize("rule", SET, ids=lambda rule: rule.id)
def test_a_refused_sender_is_told_whose_standard_it_is(rule: Rule) -> None:
    assert "SafeSport" in rule.remedy or rule.id == "safesport/opt-out"


@pytest.mark.parametrize("mail", MAIL, ids=range(len(MAIL)))
def test_off_by_default(harbor: Any, mail: dict[str, Any]) -> None:
    verdict = _judge(harbor, mail, only="")
    assert not [rule for rule in _rules(verdict) if rule.startswith("safesport/")]


def test_every_rule_fires_on_some_of_the_mail(harbor: Any) -> None:
    fired = {rule for mail in MAIL for rule in _rules(_judge(harbor, mail))}
    assert fired == {rule.id for rule in SET}


# --- what holds for any message ----------------------------------------------------------------------------

ADULTS = [
    *("Dana Reed", "Pat Kim", "Lee Wong", "Sam Poe", "Maria Lopez", "Ivan Petrov", "Ray Cole"),
    *("Sue Cole as guardian", "Mona Long as guardian", "Carl Hill as guardian", "Dana Reed at home"),
]


@pytest.mark.parametrize("mail", MAIL, ids=range(len(MAIL)))
def test_copying_an_adult_never_makes_a_finding(harbor: Any, mail: dict[str, Any]) -> None:
    before = _rules(_judge(harbor, mail))
    for adult in ADULTS:
        for way in ("cc", "bcc"):
            assert set(_rules(_judge(harbor, mail, **{way: [adult]}))) <= set(before), adult


@pytest.mark.parametrize("mail", MAIL, ids=range(len(MAIL)))
def test_the_order_and_place_of_recipients_does_not_matter(harbor: Any, mail: dict[str, Any]) -> None:
    expected = _rules(_judge(harbor, mail))
    for order in itertools.permutations(mail["to"]):
        assert _rules(_judge(harbor, mail, to=order)) == expected
        assert _rules(_judge(harbor, mail, to=[], bcc=order)) == expected


@pytest.mark.parametrize("mail", MAIL, ids=range(len(MAIL)))
def test_an_exemption_never_makes_a_finding(harbor: Any, mail: dict[str, Any]) -> None:
    before = _rules(_judge(harbor, mail))
    for person in harbor.directory.people:
        exemption = {"people": [person], "reason": "for this test", "expires": "2026-12-31"}
        settings = {"rules": {rule.id: {"exemptions": [exemption]} for rule in SET}}
        assert set(_rules(_judge(harbor, mail, settings=settings))) <= set(before), person


@pytest.mark.parametrize("mail", MAIL, ids=range(len(MAIL)))
def test_an_exempt_coach_is_left_alone(harbor: Any, mail: dict[str, Any]) -> None:
    coach = mail["author"].removesuffix(" at home")
    exemption = {"people": [coach], "reason": "for this test", "expires": "2026-12-31"}
    settings = {"rules": {rule.id: {"exemptions": [exemption]} for rule in SET}}
    assert _rules(_judge(harbor, mail, settings=settings)) == []


@pytest.mark.parametrize("mail", MAIL, ids=range(len(MAIL)))
def test_an_emergency_leaves_nothing_but_notices(harbor: Any, mail: dict[str, Any]) -> None:
    before = _judge(harbor, mail)
    declared = _judge(harbor, mail, subject="[EMERGENCY] weather")
    assert _rules(declared) == _rules(before)
    for finding in declared.findings:
        assert finding.severity is Severity.NOTICE
        assert finding.marks == ("emergency-declared",)
        assert "(emergency declared)" in finding.explanation


@pytest.mark.parametrize("mail", MAIL, ids=range(len(MAIL)))
def test_nobody_is_accused_where_the_message_may_be_forged(harbor: Any, mail: dict[str, Any]) -> None:
    forged = Authentication("harbor.example", "fail", "fail", "fail", aligned=False, source="gateway")
    rest = {key: value for key, value in mail.items() if key not in ("author", "to", "signed")}
    transaction = replace(harbor.transaction(mail["author"], mail["to"], **rest), authentication=forged)
    assert harbor.engine_of("safesport/", {}).judge(transaction, harbor.directory).findings == ()


# --- replies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("thread", "rule"),
    [
        (["cara.dunn@harbor.example"], "safesport/reply"),
        (["cara.dunn@harbor.example", "tom.kelly@harbor.example"], "safesport/reply"),
        (["maria.lopez@harbor.example", "tom.kelly@harbor.example"], "safesport/one-to-one"),
        ([], "safesport/reply"),
    ],
    ids=["she wrote", "she and the coach", "a colleague wrote, she is brought in", "not known"],
)
def test_a_reply_answers_somebody_who_took_part(harbor: Any, thread: list[str], rule: str) -> None:
    transaction = harbor.transaction("Tom Kelly", ["Cara Dunn"], **REPLY)
    verdict = harbor.engine_of("safesport/", {}).judge(
        replace(transaction, thread=frozenset(thread)), harbor.directory
    )
    assert _rules(verdict) == [rule]


# --- districts of their own -----------------------------------------------------------------------------------

TWINS: dict[str, Any] = {
    "domains": ["harbor.example"],
    "people": {
        "Cleo Ford": {"roles": ["staff", "coach"]},
        "Rex Hale": {"roles": ["staff", "coach"]},
        "Ida Marsh": {"roles": ["student"]},
        "Jan Marsh": {"roles": ["student"]},
        "Lea Marsh": {"roles": ["student"]},
        "Max North": {"roles": ["student"], "home": "norths@home.example"},
        "Amy Oar": {"roles": ["staff"]},
        "Eva Marsh": {"roles": ["guardian"], "guardian": "eva@marsh.example"},
        "Gran North": {"roles": ["guardian"], "guardian": "norths@home.example"},  # no guardian of Max
    },
    "guardians": {name: ["Eva Marsh"] for name in ("Ida Marsh", "Jan Marsh", "Lea Marsh")},
    "groups": {
        "Rowing": {
            "kind": "team",
            "list": "rowing@harbor.example",
            "leaders": ["Cleo Ford"],
            "members": ["Ida Marsh", "Jan Marsh", "Max North"],
        },
        "Tennis": {
            "kind": "team",
            "list": "tennis@harbor.example",
            "leaders": ["Rex Hale"],
            "members": ["Max North"],
        },
        "Boats": {"kind": "team", "leaders": ["Rex Hale"], "groups": ["Rowing"]},
        "Sculls": {"kind": "team", "leaders": ["Cleo Ford"], "members": ["Lea Marsh", "Amy Oar"]},
        "Darts": {
            "kind": "team",
            "list": "darts@harbor.example",
            "leaders": ["Rex Hale"],
            "members": ["Max North"],
            "guardians": ["Eva Marsh"],
        },
        "Strokes": {"kind": "organization", "list": "strokes@harbor.example", "members": ["Ida Marsh"]},
        "Physics": {"kind": "class", "leaders": ["Cleo Ford"], "members": ["Ida Marsh", "Jan Marsh"]},
    },
}


@pytest.mark.parametrize(
    ("author", "to", "cc", "expected"),
    [
        ("Cleo Ford", ["Ida Marsh"], [], ["safesport/one-to-one"]),
        ("Cleo Ford", ["Ida Marsh"], ["Jan Marsh"], []),  # sisters on the team: two athletes
        ("Cleo Ford", ["Ida Marsh"], ["Lea Marsh"], []),  # a sister who is on another team
        ("Cleo Ford", ["Ida Marsh"], ["Eva Marsh as guardian"], []),
        ("Cleo Ford", ["Jan Marsh"], ["Eva Marsh as guardian"], []),
        ("Cleo Ford", ["Max North"], ["Eva Marsh as guardian"], ["safesport/one-to-one"]),
        ("Cleo Ford", ["Max North"], ["Rex Hale"], []),  # his tennis coach
        ("Cleo Ford", ["Ida Marsh"], ["Rex Hale"], []),  # who coaches all boats, rowing among them
        ("Rex Hale", ["Ida Marsh"], [], ["safesport/one-to-one"]),
        ("Rex Hale", ["Ida Marsh"], ["Cleo Ford"], []),
        ("Rex Hale", ["Ida Marsh"], ["Lea Marsh"], []),  # a sister who is on no team of his: two students
        ("Rex Hale", ["Max North"], [], ["safesport/one-to-one"]),  # all of Tennis, and one athlete
        ("Rex Hale", ["list of Tennis"], [], ["safesport/team"]),  # who knows how long the list really is
        ("Rex Hale", ["list of Tennis", "Max North"], [], ["safesport/team"]),  # one finding, not two
        ("Rex Hale", ["list of Darts"], [], []),  # a parent is on the list, if not of anybody on the team
        ("Cleo Ford", ["Lea Marsh"], ["Amy Oar"], []),  # who is on the team's roster, and on the staff
        ("Cleo Ford", ["list of Strokes"], [], []),  # one is known to be on it; nobody wrote to her alone
        ("Cleo Ford", ["list of Rowing"], [], ["safesport/team"]),  # her physics class is part of it
        ("Cleo Ford", ["list of Rowing"], ["Eva Marsh as guardian"], []),
    ],
)
def test_families_and_teams_in_teams(
    harbor: Any, directory_of: Any, author: str, to: Iterable[str], cc: Iterable[str], expected: list[str]
) -> None:
    twins = replace(harbor, directory=directory_of(TWINS))
    assert _rules(_judge(twins, {"author": author, "to": to, "cc": cc})) == expected


def test_an_address_shared_with_a_relative_is_no_accusation(harbor: Any, directory_of: Any) -> None:
    twins = replace(harbor, directory=directory_of(TWINS))
    (finding,) = _judge(twins, {"author": "Rex Hale", "to": ["Max North at home"]}).findings
    assert (finding.rule, finding.severity, finding.confidence) == (
        "safesport/one-to-one",
        Severity.NOTICE,
        Confidence.POSSIBLE,
    )


def test_a_guardian_asks_for_all_her_children(harbor: Any, directory_of: Any) -> None:
    twins = replace(harbor, directory=directory_of(TWINS))
    mail = {"author": "Cleo Ford", "to": ["Ida Marsh", "Jan Marsh", "Max North"], "cc": ["Rex Hale"]}
    (finding,) = _judge(twins, {**mail, "signed": ["Eva Marsh"]}).findings
    assert finding.rule == "safesport/opt-out"
    assert [person.name for person in finding.people] == ["Ida Marsh", "Jan Marsh"]
    (finding,) = _judge(twins, {**mail, "signed": ["Jan Marsh"]}).findings
    assert [person.name for person in finding.people] == ["Jan Marsh"]


# --- hours ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "fires"),
    [
        ("America/New_York", True),  # 22:00
        ("America/Chicago", True),  # 21:00
        ("America/Denver", False),  # 20:00
        ("Pacific/Honolulu", False),  # 16:00
        ("Asia/Tokyo", False),  # 11:00 of the next day
        ("Asia/Kathmandu", True),  # 07:45 of the next day
    ],
)
def test_the_districts_clock_counts(harbor: Any, zone: str, fires: bool) -> None:
    settings = Policy.model_validate({"rules": {"safesport/quiet-hours": {"enabled": True}}})
    district = District(name="Elsewhere", domains=("harbor.example",), time_zone=zone)
    transaction = harbor.transaction("Tom Kelly", ["Cara Dunn"], ["Dana Reed"], received=NIGHT)
    verdict = Engine(settings, district, rules=SET).judge(transaction, harbor.directory)
    assert _rules(verdict) == (["safesport/quiet-hours"] if fires else [])


def test_every_minute_of_a_day(harbor: Any) -> None:
    """Fires before eight and after eight, through the day on which the clocks are set back, with its 25 hours."""
    midnight = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)  # in New York
    engine = harbor.engine_of("safesport/", {})
    silent = [
        minute
        for minute in range(25 * 60)
        if not engine.judge(
            harbor.transaction(
                "Tom Kelly", ["Cara Dunn"], ["Dana Reed"], received=midnight + timedelta(minutes=minute)
            ),
            harbor.directory,
        ).findings
    ]
    assert silent == list(range(9 * 60, 21 * 60 + 1))


@pytest.mark.parametrize(
    "claimed", [datetime.min, datetime.max, datetime(1970, 1, 1), datetime(2026, 10, 10, 2, 0)]
)
def test_a_senders_date_may_be_anything(harbor: Any, claimed: datetime) -> None:
    verdict = _judge(harbor, MAIL[0], received=NIGHT, date=claimed.replace(tzinfo=UTC))
    assert _rules(verdict) == ["safesport/one-to-one", "safesport/quiet-hours"]
    assert verdict.findings[1].severity is Severity.ADVISORY


@pytest.mark.parametrize("mail", MAIL, ids=range(len(MAIL)))
def test_turned_on_in_one_go(harbor: Any, mail: dict[str, Any]) -> None:
    together = _judge(harbor, mail, only="", settings={"safesport": {"enabled": True}})
    found = [rule for rule in _rules(together) if rule.startswith("safesport/")]
    assert found == _rules(_judge(harbor, mail))


def test_a_rules_own_setting_goes_before_that_of_the_set(harbor: Any) -> None:
    off = {"safesport": {"enabled": True}, "rules": {"safesport/one-to-one": {"enabled": False}}}
    assert "safesport/one-to-one" not in _rules(_judge(harbor, MAIL[0], only="", settings=off))
    on = {"rules": {"safesport/one-to-one": {"enabled": True}}}
    assert "safesport/one-to-one" in _rules(_judge(harbor, MAIL[0], only="", settings=on))
