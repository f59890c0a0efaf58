"""Text of strangers for a terminal: nothing in it acts upon one, or makes a text look like another.

Such characters are shown by their number. Promises: never raises.
"""

from __future__ import annotations

import unicodedata


def printable(text: str, *, lines: bool = False) -> str:
    """`text` with every character shown that would act upon a terminal; `lines`: it may be several lines."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if _is_harmless(each, lines) else _number(each) for each in text)


# Letters of some languages, and small pictures, are made with these two.
_JOINERS = "\u200c\u200d"
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def _is_harmless(character: str, lines: bool) -> bool:
    if lines and character in "\n\t":
        return True
    return character in _JOINERS or unicodedata.category(character) not in _UNSAFE


def _number(character: str) -> str:
    """A character as Python writes it: `\\x1b`, `\\u202e`."""
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
