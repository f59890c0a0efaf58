"""The table of rules: what every rule has to have, and that the policy is quoted word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Severity
from gateway.policy.context import Rule
from gateway.policy.rules.table import RULES

EXCERPT = Path(__file__).with_name("policy-excerpt.txt")
# The whole text lies beside the checkout on some machines; then it is compared as well.
WHOLE = Path(__file__).resolve().parents[3] / "shared" / "seed" / "personnel-use-of-technology.txt"

# What these rules say is another text's, or nobody's: a forgery is no matter of the policy for personnel.
ELSEWHERE = ("safesport/", "identity/possible-impersonation")
QUOTING = [rule for rule in RULES if not rule.id.startswith(ELSEWHERE)]
# In the order of the page; identity/* and safesport/* follow.
OF_THE_POLICY = [
    "off-channel/student",
    "off-channel/guardian",
    "off-channel/staff",
    "off-channel/addressed",
    "coach/one-to-one",
    "coach/partial-team",
    "coach/privacy-copy",
    "group/no-administrator",
    "group/single-adult",
    "student/one-to-one",
    "staff/form-unsigned",
]


@pytest.mark.parametrize("rule", QUOTING, ids=lambda rule: rule.id)
def test_quotes_the_policy_word_for_word(rule: Rule) -> None:
    for source in (EXCERPT, WHOLE):
        if source == EXCERPT or source.exists():
            assert rule.sentence in source.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_refusal_fits_an_smtp_reply(rule: Rule) -> None:
    """RFC 5321 §4.5.3.1.5: a reply line has at most 512 octets, and plain ASCII is understood everywhere."""
    line = f"550 5.7.1 {rule.remedy} ({rule.id})\r\n"
    assert line.isascii()
    assert len(line) <= 512
    assert rule.remedy.endswith(".")


def test_ids_are_those_of_the_policy_page_and_unique() -> None:
    ids = [rule.id for rule in RULES]
    assert ids[: len(OF_THE_POLICY)] == OF_THE_POLICY
    assert all(name.startswith(("identity/", "safesport/")) for name in ids[len(OF_THE_POLICY) :])
    assert len(set(ids)) == len(ids)


def test_severities_are_those_of_the_policy_page() -> None:
    violations = {rule.id for rule in QUOTING if rule.severity is Severity.VIOLATION}
    assert violations == {
        "off-channel/student",
        "off-channel/guardian",
        "coach/one-to-one",
        "coach/partial-team",
        "group/no-administrator",
    }
    notices = {rule.id for rule in QUOTING if rule.severity is Severity.NOTICE}
    assert notices <= {"coach/privacy-copy", "identity/suspected-staff"}


def test_what_is_off_unless_a_district_turns_it_on() -> None:
    off = {rule.id for rule in RULES if not rule.enabled and not rule.id.startswith("safesport/")}
    assert off == {"group/single-adult"}
