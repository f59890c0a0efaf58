"""The dates that a message bears, as it claims them: nobody here saw it being sent or received.

Pure; never raises. Read as tolerantly as all headers are (`message.reading`); what cannot be read is None.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from gateway.message.headers import read_headers
from gateway.message.reading import reading_of


class Claimed(NamedTuple):
    """In UTC."""

    date: datetime | None  # Date: when the author's program says that it was written
    received: datetime | None  # the topmost Received: when the last server says that it took it

    def to_json(self) -> dict[str, str | None]:
        """ISO 8601."""
        return {"date": _iso(self.date), "received": _iso(self.received)}


def claimed(octets: bytes) -> Claimed:
    """The dates of a message."""
    headers = read_headers(octets)
    received = headers.first("Received")
    moment = None if received is None else _date(received.rpartition(";")[2].encode())
    return Claimed(
        reading_of(((each.name.encode(), each.value) for each in headers.fields), 0, ()).date, moment
    )


def _date(text: bytes) -> datetime | None:
    return reading_of([(b"Date", text.strip())], 0, ()).date


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
