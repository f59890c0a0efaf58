"""Text as the catalog keeps it: storable everywhere, and folded into words for comparison.

`clean` makes any Python string storable in SQLite and PostgreSQL. `fold` turns text into words without
case and accents (`message.words`); the same function is applied to what is stored and to what is asked, so they meet.
Nothing here raises on any string.
"""

from __future__ import annotations

from typing import Any

from gateway.message.words import words

__all__ = ["clean", "clean_json", "fold", "words"]


def clean(text: str, limit: int = 2000) -> str:
    """`text` without what a database cannot store, at most `limit` characters.

    Octets carried as lone surrogates become `\\xff`-like escapes, so that they stay readable; NUL, which
    PostgreSQL refuses, becomes its picture U+2400.
    """
    if len(text) > limit:
        text = text[:limit]
    if text.isascii():
        return text.replace("\0", "\u2400") if "\0" in text else text
    try:
        text.encode()
    except UnicodeEncodeError:
        try:
            text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        except UnicodeEncodeError:
            text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\0", "\u2400")[:limit]


def clean_json(value: Any, limit: int = 20_000) -> Any:
    """A JSON value with all its texts and keys cleaned."""
    match value:
        case str():
            return clean(value, limit)
        case dict():
            return {clean(str(key), limit): clean_json(each, limit) for key, each in value.items()}
        case list() | tuple():
            return [clean_json(each, limit) for each in value]
        case _:
            return value


def fold(text: str) -> str:
    """The words of `text` with a blank around each, for whole-word comparison with LIKE; "" if none."""
    found = words(text)
    return f" {' '.join(found)} " if found else ""
