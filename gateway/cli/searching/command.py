"""`mailgw search`: what is asked, and who answers."""

from __future__ import annotations

from pathlib import Path

import typer

from gateway.cli.options import ConfigOption, JsonOption, load_config
from gateway.cli.searching import options, saving
from gateway.cli.searching.question import Question
from gateway.cli.searching.typed import query_of
from gateway.search.engine import PAGE, Histogram, Sort, Wanted

_PAGE = 1_000  # hits of each page, where all of them are asked for


def search(
    ctx: typer.Context,
    query: options.Query = None,
    sort: options.SortBy = Sort.NEWEST,
    limit: options.Limit = 50,
    cursor: options.CursorOption = None,
    every: options.Every = False,
    collapse: options.CollapseBy = None,
    count: options.Count = False,
    facet: options.Facets = None,
    histogram: options.HistogramBy = None,
    as_csv: options.AsCsv = False,
    json: JsonOption = False,
    explained: options.Explained = False,
    like: options.Like = None,
    unreadable: options.Unreadable = False,
    save: options.Save = None,
    replace: options.Replace = False,
    saved: options.Saved = None,
    list_saved: options.ListSaved = False,
    forget: options.Forget = None,
    config: ConfigOption = Path("config/gateway.toml"),
) -> None:
    """Find archived messages by what they say, by people, dates, attachments, findings and outcomes.

    The language is on the page docs/search.md. A whole query goes into single quotes: 'from:smith "late bus"'.
    Without them subject:"late bus" is one phrase as well.

    person: takes an address or words of a name, by the roster as it is today, or an id, also of one who has left.
    """
    options.check_together(ctx)
    settings = load_config(config)
    if forget is not None:
        return saving.forget(settings, forget)
    if list_saved:
        return saving.print_saved(settings, json=json)
    question = Question(settings, query_of(query or []), saved)
    if save is not None:
        return question.save(save, replace=replace)
    if explained:
        return question.explain(json=json)
    from gateway.cli.searching import answers  # what only an answer needs

    wanted = Wanted(
        sort=sort,
        limit=0 if count else _PAGE if every else limit,
        cursor=cursor,
        facets=tuple(dict.fromkeys(facet or ())),
        facet_values=PAGE,  # a list that is cut short looks like a whole one
        histogram=Histogram(histogram, settings.district.zone) if histogram else None,
        collapse=collapse,
    )
    form = answers.Form.CSV if as_csv else answers.Form.JSON if json else answers.Form.LINES
    if like is not None:
        told = answers.print_alike(settings, question, like, limit, form)
    elif unreadable:
        told = answers.print_unreadable(settings, question, wanted, form, every=every)
    else:
        told = answers.print_found(settings, question, wanted, form, every=every, count=count)
    for line in told:
        typer.echo(line, err=True)
    return None
