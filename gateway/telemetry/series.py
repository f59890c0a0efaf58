"""Counters, gauges and histograms that cost a fraction of a microsecond to touch.

A message touches some fourteen series. The mail path therefore adds to plain attributes here, and
`Metrics.flush` carries what changed to where it is exported, four times a second. The names of the
methods are those of prometheus_client.

An update takes no lock. It reads, adds and stores without calling anything in between, and CPython lets another
thread run at calls and backward jumps only (the "eval breaker" of ceval.c); a test with many threads holds that.

Promises: an update never raises for its value's label and never waits; values are exact over threads; labels
stay bounded: a value outside a closed set, one that could be an address, and every one beyond `MAX_CELLS` is
counted as "other".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from threading import Lock
from typing import Generic, TypeVar

from gateway.telemetry.table import OTHER, Series

MAX_CELLS = 500  # label combinations of one series; a district has some ten listeners, routes and rules

Labels = tuple[str, ...]


class CounterCell:
    """One counter with its label values."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1) -> None:
        """Add `amount`, which is not negative."""
        self.value += amount


class GaugeCell:
    """One gauge with its label values. Not exported before it was set for the first time."""

    __slots__ = ("function", "sets", "value")

    def __init__(self) -> None:
        self.value: float | None = None
        self.sets = 0  # how often it was set: the same value again is news where the latest wins
        self.function: Callable[[], float] | None = None

    def set(self, value: float) -> None:
        self.value = value
        self.sets += 1

    def inc(self, amount: float = 1) -> None:
        self.value = (self.value or 0.0) + amount
        self.sets += 1

    def dec(self, amount: float = 1) -> None:
        self.inc(-amount)

    def set_function(self, function: Callable[[], float]) -> None:
        """Ask `function` at every scrape. While it raises, the last value stays."""
        self.function = function

    def read(self) -> float | None:
        """The value now; asks the function where there is one."""
        if self.function is not None:
            try:
                self.set(float(self.function()))
            except Exception:  # whatever it is, a scrape must not fail for one value
                return self.value
        return self.value


class HistogramCell:
    """One histogram with its label values: a count for each bucket (not cumulative) and the sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0.0] * (len(bounds) + 1)  # the last one is le="+Inf"
        self.sum = 0.0

    def observe(self, amount: float) -> None:
        """Count one observation of `amount` (seconds, octets or entries)."""
        index = bisect_left(self.bounds, amount)
        self.counts[index] += 1
        self.sum += amount

    def read(self) -> tuple[list[float], float]:
        """The counts by bucket and the sum; one observation may be in the one and not yet in the other."""
        return list(self.counts), self.sum


Cell = TypeVar("Cell", CounterCell, GaugeCell, HistogramCell)


class _Family(Generic[Cell]):
    """All cells of one series by their label values."""

    __slots__ = ("_cells", "_keys", "_lock", "series")

    def __init__(self, series: Series) -> None:
        self.series = series
        self._cells: dict[Labels, Cell] = {}  # by label values as exported
        self._keys: dict[tuple[object, ...], Cell] = {}  # by label values as given
        self._lock = Lock()
        if all(series.labels.values()):
            self.declare({})

    def _new(self) -> Cell:
        raise NotImplementedError

    def labels(self, *values: object) -> Cell:
        """The cell for these label values, in the table's order. A dictionary look-up after the first call.

        Raises TypeError if their number is not the table's.
        """
        try:
            return self._keys[values]
        except KeyError:
            return self._bind(values)

    def declare(self, known: Mapping[str, Iterable[str]]) -> None:
        """Let every combination start at zero whose labels are closed or in `known` (label to values).

        A counter that appears with its first event makes no `increase()`, so no alert.
        """
        choices = [closed or tuple(known.get(name, ())) for name, closed in self.series.labels.items()]
        for values in product(*choices):
            self._bind(values)

    def cells(self) -> Iterator[tuple[Labels, Cell]]:
        with self._lock:
            found = list(self._cells.items())
        return iter(found)

    def _bind(self, given: tuple[object, ...]) -> Cell:
        names = self.series.labels
        if len(given) != len(names):
            raise TypeError(f"{self.series.name} has the labels {', '.join(names) or 'none'}; got {given!r}")
        values = tuple(
            _allowed(str(value), closed) for value, closed in zip(given, names.values(), strict=True)
        )
        with self._lock:
            if values not in self._cells and len(self._cells) >= MAX_CELLS:
                values = tuple(
                    value if closed else OTHER for value, closed in zip(values, names.values(), strict=True)
                )
            cell = self._cells.get(values)
            if cell is None:
                cell = self._cells[values] = self._new()
            if len(self._keys) < 2 * MAX_CELLS:
                self._keys[given] = cell
        return cell


def _allowed(value: str, closed: tuple[str, ...]) -> str:
    if closed:
        return value if value in closed else OTHER
    return OTHER if "@" in value else value


class Counter(_Family[CounterCell]):
    __slots__ = ()

    def _new(self) -> CounterCell:
        return CounterCell()

    def inc(self, amount: float = 1) -> None:
        """Add to the only cell of a series without labels."""
        self.labels().inc(amount)


class Gauge(_Family[GaugeCell]):
    __slots__ = ()

    def _new(self) -> GaugeCell:
        return GaugeCell()

    def set(self, value: float) -> None:
        """Set the only cell of a series without labels; likewise the others."""
        self.labels().set(value)

    def inc(self, amount: float = 1) -> None:
        self.labels().inc(amount)

    def dec(self, amount: float = 1) -> None:
        self.labels().dec(amount)

    def set_function(self, function: Callable[[], float]) -> None:
        self.labels().set_function(function)


class Histogram(_Family[HistogramCell]):
    __slots__ = ()

    def _new(self) -> HistogramCell:
        return HistogramCell(self.series.buckets)

    def observe(self, amount: float) -> None:
        """Observe into the only cell of a series without labels."""
        self.labels().observe(amount)


Family = Counter | Gauge | Histogram
