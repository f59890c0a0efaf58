"""What must hold of each parser, whatever it is given. A target raises where it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from gateway.extraction.job import Child
from gateway.extraction.model import Extracted, Settings
from gateway.extraction.walk import Walk
from gateway.indexer.sameness import same
from gateway.message.readable import readable
from gateway.message.reading import read_message
from gateway.message.structure import structure, tolerant_structure
from gateway.message.wellformed import wellformed_parts
from gateway.message.words import words
from gateway.search.query import QueryError, parse, unparse
from gateway.search.snippet import snippet
from gateway.search.tantivy.text import plain
from tests.message.readable.test_tolerance import check

NOW: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIMIT: Final = 65_536  # octets given to a target; hostile sizes are a matter of other tests
PATIENCE: Final = 5.0  # seconds of processor time


def readable_message(octets: bytes) -> None:
    """A message is read, and what it says can be compared."""
    message = readable(octets)
    check(message)
    read_message(octets)
    same(message, "content")
    for text in (message.body, message.quoted, message.hidden):
        assert plain(text).split() == words(text) or max(map(len, words(text))) > 256


def structured_message(octets: bytes) -> None:
    """The parts of a message; where the fast reading answers, it answers as the tolerant one."""
    tolerant = tolerant_structure(octets)
    if wellformed_parts(octets) is not None:
        assert structure(octets) == tolerant


class _Unheard:
    """Nobody hears what was extracted."""

    def begins(self, number: int, path: tuple[str, ...], declared: str) -> None: ...
    def ocr_begins(self) -> None: ...
    def result(self, number: int, result: Extracted) -> None:
        result.text.encode("utf-8")


_SETTINGS = Settings(ocr=False, total_octets=8 << 20, entry_octets=4 << 20, ratio_from=1 << 20, parts=50)


def attachment(octets: bytes) -> None:
    """An attachment of any format, its readers without their sandbox."""
    Walk(_SETTINGS, _Unheard()).visit(Child("file", "", lambda: octets))


def query(octets: bytes) -> None:
    """A query is understood or refused at a place in it, and what was understood can be written down."""
    text = octets.decode("utf-8", "replace")
    try:
        node = parse(text, now=NOW, zone=UTC)
    except QueryError as error:
        assert 0 <= error.position <= len(text)
        return
    assert parse(unparse(node, zone=UTC), now=NOW, zone=UTC, limit=400_000) == node
    snippet(text, node, 200)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "readable": readable_message,
    "structure": structured_message,
    "attachment": attachment,
    "query": query,
}


def run(name: str, octets: bytes) -> None:
    """One input, within a time that nothing honest takes."""
    began = time.process_time()
    TARGETS[name](octets[:LIMIT])
    if time.process_time() - began > PATIENCE:
        raise RuntimeError(f"{name}: {len(octets)} octets took {time.process_time() - began:.1f} s")
