"""What an export is to hold, fixed before the first octet is written, so that it can be broken off and go on.

Everything that could be different tomorrow is in it: the messages, their numbers, the time, the coverage of the search,
the checkpoint. A plan and the archive make the same octets whenever they are made. Pure.

Fails with ValueError for JSON that is no plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from gateway.records import spans

FORMAT = 1
CHUNK = 500  # messages written at once: what a run that was broken off has to do again at most
HELD = "held, not decided"
_SEQ_DIGITS = 9
_BATES_DIGITS = 7


class Form(StrEnum):
    """How messages are written, beside the octets received, which are always there."""

    EML = "eml"
    MBOXRD = "mboxrd"
    CONCORDANCE = "concordance"


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom it is released (603 CMR 23.07)."""

    name: str
    position: str
    affiliation: str


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What the query finds, and is left out."""

    reason: str
    query: str  # "" where none was asked
    messages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bates:
    """The numbers of this export's messages, in their order, one each."""

    prefix: str
    first: int
    last: int

    def name(self, at: int) -> str:
        """The number of the message at a place, from 0."""
        return bates_name(self.prefix, self.first + at)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The checkpoint that the proofs lead to."""

    note: str  # signed
    keys: tuple[str, ...]
    origin: str
    size: int
    root: str  # hex


@dataclass(frozen=True, slots=True)
class Students:
    """Messages with student records: those with a student or a guardian by the roster of their day."""

    known: bool = True  # False: no roster was ever kept, so nobody could be recognised
    messages: tuple[int, ...] = ()
    by_person: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # by person id


@dataclass(frozen=True, slots=True)
class Plan:
    """An export. All messages are sequence numbers."""

    id: str  # UUID
    at: datetime  # UTC
    by: str
    district: str
    gateway: str  # version
    query: str  # as typed
    meaning: tuple[str, ...]  # the same in sentences
    forms: tuple[Form, ...]
    messages: tuple[int, ...]  # in the archive's order
    excluded: tuple[Exclusion, ...]
    coverage: Mapping[str, int]
    students: Students
    ledger: Ledger | None
    bates: Bates | None = None
    to: Recipient | None = None
    reason: str = ""
    chunk: int = CHUNK

    def name(self, at: int) -> str:
        """What the message at a place is called, as a number and as a file."""
        return self.bates.name(at) if self.bates else f"{self.messages[at]:0{_SEQ_DIGITS}}"

    @property
    def chunks(self) -> int:
        """How many chunks its messages make."""
        return -(-len(self.messages) // self.chunk)

    def places(self, chunk: int) -> range:
        """The places of a chunk's messages."""
        return range(chunk * self.chunk, min((chunk + 1) * self.chunk, len(self.messages)))

    @property
    def hits(self) -> int:
        """Messages that the query found."""
        return len(self.messages) + sum(len(each.messages) for each in self.excluded)


def bates_name(prefix: str, number: int) -> str:
    """A Bates number as it is written."""
    return f"{prefix}{number:0{_BATES_DIGITS}}"


def to_json(plan: Plan) -> bytes:
    """A plan as it is kept."""
    facts = asdict(plan) | {
        "format": FORMAT,
        "at": plan.at.isoformat(),
        "messages": spans.written(plan.messages),
        "excluded": [asdict(each) | {"messages": spans.written(each.messages)} for each in plan.excluded],
        "students": {
            "known": plan.students.known,
            "messages": spans.written(plan.students.messages),
            "by_person": {id: spans.written(seqs) for id, seqs in plan.students.by_person.items()},
        },
    }
    return orjson.dumps(facts, option=orjson.OPT_INDENT_2) + b"\n"


def from_json(octets: bytes) -> Plan:
    """The inverse of `to_json`. Raises ValueError."""
    try:
        facts: dict[str, Any] = orjson.loads(octets)
        if facts.pop("format") != FORMAT:
            raise ValueError("of another version")
        if facts.keys() != {each.name for each in fields(Plan)}:
            raise ValueError("not the entries of one")
        ledger, bates, to, students = (facts[name] for name in ("ledger", "bates", "to", "students"))
        return Plan(
            **facts
            | {
                "at": datetime.fromisoformat(facts["at"]),
                "meaning": tuple(facts["meaning"]),
                "forms": tuple(map(Form, facts["forms"])),
                "messages": _seqs(facts["messages"]),
                "excluded": tuple(_exclusion(each) for each in facts["excluded"]),
                "students": Students(
                    students["known"],
                    _seqs(students["messages"]),
                    {id: _seqs(seqs) for id, seqs in students["by_person"].items()},
                ),
                "ledger": Ledger(**ledger | {"keys": tuple(ledger["keys"])}) if ledger else None,
                "bates": Bates(**bates) if bates else None,
                "to": Recipient(**to) if to else None,
            }
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the entries of one ({error})") from error


def _seqs(text: str) -> tuple[int, ...]:
    return tuple(spans.read(text))


def _exclusion(facts: dict[str, Any]) -> Exclusion:
    return Exclusion(**facts | {"messages": _seqs(facts["messages"])})
