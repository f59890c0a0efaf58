"""Finding what can be taken out of a message: bodies in base64, and bodies long enough that others may have them too.

No parser: it looks for the few octets that tell where a body begins and ends. What it finds stands in the message
exactly so, and where it finds too little, or the wrong lines, a message is only stored larger. Pure; never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from gateway.archive.forms import AS_IS, taken_out

# Octets below which a row about it costs more than is saved, and below which nobody looks for the same elsewhere.
LEAST = 256
LEAST_SHARED = 4_096

_ENCODING = b"content-transfer-encoding:"
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_PARAMETER = b"boundary="
_VALUE = re.compile(rb'[ \t]*(?:"([^"\r\n]{1,200})"|([^\s;"]{1,200}))')
_MOST = 1_000  # boundary lines that are looked at


class Region(NamedTuple):
    """Octets `start` to `end` of a message: `data` in some form."""

    start: int
    end: int
    form: str
    data: bytes


def regions(raw: bytes) -> list[Region]:
    """What may be taken out of a message, in order, none within another."""
    if len(raw) < LEAST:
        return []
    lower = raw.lower()
    found = list(_encoded(raw, lower))
    if len(raw) >= LEAST_SHARED:
        found += [body for body in _bodies(raw, lower) if not any(_meet(body, each) for each in found)]
    return sorted(found)


def _encoded(raw: bytes, lower: bytes) -> Iterator[Region]:
    """Bodies in base64."""
    at = 0
    while (at := lower.find(_ENCODING, at)) >= 0:
        value = at + len(_ENCODING)
        begins_line = at == 0 or raw[at - 1] == 0x0A
        at = value
        if not begins_line or not lower[value : value + 20].lstrip(b" \t").startswith(b"base64"):
            continue
        empty = _EMPTY_LINE.search(raw, value)
        if empty is None:
            return
        start = empty.end()
        end = raw.find(b"\n--", start - 1)
        at = max(start, end)
        text = raw[start : end if end >= 0 else len(raw)]
        found = taken_out(text) if len(text) >= LEAST else None
        if found is not None and found[2] >= LEAST:
            data, form, length = found
            yield Region(start, start + length, form, data)


def _bodies(raw: bytes, lower: bytes) -> Iterator[Region]:
    """Long bodies between boundaries, or behind the header."""
    cuts = sorted(set(_cuts(raw, lower)))
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        empty = _EMPTY_LINE.search(raw, start, end)
        if empty is not None:
            begin = empty.end()
            stop = end - 1 if raw[end - 1 : end] == b"\r" and end < len(raw) else end
            if stop - begin >= LEAST_SHARED:
                yield Region(begin, stop, AS_IS, raw[begin:stop])


def _cuts(raw: bytes, lower: bytes) -> Iterator[int]:
    """Where lines that begin with a boundary begin: at the line end before them."""
    left = _MOST
    for boundary in _boundaries(raw, lower):
        line = b"\n--" + boundary
        at = raw.find(line)
        while at >= 0 and left:
            yield at
            left -= 1
            at = raw.find(line, at + len(line))


def _boundaries(raw: bytes, lower: bytes) -> set[bytes]:
    found: set[bytes] = set()
    at = lower.find(_PARAMETER)
    while at >= 0 and len(found) < _MOST:
        at += len(_PARAMETER)
        value = _VALUE.match(raw, at)
        if value is not None:
            found.add(value[1] or value[2])
        at = lower.find(_PARAMETER, at)
    return found


def _meet(one: Region, other: Region) -> bool:
    return one.start < other.end and other.start < one.end
