"""What is measured of a candidate that runs: throughput, delay, memory. One function for each, numbers out.

Every function warms the candidate up first (processes spawned, connections opened), outside the measurement.
Fails with `BenchError` when one message is not accepted.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bench.client import Client, send_until_taken
from bench.directory import LETTERS
from bench.load import Load, Sent, Shape
from bench.mail import MB, Mail, compose
from bench.peers import Running
from bench.processes import BenchError, Child, Memory

SMALL = 4096  # octets: "4 KB"
LARGE = 10 * MB
HUGE = 20 * MB

REUSED = Shape(connections=20, reused=True)
NEW = Shape(connections=20, reused=False)
FEW = Shape(connections=4, reused=True)

IDLE_CONNECTIONS = 200
HUGE_AT_ONCE = 50
# New connections of one run: below the 28,000 local ports of a Linux client, as each lingers a minute.
MOST_NEW = 12_000
WARM_UP = 100  # messages before a delay is measured
GIVE_UP = 90.0  # seconds for anything that should take a few


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure: rounds, seconds for each throughput, messages sent one at a time."""

    rounds: int
    seconds: float
    singles: int
    settle: float  # seconds to wait for work that goes on after the last reply


FULL = Effort(rounds=3, seconds=3.0, singles=800, settle=20.0)
QUICK = Effort(rounds=1, seconds=1.0, singles=300, settle=5.0)


class Messages:
    """The bench's messages, composed and written once."""

    def __init__(self, folder: Path) -> None:
        self.small = Load(_compose(SMALL), folder, "small")
        self.large = Load(_compose(LARGE), folder, "large")
        self.single = _compose(SMALL)[0]
        self.huge = compose(LETTERS[0], HUGE, seed=900)


def _compose(size: int) -> list[Mail]:
    return [compose(letter, size, seed) for seed, letter in enumerate(LETTERS)]


def throughput(running: Running, load: Load, shape: Shape, seconds: float) -> Sent:
    """As many messages as take about `seconds` at the pace of a warm-up."""
    few = shape.connections * 2 if load_is_large(load) else shape.connections * 20
    for _ in range(2):  # the first starts processes and opens connections
        pace = load.send(running.port, few, shape, GIVE_UP).per_second
    most = 1_000_000 if shape.reused else MOST_NEW
    return load.send(running.port, max(few, min(int(pace * seconds), most)), shape, GIVE_UP)


def load_is_large(load: Load) -> bool:
    return load.octets_each >= MB


@dataclass(frozen=True, slots=True)
class Delay:
    """Milliseconds from MAIL FROM to the reply after the final dot."""

    p50: float
    p99: float
    messages: int


def delay(running: Running, mail: Mail, messages: int) -> Delay:
    """One message after the other on one connection."""
    times: list[float] = []
    with Client(running.port) as client:
        for _ in range(WARM_UP):
            client.send(mail)
        until = time.monotonic() + GIVE_UP / 3
        while len(times) < messages and time.monotonic() < until:
            started = time.perf_counter()
            client.send(mail)
            times.append((time.perf_counter() - started) * 1000)
    times.sort()
    return Delay(statistics.median(times), times[int(len(times) * 0.99)], len(times))


class Peak:
    """Samples a candidate's memory in a thread, and keeps the most."""

    def __init__(self, child: Child, every: float = 0.1) -> None:
        self._child = child
        self._every = every
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.most = Memory(0, 0, 0)
        self.samples = 0

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(self._every):
            now = self._child.memory()
            self.samples += 1
            if now.pss > self.most.pss:
                self.most = now


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory of all of a candidate's processes, in three states, and how the third one went."""

    started: Memory
    idle: Memory
    peak: Memory
    samples: int
    seconds: float  # until every large message was accepted
    refusals: int  # "later" (4xx) on the way there


def memory(running: Running, small: Mail, huge: Mail) -> Footprint:
    """Fresh; at 200 idle connections that have each sent a message; the peak of 50 messages of 20 MB."""
    if running.child is None:
        raise BenchError("nothing runs here whose memory could be measured")
    started = running.child.memory()
    idle = _idle(running, running.child, small)
    running.settle(10)
    began = time.monotonic()
    with Peak(running.child) as peak, ThreadPoolExecutor(HUGE_AT_ONCE) as clients:
        deadline = began + GIVE_UP
        waiting = [
            clients.submit(send_until_taken, running.port, huge, deadline) for _ in range(HUGE_AT_ONCE)
        ]
        refusals = sum(one.result() for one in waiting)
        seconds = time.monotonic() - began
    return Footprint(started, idle, peak.most, peak.samples, seconds, refusals)


def _idle(running: Running, child: Child, small: Mail) -> Memory:
    clients: list[Client] = []
    try:
        for _ in range(IDLE_CONNECTIONS):
            clients.append(Client(running.port))
            clients[-1].send(small)
        time.sleep(1.0)
        measured = child.memory()
        for client in clients:
            client.noop()  # all of them are still served
        return measured
    finally:
        for client in clients:
            client.close()


@dataclass(slots=True)
class Measured:
    """What one candidate gave, a value for each round; remarks for the reader."""

    reused: list[float] = field(default_factory=list)  # messages/s
    new: list[float] = field(default_factory=list)  # messages/s
    large: list[float] = field(default_factory=list)  # MB/s
    delay_p50: list[float] = field(default_factory=list)  # ms
    delay_p99: list[float] = field(default_factory=list)  # ms
    footprint: list[Footprint] = field(default_factory=list)
    audited: Counter[str] = field(default_factory=Counter)  # messages of all turns, by what became of them
    remarks: list[str] = field(default_factory=list)
    failed: str | None = None


def _delay(running: Running, messages: Messages, effort: Effort, into: Measured) -> None:
    measured = delay(running, messages.single, effort.singles)
    into.delay_p50.append(measured.p50)
    into.delay_p99.append(measured.p99)


def _reused(running: Running, messages: Messages, effort: Effort, into: Measured) -> None:
    into.reused.append(throughput(running, messages.small, REUSED, effort.seconds).per_second)


def _new(running: Running, messages: Messages, effort: Effort, into: Measured) -> None:
    into.new.append(throughput(running, messages.small, NEW, effort.seconds).per_second)


def _large(running: Running, messages: Messages, effort: Effort, into: Measured) -> None:
    into.large.append(throughput(running, messages.large, FEW, effort.seconds).megabytes_per_second)


Step = Callable[[Running, Messages, Effort, Measured], None]

# In this order within a turn: what needs quiet comes before what leaves work behind.
STEPS: dict[str, Step] = {"delay": _delay, "large": _large, "reused": _reused, "new": _new}
NAMES: Sequence[str] = (*STEPS, "memory", "fsync")
