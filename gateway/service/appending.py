"""A process's way into the archive, as the configuration has it, counted by the metrics."""

from __future__ import annotations

from gateway.archive.archive import IN_FLIGHT, Archive
from gateway.archive.configured import keys_of
from gateway.config import Config
from gateway.telemetry.metrics import Metrics


class CommitMetrics:
    """Counts what the archive does."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def committed(self, entries: int, seconds: float) -> None:
        self._metrics.archive_commit_entries.observe(entries)
        self._metrics.archive_commit_seconds.observe(seconds)

    def failed(self, reason: str) -> None:
        self._metrics.archive_failures.labels(reason).inc()


def open_archive(config: Config, metrics: Metrics, *, in_flight: int = IN_FLIGHT) -> Archive:
    """The archive, to append to. `in_flight`: batches on their way at once."""
    return Archive(
        config.storage.archive,
        compression_level=config.archive.compression_level,
        min_free=config.storage.min_free,
        observer=CommitMetrics(metrics),
        keys=keys_of(config),
        in_flight=in_flight,
    )
