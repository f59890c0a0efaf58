"""Text as Tantivy gets it: folded words with spaces between them, so that a tokenizer at white space is enough.

Promises: `plain(text).split()` is `message.words.words(text)`, each word cut to the letters that count. What a word is
is thereby decided in one place, and not by the Unicode tables that Tantivy was built with.

Most text is ASCII, where folding is one pass over bytes. Elsewhere only the runs that are not ASCII are folded by
`message.words`: no ASCII letter composes with what folding leaves beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from gateway.message.words import fold, spaced, words
from gateway.search.engine import SLOP, WORD_LETTERS

# Stands for a word that is nobody's: folding makes "ss" of it, and the analyser drops it but counts its place.
NOBODY = "ß"
# Between two texts of one field, more of them than the words of any phrase may stand apart.
GAP = f" {NOBODY}" * (SLOP + 1) + " "

_PLAIN = bytes(
    octet if octet > 127 else ord(chr(octet).lower()) if chr(octet).isalnum() else 32 for octet in range(256)
)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_NO_WORD = re.compile(r"[\W_]")
_SHORT = 16


def plain(text: str) -> str:
    """The folded words of `text`, with spaces between them."""
    octets = _octets(text)
    if len(octets) > WORD_LETTERS and _has_long_word(octets):
        return _cut(octets)
    return octets.decode()


def uncut(text: str) -> str:
    """The same with all letters of each word: `uncut(text).split()` is `message.words.words(text)`."""
    return _octets(text).decode()


def joined(texts: Iterable[str], folding: Callable[[str], str] = plain) -> str:
    """Several texts as one, so that no phrase begins in one and ends in the next. `folding` makes each one plain."""
    return GAP.join(filter(str.strip, map(folding, texts)))


def asked(given: Iterable[str]) -> tuple[str, ...]:
    """Words of a query as they are stored."""
    return tuple(word[:WORD_LETTERS] for each in given for word in words(each))


def _octets(text: str) -> bytes:
    if not text.isascii():
        text = _BEYOND_ASCII.sub(_folded, text)
    return text.encode().translate(_PLAIN)


def _folded(run: re.Match[str]) -> str:
    found = run[0]
    return _fold_short(found) if len(found) <= _SHORT else _fold(found)


def _fold(run: str) -> str:
    return spaced(_NO_WORD.sub(" ", fold(run)))


# Quotes, dashes and accented letters come again and again.
_fold_short = lru_cache(maxsize=16_384)(_fold)


def _has_long_word(octets: bytes) -> bool:
    """Whether some word may have more letters than count; jumps from space to space."""
    place, end = 0, len(octets) - WORD_LETTERS
    while place < end:
        space = octets.rfind(b" ", place, place + WORD_LETTERS + 1)
        if space < 0:
            return True
        place = space + 1
    return False


def _cut(octets: bytes) -> str:
    return " ".join(word[:WORD_LETTERS] for word in octets.decode().split())
