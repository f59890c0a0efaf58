"""The rules on labelled mail: every `scenarios/*.toml` is a table that a principal could check.

A scenario expects all findings, of whatever rule. Where a table is about some rules only, it (or one scenario in it)
says so: `rules = ["coach/*"]` leaves the findings of all others out of the comparison.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from gateway.policy.model import Finding
from gateway.policy.rules.table import RULES

FILES = sorted(Path(__file__).with_name("scenarios").glob("*.toml"))


def _labelled() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in FILES:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        for scenario in table["scenario"]:
            yield f"{path.stem}: {scenario['name']}", {"rules": table.get("rules", ["*"]), **scenario}


LABELLED = list(_labelled())
SCENARIOS = [pytest.param(scenario, id=label) for label, scenario in LABELLED]
# A forgery is no matter of the policy: there is no sentence to quote.
WITHOUT_SENTENCE = {"identity/possible-impersonation"}
SEVERITY = {rule.id: rule.severity.value for rule in RULES}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(harbor: Any, scenario: dict[str, Any]) -> None:
    expected = [_expected(entry, scenario) for entry in scenario["expect"]]

    verdict = _judge(harbor, scenario)

    findings = [finding for finding in verdict.findings if _is_looked_at(finding, scenario)]
    assert [_found(finding) for finding in findings] == expected, scenario["why"]
    assert verdict.not_judged == scenario.get("not_judged")
    assert verdict.errors == ()
    for entry, finding in zip(scenario["expect"], findings, strict=True):
        if "groups" in entry:
            assert list(finding.groups) == entry["groups"]
        if "marks" in entry:
            assert list(finding.marks) == entry["marks"]
        for words in entry.get("says", ()):
            assert words in finding.explanation


def test_there_are_scenarios_for_every_rule() -> None:
    fired = {entry["rule"] for _, scenario in LABELLED for entry in scenario["expect"]}
    assert fired == {rule.id for rule in RULES}


def test_no_two_scenarios_have_one_name() -> None:
    names = [label for label, _ in LABELLED]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_explanations_name_people_and_not_their_addresses(harbor: Any, scenario: dict[str, Any]) -> None:
    for finding in _judge(harbor, scenario).findings:
        assert "@" not in finding.explanation
        assert finding.author.name in finding.explanation
        assert finding.sentence in finding.explanation or finding.rule in WITHOUT_SENTENCE
        assert f"How sure: {finding.confidence}" in finding.explanation
        assert "  " not in finding.explanation
        assert "\n" not in finding.explanation


def _is_looked_at(finding: Finding, scenario: dict[str, Any]) -> bool:
    return any(fnmatchcase(finding.rule, pattern) for pattern in scenario["rules"])


def _judge(harbor: Any, scenario: dict[str, Any]) -> Any:
    known = {"name", "why", "expect", "not_judged", "from", "to", "settings", "sender", "mail_from", "rules"}
    rest = {key: value for key, value in scenario.items() if key not in known}
    if "mail_from" in scenario:
        rest["mail_from"] = harbor.address(scenario["mail_from"]) if scenario["mail_from"] else ""
    if "sender" in scenario:
        rest["sender"] = tuple(harbor.mailbox(who) for who in scenario["sender"])
    return harbor.judge(scenario["from"], scenario["to"], scenario.get("settings"), **rest)


def _expected(entry: dict[str, Any], scenario: dict[str, Any]) -> dict[str, Any]:
    return {
        "rule": entry["rule"],
        "sure": entry["sure"],
        "severity": entry.get("severity", SEVERITY[entry["rule"]]),
        "about": sorted(entry["about"]),
        "author": entry.get("author", _first_author(scenario)),
    }


def _first_author(scenario: dict[str, Any]) -> str:
    """The author by name; a scenario where the message does not show it says so in its expectations."""
    named = [scenario["from"]] if isinstance(scenario["from"], str) else scenario["from"]
    for who in (*named, *scenario.get("sender", ()), scenario.get("mail_from", "")):
        name = who
        for suffix in (" at home", " as guardian", " by alias", " <"):
            name = name.partition(suffix)[0]
        return " ".join(reversed(name.split(", ")))
    raise AssertionError("a scenario without any author")


def _found(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "sure": finding.confidence.value,
        "severity": finding.severity.value,
        "about": sorted(person.name for person in finding.people),
        "author": finding.author.name,
    }
