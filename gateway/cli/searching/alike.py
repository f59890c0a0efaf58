"""Messages that say nearly the same as one.

The one is read from the archive and made a document as the indexer makes it, but for its attachments, whose texts have
no part in this.
"""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.archive import Entry
from gateway.catalog import queries
from gateway.cli.options import fail
from gateway.cli.searching.asking import Answer, Sources, opened
from gateway.config import Config
from gateway.directory.snapshot import Directory
from gateway.indexer.document import Facts, document
from gateway.message.envelope import Envelope
from gateway.message.readable import readable
from gateway.search.document import Document
from gateway.search.engine import Page
from gateway.search.query.tree import And, Node

MOST = 1_000  # similar messages that are looked at; what comes behind them shares little


def alike(settings: Config, name: str, node: Node, limit: int) -> tuple[Answer, bool]:
    """The messages most similar to one, of those for which `node` holds; and whether there may be more than `MOST`.

    Ends the command where there is no such message.
    """
    with opened(settings) as sources:
        one = _document(sources, settings, name)
        position = sources.searcher.position()
        found = tuple(sources.searcher.similar(one, MOST))
        is_cut = len(found) == MOST
        if node != And(()):
            narrowed = sources.among(node, found)
            found = tuple(hit for hit in found if hit.seq in narrowed)
        page = Page(hits=found[:limit], position=position, count=len(found))
        return Answer(page, sources.rows(page.hits), sources.coverage(node, len(found), position)), is_cut


def _document(sources: Sources, settings: Config, name: str) -> Document:
    entry = _entry(sources, name)
    facts = Facts(
        seq=entry.seq,
        id=entry.id,
        received=entry.received,
        envelope=Envelope.from_json(entry.document["envelope"]),
        size=entry.size,
        sha256=entry.sha256 or "",
    )
    # Who somebody was has no part in what a message says.
    nobody = Directory.empty(settings.district.domains, datetime.now(UTC))
    return document(facts, readable(sources.reader.raw(entry.seq)), (), nobody)


def _entry(sources: Sources, name: str) -> Entry:
    """A message by its archive id, sequence number or Message-ID."""
    with sources.catalog.connect() as connection:
        known = queries.message(connection, name)
    entry = sources.reader.entry(known["seq"]) if known else None
    if entry is None:
        raise fail(f"--like {name}: no such message; `mailgw search` shows the ids")
    return entry
