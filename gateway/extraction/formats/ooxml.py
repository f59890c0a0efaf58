"""DOCX, XLSX, PPTX: the XML parts of the package, but for those that only say how things look.

What is left out is listed, not what is read, so that text in a comment, a chart or a note of the newest kind is found
too. Text that was deleted with changes tracked is text: the file still says it. Spreadsheet rows are lines with tabs.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from gateway.extraction.formats import xml
from gateway.extraction.formats.archives import DAMAGES, open_zip, unpack
from gateway.extraction.job import Child, Job, Sink, Unread
from gateway.extraction.model import Status

_LOOKS: Final = re.compile(
    r"(?:^|/)(?:_rels/|theme/|themes/|slideLayouts/|slideMasters/|notesMasters/|handoutMasters/|printerSettings/"
    r"|fontTable\.xml|settings\.xml|webSettings\.xml|styles\.xml|stylesWithEffects\.xml|numbering\.xml"
    r"|\[Content_Types\]\.xml|calcChain\.xml|presProps\.xml|viewProps\.xml|tableStyles\.xml|app\.xml"
    r"|style\d*\.xml|colors\d*\.xml|sharedStrings\.xml)"
)
_SHEET: Final = re.compile(r"xl/worksheets/[^/]+\.xml$")
_LINKS: Final = re.compile(r"_rels/[^/]+\.rels$")
_INSIDE: Final = re.compile(r"/(?:embeddings|media)/[^/]+$")
_VECTORS: Final = (
    ".emf",
    ".wmf",
    ".svg",
    ".wdp",
)  # drawings; their picture is there in another form as a rule
# The body first, then what stands around it.
_FIRST: Final = ("word/document.xml", "xl/workbook.xml", "ppt/slides/")

_TEXTS: Final = frozenset(
    {"t", "delText", "text", "v", "title", "subject", "description", "keywords", "creator", "category"}
)
_LINES: Final = frozenset(
    {"p", "br", "cr", "si", "row", "comment", "title", "subject", "description", "keywords"}
)
_GAPS: Final = frozenset({"tab", "tc", "c", "pt", "v"})


def _order(entry: zipfile.ZipInfo) -> tuple[bool, list[str]]:
    name = entry.filename
    return (
        not name.startswith(_FIRST),
        [piece.rjust(9, "0") if piece.isdigit() else piece for piece in re.split(r"(\d{1,9})", name)],
    )


def read(content: bytes, declared: str, sink: Sink, job: Job) -> None:
    with open_zip(content) as package:
        wrong: Unread | None = None
        shared: list[str] = []
        try:
            _read_shared_strings(package, shared, job)
        except DAMAGES:
            wrong = Unread(Status.FAILED, "damaged")
        for entry in sorted(package.infolist(), key=_order):
            name = entry.filename
            sink.add("\n")  # the last word of one part and the first of the next are two
            try:
                if _SHEET.search(name):
                    _Sheet(sink, shared).read(unpack(package, entry, job))
                elif _LINKS.search(name):
                    _read_links(unpack(package, entry, job), sink)
                elif name.endswith(".xml") and not _LOOKS.search(name):
                    _read_part(unpack(package, entry, job), sink)
            except DAMAGES:
                wrong = Unread(Status.FAILED, "damaged")  # the other parts are read all the same
        if wrong is not None:
            raise wrong


def children(content: bytes, job: Job) -> Iterator[Child]:
    """Embedded files and pictures."""
    with open_zip(content) as package:
        for entry in package.infolist():
            if _INSIDE.search(entry.filename) and not entry.filename.lower().endswith(_VECTORS):
                name = entry.filename.rpartition("/")[2]
                yield Child(name, "", partial(_load, package, entry, job))


def _load(package: zipfile.ZipFile, entry: zipfile.ZipInfo, job: Job) -> bytes:
    return b"".join(unpack(package, entry, job))


def _read_part(octets: Iterable[bytes], sink: Sink) -> None:
    inside = 0

    def start(name: str, attributes: xml.Attributes) -> None:
        nonlocal inside
        if name in _TEXTS:
            inside += 1
        elif name == "sheet" and "name" in attributes:
            sink.add(attributes["name"] + "\n")
        elif name in ("docPr", "cNvPr"):  # the words for those who do not see a picture
            for key in ("title", "descr"):
                if key in attributes:
                    sink.add(attributes[key] + "\n")

    def end(name: str) -> None:
        nonlocal inside
        if name in _TEXTS:
            inside -= 1
        if name in _LINES:
            sink.add("\n")
        elif name in _GAPS:
            sink.add("\t")

    def data(text: str) -> None:
        if inside > 0:
            sink.add(text)

    xml.parse(octets, start, end, data)


def _read_links(octets: Iterable[bytes], sink: Sink) -> None:
    """Where the document's links lead."""

    def start(name: str, attributes: xml.Attributes) -> None:
        if attributes.get("TargetMode") == "External" and attributes.get("Type", "").endswith("/hyperlink"):
            sink.add(attributes.get("Target", "") + "\n")

    xml.parse(octets, start, _nothing, _nothing)


def _nothing(_: str) -> None:
    pass


def _read_shared_strings(package: zipfile.ZipFile, strings: list[str], job: Job) -> None:
    """The texts that cells of a workbook refer to by number."""
    pieces: list[str] = []
    inside = False

    def start(name: str, attributes: xml.Attributes) -> None:
        nonlocal inside
        inside = name == "t"

    def end(name: str) -> None:
        nonlocal inside
        inside = False
        if name == "si":
            strings.append("".join(pieces))
            pieces.clear()

    def data(text: str) -> None:
        if inside:
            pieces.append(text)

    if "xl/sharedStrings.xml" in package.NameToInfo:
        xml.parse(unpack(package, package.getinfo("xl/sharedStrings.xml"), job), start, end, data)


class _Sheet:
    """One worksheet: its rows as lines, its cells with tabs between them."""

    def __init__(self, sink: Sink, shared: list[str]) -> None:
        self._sink = sink
        self._shared = shared
        self._type = ""
        self._inside = ""
        self._value: list[str] = []

    def read(self, octets: Iterable[bytes]) -> None:
        xml.parse(octets, self._start, self._end, self._data)

    def _start(self, name: str, attributes: xml.Attributes) -> None:
        if name == "c":
            self._type = attributes.get("t", "")
        elif name in ("v", "t", "oddHeader", "oddFooter"):
            self._inside = name
            self._value = []

    def _data(self, text: str) -> None:
        if self._inside:
            self._value.append(text)

    def _end(self, name: str) -> None:
        if name == self._inside:
            self._inside = ""
            self._sink.add(self._cell("".join(self._value)))
        elif name == "c":
            self._sink.add("\t")
        elif name in ("row", "oddHeader", "oddFooter"):
            self._sink.add("\n")

    def _cell(self, value: str) -> str:
        if self._type == "s" and value.isdecimal() and len(value) < 10:
            number = int(value)
            return self._shared[number] if number < len(self._shared) else ""
        return value
