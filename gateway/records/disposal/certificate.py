"""The certificate of a disposal: JSON for machines, and a page for people, both made of the acts in the archive alone.

Promises: the same acts give the same JSON, and with the same version of the typesetter the same PDF (tagged for
assistive technology, PDF/UA-1). Nothing of what was destroyed is in it but numbers.

Fails with NotAllowed for a batch that is not done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from gateway.records.disposal.batch import Batch, State, Step
from gateway.records.spans import Spans, count_of, told

FORMAT = 1
_TEMPLATE = Path(__file__).with_name("certificate.typ")

METHOD = (
    "The volume of each month concerned was written anew without these entries, compared entry by entry with the old "
    "one, and put in its place; the old file was overwritten with zeros and removed.",
    "Of each entry the message, its envelope, the events about it and its salt are gone. What is left is a tombstone: "
    "number, identifier, time of receipt, size, and two hashes that tell nothing without the salt.",
    "The catalog and the full-text index were made anew from what is left.",
)
LIMITS = (
    "Copies outside the archive are not covered: backups on other media, mailboxes, exports, and the recipients' own.",
    "On solid-state disks and on file systems with snapshots, overwriting a file may leave older blocks until the "
    "device or the snapshot gives them up.",
    "It is no legal opinion on whether these records were rightly destroyed.",
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a disposal came to."""

    facts: Mapping[str, Any]

    @property
    def json(self) -> bytes:
        """The facts, as a file."""
        return json.dumps(self.facts, ensure_ascii=False, indent=2).encode() + b"\n"


def certify(batch: Batch, district: str, origin: str) -> Certificate:
    """The certificate of a batch that is done. origin: the ledger's name."""
    batch.require(State.DONE)
    assert batch.begun is not None and batch.done is not None and batch.permission is not None
    destroyed: Spans = batch.done.document["entries"]
    return Certificate(
        {
            "format": FORMAT,
            "batch": batch.id,
            "district": district,
            "ledger": origin,
            "series": batch.proposed.document.get("series"),
            "schedule": batch.proposed.document.get("schedule"),
            "reason": batch.proposed.document.get("reason", ""),
            "listing": {"messages": batch.count, "sha256": batch.listing},
            "permission": {**batch.permission.told(), "name": batch.permission.name},
            "proposed": _step(batch.proposed),
            "approved": [_step(step) for step in batch.approvals],
            "begun": _step(batch.begun),
            "volumes": [_volume(step) for step in batch.disposed],
            "done": _step(batch.done),
            "messages": sum(int(step.document.get("messages", 0)) for step in batch.disposed),
            "octets": sum(int(step.document.get("octets", 0)) for step in batch.disposed),
            "entries": {"count": count_of(destroyed), "numbers": destroyed},
            "oldest": batch.proposed.document.get("oldest"),
            "newest": batch.proposed.document.get("newest"),
            "spared": list(batch.begun.document.get("spared", [])),
            "kept_at_the_last_moment": batch.done.document.get("kept", []),
            "method": list(METHOD),
            "limits": list(LIMITS),
        }
    )


def pdf(certificate: Certificate, zone: tzinfo) -> bytes:
    """The certificate as a page to print and sign; times are told in `zone`."""
    import typst  # takes a moment, and nobody else needs it

    facts = certificate.facts
    page: bytes = typst.compile(
        _TEMPLATE.read_bytes(),
        format="pdf",
        sys_inputs={"facts": json.dumps(_told(facts, zone), ensure_ascii=False)},
        ignore_system_fonts=True,
        pdf_standards=["ua-1"],
        timestamp=int(datetime.fromisoformat(facts["done"]["at"]).timestamp()),
    )
    return page


def _step(step: Step) -> dict[str, Any]:
    return {
        "act": step.seq,
        "at": step.at.isoformat(timespec="seconds"),
        "by": step.by,
        "login": step.document.get("login", ""),
    }


def _volume(step: Step) -> dict[str, Any]:
    return {
        "act": step.seq,
        "volume": step.document["volume"],
        "entries": step.document["entries"],
        "at": step.at.isoformat(timespec="seconds"),
    }


def _told(facts: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    """The rows of the page."""
    numbers = facts["entries"]["numbers"]
    permission = facts["permission"]
    acts = [facts["proposed"], *facts["approved"], facts["begun"], *facts["volumes"], facts["done"]]
    return {
        "batch": facts["batch"],
        "district": facts["district"],
        "destroyed": [
            ["Batch", facts["batch"]],
            ["Series", str(facts["series"] or "all that were eligible")],
            [
                "Messages",
                f"{facts['messages']:,} with {facts['entries']['count'] - facts['messages']:,} events",
            ],
            ["Octets received", f"{facts['octets']:,}"],
            ["Received", f"{_day(facts['oldest'], zone)} to {_day(facts['newest'], zone)}"],
            ["Volumes", ", ".join(each["volume"] for each in facts["volumes"]) or "none"],
            [
                "Begun and done",
                f"{_moment(facts['begun']['at'], zone)} to {_moment(facts['done']['at'], zone)}",
            ],
        ],
        "authority": [
            ["Permission", f"number {permission['number']} of {permission['date']}"],
            ["Its document", f"{permission['name']}, SHA-256 {permission['sha256']}"],
            ["Schedule", f"SHA-256 {facts['schedule']}"],
            ["Reason", facts["reason"]],
            ["Proposed", _decided(facts["proposed"], zone)],
            *(["Approved", _decided(each, zone)] for each in facts["approved"]),
            ["Executed", _decided(facts["begun"], zone)],
        ],
        "spared": [
            *([each["why"], _counted(each["messages"])] for each in facts["spared"]),
            *(
                [
                    [
                        "held when its turn came",
                        _counted(facts["kept_at_the_last_moment"], "events and messages"),
                    ]
                ]
                if facts["kept_at_the_last_moment"]
                else []
            ),
        ],
        "method": facts["method"],
        "checking": [
            f"The command mailgw verify names this batch, and every other gap as a fault. Each tombstone's hashes "
            f"are a leaf of the ledger {facts['ledger']}, unchanged since the entry was archived.",
            f"The acts are entries {', '.join(str(each['act']) for each in acts)} of the archive, and leaves of that "
            "ledger as well.",
            f"The list that was approved ({facts['listing']['messages']:,} messages) has the SHA-256 "
            f"{facts['listing']['sha256']}.",
        ],
        "limits": facts["limits"],
        "entries": told(numbers),
    }


def _decided(step: Mapping[str, Any], zone: tzinfo) -> str:
    login = f", signed in as {step['login']}" if step["login"] else ""
    return f"{step['by']}{login}, {_moment(step['at'], zone)} (act {step['act']})"


def _counted(spans: Spans, what: str = "messages") -> str:
    count = count_of(spans)
    return f"{count:,} {what if count != 1 else what.removesuffix('s')}: {told(spans)}"


def _moment(text: str, zone: tzinfo) -> str:
    return datetime.fromisoformat(text).astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def _day(text: str | None, zone: tzinfo) -> str:
    return datetime.fromisoformat(text).astimezone(zone).strftime("%Y-%m-%d") if text else "?"
