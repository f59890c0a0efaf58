"""The bench's tables: medians, ratios within a round, and verdicts."""

from __future__ import annotations

import pytest

from bench.processes import Memory
from bench.scenarios import Delay, Footprint, Measured
from bench.table import ADDED_P50, LARGE, TIMES, Target, all_tables, delay_table, layout, ratios, spread
from bench.turns import SlowFsync

NAMES = {"direct": "direct", "gateway": "gateway", "postfix-proxy": "proxy", "haraka": "Haraka"}


@pytest.mark.parametrize(
    ("values", "digits", "expected"),
    [
        ((), 0, ("–", "")),
        ((1234.4,), 0, ("1,234", "")),
        ((3.0, 1.0, 2.0), 1, ("2.0", "1.0–3.0")),
    ],
)
def test_spread(values: tuple[float, ...], digits: int, expected: tuple[str, str]) -> None:
    assert spread(values, digits) == expected


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([10, 30, 20], [5, 10]) == [2, 3]
    assert ratios([], [5]) == []


@pytest.mark.parametrize(
    ("target", "value", "expected"),
    [
        (TIMES["haraka"], 2.0, "≥ 2× met"),
        (TIMES["haraka"], 1.99, "≥ 2× MISSED"),
        (ADDED_P50, 2.0, "≤ 2 ms met"),
        (ADDED_P50, 2.01, "≤ 2 ms MISSED"),
        (LARGE, 250.0, "≥ 200 MB/s met"),
    ],
)
def test_verdict(target: Target, value: float, expected: str) -> None:
    assert target.verdict(value) == expected


def test_layout_aligns_columns() -> None:
    assert layout("T", ("", "n"), [("a", "1"), ("bb", "10")]).splitlines()[2:] == [
        "     n",
        "a    1",
        "bb  10",
    ]


def test_throughput_names_gateway_ratio_and_target() -> None:
    measured = {
        "gateway": Measured(reused=[100, 220, 300]),
        "haraka": Measured(reused=[50, 100, 100]),
        "postfix-proxy": Measured(),
    }
    (table,) = all_tables(measured, NAMES, None)
    haraka = next(line for line in table.splitlines() if line.startswith("Haraka"))
    assert "2.20×" in haraka and "2.00–3.00" in haraka and "≥ 2× met" in haraka
    assert "proxy" not in table


def test_delay_is_added_to_the_direct_way() -> None:
    measured = {
        "direct": Measured(delay_p50=[0.1], delay_p99=[0.5]),
        "gateway": Measured(delay_p50=[1.1], delay_p99=[20.5]),
    }
    line = delay_table(measured, NAMES).splitlines()[-1].split()
    assert line == [
        "gateway",
        "1.10",
        "1.00",
        "≤",
        "2",
        "ms",
        "met",
        "20.50",
        "20.00",
        "≤",
        "10",
        "ms",
        "MISSED",
    ]


def test_memory_and_fsync_tables() -> None:
    foot = Footprint(
        Memory(10_000_000, 20_000_000, 3),
        Memory(30_000_000, 40_000_000, 3),
        Memory(600_000_000, 700_000_000, 3),
        samples=9,
        seconds=4.0,
        refusals=7,
    )
    slow = SlowFsync(added_ms=5.1, plain=[1000, 2000], slowed=[600, 1200])
    memory, fsync = all_tables({"gateway": Measured(footprint=[foot])}, NAMES, slow)
    assert memory.splitlines()[-1].split() == ["gateway", "10", "30", "40", "3", "600", "700", "4.0", "7"]
    assert "0.60×" in fsync and "≥ 0.5× met" in fsync


def test_nothing_measured_prints_nothing() -> None:
    assert all_tables({"gateway": Measured()}, NAMES, None) == []
    assert Delay(1.0, 2.0, 3).messages == 3
