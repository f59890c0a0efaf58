"""Answers questions from the index.

Promises: each question sees one commit, the last one of whatever process; any number of threads may ask. Fails with an
`EngineError`.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tantivy
from tantivy import DocAddress, Occur, Order, Query

from gateway.search.document import Document
from gateway.search.engine import PAGE, Collapse, Cursor, Hit, Page, Sort, Tier, Unanswerable, Wanted
from gateway.search.query.tree import Keyword, Node
from gateway.search.tantivy import schema as fields
from gateway.search.tantivy.counting import counted
from gateway.search.tantivy.kept import Kept, unpack
from gateway.search.tantivy.place import META, explained, open_index, position
from gateway.search.tantivy.questions import Questions
from gateway.search.tantivy.ranking import Ranked, Ranking, count
from gateway.search.tantivy.text import plain

_STREAM = 20_000  # hits per step of a stream
_TELLING = 25  # words by which messages are similar
_WEIGHED = 500  # words of a message that are looked at
_SHARED = 0.3  # of them a similar message has


class TantivySearcher:
    """`engine.Searcher` on Tantivy."""

    def __init__(self, folder: Path) -> None:
        """`folder` may be a link (`Generations`), which is followed again where it leads elsewhere by then.

        Raises IndexMissing, IndexOutdated, IndexDamaged.
        """
        self._folder = folder
        self._lock = threading.Lock()
        self._opened = folder.resolve()
        self._seen = self._state()
        self._index: tantivy.Index | None = open_index(self._opened, create=False)
        self._make = Questions(self._index.schema)

    def position(self) -> int:
        """The archive's sequence number up to which the index is."""
        with explained("searching"):
            return position(self._current(), self._make.mark())

    def search(self, node: Node, wanted: Wanted) -> Page:
        """A page of hits, and what else is wanted."""
        if not 0 <= wanted.limit <= PAGE or not 0 <= wanted.facet_values <= PAGE:
            raise Unanswerable(f"a page has from 0 to {PAGE} hits, and as many values of a facet")
        after = None if wanted.cursor is None else Cursor.decode(wanted.cursor, wanted.sort)
        with explained("searching"):
            return self._page(node, wanted, after)

    def count(self, node: Node) -> int:
        """How many messages."""
        with explained("counting"):
            return count(self._current(), self._make.query(node))

    def seqs(self, node: Node) -> Iterator[int]:
        """All hits in the archive's order, as they are now."""
        with explained("listing"):
            searcher, query = self._current(), self._make.query(node)
        return self._stream(searcher, query)

    def similar(self, document: Document, limit: int = 10) -> tuple[Hit, ...]:
        """Messages with the same rare words, the most similar first."""
        if limit < 1:
            return ()
        with explained("searching"):
            searcher = self._current()
            words = self._telling(searcher, document)
            if not words:
                return ()
            found = searcher.search(self._sharing(words, document), min(limit, PAGE), count=False).hits
            return tuple(_bare(searcher, address) for _, address in found)

    def close(self) -> None:
        """Let go of the index."""
        self._index = None

    # --- one question ---------------------------------------------------------------------------

    def _page(self, node: Node, wanted: Wanted, after: Cursor | None) -> Page:
        searcher = self._current()
        reached = position(searcher, self._make.mark())
        everything = self._make.query(node)
        ranking = self._ranking(searcher, node, wanted.sort)
        until = after.until if after else reached
        if until < reached:  # what came later belongs to no page
            earlier = self._make.number(fields.SEQ, None, until + 1)
            everything, ranking = self._make.both(everything, earlier), ranking.narrowed(earlier)
        listed = self._listed(ranking, wanted, after)
        total = listed.count
        if wanted.count and total is None:
            total = count(searcher, everything)
        more = counted(searcher, everything, wanted)
        return Page(
            hits=listed.hits,
            position=until,
            cursor=Cursor(wanted.sort, until, *listed.end.place).encode() if listed.end else None,
            count=total,
            facets=more.facets,
            histogram=more.histogram,
        )

    def _ranking(self, searcher: tantivy.Searcher, node: Node, sort: Sort) -> Ranking:
        if sort is Sort.RELEVANCE:
            return Ranking(searcher, self._make, self._make.tiers(node), sort)
        return Ranking(searcher, self._make, [(Tier.ANYWHERE, self._make.query(node))], sort)

    def _listed(self, ranking: Ranking, wanted: Wanted, after: Cursor | None) -> Listed:
        """The hits of a page."""
        if wanted.limit == 0:
            return Listed((), None, None)
        step, total = wanted.limit + 1, None
        if after is None and wanted.count:
            taken, total = ranking.counted(step)
        else:
            taken = ranking.take(step, (after.tier, after.received, after.seq) if after else None)
        groups = Groups(ranking, self._make, wanted.collapse) if wanted.collapse else None
        shown: list[tuple[Ranked, int]] = []
        while taken:
            for ranked in taken:
                also = groups.others(ranked) if groups else 0
                if also is not None:
                    shown.append((ranked, also))
            if len(shown) > wanted.limit or len(taken) < step:
                break
            step = min(2 * step, PAGE)
            taken = ranking.take(step, taken[-1].place)
        page = shown[: wanted.limit]
        tell = wanted.sort is Sort.RELEVANCE
        hits = tuple(_hit(ranking, ranked, also, tell) for ranked, also in page)
        return Listed(hits, page[-1][0] if len(shown) > len(page) else None, total)

    def _stream(self, searcher: tantivy.Searcher, query: Query) -> Iterator[int]:
        last: int | None = None
        while True:
            rest = query
            if last is not None:
                rest = self._make.both(query, self._make.number(fields.SEQ, last + 1, None))
            with explained("listing"):
                found = searcher.search(
                    rest, _STREAM, count=False, order_by_field=fields.SEQ, order=Order.Asc
                ).hits
            for last, _ in found:
                yield last
            if len(found) < _STREAM:
                return

    # --- similar messages -----------------------------------------------------------------------

    def _telling(self, searcher: tantivy.Searcher, document: Document) -> dict[str, float]:
        """The words that tell this message from others, and how much each does."""
        found = Counter(f"{plain(document.subject)} {plain(document.body)}".split())
        total = searcher.num_docs
        weights: dict[str, float] = {}
        for word, times in found.most_common(_WEIGHED):
            messages = searcher.doc_freq(fields.NEW, word) + searcher.doc_freq(fields.SUBJECT, word)
            if messages > 0 and not word.isdigit():
                weights[word] = (1 + math.log(times)) * math.log(1 + total / messages)
        best = sorted(weights, key=lambda word: (-weights[word], word))[:_TELLING]
        return {word: weights[word] for word in best}

    def _sharing(self, words: dict[str, float], document: Document) -> Query:
        """Messages that have enough of the words."""
        shared = [
            (
                Occur.Should,
                Query.const_score_query(
                    self._make.either([self._make.word(name, word) for name in (fields.NEW, fields.SUBJECT)]),
                    weight,
                ),
            )
            for word, weight in words.items()
        ]
        enough = Query.boolean_query(shared, max(1, math.ceil(len(words) * _SHARED)))
        itself = Query.term_query(self._make.schema, fields.SEQ, document.seq)
        return self._make.without(enough, itself)

    # --- the index ------------------------------------------------------------------------------

    def _current(self) -> tantivy.Searcher:
        """The last commit. A look at the file that every commit replaces costs less than opening segments anew."""
        with self._lock:
            index = self._index
            if index is None:
                raise RuntimeError("this searcher was closed")
            state = self._state()
            if state != self._seen:
                folder = self._folder.resolve()
                if folder != self._opened:
                    self._index = index = open_index(folder, create=False)
                    self._opened = folder
                else:
                    index.reload()
                self._seen = state
            return index.searcher()

    def _state(self) -> tuple[int, int, int] | None:
        try:
            found = (self._folder / META).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


@dataclass(frozen=True, slots=True)
class Listed:
    """The hits of a page; the last one where others follow; how many in all, where that is known."""

    hits: tuple[Hit, ...]
    end: Ranked | None
    count: int | None


class Groups:
    """Which hit stands for all those that are to be collapsed into one: the first one in their order."""

    def __init__(self, ranking: Ranking, make: Questions, collapse: Collapse) -> None:
        self._ranking = ranking
        self._make = make
        self._collapse = collapse
        self._seen: set[str] = set()

    def others(self, ranked: Ranked) -> int | None:
        """How many other hits are in the group of this one; None if an earlier one stands for it."""
        searcher = self._ranking.searcher
        key = self._key(_kept(searcher, ranked.address))
        if not key:
            return 0
        if key in self._seen:
            return None
        self._seen.add(key)
        group = self._ranking.narrowed(self._members(key))
        if group.take(1)[0].seq != ranked.seq:
            return None
        return count(searcher, group.tiers[-1][1]) - 1

    def _key(self, kept: Kept) -> str:
        """What the members of a group have in common; empty for a message that is a group by itself."""
        match self._collapse:
            case Collapse.MESSAGE:
                return kept.content
            case Collapse.TEXT:
                return kept.text
            case Collapse.FORWARDS:
                return kept.origin

    def _members(self, key: str) -> Query:
        return self._make.either([self._make.fact(name, key) for name in _FACTS[self._collapse]])


_FACTS = {
    Collapse.MESSAGE: (fields.KEYWORDS[Keyword.CONTENT],),
    Collapse.TEXT: (fields.TEXT, fields.TEXT_AND_ORIGIN),
    Collapse.FORWARDS: (fields.ORIGIN, fields.TEXT_AND_ORIGIN),
}


def _hit(ranking: Ranking, ranked: Ranked, also: int, tell: bool) -> Hit:
    identity = _identity(ranking.searcher, ranked.address)
    tier = ranking.tiers[ranked.tier][0] if tell else None
    return Hit(ranked.seq, identity, fields.moment(ranked.received), tier, also)


def _bare(searcher: tantivy.Searcher, address: DocAddress) -> Hit:
    (seq,) = searcher.fast_field_values(fields.SEQ, [address])
    (received,) = searcher.fast_field_values(fields.RECEIVED, [address])
    return Hit(int(seq or 0), _identity(searcher, address), fields.moment(int(received or 0)))


def _identity(searcher: tantivy.Searcher, address: DocAddress) -> str:
    return _kept(searcher, address).id


def _kept(searcher: tantivy.Searcher, address: DocAddress) -> Kept:
    octets: bytes = searcher.doc(address).get_first(fields.KEPT) or b""
    return unpack(octets)
