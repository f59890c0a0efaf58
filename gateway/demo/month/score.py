"""Findings against labels: right, false, missed; and what that makes of precision and recall.

A finding is right where the label wants this rule about this author. It is *too sure* where its confidence is
surer than the evidence allows: the finding counts as right for its rule, and as false for its confidence. A
finding is *less sure* where it is the other way round; that is told and counted nowhere against it. One that lacks
the mark of what its sender declared counts as false.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from gateway.demo.month.label import LABELLED, Piece
from gateway.policy.identify import Step
from gateway.policy.model import Confidence, Finding, surest


class Scope(StrEnum):
    """What a message counts for."""

    MONTH = "month"
    SINGLY = "split, judged singly"
    WHOLE = "split, judged as a whole"


class Result(StrEnum):
    RIGHT = "right"
    TOO_SURE = "too sure"
    LESS_SURE = "less sure"
    UNMARKED = "without its mark"  # right, but what the sender declared is not on it
    FALSE = "false"
    MISSED = "missed"
    LEFT_OPEN = "left open"  # found where the policy leaves room
    DOUBLED = "doubled"  # a rule's second finding about one author of one message


_HITS = (Result.RIGHT, Result.TOO_SURE, Result.LESS_SURE, Result.UNMARKED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one finding, or of one that was wanted."""

    scope: Scope
    result: Result
    rule: str
    found: str  # confidence of the finding, "" where it was missed
    wanted: str  # confidence of the label, "" where there was none
    step: str  # of the finding where the ladder tells, else of the label
    scenario: str


@dataclass(frozen=True, slots=True)
class Measure:
    """Precision and recall of one rule, one confidence or one step."""

    name: str
    right: int
    false: int
    missed: int
    hits: int  # of what is labelled with this name, how much was found

    @property
    def precision(self) -> float | None:
        """Share of the findings that are right; None where nothing was found."""
        return self.right / (self.right + self.false) if self.right + self.false else None

    @property
    def recall(self) -> float | None:
        """Share of what is wanted that was found; None where nothing is wanted."""
        return self.hits / (self.hits + self.missed) if self.hits + self.missed else None


def compare(
    piece: Piece,
    findings: Sequence[tuple[Finding, str | None]],
    rules: AbstractSet[str],
    scope: Scope,
) -> Iterator[Outcome]:
    """The outcomes of one message; `rules` are those that were applied. Findings carry their step, if known."""
    scenario = piece.message.scenario
    labels = {(want.rule, want.author): want for want in piece.wanted if want.rule in rules}
    seen: dict[str, tuple[str, str]] = {}
    for finding, step in findings:
        key = (finding.rule, finding.author.person_id or "")
        if finding.id in seen and scope is Scope.SINGLY:
            continue  # a later transaction revises the finding
        want = labels.get(key)
        if finding.id in seen or key in seen.values():
            result = Result.DOUBLED
        elif want is not None:
            result = _sureness(finding.confidence, want.confidence)
            if want.mark and want.mark not in finding.marks:
                result = Result.UNMARKED
        else:
            result = Result.LEFT_OPEN if finding.rule in piece.left_open else Result.FALSE
        seen[finding.id] = key
        told = step or (want.step if want else "")
        wanted = want.confidence if want else ""
        yield Outcome(scope, result, finding.rule, finding.confidence, wanted, told, scenario)
    for key, want in labels.items():
        if key not in seen.values() and want.rule not in piece.left_open:
            yield Outcome(scope, Result.MISSED, want.rule, "", want.confidence, want.step, scenario)


def _sureness(found: Confidence, wanted: Confidence) -> Result:
    if found is wanted:
        return Result.RIGHT
    return Result.TOO_SURE if surest(found, wanted) is found else Result.LESS_SURE


# --- summing up ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Aim:
    """One of the aims, and how far the engine is from it."""

    what: str
    least: float
    reached: float | None  # None: nothing to measure

    @property
    def met(self) -> bool:
        return self.reached is not None and self.reached >= self.least


@dataclass(frozen=True)
class Report:
    """A month's outcomes, summed up."""

    rules: tuple[Measure, ...]
    confidences: tuple[Measure, ...]
    steps: tuple[Measure, ...]
    split: tuple[tuple[Scope, Measure], ...]  # rule by rule
    aims: tuple[Aim, ...]
    not_compared: tuple[str, ...]  # rules that are labelled but not in the table
    not_labelled: tuple[str, ...]  # rules that made findings and have no labels
    wrong: tuple[tuple[Outcome, int], ...]  # false, doubled, missed and too sure, with how often
    told: tuple[tuple[Outcome, int], ...]  # left open and less sure
    split_wrong: tuple[tuple[Outcome, int], ...]

    @property
    def reached(self) -> bool:
        return all(aim.met for aim in self.aims)


def report(outcomes: Counter[Outcome], rules: AbstractSet[str]) -> Report:
    """Sum up. `rules` are those that were applied."""
    by_scope = {
        scope: Counter({one: number for one, number in outcomes.items() if one.scope is scope})
        for scope in Scope
    }
    month, split = by_scope[Scope.MONTH], by_scope[Scope.SINGLY] + by_scope[Scope.WHOLE]
    compared = [rule for rule in LABELLED if rule in rules]
    unlabelled = sorted({one.rule for one in outcomes} - set(LABELLED))
    confidences = tuple(
        measure(month, name, found=lambda one: one.found, wanted=lambda one: one.wanted, strict=True)
        for name in Confidence
    )
    return Report(
        rules=tuple(_by_rule(month, rule) for rule in (*compared, *unlabelled)),
        confidences=confidences,
        steps=tuple(_by_step(month, step) for step in _steps(month)),
        split=tuple(
            (scope, _by_rule(by_scope[scope], rule))
            for scope in (Scope.SINGLY, Scope.WHOLE)
            for rule in sorted({one.rule for one in by_scope[scope]})
        ),
        aims=_aims(confidences),
        not_compared=tuple(rule for rule in LABELLED if rule not in rules),
        not_labelled=tuple(unlabelled),
        wrong=_listed(month, Result.FALSE, Result.DOUBLED, Result.MISSED, Result.TOO_SURE, Result.UNMARKED),
        told=_listed(month, Result.LEFT_OPEN, Result.LESS_SURE),
        split_wrong=_listed(
            split, Result.FALSE, Result.DOUBLED, Result.MISSED, Result.TOO_SURE, Result.UNMARKED
        ),
    )


Name = Callable[[Outcome], str]


def measure(
    outcomes: Counter[Outcome], name: str, *, found: Name, wanted: Name, strict: bool = False
) -> Measure:
    """Outcomes of one name, by which a finding and a label may differ. `strict`: too sure is false."""

    # A finding without its mark is one that misleads: an emergency looks like any violation.
    def total(results: Iterable[Result], of: Name) -> int:
        some = tuple(results)
        return sum(number for one, number in outcomes.items() if one.result in some and of(one) == name)

    wrong = (Result.FALSE, Result.DOUBLED, Result.UNMARKED, *((Result.TOO_SURE,) if strict else ()))
    right = tuple(result for result in _HITS if result not in wrong)
    return Measure(
        name, total(right, found), total(wrong, found), total((Result.MISSED,), wanted), total(_HITS, wanted)
    )


def _by_rule(outcomes: Counter[Outcome], rule: str) -> Measure:
    return measure(outcomes, rule, found=lambda one: one.rule, wanted=lambda one: one.rule)


def _by_step(outcomes: Counter[Outcome], step: str) -> Measure:
    return measure(outcomes, step, found=lambda one: one.step, wanted=lambda one: one.step)


def _steps(outcomes: Counter[Outcome]) -> list[str]:
    """Steps in the order of the ladder, then what the engine calls differently."""
    named = {one.step for one in outcomes if one.step}
    ladder = [step.value for step in Step]
    return [step for step in ladder if step in named] + sorted(named - set(ladder))


def _aims(confidences: Sequence[Measure]) -> tuple[Aim, ...]:
    by_name = {measure.name: measure for measure in confidences}
    certain, strong, likely = (by_name[name] for name in Confidence if name is not Confidence.POSSIBLE)
    sure = Measure("", certain.right + strong.right, certain.false + strong.false, 0, 0)
    everything = Measure(
        "", 0, 0, sum(one.missed for one in confidences), sum(one.hits for one in confidences)
    )
    return (
        Aim("precision of certain and strong", 1.0, sure.precision),
        Aim("precision of likely", 0.98, likely.precision),
        Aim("recall of certain", 1.0, certain.recall),
        Aim("recall of all that can be detected", 0.95, everything.recall),
    )


def _listed(outcomes: Counter[Outcome], *results: Result) -> tuple[tuple[Outcome, int], ...]:
    some = [(one, number) for one, number in outcomes.items() if one.result in results]

    def place(pair: tuple[Outcome, int]) -> tuple[int, int, str, str, str]:
        one, number = pair
        return results.index(one.result), -number, one.scenario, one.rule, one.found

    return tuple(sorted(some, key=place))
