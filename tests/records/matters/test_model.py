"""Acts to matters: tables of what counts, and laws that hold of any acts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.acts import Act
from gateway.message import events
from gateway.records.matters import Matter, matters, named
from gateway.records.matters.acts import matter_name
from gateway.records.matters.covering import EVERYTHING
from gateway.search.query.tree import Is, Keyword, Or
from tests.records.matters.said import NOON, closed, lifted, opened, placed, sequence

BUS = Is(Keyword.PERSON, "bus")


def told(matter: Matter) -> str:
    """A matter in few letters: `Doe +1 -2 closed`: hold 1 stands, hold 2 was lifted."""
    holds = [f"{'+' if hold.lifted is None else '-'}{hold.number}" for hold in matter.holds]
    return " ".join([matter.name, *holds, *(["closed"] if matter.closed else [])])


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ([], []),
        ([opened("a", "Doe")], ["Doe"]),
        ([opened("a", "Doe"), placed("a", "bus")], ["Doe +1"]),
        ([opened("a", "Doe"), placed("a", "bus"), lifted("a", 1)], ["Doe -1"]),
        ([opened("a", "Doe"), opened("b", "Roe"), placed("b", "bus")], ["Doe", "Roe +1"]),
        # the same matter, and the same name, opened twice
        ([opened("a", "Doe"), opened("a", "Roe")], ["Doe"]),
        ([opened("a", "Doe"), opened("b", "DOE")], ["Doe"]),
        ([opened("a", "Dóe  v. Harbor"), opened("b", "doe V. harbor")], ["Dóe v. Harbor"]),
        ([opened("a", "Doe"), closed("a"), opened("b", "Doe")], ["Doe closed"]),
        # two at the same time: both hold
        ([opened("a", "Doe"), placed("a", "bus"), placed("a", "van")], ["Doe +1 +2"]),
        ([opened("a", "Doe"), placed("a", "bus", number=4), placed("a", "van", number=4)], ["Doe +4 +5"]),
        ([opened("a", "Doe"), placed("a", "bus", number=-1)], ["Doe +1"]),
        ([opened("a", "Doe"), placed("a", "bus", number=10**12)], ["Doe +1"]),
        # lifted what is lifted, what is not there, another matter's
        ([opened("a", "Doe"), placed("a", "bus"), lifted("a", 1), lifted("a", 1)], ["Doe -1"]),
        ([opened("a", "Doe"), placed("a", "bus"), lifted("a", 2)], ["Doe +1"]),
        ([opened("a", "Doe"), placed("a", "bus"), lifted("b", 1)], ["Doe +1"]),
        ([opened("a", "Doe"), lifted("a", 1), placed("a", "bus")], ["Doe +1"]),
        # a number is never given again
        (
            [opened("a", "Doe"), placed("a", "bus"), lifted("a", 1), placed("a", "van", number=1)],
            ["Doe -1 +2"],
        ),
        # closed: everything is lifted, and nothing happens any more
        ([opened("a", "Doe"), placed("a", "bus"), placed("a", "van"), closed("a")], ["Doe -1 -2 closed"]),
        ([opened("a", "Doe"), closed("a"), placed("a", "bus")], ["Doe closed"]),
        ([opened("a", "Doe"), closed("a"), closed("a"), opened("a", "Roe")], ["Doe closed"]),
        # whose opening is not there: it holds all the same
        ([placed("a", "bus")], ["a +1"]),
        ([placed("a", "bus"), lifted("a", 1)], ["a -1"]),
        ([placed("a", "bus"), closed("a")], ["a -1 closed"]),
        ([placed("a", "bus"), opened("a", "Doe")], ["Doe +1"]),
        ([opened("b", "Doe"), placed("a", "bus"), opened("a", "Doe")], ["Doe", "a +1"]),
        ([lifted("a", 1), closed("b")], []),
    ],
)
def test_what_acts_make(said: list[tuple[str, dict[str, Any]]], result: list[str]) -> None:
    assert [told(matter) for matter in matters(sequence(*said))] == result


def test_each_step_has_who_when_and_why() -> None:
    (matter,) = matters(sequence(opened("a", "Doe"), placed("a", "bus", ["x"]), lifted("a", 1), closed("a")))
    (hold,) = matter.holds
    steps = [matter.opened, hold.placed, hold.lifted, matter.closed]
    assert [(step.seq, step.by, step.reason) for step in steps if step] == [
        (1, "pat", "a letter came"),
        (2, "pat", "as asked"),
        (3, "kim", "settled"),
        (4, "kim", "settled"),
    ]
    assert [(step.at - NOON).seconds // 60 for step in steps if step] == [1, 2, 3, 4]
    assert (matter.title, matter.authority) == ("About Doe", "the superintendent")


def test_a_hold_lifted_before_its_matter_was_closed_says_who_lifted_it() -> None:
    (matter,) = matters(
        sequence(opened("a", "Doe"), placed("a", "bus"), placed("a", "van"), lifted("a", 1), closed("a"))
    )
    assert [hold.lifted.seq for hold in matter.holds if hold.lifted] == [4, 5]


@pytest.mark.parametrize("missing", ["by", "reason"])
@pytest.mark.parametrize("act", [lifted("a", 1), closed("a")])
@pytest.mark.parametrize("value", [None, "", "  ", 7])
def test_no_hold_ends_without_who_and_why(
    act: tuple[str, dict[str, Any]], missing: str, value: object
) -> None:
    said = ("a", act[1] | {missing: value})
    assert [told(each) for each in matters(sequence(opened("a", "Doe"), placed("a", "bus"), said))] == [
        "Doe +1"
    ]


@pytest.mark.parametrize("number", [True, "1", 1.0, None, [1]])
def test_no_hold_ends_by_what_is_no_number(number: object) -> None:
    said = ("a", lifted("a", 1)[1] | {"hold": number})
    assert [told(each) for each in matters(sequence(opened("a", "Doe"), placed("a", "bus"), said))] == [
        "Doe +1"
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"query": 'subject:"'},
        {"query": "nofield:x"},
        {"query": "after:30d"},
        {"query": "before:yesterday"},
        {"query": 'hold:"Roe"'},
        {"query": ["bus"]},
        {"query": "bus " * 200_000},
        {"ids": "x"},
        {"ids": [7]},
        {"ids": None},
        {"query": None},
    ],
)
def test_what_cannot_be_read_holds_everything(changes: dict[str, Any]) -> None:
    said = ("a", placed("a", "bus")[1] | changes)
    (matter,) = matters(sequence(opened("a", "Doe"), said))
    (hold,) = matter.standing
    assert hold.trouble
    assert hold.asked == EVERYTHING
    assert EVERYTHING in (matter.covers, *getattr(matter.covers, "nodes", ()))


def test_what_is_there_but_for_its_opening_is_named_by_its_id() -> None:
    (matter,) = matters([Act(1, "a", events.MATTER_OPENED, NOON, {"event": events.MATTER_OPENED, "name": 7})])
    assert (matter.name, matter.title) == ("a", "")


def test_what_a_matter_covers() -> None:
    (doe,) = matters(
        sequence(
            opened("a", "Doe"),
            placed("a", "person:bus", ["x", "y"]),
            placed("a", "person:van"),
            lifted("a", 2),
        )
    )
    assert doe.covers == Or((BUS, Is(Keyword.ID, "x"), Is(Keyword.ID, "y")))
    (only,) = matters(sequence(opened("a", "Doe"), placed("a", None, ["x"])))
    assert only.covers == Is(Keyword.ID, "x")
    (nothing,) = matters(sequence(opened("a", "Doe"), placed("a", "bus"), closed("a")))
    assert nothing.covers == Or(())


@pytest.mark.parametrize(
    ("asked", "prefix", "found"),
    [
        ("doe v.  HARBOR", False, ["Doe v. Härbor"]),
        ("doe", False, []),
        ("doe", True, ["Doe v. Härbor", "doe & sons"]),
        ("", True, ["Doe v. Härbor", "doe & sons", "x"]),
        ("B", False, ["doe & sons"]),
        ("nobody", True, []),
    ],
)
def test_which_matter_is_meant(asked: str, prefix: bool, found: list[str]) -> None:
    known = matters(sequence(opened("a", "Doe v. Härbor"), opened("b", "doe & sons"), opened("c", "x")))
    assert [matter.name for matter in named(known, asked, prefix)] == found


@pytest.mark.parametrize("name", ["", "  ", "…", "a*", "a" * 201, "a\x1b[2J", "a\u202eb", "a\0", "\ud800a"])
def test_no_matter_is_called_what_nobody_can_ask_for(name: str) -> None:
    with pytest.raises(ValueError, match="expected a name"):
        matter_name(name)


@pytest.mark.parametrize(
    "name", ["Doe v. Härbor", 'the "bus" matter', "東京", "2026-18", "O'Brien (II) | x:y"]
)
def test_names_of_matters(name: str) -> None:
    assert matter_name(f"  {name.replace(' ', '  ')} ") == name


# --- laws ----------------------------------------------------------------------------------------------

subjects, names = st.sampled_from("abc"), st.sampled_from(["Doe", "doe", "Roe"])
any_act = st.one_of(
    st.builds(opened, subjects, names),
    st.builds(placed, subjects, st.sampled_from(["bus", "van", "("]), st.just(()), st.integers(-1, 4)),
    st.builds(lifted, subjects, st.integers(-1, 4)),
    st.builds(closed, subjects),
    st.builds(
        lambda subject, event, more: (subject, {"event": event} | more),
        subjects,
        st.sampled_from(
            [events.MATTER_OPENED, events.MATTER_HELD, events.MATTER_LIFTED, events.MATTER_CLOSED]
        ),
        st.dictionaries(
            st.sampled_from(["by", "reason", "hold", "query", "ids", "name"]),
            st.none() | st.integers(-1, 3) | st.text(max_size=3) | st.lists(st.text(max_size=2), max_size=2),
        ),
    ),
)
histories = st.lists(any_act, max_size=14)


def facts(found: tuple[Matter, ...]) -> dict[tuple[str, int], tuple[object, ...]]:
    """Each hold by its matter and number: what it covers, who placed and who lifted it."""
    return {
        (each.id, hold.number): (hold.asked, hold.placed, hold.lifted)
        for each in found
        for hold in each.holds
    }


@given(histories, any_act)
@settings(deadline=None)
def test_the_first_counts(said: list[tuple[str, dict[str, Any]]], later: tuple[str, dict[str, Any]]) -> None:
    """Whatever comes later changes nothing of what was said before, but for lifting by name and with a reason."""
    before, after = matters(sequence(*said)), matters(sequence(*said, later))
    old, new = facts(before), facts(after)
    assert old.keys() <= new.keys()
    for place, (asked, placed_by, lifted_by) in old.items():
        assert new[place][:2] == (asked, placed_by)
        if new[place][2] != lifted_by:
            document = later[1]
            assert lifted_by is None
            assert document["event"] in (events.MATTER_LIFTED, events.MATTER_CLOSED)
            assert document["by"].strip()
            assert document["reason"].strip()
    kept = [(each.id, each.opened, each.closed) for each in before if each.opened and each.closed]
    assert kept == [
        (each.id, each.opened, each.closed) for each in after if each.id in {id for id, *_ in kept}
    ]


@given(histories)
@settings(deadline=None)
def test_no_hold_is_lost_and_names_are_their_own(said: list[tuple[str, dict[str, Any]]]) -> None:
    acts = sequence(*said)
    found = matters(acts)
    over: dict[str, int] = {each.id: each.closed.seq for each in found if each.closed}
    asked = {
        act.seq for act in acts if act.event == events.MATTER_HELD and act.seq < over.get(act.subject, 10**9)
    }
    assert {hold.placed.seq for each in found for hold in each.holds} == asked
    assert all(len({hold.number for hold in each.holds}) == len(each.holds) for each in found)
    assert all(len(named(found, each.name)) == 1 for each in found)
    assert not [hold for each in found if each.closed for hold in each.standing]


@given(histories, st.randoms())
@settings(deadline=None)
def test_the_order_in_the_archive_is_what_counts(said: list[tuple[str, dict[str, Any]]], chance: Any) -> None:
    acts = sequence(*said)
    shuffled = list(acts)
    chance.shuffle(shuffled)
    assert matters(shuffled) == matters(acts)
