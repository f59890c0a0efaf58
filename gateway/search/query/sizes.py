"""Sizes of a query: `5000`, `5MB`, `1.5 GB`. A kilobyte is 1,024 octets, a megabyte 1,024 of those.

Fails only with `QueryError`, with the place that it is given.
"""

from __future__ import annotations

import re

from gateway.search.query.errors import QueryError, quoted

WANTED = "a size such as 5000, 200KB, 5MB or 1.5GB"
MAX_SIZE = 1 << 50  # octets; far beyond any message, and within what engines count with

_SIZE = re.compile(r"(\d{1,16})(?:[.](\d{1,6}))? ?(?:([kmg])(?:i?b)?|b|bytes)?", re.ASCII)
_FACTORS = {None: 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def read_size(text: str, position: int) -> int:
    """The octets that a size stands for."""
    match = _SIZE.fullmatch(text.lower()) if len(text) <= 40 else None
    if match is None:
        raise QueryError(position, f"{quoted(text)} is no size", WANTED)
    factor = _FACTORS[match[3]]
    size = int(match[1]) * factor
    if match[2]:
        size += int(match[2]) * factor // 10 ** len(match[2])
    if size > MAX_SIZE:
        raise QueryError(position, f"{quoted(text)} is out of range", "at most 1048576GB")
    return size


def written_size(size: int) -> str:
    """A size in the largest unit that says it exactly."""
    for unit in "gmk":
        if size and size % _FACTORS[unit] == 0:
            return f"{size // _FACTORS[unit]}{unit.upper()}B"
    return str(size)
