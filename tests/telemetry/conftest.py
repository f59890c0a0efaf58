"""A folder for metrics of several processes, and those processes' metrics, closed after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from gateway.telemetry.metrics import Metrics
from gateway.telemetry.series import Counter, Gauge
from gateway.telemetry.store import prepare


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare(tmp_path / "run" / "metrics")
    return tmp_path / "run" / "metrics"


@pytest.fixture
def shared(folder: Path) -> Iterator[Callable[[str], Metrics]]:
    """`shared("smtp-0")`: the metrics of a process of that name."""
    with ExitStack() as stack:
        yield lambda process: stack.enter_context(closing(Metrics.shared(folder, process)))


@pytest.fixture
def touched() -> Callable[[Metrics], Metrics]:
    """Gives every series a value, labels included, and returns the metrics."""

    def touch(metrics: Metrics) -> Metrics:
        for family in metrics.families():
            values = [closed[0] if closed else "x" for closed in family.series.labels.values()]
            if isinstance(family, Counter):
                family.labels(*values).inc()
            elif isinstance(family, Gauge):
                family.labels(*values).set(1)
            else:
                family.labels(*values).observe(1)
        return metrics

    return touch
