"""Facts of the machine that figures depend on: cores, memory, kernel, and what an fsync takes on the disk."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.processes import BenchError, run

_SYNC = """
import os, sys, time
with open(sys.argv[1], "wb", buffering=0) as file:
    for _ in range(int(sys.argv[2])):
        file.write(bytes(4096))
        started = time.perf_counter()
        os.fsync(file.fileno())
        print((time.perf_counter() - started) * 1000)
"""


@dataclass(frozen=True, slots=True)
class Machine:
    cores: int
    processor: str
    memory_gb: float
    kernel: str
    load: float  # of the last minute, before the bench began
    file_system: str
    fsync_p50_ms: float
    fsync_p99_ms: float
    write_mb_s: float  # sequential, synced at the end

    def lines(self) -> list[str]:
        return [
            f"{self.cores} cores ({self.processor}), {self.memory_gb:.0f} GB, Linux {self.kernel}, "
            f"load {self.load:.2f} before the bench",
            f"disk: {self.file_system}, fsync of 4 KB p50 {self.fsync_p50_ms:.2f} ms, "
            f"p99 {self.fsync_p99_ms:.2f} ms, sequential write with fsync {self.write_mb_s:,.0f} MB/s",
        ]


def look_at(folder: Path) -> Machine:
    """The facts of this machine, with the disk below `folder`."""
    delays = sorted(fsync_delays(folder, 200))
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        processor=_processor(),
        memory_gb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9,
        kernel=platform.release(),
        load=os.getloadavg()[0],
        file_system=_file_system(folder),
        fsync_p50_ms=statistics.median(delays),
        fsync_p99_ms=delays[int(len(delays) * 0.99)],
        write_mb_s=_write_speed(folder),
    )


def fsync_delays(folder: Path, count: int, environment: Mapping[str, str] | None = None) -> list[float]:
    """Milliseconds of each of `count` fsyncs of 4 KB, by another process with more environment variables."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        output = run(
            [sys.executable, "-c", _SYNC, file.name, str(count)],
            60,
            env={**os.environ, **(environment or {})},
        )
    return [float(line) for line in output.split()]


def _write_speed(folder: Path, megabytes: int = 200) -> float:
    block = os.urandom(1_000_000)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        started = time.perf_counter()
        for _ in range(megabytes):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        return megabytes / (time.perf_counter() - started)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    try:
        return run(["stat", "-f", "-c", "%T", str(folder)], 10).strip()
    except (BenchError, subprocess.SubprocessError):
        return "unknown file system"
