"""Taking bodies out of a message, so that `unpacking` can put them back. Pure.

A body that several messages have is stored once (`shared` gives the number of its row); one in base64 that only this
message has stays where it is, decoded, for it compresses better so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway.archive.forms import AS_IS
from gateway.archive.rewriting.regions import Region


class Attached(NamedTuple):
    """A row of `attached`, but for the number of the message."""

    at: int
    part: int | None
    size: int | None
    form: str


class Cut(NamedTuple):
    """What the message's frame will hold, and what was taken out of it."""

    frame: bytes
    attached: Sequence[Attached]


def cut(raw: bytes, found: Sequence[Region], shared: Callable[[Region], int | None]) -> Cut:
    """A message without the regions that are shared, and with the others decoded."""
    pieces: list[bytes] = []
    attached: list[Attached] = []
    done = length = 0
    for region in found:
        if attached and region.start == done and attached[-1].part is not None:
            continue  # two rows of `attached` for one place
        part = shared(region)
        if part is None and region.form == AS_IS:
            continue
        pieces.append(raw[done : region.start])
        length += region.start - done
        if part is None:
            attached.append(Attached(length, None, len(region.data), region.form))
            pieces.append(region.data)
            length += len(region.data)
        else:
            attached.append(Attached(length, part, None, region.form))
        done = region.end
    if not attached:
        return Cut(raw, ())
    pieces.append(raw[done:])
    return Cut(b"".join(pieces), attached)
