"""Counters, gauges and histograms: exact, bounded, never raising for a label's value."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.series import MAX_CELLS, Counter, Gauge, Histogram
from gateway.telemetry.table import OTHER, TABLE, Kind, Series

BY_NAME = {series.attribute: series for series in TABLE}


def counter(name: str = "transactions") -> Counter:
    return Counter(BY_NAME[name])


def exported(family: Counter) -> dict[tuple[str, ...], float]:
    return {labels: cell.value for labels, cell in family.cells() if cell.value}


def test_a_counter_counts_by_its_labels() -> None:
    family = counter()
    family.labels("inbound", "relayed").inc()
    family.labels("inbound", "relayed").inc(2)
    family.labels("outbound", "failed").inc()
    assert exported(family) == {("inbound", "relayed"): 3, ("outbound", "failed"): 1}


def test_numbers_are_labels_too() -> None:
    family = counter("replies")
    family.labels("inbound", 250).inc()
    family.labels("inbound", "250").inc()
    assert exported(family) == {("inbound", "250"): 2}


def test_without_labels_the_family_is_its_own_cell() -> None:
    family = counter("decide_errors")
    family.inc()
    assert exported(family) == {(): 1}


def test_a_value_outside_a_closed_set_is_other() -> None:
    family = counter()
    family.labels("inbound", "exploded").inc()
    assert exported(family) == {("inbound", OTHER): 1}


def test_an_address_never_becomes_a_label() -> None:
    family = counter("upstream_opened")
    family.labels("ada@school.example").inc()
    assert exported(family) == {(OTHER,): 1}


def test_open_labels_are_bounded() -> None:
    family = counter("rule_errors")
    for number in range(3 * MAX_CELLS):
        family.labels(f"rule-{number}").inc()
    found = exported(family)
    assert len(found) <= MAX_CELLS + 1
    assert sum(found.values()) == 3 * MAX_CELLS
    assert found[(OTHER,)] == 2 * MAX_CELLS


def test_a_wrong_number_of_labels_is_a_programming_error() -> None:
    with pytest.raises(TypeError, match="mailgw_transactions_total has the labels listener, result"):
        counter().labels("inbound")


def test_closed_labels_exist_before_their_first_event() -> None:
    labels = {labels for labels, _ in counter("archive_failures").cells()}
    assert labels == {("full",), ("io",), ("closed",)}


def test_declared_labels_exist_before_their_first_event() -> None:
    family = counter("upstream_failures")
    family.declare({"route": ("a.example", "b.example")})
    assert len(dict(family.cells())) == 2 * len(family.series.labels["reason"])


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as the interpreter lets them."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("restless")
def test_no_update_is_lost_between_threads() -> None:
    """For so long that a counter which can lose updates has lost some."""
    family, apart = counter(), Apart()
    gauge, histogram = Gauge(BY_NAME["in_flight_bytes"]), Histogram(BY_NAME["phase_seconds"])

    def work() -> None:
        for _ in range(20_000):
            family.labels("inbound", "relayed").inc()
            gauge.labels().inc(2)
            histogram.labels("relay").observe(0.25)
            apart.inc()

    done = 0
    while apart.value == done:
        threads = [Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done += 80_000
        assert exported(family) == {("inbound", "relayed"): done}
        assert gauge.labels().read() == 2 * done
        counts, total = histogram.labels("relay").read()
        assert (sum(counts), total) == (done, done / 4)


class Apart:
    """A counter that calls something between reading and storing."""

    def __init__(self) -> None:
        self.value = 0

    def inc(self) -> None:
        value = self.value
        id(self)
        self.value = value + 1


def test_a_gauge_says_nothing_before_it_is_set() -> None:
    gauge = Gauge(BY_NAME["in_flight_bytes"])
    assert gauge.labels().read() is None
    gauge.inc(10)
    gauge.dec(4)
    assert gauge.labels().read() == 6
    gauge.set(1)
    assert gauge.labels().read() == 1


def test_a_gauge_asks_its_function_and_keeps_the_last_value_when_it_fails() -> None:
    answers = iter([7.0])
    gauge = Gauge(BY_NAME["disk_free_bytes"])
    gauge.set_function(lambda: next(answers))
    assert gauge.labels().read() == 7.0
    assert gauge.labels().read() == 7.0  # StopIteration inside


BUCKETS = Series("x", Kind.HISTOGRAM, "mailgw_x_seconds", "x", buckets=(1, 2, 5))


@pytest.mark.parametrize(
    ("value", "counts"),
    [(0, [1, 0, 0, 0]), (1, [1, 0, 0, 0]), (1.001, [0, 1, 0, 0]), (5, [0, 0, 1, 0]), (5.1, [0, 0, 0, 1])],
)
def test_a_bucket_holds_its_upper_bound(value: float, counts: list[float]) -> None:
    histogram = Histogram(BUCKETS)
    histogram.observe(value)
    assert histogram.labels().read() == (counts, value)


@given(st.lists(st.floats(min_value=0, max_value=1e9)))
def test_every_observation_is_in_exactly_one_bucket(values: list[float]) -> None:
    histogram = Histogram(BUCKETS)
    for value in values:
        histogram.observe(value)
    counts, total = histogram.labels().read()
    assert sum(counts) == len(values)
    assert counts[0] == sum(value <= 1 for value in values)
    assert total == pytest.approx(sum(values))
