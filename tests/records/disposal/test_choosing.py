"""What may be in a batch: tables of small archives, and of what stays in each for which reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.archive.entry import Entry, Kind
from gateway.archive.volume import Volume
from gateway.records.disposal.choosing import GONE, OPEN_MONTH, SIBLING, choose

MOMENT = datetime(2018, 3, 1, tzinfo=UTC)
OLD, NEWEST = "2018-03", "2026-11"


@dataclass
class Entries:
    """An archive of entries without octets; the newest volume is of `NEWEST`."""

    all: list[Entry] = field(default_factory=list)

    def message(self, month: str = OLD, *, disposed: bool = False) -> int:
        seq = len(self.all) + 1
        self.all.append(Entry(seq, Kind.MESSAGE, f"m{seq}", f"m{seq}", MOMENT, {}, "00", 10, month, disposed))
        return seq

    def event(self, about: int, month: str = OLD, **document: Any) -> int:
        seq = len(self.all) + 1
        told = {"event": "relayed", **document}
        self.all.append(Entry(seq, Kind.EVENT, f"e{seq}", f"m{about}", MOMENT, told, None, 0, month))
        return seq

    def judged(self, *messages: int) -> int:
        records = [{"seq": seq, "id": f"m{seq}"} for seq in messages]
        return self.event(messages[0], event="judged", records=records)

    # --- as the archive's reader

    def entry(self, seq: int) -> Entry | None:
        return self.all[seq - 1] if 0 < seq <= len(self.all) else None

    def get(self, id: str) -> Entry | None:
        return next((entry for entry in self.all if entry.id == id), None)

    def events(self, message_id: str) -> list[Entry]:
        return [each for each in self.all if each.kind is Kind.EVENT and each.subject_id == message_id]

    def volumes(self) -> list[Volume]:
        return [Volume(month, Path(month)) for month in (OLD, NEWEST)]


def nobody(_: Collection[int]) -> Mapping[int, tuple[str, ...]]:
    return {}


def test_a_message_goes_with_everything_that_happened_to_it() -> None:
    archive = Entries()
    first = archive.message()
    relayed = archive.event(first)
    other = archive.message()
    labelled = archive.event(first, event="labelled")
    chosen = choose(archive, [first], nobody)
    assert [entry.seq for record in chosen.records for entry in record.entries] == [first, relayed, labelled]
    assert not chosen.spared
    assert other not in {record.message.seq for record in chosen.records}


def test_what_stays_says_why() -> None:
    archive = Entries()
    held, gone, recent, touched, free = (
        archive.message(),
        archive.message(disposed=True),
        archive.message(NEWEST),
        archive.message(),
        archive.message(),
    )
    archive.event(touched, NEWEST, event="labelled")
    chosen = choose(archive, [held, gone, recent, touched, free, 99], lambda _: {held: ("smith", "jones")})
    assert [record.message.seq for record in chosen.records] == [free]
    assert chosen.spared == {
        "held for smith, jones": (held,),
        GONE: (gone, 99),
        OPEN_MONTH: (recent, touched),
    }


def test_transactions_of_one_message_go_together_or_stay() -> None:
    archive = Entries()
    one, other = archive.message(), archive.message()
    archive.judged(one, other)
    assert [record.message.seq for record in choose(archive, [one, other], nobody).records] == [one, other]
    assert choose(archive, [one], nobody).spared == {SIBLING: (one,)}
    assert choose(archive, [one, other], lambda _: {other: ("smith",)}).spared == {
        "held for smith": (other,),
        SIBLING: (one,),
    }


def test_what_is_left_of_a_message_may_go_once_the_others_are_gone() -> None:
    archive = Entries()
    one, other = archive.message(), archive.message(disposed=True)
    judged = archive.judged(one, other)
    (record,) = choose(archive, [one], nobody).records
    assert [entry.seq for entry in record.entries] == [one, judged]


@given(st.data())
def test_no_judgement_is_torn(data: st.DataObject) -> None:
    archive = Entries()
    messages = [archive.message() for _ in range(data.draw(st.integers(1, 8)))]
    some = st.lists(st.sampled_from(messages), min_size=1, max_size=4, unique=True)
    for group in data.draw(st.lists(some, max_size=4)):
        archive.judged(*group)
    held = data.draw(st.sets(st.sampled_from(messages)))
    chosen = choose(archive, messages, lambda _: dict.fromkeys(held, ("m",)))
    going = {record.message.seq for record in chosen.records}
    assert not going & held
    for entry in archive.all:
        if entry.document.get("event") == "judged" and int(entry.subject_id[1:]) in going:
            assert {each["seq"] for each in entry.document["records"]} <= going
    assert going | {seq for seqs in chosen.spared.values() for seq in seqs} == set(messages)
