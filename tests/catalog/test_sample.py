"""Stratified samples: how many of each stratum, which ones, and what the catalog offers for them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.catalog.sample import Draw, allocate, candidates, recipients
from gateway.catalog.store import Store

SIZES = st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.integers(0, 5000), max_size=12)


# --- how many of each -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "size", "expected"),
    [
        ({"a": 800, "b": 150, "c": 50}, 100, {"a": 80, "b": 15, "c": 5}),
        # a share below one is one, and the others share what is left
        ({"a": 9000, "b": 990, "c": 10}, 100, {"a": 89, "b": 10, "c": 1}),
        # the largest remainder: 3.33, 3.33 and 3.33 are 4, 3 and 3
        ({"a": 10, "b": 10, "c": 10}, 10, {"a": 4, "b": 3, "c": 3}),
        ({"a": 2, "b": 3}, 100, {"a": 2, "b": 3}),
        ({"a": 5, "b": 0}, 2, {"a": 2}),
        # too few for one of each: the largest strata
        ({"a": 1, "b": 7, "c": 5}, 2, {"a": 0, "b": 1, "c": 1}),
        ({}, 5, {}),
    ],
)
def test_allocation(sizes: Mapping[str, int], size: int, expected: Mapping[str, int]) -> None:
    assert allocate(sizes, size) == expected


@given(SIZES, st.integers(1, 3000))
def test_an_allocation_adds_up_and_fits(sizes: Mapping[str, int], size: int) -> None:
    given_ = allocate(sizes, size)
    full = {key: count for key, count in sizes.items() if count}
    assert given_.keys() == full.keys()
    assert sum(given_.values()) == min(size, sum(full.values()))
    assert all(0 <= given_[key] <= full[key] for key in full)
    if size >= len(full):
        assert all(given_.values())


@given(SIZES, st.integers(1, 3000))
def test_an_allocation_is_in_proportion(sizes: Mapping[str, int], size: int) -> None:
    """A larger stratum never gets less; of those with more than one, none is more than one off its share."""
    assume(size >= len(sizes))
    given_ = allocate(sizes, size)
    by_size = sorted(given_, key=lambda key: sizes[key])
    for smaller, larger in pairwise(by_size):
        if sizes[smaller] < sizes[larger]:
            assert given_[smaller] <= given_[larger]
    shared = [key for key in given_ if given_[key] > 1]
    whole, drawn = sum(sizes[key] for key in shared), sum(given_[key] for key in shared)
    for key in shared:
        assert abs(given_[key] * whole - drawn * sizes[key]) < 2 * whole


@given(SIZES, st.integers(1, 3000), st.randoms(use_true_random=False))
def test_an_allocation_does_not_depend_on_the_order(
    sizes: Mapping[str, int], size: int, shuffle: random.Random
) -> None:
    items = list(sizes.items())
    shuffle.shuffle(items)
    assert allocate(dict(items), size) == allocate(sizes, size)


# --- which ones -----------------------------------------------------------------------------------------

STRATA = {"even": 50, "odd": 50}


def draw(seed: int, wanted: Mapping[str, int], order: list[int]) -> dict[str, list[int]]:
    drawing: Draw[str, int] = Draw(seed, wanted)
    for number in order:
        drawing.offer("odd" if number % 2 else "even", f"id-{number:03}", number)
    return drawing.drawn()


@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.randoms(use_true_random=False))
def test_a_seed_draws_the_same_in_any_order(seed: int, size: int, shuffle: random.Random) -> None:
    wanted = {"even": size, "odd": 3}
    numbers = list(range(100))
    first = draw(seed, wanted, numbers)
    shuffle.shuffle(numbers)
    assert draw(seed, wanted, numbers) == first
    assert {key: len(found) for key, found in first.items()} == {
        key: min(count, 50) for key, count in wanted.items() if count
    }
    assert all(number % 2 == (key == "odd") for key, found in first.items() for number in found)
    assert all(len(set(found)) == len(found) for found in first.values())


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 20))
def test_a_larger_sample_holds_the_smaller(seed: int, size: int, more: int) -> None:
    few, many = (draw(seed, {"even": count}, list(range(100)))["even"] for count in (size, size + more))
    assert set(few) < set(many)


def test_every_message_is_as_likely_as_another() -> None:
    """5 of 50 with 2,000 seeds: each is drawn about 200 times (six standard deviations are 80)."""
    drawn = Counter(
        number for seed in range(2000) for number in draw(seed, {"even": 5}, list(range(100)))["even"]
    )
    assert len(drawn) == 50
    assert all(abs(count - 200) < 80 for count in drawn.values())


# --- what the catalog offers -----------------------------------------------------------------------------


def test_candidates_know_their_author_and_their_findings(written: Callable[..., Store], rows: Any) -> None:
    copied = rows.finding("f2", 2, rule="coach/privacy-copy")
    store = written(
        rows.batch(
            4,
            messages=[rows.message(seq, role="outbound", listener="out") for seq in (1, 2, 3, 4)],
            participants=[
                rows.participant(1, 0, "envelope_from", "Only@Out.example"),
                rows.participant(2, 0, "sender", "sender@out.example"),
                rows.participant(2, 1, "to", "a@district.example"),
                rows.participant(3, 0, "from", "first@out.example"),
                rows.participant(3, 1, "from", "second@out.example"),
                rows.participant(3, 2, "envelope_from", "bounce@out.example"),
            ],
            findings=[copied, rows.finding("f3", 3)],
        )
    )
    with store.engine.connect() as connection:
        found = list(candidates(connection, "coach/privacy-copy", None, None))
        some = candidates(
            connection,
            "coach/privacy-copy",
            rows.noon + timedelta(minutes=2),
            rows.noon + timedelta(minutes=4),
        )
        assert [one.seq for one in some] == [2, 3]
    assert [(one.seq, one.author, one.flagged, one.marked) for one in found] == [
        (1, "only@out.example", False, False),
        (2, "sender@out.example", True, True),
        (3, "first@out.example", True, False),
        (4, "", False, False),
    ]
    assert {(one.role, one.listener) for one in found} == {("outbound", "out")}


def test_the_gateways_own_letters_are_no_mail_to_check(written: Callable[..., Store], rows: Any) -> None:
    letters = [rows.message(2, role="notice", listener="notices")]
    store = written(rows.batch(2, messages=[rows.message(1), *letters]))
    with store.engine.connect() as connection:
        assert [one.seq for one in candidates(connection, "coach/privacy-copy", None, None)] == [1]


def test_recipients_are_counted_once_each(written: Callable[..., Store], rows: Any) -> None:
    store = written(
        rows.batch(
            2,
            messages=[rows.message(1), rows.message(2)],
            participants=[
                rows.participant(1, 0, "from", "x@out.example"),
                rows.participant(1, 1, "to", "a@district.example"),
                rows.participant(1, 2, "cc", "b@district.example"),
                rows.participant(1, 3, "envelope_to", "A@district.example"),
                rows.participant(1, 4, "envelope_to", "blind@district.example"),
            ],
        )
    )
    with store.engine.connect() as connection:
        assert recipients(connection, [2, 1]) == {1: 3, 2: 0}
        assert recipients(connection, []) == {}
