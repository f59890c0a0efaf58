"""The gateway's metrics: one object a process, passed to whoever counts something.

    metrics = Metrics.shared(storage.run / "metrics", "smtp-0")    # a process of the service
    metrics = Metrics(registry)                                   # a process that stands alone, a test
    relayed = metrics.transactions.labels("inbound", "relayed")   # bind once
    relayed.inc()                                                 # a fraction of a microsecond

Shared values are carried to files by `flush()`, which the process's loop calls every `FLUSH_SECONDS` and
`close()` at its end; the supervisor's `Aggregate` adds the files up at a scrape. A process that is
killed loses the counts of its last quarter of a second; no mail decision reads a metric.
"""

# mypy: untyped-calls-exclude=prometheus_client
from __future__ import annotations

import asyncio
import platform
from collections.abc import Iterable, Iterator
from itertools import accumulate
from math import inf
from pathlib import Path
from threading import Lock

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from gateway import __version__
from gateway.telemetry import store as files
from gateway.telemetry.series import Counter, Family, Gauge, Histogram
from gateway.telemetry.store import Store
from gateway.telemetry.table import TABLE, Kind, Series

FLUSH_SECONDS = 0.25

_FAMILIES: dict[Kind, type[Counter] | type[Gauge] | type[Histogram]] = {
    Kind.COUNTER: Counter,
    Kind.GAUGE: Gauge,
    Kind.HISTOGRAM: Histogram,
}


class Metrics:
    """Every series of `table.py` as an attribute."""

    connections: Counter
    connections_open: Gauge
    transactions: Counter
    replies: Counter
    received_bytes: Counter
    message_size_bytes: Histogram
    lost_replies: Counter
    in_flight_bytes: Gauge
    phase_seconds: Histogram
    upstream_connections: Gauge
    upstream_opened: Counter
    upstream_reused: Counter
    upstream_retries: Counter
    upstream_failures: Counter
    archive_commit_entries: Histogram
    archive_commit_seconds: Histogram
    archive_failures: Counter
    findings: Counter
    authentications: Counter
    rule_errors: Counter
    decide_errors: Counter
    held_messages: Gauge
    held_oldest_seconds: Gauge
    hold_automatic: Counter
    notices: Counter
    outbox_messages: Gauge
    outbox_oldest_seconds: Gauge
    office_errors: Counter
    outbox_attempts: Counter
    indexer_lag_entries: Gauge
    indexer_lag_seconds: Gauge
    indexer_entries: Counter
    indexer_errors: Counter
    search_lag_entries: Gauge
    search_documents: Counter
    search_errors: Counter
    ledger_entries: Gauge
    ledger_checkpoint_timestamp_seconds: Gauge
    ledger_checkpoints: Counter
    ledger_errors: Counter
    directory_people: Gauge
    directory_groups: Gauge
    directory_loaded_timestamp_seconds: Gauge
    directory_reloads: Counter
    certificate_expiry_timestamp_seconds: Gauge
    disk_free_bytes: Gauge
    build_info: Gauge
    processes: Gauge
    process_restarts: Counter

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        store: Store | None = None,
    ) -> None:
        """Values of this process; exported by `registry`, by `store`, or by neither."""
        self._families: list[Family] = []
        self._store = store
        self._flushing = Lock()
        self._told: set[Family] = set()  # series whose trouble is logged already
        for series in TABLE:
            family = _FAMILIES[series.kind](series)
            self._families.append(family)
            setattr(self, series.attribute, family)
        self.build_info.labels(__version__, platform.python_version()).set(1)
        if registry is not None:
            registry.register(_Own(self))

    @classmethod
    def shared(cls, folder: Path, process: str) -> Metrics:
        """Values that the supervisor exports. `process` is a role such as "smtp-0", one process at a time.

        Raises OSError where the folder cannot be written, ValueError for an unusable name.
        """
        return cls(store=Store(folder, process))

    def families(self) -> Iterator[Family]:
        """All series in the table's order."""
        return iter(self._families)

    def declare(
        self, *, listeners: Iterable[str] = (), routes: Iterable[str] = (), rules: Iterable[str] = ()
    ) -> None:
        """Start counters and histograms of these names at zero, so that their first event is an increase."""
        known = {"listener": tuple(listeners), "route": tuple(routes), "rule": tuple(rules)}
        for family in self._families:
            if not isinstance(family, Gauge):
                family.declare(known)

    def flush(self) -> None:
        """Carry what changed to the files. Cheap when nothing did; nothing to do without a store.

        Never raises: a series that cannot be carried (its file cannot be made, on a full disk) is logged once, keeps
        its value, and is tried again at the next flush.
        """
        with self._flushing:
            if self._store is None:
                return
            for family in self._families:
                try:
                    self._store.write(family)
                except Exception as error:
                    self._tell(family, error)

    def _tell(self, family: Family, error: Exception) -> None:
        if family not in self._told:
            self._told.add(family)
            structlog.get_logger().error("metrics.unwritten", series=family.series.name, exc_info=error)

    async def keep_flushed(self, interval: float = FLUSH_SECONDS) -> None:
        """Flush every `interval` seconds until cancelled, and then once more."""
        try:
            while True:
                await asyncio.sleep(interval)
                self.flush()
        finally:
            self.flush()

    def close(self) -> None:
        """Flush and close the files. Updates afterwards are lost, silently."""
        self.flush()
        with self._flushing:
            if self._store is not None:
                self._store.close()
                self._store = None


class Aggregate(Collector):
    """What the supervisor exports: the values of all processes; a family without any still has its header."""

    def __init__(self, folder: Path, own: Metrics | None = None) -> None:
        """`own` is the supervisor's own Metrics in the same folder; it is flushed before each scrape."""
        self._folder = folder
        self._own = own

    def describe(self) -> Iterable[Metric]:
        return [_empty(series) for series in TABLE]

    def collect(self) -> Iterable[Metric]:
        if self._own is not None:
            self._own.flush()
        found = {metric.name: metric for metric in files.merged(self._folder)}
        return [found.get(series.family) or _empty(series) for series in TABLE]


class _Own(Collector):
    """The values of this process alone, straight from memory."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        return [_empty(series) for series in TABLE]

    def collect(self) -> Iterable[Metric]:
        return [_metric(family) for family in self._metrics.families()]


def _empty(series: Series) -> Metric:
    return Metric(series.family, series.help, series.kind)


def _metric(family: Family) -> Metric:
    series = family.series
    names = list(series.labels)
    if isinstance(family, Counter):
        counter = CounterMetricFamily(series.family, series.help, labels=names)
        for labels, count in family.cells():
            counter.add_metric(labels, count.value)
        return counter
    if isinstance(family, Gauge):
        gauge = GaugeMetricFamily(series.family, series.help, labels=names)
        for labels, level in family.cells():
            value = level.read()
            if value is not None:
                gauge.add_metric(labels, value)
        return gauge
    histogram = HistogramMetricFamily(series.family, series.help, labels=names)
    for labels, spread in family.cells():
        counts, total = spread.read()
        bounds = [floatToGoString(bound) for bound in (*series.buckets, inf)]
        histogram.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), total)
    return histogram
