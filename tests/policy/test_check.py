"""Settings that name rules, people or groups which are not there."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gateway.config import Policy
from gateway.policy.check import problems

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
