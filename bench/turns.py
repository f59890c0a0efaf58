"""The order of things: rounds of turns, so that what drifts on the machine (heat, neighbours, the disk) drifts for
every candidate alike.

In a turn a candidate starts afresh in an empty folder before a sink of its own, is measured, stops, and is
audited against what the sink accepted. Memory and the slower fsync have turns of their own, after the rounds.

A candidate that fails is named with the reason and left out; the others go on.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.load import Sink
from bench.machine import fsync_delays
from bench.peers import Candidate, Running
from bench.peers.gateway import Gateway
from bench.processes import BenchError, run
from bench.scenarios import REUSED, STEPS, Effort, Measured, Messages, memory, throughput

Say = Callable[[str], None]
Start = Callable[[Path, int], Running]

SLOWER = 5  # ms added to each fsync
SLOW_SOURCE = Path(__file__).parent / "slowfsync.c"


@dataclass(slots=True)
class SlowFsync:
    """Messages/s of the gateway on 20 reused connections, as the disk is and with every fsync slower."""

    added_ms: float = 0.0  # as measured, not as asked for
    plain: list[float] = field(default_factory=list)
    slowed: list[float] = field(default_factory=list)
    failed: str | None = None


class Turns:
    def __init__(self, folder: Path, messages: Messages, effort: Effort, say: Say) -> None:
        self._folder = folder
        self._messages = messages
        self._effort = effort
        self._say = say

    def rounds(
        self, candidates: Sequence[Candidate], steps: Sequence[str], into: Mapping[str, Measured]
    ) -> None:
        """Every candidate in every round, unless it failed."""
        chosen = [name for name in STEPS if name in steps]
        for number in range(1, self._effort.rounds + 1) if chosen else ():
            for candidate in candidates:
                measured = into[candidate.name]
                if measured.failed:
                    continue
                with self._failures_of(candidate, measured):
                    self._say(f"round {number} of {self._effort.rounds}: {candidate.title}")
                    with self._turn(candidate.start, measured) as running:
                        for name in chosen:
                            STEPS[name](running, self._messages, self._effort, measured)
                            self._settle(running, measured)

    def footprints(self, candidates: Sequence[Candidate], into: Mapping[str, Measured]) -> None:
        """Memory, once for each candidate that has processes of its own."""
        for candidate in candidates:
            measured = into[candidate.name]
            if measured.failed or candidate.name == "direct":
                continue
            with self._failures_of(candidate, measured):
                self._say(f"memory: {candidate.title}")
                with self._turn(candidate.start, measured) as running:
                    measured.footprint.append(memory(running, self._messages.single, self._messages.huge))
                    self._settle(running, measured)

    def slow_fsync(self, gateway: Gateway, measured: Measured) -> SlowFsync:
        """The gateway in turns with itself: undelayed, delayed. `failed` says why where it did not come to that."""
        found = SlowFsync()
        try:
            environment = self._slowing()
            found.added_ms = self._added(environment)
            for number in range(1, self._effort.rounds + 1):
                for rates, extra in ((found.plain, {}), (found.slowed, environment)):
                    self._say(f"fsync {f'{SLOWER} ms slower' if extra else 'as it is'}: round {number}")

                    def start(folder: Path, port: int, extra: Mapping[str, str] = extra) -> Running:
                        return gateway.start_with(folder, port, extra)

                    with self._turn(start, measured) as running:
                        sent = throughput(running, self._messages.small, REUSED, self._effort.seconds)
                    rates.append(sent.per_second)
        except BenchError as error:
            found.failed = str(error)
        return found

    def _slowing(self) -> dict[str, str]:
        """The environment that makes fsync slower in a process; BenchError without a compiler."""
        library = self._folder / "slowfsync.so"
        if not SLOW_SOURCE.exists():
            raise BenchError(f"{SLOW_SOURCE.name} is missing")
        if not library.exists():
            run(["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SLOW_SOURCE), "-ldl"], 60)
        return {"LD_PRELOAD": str(library), "SLOW_FSYNC_MS": str(SLOWER)}

    def _added(self, environment: Mapping[str, str]) -> float:
        """What the library adds to one fsync, measured; BenchError when it adds nothing worth the name."""
        before, after = (
            statistics.median(fsync_delays(self._folder, 60, extra)) for extra in ({}, environment)
        )
        if after - before < SLOWER * 0.8:
            raise BenchError(f"{SLOW_SOURCE.name} added {after - before:.1f} ms to an fsync, not {SLOWER} ms")
        return after - before

    def _settle(self, running: Running, measured: Measured) -> None:
        if remark := running.settle(self._effort.settle):
            _remember(measured, remark)

    @contextlib.contextmanager
    def _failures_of(self, candidate: Candidate, measured: Measured) -> Iterator[None]:
        """A failure inside is kept and said, not raised; whoever failed gets no further turn."""
        try:
            yield
        except BenchError as error:
            measured.failed = str(error)
            self._say(f"{candidate.title} FAILED: {error}")

    @contextlib.contextmanager
    def _turn(self, start: Start, measured: Measured) -> Iterator[Running]:
        """A candidate between its start and its stop, in a folder that is gone afterwards; then its audit."""
        folder = self._folder / "turn"
        folder.mkdir(mode=0o755)
        try:
            sink = Sink(folder)
            try:
                (folder / "candidate").mkdir()
                running = start(folder / "candidate", sink.port)
                try:
                    yield running
                finally:
                    running.stop()
                measured.audited.update(running.audit(sink.messages()))
            finally:
                sink.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remember(measured: Measured, remark: str) -> None:
    if remark not in measured.remarks:
        measured.remarks.append(remark)
