"""The comparisons by which the demo judges the gateway: each must be able to say no."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.demo import proof
from gateway.demo.letter import ONE_TO_ONE, PRIVACY_COPY, Entry, Label, Message
from gateway.demo.maildir import Delivery
from gateway.demo.proof import Flag, Record
from gateway.demo.sending import Fate, Outcome, Sent

RAW = b"Received: from earlier\r\nMessage-ID: <1@x.example>\r\nSubject: x\r\n\r\nhello\r\n"
OWN = b"Received: from client\r\n by gateway;\r\n\tnow\r\n"
MESSAGE = Message(
    scenario="some-scenario",
    message_id="<1@x.example>",
    subject="x",
    at=datetime(2026, 11, 22, tzinfo=UTC),
    entry=Entry.OUTBOUND,
    mail_from="a@x.example",
    recipients=("b@y.example", "nobody@y.example"),
    raw=RAW,
    expected=(Label(ONE_TO_ONE, "7"),),
    refused=frozenset({"nobody@y.example"}),
)
TAKEN = Outcome("b@y.example", Fate.ACCEPTED, "250 ok")
REFUSED = Outcome("nobody@y.example", Fate.REFUSED, "550 5.1.1 who?")
SENT = Sent(MESSAGE, (TAKEN, REFUSED), 1, 0.1)
DELIVERY = Delivery("a@x.example", ("b@y.example",), OWN + RAW)
RECORD = Record(1, MESSAGE.sha256, ("b@y.example",), True)
FLAG = Flag(ONE_TO_ONE, "7", "1@x.example")


@pytest.mark.parametrize(
    ("content", "good"),
    [
        (OWN + RAW, True),
        (OWN + b"X-District-Policy: coach/one-to-one,\r\n off-channel/student\r\n" + RAW, True),
        (RAW, False),  # no Received: of the gateway's
        (OWN + b"X-Other: y\r\n" + RAW, False),
        (OWN + RAW + b"\r\n", False),
        (OWN + RAW.replace(b"hello", b"Hello"), False),
        (OWN + b"\r\n" + RAW, False),  # the message pushed into the body
        (b"junk" + OWN + RAW, False),
        (OWN.replace(b"\r\n", b"\n") + RAW, False),
    ],
)
def test_unchanged(content: bytes, good: bool) -> None:
    assert proof.unchanged(content, RAW) is good


def test_all_well() -> None:
    assert not list(proof.replies([SENT]))
    assert not list(proof.delivered([SENT], [DELIVERY]))
    assert not list(proof.archived([SENT], [RECORD]))
    scores, differences = proof.score([SENT], [FLAG])
    assert not differences
    assert all(score.precision == score.recall == 1.0 for score in scores)


@pytest.mark.parametrize(
    ("outcomes", "says"),
    [
        ((replace(TAKEN, fate=Fate.UNSENT, reply="451 x"), REFUSED), "b@y.example unsent: 451 x"),
        ((TAKEN, replace(REFUSED, fate=Fate.ACCEPTED)), "nobody@y.example accepted"),
    ],
)
def test_wrong_replies(outcomes: tuple[Outcome, ...], says: str) -> None:
    (problem,) = proof.replies([replace(SENT, outcomes=outcomes)])
    assert says in problem and "some-scenario" in problem


@pytest.mark.parametrize(
    ("deliveries", "says"),
    [
        ([], "not delivered"),
        ([replace(DELIVERY, recipients=("c@y.example",))], "not delivered"),
        ([DELIVERY, replace(DELIVERY, content=RAW)], "not byte for byte"),
    ],
)
def test_wrong_deliveries(deliveries: list[Delivery], says: str) -> None:
    (problem,) = proof.delivered([SENT], deliveries)
    assert says in problem


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([], ["not archived"]),
        ([replace(RECORD, sha256="0" * 64)], ["not archived"]),
        ([replace(RECORD, recipients=())], ["not archived"]),
        ([replace(RECORD, intact=False)], ["digest", "not archived"]),
    ],
)
def test_wrong_records(records: list[Record], says: list[str]) -> None:
    problems = list(proof.archived([SENT], records))
    assert len(problems) == len(says)
    assert all(word in problem for word, problem in zip(says, problems, strict=True))


@pytest.mark.parametrize(
    ("flags", "precision", "recall", "differences"),
    [
        ([], 1.0, 0.0, 1),
        ([FLAG, FLAG], 0.5, 1.0, 1),  # the same finding twice
        ([replace(FLAG, author="8")], 0.0, 0.0, 2),
        ([replace(FLAG, message_id="2@x.example")], 0.0, 0.0, 2),
        ([FLAG, replace(FLAG, rule=PRIVACY_COPY)], 1.0, 1.0, 1),
        ([FLAG, replace(FLAG, rule="student/one-to-one")], 1.0, 1.0, 0),  # a rule without labels
    ],
)
def test_wrong_findings(flags: list[Flag], precision: float, recall: float, differences: int) -> None:
    scores, found = proof.score([SENT], flags)
    one_to_one = next(score for score in scores if score.rule == ONE_TO_ONE)
    assert (one_to_one.precision, one_to_one.recall, len(found)) == (precision, recall, differences)


def test_message_that_nobody_was_to_get_is_not_expected_to_be_judged() -> None:
    scores, differences = proof.score([replace(SENT, outcomes=(REFUSED,))], [])
    assert not differences
    assert sum(score.expected for score in scores) == 0


def test_flag_from_json() -> None:
    finding = {"rule": ONE_TO_ONE, "author": {"person_id": "7"}, "message_id": "<1@x.example>"}
    assert proof.flag(finding) == FLAG
    assert proof.flag({**finding, "message_id": None}).message_id == ""
