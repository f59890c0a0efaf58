"""What is asked: the words that were typed, a saved search, or both; as a tree, and told in sentences."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from gateway.cli.options import WRONG_USAGE, fail, print_json
from gateway.cli.searching import saving
from gateway.cli.searching.matters import KnownMatters
from gateway.cli.searching.roster import Roster
from gateway.config import Config
from gateway.message.printable import printable
from gateway.search.query import QueryError, drawn, explain, parse, resolve, unparse
from gateway.search.query.parser import all_of
from gateway.search.query.people import resolve_holds
from gateway.search.query.tree import Node, Or


class Question:
    """A query, and who is meant by it. Making one ends the command where it is wrong."""

    def __init__(self, settings: Config, typed: str, saved: str | None) -> None:
        """`saved`: the name of a saved search, which what was typed narrows."""
        self._settings = settings
        self._now = datetime.now(UTC)
        self._roster, self._matters = Roster(settings), KnownMatters(settings)
        self.text, self.node = typed, self._parsed(typed)
        if saved is not None:
            kept = saving.load(settings, saved)
            node = self._parsed(kept, f"--saved {saved}: it cannot be asked any more")
            self.text = " ".join(filter(None, (_enclosed(kept, node), _enclosed(typed, self.node))))
            self.node = all_of([node, self.node])
        self.meant = resolve_holds(resolve(self.node, self._roster), self._matters)

    def save(self, name: str, *, replace: bool) -> None:
        """Keep it under a name."""
        self._parsed(self.text)  # with a saved search before it, it may be too long
        saving.save(self._settings, name, self.text, replace=replace)

    def explain(self, *, json: bool) -> None:
        """Say what is asked."""
        sentence, *people = self.sentences()
        zone = self._settings.district.zone
        if json:
            print_json({"query": unparse(self.node, zone=zone), "explanation": sentence, "people": people})
        else:
            for line in (sentence, *people):
                typer.echo(line)

    def sentences(self) -> tuple[str, ...]:
        """What is asked, and who is meant."""
        said = (
            explain(self.node, zone=self._settings.district.zone),
            *self._roster.told(),
            *self._matters.told(),
        )
        return tuple(printable(line) for line in said)

    def _parsed(self, text: str, trouble: str = "") -> Node:
        try:
            return parse(text, now=self._now, zone=self._settings.district.zone)
        except QueryError as error:
            said = drawn(text, error)
            raise fail(f"{trouble}\n{said}" if trouble else said, WRONG_USAGE) from None


def _enclosed(text: str, node: Node) -> str:
    """A query as it may stand beside another, which binds closer than OR."""
    return f"({text})" if isinstance(node, Or) else text
