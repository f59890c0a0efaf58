"""Processes that the bench starts: one at a time by name, with their descendants, their memory and their end.

Promises: only processes started here, and what those started, are ever signalled, each by its pid and only
while its start time is still the one that was seen; a process that does not come up is reported with the
last lines of its log; nothing waits without a limit.

Fails with `BenchError`, whose text says which process and why.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
PROC = Path("/proc")


class BenchError(Exception):
    """The bench cannot go on with this candidate; the text says why."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of several processes together, in bytes. PSS shares out pages that processes have in common."""

    pss: int
    rss: int
    processes: int


@dataclass(frozen=True, slots=True)
class Known:
    """A process that is ours: the pid, and the start time that tells it from a later owner of the pid."""

    pid: int
    started: int


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on (field 3 is index 0), or None when the process is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def _started(pid: int) -> int | None:
    fields = _stat(pid)
    return None if fields is None or fields[0] == "Z" else int(fields[19])


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, user and system, in seconds; 0 when it is gone."""
    fields = _stat(pid)
    return 0.0 if fields is None else (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descendants(root: int) -> list[int]:
    """`root` and every process below it, by parent, in no particular order."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) is not None:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, ())
    return found


def memory_of(pids: Iterable[int]) -> Memory:
    """PSS and RSS summed over processes, from /proc/PID/smaps_rollup; those that are gone count nothing."""
    pss = rss = count = 0
    for pid in pids:
        try:
            text = (PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in text.splitlines()[1:]}
        pss += sizes.get("Pss:", 0)
        rss += sizes.get("Rss:", 0)
        count += 1
    return Memory(pss, rss, count)


def free_port() -> int:
    """A TCP port on loopback that is free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(what: str, ready: Callable[[], bool], seconds: float) -> None:
    """Poll until `ready()`; BenchError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not after {seconds:.0f} s")
        time.sleep(0.05)


def greets(port: int) -> bool:
    """Whether something on loopback greets with 220."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            greeting = connection.recv(512)
            connection.sendall(b"QUIT\r\n")
            return greeting.startswith(b"220")
    except OSError:
        return False


def run(
    argv: Sequence[str], seconds: float, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run a command to its end and return its output; BenchError with its last lines if it fails."""
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise BenchError(f"{argv[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{argv[0]}: not done after {seconds:.0f} s") from error
    if done.returncode:
        raise BenchError(f"{' '.join(argv[:4])}: exit code {done.returncode}: {_tail(done.stdout)}")
    return done.stdout


def _tail(text: str, lines: int = 8) -> str:
    return " | ".join(line.strip() for line in text.strip().splitlines()[-lines:])


class Child:
    """A server that the bench started, in a session of its own, with its output in a file."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._known: dict[int, Known] = {}
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    argv,
                    cwd=cwd,
                    env=None if env is None else {**os.environ, **env},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise BenchError(f"{name}: {argv[0]}: {error.strerror}") from error

    @property
    def pid(self) -> int:
        return self._process.pid

    def tree(self) -> list[int]:
        """The process and its descendants; those seen are remembered, so that `stop` can end them all."""
        pids = descendants(self.pid)
        for pid in pids:
            if (started := _started(pid)) is not None:
                self._known[pid] = Known(pid, started)
        return pids

    def memory(self) -> Memory:
        return memory_of(self.tree())

    def wait_ready(self, ready: Callable[[], bool], seconds: float) -> None:
        """Until `ready()`; BenchError with the end of the log when the process ends or takes too long."""

        def alive_and_ready() -> bool:
            if self._process.poll() is not None:
                raise BenchError(f"{self.name}: ended with {self._process.returncode}: {self.last_words()}")
            return ready()

        try:
            wait_for(self.name, alive_and_ready, seconds)
        except BaseException:  # an interrupt too: nobody else knows of this process yet
            self.stop()
            raise
        self.tree()

    def last_words(self) -> str:
        try:
            return _tail(self.log.read_text(encoding="utf-8", errors="replace")) or "(no output)"
        except OSError:
            return "(no log)"

    def stop(
        self, signum: signal.Signals = signal.SIGTERM, seconds: float = 40.0, orphans: float = 3.0
    ) -> None:
        """End it by a signal and give it `seconds`, then its descendants `orphans` seconds more; kill the rest."""
        if self._process.poll() is None:
            self.tree()
            self._process.send_signal(signum)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        if self._process.poll() is not None:
            self._wait_gone(orphans)
        for known in self._left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(known.pid, signal.SIGKILL)
        self._process.wait(5)
        self._wait_gone(5)

    def _wait_gone(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._left() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _left(self) -> list[Known]:
        return [known for known in self._known.values() if _started(known.pid) == known.started]
