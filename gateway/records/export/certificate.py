"""The search certificate: what was asked, by whom and when, what was found, what is not in the export, and why.

As JSON for programs and as a page for people; both say the same. Pure: a plan and what became of it make the same
octets.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC
from typing import Any

import orjson

from gateway.records import spans
from gateway.records.export.plan import Form, Plan
from gateway.records.export.task import Failed

FORMAT = 1
_WIDTH = 100
_SHOWN = 200  # messages that failed, one by one; the JSON has all
_LEFT = 24


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a plan."""

    written: int  # messages
    failed: tuple[Failed, ...]
    unproven: tuple[int, ...]

    def exported(self, plan: Plan) -> list[int]:
        """The messages that are in the export."""
        missing = {each.seq for each in self.failed}
        return [seq for seq in plan.messages if seq not in missing]


def facts(plan: Plan, result: Result) -> dict[str, Any]:
    """The certificate as a JSON object."""
    ledger = plan.ledger
    return {
        "format": FORMAT,
        "export": plan.id,
        "district": plan.district,
        "gateway": plan.gateway,
        "at": plan.at.isoformat(),
        "by": plan.by,
        "to": asdict(plan.to) if plan.to else None,
        "reason": plan.reason,
        "query": plan.query,
        "meaning": list(plan.meaning),
        "coverage": dict(plan.coverage),
        "hits": plan.hits,
        "exported": result.written,
        "messages": spans.written(result.exported(plan)),
        "excluded": [
            {
                "reason": each.reason,
                "query": each.query,
                "count": len(each.messages),
                "messages": spans.written(each.messages),
            }
            for each in plan.excluded
        ],
        "failed": [asdict(each) for each in result.failed],
        "student_records": {"known": plan.students.known, "messages": len(plan.students.messages)},
        "bates": numbers(plan),
        "formats": list(plan.forms),
        "ledger": {"origin": ledger.origin, "tree_size": ledger.size, "root": ledger.root}
        if ledger
        else None,
        "unproven": spans.written(result.unproven),
    }


def numbers(plan: Plan) -> dict[str, Any] | None:
    """The Bates numbers that are reserved for it; a message that failed keeps its own."""
    bates = plan.bates
    if bates is None:
        return None
    ends = {"begin": bates.name(0), "end": bates.name(len(plan.messages) - 1)}
    return {"prefix": bates.prefix, "first": bates.first, "last": bates.last} | ends


def to_json(plan: Plan, result: Result) -> bytes:
    """certificate.json."""
    return orjson.dumps(facts(plan, result), option=orjson.OPT_INDENT_2) + b"\n"


def read(octets: bytes, export: str) -> Result:
    """What the certificate of an export says of its result. Raises ValueError for one of another, and for none."""
    try:
        known: dict[str, Any] = orjson.loads(octets)
        if known["export"] != export:
            raise ValueError("of another export")
        failed = tuple(Failed(**each) for each in known["failed"])
        return Result(known["exported"], failed, tuple(spans.read(known["unproven"])))
    except (KeyError, TypeError) as error:
        raise ValueError(f"no certificate ({error})") from error


def to_text(plan: Plan, result: Result) -> bytes:
    """certificate.txt."""
    return ("\n".join(_lines(plan, result)) + "\n").encode("utf-8", "replace")


def _lines(plan: Plan, result: Result) -> Iterator[str]:
    yield "Search certificate"
    yield ""
    yield from _table(
        ("Archive of", plan.district),
        ("Export", plan.id),
        ("Made", f"{plan.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"),
        ("By", plan.by),
        ("For", f"{plan.to.name}, {plan.to.position}, {plan.to.affiliation}" if plan.to else ""),
        ("Reason", plan.reason),
    )
    yield from ("", "WHAT WAS ASKED", "")
    yield from _paragraph(plan.query)
    for sentence in plan.meaning:
        yield from _paragraph(sentence)
    yield from ("", "WHAT WAS FOUND", "")
    yield from _table(
        ("Messages found", f"{plan.hits}"),
        ("In this export", f"{result.written}"),
        ("Left out", f"{plan.hits - len(plan.messages)}"),
        ("Not to be had", f"{len(result.failed)}"),
        ("With student records", _students(plan)),
        ("Numbers", _numbered(plan)),
        ("Written as", ", ".join(plan.forms)),
    )
    yield from _left_out(plan, result)
    yield from ("", "HOW COMPLETE THE SEARCH IS", "")
    yield from _coverage(plan)
    yield from ("", "PROOF", "")
    yield from _proof(plan, result)


def _students(plan: Plan) -> str:
    if not plan.students.known:
        return "not known: the gateway has kept no roster, so nobody could be recognised as a student"
    return f"{len(plan.students.messages)}"


def _numbered(plan: Plan) -> str:
    known = numbers(plan)
    return f"{known['begin']} to {known['end']}" if known else ""


def _left_out(plan: Plan, result: Result) -> Iterator[str]:
    if plan.excluded or result.failed:
        yield from ("", "WHAT IS NOT IN IT, AND WHY", "")
    for each in plan.excluded:
        asked = f" (found by: {each.query})" if each.query else ""
        yield from _paragraph(f"{len(each.messages)} left out: {each.reason}{asked}")
        if each.messages:
            yield from _paragraph(f"entries {spans.written(each.messages)}", "        ")
    for failed in result.failed[:_SHOWN]:
        yield from _paragraph(f"{failed.number} (entry {failed.seq}): {failed.reason}")
    if len(result.failed) > _SHOWN:
        yield from _paragraph(
            f"{len(result.failed) - _SHOWN} more could not be had: certificate.json names all"
        )


def _coverage(plan: Plan) -> Iterator[str]:
    known = plan.coverage
    yield from _paragraph(
        f"The index had the archive's entries up to {known['searched']} of {known['last']}; {known['behind']} were not "
        "in it yet."
    )
    yield from _paragraph(
        f"{known['unsearchable']} messages up to there could not be searched at all, and {known['unreadable']} have "
        f"parts whose text could not be read. In {known['may_hide']} of these, which are not among those found, what "
        "was asked for may stand in such a part."
    )


def _proof(plan: Plan, result: Result) -> Iterator[str]:
    ledger = plan.ledger
    if ledger is None:
        yield from _paragraph(
            "The archive had signed no checkpoint yet, so nothing in this export is proven."
        )
        return
    yield from _paragraph(
        f"The proofs lead to the signed checkpoint of {ledger.size} entries of the ledger {ledger.origin}, root "
        f"{ledger.root}. To check them: python3 verify.py"
    )
    if result.unproven:
        yield from _paragraph(
            f"{len(result.unproven)} messages are newer than this checkpoint and not proven: entries "
            f"{spans.written(result.unproven)}"
        )
    if Form.MBOXRD in plan.forms or Form.CONCORDANCE in plan.forms:
        yield from _paragraph(
            "Proven are the files in data/messages. All else is made of them: the manifest shows that it is as it was "
            "handed over."
        )


def _table(*rows: Sequence[str]) -> Iterator[str]:
    for name, text in rows:
        if text:
            first, *more = _filled(text, _WIDTH - _LEFT - 4)
            yield f"    {name:{_LEFT}}{first}"
            yield from (f"    {'':{_LEFT}}{line}" for line in more)


def _paragraph(text: str, indent: str = "    ") -> Iterable[str]:
    return (f"{indent}{line}" for line in _filled(text, _WIDTH - len(indent)))


def _filled(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]
