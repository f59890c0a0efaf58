"""One answer made of three: the index tells which messages, the catalog what is known of them, the archive how far
it is itself.

Promises: rows stand in the index's order, and each hit has one, with its id and time where the catalog lacks it; the
coverage says what an answer leaves out. Ends the command with a sentence where one of the three cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.exc import DBAPIError

from gateway.archive import ArchiveDamaged, ArchiveUnavailable, Reader
from gateway.catalog import queries
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.catalog.shapes import HIT_KEYS, Json, moment
from gateway.cli.options import fail
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
from gateway.search.query.tree import And, Is, Keyword, Node

WRONG_USAGE = 2
_ATTEMPTS = 3  # the index may grow while it is counted


@dataclass(frozen=True, slots=True)
class Coverage:
    """What an answer is based on."""

    found: int
    searched: int  # entries of the archive up to this one
    last: int  # the archive's last entry
    behind: int
    unreadable: int  # messages in the index with parts in which words may hide
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


def ask(settings: Config, node: Node, wanted: Wanted) -> Answer:
    """Ask the index; ends the command where there is no answer."""
    from gateway.search.tantivy import TantivySearcher  # a library of 50 MB that only an answer needs

    with _explained(settings), closing(TantivySearcher(settings.storage.search)) as searcher:
        page = searcher.search(node, wanted)
        position, documents = _size(searcher)
        unreadable = searcher.count(Is(Keyword.HAS, "unreadable"))
        catalog = Catalog(settings.storage.catalog)
        with closing(catalog), catalog.connect() as connection:
            rows = queries.hits(connection, [hit.seq for hit in page.hits])
            messages = queries.messages_up_to(connection, position)
        with closing(Reader(settings.storage.archive)) as reader:
            last = max(reader.last_seq(), page.position)
    return Answer(
        page=page,
        rows=tuple(rows.get(hit.seq) or _bare(hit) for hit in page.hits),
        coverage=Coverage(
            found=page.count or 0,
            searched=page.position,
            last=last,
            behind=last - page.position,
            unreadable=unreadable,
            unsearchable=max(messages - documents, 0),
        ),
    )


def _size(searcher: Searcher) -> tuple[int, int]:
    """A position of the index, and how many messages are in it there."""
    for _ in range(_ATTEMPTS):
        position, documents = searcher.position(), searcher.count(And(()))
        if searcher.position() == position:
            break
    return position, documents


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
        raise fail(f"{folder}: no search index yet; `mailgw serve` makes it of the archive") from None
    except IndexDamaged as error:
        text = (
            f"{folder}: {error}\n`mailgw serve`, started again, makes it anew of the archive; no mail is lost"
        )
        raise fail(text) from None
    except IndexLocked as error:
        raise fail(f"{folder}: {error}; try again in a moment") from None
    except BadCursor as error:
        raise fail(f"--cursor: {error}", WRONG_USAGE) from None
    except Unanswerable as error:
        raise fail(str(error), WRONG_USAGE) from None
    except PermissionError as error:
        where = error.filename or folder
        text = f"{where}: not for this user; run this with sudo, or as the user that the service runs as"
        raise fail(text) from None
    except (EngineError, CatalogUnavailableError, ArchiveUnavailable, ArchiveDamaged, OSError) as error:
        raise fail(str(error)) from None
    except DBAPIError as error:
        raise fail(f"{settings.storage.catalog}: {error.orig}") from None
