"""How long it takes to judge one message, and to read a roster, in a district of 100,000 people.

    python -m bench.judging [--json FILE]

One process, no network, the rules as they are by default. A message is read once and judged again and again, so
these are times of code that is warm; in a busy worker judging takes up to three times as long. A target that is
missed is printed, no error.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.directory import DOMAIN, LARGE, write_roster
from gateway.config import District, Policy
from gateway.directory.importer import read_roster
from gateway.directory.snapshot import Directory
from gateway.message.content import content_id
from gateway.message.reading import read_message
from gateway.policy.engine import Engine
from gateway.policy.model import Transaction

ORDINARY, MANY = 2.0, 50.0  # milliseconds aimed at, for one message and for one with 10,000 recipients
_ROUNDS = {ORDINARY: 2_000, MANY: 15}


@dataclass(frozen=True, slots=True)
class Case:
    """A message, and what judging it may take."""

    name: str
    author: str
    to: tuple[str, ...]
    envelope: tuple[str, ...] = ()  # where it is another than `to`
    aim: float = ORDINARY


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds of one judgement."""

    name: str
    first: float
    median: float
    p99: float
    aim: float
    findings: int


def cases() -> tuple[Case, ...]:
    """From mail that concerns nobody to mail that concerns ten thousand."""
    staff = tuple(f"staff{n}@{DOMAIN}" for n in range(7_500))
    students = tuple(f"student{n}@{DOMAIN}" for n in range(10_000))
    return (
        Case("a stranger to a teacher", "Joe Q <joe@x.example>", staff[:1]),
        Case("a stranger with a common surname to a student", "Amy Lopez <amy@x.example>", students[3:4]),
        Case("a student to a student", f"A <{students[1]}>", students[2:3]),
        Case("a teacher to a pupil", f"T <{staff[0]}>", students[:1]),
        Case("a coach to one of the team", f"C <{staff[1]}>", students[1:2]),
        Case("a teacher from home to a pupil", "T <staff0@mail.example>", students[:1]),
        Case("a teacher to a class of 30", f"T <{staff[0]}>", students[:30]),
        Case("a teacher to 10,000 students", f"T <{staff[0]}>", staff[9:10], students, MANY),
        Case(
            "a teacher from home to 10,000 students", "T <staff0@mail.example>", staff[9:10], students, MANY
        ),
        Case("a coach to 10,000 students", f"C <{staff[1]}>", staff[9:10], students, MANY),
        Case("a teacher from home to all 7,500 staff", "T <staff0@mail.example>", staff[9:10], staff, MANY),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.judging", description="Time judging and rosters.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE as well")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="mailgw-bench-") as folder:
        write_roster(Path(folder))
        directory, seconds = reload_time(Path(folder))
        del directory
        write_roster(Path(folder), LARGE)
        directory, large_seconds = reload_time(Path(folder))
    print(
        f"\nReading a roster: {seconds:.1f} s for 20,000 people, {large_seconds:.1f} s for {LARGE.people:,}."
    )
    timed = [time_case(case, directory) for case in cases()]
    _print(timed)
    if given.json is not None:
        facts = {"reload_20000_seconds": seconds, "reload_100000_seconds": large_seconds}
        given.json.write_text(
            json.dumps(facts | {"judging": [asdict(one) for one in timed]}, indent=1) + "\n"
        )
    return 0


def reload_time(folder: Path) -> tuple[Directory, float]:
    """The directory of a roster, and the seconds it took, the garbage collector at rest as in the service."""
    gc.disable()
    began = time.perf_counter()
    found = read_roster(folder, (DOMAIN,), now=datetime.now(UTC), previous=None, max_shrink=1.0)
    seconds = time.perf_counter() - began
    gc.enable()
    gc.collect()
    gc.freeze()
    return found.directory, seconds


def time_case(case: Case, directory: Directory) -> Timed:
    """Judge one message over and over. Raises RuntimeError where a rule fails."""
    district = District.model_validate({"name": "Bench", "domains": [DOMAIN]})
    engine = Engine(Policy.model_validate({}), district)
    transaction = _transaction(case)
    took = []
    for _ in range(_ROUNDS[case.aim]):
        began = time.perf_counter()
        verdict = engine.judge(transaction, directory)
        took.append((time.perf_counter() - began) * 1000)
        if verdict.errors:
            raise RuntimeError(f"{case.name}: {', '.join(verdict.errors)} failed")
    p99 = sorted(took)[int(len(took) * 0.99)]
    return Timed(case.name, took[0], statistics.median(took), p99, case.aim, len(verdict.findings))


def _transaction(case: Case) -> Transaction:
    header = f"From: {case.author}\r\nTo: {', '.join(case.to)}\r\nSubject: hi\r\nMessage-ID: <a@b.example>"
    raw = f"{header}\r\n\r\nHello.\r\n".encode()
    reading = read_message(raw)
    return Transaction(
        reading=reading,
        mail_from=reading.from_[0].address,
        recipients=case.envelope or case.to,
        received=datetime(2026, 11, 18, 15, tzinfo=UTC),
        content_id=content_id(reading, raw),
        raw=raw,
    )


def _print(timed: Sequence[Timed]) -> None:
    width = max(len(one.name) for one in timed)
    print(f"\n{'Judging one message, ms':{width}}    first   median      p99      aim  findings")
    for one in timed:
        missed = "" if one.median < one.aim else "  missed"
        print(
            f"{one.name:{width}} {one.first:8.3f} {one.median:8.3f} {one.p99:8.3f} {one.aim:8.0f} "
            f"{one.findings:9}{missed}"
        )


if __name__ == "__main__":
    raise SystemExit(main())
