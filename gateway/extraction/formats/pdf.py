"""PDF by PDFium: text of pages, notes and form fields; pages without text are rendered and OCRed; attached files.

PDFium is a browser's reader: fast, sparing, and used to hostile files. Where one kills it all the same, it kills the
child: see `sandbox.py`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]  # the same

from gateway.extraction.formats import ocr
from gateway.extraction.job import Child, Job, Sink, Unread
from gateway.extraction.model import Status

_SPARSE: Final = 24  # a page with fewer characters and a picture is a scan with a stamp on it
_DOTS_PER_INCH: Final = 200
_PAGE_PIXELS: Final = 12_000_000
_ABOUT: Final = ("Title", "Subject", "Keywords")
_FIELDS: Final = (b"Contents", b"V")
_NOTES: Final = 2_000  # on a page
_LONGEST_NOTE: Final = 1 << 20  # octets


def read(content: bytes, declared: str, sink: Sink, job: Job) -> None:
    document = _open(content)
    try:
        about = document.get_metadata_dict()
        for key in _ABOUT:
            if about.get(key):
                sink.add(about[key] + "\n")
        wrong: Unread | None = None
        for index in range(len(document)):
            if index == job.settings.pages:
                raise Unread(Status.TOO_LARGE, "too many pages")
            wrong = _read_page(document, index, sink, job) or wrong
        if wrong is not None:
            raise wrong
    finally:
        document.close()


def children(content: bytes, job: Job) -> Iterator[Child]:
    document = _open(content)
    try:
        for index in range(document.count_attachments()):
            attachment = document.get_attachment(index)
            yield Child(attachment.get_name(), "", partial(_load, attachment, job))
    finally:
        document.close()


def _load(attachment: Any, job: Job) -> bytes:
    octets = bytes(attachment.get_data())
    return b"".join(job.unpacked(_Once(octets), len(octets)))


class _Once:
    """Octets that are there already, as a stream, so that they count."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def read(self, size: int, /) -> bytes:
        octets, self._octets = self._octets, b""
        return octets


def _open(content: bytes) -> Any:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError:
        if pdfium.FPDF_GetLastError() in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise Unread(Status.ENCRYPTED, "needs a password") from None
        raise Unread(Status.FAILED, "damaged") from None


def _read_page(document: Any, index: int, sink: Sink, job: Job) -> Unread | None:
    """Put the page's text into the sink; what kept it from being read whole is returned, so that the others are."""
    try:
        page = document[index]
    except pypdfium2.PdfiumError:
        return Unread(Status.FAILED, "a damaged page")
    try:
        text = _text(page)
        sink.add(text + "\n")
        for note in _notes(page):
            sink.add(note + "\n")
        if len(text.strip()) >= _SPARSE or not pdfium.FPDFPage_CountObjects(page):
            return None
        if text.strip() and not _has_picture(page):
            return None
        try:
            sink.add(ocr.words_in(_render(page), job))
        except Unread as unread:
            if unread.detail == "too much text":
                raise
            return unread
        return None
    finally:
        page.close()


def _text(page: Any) -> str:
    textpage = page.get_textpage()
    try:
        text: str = textpage.get_text_range()
    finally:
        textpage.close()
    # PDFium marks a hyphen at a line's end: the word goes on behind it.
    return text.replace("\x02\r\n", "").replace("\x02", "").replace("\ufffe\r\n", "").replace("\ufffe", "")


def _notes(page: Any) -> Iterator[str]:
    """What people wrote on the page: comments, and values of form fields."""
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page), _NOTES)):
        note = pdfium.FPDFPage_GetAnnot(page, index)
        if not note:
            continue
        try:
            for field in _FIELDS:
                size = pdfium.FPDFAnnot_GetStringValue(note, field, None, 0)
                if 2 < size <= _LONGEST_NOTE:
                    buffer = ctypes.create_string_buffer(size)
                    pdfium.FPDFAnnot_GetStringValue(
                        note, field, ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), size
                    )
                    yield buffer.raw[:-2].decode("utf-16-le", "replace")
        finally:
            pdfium.FPDFPage_CloseAnnot(note)


def _has_picture(page: Any) -> bool:
    return any(True for _ in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3))


def _render(page: Any) -> bytes:
    """The page as a grey picture, in a format without any packing (PGM)."""
    width, height = page.get_size()
    scale = _DOTS_PER_INCH / 72
    area = width * height * scale * scale
    if area > _PAGE_PIXELS:
        scale *= (_PAGE_PIXELS / area) ** 0.5
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        rows = bytes(bitmap.buffer)
        if bitmap.stride != bitmap.width:
            lines = range(0, bitmap.stride * bitmap.height, bitmap.stride)
            rows = b"".join(rows[at : at + bitmap.width] for at in lines)
        return b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + rows
    finally:
        bitmap.close()
