"""The generated month and its measurement: the month is what it promises, and the measurement can say no."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gateway.config import Severity
from gateway.demo.letter import OFF_CHANNEL_STUDENT, ONE_TO_ONE
from gateway.demo.month import teams
from gateway.demo.month.desk import Scenario, desk_on, play
from gateway.demo.month.judging import Judged, directory_on, district, judge, judge_month, transactions
from gateway.demo.month.label import LABELLED, STUDENT_ALONE, UNSIGNED, Piece
from gateway.demo.month.plan import pieces_of, scenarios_on
from gateway.demo.month.scenes import COUNTED, DISPUTED, EDGES, ORDINARY, SPLIT, UNAVOIDABLE, name_of
from gateway.demo.month.score import Measure, Outcome, Report, Result, Scope, compare, report
from gateway.demo.month.town import DAYS, Town, settle
from gateway.directory.snapshot import Directory
from gateway.policy.context import Context, Draft, Rule
from gateway.policy.engine import Engine
from gateway.policy.identify import Step
from gateway.policy.model import Confidence
from gateway.policy.rules import coach
from gateway.policy.rules.table import RULES

SEED = 7
MESSAGES = 600


@dataclass(frozen=True)
class Month:
    town: Town
    days: tuple[tuple[list[Piece], Directory], ...]

    @property
    def pieces(self) -> list[Piece]:
        return [piece for pieces, _ in self.days for piece in pieces]

    def judged(self, rules: Sequence[Rule] = RULES) -> Judged:
        """What an engine with these rules makes of the month."""
        engine = Engine(self.town.settings(), district(), rules=rules)
        whole = Judged()
        for pieces, directory in self.days:
            whole.add(judge(pieces, engine, directory))
        return whole

    def report(self, rules: Sequence[Rule] = RULES) -> Report:
        judged = self.judged(rules)
        return report(judged.outcomes, judged.rules)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    town, roster = settle(SEED), tmp_path_factory.mktemp("roster")
    town.write(roster)
    return Month(
        town,
        tuple((pieces_of(town, day, SEED, MESSAGES), directory_on(roster, day)) for day in range(DAYS)),
    )


@pytest.fixture(scope="module")
def summary(month: Month) -> Report:
    return month.report()


# --- the month ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", [0, 11, 20])
def test_same_seed_same_bytes(month: Month, day: int) -> None:
    """Whichever process makes a day, and in whatever order."""
    assert pieces_of(settle(SEED), day, SEED, MESSAGES) == month.days[day][0]
    assert pieces_of(month.town, day, SEED + 1, MESSAGES) != month.days[day][0]


def test_about_as_many_messages_as_asked_for(month: Month) -> None:
    assert len(month.pieces) == pytest.approx(MESSAGES, rel=0.1)
    ids = Counter(piece.message.message_id for piece in month.pieces)
    assert max(ids.values()) == 1


def test_every_scenario_occurs(month: Month) -> None:
    met = {piece.message.scenario for piece in month.pieces}
    assert met == set(map(name_of, (*COUNTED, *SPLIT, *ORDINARY)))
    for scenario, days in EDGES.items():
        for day in days:
            assert scenario in scenarios_on(day, SEED, MESSAGES)


def test_scenarios_have_names_of_their_own() -> None:
    names = Counter(map(name_of, (*COUNTED, *SPLIT, *ORDINARY)))
    assert not [name for name, number in names.items() if number > 1]


def test_most_of_a_month_is_ordinary() -> None:
    assert sum(COUNTED.values()) + sum(SPLIT.values()) < 1_200  # of ten thousand
    assert sum(COUNTED[scenario] for scenario in (*UNAVOIDABLE, *DISPUTED)) < 1


def test_labels_name_staff_or_guardians_of_the_district(month: Month) -> None:
    people = month.town.district.people
    labels = [label for piece in month.pieces for label in piece.wanted]
    assert {label.rule for label in labels} == set(LABELLED)
    for label in labels:
        author = people[label.author]
        assert not author.is_student
        assert author.job or (
            label.rule == "off-channel/addressed" and author.id in month.town.district.children
        )


def test_labels_stand_on_every_step_of_the_policys_ladder(month: Month) -> None:
    steps = {label.step for piece in month.pieces for label in piece.wanted}
    assert steps == set(Step) - {Step.QUOTED, Step.LOOK_ALIKE}


def test_nothing_is_wanted_and_left_open_about_certain_authors(month: Month) -> None:
    """A label that is sure of itself may not be excused when it is missed."""
    for piece in month.pieces:
        for label in piece.wanted:
            assert label.rule not in piece.left_open or label.confidence is Confidence.LIKELY, (
                piece.message.scenario
            )


# Their label depends on the day, or on which of two teams is written to.
_VARIED = {*EDGES, teams.coach_of_two_teams_writes_to_one, teams.coach_of_two_teams_adds_one_of_the_other}


@pytest.mark.parametrize(
    "scenario", sorted({*COUNTED, *SPLIT, *ORDINARY} - _VARIED, key=name_of), ids=name_of
)
def test_each_scenario_means_the_same_whoever_plays_it(scenario: Scenario, month: Month) -> None:
    """Labels are those of the scenario and not of the people; unsigned forms are apart."""
    meanings = set()
    for seed in range(3):
        pieces = play(scenario, desk_on(month.town, 15, seed))
        meanings.add(tuple(tuple(sorted(w.rule for w in p.wanted if w.rule != UNSIGNED)) for p in pieces))
    assert len(meanings) == 1


def test_people_who_are_known_by_name_are_told_apart(month: Month) -> None:
    town = month.town
    desk = desk_on(town, 15, SEED)
    assert town.by_name and town.nicknamed and town.coaches
    for who in (*town.by_name, *town.nicknamed, *town.coaches):
        assert desk.is_told_apart(town.district.people[who]), town.district.people[who].name


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_other_seeds_find_their_cast(seed: int) -> None:
    town = settle(seed)
    for scenario in (*COUNTED, *SPLIT):
        assert play(scenario, desk_on(town, 15, seed))


# --- what it says of the engine ----------------------------------------------------------------------------


def test_no_rule_fails(month: Month) -> None:
    assert not month.judged().errors


def test_certain_and_strong_findings_are_right_and_none_that_is_certain_is_missed(summary: Report) -> None:
    by_name = {one.name: one for one in summary.confidences}
    assert by_name["certain"].precision == by_name["strong"].precision == by_name["certain"].recall == 1.0


def test_likely_findings_are_wrong_only_where_nobody_could_know(summary: Report) -> None:
    """In a small month the rare errors weigh as much as everything else; there may be no others."""
    wrong = {one.scenario for one, _ in summary.wrong if one.result is not Result.MISSED}
    assert wrong <= set(map(name_of, (*UNAVOIDABLE, *DISPUTED)))


def test_nearly_everything_that_can_be_detected_is_found(summary: Report) -> None:
    reached = {aim.what: aim.reached for aim in summary.aims}
    recall = reached["recall of all that can be detected"]
    assert recall is not None and recall >= 0.95


def test_split_messages_are_apart_and_right_as_a_whole(summary: Report) -> None:
    assert {one.scenario for one, _ in summary.wrong}.isdisjoint(map(name_of, SPLIT))
    assert [one for one, _ in summary.split_wrong if one.scope is Scope.WHOLE] == []
    assert [one for one, _ in summary.split_wrong if one.scope is Scope.SINGLY]


# --- the measurement can say no ----------------------------------------------------------------------------


def _measure(summary: Report, rule: str) -> Measure:
    return next(one for one in summary.rules if one.name == rule)


def _all_students(context: Context) -> list[Draft]:
    """A rule that accuses every staff member of everything."""
    return [Draft(context.author.confidence, "staff", (), (), "Always.")]


def test_a_rule_that_is_gone_is_told_and_not_measured(month: Month) -> None:
    summary = month.report([rule for rule in RULES if rule.id != ONE_TO_ONE])
    assert ONE_TO_ONE in summary.not_compared
    assert ONE_TO_ONE not in {one.name for one in summary.rules}


@pytest.mark.parametrize("rule", [OFF_CHANNEL_STUDENT, ONE_TO_ONE, STUDENT_ALONE, UNSIGNED])
def test_a_rule_that_finds_nothing_has_no_recall(month: Month, rule: str) -> None:
    silent = [replace(one, judge=lambda context: ()) if one.id == rule else one for one in RULES]
    summary = month.report(silent)
    measured = _measure(summary, rule)
    assert (measured.right, measured.false, measured.recall) == (0, 0, 0.0)
    assert not summary.reached
    assert any(one.rule == rule and one.result is Result.MISSED for one, _ in summary.wrong)


@pytest.mark.parametrize("rule", [OFF_CHANNEL_STUDENT, ONE_TO_ONE, STUDENT_ALONE, UNSIGNED])
def test_a_rule_that_finds_too_much_has_no_precision(month: Month, rule: str) -> None:
    eager = [replace(one, judge=_all_students) if one.id == rule else one for one in RULES]
    summary = month.report(eager)
    precision = _measure(summary, rule).precision
    assert precision is not None and precision < 0.9
    assert not summary.reached


def test_a_rule_that_is_new_counts_as_false(month: Month) -> None:
    extra = Rule("new/rule", "A sentence.", Severity.ADVISORY, "A remedy.", _all_students)
    summary = month.report([*RULES, extra])
    assert summary.not_labelled == ("new/rule",)
    assert _measure(summary, "new/rule").precision == 0.0
    assert not summary.reached


def test_a_rule_that_is_too_sure_is_noticed(month: Month) -> None:
    """The finding is right, but `likely` evidence may not be called certain."""

    def sure(context: Context) -> list[Draft]:
        return [replace(draft, confidence=Confidence.CERTAIN) for draft in coach.ONE_TO_ONE.judge(context)]

    boastful = [replace(one, judge=sure) if one.id == ONE_TO_ONE else one for one in RULES]
    summary = month.report(boastful)
    assert _measure(summary, ONE_TO_ONE).precision == 1.0
    certain = next(one for one in summary.confidences if one.name == "certain")
    assert certain.precision is not None and certain.precision < 1.0
    assert any(one.result is Result.TOO_SURE for one, _ in summary.wrong)


def test_a_finding_that_is_doubled_is_noticed(month: Month) -> None:
    """The engine makes one finding of two about the same author and message; the measurement does not rely on it."""
    pieces, directory = month.days[0]
    engine = Engine(month.town.settings(), district())
    piece, findings = next(
        (piece, findings)
        for piece in pieces
        for one in transactions(piece)
        if piece.wanted and (findings := engine.judge(one, directory).findings)
    )
    once = Counter(
        one.result for one in compare(piece, [(f, None) for f in findings], engine.enabled, Scope.MONTH)
    )
    both = [(f, None) for f in (*findings, *findings)]
    twice = Counter(one.result for one in compare(piece, both, engine.enabled, Scope.MONTH))
    assert twice == once + Counter({Result.DOUBLED: len(findings)})


def test_an_emergency_that_is_not_marked_is_noticed(month: Month) -> None:
    def unmarked(context: Context) -> list[Draft]:
        return [replace(draft, marks=()) for draft in coach.ONE_TO_ONE.judge(context)]

    summary = month.report([replace(one, judge=unmarked) if one.id == ONE_TO_ONE else one for one in RULES])
    wrong = {(one.scenario, one.result) for one, _ in summary.wrong if one.rule == ONE_TO_ONE}
    assert wrong == {("coach-declares-emergency", Result.UNMARKED)}


def test_a_rule_that_fails_is_counted(month: Month) -> None:
    def broken(context: Context) -> list[Draft]:
        raise ValueError

    judged = month.judged([replace(one, judge=broken) if one.id == UNSIGNED else one for one in RULES])
    assert judged.errors[UNSIGNED] > 0


def test_no_findings_at_all_reach_no_aim() -> None:
    """An engine that says nothing has no precision to speak of, and does not pass by that."""
    nothing = report(Counter(), frozenset(LABELLED))
    assert not any(aim.met for aim in nothing.aims)


@pytest.mark.parametrize(
    ("result", "precision", "recall"),
    [
        (Result.RIGHT, 1.0, 1.0),
        (Result.LESS_SURE, 1.0, 1.0),
        (Result.TOO_SURE, 1.0, 1.0),  # of the rule; see the test above for its confidence
        (Result.FALSE, 0.5, 1.0),
        (Result.DOUBLED, 0.5, 1.0),
        (Result.UNMARKED, 0.5, 1.0),
        (Result.MISSED, 1.0, 0.5),
        (Result.LEFT_OPEN, 1.0, 1.0),
    ],
)
def test_what_counts(result: Result, precision: float, recall: float) -> None:
    """One right finding, and another of each kind."""

    def outcome(what: Result) -> Outcome:
        return Outcome(Scope.MONTH, what, ONE_TO_ONE, "likely", "likely", Step.CONTEXT, "some-scenario")

    counted = Counter([outcome(Result.RIGHT), replace(outcome(result), scenario="other")])
    measured = _measure(report(counted, frozenset(LABELLED)), ONE_TO_ONE)
    assert (measured.precision, measured.recall) == (precision, recall)


# --- processes -----------------------------------------------------------------------------------------------


def test_number_of_processes_changes_nothing(month: Month) -> None:
    alone, together = month.judged(), judge_month(SEED, MESSAGES, 2)
    assert together.outcomes == alone.outcomes
    assert (together.messages, together.hidden, together.rules) == (alone.messages, alone.hidden, alone.rules)


def test_roster_is_read_without_anything_unexpected(month: Month, tmp_path: Path) -> None:
    """The group of groups, the people of one name and all others are in the directory that judges."""
    directory = month.days[15][1]
    town = month.town
    council = {p.id for p in town.on(15).members(town.council)}
    assert directory.members_of(town.council.id) == council
    assert {p.name for p in map(directory.people.__getitem__, (t.id for t in town.twins))} == {
        town.twins[0].name
    }
