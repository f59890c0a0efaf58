"""Search beside notmuch on one machine, in one run, on the same mail.

    python -m bench.search [--messages N] [--json FILE] [--work FOLDER]

The mail goes into a gateway's archive and into a Maildir; neither is timed. Then each is indexed: `notmuch new` (and
the size after `notmuch compact` beside the one before), and `mailgw reindex` with two processes, which makes catalog
and search index from the archive alone. Then both are asked two hundred questions in turns, each engine in a process
of its own; a question's time is the median of its rounds. OCR is off: notmuch reads no attachments, and a page of
scanned text takes a second, whoever indexes it.

A target that is missed is printed, no error.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.directory import DOMAIN, write_roster
from bench.processes import LOOPBACK, BenchError
from bench.search import notmuch
from bench.search.filling import fill
from bench.search.mail import SEED, Mail
from bench.search.questions import questions
from bench.search.vocabulary import Vocabulary
from gateway.config import Config, load

QUICK, FULL = 20_000, 1_000_000
ROUNDS = 3
PROCESSES = 2
_ROOM = 40_000  # octets of disk for each message

CONFIG = """\
hostname = "mx.{domain}"
[district]
name = "Bench District"
domains = ["{domain}"]
[storage]
path = "{folder}/data"
min_free = 0
[search]
ocr = false
[[listener]]
name = "inbound"
role = "inbound"
bind = ["{loopback}:2525"]
[[route]]
domains = ["{domain}"]
next_hop = "{loopback}:2526"
tls = "off"
[directory]
path = "{folder}/roster"
[authentication]
check = "never"
"""


@dataclass(slots=True)
class Indexed:
    """What making an index took."""

    seconds: float = 0.0
    processor: float = 0.0  # seconds of all its processes together
    size: int = 0  # octets
    compacted: int = 0  # octets, after the engine was told to make it small
    steps: dict[str, float] = field(default_factory=dict)  # seconds


@dataclass(slots=True)
class Answered:
    """What answering took; the median of each question's rounds."""

    seconds: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    peak: int = 0  # octets, pages of the index included
    own: int = 0  # octets that the process has for itself

    def percentile(self, share: float) -> float:
        return sorted(self.seconds)[min(int(len(self.seconds) * share), len(self.seconds) - 1)]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.search", description="Search beside notmuch.")
    parser.add_argument("--messages", type=int, default=QUICK, help=f"default {QUICK:,}; in full {FULL:,}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE as well")
    parser.add_argument(
        "--work", type=Path, default=Path("/var/tmp"), help="where folders are made: a real disk"
    )
    given = parser.parse_args(arguments)
    if shutil.disk_usage(given.work).free < given.messages * _ROOM:
        print(f"bench: {given.work} has too little room; name another place by --work", file=sys.stderr)
        return 2
    missing = notmuch.missing()
    with tempfile.TemporaryDirectory(prefix="mailgw-bench-", dir=given.work) as name:
        bench = Bench(Path(name), given.messages, with_notmuch=missing is None)
        try:
            bench.run()
        except BenchError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    bench.print(missing)
    if given.json is not None:
        given.json.write_text(json.dumps(bench.to_json(), indent=1) + "\n")
    return 0


class Bench:
    def __init__(self, folder: Path, messages: int, *, with_notmuch: bool) -> None:
        self._folder = folder
        self._mail = Mail(messages)
        self._messages = messages
        self._notmuch = notmuch.Notmuch(folder / "notmuch") if with_notmuch else None
        self._config = self._configured()
        self.octets = 0
        self.indexed: dict[str, Indexed] = {}
        self.answered: dict[str, Answered] = {}

    def run(self) -> None:
        """Everything in its order."""
        self._prepare()
        if self._notmuch is not None:
            _say("notmuch new")
            self.indexed["notmuch"] = self._by_notmuch(self._notmuch)
            _say(f"{self.indexed['notmuch']}")
        _say("mailgw reindex")
        self.indexed["gateway"] = self._by_gateway()
        _say(f"{self.indexed['gateway']}")
        self._ask()

    def _configured(self) -> Config:
        write_roster(self._folder / "roster")
        path = self._folder / "gateway.toml"
        path.write_text(CONFIG.format(domain=DOMAIN, folder=self._folder, loopback=LOOPBACK))
        return load(path)

    def _prepare(self) -> None:
        """The mail, by two processes, because it takes a while; both make the same."""
        _say(f"writing {self._messages:,} messages into an archive and a Maildir")
        child = os.fork() if self._notmuch is not None else -1
        if child == 0:
            code = 1
            try:
                assert self._notmuch is not None
                self._notmuch.take(self._mail.letters())
                code = 0
            finally:
                os._exit(code)
        fill(self._config, self._mail.letters())
        self.octets = sum(len(letter.raw) for letter in self._mail.block(0))
        if child > 0 and os.waitpid(child, 0)[1]:
            raise BenchError("the Maildir could not be written")
        os.sync()

    def _by_notmuch(self, peer: notmuch.Notmuch) -> Indexed:
        found = _timed(peer.index)
        found.size = peer.size()
        peer.compact()
        found.compacted = peer.size()
        return found

    def _by_gateway(self) -> Indexed:
        command = [sys.executable, "-m", "gateway", "reindex", "--json", "--processes", str(PROCESSES)]
        command += ["--config", str(self._folder / "gateway.toml")]
        told: list[str] = []

        def run() -> None:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise BenchError(f"mailgw reindex failed: {done.stderr[-1000:]}")
            told.append(done.stdout)

        found = _timed(run)
        facts = json.loads(told[0])
        if facts["messages"] != self._messages or facts["searchable"] != self._messages:
            raise BenchError(f"{self._messages} messages became {facts}")
        found.steps = {"catalog": facts["catalog_seconds"], "search index": facts["search_seconds"]}
        found.size = found.compacted = _size(self._config.storage.search.resolve())
        return found

    def _ask(self) -> None:
        folders = {"gateway": self._config.storage.search, "notmuch": self._folder / "notmuch"}
        told: dict[str, list[Answered]] = {name: [] for name in self.indexed}
        for number in range(ROUNDS):
            _say(f"questions, round {number + 1} of {ROUNDS}")
            for name, answers in told.items():
                command = [sys.executable, "-m", "bench.search.asked", name, str(folders[name])]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise BenchError(f"{name} failed: {done.stderr[-1000:]}")
                answers.append(Answered(**json.loads(done.stdout)))
        for name, answers in told.items():
            self.answered[name] = Answered(
                [statistics.median(times) for times in zip(*(one.seconds for one in answers), strict=True)],
                answers[0].counts,
                max(one.peak for one in answers),
                max(one.own for one in answers),
            )

    # --- what came of it ------------------------------------------------------------------------

    def print(self, missing: str | None) -> None:
        """Tables, and beside each target whether it was reached."""
        average = self.octets // len(list(self._mail.block(0)))
        print(
            f"\n{self._messages:,} messages of {average:,} octets on average, seed {SEED}, {PROCESSES} processes"
        )
        if missing:
            print(f"notmuch is left out: {missing}")
        for name, one in self.indexed.items():
            print(
                f"{name:8} indexed in {one.seconds:8.1f} s ({one.processor:.1f} s of processors): "
                f"{self._messages / one.seconds:7.0f} messages/s; index {one.size / self._messages:6.0f} octets a "
                f"message, {one.compacted / self._messages:.0f} compacted"
            )
            for step, seconds in one.steps.items():
                print(f"{'':8}   {step}: {seconds:.1f} s, {self._messages / seconds:.0f} messages/s")
        for name, answers in self.answered.items():
            print(
                f"{name:8} {len(answers.seconds)} questions in {sum(answers.seconds):.3f} s: p50 "
                f"{answers.percentile(0.5) * 1000:.2f} ms, p99 {answers.percentile(0.99) * 1000:.1f} ms; memory "
                f"{answers.own / 1e6:.0f} MB of its own, peak {answers.peak / 1e6:.0f} MB with pages of the index"
            )
        self._print_kinds()
        for target, reached in self._targets():
            print(f"{'reached' if reached else 'MISSED ':8} {target}")

    def _print_kinds(self) -> None:
        kinds: dict[str, list[int]] = {}
        for number, question in enumerate(questions(self._mail.vocabulary)):
            kinds.setdefault(question.kind, []).append(number)
        names = list(self.answered)
        print(f"\n{'median / most, ms':20}" + "".join(f"{name:>22}" for name in names))
        for kind, numbers in kinds.items():
            shown = ""
            for name in names:
                times = [self.answered[name].seconds[number] * 1000 for number in numbers]
                shown += f"{f'{statistics.median(times):.2f} / {max(times):.1f}':>22}"
            print(f"{kind:20}{shown}")
        print()

    def _targets(self) -> list[tuple[str, bool]]:
        ours = self.answered["gateway"]
        found = [
            ("p50 under 10 ms", ours.percentile(0.5) < 0.01),
            ("p99 under 100 ms", ours.percentile(0.99) < 0.1),
            ("the searching process's memory under 500 MB", ours.peak < 500e6),
        ]
        if "notmuch" in self.indexed:
            mine, peer = self.indexed["gateway"], self.indexed["notmuch"]
            faster, smaller = peer.seconds / mine.seconds, mine.size / peer.size
            compacted = mine.size / peer.compacted
            quicker = sum(ours.seconds) / sum(self.answered["notmuch"].seconds)
            found += [
                (f"indexing 3 times notmuch's: {faster:.2f}", faster >= 3),
                (
                    f"index at most half of notmuch's: {smaller:.2f}, {compacted:.2f} of its compacted one",
                    smaller <= 0.5,
                ),
                (f"all questions in at most notmuch's time: {quicker:.2f}", quicker <= 1),
            ]
        return found

    def to_json(self) -> dict[str, object]:
        """Every figure."""
        return {
            "messages": self._messages,
            "indexed": {name: asdict(one) for name, one in self.indexed.items()},
            "answered": {name: asdict(one) for name, one in self.answered.items()},
            "questions": [asdict(one) for one in questions(Vocabulary(SEED))],
        }


def _timed(act: Callable[[], object]) -> Indexed:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    act()
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Indexed(seconds, used)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
