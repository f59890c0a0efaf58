"""What `mailgw demo --json` writes: every event of the day as a JSON object, its `event` first.

    district    the day and its numbers, once
    ready       where the gateway listens and keeps its data, once
    sending · waiting · stopping · stopped      where the demo is
    message     one message: envelope, subject, what was answered for each recipient
    finding     one finding, with the keys of `mailgw findings --json`
    report      each promise and whether it was kept; findings against labels, rule by rule
    hint        a command to paste, and what it shows
    error       why the demo failed
    data_kept   the folder that was not removed

The keys of an event are always the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway.demo.hints import Hint
from gateway.demo.place import Place, Ports, addresses
from gateway.demo.proof import Score
from gateway.demo.sending import Sent
from gateway.demo.view import Opening, Turn, Verdict


class Feed:
    """Hands each event to `write`, which may raise BrokenPipeError."""

    def __init__(self, write: Callable[[dict[str, Any]], None]) -> None:
        self._write = write

    def opening(self, opening: Opening) -> None:
        self._tell("district", **asdict(opening))

    def ready(self, ports: Ports, place: Place) -> None:
        self._tell("ready", **addresses(ports), folder=place.folder)

    def turn(self, turn: Turn) -> None:
        self._tell(turn)

    def flows(self, sent: Sent) -> None:
        message = sent.message
        self._tell(
            "message",
            at=message.at,
            listener=message.entry,
            message_id=message.message_id.strip("<>"),  # as in findings
            mail_from=message.mail_from,
            subject=message.subject,
            size=len(message.raw),
            recipients=[
                {"address": outcome.recipient, "fate": outcome.fate, "reply": outcome.reply}
                for outcome in sent.outcomes
            ],
            transactions=sent.transactions,
            seconds=round(sent.seconds, 3),
        )

    def flagged(self, finding: Mapping[str, Any]) -> None:
        self._tell("finding", **finding)

    def report(self, verdicts: Sequence[Verdict], scores: Sequence[Score]) -> None:
        self._tell(
            "report",
            kept=not any(verdict.problems for verdict in verdicts),
            promises=[
                {
                    "promise": verdict.promise,
                    "kept": not verdict.problems,
                    "text": verdict.text,
                    "problems": verdict.problems,
                }
                for verdict in verdicts
            ],
            scores=[
                {
                    "rule": score.rule,
                    "labelled": score.expected,
                    "found": score.found,
                    "right": score.right,
                    "precision": score.precision,
                    "recall": score.recall,
                }
                for score in scores
            ],
        )

    def where_to_look(self, hints: Sequence[Hint]) -> None:
        for hint in hints:
            self._tell("hint", **asdict(hint))

    def while_it_runs(self, hints: Sequence[Hint]) -> None:
        self.where_to_look(hints)

    def failed(self, text: str) -> None:
        self._tell("error", text=text)

    def kept(self, folder: Path) -> None:
        self._tell("data_kept", folder=folder)

    def _tell(self, event: str, **facts: Any) -> None:
        self._write({"event": event, **facts})
