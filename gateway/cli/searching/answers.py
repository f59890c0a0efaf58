"""Answers, page by page, in the form that is wanted; what each function returns is told on standard error."""

from __future__ import annotations

from enum import Enum

import typer

from gateway.catalog.shapes import HIT_KEYS
from gateway.cli.options import print_json
from gateway.cli.searching import shown
from gateway.cli.searching.alike import MOST, alike
from gateway.cli.searching.asking import Answer, ask
from gateway.cli.searching.question import Question
from gateway.cli.searching.unread import PART_KEYS, UnreadMessage, unread
from gateway.config import Config
from gateway.message.printable import printable
from gateway.search.engine import Wanted
from gateway.search.query import explain
from gateway.search.query.hiding import may_hide


class Form(Enum):
    """How results are written."""

    LINES = "lines"
    JSON = "json"
    CSV = "csv"


def print_found(
    settings: Config, question: Question, wanted: Wanted, form: Form, *, every: bool, count: bool
) -> tuple[str, ...]:
    """What a query finds, and what is counted of it."""
    answers = ask(settings, question.meant, wanted, every=every)
    first = last = next(answers)
    table = shown.Table(HIT_KEYS) if form is Form.CSV else None
    if count and form is Form.JSON:
        print_json({"count": first.coverage.found, "coverage": first.coverage.to_json()})
    elif count:
        typer.echo(first.coverage.found)
    _print_hits(settings, question, first, form, table, collapse=wanted.collapse is not None)
    for last in answers:
        _print_hits(settings, question, last, form, table, collapse=wanted.collapse is not None)
    if form is Form.JSON:
        shown.print_counted(first.page, wanted.histogram.step if wanted.histogram else None)
    elif form is Form.LINES:
        shown.print_facets(first.page.facets)
        if wanted.histogram:
            shown.print_histogram(first.page.histogram, wanted.histogram.step, settings)
    return (*question.sentences(), shown.covered(first.coverage, last.page.cursor))


def print_alike(settings: Config, question: Question, name: str, limit: int, form: Form) -> tuple[str, ...]:
    """Messages like one."""
    answer, is_cut = alike(settings, name, question.meant, limit)
    table = shown.Table(HIT_KEYS) if form is Form.CSV else None
    _print_hits(settings, question, answer, form, table, collapse=False)
    sentences = question.sentences() if question.text else ()
    only = f"; only the {MOST} most similar were looked at" if is_cut else ""
    return (*sentences, shown.covered(answer.coverage, None, "similar") + only)


def print_unreadable(
    settings: Config, question: Question, wanted: Wanted, form: Form, *, every: bool
) -> tuple[str, ...]:
    """The unreadable parts in which a hit of a query may hide."""
    events = unread(settings, question.meant, wanted, every=every)
    table = shown.Table(PART_KEYS) if form is Form.CSV else None
    first: Answer | None = None
    for event in events:
        if isinstance(event, UnreadMessage):
            _print_unread(settings, event, form, table)
            continue
        first, cursor = first or event, event.page.cursor
        if table is not None:
            table.write(())
    assert first is not None  # there is always a page
    sentence = explain(may_hide(question.node), zone=settings.district.zone)
    return (
        *question.sentences(),
        printable(f"A hit may hide in these: {sentence[:1].lower()}{sentence[1:]}"),
        shown.covered(first.coverage, cursor, "found with parts that could not be read"),
    )


def _print_hits(
    settings: Config,
    question: Question,
    answer: Answer,
    form: Form,
    table: shown.Table | None,
    *,
    collapse: bool,
) -> None:
    if table is not None:
        table.write(answer.rows)
    elif form is Form.JSON:
        shown.print_objects(answer, collapse=collapse)
    else:
        shown.print_lines(answer, question.node, settings)


def _print_unread(settings: Config, message: UnreadMessage, form: Form, table: shown.Table | None) -> None:
    if table is not None:
        table.write(message.objects())
    elif form is Form.JSON:
        for each in message.objects():
            print_json(each)
    else:
        for line in shown.unread_lines(message, settings):
            typer.echo(line)
