"""The ledger and `mailgw verify`, on an archive of lifelike mail.

    python -m bench.evidence [--messages N] [--json FILE] [--work FOLDER]

The archive is filled as the search bench fills it, which is not timed: messages, each with the event that it was
relayed. Then the ledger is built from nothing, signed at the default distance; proofs are made for entries taken
at random; and the archive is verified by one process and by two, with what the disk's cache then holds, and once more
when its closed months are compacted. All messages are exported into a bag, with proofs. What
checkpoints cost the flow of mail is measured by `python -m bench --only reused --candidate gateway --candidate
unsigned`.

A target that is missed is printed, no error.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.directory import DOMAIN, write_roster
from bench.processes import LOOPBACK, BenchError
from bench.search.__main__ import CONFIG
from bench.search.filling import fill
from bench.search.mail import SEED, Mail
from gateway.archive import Reader
from gateway.config import Config, load
from gateway.indexer.ledger import LedgerWriter, Pace
from gateway.ledger.ledger import Ledger

QUICK, FULL = 20_000, 1_000_000
PROOFS = 1_000
_ROOM = 12_000  # octets of disk for each message


@dataclass(slots=True)
class Figures:
    """What was measured."""

    messages: int
    octets: int = 0  # of messages
    entries: int = 0
    build: float = 0.0  # seconds
    checkpoints: int = 0
    ledger: int = 0  # octets on disk
    inclusion: list[float] = field(default_factory=list)  # seconds
    consistency: list[float] = field(default_factory=list)  # seconds
    verified: dict[str, float] = field(default_factory=dict)  # seconds
    processor: dict[str, float] = field(default_factory=dict)  # seconds of all processes
    exported: dict[int, float] = field(default_factory=dict)  # seconds, by processes


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.evidence", description="What proving costs.")
    parser.add_argument("--messages", type=int, default=QUICK, help=f"default {QUICK:,}; in full {FULL:,}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE as well")
    parser.add_argument(
        "--work", type=Path, default=Path("/var/tmp"), help="where folders are made: a real disk"
    )
    given = parser.parse_args(arguments)
    if shutil.disk_usage(given.work).free < given.messages * _ROOM:
        print(f"bench: {given.work} has too little room; name another place by --work", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="mailgw-bench-", dir=given.work) as name:
        try:
            found = measure(Path(name), given.messages)
        except BenchError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    _print(found)
    if given.json is not None:
        given.json.write_text(json.dumps(asdict(found), indent=1) + "\n")
    return 0


def measure(folder: Path, messages: int) -> Figures:
    """Everything in its order."""
    write_roster(folder / "roster")
    path = folder / "gateway.toml"
    path.write_text(CONFIG.format(domain=DOMAIN, folder=folder, loopback=LOOPBACK))
    config = load(path)
    print(f"writing {messages:,} messages into an archive", file=sys.stderr)
    fill(config, Mail(messages).letters())
    found = Figures(messages)
    _build(config, found)
    _prove(config, found)
    for processes, pages in ((1, False), (2, False), (2, True)):
        _verify(path, found, processes, pages=pages)
    _mailgw("reindex", path)  # an export asks the index
    for processes in (1, 2):
        _export(path, found, processes)
    _mailgw("compact", path)
    _verify(path, found, 1, pages=False, state=", compacted")
    return found


def _build(config: Config, found: Figures) -> None:
    """The ledger, as the service writes it: a checkpoint after so many entries as are signed without waiting."""
    with closing(Reader(config.storage.archive)) as reader:
        limited = _Growing(reader, config.ledger.entries)
        pace = Pace(0.0, config.ledger.entries)
        writer = LedgerWriter(limited, config.storage.ledger, config.ledger_origin, config.ledger_key, pace)
        with closing(writer):
            found.build = _timed(lambda: _sign_all(writer, limited))
        found.entries = reader.last_seq()
    found.checkpoints = len(Ledger(config.storage.ledger).checkpoints)
    found.ledger = sum(file.stat().st_size for file in config.storage.ledger.iterdir() if file.is_file())


class _Growing:
    """The archive as it was when it had fewer entries."""

    def __init__(self, reader: Reader, step: int) -> None:
        self._reader, self._step, self._all = reader, step, reader.last_seq()
        self._last = 0
        self.digests = reader.digests

    def grow(self) -> bool:
        """Whether there was more."""
        more = self._last < self._all
        self._last = min(self._last + self._step, self._all)
        return more

    def last_seq(self) -> int:
        return self._last


def _sign_all(writer: LedgerWriter, limited: _Growing) -> None:
    while limited.grow():
        writer.turn()


def _prove(config: Config, found: Figures) -> None:
    ledger = Ledger(config.storage.ledger)
    chance = random.Random(SEED)
    with closing(ledger.tree()) as tree:
        for _ in range(PROOFS):
            index, size = chance.randrange(ledger.size), chance.randrange(1, ledger.size)
            found.inclusion.append(_timed(lambda index=index: tree.inclusion_proof(index)))
            found.consistency.append(_timed(lambda size=size: tree.consistency_proof(size)))


def _verify(config: Path, found: Figures, processes: int, *, pages: bool, state: str = "") -> None:
    name = f"{processes} process{'es' if processes > 1 else ''}{', pages as well' if pages else ''}{state}"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    options = ("--no-catalog", "--processes", str(processes), "--pages" if pages else "--no-pages")
    said = _mailgw("verify", config, *options)
    found.verified[name] = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found.processor[name] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    told = said.splitlines()[0]  # "40000 entries, 0 problems, 99.2 MB of messages, 1.0 s"
    found.octets = round(float(told.split(", ")[2].split()[0]) * 1e6)


def _export(config: Path, found: Figures, processes: int) -> None:
    """Everything into a bag, with proofs."""
    bag = config.with_name(f"bag-{processes}")
    released = ("--for", "A", "--position", "b", "--affiliation", "c", "--reason", "d", "--by", "bench")
    began = time.perf_counter()
    _mailgw("export", config, "after:2000-01-01", "-o", str(bag), *released, "--processes", str(processes))
    found.exported[processes] = time.perf_counter() - began
    count = sum(1 for _ in (bag / "data" / "messages").glob("**/*.eml"))
    if count != found.messages:
        raise BenchError(f"exported {count} of {found.messages} messages")
    shutil.rmtree(bag)


def _mailgw(command: str, config: Path, *arguments: str) -> str:
    """Run a command; what it said."""
    print(f"mailgw {command} {' '.join(arguments)[:60]}", file=sys.stderr)
    whole = [sys.executable, "-m", "gateway", command, *arguments, "--config", str(config)]
    done = subprocess.run(whole, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"mailgw {command} failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    return done.stderr


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _percentile(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[min(int(len(seconds) * share), len(seconds) - 1)] * 1000


def _print(found: Figures) -> None:
    print(
        f"\n{found.messages:,} messages, {found.entries:,} entries, {found.octets / 1e6:,.0f} MB of messages"
    )
    print(
        f"ledger: built in {found.build:.1f} s, {found.entries / found.build:,.0f} entries/s with "
        f"{found.checkpoints:,} checkpoints; {found.ledger / found.entries:.1f} octets an entry"
    )
    for name, times in (("inclusion", found.inclusion), ("consistency", found.consistency)):
        print(f"{name} proof: p50 {_percentile(times, 0.5):.2f} ms, p99 {_percentile(times, 0.99):.2f} ms")
    for name, seconds in found.verified.items():
        each = found.octets / 1e6 / found.processor[name]
        print(
            f"verify, {name}: {seconds:.1f} s, {found.octets / 1e6 / seconds:,.0f} MB/s, "
            f"{found.entries / seconds:,.0f} entries/s; {each:.0f} MB for each second of a processor"
        )
    for processes, seconds in found.exported.items():
        each = "process" if processes == 1 else "processes"
        print(
            f"export with proofs, {processes} {each}: {seconds:.1f} s, {found.messages / seconds:,.0f} messages/s"
        )
    one = found.octets / 1e6 / found.verified["1 process"]
    exported = found.messages / min(found.exported.values())
    for target, reached in (
        (f"verify reads 200 MB/s on one core: {one:.0f}", one >= 200),
        (f"export of 1,000 messages/s: {exported:,.0f}", exported >= 1000),
        ("an inclusion proof under 5 ms", _percentile(found.inclusion, 0.99) < 5),
    ):
        print(f"{'reached' if reached else 'MISSED ':8} {target}")


if __name__ == "__main__":
    sys.exit(main())
