"""Pictures: OCR, where it is there. Their size is read first: a small file can be a picture of gigabytes."""

from __future__ import annotations

import struct

from gateway.extraction.formats import ocr
from gateway.extraction.job import Job, Sink, Unread
from gateway.extraction.model import Status

_SMALLEST = 16  # pixels; nobody writes words in less: a tracking pixel, a bullet, a rule
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG's SOF markers


def read(content: bytes, declared: str, sink: Sink, job: Job) -> None:
    size = _size(content)
    if size is not None:
        if min(size) < _SMALLEST:
            return
        if size[0] * size[1] > job.settings.pixels:
            raise Unread(Status.TOO_LARGE, "a picture of too many pixels")
    sink.add(ocr.words_in(content, job))


def _size(content: bytes) -> tuple[int, int] | None:
    """Width and height, where the format tells them early on."""
    try:
        if content.startswith(b"\x89PNG"):
            return _pair(struct.unpack_from(">II", content, 16))
        if content.startswith(b"GIF8"):
            return _pair(struct.unpack_from("<HH", content, 6))
        if content.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", content, 18)
            return abs(width), abs(height)
        if content.startswith(b"\xff\xd8"):
            return _jpeg_size(content)
    except struct.error:
        return None
    return None


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    return values[0], values[1]


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    position = 2
    while content[position : position + 1] == b"\xff":
        marker, length = struct.unpack_from(">BH", content, position + 1)
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", content, position + 5)
            return width, height
        position += 2 + length
    return None
