"""The directory in use, and its replacement when the files change.

Promises: `directory` is at any moment one whole snapshot (the swap is one assignment, which Python makes
atomic); a roster that is refused changes nothing; files that change while they are read are not used.
Nothing runs by itself here: the owner decides when to look, in a thread if the event loop must not wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from gateway.directory.importer import Import, RosterError, read_roster
from gateway.directory.snapshot import Directory
from gateway.directory.source import fingerprint

# A file written to within this time may still be on its way here; it is left for the next look.
SETTLE = timedelta(seconds=2)


class Watched:
    """Holds the current directory; empty until `load`, and for good where `path` is None.

    `clock` gives the time in the district's zone; the roster's dates are judged by its day.
    """

    def __init__(
        self,
        path: Path | None,
        domains: tuple[str, ...],
        *,
        max_shrink: float,
        clock: Callable[[], datetime],
        settle: timedelta = SETTLE,
    ) -> None:
        self._path = path
        self._domains = domains
        self._max_shrink = max_shrink
        self._clock = clock
        self._settle = settle
        self._lock = threading.Lock()  # one reading at a time: a signal may come during a poll
        self._seen: tuple[object, ...] | None = None
        self._directory = Directory.empty(domains, clock())

    @property
    def directory(self) -> Directory:
        """The snapshot in use. Take it once for each message, so that one directory judges all of it."""
        return self._directory

    def load(self) -> Import | None:
        """Read the roster at start; None where there is none to read. Raises RosterError."""
        result = self.reload()
        if isinstance(result, RosterError):
            raise result
        return result

    def reload(self) -> Import | RosterError | None:
        """Read the roster now, changed or not; on failure the error is returned and the old one stays."""
        if self._path is None:
            return None
        with self._lock:
            return self._read(self._path)

    def reload_if_changed(self) -> Import | RosterError | None:
        """Read the roster if its files have changed or a new day has begun; None where neither is so.

        Files that cannot be used are reported once, and read again when they change.
        """
        if self._path is None:
            return None
        with self._lock:
            if self._state(self._path) == self._seen or self._unsettled(self._path):
                return None
            return self._read(self._path)

    def _read(self, path: Path) -> Import | RosterError:
        now = self._clock()
        before = self._state(path)
        previous = self._directory if self._directory.people else None
        try:
            result = read_roster(path, self._domains, now=now, previous=previous, max_shrink=self._max_shrink)
        except RosterError as error:
            self._seen = before
            return error
        if self._state(path) != before:
            return RosterError(f"{path}: expected files at rest; they changed while they were read")
        self._seen = before
        self._directory = result.directory
        return result

    def _state(self, path: Path) -> tuple[object, ...]:
        """What a reading depends on: the files, and the day by which their dates are judged."""
        return (self._clock().date(), *fingerprint(path))

    def _unsettled(self, path: Path) -> bool:
        """Whether a file was written to a moment ago (one from the future counts as settled)."""
        now_ns = int(self._clock().timestamp() * 1e9)
        settle_ns = int(self._settle.total_seconds() * 1e9)
        return any(0 <= now_ns - modified < settle_ns for _, _, modified, _ in fingerprint(path))
