"""One answer made of three: the index tells which messages, the catalog what is known of them, the archive how far
it is itself.

Promises: rows stand in the index's order, and each hit has one, with its id and time where the catalog lacks it; the
coverage says what an answer leaves out. Pages that follow each other are of one moment, and one at a time is in memory.
Ends the command with a sentence where one of the three cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy.exc import DBAPIError

from gateway.archive import ArchiveDamaged, ArchiveUnavailable, Reader
from gateway.archive.configured import reader_of
from gateway.catalog import queries
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.catalog.shapes import HIT_KEYS, Json, moment
from gateway.cli.options import WRONG_USAGE, fail
from gateway.config import Config
from gateway.search.engine import (
    BadCursor,
    EngineError,
    Hit,
    IndexDamaged,
    IndexLocked,
    IndexMissing,
    Page,
    Searcher,
    Unanswerable,
    Wanted,
)
from gateway.search.query.hiding import UNREADABLE, may_hide
from gateway.search.query.tree import And, Is, Keyword, Node, Not, Or

_ATTEMPTS = 3  # the index may grow while it is counted


@dataclass(frozen=True, slots=True)
class Coverage:
    """What an answer is based on."""

    found: int
    searched: int  # entries of the archive up to this one
    last: int  # the archive's last entry
    behind: int
    unreadable: int  # messages in the index with parts in which words may hide
    may_hide: int  # of them those that are no hits, and may be
    unsearchable: int  # messages up to there that are not in the index at all

    def to_json(self) -> Json:
        """A JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of hits, a row of the catalog for each, and the coverage."""

    page: Page
    rows: tuple[Json, ...]
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class Sources:
    """What answers are made of, open."""

    searcher: Searcher
    catalog: Catalog
    reader: Reader

    def rows(self, hits: Sequence[Hit]) -> tuple[Json, ...]:
        """What the catalog knows of each."""
        with self.catalog.connect() as connection:
            known = queries.hits(connection, [hit.seq for hit in hits])
        return tuple(known.get(hit.seq) or _bare(hit) for hit in hits)

    def among(self, node: Node, hits: Sequence[Hit]) -> frozenset[int]:
        """Those hits, by sequence number, for which another query holds as well."""
        these = Or(tuple(Is(Keyword.ID, hit.id) for hit in hits))
        return frozenset(self.searcher.seqs(And((these, node)))) if hits else frozenset()

    def coverage(self, node: Node, found: int, position: int) -> Coverage:
        """How complete an answer is whose index is up to `position`."""
        reached, documents = self._size()
        with self.catalog.connect() as connection:
            messages = queries.messages_up_to(connection, reached)
        last = max(self.reader.last_seq(), position)
        return Coverage(
            found=found,
            searched=position,
            last=last,
            behind=last - position,
            unreadable=self.searcher.count(UNREADABLE),
            may_hide=self.searcher.count(And((may_hide(node), Not(node)))),
            unsearchable=max(messages - documents, 0),
        )

    def _size(self) -> tuple[int, int]:
        """A position of the index, and how many messages are in it there."""
        for _ in range(_ATTEMPTS):
            position, documents = self.searcher.position(), self.searcher.count(And(()))
            if self.searcher.position() == position:
                break
        return position, documents


@contextmanager
def opened(settings: Config) -> Iterator[Sources]:
    """Index, catalog and archive; what goes wrong with them meanwhile ends the command with a sentence."""
    from gateway.search.tantivy import TantivySearcher  # a library of 50 MB that only an answer needs

    with (
        _explained(settings),
        closing(TantivySearcher(settings.storage.search)) as searcher,
        closing(Catalog(settings.storage.catalog)) as catalog,
        closing(reader_of(settings)) as reader,
    ):
        yield Sources(searcher, catalog, reader)


def ask(settings: Config, node: Node, wanted: Wanted, *, every: bool = False) -> Iterator[Answer]:
    """Ask the index: one page, or each from there on."""
    with opened(settings) as sources:
        yield from pages(sources, node, wanted, every=every)


def pages(sources: Sources, node: Node, wanted: Wanted, *, every: bool) -> Iterator[Answer]:
    """The answers page by page; what is counted comes with the first one."""
    page = sources.searcher.search(node, wanted)
    coverage = sources.coverage(node, page.count or 0, page.position)
    yield Answer(page, sources.rows(page.hits), coverage)
    while every and page.cursor is not None:
        wanted = replace(wanted, cursor=page.cursor, count=False, facets=(), histogram=None)
        page = sources.searcher.search(node, wanted)
        yield Answer(page, sources.rows(page.hits), coverage)


def _bare(hit: Hit) -> Json:
    """A hit that the catalog does not have, because it is being made anew."""
    empty: dict[str, Any] = dict.fromkeys(HIT_KEYS)
    known = {"id": hit.id, "seq": hit.seq, "received": moment(hit.received)}
    return empty | known | {"to": [], "rules": [], "defects": [], "indexed": False}


@contextmanager
def _explained(settings: Config) -> Iterator[None]:
    folder = settings.storage.search
    try:
        yield
    except IndexMissing:
        raise fail(f"{folder}: no search index yet; `mailgw serve` makes it, or `mailgw reindex`") from None
    except IndexDamaged as error:
        text = (
            f"{folder}: {error}\n`mailgw reindex --no-catalog` makes it anew of the archive; no mail is lost"
        )
        raise fail(text) from None
    except IndexLocked as error:
        raise fail(f"{folder}: {error}; try again in a moment") from None
    except BadCursor as error:
        raise fail(f"--cursor: {error}", WRONG_USAGE) from None
    except Unanswerable as error:
        raise fail(str(error), WRONG_USAGE) from None
    except PermissionError as error:
        raise fail(not_for_this_user(error.filename or folder)) from None
    except (EngineError, CatalogUnavailableError, ArchiveUnavailable, ArchiveDamaged, OSError) as error:
        raise fail(str(error)) from None
    except DBAPIError as error:
        raise fail(f"{settings.storage.catalog}: {error.orig}") from None


def not_for_this_user(where: object) -> str:
    """What to do about a file of the service's."""
    return f"{where}: not for this user; run this with sudo, or as the user that the service runs as"
