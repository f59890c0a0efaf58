"""Judges messages as a whole, once all of their transactions that are here are known.

What is found is an event in the archive and reaches the catalog through it, in its turn. Where it changes
nothing, nothing is written. A message that cannot be judged now is tried again later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from gateway.archive.errors import ArchiveUnavailable
from gateway.catalog.rows import FindingRow, Part
from gateway.catalog.store import Store
from gateway.indexer import projection
from gateway.indexer.batch import Surroundings
from gateway.indexer.entries import Judge
from gateway.message.envelope import Envelope
from gateway.message.reading import Reading, read_message

Note = Callable[[UUID, datetime, dict[str, Any]], None]  # archives an event about a message

_AGAIN = timedelta(minutes=1)
_MOST_ANSWERED = 50  # messages that one message may claim to answer


def judge_due(store: Store, judge: Judge, note: Note, around: Surroundings, limit: int) -> int:
    """Judge what is due, at most `limit` messages; how many were."""
    judged = 0
    for waiting, parts in store.due_as_a_whole(around.clock(), limit):
        if around.should_stop():
            break
        try:
            verdict, found = _judge(store, judge, parts, around)
        except ArchiveUnavailable:
            raise
        except Exception as error:
            around.observer.failed("judge")
            around.log.error("judgement failed", id=waiting.content_id, error=type(error).__name__)
            store.settle_later(waiting, around.clock() + _AGAIN)
            continue
        if _told(found) == _told(store.standing(parts)):
            store.settled(waiting)
        else:
            document = projection.judged_document(waiting.content_id, parts, verdict)
            note(UUID(parts[0].id), around.clock(), document)
            store.settle_later(waiting, around.clock() + _AGAIN)  # until the event has come back
        judged += 1
    return judged


def _judge(
    store: Store, judge: Judge, parts: Sequence[Part], around: Surroundings
) -> tuple[Mapping[str, Any], list[FindingRow]]:
    """The verdict on all transactions together. Raises whatever is wrong with them."""
    entries = [entry for part in parts if (entry := around.source.get(part.id)) is not None]
    if not entries:
        raise LookupError("not in the archive")
    raw = around.source.raw(entries[0].seq)
    reading = read_message(raw)
    answered = store.thread(_answered(reading), entries[-1].seq)
    envelopes = [Envelope.from_json(entry.document["envelope"]) for entry in entries]
    verdict = judge(envelopes, raw, answered)
    if verdict["errors"]:
        raise RuntimeError("a rule failed")
    return verdict, projection.findings(verdict, entries[0], around.clock())


def _answered(reading: Reading) -> tuple[str, ...]:
    return (*reading.in_reply_to, *reading.references)[-_MOST_ANSWERED:]


def _told(found: Iterable[FindingRow]) -> set[tuple[object, ...]]:
    """What of some findings a reviewer would see change."""
    return {
        (
            row["id"],
            row["severity"],
            row["confidence"],
            row["action"],
            *sorted(row["marks"]),
            frozenset((str(one.get("person_id")), str(one.get("role"))) for one in row["people"]),
        )
        for row in found
    }
