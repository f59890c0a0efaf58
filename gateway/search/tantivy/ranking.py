"""Hits in their order, from a place in it on.

The order is total and none of its parts changes while a document stays: tier, time of receipt, sequence number. That is
what makes pages follow each other without gaps. Tantivy sorts by one column only and leaves ties as they fall, so
where a tie crosses the end of a page, the messages of that very microsecond are asked for once more, by their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tantivy import DocAddress, Order, Query, Searcher, SearchResult

from gateway.search.engine import Sort, Tier
from gateway.search.tantivy import schema as fields
from gateway.search.tantivy.questions import Questions


@dataclass(frozen=True, slots=True)
class Ranked:
    """A hit and its place in the order."""

    tier: int
    received: int
    seq: int
    address: DocAddress

    @property
    def place(self) -> tuple[int, int, int]:
        return self.tier, self.received, self.seq


@dataclass(frozen=True, slots=True)
class Ranking:
    """The hits of some queries, each of which finds what the ones before it find, and more."""

    searcher: Searcher
    make: Questions
    tiers: Sequence[tuple[Tier, Query]]
    sort: Sort

    def take(self, limit: int, after: tuple[int, int, int] | None = None) -> list[Ranked]:
        """So many hits, from the first or from the one after a place."""
        found: list[Ranked] = []
        for tier in range(after[0] if after else 0, len(self.tiers)):
            if len(found) >= limit:
                break
            query = self.tiers[tier][1]
            if tier:
                query = self.make.without(query, self.tiers[tier - 1][1])
            if after is not None and after[0] == tier:
                query = self.make.both(query, self._beyond(after[1], after[2]))
            found += self._in_tier(tier, query, limit - len(found))
        return found

    def narrowed(self, query: Query) -> Ranking:
        """Of these hits those that another query finds too."""
        tiers = [(tier, self.make.both(each, query)) for tier, each in self.tiers]
        return Ranking(self.searcher, self.make, tiers, self.sort)

    def counted(self, limit: int) -> tuple[list[Ranked], int]:
        """So many hits from the first on, and how many there are: in one go where there is one tier."""
        if len(self.tiers) > 1:
            return self.take(limit), count(self.searcher, self.tiers[-1][1])
        query = self.tiers[0][1]
        found = self._search(query, fields.RECEIVED, limit + 1, count=True)
        total = found.count  # type: ignore[attr-defined]  # missing in its stubs
        return self._cut(0, query, found.hits, limit), int(total)

    def _in_tier(self, tier: int, query: Query, limit: int) -> list[Ranked]:
        return self._cut(tier, query, self._search(query, fields.RECEIVED, limit + 1).hits, limit)

    def _cut(self, tier: int, query: Query, found: list[tuple[int, DocAddress]], limit: int) -> list[Ranked]:
        """The first hits of one more than wanted; where that one is equal to the last, which of all equal ones."""
        ranked = sorted(self._ranked(tier, found), key=lambda hit: hit.place, reverse=self._downward)
        if len(found) <= limit:
            return ranked
        last = ranked[limit].received
        if ranked[limit - 1].received != last:
            return ranked[:limit]
        ranked = [hit for hit in ranked if hit.received != last]
        tied = self.make.both(query, self.make.number(fields.RECEIVED, last, last + 1))
        more = self._search(tied, fields.SEQ, limit - len(ranked)).hits
        return ranked + [Ranked(tier, last, seq, address) for seq, address in more]

    @property
    def _downward(self) -> bool:
        return self.sort is not Sort.OLDEST

    def _search(self, query: Query, name: str, limit: int, count: bool = False) -> SearchResult:
        order = Order.Desc if self._downward else Order.Asc
        return self.searcher.search(query, limit, count=count, order_by_field=name, order=order)

    def _ranked(self, tier: int, found: list[tuple[int, DocAddress]]) -> Iterator[Ranked]:
        seqs = self.searcher.fast_field_values(fields.SEQ, [address for _, address in found])
        for (received, address), seq in zip(found, seqs, strict=True):
            yield Ranked(tier, received, int(seq or 0), address)

    def _beyond(self, received: int, seq: int) -> Query:
        """What comes after a place within a tier."""
        number = self.make.number
        tied = number(fields.RECEIVED, received, received + 1)
        if self._downward:
            later = number(fields.RECEIVED, None, received)
            return self.make.either([later, self.make.both(tied, number(fields.SEQ, None, seq))])
        later = number(fields.RECEIVED, received + 1, None)
        return self.make.either([later, self.make.both(tied, number(fields.SEQ, seq + 1, None))])


def count(searcher: Searcher, query: Query) -> int:
    """How many messages a query finds."""
    return int(searcher.search(query, 1).count)  # type: ignore[attr-defined]  # missing in its stubs
