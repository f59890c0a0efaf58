"""ODT, ODS, ODP: all text of the document's body, its headers and footers, notes, and what describes it."""

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

_READ: Final = re.compile(r"(?:^|/)(?:content|styles|meta)\.xml$")  # of the document, and of objects in it
_LINES: Final = frozenset({"p", "h", "line-break", "table-row", "title", "subject", "description", "keyword"})
_GAPS: Final = {"tab": "\t", "s": " ", "table-cell": "\t"}
_DESCRIBES: Final = frozenset({"title", "subject", "description", "keyword"})
_WITHIN: Final = frozenset({"body", "master-styles", "user-defined"}) | _DESCRIBES


def read(content: bytes, declared: str, sink: Sink, job: Job) -> None:
    with open_zip(content) as package:
        if _is_encrypted(package, job):
            raise Unread(Status.ENCRYPTED, "needs a password")
        wrong: Unread | None = None
        for entry in sorted(package.infolist(), key=lambda entry: not entry.filename.endswith("content.xml")):
            if _READ.search(entry.filename):
                sink.add("\n")
                try:
                    _read_part(unpack(package, entry, job), sink)
                except DAMAGES:
                    wrong = Unread(Status.FAILED, "damaged")
        if wrong is not None:
            raise wrong


def children(content: bytes, job: Job) -> Iterator[Child]:
    """Pictures."""
    with open_zip(content) as package:
        for entry in package.infolist():
            if entry.filename.startswith("Pictures/") and not entry.filename.endswith(("/", ".svm", ".svg")):
                name = entry.filename.rpartition("/")[2]
                yield Child(name, "", partial(_load, package, entry, job))


def _load(package: zipfile.ZipFile, entry: zipfile.ZipInfo, job: Job) -> bytes:
    return b"".join(unpack(package, entry, job))


def _is_encrypted(package: zipfile.ZipFile, job: Job) -> bool:
    found = False

    def start(name: str, attributes: xml.Attributes) -> None:
        nonlocal found
        found = found or name == "encryption-data"

    if "META-INF/manifest.xml" in package.NameToInfo:
        xml.parse(unpack(package, package.getinfo("META-INF/manifest.xml"), job), start, _nothing, _nothing)
    return found


def _nothing(_: str) -> None:
    pass


def _read_part(octets: Iterable[bytes], sink: Sink) -> None:
    inside = 0

    def start(name: str, attributes: xml.Attributes) -> None:
        nonlocal inside
        inside += name in _WITHIN
        if name == "a" and "href" in attributes:
            sink.add(f" {attributes['href']} ")
        elif name == "table" and "name" in attributes:
            sink.add(attributes["name"] + "\n")

    def end(name: str) -> None:
        nonlocal inside
        inside -= name in _WITHIN
        if name in _LINES:
            sink.add("\n")
        elif name in _GAPS:
            sink.add(_GAPS[name])

    def data(text: str) -> None:
        if inside > 0:
            sink.add(text)

    xml.parse(octets, start, end, data)
