"""`mailgw search`: its options, and what is done with them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import ConfigOption, JsonOption, fail, load_config, print_json
from gateway.cli.searching.roster import Roster
from gateway.cli.searching.typed import query_of
from gateway.config import Config
from gateway.search.engine import PAGE, Facet, Histogram, Sort, Step, Wanted
from gateway.search.query import QueryError, drawn, explain, parse, resolve, unparse
from gateway.search.query.tree import Node

_WRONG_USAGE = 2


def search(
    query: Annotated[
        list[str] | None,
        typer.Argument(help='Such as: from:smith after:2026-11-01 "late bus" -subject:practice'),
    ] = None,
    sort: Annotated[Sort, typer.Option(help="Which come first.")] = Sort.NEWEST,
    limit: Annotated[int, typer.Option(min=0, max=PAGE, help="Results of this page.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="What the page before ended with.")] = None,
    count: Annotated[bool, typer.Option("--count", help="Only how many.")] = False,
    facet: Annotated[
        list[Facet] | None, typer.Option(help="Also how many by this; can be given several times.")
    ] = None,
    histogram: Annotated[Step | None, typer.Option(help="Also how many by time of receipt.")] = None,
    collapse: Annotated[
        bool, typer.Option("--collapse", help="Of messages with the same content only one.")
    ] = False,
    explained: Annotated[
        bool, typer.Option("--explain", help="Say in a sentence what is asked, and do not ask.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="For a spreadsheet.")] = False,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Find archived messages by what they say, by people, dates, attachments, findings and outcomes.

    The language is on the page docs/search.md. What the shell's quotes hold together is one phrase, as in
    subject:"late bus"; a whole query with quotes of its own goes into single ones.

    person: takes an address or words of a name, by the roster as it is today, or an id, also of one who has left.
    """
    if as_csv and (json or count or facet or histogram or explained):
        raise fail(
            "--csv: expected without --json, --count, --facet, --histogram and --explain", _WRONG_USAGE
        )
    settings = load_config(config)
    text = query_of(query or [])
    node = _parsed(text, settings)
    roster = Roster(settings)
    asked = resolve(node, roster)
    if explained:
        _explain(node, roster, settings, json=json)
        return
    from gateway.cli.searching import asking, shown

    answer = asking.ask(
        settings,
        asked,
        Wanted(
            sort=sort,
            limit=0 if count else limit,
            cursor=cursor,
            facets=tuple(dict.fromkeys(facet or ())),
            facet_values=PAGE,  # a list that is cut short looks like a whole one
            histogram=Histogram(histogram, settings.district.zone) if histogram else None,
            collapse=collapse,
        ),
    )
    if json:
        if count:
            print_json({"count": answer.coverage.found, "coverage": answer.coverage.to_json()})
        shown.print_objects(answer, histogram, collapse=collapse)
    elif as_csv:
        shown.print_csv(answer.rows)
    else:
        if count:
            typer.echo(answer.coverage.found)
        shown.print_lines(answer, node, settings)
        shown.print_facets(answer.page.facets)
        if histogram:
            shown.print_histogram(answer.page.histogram, histogram, settings)
    for line in (*_sentences(node, roster, settings), shown.covered(answer.coverage, answer.page.cursor)):
        typer.echo(line, err=True)


def _parsed(text: str, settings: Config) -> Node:
    try:
        return parse(text, now=datetime.now(UTC), zone=settings.district.zone)
    except QueryError as error:
        raise fail(drawn(text, error), _WRONG_USAGE) from None


def _explain(node: Node, roster: Roster, settings: Config, *, json: bool) -> None:
    sentence, *people = _sentences(node, roster, settings)
    if json:
        print_json(
            {"query": unparse(node, zone=settings.district.zone), "explanation": sentence, "people": people}
        )
    else:
        for line in (sentence, *people):
            typer.echo(line)


def _sentences(node: Node, roster: Roster, settings: Config) -> tuple[str, ...]:
    """What is asked, and who is meant."""
    from gateway.holds.content import printable

    said = (explain(node, zone=settings.district.zone), *roster.told())
    return tuple(printable(line) for line in said)
