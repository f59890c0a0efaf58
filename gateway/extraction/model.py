"""What comes of an attachment, and how far extraction goes. Immutable; texts are not in any `repr`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """What became of one part. Anything but extracted and empty means: words may be in it that nobody saw."""

    EXTRACTED = "extracted"  # all of its text is there
    EMPTY = "empty"  # read whole; there is no text in it
    ENCRYPTED = "encrypted"
    UNSUPPORTED = "unsupported"  # a format that is not read here, or a picture where nothing reads pictures
    FAILED = "failed"  # damaged, or its reader died of it
    TIMED_OUT = "timed-out"
    TOO_LARGE = "too-large"  # a limit was reached


@dataclass(frozen=True, slots=True)
class Extracted:
    """One part: an attachment, or something in one, at any depth."""

    path: tuple[str, ...]  # names, from the attachment inwards; "" where there is none
    type: str  # by its content where that tells, otherwise as declared; lower case
    status: Status
    text: str = field(
        default="", repr=False
    )  # where the status is another than extracted: as far as it was read
    detail: str = ""  # why, for a person; nothing of the content
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return self.path[-1] if self.path else ""

    @property
    def whole(self) -> bool:
        """Nothing of it is left unread."""
        return self.status in (Status.EXTRACTED, Status.EMPTY)


@dataclass(frozen=True, slots=True)
class Protection:
    """One wall around the child, and whether it stands on this machine."""

    name: str
    holds: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """How far extraction goes. Times are by the clock on the wall, and generous: the child runs at nice 19."""

    children: int = 1
    jobs: int = 500  # a child serves so many attachments, then makes room for a fresh one
    part_seconds: float = 30.0  # for one part; nothing heard for so long ends the child
    seconds: float = 300.0  # for an attachment with all that is in it
    retries: int = 3  # how often what is left of an attachment is tried after a part of it ended the child
    memory: int = 1 << 30  # address space, of the child and of its OCR program, each
    content_octets: int = 128 << 20  # of an attachment
    entry_octets: int = 128 << 20  # of one entry, unpacked
    total_octets: int = 512 << 20  # of all entries of an attachment, unpacked
    ratio: int = 250  # unpacked to packed; beyond that an entry is a bomb
    ratio_from: int = 16 << 20  # unpacked octets from which on the ratio counts
    depth: int = 3  # containers in containers
    parts: int = 1_000  # in an attachment, at any depth
    characters: int = 10_000_000  # of text, in all parts of an attachment
    pages: int = 5_000  # of a PDF
    ocr: bool = True
    tesseract: str = "tesseract"  # the command
    languages: str = "eng"  # of OCR, joined by "+"
    ocr_pages: int = 40  # pages and pictures that are OCRed in an attachment
    ocr_seconds: float = 120.0  # for all of them
    pixels: int = 50_000_000  # of a picture
