"""Stored mail judged again: what a record said then beside what the rules say today.

Promises: pure; findings are compared by their ids, which stay the same for the same rule, author and message;
a verdict is read as JSON and not as today's classes, because it may be years old; a rule that fails, then or
today, never makes a finding "gone".

Fails with KeyError, TypeError, ValueError or AttributeError where a record holds no envelope or no verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gateway.message.authentication import Authentication, least_sure
from gateway.message.content import content_id
from gateway.message.envelope import Envelope
from gateway.message.reading import read_message
from gateway.policy.model import Finding, Transaction, Verdict

# One finding may be in the verdicts of several transactions: a mail server splits a message within minutes, and
# what a rule finds once a day may be in every message of that day. Later sights cannot be of the same finding.
SETTLED = timedelta(hours=36)


class Change(StrEnum):
    """What today's rules make of a finding."""

    NEW = "new"
    GONE = "gone"
    CHANGED = "changed"  # in severity, confidence or action
    UNCHANGED = "unchanged"
    UNKNOWN = "unknown"  # it was recorded, and its rule failed today


COMPARED = ("severity", "confidence", "action")


@dataclass(frozen=True, slots=True)
class Brief:
    """As much of a finding as is compared and shown."""

    rule: str
    severity: str
    confidence: str
    action: str
    author_id: str | None
    author: str  # a name
    why: str  # why the author was identified as this person
    explanation: str

    @classmethod
    def of(cls, finding: Finding) -> Brief:
        return cls(
            finding.rule,
            finding.severity.value,
            finding.confidence.value,
            finding.action.value,
            finding.author.person_id,
            finding.author.name,
            finding.author.why,
            finding.explanation,
        )

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Brief:
        """A recorded finding. Raises KeyError or AttributeError where it is none."""
        author = data["author"]
        person = author.get("person_id")
        return cls(
            str(data["rule"]),
            str(data["severity"]),
            str(data["confidence"]),
            str(data.get("action", "record")),
            None if person is None else str(person),
            str(author.get("name", "")),
            str(author.get("why", "")),
            str(data.get("explanation", "")),
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """The verdict that was kept with a message."""

    findings: Mapping[str, Brief] = field(default_factory=dict)  # by finding id
    errors: frozenset[str] = frozenset()  # rules that failed then; "engine" where nothing was judged
    rules_version: str = ""
    directory_version: str = ""

    @classmethod
    def read(cls, verdict: Mapping[str, Any] | None) -> Recorded:
        """From the record's `verdict`; None is what is kept where judging failed as a whole."""
        if verdict is None:
            return cls(errors=frozenset({"engine"}))
        return cls(
            {str(data["id"]): Brief.read(data) for data in verdict["findings"]},
            frozenset(str(rule) for rule in verdict.get("errors", ())),
            str(verdict.get("rules_version", "")),
            str(verdict.get("directory_version", "")),
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """One finding, then and today, at the first message that shows it."""

    id: str
    archive_id: str
    received: datetime
    recorded: Brief | None
    today: Brief | None
    failed_then: bool  # the rule failed when the message was received, so nothing could be recorded
    failed_today: bool
    not_judged: str | None  # why the message is not judged today
    other_rules: bool  # recorded by another version of rules and settings
    other_directory: bool
    shown_by: frozenset[str]  # archive ids of all messages that show it

    @property
    def change(self) -> Change:
        if self.today is None:
            return Change.UNKNOWN if self.failed_today else Change.GONE
        if self.recorded is None:
            return Change.NEW
        return Change.CHANGED if self.differs else Change.UNCHANGED

    @property
    def differs(self) -> tuple[str, ...]:
        """Which of the compared values are not the same, where it was found both times."""
        if self.recorded is None or self.today is None:
            return ()
        return tuple(name for name in COMPARED if getattr(self.recorded, name) != getattr(self.today, name))

    @property
    def shown(self) -> Brief:
        """Today's view; what was recorded, where there is none."""
        brief = self.today or self.recorded
        assert brief is not None
        return brief

    @property
    def note(self) -> str:
        """What explains the change, as far as verdicts tell."""
        change = self.change
        if change is Change.UNCHANGED:
            return ""
        if change is Change.UNKNOWN:
            return "the rule failed today"
        if change is Change.NEW and self.failed_then:
            return "the rule failed when the message was received"
        if change is Change.GONE and self.not_judged is not None:
            return f"not judged today: {self.not_judged}"
        other = [
            word
            for word, differs in (("rules", self.other_rules), ("directory", self.other_directory))
            if differs
        ]
        return f"judged then by another version of {' and '.join(other)}" if other else ""


def transaction_of(
    envelopes: Sequence[Envelope], raw: bytes, thread: frozenset[str] = frozenset()
) -> Transaction:
    """A stored message as the rules saw it: one transaction, or all into which a mail server split it.

    `envelopes`: oldest first. `thread`: canonical addresses that took part in the messages it answers.
    """
    reading, first = read_message(raw), envelopes[0]
    recipients = dict.fromkeys(one.address for envelope in envelopes for one in envelope.recipients)
    return Transaction(
        reading=reading,
        mail_from=first.mail_from,
        recipients=tuple(recipients),
        received=first.received,
        content_id=content_id(reading, raw),
        authentication=least_sure(found for one in envelopes if (found := _authentication(one)) is not None),
        thread=thread,
        raw=raw,
    )


def _authentication(envelope: Envelope) -> Authentication | None:
    """What was found out about the sender's domain; None where it was never asked about. Raises TypeError."""
    kept = envelope.authentication
    return None if kept is None else Authentication.from_json(dict(kept))


def compare(
    archive_ids: Sequence[str], received: datetime, recorded: Recorded, today: Verdict
) -> Iterator[Comparison]:
    """Every finding that one message had or has, in the order of the rules, then of the record.

    `archive_ids`: the message's records, one for each transaction, oldest first.
    """
    now = {finding.id: Brief.of(finding) for finding in today.findings}
    for finding_id in dict.fromkeys((*now, *recorded.findings)):
        then, found = recorded.findings.get(finding_id), now.get(finding_id)
        brief = found or then
        assert brief is not None
        either = {brief.rule, "engine"}
        yield Comparison(
            id=finding_id,
            archive_id=archive_ids[0],
            received=received,
            recorded=then,
            today=found,
            failed_then=not recorded.errors.isdisjoint(either),
            failed_today=not either.isdisjoint(today.errors),
            not_judged=today.not_judged,
            other_rules=recorded.rules_version != today.rules_version,
            other_directory=recorded.directory_version != today.directory_version,
            shown_by=frozenset(archive_ids),
        )


def merged(earlier: Comparison, later: Comparison) -> Comparison:
    """One finding seen in two messages: it stays at the first, and what the later one says holds.

    Neither then nor today does a message without the finding revoke what another one shows.
    """
    return replace(
        earlier,
        recorded=later.recorded or earlier.recorded,
        today=later.today or earlier.today,
        failed_then=earlier.failed_then or later.failed_then,
        failed_today=earlier.failed_today or later.failed_today,
        other_rules=earlier.other_rules or later.other_rules,
        other_directory=earlier.other_directory or later.other_directory,
        shown_by=earlier.shown_by | later.shown_by,
    )


class Settling:
    """Comparisons that later messages may still revise; holds a day and a half of findings, not an archive's."""

    def __init__(self, window: timedelta = SETTLED) -> None:
        self._window = window
        self._open: dict[str, Comparison] = {}  # by finding id, the first seen first

    def add(self, comparisons: Iterable[Comparison]) -> None:
        """Take what the next message shows."""
        for comparison in comparisons:
            known = self._open.get(comparison.id)
            self._open[comparison.id] = comparison if known is None else merged(known, comparison)

    def revoke(self, archive_ids: frozenset[str]) -> None:
        """Forget what these messages alone showed: they were judged once more, as one message."""
        for comparison in list(self._open.values()):
            if comparison.shown_by <= archive_ids:
                del self._open[comparison.id]

    def settled(self, now: datetime) -> Iterator[Comparison]:
        """Those that no message received at `now` or later can revise, the first seen first."""
        while self._open:
            first = next(iter(self._open.values()))
            if now - first.received < self._window:
                return
            yield self._open.pop(first.id)

    def rest(self) -> Iterator[Comparison]:
        """All others, once there are no more messages."""
        while self._open:
            yield self._open.pop(next(iter(self._open)))


class Tally:
    """How many findings of each rule changed, and how."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[Change]] = {}

    def add(self, comparison: Comparison) -> None:
        self._counts.setdefault(comparison.shown.rule, Counter())[comparison.change] += 1

    def rows(self) -> Iterator[tuple[str, dict[str, int]]]:
        """Each rule, by its id, and its counts: recorded, today, and each change."""
        for rule in sorted(self._counts):
            yield rule, _counted(self._counts[rule])

    @property
    def total(self) -> dict[str, int]:
        """The same for all rules together."""
        return _counted(sum(self._counts.values(), Counter()))


def _counted(changes: Counter[Change]) -> dict[str, int]:
    everything = sum(changes.values())
    gone = changes[Change.GONE] + changes[Change.UNKNOWN]
    return {
        "recorded": everything - changes[Change.NEW],
        "today": everything - gone,
        **{change.value: changes[change] for change in Change},
    }
