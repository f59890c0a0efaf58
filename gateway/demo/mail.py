"""The demo's day of mail: every scenario that matters, and ordinary mail around it.

`day(district, seed, count)` is deterministic, in the order of the clock. Each message carries what the gateway
should find in it; most carry nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import chain

from gateway.demo import coaching, coaching_right, off_channel
from gateway.demo.cast import Cast
from gateway.demo.district import District
from gateway.demo.letter import Message
from gateway.demo.ordinary import ORDINARY
from gateway.demo.stage import Scenario, Stage, play

FINDINGS: tuple[Scenario, ...] = (*off_channel.FINDINGS, *coaching.FINDINGS)
NEAR_MISSES: tuple[Scenario, ...] = (*off_channel.NEAR_MISSES, *coaching_right.NEAR_MISSES)


def day(district: District, seed: int, count: int) -> tuple[Message, ...]:
    """`count` messages, in order of time.

    Scenarios with findings and near-misses are played once for each started 600 messages, so a day has never
    fewer messages than those need (about 60), however small `count` is.
    """
    rng = random.Random(f"mail {seed}")
    stage = Stage(district, rng, Cast(district, rng))
    messages: list[Message] = []
    for _ in range(-(-count // 600) or 1):
        for scenario in (*FINDINGS, *NEAR_MISSES):
            messages += play(scenario, stage)
    coming = chain(ORDINARY, _any_of(ORDINARY, rng))  # each once, then as often as it is met
    while len(messages) < count:
        messages += play(next(coming), stage)[: count - len(messages)]
    return tuple(sorted(messages, key=lambda message: (message.at, message.message_id)))


def _any_of(scenarios: Mapping[Scenario, int], rng: random.Random) -> Iterator[Scenario]:
    """An endless choice, by weight."""
    while True:
        yield rng.choices(list(scenarios), list(scenarios.values()))[0]
