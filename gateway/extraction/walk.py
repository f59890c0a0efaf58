"""Read an attachment and all that is in it, one part at a time, and report each as soon as it is read.

Parts are counted in an order that depends on the content alone. So when part 17 ended the child, the next child can
take the same attachment again, go past what was reported already, leave 17 out, and read on.

Promises: `Walk.visit` never raises on any content, except by `Report` itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from gateway.extraction.formats import archives, html, mail, odf, ooxml, pdf, pictures, plain, rtf
from gateway.extraction.job import Child, Job, Sink, Stopwatch, Unread, clean_name, no_children
from gateway.extraction.kinds import PICTURES, Kind, kind_of
from gateway.extraction.model import Extracted, Settings, Status

_Read = Callable[[bytes, str, Sink, Job], None]
_Children = Callable[[bytes, Job], Iterable[Child]]


class Report(Protocol):
    """Who hears of it."""

    def begins(self, number: int, path: tuple[str, ...], declared: str) -> None: ...
    def ocr_begins(self) -> None: ...
    def result(self, number: int, result: Extracted) -> None: ...


_OOXML = (ooxml.read, ooxml.children)
_ODF = (odf.read, odf.children)
_FORMATS: dict[Kind, tuple[_Read, _Children]] = {
    Kind.PDF: (pdf.read, pdf.children),
    Kind.DOCX: _OOXML,
    Kind.XLSX: _OOXML,
    Kind.PPTX: _OOXML,
    Kind.ODT: _ODF,
    Kind.ODS: _ODF,
    Kind.ODP: _ODF,
    Kind.ODF: _ODF,
    Kind.RTF: (rtf.read, no_children),
    Kind.HTML: (html.read, no_children),
    Kind.CALENDAR: (plain.read_lines, no_children),
    Kind.CARD: (plain.read_lines, no_children),
    Kind.CSV: (plain.read, no_children),
    Kind.PLAIN: (plain.read, no_children),
    Kind.MESSAGE: (mail.read, mail.children),
    Kind.ZIP: (archives.read_zip, archives.in_zip),
    Kind.TAR: (archives.read_tar, archives.in_tar),
    Kind.GZIP: (archives.read_packed, archives.in_gzip),
    Kind.BZIP2: (archives.read_packed, archives.in_bzip2),
    Kind.XZ: (archives.read_packed, archives.in_xz),
    **dict.fromkeys(PICTURES, (pictures.read, no_children)),
}
_NOT_READ = {
    Kind.OFFICE_LOCKED: (Status.ENCRYPTED, "needs a password"),
    Kind.OLE: (Status.UNSUPPORTED, "an old binary Office format"),
    Kind.SEVEN_ZIP: (Status.UNSUPPORTED, "7-Zip archives are not read"),
    Kind.RAR: (Status.UNSUPPORTED, "RAR archives are not read"),
    Kind.OTHER: (Status.UNSUPPORTED, "no known format"),
}


class Walk:
    """One attachment. With `resume`, parts below that number are known; those in `left_out` are not touched."""

    def __init__(
        self, settings: Settings, report: Report, resume: int = 0, left_out: frozenset[int] = frozenset()
    ) -> None:
        self._report = report
        self._resume = resume
        self._left_out = left_out
        self._next = 0
        self._job = Job(settings, report.ocr_begins)

    def visit(self, child: Child, above: tuple[str, ...] = ()) -> None:
        """Read `child`, report it, and go on with what is in it."""
        number = self._next
        self._next += 1
        path = (*above, clean_name(child.name))
        watch = Stopwatch()
        if number in self._left_out:
            return
        if number >= self._job.settings.parts:
            reason = Unread(Status.TOO_LARGE, "too many parts")
            self._tell(number, path, child.declared, reason, "", watch)
            return
        self._report.begins(number, path, child.declared)
        try:
            content = child.load()
        except Exception as error:
            self._tell(number, path, child.declared, _reason(error), "", watch)
            return
        kind = kind_of(content, child.declared, path[-1]) if content else Kind.PLAIN
        if number >= self._resume:
            self._report.begins(number, path, kind.value)  # once more, now that it is known what it is
            self._read(number, path, child.declared, content, kind, watch)
        self._descend(path, content, kind)

    def _read(
        self, number: int, path: tuple[str, ...], declared: str, content: bytes, kind: Kind, watch: Stopwatch
    ) -> None:
        sink = Sink(self._job.characters)
        reason = None
        try:
            if kind not in _FORMATS:
                raise Unread(*_NOT_READ[kind])
            _FORMATS[kind][0](content, declared, sink, self._job)
            if len(path) > self._job.settings.depth and any(
                True for _ in _FORMATS[kind][1](content, self._job)
            ):
                raise Unread(Status.TOO_LARGE, "nested too deeply: what is in it is not read")
        except Exception as error:
            reason = _reason(error)
        text = sink.text()
        if text.isspace():
            text = ""
        self._job.characters -= len(text)
        named = declared if kind in (Kind.OTHER, Kind.OLE) and declared else kind.value
        self._tell(number, path, named, reason, text, watch)

    def _descend(self, path: tuple[str, ...], content: bytes, kind: Kind) -> None:
        if kind not in _FORMATS or len(path) > self._job.settings.depth:
            return
        try:
            for inner in _FORMATS[kind][1](content, self._job):
                if self._next > self._job.settings.parts:
                    return
                self.visit(inner, path)
        except Exception:
            return  # said already, when the container itself was read

    def _tell(
        self,
        number: int,
        path: tuple[str, ...],
        declared: str,
        reason: Unread | None,
        text: str,
        watch: Stopwatch,
    ) -> None:
        if number < self._resume:
            return
        if reason is not None:
            status, detail = reason.status, reason.detail
        else:
            status, detail = (Status.EXTRACTED if text else Status.EMPTY), ""
        kind = clean_name(declared.partition(";")[0].strip().lower())
        self._report.result(number, Extracted(path, kind, status, text, detail, watch.seconds()))


def _reason(error: Exception) -> Unread:
    """What an exception of a reader means. Its message may quote the content: only its name is told."""
    if isinstance(error, Unread):
        return error
    if isinstance(error, MemoryError):
        return Unread(Status.TOO_LARGE, "needs too much memory")
    return Unread(Status.FAILED, f"damaged ({type(error).__name__})")
