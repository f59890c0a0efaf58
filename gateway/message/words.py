"""How words compare: without case and accents, the same for what is stored and for what is asked.

A word is a run of letters and digits. Of scripts that put no blanks between words (Chinese, Japanese, Thai, Lao, Khmer,
Burmese) each character is one: what is asked in them is a phrase. Characters that nobody sees are none: mail programs
and newsletters put soft hyphens and blanks of no width into the middle of words. Nothing here raises on any string.
"""

from __future__ import annotations

import re
import unicodedata

_BLANKLESS = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
WORD = re.compile(f"[^\\W_{_BLANKLESS}]+|(?![\\W_])[{_BLANKLESS}]")
# What folding makes of ASCII, and blanks for what is in no word: the words are what stands between the blanks.
_ASCII = "".join(chr(code).lower() if chr(code).isalnum() else " " for code in range(128))
_ALONE = re.compile(f"(?![\\W_])[{_BLANKLESS}]")
_UNSEEN = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))


def fold(text: str) -> str:
    """`text` without case and accents; ASCII text only loses its case."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.translate(_UNSEEN))
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()
    # Folding can compose or decompose again (U+0345), so the result is normalised once more.
    return unicodedata.normalize("NFKC", plain)


def spaced(folded: str) -> str:
    """Folded text with blanks around every character that is a word by itself."""
    return _ALONE.sub(r" \g<0> ", folded)


def words(text: str) -> list[str]:
    """The folded words of `text`, in their order."""
    return text.translate(_ASCII).split() if text.isascii() else WORD.findall(fold(text))
