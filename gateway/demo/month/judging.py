"""Puts the month before the engine, as `gateway.smtp.delivery` does: bytes, reading, transaction, verdict.

Each day is judged by the roster as it is read on that day. Days go to several processes; what comes back is counts
only. Fails with whatever the roster's import raises; a rule that fails is counted, as in the gateway.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from datetime import time as clock
from functools import cache
from pathlib import Path

from gateway.config import District
from gateway.demo.district import DOMAIN, NAME
from gateway.demo.month.label import Piece
from gateway.demo.month.plan import pieces_of
from gateway.demo.month.scenes import SPLIT, name_of
from gateway.demo.month.score import Outcome, Scope, compare
from gateway.demo.month.town import DAYS, FIRST, Town, settle
from gateway.demo.stage import ZONE
from gateway.directory.importer import read_roster
from gateway.directory.snapshot import Directory
from gateway.message.content import content_id
from gateway.message.reading import read_message
from gateway.policy.context import Rule
from gateway.policy.engine import Engine
from gateway.policy.identify import authors
from gateway.policy.model import Finding, Transaction, Verdict
from gateway.policy.rules.table import RULES

_SPLIT = frozenset(map(name_of, SPLIT))


@dataclass
class Judged:
    """What came of some days."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    messages: int = 0
    hidden: int = 0  # breaches that nothing shows
    errors: Counter[str] = field(default_factory=Counter)  # by rule
    rules: frozenset[str] = frozenset()  # ids of those that were applied
    writing: float = 0.0  # seconds of processor
    judging: float = 0.0

    def add(self, other: Judged) -> None:
        self.outcomes += other.outcomes
        self.errors += other.errors
        self.rules |= other.rules
        self.messages += other.messages
        self.hidden += other.hidden
        self.writing += other.writing
        self.judging += other.judging


def judge_month(seed: int, messages: int, workers: int, rules: Sequence[Rule] = RULES) -> Judged:
    """Write and judge a month. With one worker it is this process that does it."""
    whole = Judged()
    with tempfile.TemporaryDirectory(prefix="mailgw-month-") as folder:
        _town(seed).write(Path(folder))
        for day in _days(Path(folder), seed, messages, workers, rules):
            whole.add(day)
    return whole


def _days(roster: Path, seed: int, messages: int, workers: int, rules: Sequence[Rule]) -> Iterator[Judged]:
    if workers == 1:
        for day in range(DAYS):
            yield judge_day(roster, seed, messages, day, rules)
        return
    # A new interpreter for each process: one that was forked from a process with threads may hang.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_judge_day, [(roster, seed, messages, day, tuple(rules)) for day in range(DAYS)])


def _judge_day(task: tuple[Path, int, int, int, Sequence[Rule]]) -> Judged:
    return judge_day(*task)


def judge_day(roster: Path, seed: int, messages: int, day: int, rules: Sequence[Rule] = RULES) -> Judged:
    """Write and judge one day of the month."""
    town = _town(seed)
    started = time.process_time()
    pieces = pieces_of(town, day, seed, messages)
    written = time.process_time() - started
    engine = Engine(town.settings(), district(), rules=rules)
    judged = judge(pieces, engine, directory_on(roster, day))
    judged.writing = written
    return judged


def judge(pieces: Iterable[Piece], engine: Engine, directory: Directory) -> Judged:
    """Judge some mail by one directory and compare the findings with the labels."""
    judged = Judged(rules=engine.enabled)
    started = time.process_time()
    for piece in pieces:
        scopes = [(piece, Scope.MONTH)]
        if piece.message.scenario in _SPLIT:
            scopes = [(piece, Scope.SINGLY), (replace(piece, parts=()), Scope.WHOLE)]
        for one, scope in scopes:
            judged.outcomes.update(_outcomes(one, scope, engine, directory, judged.errors))
        judged.messages += 1
        judged.hidden += piece.hidden
    judged.judging = time.process_time() - started
    return judged


def _outcomes(
    piece: Piece, scope: Scope, engine: Engine, directory: Directory, errors: Counter[str]
) -> Iterator[Outcome]:
    findings: list[tuple[Finding, str | None]] = []
    for one in transactions(piece):
        verdict = engine.judge(one, directory)
        errors.update(verdict.errors)
        findings += _with_steps(one, verdict, directory)
    return compare(piece, findings, engine.enabled, scope)


@cache
def _town(seed: int) -> Town:
    return settle(seed)


def district() -> District:
    """The district's configuration."""
    return District.model_validate({"name": NAME, "domains": (DOMAIN,)})


def directory_on(roster: Path, day: int) -> Directory:
    """The roster as it is read on the morning of a day."""
    morning = datetime.combine(FIRST + timedelta(days=day), clock(5), ZONE)
    return read_roster(roster, (DOMAIN,), now=morning, previous=None, max_shrink=1.0).directory


def transactions(piece: Piece) -> Iterator[Transaction]:
    """What the gateway makes of a message: one transaction, or several where a server split it."""
    message = piece.message
    reading = read_message(message.raw)
    for recipients in piece.parts or (message.recipients,):
        yield Transaction(
            reading=reading,
            mail_from=message.mail_from,
            recipients=tuple(r for r in recipients if r not in message.refused),
            received=message.at,
            content_id=content_id(reading, message.raw),
            authentication=piece.authentication,
            thread=piece.thread,
            raw=message.raw,
        )


def _with_steps(
    transaction: Transaction, verdict: Verdict, directory: Directory
) -> Iterable[tuple[Finding, str | None]]:
    """Each finding with the step of the ladder on which its author is known, where the ladder tells."""
    if not verdict.findings:
        return ()
    known = authors(transaction, directory, transaction.received.astimezone(ZONE).date())
    steps = {one.person.id: getattr(one, "step", None) for one in known}
    return [
        (finding, str(step) if (step := steps.get(finding.author.person_id or "")) else None)
        for finding in verdict.findings
    ]
