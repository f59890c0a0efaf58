"""What one attachment may cost, shared by all parts of it, and where their text goes.

A reader raises `Unread` to say that (the rest of) a part is not read; what it has put into the `Sink` stays.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from gateway.extraction.model import Settings, Status

_CHUNK: Final = 1 << 16
_UNSAFE: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LONGEST_NAME: Final = 500


class Unread(Exception):
    """This part is not (wholly) read, and why."""

    def __init__(self, status: Status, detail: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Child:
    """Something in a container: its octets are unpacked when they are asked for."""

    name: str
    declared: str
    load: Callable[[], bytes]


class Sink:
    """The text of one part, as long as the attachment's share lasts."""

    def __init__(self, characters: int) -> None:
        self._left = characters
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        """Take `text`; raises `Unread` where it does not fit."""
        if len(text) > self._left:
            self._pieces.append(text[: self._left])
            self._left = 0
            raise Unread(Status.TOO_LARGE, "too much text")
        self._left -= len(text)
        self._pieces.append(text)

    def text(self) -> str:
        text = "".join(self._pieces).replace("\r\n", "\n").replace("\r", "\n")
        return _UNSAFE.sub(" ", text)


@dataclass(slots=True)
class Job:
    """The state of one attachment's extraction."""

    settings: Settings
    ocr_begins: Callable[[], None]
    octets: int = field(init=False)
    parts: int = field(init=False)
    characters: int = field(init=False)
    ocr_pages: int = field(init=False)
    ocr_seconds: float = field(init=False)

    def __post_init__(self) -> None:
        self.octets = self.settings.total_octets
        self.parts = self.settings.parts
        self.characters = self.settings.characters
        self.ocr_pages = self.settings.ocr_pages
        self.ocr_seconds = self.settings.ocr_seconds

    def unpacked(self, stream: Stream, packed: int) -> Iterator[bytes]:
        """What `stream` unpacks, bit by bit; raises `Unread` where it looks like a bomb, or becomes too much."""
        settings = self.settings
        size = 0
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            self.octets -= len(chunk)
            if size > settings.entry_octets or self.octets < 0:
                raise Unread(Status.TOO_LARGE, "unpacks to too many octets")
            if size > settings.ratio_from and size > packed * settings.ratio:
                raise Unread(Status.TOO_LARGE, "unpacks to far more than it is")
            yield chunk


@dataclass(slots=True)
class Stopwatch:
    """Seconds since it was made."""

    started: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        return round(time.monotonic() - self.started, 4)


def clean_name(name: str) -> str:
    """A name that can be stored and shown anywhere."""
    return re.sub("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "\ufffd", name[:_LONGEST_NAME])


def no_children(content: bytes, job: Job) -> Iterable[Child]:
    """Of formats that hold nothing but themselves."""
    return ()
