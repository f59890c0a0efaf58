"""The piece of a message that shows what was found, read from the archive and safe for a terminal.

What a held message says is not shown here: that somebody looked is to be recorded, and `mailgw hold show` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.archive import ArchiveDamaged, ArchiveUnavailable, Reader
from gateway.message.printable import printable
from gateway.message.readable import readable
from gateway.message.readable.model import Readable
from gateway.search.query.tree import Node, TextField
from gateway.search.snippet import matched_terms, snippet

Pieces = list[tuple[str, bool]]  # text, and whether it is a hit

_WIDTH = 200  # letters
_BLANKS = re.compile(r"\s+")
_IN_SUBJECT = frozenset({TextField.ANY, TextField.SUBJECT})
_ELSEWHERE = frozenset(TextField) - {TextField.SUBJECT}


def asks_for_text(node: Node) -> bool:
    """Whether there are words to show that no other line shows."""
    return bool(matched_terms(node, _ELSEWHERE))


def subject(text: str, node: Node) -> Pieces:
    """A subject, with what was found in it."""
    return _safe(snippet(text, node, len(text), _IN_SUBJECT))


def excerpt(reader: Reader, seq: int, node: Node) -> tuple[str, Pieces] | None:
    """Where in the message, "" for its text, and the piece; None where no such word is in what can be shown.

    Words in a PDF or another file that only extraction reads are not shown.
    """
    try:
        message = readable(reader.raw(seq))
    except (ArchiveDamaged, ArchiveUnavailable, KeyError):
        return None
    for where, text, fields in _texts(message):
        pieces = snippet(text, node, _WIDTH, fields) if text else []
        if any(is_hit for _, is_hit in pieces):
            return where, _safe(pieces)
    return None


def _texts(message: Readable) -> Iterator[tuple[str, str, frozenset[TextField]]]:
    """Texts in which words may be found, the most telling first, as what each is searched."""
    any_ = TextField.ANY
    yield "", message.body, frozenset({any_, TextField.BODY, TextField.NEW})
    yield "", message.quoted, frozenset({any_, TextField.BODY})
    for name in message.filenames:
        yield "file name", name, frozenset({any_, TextField.FILENAME})
    for part in message.attachments:
        where = f"in {printable(part.filename)}" if part.filename else "attached"
        yield where, part.text, frozenset({any_, TextField.ATTACHMENT})
    yield "not shown by mail programs", message.hidden, frozenset({any_, TextField.BODY})
    yield "links to", " ".join(link.target for link in message.links), frozenset({any_, TextField.BODY})


def _safe(pieces: Pieces) -> Pieces:
    return [(printable(_BLANKS.sub(" ", text)), is_hit) for text, is_hit in pieces]
