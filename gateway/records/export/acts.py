"""What the archive keeps of an export for ever: the event `exported`, and the access log that is read of such events.

603 CMR 23.07: who released student records, to whom (name, position, affiliation), when, which parts, and why. An event
has ids of people and numbers of messages, and none of what they say. Pure; an act is read as JSON, for it may be
years old.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from gateway.catalog.acts import Act
from gateway.message import events
from gateway.records import spans
from gateway.records.export import certificate
from gateway.records.export.certificate import Result
from gateway.records.export.plan import Bates, Plan


def document(plan: Plan, result: Result) -> dict[str, Any]:
    """The event of an export."""
    facts: dict[str, Any] = {
        "event": events.EXPORTED,
        "by": plan.by,
        "reason": plan.reason,
        "at": plan.at.isoformat(),
        "query": plan.query,
        "formats": list(plan.forms),
        "messages": spans.written(result.exported(plan)),
        "excluded": sum(len(each.messages) for each in plan.excluded),
        "failed": spans.written(each.seq for each in result.failed),
        "bates": certificate.numbers(plan),
        "tree_size": plan.ledger.size if plan.ledger else 0,
        "to": asdict(plan.to) if plan.to else None,
    }
    access = _access(plan, result)
    return facts | {"access": access} if access else facts


def _access(plan: Plan, result: Result) -> dict[str, Any] | None:
    """The entry of the access log, where there are student records in what was written."""
    missing = {each.seq for each in result.failed}
    seqs = [seq for seq in plan.students.messages if seq not in missing]
    if not seqs:
        return None
    students = {
        id: spans.written(each for each in seqs_of if each not in missing)
        for id, seqs_of in plan.students.by_person.items()
    }
    return {
        "to": asdict(plan.to) if plan.to else None,
        "reason": plan.reason,
        "messages": spans.written(seqs),
        "students": {id: messages for id, messages in students.items() if messages},
    }


def used(acts: Iterable[Act]) -> Iterator[Bates]:
    """The Bates numbers that finished exports say that they used."""
    for act in acts:
        known = act.document.get("bates")
        if isinstance(known, dict):
            prefix, first, last = (known.get(name) for name in ("prefix", "first", "last"))
            if isinstance(prefix, str) and isinstance(first, int) and isinstance(last, int):
                yield Bates(prefix, first, last)


@dataclass(frozen=True, slots=True)
class Access:
    """A line of the access log."""

    seq: int  # of the event
    at: datetime  # of the export
    export: str
    by: str
    to: Mapping[str, str]  # name, position, affiliation
    reason: str
    messages: str  # those with student records, as spans; with students asked for, theirs
    students: Mapping[str, str]  # by person id, their messages


def access_log(acts: Iterable[Act], students: Collection[str] | None = None) -> Iterator[Access]:
    """The releases of student records, in sequence; of some students only, by id."""
    for act in acts:
        known = act.document.get("access")
        if not isinstance(known, dict):
            continue
        about = {
            str(id): str(messages)
            for id, messages in _mapping(known.get("students")).items()
            if students is None or id in students
        }
        if students is not None and not about:
            continue
        messages = str(known.get("messages", ""))
        if students is not None:
            messages = spans.written(seq for text in about.values() for seq in spans.read(text))
        yield Access(
            seq=act.seq,
            at=act.at,
            export=act.subject,
            by=str(act.document.get("by", "")),
            to={name: str(text) for name, text in _mapping(known.get("to")).items()},
            reason=str(known.get("reason", "")),
            messages=messages,
            students=about,
        )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
