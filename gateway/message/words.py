"""How words compare: without case and accents, the same for what is stored and for what is asked.

A word is a run of letters and digits. Nothing here raises on any string.
"""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")


def fold(text: str) -> str:
    """`text` without case and accents; ASCII text only loses its case."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()
    # Folding can compose or decompose again (U+0345), so the result is normalised once more.
    return unicodedata.normalize("NFKC", plain)


def words(text: str) -> list[str]:
    """The folded words of `text`, in their order."""
    return _WORD.findall(fold(text))
