"""Whom the bench measures: the gateway and its peers, each started on loopback from a folder of its own.

A candidate builds itself or says what it lacks before anything runs (`prepare`), and starts as a `Running` that
stands between the generator and a sink.
"""

from __future__ import annotations

import abc
from pathlib import Path

from bench.processes import Child


class Running(abc.ABC):
    """A candidate that takes mail on `port` and hands it to the sink."""

    port: int
    child: Child | None

    def settle(self, seconds: float) -> str | None:
        """Wait for work that goes on after the last reply; a remark if it is not done after `seconds`."""
        return None

    def audit(self, accepted: int) -> dict[str, int]:
        """Called after `stop` with what the sink accepted: counts to be added up; BenchError if they disagree."""
        return {}

    def stop(self) -> None:
        if self.child is not None:
            self.child.stop()


class Candidate(abc.ABC):
    """Something to measure. `name` is for the command line, `title` for the table."""

    name: str
    title: str

    def prepare(self) -> str | None:
        """Build or fetch what it needs, once. Why it cannot run here and what to do about it, or None.

        Raises BenchError where building fails.
        """
        return None

    @abc.abstractmethod
    def version(self) -> str: ...

    @abc.abstractmethod
    def start(self, folder: Path, sink_port: int) -> Running:
        """Start it in `folder` (empty, its own), relaying to the sink; BenchError if it does not come up."""
