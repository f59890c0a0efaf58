"""The tables: medians with the least and the most of the rounds, ratios round by round, and what was to reach.

A ratio compares the gateway with a peer within one round, a minute or two apart; the table gives the median
of those. Everything here is a pure function from numbers to text.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.scenarios import HUGE_AT_ONCE, IDLE_CONNECTIONS, Footprint, Measured
from bench.turns import SlowFsync

GATEWAY = "gateway"
DIRECT = "direct"
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure has to reach before a release."""

    limit: float
    at_least: bool
    unit: str

    def verdict(self, value: float) -> str:
        met = value >= self.limit if self.at_least else value <= self.limit
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {self.limit:g}{self.unit} {'met' if met else 'MISSED'}"


# Throughput of the gateway as a multiple of each peer's, for 4 KB messages.
TIMES = {
    "postfix-proxy": Target(1.0, True, "×"),
    "haraka": Target(2.0, True, "×"),
    "postfix-queue": Target(4.0, True, "×"),
}
LARGE = Target(200.0, True, " MB/s")
ADDED_P50 = Target(2.0, False, " ms")
ADDED_P99 = Target(10.0, False, " ms")
SLOWED = Target(0.5, True, "×")

Row = tuple[str, ...]


def layout(title: str, header: Row, rows: Sequence[Row]) -> str:
    """A table in plain text: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]

    def line(row: Row) -> str:
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join((first, *others)).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join((title, rule, line(header), *map(line, rows)))


def spread(values: Sequence[float], digits: int) -> tuple[str, str]:
    """The median, and the least and the most."""
    if not values:
        return "–", ""
    return (
        f"{statistics.median(values):,.{digits}f}",
        f"{min(values):,.{digits}f}–{max(values):,.{digits}f}" if len(values) > 1 else "",
    )


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours by theirs, round by round, as far as both have rounds."""
    return [our / their for our, their in zip(ours, theirs, strict=False) if their]


def throughput_table(
    title: str,
    unit: str,
    figures: Mapping[str, Sequence[float]],
    names: Mapping[str, str],
    targets: Mapping[str, Target],
) -> str:
    rows: list[Row] = []
    ours = figures.get(GATEWAY, ())
    for name, values in figures.items():
        median, extent = spread(values, 0)
        times = ratios(ours, values) if name != GATEWAY else []
        ratio, ratio_extent = spread(times, 2)
        target = targets.get(name)
        value = statistics.median(values if name == GATEWAY else times) if values and ours else None
        verdict = target.verdict(value) if target is not None and value is not None else ""
        rows.append((names[name], median, extent, f"{ratio}×" if times else "", ratio_extent, verdict))
    return layout(title, ("", unit, "least–most", "gateway is", "least–most", "to reach"), rows)


def delay_table(measured: Mapping[str, Measured], names: Mapping[str, str]) -> str:
    """Delays, and what each candidate adds to the direct way, within each round."""
    rows: list[Row] = []
    zero = measured.get(DIRECT, Measured())
    for name, one in measured.items():
        if not one.delay_p50:
            continue
        cells = [names[name]]
        for values, base, target in (
            (one.delay_p50, zero.delay_p50, ADDED_P50),
            (one.delay_p99, zero.delay_p99, ADDED_P99),
        ):
            added = [value - ground for value, ground in zip(values, base, strict=False)]
            cells += [spread(values, 2)[0], spread(added, 2)[0] if name != DIRECT else ""]
            cells.append(target.verdict(statistics.median(added)) if name == GATEWAY and added else "")
        rows.append(tuple(cells))
    header = ("", "p50 ms", "added", "to reach", "p99 ms", "added", "to reach")
    return layout("Delay of one 4 KB message at a time, one connection, no pipelining", header, rows)


def memory_table(measured: Mapping[str, Measured], names: Mapping[str, str]) -> str:
    def size(count: int) -> str:
        return f"{count / MB:,.0f}"

    rows = [
        (
            names[name],
            size(foot.started.pss),
            size(foot.idle.pss),
            size(foot.idle.rss),
            str(foot.idle.processes),
            size(foot.peak.pss),
            size(foot.peak.rss),
            f"{foot.seconds:.1f}",
            str(foot.refusals),
        )
        for name, foot in _footprints(measured)
    ]
    header = (
        "",
        "fresh PSS",
        "idle PSS",
        "idle RSS",
        "processes",
        "peak PSS",
        "peak RSS",
        "seconds",
        "“later”",
    )
    return layout(
        f"Memory in MB, all processes: fresh; {IDLE_CONNECTIONS} idle connections, each after one message; "
        f"peak of {HUGE_AT_ONCE} messages of 20 MB at once",
        header,
        rows,
    )


def _footprints(measured: Mapping[str, Measured]) -> list[tuple[str, Footprint]]:
    return [(name, foot) for name, one in measured.items() for foot in one.footprint]


def fsync_table(slow: SlowFsync) -> str:
    times = ratios(slow.slowed, slow.plain)
    rows: list[Row] = [
        ("as it is", *spread(slow.plain, 0), "", "", ""),
        (
            f"{slow.added_ms:.1f} ms slower",
            *spread(slow.slowed, 0),
            f"{spread(times, 2)[0]}×",
            spread(times, 2)[1],
            SLOWED.verdict(statistics.median(times)) if times else "",
        ),
    ]
    return layout(
        "The gateway with a slower fsync, 4 KB messages on 20 connections, reused",
        ("fsync", "messages/s", "least–most", "of undelayed", "least–most", "to reach"),
        rows,
    )


def all_tables(
    measured: Mapping[str, Measured], names: Mapping[str, str], slow: SlowFsync | None
) -> list[str]:
    """Every table for which there are figures."""

    def figures(pick: Callable[[Measured], Sequence[float]]) -> dict[str, Sequence[float]]:
        return {name: pick(one) for name, one in measured.items() if pick(one)}

    found: list[str] = []
    small = "4 KB messages on 20 connections"
    if rates := figures(lambda one: one.reused):
        found.append(throughput_table(f"{small}, reused", "messages/s", rates, names, TIMES))
    if rates := figures(lambda one: one.new):
        found.append(
            throughput_table(f"{small}, a new one for each message", "messages/s", rates, names, TIMES)
        )
    if rates := figures(lambda one: one.large):
        found.append(
            throughput_table("10 MB messages on 4 connections", "MB/s", rates, names, {GATEWAY: LARGE})
        )
    if figures(lambda one: one.delay_p50):
        found.append(delay_table(measured, names))
    if _footprints(measured):
        found.append(memory_table(measured, names))
    if slow is not None and slow.slowed:
        found.append(fsync_table(slow))
    return found
