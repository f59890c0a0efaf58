"""Destroying what a batch holds: volume by volume, each with an event that says so, then catalog and index anew.

Promises: nothing that a matter holds is destroyed; it is asked when the work begins, and once more for each entry where
the volume is rewritten. Killed at any moment, an entry is whole or a tombstone, and calling again goes on where it
ended. The batch is done only when no projection knows of what was destroyed.

Fails with NotAllowed, ArchiveUnavailable, ArchiveDamaged and OSError, and with what rebuilding fails with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from gateway.archive.entry import Entry, Kind
from gateway.message import events
from gateway.records.disposal.batch import Batch, State
from gateway.records.disposal.choosing import Archive, choose
from gateway.records.spans import numbers_of, spans_of

NOT_ELIGIBLE = "the retention schedule does not let it go any more"


class Rewritten(Protocol):
    """What became of one volume."""

    @property
    def disposed(self) -> Collection[int]: ...


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything that executing needs and does not do itself.

    eligible: of some messages those that the schedule lets go today. held: of some those that matters hold.
    rewrite: a month's volume without some entries, but for those of which `is_held` says so.
    act: writes an event about the batch. rebuild: catalog and index anew; returns when both are whole.
    """

    archive: Archive
    eligible: Callable[[Collection[int]], Collection[int]]
    held: Callable[[Collection[int]], Mapping[int, tuple[str, ...]]]
    is_held: Callable[[int], bool]
    rewrite: Callable[[str, Mapping[int, UUID], Callable[[int], bool]], Rewritten]
    act: Callable[[Mapping[str, Any]], None]
    rebuild: Callable[[], None]
    progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None


def begin(batch: Batch, by: str, login: str, tools: Tools) -> None:
    """Fix what will be destroyed, and write down that it begins. login: who is signed in to the machine."""
    batch.require(State.APPROVED)
    proposed = list(numbers_of(batch.messages))
    let_go = set(tools.eligible(proposed))
    chosen = choose(tools.archive, [seq for seq in proposed if seq in let_go], tools.held)
    spared = dict(chosen.spared)
    kept = tuple(seq for seq in proposed if seq not in let_go)
    if kept:
        spared[NOT_ELIGIBLE] = kept
    tools.act(
        {
            "event": events.DISPOSAL_BEGUN,
            "executed_by": by,
            "login": login,
            "batch": batch.id,
            "listing": batch.listing,
            "messages": spans_of(record.message.seq for record in chosen.records),
            "entries": spans_of(entry.seq for record in chosen.records for entry in record.entries),
            "spared": [{"why": why, "messages": spans_of(seqs)} for why, seqs in spared.items()],
            **_authority(batch),
        }
    )


def go_on(batch: Batch, tools: Tools) -> None:
    """Destroy what was begun, and write down when it is done."""
    batch.require(State.BEGUN)
    assert batch.begun is not None
    planned = set(numbers_of(batch.begun.document["entries"]))
    told = {seq for step in batch.disposed for seq in numbers_of(step.document["entries"])}
    months = _by_month(tools.archive, planned)
    gone: set[int] = set()
    for at, (month, entries) in enumerate(sorted(months.items())):
        tools.progress(month, at, len(months))
        gone |= _month(batch, month, entries, told, tools)
    tools.progress("catalog and search index", len(months), len(months))
    tools.rebuild()
    tools.act(
        {
            "event": events.DISPOSAL_DONE,
            "batch": batch.id,
            "entries": spans_of(gone),
            "kept": spans_of(planned - gone),
        }
    )


def _month(batch: Batch, month: str, entries: Sequence[Entry], told: set[int], tools: Tools) -> set[int]:
    """Rewrite a month's volume, and write down what is gone of some entries; all of those that are."""
    gone = {entry.seq for entry in entries if entry.disposed}
    left = [entry for entry in entries if not entry.disposed]
    if left:
        holders = {entry.seq: _holders(tools.archive, entry) for entry in left}
        made = tools.rewrite(
            month,
            {entry.seq: UUID(batch.id) for entry in left},
            lambda seq: any(map(tools.is_held, holders[seq])),
        )
        gone |= set(made.disposed)
    new = [entry for entry in entries if entry.seq in gone - told]
    if new:
        tools.act(
            {
                "event": events.DISPOSED,
                "batch": batch.id,
                "volume": month,
                "entries": spans_of(entry.seq for entry in new),
                "messages": sum(entry.kind is Kind.MESSAGE for entry in new),
                "octets": sum(entry.size for entry in new),
                **_authority(batch),
            }
        )
    return gone


def _by_month(archive: Archive, seqs: Iterable[int]) -> dict[str, list[Entry]]:
    months: dict[str, list[Entry]] = defaultdict(list)
    for seq in sorted(seqs):
        entry = archive.entry(seq)
        if entry is not None:
            months[entry.volume].append(entry)
    return months


def _holders(archive: Archive, entry: Entry) -> list[int]:
    """The messages, by number, for which an entry is kept if any of them is; those that are gone keep nothing."""
    if entry.kind is Kind.MESSAGE:
        return [entry.seq]
    if entry.document.get("event") == events.JUDGED:
        found = [archive.entry(int(each["seq"])) for each in entry.document["records"]]
    else:
        found = [archive.get(entry.subject_id)]
    return [message.seq for message in found if message is not None and not message.disposed]


def _authority(batch: Batch) -> dict[str, Any]:
    """By whose permission and decision; in every event that destroys, so that each stands by itself."""
    assert batch.permission is not None
    return {"permission": batch.permission.told(), "by": list(batch.approvers)}
