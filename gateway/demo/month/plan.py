"""Lays the month's scenarios out over its days.

Promises: every scenario is played at least once, those at the edge of a date on both sides of it; days are
independent of each other, so that several processes can make them; the same seed and number give the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TypeVar

from gateway.demo.month.desk import Desk, Scenario, desk_on, play
from gateway.demo.month.label import Piece
from gateway.demo.month.scenes import COUNTED, EDGES, ORDINARY, SPLIT
from gateway.demo.month.town import DAYS, FIRST, Town

T = TypeVar("T")

_PER = 10_000  # messages to which the weights of scenarios are related
_SCHOOL_DAY, _WEEKEND = 6, 1  # shares of the month's mail


def pieces_of(town: Town, day: int, seed: int, messages: int) -> list[Piece]:
    """The mail of one day of the month, of which there is about `messages` in all."""
    desk = desk_on(town, day, seed)
    found: list[Piece] = []
    for scenario in scenarios_on(day, seed, messages):
        found += play(scenario, desk)
    quota = messages * _share(day) // sum(map(_share, range(DAYS)))
    for scenario in _ordinary(day, desk):
        if len(found) >= quota:
            break
        found += play(scenario, desk)
    return found


def scenarios_on(day: int, seed: int, messages: int) -> list[Scenario]:
    """The scenarios of a day, ordinary mail left out."""
    rng = random.Random(f"plan {seed} {messages}")
    days = list(range(DAYS))
    shares = [_share(one) for one in days]
    found: list[Scenario] = []
    for scenario, weight in {**COUNTED, **SPLIT}.items():
        plays = rng.choices(days, shares, k=max(1, round(weight * messages / _PER)))
        found += [scenario] * plays.count(day)
    return found + [scenario for scenario, edges in EDGES.items() if day in edges]


def _share(day: int) -> int:
    return _SCHOOL_DAY if (FIRST + timedelta(days=day)).weekday() < 5 else _WEEKEND


def _ordinary(day: int, desk: Desk) -> Iterator[Scenario]:
    """Ordinary mail without end; in the course of the month each kind comes first once."""
    kinds = list(ORDINARY)
    yield from kinds[day : day + 1]
    yield from _any_of(ORDINARY, desk.rng)


def _any_of(choices: Mapping[T, int], rng: random.Random) -> Iterator[T]:
    while True:
        yield from rng.choices(list(choices), list(choices.values()), k=100)
