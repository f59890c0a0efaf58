"""`mailgw policy measure`: its page, its JSON lines and its exit code."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from gateway.cli.policy.measure import measure
from gateway.demo.month import judging
from gateway.demo.month.judging import Judged
from gateway.demo.month.label import LABELLED
from gateway.demo.month.score import Outcome, Scope
from gateway.demo.month.score import Result as Of
from gateway.policy.identify import Step

RULES = frozenset(LABELLED)


def _outcome(result: Of, confidence: str = "certain", rule: str = "coach/one-to-one") -> Outcome:
    found = "" if result is Of.MISSED else confidence
    wanted = "" if result is Of.FALSE else confidence
    return Outcome(Scope.MONTH, result, rule, found, wanted, Step.SCHOOL_ACCOUNT, "coach-writes-to-one")


GOOD = [(_outcome(Of.RIGHT), 900), (_outcome(Of.RIGHT, "strong"), 50), (_outcome(Of.RIGHT, "likely"), 50)]


def _run(monkeypatch: pytest.MonkeyPatch, judged: Judged, *arguments: str) -> Result:
    """The command, with a month that was judged elsewhere."""
    monkeypatch.setattr(judging, "judge_month", lambda seed, messages, workers: judged)
    app = typer.Typer()
    app.command()(measure)
    return CliRunner().invoke(app, list(arguments))


def _judged(*outcomes: tuple[Outcome, int], **rest: Any) -> Judged:
    return Judged(Counter(dict(outcomes)), messages=1000, rules=RULES, **rest)


def test_all_aims_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    result = _run(monkeypatch, _judged(*GOOD))
    assert result.exit_code == 0, result.output
    assert result.output.count(" reached") == 4 and "MISSED" not in result.output


@pytest.mark.parametrize(
    ("more", "aim"),
    [
        ((_outcome(Of.FALSE), 1), "precision of certain and strong"),
        ((_outcome(Of.FALSE, "strong"), 1), "precision of certain and strong"),
        ((_outcome(Of.FALSE, "likely"), 2), "precision of likely"),
        ((_outcome(Of.MISSED), 1), "recall of certain"),
        ((_outcome(Of.MISSED, "likely"), 60), "recall of all that can be detected"),
    ],
)
def test_each_aim_can_be_missed(monkeypatch: pytest.MonkeyPatch, more: tuple[Outcome, int], aim: str) -> None:
    result = _run(monkeypatch, _judged(*GOOD, more))
    assert result.exit_code == 1
    missed = [line for line in result.output.splitlines() if line.endswith("MISSED")]
    assert [line.partition(" at least")[0].strip() for line in missed] == [aim]
    assert "coach-writes-to-one" in result.output


def test_one_in_a_million_is_not_rounded_away(monkeypatch: pytest.MonkeyPatch) -> None:
    result = _run(
        monkeypatch, _judged(*GOOD, (_outcome(Of.RIGHT, rule="x/y"), 10**6), (_outcome(Of.FALSE), 1))
    )
    (line,) = [one for one in result.output.splitlines() if one.startswith("precision of certain")]
    assert "0.9999 MISSED" in line


def test_rule_that_failed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    result = _run(monkeypatch, _judged(*GOOD, errors=Counter({"coach/one-to-one": 3})))
    assert result.exit_code == 1
    assert "coach/one-to-one failed on 3 messages" in result.output


def test_json(monkeypatch: pytest.MonkeyPatch) -> None:
    split = Outcome(Scope.SINGLY, Of.FALSE, "coach/one-to-one", "certain", "", "", "split-off")
    result = _run(monkeypatch, _judged(*GOOD, (_outcome(Of.FALSE), 1), (split, 4)), "--json")
    assert result.exit_code == 1
    rows = [json.loads(line) for line in result.output.splitlines()]
    by_kind = Counter(row["kind"] for row in rows)
    assert by_kind["aim"] == by_kind["confidence"] == 4 and by_kind["rule"] == len(LABELLED)
    assert [row["messages"] for row in rows if row["kind"] == "difference"] == [1, 4]
    assert rows[-1]["kind"] == "month" and rows[-1]["reached"] is False
    coach = next(row for row in rows if row["kind"] == "rule" and row["name"] == "coach/one-to-one")
    assert (coach["right"], coach["false"]) == (1000, 1)


def test_small_month_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real thing, without pretence; a month this small holds too many rare errors to reach the aims."""
    app = typer.Typer()
    app.command()(measure)
    result = CliRunner().invoke(app, ["--messages", "1", "--seed", "3", "--workers", "1", "--json"])
    rows = [json.loads(line) for line in result.output.splitlines()]
    assert rows[-1]["messages"] > 150 and not rows[-1]["errors"]
    assert result.exit_code == (0 if rows[-1]["reached"] else 1)
    certain = next(row for row in rows if row["kind"] == "confidence" and row["name"] == "certain")
    assert certain["precision"] == 1.0 and certain["recall"] == 1.0
