"""Whether catalog and search index keep up with arriving mail on one core, beside a gateway that takes it.

    python -m bench.search.arriving [--rate 500] [--seconds 60]

The processes of catalog and index, and the readers of attachments, are bound to one core; workers, generator and sink
share the others. Mail comes at an even rate over ten connections. Told are, second by second, how far the index is
behind, and how long after the last message it had caught up. OCR is off.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bench.client import Client
from bench.directory import DOMAIN
from bench.load import Sink
from bench.mail import Letter, Mail
from bench.peers.gateway import Gateway, RunningGateway
from bench.processes import PROC, BenchError, descendants
from bench.search import mail

CACHE = Path(__file__).parents[1] / "results"
CONNECTIONS = 10
ALLOWED = 2.0  # seconds of mail by which the index may be behind
_ENTRIES = 2  # in the archive for each message: itself, and that it was relayed
_FOLLOWING = ("indexer", "search")  # names of the processes that are bound to one core


@dataclass(slots=True)
class Followed:
    """What was seen."""

    rate: float = 0.0  # messages a second that were really sent
    behind: list[float] = field(default_factory=list)  # entries, each second
    settled: float = 0.0  # seconds after the last message


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.search.arriving", description="Does the index keep up?"
    )
    parser.add_argument("--rate", type=int, default=500, help="messages a second (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=60, help="of mail (default %(default)s)")
    parser.add_argument(
        "--work", type=Path, default=Path("/var/tmp"), help="where folders are made: a real disk"
    )
    given = parser.parse_args(arguments)
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="mailgw-bench-", dir=given.work, ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            found = measure(folder, given.rate, given.seconds)
        except BenchError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    _print(found, given.rate)
    return 0


def measure(folder: Path, rate: int, seconds: int) -> Followed:
    """Send, watch, and wait until the index has caught up."""
    letters = [_sendable(letter) for letter in mail.Mail(rate * seconds).letters()]
    gateway = Gateway([sys.executable, "-m", "gateway"], CACHE, "\n[search]\nocr = false\n")
    gateway.prepare()
    sink = Sink(folder)
    try:
        (folder / "candidate").mkdir()
        running = gateway.start(folder / "candidate", sink.port)
        try:
            _bind(running)
            return _watched(running, letters, rate)
        finally:
            running.stop()
    finally:
        sink.stop()


def _watched(running: RunningGateway, letters: Sequence[Mail], rate: int) -> Followed:
    found = Followed()
    load = _Load(running.port, letters, rate)
    began = time.monotonic()
    load.start()
    while load.alive():
        time.sleep(1)
        found.behind.append(sum(running.metric(f"mailgw_{name}_lag_entries") or 0.0 for name in _FOLLOWING))
    last = time.monotonic()
    if load.failed:
        raise BenchError(f"sending failed: {load.failed[0]}")
    found.rate = len(letters) / (last - began)
    remark = running.settle(600)
    if remark:
        raise BenchError(remark)
    found.settled = time.monotonic() - last
    return found


def _sendable(letter: mail.Letter) -> Mail:
    """A message for one recipient within the district."""
    inside = [each for each in letter.recipients if each.endswith(f"@{DOMAIN}")]
    to = inside[0] if inside else f"staff9@{DOMAIN}"
    content = letter.raw.removesuffix(b"\r\n").replace(b"\r\n.", b"\r\n..") + b"\r\n"
    return Mail(Letter("search", letter.sender, to, "", "", 1.0), content)


class _Load:
    """Sends messages at an even rate over some connections; when all are busy, later than planned."""

    def __init__(self, port: int, letters: Sequence[Mail], rate: int) -> None:
        self._port = port
        self._letters = letters
        self._rate = rate
        self._next = itertools.count()
        self._began = 0.0
        self._threads = [threading.Thread(target=self._send) for _ in range(CONNECTIONS)]
        self.failed: list[str] = []

    def start(self) -> None:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def alive(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _send(self) -> None:
        try:
            with closing(Client(self._port)) as client:
                while (number := next(self._next)) < len(self._letters):
                    time.sleep(max(0.0, self._began + number / self._rate - time.monotonic()))
                    client.send(self._letters[number])
        except BenchError as error:
            self.failed.append(str(error))


def _bind(running: RunningGateway) -> None:
    """Catalog, index and what they start on the last core; everything else on the others."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchError("with one core everything shares it already; two are needed")
    assert running.child is not None
    everything = set(descendants(running.child.pid))
    following = {pid for each in everything if _name(each) in _FOLLOWING for pid in descendants(each)}
    for pids, where in ((everything - following | {os.getpid()}, cores[:-1]), (following, cores[-1:])):
        for pid in pids:
            for thread in (PROC / str(pid) / "task").iterdir():
                os.sched_setaffinity(int(thread.name), where)


def _name(pid: int) -> str:
    """Of a process of the gateway; "" for others."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return words[words.index(b"--name") + 1].decode() if b"--name" in words else ""


def _print(found: Followed, rate: int) -> None:
    late = found.behind[len(found.behind) // 2 :]
    seconds = max(late) / _ENTRIES / rate
    print(f"\n{found.rate:.0f} messages/s arrived; catalog and search index on one core")
    print(f"behind, entries, each second: {' '.join(f'{each:.0f}' for each in found.behind)}")
    print(f"caught up {found.settled:.1f} s after the last message")
    kept = seconds <= ALLOWED and found.rate >= 0.95 * rate
    print(
        f"{'reached' if kept else 'MISSED ':8} keeps up with {rate} messages/s: in the second half at most "
        f"{seconds:.1f} s behind"
    )


if __name__ == "__main__":
    raise SystemExit(main())
