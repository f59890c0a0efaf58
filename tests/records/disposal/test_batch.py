"""What a batch is after some acts: a table for those who approve disposals."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.records.disposal.batch import NotAllowed, State, batches, listing_sha256
from gateway.records.spans import count_of, numbers_of, spans_of, told

PERMITTED: dict[str, Any] = {"number": "117", "date": "2034-01-05", "name": "p.pdf", "sha256": "cd" * 32}
BATCH = "00000000-0000-4000-8000-00000000000b"

# What happened after the proposal, each as event and person; the state it comes to; who has approved.
HISTORIES: dict[str, tuple[list[tuple[str, str]], str, tuple[str, ...]]] = {
    "nothing": ([], "proposed", ()),
    "permission": ([("permitted", "Pat")], "permitted", ()),
    "approval before the permission does not count": (
        [("approved", "Pat"), ("permitted", "Pat")], "permitted", ()),
    "one approval": ([("permitted", "Pat"), ("approved", "Pat")], "permitted", ("Pat",)),
    "two people": ([("permitted", "Pat"), ("approved", "Pat"), ("approved", "Kim")], "approved", ("Pat", "Kim")),
    "one person twice": ([("permitted", "Pat"), ("approved", "Pat"), ("approved", "Pat")], "permitted", ("Pat",)),
    "one person twice, written otherwise": (
        [("permitted", "Pat"), ("approved", "Pat Lee"), ("approved", "PAT  lee")], "permitted", ("Pat Lee",)),
    "a third approval changes nothing": (
        [("permitted", "Pat"), ("approved", "Pat"), ("approved", "Kim"), ("approved", "Lou")],
        "approved", ("Pat", "Kim")),
    "begun without approval": ([("permitted", "Pat"), ("approved", "Pat"), ("begun", "Kim")], "permitted", ("Pat",)),
    "withdrawn": ([("permitted", "Pat"), ("withdrawn", "Pat"), ("approved", "Pat")], "withdrawn", ()),
    "too late to withdraw": (
        [("permitted", "P"), ("approved", "Pat"), ("approved", "Kim"), ("begun", "Kim"), ("withdrawn", "Pat")],
        "begun", ("Pat", "Kim")),
    "done": (
        [("permitted", "P"), ("approved", "Pat"), ("approved", "Kim"), ("begun", "Kim"), ("done", "")],
        "done", ("Pat", "Kim")),
}  # fmt: skip


@pytest.mark.parametrize("history", HISTORIES)
def test_a_batch_after_some_acts(acts: Any, history: str) -> None:
    steps, state, approvers = HISTORIES[history]
    acts.proposed()
    for event, by in steps:
        match event:
            case "permitted":
                acts.permitted()
            case "approved":
                acts.approved(by)
            case _:
                acts.add(f"disposal-{event}", by)
    (batch,) = batches(acts).values()
    assert (batch.state, batch.approvers) == (state, approvers)


def test_an_approval_of_another_listing_does_not_count(acts: Any) -> None:
    acts.proposed().permitted().approved("Pat", "00" * 32)
    assert batches(acts)[BATCH].approvers == ()


def test_the_first_proposal_of_a_batch_counts(acts: Any) -> None:
    acts.proposed("Pat").proposed("Mallory")
    assert batches(acts)[BATCH].proposed.by == "Pat"


def test_what_is_not_allowed_says_what_is(acts: Any) -> None:
    batch = batches(acts.proposed())[BATCH]
    with pytest.raises(NotAllowed, match="is proposed; expected approved or begun"):
        batch.require(State.APPROVED, State.BEGUN)


ORDER = st.lists(st.sampled_from(["permitted", "approved", "begun", "done", "withdrawn"]), max_size=9)


@given(order=ORDER, people=st.lists(st.sampled_from(["Pat", "Kim", "pat "]), min_size=9, max_size=9))
def test_nothing_begins_without_permission_and_two_people(order: list[str], people: list[str]) -> None:
    from tests.records.disposal.conftest import Acts

    made = Acts().proposed()
    for event, by in zip(order, people, strict=False):
        if event == "permitted":
            made.permitted()
        elif event == "approved":
            made.approved(by)
        else:
            made.add(f"disposal-{event}", by)
    batch = batches(made)[BATCH]
    if batch.state in (State.BEGUN, State.DONE):
        assert batch.permission is not None
        assert {name.strip().casefold() for name in batch.approvers} == {"pat", "kim"}
        seqs = [batch.approvals[0].seq, batch.approvals[1].seq]
        assert next(act.seq for act in made if act.event == "disposal-permitted") < min(seqs)
        assert batch.begun is not None
        assert batch.begun.seq > max(seqs)


@given(st.sets(st.integers(1, 60)))
def test_spans_are_the_numbers(numbers: set[int]) -> None:
    spans = spans_of(numbers)
    assert list(numbers_of(spans)) == sorted(numbers)
    assert count_of(spans) == len(numbers)
    assert all(one[1] + 1 < other[0] for one, other in pairwise(spans))


def test_spans_in_words() -> None:
    assert told([[1, 5], [9, 9]]) == "1-5, 9"


def test_a_listing_is_its_numbers_ids_and_digests() -> None:
    one = listing_sha256([(1, "a", "b"), (2, "c", "d")])
    assert one != listing_sha256([(1, "a", "b")])
    assert one == listing_sha256(iter([(1, "a", "b"), (2, "c", "d")]))
