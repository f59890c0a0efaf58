"""A query as a person typed it, put together again from what the shell made of it.

The shell takes the quotes: `subject:"late bus"` arrives as `subject:late bus`. An argument with blanks that has
nothing of a query in it but one field was one value, and gets its quotes back; any other stands as it is, because
`'from:ann "late bus"'` is a whole query in the shell's own quotes. So is `'late bus'` where it is all there is: of the
two things that it may have been, the words find whatever the phrase does. A minus before a word, which commands take
for an option, is part of the query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from typer.core import TyperCommand, TyperOption

from gateway.search.query import QueryError, parse
from gateway.search.query.tokens import DASHES, QUOTES

# Fields whose values are words; no other field's value has a blank in it.
_OF_WORDS = frozenset(
    {
        "subject", "body", "new", "filename", "attachment", "from", "to", "cc", "bcc", "rcpt", "participant", "with",
        "person", "group", "school", "hold", "request",
    }
)  # fmt: skip
_ARGUMENT = re.compile(rf"([{re.escape(DASHES)}]?)(?:([A-Za-z_-]+):(?!//)(?=\S))?(.*)", re.DOTALL)
_FIELD = re.compile(r"[A-Za-z_-]+:(?!//)\S")
_END = re.compile(r"(.*?)(\*|~\d+)?", re.DOTALL)
_MARKS = frozenset(f"{QUOTES}()|{{*~")
_OPERATORS = frozenset({"OR", "AND", "NOT"})


def query_of(arguments: Iterable[str]) -> str:
    """The query whose pieces the arguments are."""
    pieces = [each.strip() for each in arguments if each.strip()]
    if len(pieces) == 1 and _is_words(pieces[0]) and _can_be_asked(pieces[0]):
        return pieces[0]
    return " ".join(map(_as_typed, pieces))


def _is_words(argument: str) -> bool:
    """Whether it has neither a minus nor a field nor an end: `late bus`."""
    return argument == _parts_of_value(_parts(argument)[2])[0]


def _as_typed(argument: str) -> str:
    minus, name, rest = _parts(argument)
    value, end = _parts_of_value(rest)
    if len(argument.split()) < 2 or (name and name.lower() not in _OF_WORDS) or not _is_one_value(value):
        return argument
    escaped = value.replace("\\", "\\\\")
    quoted = f'{minus}{name}:"{escaped}"{end}' if name else f'{minus}"{escaped}"{end}'
    return quoted if _can_be_asked(quoted) else argument


def _parts(argument: str) -> tuple[str, str, str]:
    """A minus, the name of a field, and what is left; what there is not is empty."""
    found = _ARGUMENT.fullmatch(argument)
    assert found is not None  # every text is one
    return found[1], found[2] or "", found[3]


def _parts_of_value(text: str) -> tuple[str, str]:
    """A value, and the `*` or `~5` that stood behind its quotes."""
    found = _END.fullmatch(text)
    assert found is not None
    return found[1], found[2] or ""


def _is_one_value(value: str) -> bool:
    """Whether nothing in it has a meaning to the language."""
    first, *others = value.split() or [""]
    return (
        not _MARKS & set(value)
        and not _OPERATORS & {first, *others}
        and not any(_FIELD.match(word) or (word[0] in DASHES and len(word) > 1) for word in others)
    )


def _can_be_asked(text: str) -> bool:
    """`from:"ann@school.example late"` cannot: that was a field and a word."""
    try:
        parse(text, now=datetime.now(UTC), zone=UTC)
    except QueryError:
        return False
    return True


class QueryCommand(TyperCommand):
    """A command whose arguments are a query: `-subject:bus` is no option. An option of one letter stands alone."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments behind the options, and behind a `--` which says that they are none."""
        options = [each for each in self.params if isinstance(each, TyperOption)]
        values = {name for each in options if not each.is_flag for name in each.opts}
        known = {name for each in options for name in (*each.opts, *each.secondary_opts)}
        return super().parse_args(ctx, _sorted_out(args, known, values))


def _sorted_out(arguments: Sequence[str], known: set[str], values: set[str]) -> list[str]:
    options: list[str] = []
    pieces: list[str] = []
    waiting = list(reversed(arguments))
    while waiting:
        piece = waiting.pop()
        if piece == "--":
            pieces += reversed(waiting)
            break
        if piece in known or piece.startswith("--"):
            options.append(piece)
            if piece in values and waiting:
                options.append(waiting.pop())
        else:
            pieces.append(piece)
    return [*options, "--", *pieces]
