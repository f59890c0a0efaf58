"""`mailgw policy measure`: how right the rules are, on a generated month of mail whose every message is labelled.

The labels are reasoned from the policy when a message is made. What the figures are worth depends on how like the
district's own mail the month is; `mailgw policy sample` is the look at that.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import FOUND_WRONG, JsonOption, print_json

if TYPE_CHECKING:
    from gateway.demo.month.judging import Judged
    from gateway.demo.month.score import Measure, Outcome, Report

_WIDTH = 34  # columns of a name


def measure(
    messages: Annotated[int, typer.Option(min=1, help="About so many messages.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Another seed is another district and another month.")] = 2026,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one a core.")] = 0,
    json: JsonOption = False,
) -> None:
    """Judge a generated month of district mail and compare the findings with its labels.

    Prints precision and recall by rule, by confidence and by step of identification, and every scenario in which
    the rules are wrong. Exit 1 if an aim is missed or a rule failed.
    """
    # here, so that the service's processes need not load it
    from gateway.demo.month.judging import judge_month
    from gateway.demo.month.score import report

    started = time.perf_counter()
    judged = judge_month(seed, messages, workers or len(os.sched_getaffinity(0)))
    summary = report(judged.outcomes, judged.rules)
    seconds = time.perf_counter() - started
    if json:
        for row in _rows(judged, summary, seconds):
            print_json(row)
    else:
        typer.echo("\n".join(_page(judged, summary, seconds)))
    if not summary.reached or judged.errors:
        raise typer.Exit(FOUND_WRONG)


# --- for people ----------------------------------------------------------------------------------------


def _page(judged: Judged, summary: Report, seconds: float) -> Iterator[str]:
    yield (
        f"{judged.messages:,} messages of a generated month, judged in {seconds:.0f} s "
        f"({judged.writing:.0f} s of processor to write them, {judged.judging:.0f} s to judge them)"
    )
    for title, measures in (
        ("By rule", summary.rules),
        ("By confidence", summary.confidences),
        ("By step of identification", summary.steps),
    ):
        yield f"\n{title:{_WIDTH}} {'right':>7} {'false':>7} {'missed':>7} {'precision':>10} {'recall':>8}"
        yield from map(_line, measures)
    yield from _listed("Wrong", summary.wrong)
    yield from _listed("Not counted as wrong", summary.told)
    yield "\nSplit messages, which are in no figure above and in no aim:"
    for scope, one in summary.split:
        yield f"{_line(one)}   {scope}"
    yield from _listed("Wrong in split messages", summary.split_wrong)
    if judged.hidden:
        yield f"\n{judged.hidden} breaches that nothing in the message shows were sent as well; none counts as missed."
    if summary.not_compared:
        yield f"\nNot compared, because there is no such rule or it is off: {', '.join(summary.not_compared)}"
    if summary.not_labelled:
        yield f"\nWithout labels, so every finding counts as false: {', '.join(summary.not_labelled)}"
    for rule, number in judged.errors.items():
        yield f"\n{rule} failed on {number} messages"
    yield "\nAims"
    for aim in summary.aims:
        verdict = "reached" if aim.met else "MISSED"
        yield f"{aim.what:{_WIDTH}} at least {aim.least:.2f}: {_share(aim.reached)} {verdict}"


def _line(one: Measure) -> str:
    return (
        f"{one.name:{_WIDTH}} {one.right:7} {one.false:7} {one.missed:7} "
        f"{_share(one.precision):>10} {_share(one.recall):>8}"
    )


def _share(value: float | None) -> str:
    """Four places, rounded down: nothing short of all is shown as 1."""
    return "-" if value is None else f"{int(value * 10_000) / 10_000:.4f}"


def _listed(title: str, outcomes: tuple[tuple[Outcome, int], ...]) -> Iterator[str]:
    if outcomes:
        yield f"\n{title}, by scenario"
    for one, number in outcomes:
        sureness = one.found or one.wanted
        if one.found and one.wanted and one.found != one.wanted:
            sureness = f"{one.found}, where {one.wanted} was wanted"
        where = f"{one.scenario} ({one.scope})" if one.scope != "month" else one.scenario
        yield f"{number:6} {one.result}: {one.rule} ({sureness}) in {where}"


# --- for programs --------------------------------------------------------------------------------------


def _rows(judged: Judged, summary: Report, seconds: float) -> Iterator[dict[str, Any]]:
    for kind, measures in (
        ("rule", summary.rules),
        ("confidence", summary.confidences),
        ("step", summary.steps),
    ):
        yield from ({"kind": kind, **_figures(one)} for one in measures)
    yield from ({"kind": "split", "scope": scope, **_figures(one)} for scope, one in summary.split)
    for one, number in (*summary.wrong, *summary.told, *summary.split_wrong):
        yield {
            "kind": "difference",
            "scope": one.scope,
            "result": one.result,
            "rule": one.rule,
            "found": one.found or None,
            "wanted": one.wanted or None,
            "step": one.step or None,
            "scenario": one.scenario,
            "messages": number,
        }
    for aim in summary.aims:
        yield {
            "kind": "aim",
            "name": aim.what,
            "least": aim.least,
            "reached": aim.reached,
            "met": aim.met,
        }
    yield {
        "kind": "month",
        "messages": judged.messages,
        "seconds": round(seconds, 1),
        "hidden": judged.hidden,
        "not_compared": summary.not_compared,
        "not_labelled": summary.not_labelled,
        "errors": dict(judged.errors),
        "reached": summary.reached and not judged.errors,
    }


def _figures(one: Measure) -> dict[str, Any]:
    return {
        "name": one.name,
        "right": one.right,
        "false": one.false,
        "missed": one.missed,
        "precision": one.precision,
        "recall": one.recall,
    }
