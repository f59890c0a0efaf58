"""The parts that nobody could read, so that a hit may hide in them: by message, each with why.

The index knows only how many parts a message has that were not read; which they are is found by reading the message
again, its attachments in the sandbox as ever, and with the index's own settings, so that the same is left unread.

File names in a held message are not told: that somebody looked is to be recorded, and `mailgw hold show` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.archive import ArchiveDamaged, Reader
from gateway.catalog.shapes import Json
from gateway.cli.searching.asking import Answer, Sources, opened, pages
from gateway.config import Config
from gateway.extraction.extractor import Extractor
from gateway.extraction.model import Status
from gateway.indexer.document import wants_extraction
from gateway.message.events import HELD
from gateway.message.readable import readable
from gateway.message.readable.model import Part
from gateway.search.engine import Hit, Wanted
from gateway.search.query.hiding import may_hide
from gateway.search.query.tree import Node

PART_KEYS = ("id", "seq", "received", "found", "part", "name", "type", "status", "detail")

READ_NOW = "read-now"  # the index says that it was not
DAMAGED = "damaged"

_WITHIN = " > "
_STATUSES = {
    "encrypted": Status.ENCRYPTED,
    "text-too-large": Status.TOO_LARGE,
    "nested-too-deep": Status.TOO_LARGE,
    "too-much-text": Status.TOO_LARGE,
    "too-many-parts": Status.TOO_LARGE,
    "message-too-large": Status.TOO_LARGE,
    "rtf-only": Status.UNSUPPORTED,
    "partial-message": Status.UNSUPPORTED,
    "broken-tnef": Status.FAILED,
}


@dataclass(frozen=True, slots=True)
class UnreadPart:
    """A part, or something in one, whose text is not in the index, or not all of it."""

    path: str  # of the part, "1.2", as IMAP counts; "" for the message
    name: str  # of the file; of what is in it with all that it is in
    type: str
    status: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class UnreadMessage:
    """A message with unreadable parts."""

    hit: Hit
    row: Json
    found: bool  # the query finds it anyway
    held: bool  # or not known not to be: its file names are not told
    parts: tuple[UnreadPart, ...]

    def objects(self) -> Iterator[Json]:
        """A JSON object for each part."""
        for part in self.parts:
            message = {key: self.row[key] for key in ("id", "seq", "received")}
            said = {"name": None if self.held else part.name, "type": part.type, "status": part.status}
            yield message | {"found": self.found, "part": part.path} | said | {"detail": part.detail}


def unread(settings: Config, node: Node, wanted: Wanted, *, every: bool) -> Iterator[Answer | UnreadMessage]:
    """Each page's answer, followed by its messages, read one after the other."""
    from gateway.service.searching import extraction_of  # much else that only this needs

    with opened(settings) as sources, Extractor(extraction_of(settings)) as extractor:
        for answer in pages(sources, may_hide(node), wanted, every=every):
            yield answer
            yield from _messages(sources, answer, node, extractor)


def _messages(sources: Sources, answer: Answer, node: Node, extractor: Extractor) -> Iterator[UnreadMessage]:
    hits = answer.page.hits
    found = sources.among(node, hits)
    for hit, row in zip(hits, answer.rows, strict=True):
        held = row["size"] is None or row["outcome"] == HELD
        parts = tuple(_parts(sources.reader, hit.seq, extractor))
        yield UnreadMessage(hit, row, hit.seq in found, held, parts)


def _parts(reader: Reader, seq: int, extractor: Extractor) -> Iterator[UnreadPart]:
    """The unreadable parts of a message; at least one, for the index counted some."""
    try:
        raw = reader.raw(seq)
    except (ArchiveDamaged, KeyError):
        yield UnreadPart("", "", "", DAMAGED, "the message cannot be read from the archive (mailgw verify)")
        return
    found = list(parts_of(raw, extractor))
    nothing = UnreadPart("", "", "", READ_NOW, "every part can be read today; the index was made before")
    yield from found or [nothing]


def parts_of(raw: bytes, extractor: Extractor) -> Iterator[UnreadPart]:
    """The parts of a message that cannot be read, as the indexer counts them."""
    message = readable(raw)
    for part in message.unreadable:
        yield _unread(part)
    for part in filter(wants_extraction, message.attachments):
        for one in extractor.extract(part.content(), part.content_type, part.filename):
            if not one.whole:
                name = _WITHIN.join(each or "(no name)" for each in one.path)
                yield UnreadPart(part.path, name, one.type, one.status, one.detail)


def _unread(part: Part) -> UnreadPart:
    """A part that cannot be read in place, and why."""
    why = [each for each in part.defects if each in _STATUSES]
    status = _STATUSES[why[0]] if why else Status.FAILED
    detail = ", ".join(each for each in why if each != status)
    return UnreadPart(part.path, part.filename, part.content_type, status, detail)
