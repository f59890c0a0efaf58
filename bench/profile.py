"""Where the gateway spends its time: the gateway under the bench's load, one process of it watched by py-spy.

    python -m bench.profile [--seconds N] [--load reused|new|large] [--process worker|indexer]
                            [--waiting] [--lines] [--native] [--top N] [--output FILE]

Counts what holds Python's lock, which is what a worker's core does; with `--waiting`, every thread that runs
outside of it as well, where waits for the disk and for other processes show. Prints the functions with the most
samples of their own and with the most below them, as text; `--output` keeps a speedscope file, for the eye. A
worker is a process that listens on the gateway's port; the indexer is the busiest of the others.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.load import Load, Shape, Sink
from bench.peers.gateway import Gateway, RunningGateway
from bench.processes import PROC, BenchError, cpu_seconds
from bench.scenarios import FEW, GIVE_UP, NEW, REUSED, Messages, load_is_large

CACHE = Path(__file__).parent / "results"
SAMPLES_A_SECOND = 250


@dataclass(frozen=True, slots=True)
class Profile:
    """Samples by function: with the function on top of the stack, and with it anywhere in it."""

    samples: int
    own: Counter[str]
    cumulative: Counter[str]


def main(arguments: Sequence[str] | None = None) -> int:
    given = _options(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="mailgw-profile-", dir=given.work) as name:
            folder = Path(name)
            folder.chmod(0o755)
            text = _profile(given, folder)
    except BenchError as error:
        print(f"bench.profile: {error}", file=sys.stderr)
        return 2
    print(text)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.profile", description="Profile the gateway under load."
    )
    parser.add_argument("--seconds", type=int, default=10, help="how long to watch (default %(default)s)")
    parser.add_argument("--load", choices=("reused", "new", "large"), default="reused")
    parser.add_argument("--process", choices=("worker", "indexer"), default="worker")
    parser.add_argument("--waiting", action="store_true", help="threads without Python's lock as well")
    parser.add_argument("--lines", action="store_true", help="a row for each line instead of each function")
    parser.add_argument("--native", action="store_true", help="C functions of extension modules as well")
    parser.add_argument("--top", type=int, default=25, help="functions to print (default %(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="keep a speedscope file")
    parser.add_argument("--gateway", metavar="COMMAND", default=f"{shlex.quote(sys.executable)} -m gateway")
    parser.add_argument("--work", type=Path, default=Path("/var/tmp"), help="where folders are made")
    return parser.parse_args(arguments)


def _profile(given: argparse.Namespace, folder: Path) -> str:
    CACHE.mkdir(exist_ok=True)
    gateway = Gateway(shlex.split(given.gateway), CACHE)
    gateway.prepare()
    messages = Messages(folder)
    load, shape = {
        "reused": (messages.small, REUSED),
        "new": (messages.small, NEW),
        "large": (messages.large, FEW),
    }[given.load]
    sink = Sink(folder)
    try:
        (folder / "candidate").mkdir()
        running = gateway.start(folder / "candidate", sink.port)
        try:
            return _watch(given, running, load, shape, folder)
        finally:
            running.stop()
    finally:
        sink.stop()


def _watch(given: argparse.Namespace, running: RunningGateway, load: Load, shape: Shape, folder: Path) -> str:
    stop = threading.Event()
    sent: list[int] = []
    problems: list[str] = []

    def keep_sending() -> None:
        share = 8 if load_is_large(load) else 1000
        while not stop.is_set():
            try:
                sent.append(load.send(running.port, share, shape, GIVE_UP).messages)
            except BenchError as error:
                problems.append(str(error))
                return

    generator = threading.Thread(target=keep_sending)
    generator.start()
    try:
        time.sleep(2)  # warm: connections open, code specialised
        pid = _pid_of(running, given.process)
        before, began, used = sum(sent), time.perf_counter(), cpu_seconds(pid)
        raw = _record(pid, given, folder / "stacks.txt")
        seconds, used = time.perf_counter() - began, cpu_seconds(pid) - used
        count = sum(sent) - before
    finally:
        stop.set()
        generator.join(GIVE_UP)
    if problems:
        raise BenchError(problems[0])
    head = (
        f"{given.process} (pid {pid}) for {seconds:.0f} s under the load {given.load!r}: "
        f"{count / seconds:,.0f} messages/s through all workers, this process {used / seconds:.0%} of a core"
    )
    return f"{head}\n\n{render(fold(raw, lines=given.lines), given.top)}"


def _record(pid: int, given: argparse.Namespace, stacks: Path) -> str:
    """Collapsed stacks of a process, one `a;b;c count` a line; and a speedscope file where one is wanted."""
    recorder = Path(sys.executable).parent / "py-spy"
    common = [str(recorder), "record", "--pid", str(pid), "--rate", str(SAMPLES_A_SECOND)]
    if not given.waiting:
        common.append("--gil")
    if given.native:
        common.append("--native")
    wanted = [("raw", stacks)]
    if given.output is not None:
        wanted.append(("speedscope", given.output))
    for form, path in wanted:
        argv = [*common, "--duration", str(given.seconds), "--format", form, "--output", str(path)]
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, timeout=given.seconds + 60, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BenchError(f"py-spy: {error}") from error
        if done.returncode:
            raise BenchError(f"py-spy: {done.stderr.strip()[-300:]} (it may need root)")
    return stacks.read_text(encoding="utf-8", errors="replace")


def _pid_of(running: RunningGateway, process: str) -> int:
    """The busiest worker, or the busiest process that is none."""
    tree = running.child.tree()
    workers = [pid for pid in tree if pid != running.child.pid and _listens(pid, running.port)]
    if not workers:
        raise BenchError("no process of the gateway listens on its port")
    others = [pid for pid in tree if pid not in workers and pid != running.child.pid]
    chosen = workers if process == "worker" else others
    if not chosen:
        raise BenchError(f"the gateway runs no {process}")
    return max(chosen, key=cpu_seconds)


def _listens(pid: int, port: int) -> bool:
    """Whether a process holds a listening TCP socket (IPv4) on a port."""
    rows = (line.split() for line in (PROC / "net/tcp").read_text(encoding="ascii").splitlines()[1:])
    sockets = {
        f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port
    }
    try:
        return any(str(entry.readlink()) in sockets for entry in (PROC / str(pid) / "fd").iterdir())
    except OSError:
        return False


def fold(raw: str, *, lines: bool = False) -> Profile:
    """Sum collapsed stacks by function; a function that calls itself counts once a sample."""
    own: Counter[str] = Counter()
    cumulative: Counter[str] = Counter()
    samples = 0
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [frame if lines else _function(frame) for frame in stack.split(";")]
        if not count.isdigit() or not frames:
            continue
        samples += int(count)
        own[frames[-1]] += int(count)
        cumulative.update(dict.fromkeys(frames, int(count)))
    return Profile(samples, own, cumulative)


def _function(frame: str) -> str:
    """`name (file.py:12)` without the line, so that a function is one row."""
    head, colon, tail = frame.rpartition(":")
    return f"{head})" if colon and tail.rstrip(")").isdigit() else frame


def render(profile: Profile, top: int) -> str:
    parts = []
    for title, counts in (("of its own", profile.own), ("with all it calls", profile.cumulative)):
        rows = [f"{count / profile.samples:7.1%}  {name}" for name, count in counts.most_common(top)]
        parts.append("\n".join((f"share {title} ({profile.samples:,} samples)", *rows)))
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
