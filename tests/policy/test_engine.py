"""The engine: actions, tags, refusals, failures, versions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.config import Action, Policy, Severity
from gateway.policy.context import Context, Draft, Rule
from gateway.policy.engine import Engine
from gateway.policy.model import Confidence
from gateway.policy.rules.table import RULES

AT_HOME = ("Tom Kelly at home", ["Cara Dunn"])  # off-channel/student and coach/one-to-one
NAMES = {
    "student": "off-channel/student",
    "guardian": "off-channel/guardian",
    "one_to_one": "coach/one-to-one",
    "privacy_copy": "coach/privacy-copy",
}


def actions(**by_rule: str) -> dict[str, Any]:
    """Settings with an action for some rules: `student="tag"`."""
    return {"rules": {NAMES[name]: {"action": action} for name, action in by_rule.items()}}


# --- actions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "action", "tag", "refused_by"),
    [
        ({}, "record", None, None),
        (actions(student="tag"), "tag", "off-channel/student", None),
        (actions(one_to_one="tag"), "tag", "coach/one-to-one", None),
        (actions(student="tag", one_to_one="tag"), "tag", "off-channel/student, coach/one-to-one", None),
        (actions(student="tag", one_to_one="notify"), "notify", "off-channel/student", None),
        (actions(student="hold", one_to_one="notify"), "hold", None, None),
        (actions(student="tag", one_to_one="reject"), "reject", "off-channel/student", "coach/one-to-one"),
        (actions(student="hold", one_to_one="reject"), "reject", None, "coach/one-to-one"),
        (actions(student="reject", one_to_one="reject"), "reject", None, "off-channel/student"),
        (actions(guardian="reject", privacy_copy="reject"), "record", None, None),
    ],
)
def test_the_strongest_action_wins(
    harbor: Any, settings: Any, action: str, tag: str | None, refused_by: str | None
) -> None:
    verdict = harbor.judge(*AT_HOME, settings)

    assert verdict.action.value == action
    assert verdict.tag == tag
    if refused_by is None:
        assert verdict.reject is None
    else:
        assert verdict.reject.endswith(f"({refused_by})")


def test_refusal_names_nobody(harbor: Any) -> None:
    """The reply goes to whoever sent the message, and into the logs of servers on the way."""
    refusal = harbor.judge(*AT_HOME, actions(student="reject")).reject
    assert refusal == (
        "District policy asks staff to write to students and their families from a school-issued account; "
        "please send this message again from yours. (off-channel/student)"
    )


@pytest.mark.parametrize("action", ["hold", "reject"])
def test_an_emergency_is_never_stopped(harbor: Any, action: str) -> None:
    verdict = harbor.judge(
        "Tom Kelly", ["Cara Dunn"], actions(one_to_one=action), subject="[EMERGENCY] call me"
    )
    assert [finding.severity for finding in verdict.findings] == [Severity.NOTICE]
    assert verdict.action is Action.NOTIFY
    assert verdict.reject is None


@pytest.mark.parametrize("action", ["hold", "reject"])
def test_what_is_only_possible_is_never_stopped(harbor: Any, action: str) -> None:
    verdict = harbor.judge("Maria Lopez at home", ["Lou Berg"], actions(guardian=action))
    unsure = [finding for finding in verdict.findings if finding.rule == "off-channel/guardian"]
    assert [finding.confidence for finding in unsure] == [Confidence.POSSIBLE]
    assert verdict.action is Action.NOTIFY


# --- failures --------------------------------------------------------------------------------------------


def broken(context: Context) -> Iterable[Draft]:
    raise ZeroDivisionError


def half_broken(context: Context) -> Iterable[Draft]:
    yield Draft(Confidence.CERTAIN, "staff", (), (), "")
    raise ZeroDivisionError


@pytest.mark.parametrize("judge", [broken, half_broken])
def test_a_rule_that_raises_is_named_and_the_others_go_on(harbor: Any, judge: Any) -> None:
    seen = []
    rules = (Rule("test/broken", "", Severity.VIOLATION, "", judge), *RULES)
    engine = Engine(
        Policy(), harbor.district, rules=rules, on_error=lambda rule, error: seen.append((rule, type(error)))
    )

    verdict = engine.judge(harbor.transaction(*AT_HOME), harbor.directory)

    assert verdict.errors == ("test/broken",)
    assert [finding.rule for finding in verdict.findings] == ["off-channel/student", "coach/one-to-one"]
    assert seen == [("test/broken", ZeroDivisionError)]


def test_a_rule_that_raises_for_two_authors_is_named_once(harbor: Any) -> None:
    rules = (Rule("test/broken", "", Severity.VIOLATION, "", broken),)
    engine = Engine(Policy(), harbor.district, rules=rules)
    verdict = engine.judge(harbor.transaction(["Maria Lopez", "Tom Kelly"], ["Ana Silva"]), harbor.directory)
    assert verdict.errors == ("test/broken",)


def test_a_message_that_cannot_be_judged_passes(harbor: Any) -> None:
    seen = []
    engine = Engine(Policy(), harbor.district, on_error=lambda rule, error: seen.append(rule))
    before_time = replace(harbor.transaction(*AT_HOME), received=datetime.min.replace(tzinfo=UTC))

    verdict = engine.judge(before_time, harbor.directory)

    assert verdict.errors == ("engine",) == tuple(seen)
    assert verdict.findings == ()
    assert verdict.action is Action.RECORD


def test_an_on_error_that_raises_changes_nothing(harbor: Any) -> None:
    rules = (Rule("test/broken", "", Severity.VIOLATION, "", broken),)

    def raising(rule: str, error: Exception) -> None:
        raise error

    engine = Engine(Policy(), harbor.district, rules=rules, on_error=raising)
    assert engine.judge(harbor.transaction(*AT_HOME), harbor.directory).errors == ("test/broken",)


def test_on_error_need_not_be_given(harbor: Any) -> None:
    engine = Engine(Policy(), harbor.district)
    worst: Any = None
    assert engine.judge(worst, harbor.directory).errors == ("engine",)


# --- identity and versions -------------------------------------------------------------------------------


def test_a_split_transaction_revises_its_finding(harbor: Any) -> None:
    """The same message in two transactions: one finding id, so the second revises the first."""
    engine = harbor.engine()
    whole = harbor.transaction("Tom Kelly", ["Cara Dunn", "Dev Patel"])
    parts = [replace(whole, recipients=(address,)) for address in whole.recipients]
    ids = {
        finding.id
        for transaction in (whole, *parts)
        for finding in engine.judge(transaction, harbor.directory).findings
    }
    assert len(ids) == 1


def test_ids_differ_by_rule_message_and_author(harbor: Any) -> None:
    findings = [
        *harbor.judge(*AT_HOME).findings,
        *harbor.judge(*AT_HOME, content_id="another").findings,
        *harbor.judge("Maria Lopez at home", ["Cara Dunn"]).findings,  # off-channel and student/one-to-one
    ]
    assert len({finding.id for finding in findings}) == len(findings) == 6


def test_two_authors_make_one_finding_about_a_group(harbor: Any) -> None:
    findings = harbor.judge(["Tom Kelly", "Maria Lopez"], ["list of JV Soccer"]).findings
    assert [(finding.rule, finding.author.name) for finding in findings] == [
        ("group/no-administrator", "Tom Kelly")
    ]


def test_a_verdict_names_its_versions(harbor: Any) -> None:
    engine = harbor.engine()
    verdict = engine.judge(harbor.transaction(*AT_HOME), harbor.directory)
    for part in (verdict, *verdict.findings):
        assert part.rules_version == engine.rules_version
        assert part.directory_version == harbor.directory.version
    assert verdict.findings[0].message_id == "1@test.example"


def test_rules_version_follows_the_settings_and_the_rules(harbor: Any) -> None:
    settings = [
        {},
        actions(student="tag"),
        {"require_administrators": "all"},
        {"fallback_administrators": {}},
        {"rules": {"coach/one-to-one": {"enabled": False}}},
    ]
    versions = [harbor.engine(**chosen).rules_version for chosen in settings]
    versions.append(Engine(Policy(), harbor.district, rules=RULES[1:]).rules_version)
    versions.append(
        Engine(Policy(), harbor.district, rules=(replace(RULES[0], version=2), *RULES[1:])).rules_version
    )
    assert len(set(versions)) == len(versions)
    assert versions[0] == harbor.engine().rules_version
    assert all(len(version) == 12 for version in versions)


def test_settings_order_does_not_change_the_version(harbor: Any) -> None:
    rules = {"coach/one-to-one": {"enabled": False}, "coach/partial-team": {"enabled": False}}
    turned = dict(reversed(rules.items()))
    assert harbor.engine(rules=rules).rules_version == harbor.engine(rules=turned).rules_version


def test_an_empty_directory_finds_nothing(harbor: Any) -> None:
    nobody = type(harbor.directory).empty(("harbor.example",), datetime(2026, 10, 14, tzinfo=UTC))
    verdict = harbor.engine().judge(harbor.transaction(*AT_HOME), nobody)
    assert verdict.findings == ()
    assert verdict.directory_version == nobody.version
