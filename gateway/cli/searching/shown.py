"""An answer for people and for programs: lines, objects, CSV, charts. Nothing in a message acts upon a terminal."""

from __future__ import annotations

import csv
import io
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime

import typer

from gateway.archive import Reader
from gateway.archive.configured import reader_of
from gateway.catalog.shapes import Json, moment
from gateway.cli.options import print_json
from gateway.cli.searching.asking import Answer, Coverage
from gateway.cli.searching.unread import UnreadMessage
from gateway.config import Config
from gateway.message.events import HELD
from gateway.message.printable import printable
from gateway.search.engine import PAGE, Bar, Facet, FacetValue, Hit, Page, Step
from gateway.search.query.tree import Node

_NAMED = 3  # recipients in a line
_DRAWN = 20  # values of a facet
_STARTS = {Step.DAY: "%Y-%m-%d", Step.WEEK: "%Y-%m-%d", Step.MONTH: "%Y-%m", Step.YEAR: "%Y"}
_WIDEST = 60  # columns of a bar
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets calculate


# --- objects -------------------------------------------------------------------------------------


def print_objects(answer: Answer, *, collapse: bool) -> None:
    """The rows."""
    for hit, row in zip(answer.page.hits, answer.rows, strict=True):
        print_json(row | {"also": hit.also} if collapse else row)


def print_counted(page: Page, step: Step | None) -> None:
    """Facets and the histogram."""
    for facet, values in page.facets.items():
        for each in values:
            print_json({"facet": facet.value, "value": each.value, "count": each.count})
    for bar in page.histogram:
        ends = {"start": moment(bar.start), "end": moment(bar.end)}
        print_json({"histogram": str(step), **ends, "count": bar.count})


class Table:
    """RFC 4180, with a header line; no cell is a formula to a spreadsheet."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = keys
        self._is_begun = False

    def write(self, rows: Iterable[Json]) -> None:
        """A line for each; the header line with the first of them, or with none."""
        if not self._is_begun:
            self._write([self._keys])
        self._is_begun = True
        self._write([_cell(row[key]) for key in self._keys] for row in rows)

    def _write(self, lines: Iterable[Sequence[str]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(lines)
        sys.stdout.buffer.write(text.getvalue().encode("utf-8", "replace"))


def _cell(value: object) -> str:
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


# --- lines ---------------------------------------------------------------------------------------


def print_lines(answer: Answer, node: Node, settings: Config) -> None:
    """Each message in two lines, and one more that shows what was found in its text."""
    from gateway.cli.searching.excerpts import asks_for_text

    telling = asks_for_text(node)
    with closing(reader_of(settings)) as reader:
        for hit, row in zip(answer.page.hits, answer.rows, strict=True):
            for line in _message(hit, row, node, settings):
                typer.echo(line)
            if telling and _is_catalogued(row):  # of another it is not known whether it is held
                typer.echo(_excerpt(reader, row, node), nl=False)


def _message(hit: Hit, row: Json, node: Node, settings: Config) -> Iterator[str]:
    from gateway.cli.searching.excerpts import subject

    when = hit.received.astimezone(settings.district.zone)
    flags = f"  [{', '.join(row['rules'])}]" if row["rules"] else ""
    also = f"  and {hit.also} more like it" if hit.also else ""
    yield printable(f"{when:%Y-%m-%d %H:%M:%S}  {row['outcome'] or 'pending':9} {row['id']}{flags}{also}")
    if not _is_catalogued(row):
        yield "    not in the catalog yet"
        return
    to = ", ".join(row["to"][:_NAMED])
    if len(row["to"]) > _NAMED:
        to += f" and {len(row['to']) - _NAMED} more"
    people = printable(f"{row['from'] or row['mail_from'] or '<>'} -> {to}: ")
    yield f"    {people}{_marked(subject(row['subject'] or '', node))}"


def unread_lines(message: UnreadMessage, settings: Config) -> Iterator[str]:
    """A message with unreadable parts, and a line for each."""
    when = message.hit.received.astimezone(settings.district.zone)
    found = "  (found anyway)" if message.found else ""
    yield printable(f"{when:%Y-%m-%d %H:%M:%S}  {message.row['id']}{found}")
    for part in message.parts:
        name = "(held: its name is not told)" if message.held else part.name
        said = " ".join(
            filter(None, (f"part {part.path}" if part.path else "", name, _in_brackets(part.type)))
        )
        why = f"{part.status}: {part.detail}" if part.detail else part.status
        yield printable(f"    {said}: {why}" if said else f"    {why}")


def _in_brackets(text: str) -> str:
    return f"({text})" if text else ""


def _is_catalogued(row: Json) -> bool:
    return row["size"] is not None


def _excerpt(reader: Reader, row: Json, node: Node) -> str:
    from gateway.cli.searching.excerpts import excerpt

    if row["outcome"] == HELD:
        return f"    (held: `mailgw hold show {row['id']} --content` shows it, and records that you looked)\n"
    found = excerpt(reader, row["seq"], node)
    if found is None:
        return ""
    where, pieces = found
    return f"    | {f'{where}: ' if where else ''}{_marked(pieces)}\n"


def _marked(pieces: Iterable[tuple[str, bool]]) -> str:
    """Hits in bold, where a terminal shows it."""
    bold = sys.stdout.isatty()
    return "".join(typer.style(text, bold=True) if bold and is_hit else text for text, is_hit in pieces)


# --- charts --------------------------------------------------------------------------------------


def print_facets(facets: Mapping[Facet, Sequence[FacetValue]]) -> None:
    """For each facet its most frequent values, and how many more there are."""
    for facet, values in facets.items():
        typer.echo(f"by {facet}:" if values else f"by {facet}: nothing")
        _draw([(printable(each.value), each.count) for each in values[:_DRAWN]])
        if len(values) > _DRAWN:
            more = f"{len(values) - _DRAWN}" if len(values) < PAGE else "many"
            typer.echo(f"  and {more} more; --json lists them")


def print_histogram(bars: Sequence[Bar], step: Step, settings: Config) -> None:
    """A bar for each day, week, month or year, by the district's calendar."""
    typer.echo(f"by {step} of receipt:" if bars else f"by {step} of receipt: nothing")
    zone = settings.district.zone
    _draw([(_start(bar.start.astimezone(zone), step), bar.count) for bar in bars])


def _start(when: datetime, step: Step) -> str:
    return when.strftime(_STARTS[step])


def _draw(rows: Sequence[tuple[str, int]]) -> None:
    """Names, numbers and bars in columns; what is not nothing has a bar."""
    if not rows:
        return
    names = max(len(name) for name, _ in rows)
    most = max(count for _, count in rows)
    digits = len(str(most))
    width = max(min(shutil.get_terminal_size().columns - names - digits - 6, _WIDEST), 1)
    for name, count in rows:
        bar = _block() * max(round(width * count / most), 1) if count else ""
        typer.echo(f"  {name:{names}}  {count:{digits}}  {bar}".rstrip())


def _block() -> str:
    """A full block, where standard output can write one."""
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#"
    return "█"


# --- how complete --------------------------------------------------------------------------------


def covered(known: Coverage, cursor: str | None, what: str = "found") -> str:
    """What the answer is based on, in one line."""
    text = (
        f"{known.found} {what}; searched up to entry {known.searched} of {known.last}, {known.behind} behind"
    )
    text += _hiding(known.may_hide) if what == "found" else ""
    if known.unsearchable:
        text += f"; {known.unsearchable} could not be searched at all (mailgw verify)"
    return text + (f"; more with --cursor {cursor}" if cursor else "")


def _hiding(messages: int) -> str:
    """Of how many messages it is not known whether they are hits."""
    if not messages:
        return "; in what was searched no other hit can hide in a part that could not be read"
    others = "1 other message has" if messages == 1 else f"{messages} other messages have"
    return f"; {others} parts that could not be read, in which a hit may hide (--unreadable lists them)"
