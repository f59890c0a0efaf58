"""What an attachment is: by its first octets, then by its declared type, then by its name.

People rename files, and senders declare everything as application/octet-stream: content is asked first.
Never raises.
"""

from __future__ import annotations

import re
import struct
from enum import StrEnum
from typing import Final

from gateway.extraction import charset


class Kind(StrEnum):
    """A format; the value is its MIME type."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    ODT = "application/vnd.oasis.opendocument.text"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"
    ODP = "application/vnd.oasis.opendocument.presentation"
    ODF = "application/vnd.oasis.opendocument"  # drawings, formulas
    RTF = "application/rtf"
    HTML = "text/html"
    CALENDAR = "text/calendar"
    CARD = "text/vcard"
    CSV = "text/csv"
    MESSAGE = "message/rfc822"
    PLAIN = "text/plain"
    ZIP = "application/zip"
    GZIP = "application/gzip"
    BZIP2 = "application/x-bzip2"
    XZ = "application/x-xz"
    TAR = "application/x-tar"
    PNG = "image/png"
    JPEG = "image/jpeg"
    GIF = "image/gif"
    TIFF = "image/tiff"
    BMP = "image/bmp"
    WEBP = "image/webp"
    OFFICE_LOCKED = "application/encrypted"
    OLE = "application/x-ole-storage"  # .doc, .xls, .ppt, .msg
    SEVEN_ZIP = "application/x-7z-compressed"
    RAR = "application/vnd.rar"
    OTHER = "application/octet-stream"


PICTURES: Final = frozenset({Kind.PNG, Kind.JPEG, Kind.GIF, Kind.TIFF, Kind.BMP, Kind.WEBP})

_MAGIC: Final = (
    (b"{\\rtf", Kind.RTF),
    (b"\x1f\x8b\x08", Kind.GZIP),
    (b"BZh", Kind.BZIP2),
    (b"\xfd7zXZ\x00", Kind.XZ),
    (b"7z\xbc\xaf\x27\x1c", Kind.SEVEN_ZIP),
    (b"Rar!\x1a\x07", Kind.RAR),
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"\xff\xd8\xff", Kind.JPEG),
    (b"GIF87a", Kind.GIF),
    (b"GIF89a", Kind.GIF),
    (b"II*\x00", Kind.TIFF),
    (b"MM\x00*", Kind.TIFF),
)
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_LOCKED: Final = "EncryptedPackage".encode("utf-16-le")
_TEXTS: Final = (
    (re.compile(r"\s*(?:<\?xml[^>]{0,200}\?>\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE), Kind.HTML),
    (re.compile(r"\s*BEGIN:VCALENDAR\b", re.IGNORECASE), Kind.CALENDAR),
    (re.compile(r"\s*BEGIN:VCARD\b", re.IGNORECASE), Kind.CARD),
)
_DECLARED: Final = {
    "text/html": Kind.HTML,
    "application/xhtml+xml": Kind.HTML,
    "text/calendar": Kind.CALENDAR,
    "text/vcard": Kind.CARD,
    "text/x-vcard": Kind.CARD,
    "text/directory": Kind.CARD,
    "text/csv": Kind.CSV,
    "message/rfc822": Kind.MESSAGE,
}
_SUFFIXES: Final = {
    "html": Kind.HTML,
    "htm": Kind.HTML,
    "xhtml": Kind.HTML,
    "ics": Kind.CALENDAR,
    "vcf": Kind.CARD,
    "csv": Kind.CSV,
    "eml": Kind.MESSAGE,
}
_LOOKED_AT: Final = 4096


def kind_of(content: bytes, declared: str, name: str) -> Kind:
    """The format of `content`; text of no special format is `PLAIN`, what is nothing known `OTHER`."""
    head = content[:_LOOKED_AT]
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if b"%PDF-" in head[:1024]:
        return Kind.PDF
    if head.startswith(_ZIP):
        return _in_zip(content)
    if head.startswith(_OLE):
        return Kind.OFFICE_LOCKED if _LOCKED in content else Kind.OLE
    if head[257:262] == b"ustar":
        return Kind.TAR
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Kind.WEBP
    if head.startswith(b"BM") and len(head) > 18 and struct.unpack_from("<I", head, 2)[0] <= len(content):
        return Kind.BMP
    return _among_texts(content, declared, name)


def _among_texts(content: bytes, declared: str, name: str) -> Kind:
    if not charset.is_text(content):
        return Kind.OTHER
    head = charset.decode(content[:_LOOKED_AT])
    for pattern, kind in _TEXTS:
        if pattern.match(head):
            return kind
    by_name = _SUFFIXES.get(name.rpartition(".")[2].lower())
    return _DECLARED.get(declared.partition(";")[0].strip().lower()) or by_name or Kind.PLAIN


def _in_zip(content: bytes) -> Kind:
    """What the ZIP file holds, by the names in it: a document, or just files."""
    if content[30:38] == b"mimetype":
        mime = content[38:138]
        for kind in (Kind.ODT, Kind.ODS, Kind.ODP, Kind.ODF):
            if mime.startswith(kind.encode()):
                return kind
    if b"[Content_Types].xml" in content:
        # The central directory, at the end, names every entry.
        end = content[-(1 << 20) :]
        for prefix, kind in ((b"word/", Kind.DOCX), (b"xl/", Kind.XLSX), (b"ppt/", Kind.PPTX)):
            if prefix in end:
                return kind
    return Kind.ZIP
