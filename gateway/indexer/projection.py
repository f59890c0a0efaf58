"""One archive entry as rows of the catalog. Pure: the bytes come in, rows go out.

Three ways to catalogue a message, each less than the one before: whole (`message`), by its envelope
(`by_envelope`, when its bytes cannot be read) and by its place in the archive (`bare`, when not even
the envelope makes sense). The last cannot fail; the first two may raise anything, and the caller falls
back. The verdict is read as JSON, not as today's classes: it may be years old.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from gateway.catalog.rows import (
    ActRow,
    AnswerRow,
    Batch,
    Decision,
    EventRow,
    FindingRow,
    HoldRow,
    Judged,
    MessageRow,
    NoticeRow,
    Part,
    ParticipantRow,
    PendingRow,
)
from gateway.catalog.words import clean, clean_json, fold
from gateway.indexer.entries import Entry
from gateway.message import events
from gateway.message.addresses import Mailbox
from gateway.message.canonical import canonical_address, domain_of
from gateway.message.content import content_id
from gateway.message.reading import Reading, read_message
from gateway.message.structure import structure

MAX_MAILBOXES = 10_000  # of one header block; a million bytes of `a@b,` must not make a million rows
_SUBJECT_LIMIT = (
    2000  # characters; RFC 5322 §2.1.1 has 998 octets for a line, unfolded subjects may be longer
)
_ADDRESS_LIMIT = 400  # characters in indexed columns; RFC 5321 §4.5.3.1 allows 320 octets
_EXPLANATION_LIMIT = 20_000
_DOCUMENT_LIMIT = 20_000_000  # characters of one text in what somebody decided: a permission may be a scan

# Events that change a hold without being an attempt of the outbox. The last two say that the client was told to try
# again, and most messages of which they speak were never held.
_DECIDING = frozenset(
    {events.RELEASED, events.TURNED_DOWN, events.ESCALATED, events.ABANDONED, events.FAILED}
)

# Mail from files: `importing.record`.
_IMPORT = "import"

# Only what is not plain text is worth the parser's time: attachments are elsewhere. For a header in lower
# case, where the search for fixed octets is ten times as fast as one that ignores case.
_PARTS = re.compile(rb"content-(?:type:[ \t\r\n]*(?!text/)[!-~]|disposition:)")


class Projected(NamedTuple):
    """What one entry adds to the catalog."""

    seq: int
    id: str
    message: MessageRow | None = None
    participants: Sequence[ParticipantRow] = ()
    findings: Sequence[FindingRow] = ()
    event: EventRow | None = None
    pending: PendingRow | None = None
    answers: AnswerRow | None = None
    judged: Judged | None = None
    hold: HoldRow | None = None
    notice: NoticeRow | None = None
    decision: Decision | None = None
    act: ActRow | None = None


@dataclass(slots=True)
class _People:
    """Participants of one message, each address once in each place."""

    seq: int
    rows: list[ParticipantRow] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)

    def add(self, kind: str, address: str, name: str = "") -> None:
        address, canonical, domain = _address(address)
        if not address or (kind, address) in self.seen:
            return
        self.seen.add((kind, address))
        name = clean(name, _ADDRESS_LIMIT)
        self.rows.append(
            {
                "seq": self.seq,
                "number": len(self.rows),
                "kind": kind,
                "address": address,
                "canonical": canonical,
                "domain": domain,
                "name": name,
            }
        )


@lru_cache(maxsize=10_000)  # one address stands in several places, and the same people write all day
def _address(written: str) -> tuple[str, str, str]:
    """An address as it is stored: as written, canonical, and its domain."""
    address = clean(written, _ADDRESS_LIMIT)
    return (
        address,
        clean(canonical_address(address), _ADDRESS_LIMIT),
        clean(domain_of(address), _ADDRESS_LIMIT),
    )


# --- messages ----------------------------------------------------------------------------------


def message(entry: Entry, raw: bytes) -> Projected:
    """A message with everything its bytes, envelope and verdict say."""
    reading = read_message(raw)
    envelope = _mapping(entry.document.get("envelope"))
    row = _enveloped(entry, envelope)
    people = _People(entry.seq)
    defects = [*reading.defects]
    if not _add_mailboxes(people, reading):
        defects.append("too-many-addresses")
    _add_envelope(people, envelope)
    if _may_have_parts(raw[: reading.header_size].lower()):
        facts = structure(raw)
        row["attachments"] = [
            clean_json({"name": part.name, "type": part.content_type, "size": part.size})
            for part in facts.attachments
        ]
        row["attachment_count"] = len(row["attachments"])
        defects += facts.defects
    _describe(row, reading, raw)
    if row["role"] == _IMPORT:
        row["content_id"] = None  # by which transactions are judged as a whole, and this is none
    found, pending = _judged(entry, row, defects)
    row["defects"] = clean_json(list(dict.fromkeys(defects)))
    row["defect_count"] = len(row["defects"])
    return Projected(
        entry.seq,
        row["id"],
        row,
        people.rows,
        found,
        pending=pending,
        answers=_answers(row, reading, envelope),
        hold=_hold(entry, envelope),
        notice=_notice(entry, envelope),
    )


def _hold(entry: Entry, envelope: Mapping[str, Any]) -> HoldRow | None:
    """The hold of a message that waits for a reviewer."""
    if entry.document.get("held") is not True:
        return None
    recipients = len(envelope.get("recipients", ()))
    return {"seq": entry.seq, "id": clean(entry.id), "received": entry.received, "recipients": recipients}


def _notice(entry: Entry, envelope: Mapping[str, Any]) -> NoticeRow | None:
    """What a notice of the gateway's own tells to whom."""
    notice = entry.document.get("notice")
    if notice is None:
        return None
    about = [(clean(str(subject)), clean(str(audience))) for subject, audience in notice["about"]]
    recipients = len(envelope.get("recipients", ()))
    return {
        "seq": entry.seq,
        "id": clean(entry.id),
        "received": entry.received,
        "recipients": recipients,
        "about": about,
    }


def _answers(row: MessageRow, reading: Reading, envelope: Mapping[str, Any]) -> AnswerRow | None:
    """What a message from elsewhere answers: that may tell who wrote it. None where it tells nothing."""
    answered = list(dict.fromkeys((*reading.in_reply_to[:10], *reading.references[-10:])))
    if not answered or row["role"] != "inbound" or row["content_id"] is None:
        return None
    here = {domain_of(str(recipient["address"])) for recipient in envelope.get("recipients", ())}
    if any(domain_of(box.address) in here for box in reading.from_):
        return None
    ids = [clean(each, 998) for each in answered]
    return {"seq": row["seq"], "content_id": row["content_id"], "message_ids": ids}


def _may_have_parts(header: bytes) -> bool:
    """Whether a field, at the beginning of a line, says that there is more than text in place."""
    return any(
        found.start() == 0 or header[found.start() - 1] in b"\r\n" for found in _PARTS.finditer(header)
    )


def by_envelope(entry: Entry, error: Exception) -> Projected:
    """A message whose bytes cannot be read: still findable by its envelope, and its verdict holds."""
    envelope = _mapping(entry.document.get("envelope"))
    row = _enveloped(entry, envelope)
    row["indexed"] = False
    people = _People(entry.seq)
    _add_envelope(people, envelope)
    defects = [_index_error(error)]
    found, pending = _judged(entry, row, defects)
    row["defects"], row["defect_count"] = clean_json(defects), len(defects)
    return Projected(
        entry.seq,
        row["id"],
        row,
        people.rows,
        found,
        pending=pending,
        hold=_hold(entry, envelope),
        notice=_notice(entry, envelope),
    )


def bare(entry: Entry, error: Exception) -> Projected:
    """An entry of which nothing but its place in the archive can be catalogued. Never raises."""
    if entry.kind != "message":
        return Projected(entry.seq, clean(entry.id))
    row = _enveloped(entry, {})
    row["indexed"] = False
    row["defects"], row["defect_count"] = [_index_error(error)], 1
    return Projected(entry.seq, row["id"], row)


def _index_error(error: Exception) -> str:
    return f"index-error: {type(error).__name__}"


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("expected a JSON object")
    return value


def _enveloped(entry: Entry, envelope: Mapping[str, Any]) -> MessageRow:
    """The row as far as the envelope fills it."""
    client = envelope.get("client") or {}
    mail_from = clean(str(envelope.get("mail_from", "")))
    outcome = None
    if envelope.get("role") == "journal":  # relayed nowhere: no event will tell more
        outcome = "journaled"
    elif envelope.get("role") == _IMPORT:
        outcome = "imported"
    elif entry.document.get("held") is True:  # also where the event that says so was lost
        outcome = events.HELD
    return {
        "seq": entry.seq,
        "id": clean(entry.id),
        "received": entry.received,
        "listener": clean(str(envelope.get("listener", ""))),
        "role": clean(str(envelope.get("role", ""))),
        "client_address": clean(str(client.get("address", ""))),
        "mail_from": mail_from,
        "message_id": None,
        "content_id": None,
        "subject": "",
        "date": None,
        "from_display": mail_from,
        "size": entry.size,
        "sha256": entry.sha256,
        "header_size": None,
        "received_count": None,
        "in_reply_to": [],
        "auto_submitted": None,
        "list_id": None,
        "privacy_matter": None,
        "attachments": [],
        "attachment_count": 0,
        "defects": [],
        "defect_count": 0,
        "indexed": True,
        "action": None,
        "not_judged": None,
        "route": clean(str(envelope.get("route", ""))),
        "next_hop": clean(str(envelope.get("next_hop", ""))),
        "outcome": outcome,
        "reply": None,
        "outcome_at": entry.received if outcome else None,
        "attempts": 0,
    }


def _describe(row: MessageRow, reading: Reading, raw: bytes) -> None:
    """Put what the header says into the row."""
    row["message_id"] = _optional(reading.message_id, 998)
    row["content_id"] = content_id(reading, raw)
    row["subject"] = clean(reading.subject, _SUBJECT_LIMIT)
    row["date"] = reading.date
    if reading.from_:
        row["from_display"] = clean(", ".join(_display(mailbox) for mailbox in reading.from_[:5]), 500)
    row["header_size"] = reading.header_size
    row["received_count"] = reading.received_count
    row["in_reply_to"] = clean_json(reading.in_reply_to[:50])
    row["auto_submitted"] = _optional(reading.auto_submitted)
    row["list_id"] = _optional(reading.list_id)
    row["privacy_matter"] = _optional(reading.privacy_matter)


def _display(mailbox: Mailbox) -> str:
    return f"{mailbox.name} <{mailbox.address}>" if mailbox.name else mailbox.address


def _optional(text: str | None, limit: int = _SUBJECT_LIMIT) -> str | None:
    return None if text is None else clean(text, limit)


def _add_mailboxes(people: _People, reading: Reading) -> bool:
    """The mailboxes of the header, at most MAX_MAILBOXES; whether those were all."""
    places = (
        ("from", reading.from_),
        ("sender", reading.sender),
        ("reply_to", reading.reply_to),
        ("to", reading.to),
        ("cc", reading.cc),
    )
    left = MAX_MAILBOXES
    for kind, mailboxes in places:
        for mailbox in mailboxes[:left]:
            people.add(kind, mailbox.address, mailbox.name)
        left -= len(mailboxes)
        if left < 0:
            return False
    return True


def _add_envelope(people: _People, envelope: Mapping[str, Any]) -> None:
    people.add("envelope_from", str(envelope.get("mail_from", "")))
    for recipient in envelope.get("recipients", ()):
        people.add("envelope_to", str(recipient["address"]))


# --- verdicts ----------------------------------------------------------------------------------


def _judged(entry: Entry, row: MessageRow, defects: list[str]) -> tuple[list[FindingRow], PendingRow | None]:
    """Findings of the verdict in the entry, and the wait for another where rules failed."""
    verdict = entry.document.get("verdict")
    if verdict is None:
        return [], _pending(entry, ["engine"])
    try:
        found = findings(verdict, entry, entry.received)
        errors = clean_json([str(each) for each in verdict.get("errors", ())])
        row["action"] = _optional(verdict.get("action"))
        row["not_judged"] = _optional(verdict.get("not_judged"))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        defects.append(f"verdict-unreadable: {type(error).__name__}")
        return [], _pending(entry, ["engine"])
    return found, _pending(entry, errors) if errors else None


def findings(verdict: Mapping[str, Any], entry: Entry, detected_at: datetime) -> list[FindingRow]:
    """The findings of a verdict on a message. Raises KeyError or TypeError where it is not one."""
    return [_finding(each, entry, detected_at) for each in verdict["findings"]]


def _finding(data: Mapping[str, Any], entry: Entry, detected_at: datetime) -> FindingRow:
    author = clean_json(_mapping(data["author"]))
    address = str(author.get("address", ""))
    return {
        "id": clean(str(data["id"])),
        "rule": clean(str(data["rule"])),
        "severity": clean(str(data["severity"])),
        "confidence": clean(str(data["confidence"])),
        "seq": entry.seq,
        "archive_id": clean(entry.id),
        "message_id": _optional(data.get("message_id"), 998),
        "author": author,
        "author_id": author.get("person_id"),
        "author_canonical": clean(canonical_address(address), _ADDRESS_LIMIT),
        "author_words": fold(str(author.get("name", ""))),
        "people": [clean_json(_mapping(person)) for person in data.get("people", ())],
        "groups": clean_json([str(group) for group in data.get("groups", ())]),
        "marks": clean_json([str(mark) for mark in data.get("marks", ())]),
        "sentence": clean(str(data.get("sentence", "")), _EXPLANATION_LIMIT),
        "explanation": clean(str(data.get("explanation", "")), _EXPLANATION_LIMIT),
        "action": clean(str(data.get("action", "record"))),
        "status": "open",
        "detected_at": detected_at,
        "directory_version": clean(str(data.get("directory_version", ""))),
        "rules_version": clean(str(data.get("rules_version", ""))),
        "revised_seq": entry.seq,
        "messages": 1,
    }


def _pending(entry: Entry, errors: list[str]) -> PendingRow:
    return {
        "seq": entry.seq,
        "id": clean(entry.id),
        "errors": errors,
        "attempts": 0,
        "next_attempt": entry.received,
    }


# --- events ------------------------------------------------------------------------------------


def nothing(entry: Entry) -> Projected:
    """What is left of an entry that was disposed of: that it was there."""
    return Projected(entry.seq, clean(entry.id))


def event(entry: Entry) -> Projected:
    """What happened to an attempt; or how a message was judged as a whole."""
    document = entry.document
    if document["event"] == events.JUDGED:
        return Projected(entry.seq, clean(entry.id), judged=_as_a_whole(entry))
    if document["event"] in events.ACTS:
        return Projected(entry.seq, clean(entry.id), act=_act(entry))
    seconds = document.get("seconds")
    found = document["event"] == events.ALSO_FOUND  # whose it was, and where
    return Projected(
        entry.seq,
        clean(entry.id),
        decision=_decision(entry),
        event={
            "seq": entry.seq,
            "message_id": clean(entry.subject_id),
            "kind": clean(str(document["event"])),
            "reply": clean(str(document.get("reply") or "")),
            "next_hop": clean(str(document.get("next_hop") or "")),
            "seconds": None if seconds is None else float(seconds),
            "by": _optional(document.get("custodian" if found else "by")),
            "reason": _optional(
                f"{document['source']}: {document['place']}" if found else document.get("reason")
            ),
            "received": entry.received,
        },
    )


def _decision(entry: Entry) -> Decision | None:
    """What an event changes of a hold or of mail in the outbox; None where it can change nothing."""
    document = entry.document
    kind = str(document["event"])
    attempt = document.get("outbox")
    if attempt is None and kind not in _DECIDING:
        return None
    return Decision(
        message_id=clean(entry.subject_id),
        kind=kind,
        at=entry.received,
        by=clean(str(document.get("by") or "")),
        reason=clean(str(document.get("reason") or "")),
        reply=clean(str(document.get("reply") or "")),
        left=None if attempt is None else tuple(int(place) for place in attempt["left"]),
        undelivered=() if attempt is None else tuple(int(place) for place in attempt["undelivered"]),
    )


def _act(entry: Entry) -> ActRow:
    return {
        "seq": entry.seq,
        "subject": clean(entry.subject_id),
        "event": entry.document["event"],
        "at": entry.received,
        "document": clean_json(entry.document, _DOCUMENT_LIMIT),
    }


def judged_document(whole: str, parts: Sequence[Part], verdict: Mapping[str, Any]) -> dict[str, Any]:
    """The event that says how a message was judged as a whole (`whole`: its content id); `event` reads it."""
    records = [{"seq": part.seq, "id": part.id} for part in parts]
    return {"event": events.JUDGED, "content_id": whole, "records": records, "verdict": dict(verdict)}


def _as_a_whole(entry: Entry) -> Judged:
    document = entry.document
    records = [(int(record["seq"]), clean(str(record["id"]))) for record in document["records"]]
    first_seq, first_id = min(records)
    found = findings(document["verdict"], entry, entry.received)
    for row in found:
        row["seq"], row["archive_id"], row["revised_seq"] = first_seq, first_id, max(records)[0]
    seqs = tuple(sorted(seq for seq, _ in records))
    return Judged(entry.seq, clean(str(document["content_id"])), seqs, tuple(found))


def gathered(entries: Iterable[Projected], last: Projected, judge_since: datetime | None = None) -> Batch:
    """One batch of entries up to `last`."""
    batch = Batch(position=last.seq, entry_id=last.id, judge_since=judge_since)
    for each in entries:
        if each.message is not None:
            batch.messages.append(each.message)
        if each.event is not None:
            batch.events.append(each.event)
        if each.pending is not None:
            batch.pending.append(each.pending)
        if each.answers is not None:
            batch.answers.append(each.answers)
        if each.judged is not None:
            batch.judged.append(each.judged)
        if each.hold is not None:
            batch.holds.append(each.hold)
        if each.notice is not None:
            batch.notices.append(each.notice)
        if each.decision is not None:
            batch.decisions.append(each.decision)
        if each.act is not None:
            batch.acts.append(each.act)
        batch.participants += each.participants
        batch.findings += each.findings
    return batch
