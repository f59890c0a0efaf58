"""The options of `mailgw search`, and which of them go together."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.options import WRONG_USAGE, fail
from gateway.search.engine import PAGE, Collapse, Facet, Sort, Step

_WHICH = "Which results, and how many"
_SHOWN = "What is shown"
_OTHER = "Other questions"
_SAVED = "Saved searches"

Query = Annotated[
    list[str] | None,
    typer.Argument(metavar="QUERY", help='Such as: from:smith after:2026-11-01 "late bus" -subject:practice'),
]

# --- which results, and how many

SortBy = Annotated[Sort, typer.Option(help="Which come first.", rich_help_panel=_WHICH)]
Limit = Annotated[int, typer.Option(min=0, max=PAGE, help="Results on this page.", rich_help_panel=_WHICH)]
CursorOption = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT", help="The next page: what the page before ended with.", rich_help_panel=_WHICH
    ),
]
Every = Annotated[
    bool,
    typer.Option("--all", help="All pages one after the other, not only one.", rich_help_panel=_WHICH),
]
CollapseBy = Annotated[
    Collapse | None,
    typer.Option(
        help="Only the first of several: message, of one message in several transactions; text, of the same "
        "words sent again; forwards, of a text and what forwards it.",
        rich_help_panel=_WHICH,
    ),
]

# --- what is shown

Count = Annotated[bool, typer.Option("--count", help="Only how many.", rich_help_panel=_SHOWN)]
Facets = Annotated[
    list[Facet] | None,
    typer.Option(
        metavar="BY",
        help=f"Also how many by this: {', '.join(Facet)}. Can be given several times.",
        rich_help_panel=_SHOWN,
    ),
]
HistogramBy = Annotated[
    Step | None, typer.Option(help="Also how many by time of receipt.", rich_help_panel=_SHOWN)
]
Explained = Annotated[
    bool,
    typer.Option(
        "--explain", help="Say in a sentence what is asked, and do not search.", rich_help_panel=_SHOWN
    ),
]
AsCsv = Annotated[bool, typer.Option("--csv", help="A table for a spreadsheet.", rich_help_panel=_SHOWN)]

# --- other questions

Like = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Messages that say nearly the same as this one (archive id, sequence number or Message-ID); "
        "with a query, those of them that it finds.",
        rich_help_panel=_OTHER,
    ),
]
Unreadable = Annotated[
    bool,
    typer.Option(
        "--unreadable",
        help="Not what the query finds, but the parts that could not be read in which what it asks may stand.",
        rich_help_panel=_OTHER,
    ),
]

# --- saved searches

Save = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Keep the query under this name, and do not search.", rich_help_panel=_SAVED
    ),
]
Replace = Annotated[
    bool,
    typer.Option("--replace", help="With --save: in place of the one by this name.", rich_help_panel=_SAVED),
]
Saved = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Search with the query kept under this name; words of a query beside it narrow it.",
        rich_help_panel=_SAVED,
    ),
]
ListSaved = Annotated[
    bool,
    typer.Option("--list-saved", help="The searches kept: name, who, when, query.", rich_help_panel=_SAVED),
]
Forget = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Remove the search kept under this name.", rich_help_panel=_SAVED),
]

# Each does something else than a plain search; beside it only these have a meaning.
_GO_WITH = {
    "forget": frozenset[str](),
    "list_saved": frozenset({"json"}),
    "save": frozenset({"query", "saved", "replace"}),
    "explained": frozenset({"query", "saved", "json"}),
    "unreadable": frozenset({"query", "saved", "sort", "limit", "cursor", "every", "json", "as_csv"}),
    "like": frozenset({"query", "saved", "limit", "json", "as_csv"}),
    "as_csv": frozenset(
        {"query", "saved", "sort", "limit", "cursor", "every", "collapse", "like", "unreadable"}
    ),
    "every": frozenset(
        {"query", "saved", "sort", "cursor", "collapse", "json", "as_csv", "facet", "histogram", "unreadable"}
    ),
}


def check_together(ctx: typer.Context) -> None:
    """End the command where options contradict each other, or one would have no effect."""
    given = {name for name in ctx.params if _is_typed(ctx, name)} - {"config"}
    for name, others in _GO_WITH.items():
        wrong = given - others - {name} if name in given else ()
        if wrong:
            _refuse(ctx, name, wrong)
    if "replace" in given and "save" not in given:
        raise fail("--replace: expected with --save NAME", WRONG_USAGE)


def _refuse(ctx: typer.Context, name: str, wrong: set[str]) -> None:
    called = {each.name: each.opts[0] for each in ctx.command.params if each.opts} | {"query": "a query"}
    *most, last = [called[each] for each in called if each in wrong]
    listed = f"{', '.join(most)} and {last}" if most else last
    raise fail(f"{called[name]}: expected without {listed}", WRONG_USAGE)


def _is_typed(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE" and ctx.params[name] not in (None, [], ())
