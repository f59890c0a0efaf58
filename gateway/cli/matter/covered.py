"""How much a hold covers now, and how complete that answer is. Ends the command where it cannot be asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.cli.searching.asking import Coverage, Sources, opened
from gateway.config import Config
from gateway.records.matters.figures import Figures, figures
from gateway.search.query.tree import Is, Keyword, Node


@dataclass(frozen=True, slots=True)
class Covered:
    """What a hold covers, and what that is based on."""

    figures: Figures
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class Counting:
    """Index, catalog and archive, open."""

    sources: Sources

    def of(self, node: Node) -> Covered:
        """How much a question finds."""
        position = self.sources.searcher.position()
        with self.sources.catalog.connect() as connection:
            found = figures(connection, self.sources.searcher, node)
        return Covered(found, self.sources.coverage(node, found.messages, position))

    def without_mail(self, people: Iterable[str]) -> tuple[str, ...]:
        """Those ids of people whom no message of the index has."""
        return tuple(id for id in people if not self.sources.searcher.count(Is(Keyword.PERSON, id)))


@contextmanager
def counting(settings: Config) -> Iterator[Counting]:
    """Whoever counts."""
    with opened(settings) as sources:
        yield Counting(sources)
