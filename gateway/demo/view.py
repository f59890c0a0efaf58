"""What the demo tells while it runs; `screen` shows it to people, `feed` writes it for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from gateway.demo.hints import Hint
from gateway.demo.place import Place, Ports
from gateway.demo.proof import Score
from gateway.demo.sending import Sent


@dataclass(frozen=True, slots=True)
class Opening:
    """The district and its day, in numbers."""

    name: str
    day: date
    people: int
    students: int
    staff: int
    schools: int
    classes: int
    groups: int
    messages: int
    labelled: int  # messages that should be flagged
    begins_anew: Path | None  # the folder, where an earlier demo's data made way


class Turn(StrEnum):
    """Where the demo is."""

    SENDING = "sending"
    WAITING = "waiting"  # the day is over, the gateway stays up
    STOPPING = "stopping"
    STOPPED = "stopped"  # because somebody asked for it


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a promise was kept; `problems` is empty where it was."""

    promise: str  # "replies", "deliveries", "archive", "findings"
    text: str
    problems: Sequence[str]


class View(Protocol):
    """Every method raises BrokenPipeError where nobody reads any more."""

    def opening(self, opening: Opening) -> None: ...

    def ready(self, ports: Ports, place: Place) -> None:
        """Where everything is."""

    def turn(self, turn: Turn) -> None: ...

    def flows(self, sent: Sent) -> None:
        """A message was sent, and what the gateway answered."""

    def flagged(self, finding: Mapping[str, Any]) -> None:
        """A finding, as `mailgw findings --json` tells it."""

    def report(self, verdicts: Sequence[Verdict], scores: Sequence[Score]) -> None:
        """What the day showed: the promises, and the findings against the labels."""

    def where_to_look(self, hints: Sequence[Hint]) -> None: ...

    def while_it_runs(self, hints: Sequence[Hint]) -> None: ...

    def failed(self, text: str) -> None:
        """Why the demo ends with exit code 1."""

    def kept(self, folder: Path) -> None:
        """The data were not removed."""
