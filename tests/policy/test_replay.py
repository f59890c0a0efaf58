"""What was found then and what is found today, compared; the commands' tests play it with real mail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Action, Severity
from gateway.message.authentication import Authentication
from gateway.message.envelope import Client, Envelope, Recipient
from gateway.policy.model import Confidence, Finding, Involved, Verdict
from gateway.policy.replay import (
    Change,
    Comparison,
    Recorded,
    Settling,
    Tally,
    compare,
    transaction_of,
)

NOON = datetime(2026, 10, 14, 12, 0, tzinfo=UTC)
FINDING = Finding(
    id="f1",
    rule="coach/one-to-one",
    severity=Severity.VIOLATION,
    confidence=Confidence.CERTAIN,
    author=Involved("c1", "Carla Coach", "coach", "carla@harbor.example", "her school account"),
    people=(),
    groups=(),
    sentence="",
    explanation="Carla Coach wrote to one member.",
    action=Action.RECORD,
    message_id=None,
    directory_version="d1",
    rules_version="r1",
)


def verdict(*findings: Finding, **facts: Any) -> Verdict:
    plain = Verdict(
        findings=findings,
        action=Action.RECORD,
        tag=None,
        reject=None,
        errors=(),
        rules_version="r1",
        directory_version="d1",
        not_judged=None,
    )
    return replace(plain, **facts)


def compared(then: Verdict | None, today: Verdict, at: datetime = NOON, *ids: str) -> list[Comparison]:
    recorded = Recorded.read(None if then is None else then.to_json())
    return list(compare(ids or ("m1",), at, recorded, today))


SOFTER = replace(FINDING, severity=Severity.NOTICE, confidence=Confidence.POSSIBLE)


@pytest.mark.parametrize(
    ("then", "today", "change", "note"),
    [
        (verdict(FINDING), verdict(FINDING), Change.UNCHANGED, ""),
        # what only the words of an explanation or the versions say is no change
        (
            verdict(FINDING),
            verdict(replace(FINDING, explanation="In other words."), rules_version="r2"),
            Change.UNCHANGED,
            "",
        ),
        (verdict(), verdict(FINDING), Change.NEW, ""),
        (
            verdict(),
            verdict(FINDING, rules_version="r2", directory_version="d2"),
            Change.NEW,
            "judged then by another version of rules and directory",
        ),
        (
            verdict(errors=("coach/one-to-one",)),
            verdict(FINDING),
            Change.NEW,
            "the rule failed when the message was received",
        ),
        (None, verdict(FINDING), Change.NEW, "the rule failed when the message was received"),
        (verdict(FINDING), verdict(), Change.GONE, ""),
        (
            verdict(FINDING),
            verdict(not_judged="auto-submitted"),
            Change.GONE,
            "not judged today: auto-submitted",
        ),
        (verdict(FINDING), verdict(errors=("coach/partial-team",)), Change.GONE, ""),
        # a rule that fails today does not clear anybody
        (
            verdict(FINDING),
            verdict(errors=("coach/one-to-one",)),
            Change.UNKNOWN,
            "the rule failed today",
        ),
        (verdict(FINDING), verdict(errors=("engine",)), Change.UNKNOWN, "the rule failed today"),
        (verdict(FINDING), verdict(SOFTER), Change.CHANGED, ""),
    ],
)
def test_what_becomes_of_a_finding(then: Verdict | None, today: Verdict, change: Change, note: str) -> None:
    (one,) = compared(then, today)
    assert (one.change, one.note) == (change, note)


@pytest.mark.parametrize(
    ("today", "differs"),
    [
        (replace(FINDING, severity=Severity.ADVISORY), ("severity",)),
        (replace(FINDING, confidence=Confidence.LIKELY), ("confidence",)),
        (replace(FINDING, action=Action.TAG), ("action",)),
        (SOFTER, ("severity", "confidence")),
    ],
)
def test_what_differs_is_named(today: Finding, differs: tuple[str, ...]) -> None:
    (one,) = compared(verdict(FINDING), verdict(today))
    assert (one.change, one.differs) == (Change.CHANGED, differs)
    assert one.shown.severity == today.severity


def test_a_verdict_of_another_age() -> None:
    """Keys that did not exist yet are not missed, unknown ones are no trouble, values nobody knows are shown."""
    old = {
        "findings": [
            {
                "id": "f1",
                "rule": "coach/old",
                "severity": "grave",
                "confidence": "certain",
                "author": {},
                "x": 1,
            }
        ]
    }
    (one,) = compare(("m1",), NOON, Recorded.read(old), verdict())
    assert (one.change, one.shown.severity, one.shown.action) == (Change.GONE, "grave", "record")


@pytest.mark.parametrize("broken", [{}, {"findings": [7]}, {"findings": [{"id": "f1"}]}, [], "text"])
def test_what_is_no_verdict_raises(broken: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        Recorded.read(broken)


# --- several messages -----------------------------------------------------------------------------------


def settle(*messages: Iterable[Comparison]) -> list[Comparison]:
    settling = Settling()
    for message in messages:
        settling.add(message)
    return list(settling.rest())


def test_one_finding_in_two_transactions_is_one() -> None:
    first = compared(verdict(FINDING), verdict(), NOON, "m1")
    second = compared(verdict(), verdict(FINDING), NOON + timedelta(minutes=1), "m2")
    (one,) = settle(first, second)
    assert (one.change, one.archive_id, one.received) == (Change.UNCHANGED, "m1", NOON)


def test_what_was_judged_as_a_whole_takes_the_place_of_its_parts() -> None:
    settling = Settling()
    settling.add(compared(verdict(FINDING), verdict(FINDING), NOON, "m1"))
    other = replace(FINDING, id="f2")
    settling.add(compared(verdict(other), verdict(other), NOON, "m3"))
    settling.revoke(frozenset({"m1", "m2"}))
    settling.add(compared(verdict(FINDING), verdict(SOFTER), NOON, "m1", "m2"))
    assert [(one.id, one.change) for one in settling.rest()] == [
        ("f2", Change.UNCHANGED),
        ("f1", Change.CHANGED),
    ]


def test_what_another_message_shows_too_is_not_revoked() -> None:
    settling = Settling()
    settling.add(compared(verdict(FINDING), verdict(FINDING), NOON, "m1"))
    settling.add(compared(verdict(FINDING), verdict(FINDING), NOON, "m9"))
    settling.revoke(frozenset({"m1"}))
    assert [one.change for one in settling.rest()] == [Change.UNCHANGED]


def test_findings_settle_in_the_order_in_which_they_were_first_seen() -> None:
    settling = Settling(timedelta(hours=36))
    for hour in range(3):
        finding = replace(FINDING, id=f"f{hour}")
        settling.add(compared(verdict(), verdict(finding), NOON + timedelta(hours=hour), f"m{hour}"))
    assert list(settling.settled(NOON + timedelta(hours=35))) == []
    assert [one.id for one in settling.settled(NOON + timedelta(hours=37))] == ["f0", "f1"]
    assert [one.id for one in settling.rest()] == ["f2"]


_CASES = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=20)


@given(_CASES)
def test_the_table_adds_up(cases: Sequence[tuple[bool, bool, bool]]) -> None:
    """Every finding is in one column of changes; recorded and today are what they say."""
    tally = Tally()
    then_count = today_count = 0
    for number, (then, today, fails) in enumerate(cases):
        finding = replace(FINDING, id=f"f{number}")
        now = verdict(*([finding] if today else ()), errors=("engine",) if fails else ())
        found = compared(verdict(*([finding] if then else ())), now)
        then_count, today_count = then_count + then, today_count + today
        for one in found:
            tally.add(one)
    total = tally.total
    assert (total["recorded"], total["today"]) == (then_count, today_count)
    assert total["recorded"] == sum(total[name] for name in ("gone", "changed", "unchanged", "unknown"))
    assert total["today"] == sum(total[name] for name in ("new", "changed", "unchanged"))


# --- records ---------------------------------------------------------------------------------------------

RAW = b"From: carla@harbor.example\r\nSubject: Practice\r\nMessage-ID: <1@harbor.example>\r\n\r\nAt five.\r\n"
ENVELOPE = Envelope(
    id="m1",
    received=NOON,
    listener="outbound",
    role="outbound",
    client=Client("192.0.2.1", 1234, "mail.harbor.example"),
    mail_from="carla@harbor.example",
    recipients=(Recipient("ann@harbor.example"), Recipient("bo@harbor.example")),
)


def test_a_transaction_of_a_record() -> None:
    found = transaction_of([Envelope.from_json(ENVELOPE.to_json())], RAW)
    assert found.mail_from == "carla@harbor.example"
    assert found.recipients == ("ann@harbor.example", "bo@harbor.example")
    assert (found.received, found.reading.subject, bytes(found.raw)) == (NOON, "Practice", RAW)
    assert found.authentication is None


def test_a_transaction_of_several_records_has_every_recipient_once() -> None:
    second = replace(
        ENVELOPE, id="m2", recipients=(Recipient("bo@harbor.example"), Recipient("cy@harbor.example"))
    )
    found = transaction_of([ENVELOPE, second], RAW, frozenset({"tim@kay.example"}))
    assert found.recipients == ("ann@harbor.example", "bo@harbor.example", "cy@harbor.example")
    assert found.thread == {"tim@kay.example"}
    assert found.content_id == transaction_of([ENVELOPE], RAW).content_id


def test_what_was_known_of_the_sender_is_known_again() -> None:
    """Kept with the envelope; what is no such fact raises, so that nobody is accused without it."""
    known = Authentication("kay.example", "fail", "none", "fail", aligned=False, source="gateway")
    kept = replace(ENVELOPE, authentication=known.to_json())
    assert transaction_of([Envelope.from_json(kept.to_json())], RAW).authentication == known
    with pytest.raises(TypeError):
        transaction_of([replace(ENVELOPE, authentication={"spf": "pass"})], RAW)
