"""The roster of a process: the directory in use, read again when its files change, and what is told about that.

A bad new one is refused with its errors in the log, and the old one stays.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import datetime

import structlog

from gateway.config import Config
from gateway.directory.history import keep
from gateway.directory.importer import Import, RosterError
from gateway.directory.reload import Watched
from gateway.directory.snapshot import Directory
from gateway.telemetry.metrics import Metrics


class Roster:
    """Reads rosters, in whichever thread it is called."""

    def __init__(self, config: Config, metrics: Metrics) -> None:
        """Reads nothing yet: the directory is empty."""
        self._metrics = metrics
        self._history = config.storage.rosters
        self._log = structlog.get_logger()
        self._watched = Watched(
            config.directory.path,
            config.district.domains,
            max_shrink=config.directory.max_shrink,
            clock=lambda: datetime.now(config.district.zone),
        )

    @property
    def directory(self) -> Directory:
        """The snapshot in use."""
        return self._watched.directory

    def load(self) -> None:
        """Read the roster now. One that cannot be used is logged."""
        self._read(self._watched.reload)

    def refresh(self) -> None:
        """Read the roster where it has changed since it was last read."""
        self._read(self._watched.reload_if_changed)

    def _read(self, read: Callable[[], Import | RosterError | None]) -> None:
        """Read a roster; the garbage collector rests meanwhile, as what is read lives long."""
        gc.disable()
        try:
            result = read()
        finally:
            gc.enable()
        if isinstance(result, Import):
            gc.collect()
            gc.freeze()
            self._keep(result.directory)
        directory = self.directory
        self._metrics.directory_people.set(len(directory.people))
        self._metrics.directory_groups.set(len(directory.groups))
        self._metrics.directory_loaded_timestamp_seconds.set(directory.loaded_at.timestamp())
        if isinstance(result, RosterError):
            self._metrics.directory_reloads.labels("refused").inc()
            self._log.error("directory_refused", problem=str(result))
        elif result is not None:
            self._metrics.directory_reloads.labels("changed").inc()
            self._log.info(
                "directory_loaded",
                version=directory.version,
                people=len(directory.people),
                groups=len(directory.groups),
                problems=len(result.problems),
            )

    def _keep(self, directory: Directory) -> None:
        """Keep the directory for its day; mail is judged by it all the same where the disk will not have it."""
        try:
            keep(self._history, directory)
        except OSError as error:
            self._log.error("directory_not_kept", reason=error.strerror)
