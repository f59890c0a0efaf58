"""What comes of looking into files of mail: messages, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

MOST_OCTETS = 150 * 2**20  # of one message; three times what mail servers take


class Status(StrEnum):
    """What became of one message, or of one file."""

    ARCHIVED = "archived"
    DUPLICATE = "duplicate"  # the archive has these octets
    UNREADABLE = "unreadable"
    TOO_LARGE = "too-large"
    PASSED_OVER = "passed-over"  # no mail, such as the index of a mail program


@dataclass(frozen=True, slots=True)
class Found:
    """A message, to the octet as it was found."""

    place: str  # "old.zip!inbox/3.eml"
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unread:
    """What is no message, or none that could be read."""

    place: str
    status: Status
    reason: str


def unreadable(place: str, reason: str) -> Unread:
    """Something that could not be read."""
    return Unread(place, Status.UNREADABLE, reason)


def too_large(place: str, octets: int | None = None) -> Unread:
    """A message beyond the limit, of so many octets if that is known."""
    size = f"{octets} octets" if octets is not None else "more than that"
    return Unread(place, Status.TOO_LARGE, f"larger than {MOST_OCTETS} octets: {size}")


def passed_over(place: str, reason: str) -> Unread:
    """A file that is no mail."""
    return Unread(place, Status.PASSED_OVER, reason)


def named(name: str | bytes) -> str:
    """The name of a file as text, whatever its octets: those that are not UTF-8 stand as `\\xff`."""
    octets = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    return octets.decode("utf-8", "backslashreplace")
