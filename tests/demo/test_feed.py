"""What `--json` writes: one object an event, the same keys each time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.demo.feed import Feed
from gateway.demo.hints import Hint
from gateway.demo.letter import Entry, Message
from gateway.demo.proof import Score
from gateway.demo.sending import Fate, Outcome, Sent
from gateway.demo.view import Turn, Verdict

AT = datetime(2026, 11, 22, 8, 5, 9, tzinfo=UTC)
MESSAGE = Message(
    scenario="x",
    message_id="<1@x.example>",
    subject="Übung",
    at=AT,
    entry=Entry.OUTBOUND,
    mail_from="linh.vo@quabbinvalley.example",
    recipients=("a@students.quabbinvalley.example", "c@bayline.example"),
    raw=b"x" * 12_345,
)
SENT = Sent(
    MESSAGE,
    (
        Outcome(MESSAGE.recipients[0], Fate.ACCEPTED, "250 2.0.0 ok"),
        Outcome(MESSAGE.recipients[1], Fate.REFUSED, "550 5.1.1 who?"),
    ),
    2,
    0.12345,
)


def test_message() -> None:
    written: list[dict[str, Any]] = []
    Feed(written.append).flows(SENT)
    assert written == [
        {
            "event": "message",
            "at": AT,
            "listener": "outbound",
            "message_id": "1@x.example",
            "mail_from": "linh.vo@quabbinvalley.example",
            "subject": "Übung",
            "size": 12_345,
            "recipients": [
                {"address": "a@students.quabbinvalley.example", "fate": "accepted", "reply": "250 2.0.0 ok"},
                {"address": "c@bayline.example", "fate": "refused", "reply": "550 5.1.1 who?"},
            ],
            "transactions": 2,
            "seconds": 0.123,
        }
    ]


def test_report_has_every_problem_and_the_rates() -> None:
    written: list[dict[str, Any]] = []
    problems = [f"problem {n}" for n in range(30)]
    verdicts = [Verdict("replies", "good", []), Verdict("archive", "bad", problems)]
    Feed(written.append).report(verdicts, [Score("coach/one-to-one", 4, 5, 3)])
    assert written == [
        {
            "event": "report",
            "kept": False,
            "promises": [
                {"promise": "replies", "kept": True, "text": "good", "problems": []},
                {"promise": "archive", "kept": False, "text": "bad", "problems": problems},
            ],
            "scores": [
                {
                    "rule": "coach/one-to-one",
                    "labelled": 4,
                    "found": 5,
                    "right": 3,
                    "precision": 0.6,
                    "recall": 0.75,
                }
            ],
        }
    ]


def test_hints_and_turns() -> None:
    written: list[dict[str, Any]] = []
    feed = Feed(written.append)
    feed.where_to_look([Hint("what is flagged", "mailgw findings")])
    feed.while_it_runs([Hint("the set-up", "mailgw check")])
    for turn in Turn:
        feed.turn(turn)
    assert written == [
        {"event": "hint", "what": "what is flagged", "command": "mailgw findings"},
        {"event": "hint", "what": "the set-up", "command": "mailgw check"},
        {"event": "sending"},
        {"event": "waiting"},
        {"event": "stopping"},
        {"event": "stopped"},
    ]
