"""One process's values in files that another process can read at any moment.

The files have prometheus_client's multiprocess format (memory-mapped, written in place), so its
`MultiProcessCollector` adds them up. They are named by the *role* of a process ("smtp-0", "indexer"),
not by its pid: a process that was killed and started again goes on from its own totals, so counters
never step back and a crash loop leaves no heap of files. Gauges start anew with each process.

Fails with OSError where the folder cannot be written or the disk is full. Two processes must not use
one name at a time.
"""

# mypy: untyped-calls-exclude=prometheus_client
from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from math import inf
from pathlib import Path

from prometheus_client import multiprocess
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.utils import floatToGoString

from gateway.telemetry.series import Counter, Family, Gauge, GaugeCell, Labels
from gateway.telemetry.table import Kind, Series

ROOM = 1 << 18  # octets of a file; a process uses a tenth of it
_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")  # no "_": the file's name is split at it


class _Slot:
    """One number in a file."""

    __slots__ = ("_file", "_key", "base", "mark", "written")

    def __init__(self, file: MmapedDict, key: str) -> None:
        self._file = file
        self._key = key
        self.base = self.written = float(file.read_value(key)[0])  # creates it with 0
        self.mark = -1

    def add_up(self, value: float) -> None:
        """Store a total of this life of the process on top of its earlier ones."""
        self.put(self.base + value)

    def put(self, value: float, timestamp: float = 0.0) -> None:
        if value != self.written or timestamp:
            self._file.write_value(self._key, value, timestamp)
            self.written = value


class Store:
    """The files of one process. Not for several threads at once (`Metrics.flush` takes a lock)."""

    def __init__(self, folder: Path, process: str, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix time in seconds. Raises ValueError for a name unlike "smtp-0"."""
        if not _NAME.fullmatch(process):
            raise ValueError(f"expected a process name such as 'smtp-0', got {process!r}")
        self._folder = folder
        self._process = process
        self._clock = clock
        self._files: dict[str, MmapedDict] = {}
        self._slots: dict[tuple[Series, Labels], list[_Slot]] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        forget_process(folder, process)

    def write(self, family: Family) -> None:
        """Carry the values of one series to its file, those that changed."""
        series = family.series
        if isinstance(family, Counter):
            for labels, counter in family.cells():
                self._of(series, labels)[0].add_up(counter.value)
        elif isinstance(family, Gauge):
            for labels, gauge in family.cells():
                self._write_gauge(series, labels, gauge)
        else:
            for labels, histogram in family.cells():
                counts, total = histogram.read()
                for slot, value in zip(self._of(series, labels), (*counts, total), strict=True):
                    slot.add_up(value)

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._slots.clear()

    def _write_gauge(self, series: Series, labels: Labels, gauge: GaugeCell) -> None:
        value = gauge.read()
        if value is None:
            return
        slot = self._of(series, labels)[0]
        if slot.mark != gauge.sets:
            slot.mark = gauge.sets
            slot.put(value, self._clock())

    def _of(self, series: Series, labels: Labels) -> list[_Slot]:
        """The slots of one cell: its number; or for a histogram its buckets and then its sum."""
        slots = self._slots.get((series, labels))
        if slots is None:
            file, names, name = self._file(series), list(series.labels), series.family
            if series.kind is Kind.HISTOGRAM:
                bounds = [floatToGoString(bound) for bound in (*series.buckets, inf)]
                keys = [
                    mmap_key(name, f"{name}_bucket", [*names, "le"], [*labels, bound], series.help)
                    for bound in bounds
                ]
                keys.append(mmap_key(name, f"{name}_sum", names, list(labels), series.help))
            else:
                keys = [mmap_key(name, series.name, names, list(labels), series.help)]
            slots = self._slots[series, labels] = [_Slot(file, key) for key in keys]
        return slots

    def _file(self, series: Series) -> MmapedDict:
        prefix = f"gauge_{series.over}" if series.kind is Kind.GAUGE else str(series.kind)
        if prefix not in self._files:
            path = self._folder / f"{prefix}_{self._process}.db"
            _take_room(path)
            self._files[prefix] = MmapedDict(str(path))
        return self._files[prefix]


def _take_room(path: Path) -> None:
    """Make the file, with all its blocks on the disk.

    prometheus_client would make it sparse; the first write to a page for which the disk has no block any more
    is a SIGBUS, the end of a process that carries mail. Nobody sees a new file before it has its size.
    """
    draft = path if path.exists() else path.with_suffix(".new")
    with draft.open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, ROOM)
    draft.rename(path)


def prepare(folder: Path) -> None:
    """Make the folder for a new service, empty: called by the supervisor before it starts a process."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)


def forget_process(folder: Path, process: str) -> None:
    """Drop the gauges of a process that ended (what it had open is closed); its counters stay."""
    multiprocess.mark_process_dead(process, str(folder))


def merged(folder: Path) -> Iterable[Metric]:
    """The values of all processes as one.

    A file that is being created at this very moment is empty for an instant and unreadable: it is
    read again, a few times at most. Raises OSError or ValueError if the folder stays unreadable.
    """
    collector = MultiProcessCollector(None, path=str(folder))
    for _ in range(3):
        try:
            return list(collector.collect())
        except Exception as error:  # struct.error, RuntimeError, FileNotFoundError: all of them pass
            last = error
    raise OSError(f"{folder}: metrics cannot be read: {type(last).__name__}: {last}")
