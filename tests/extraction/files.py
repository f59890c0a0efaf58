"""Real files of each format, made from a few words; and the frames that hostile ones are built in."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
_TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
_ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
)


def zipped(entries: Mapping[str, bytes | str], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packed) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


def docx(*paragraphs: str, more: Mapping[str, bytes | str] | None = None) -> bytes:
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    document = f"<w:document {W}><w:body>{body}</w:body></w:document>"
    return zipped({"[Content_Types].xml": _TYPES, "word/document.xml": document, **(more or {})})


def xlsx(rows: list[list[str]]) -> bytes:
    """Every cell a shared string but numbers."""
    strings: list[str] = []
    lines = ""
    for row in rows:
        lines += "<row>"
        for cell in row:
            if cell.isdigit():
                lines += f"<c><v>{cell}</v></c>"
            else:
                lines += f'<c t="s"><v>{len(strings)}</v></c>'
                strings.append(cell)
        lines += "</row>"
    shared = "".join(f"<si><t>{text}</t></si>" for text in strings)
    return zipped(
        {
            "[Content_Types].xml": _TYPES,
            "xl/workbook.xml": f'<workbook {S}><sheets><sheet name="Marks"/></sheets></workbook>',
            "xl/sharedStrings.xml": f"<sst {S}>{shared}</sst>",
            "xl/worksheets/sheet1.xml": f"<worksheet {S}><sheetData>{lines}</sheetData></worksheet>",
        }
    )


def pptx(*slides: str, notes: str = "") -> bytes:
    def slide(text: str) -> str:
        return f"<p:sld xmlns:p='p' {A}><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sld>"

    numbered = {f"ppt/slides/slide{number}.xml": slide(text) for number, text in enumerate(slides, 1)}
    return zipped(
        {"[Content_Types].xml": _TYPES, **numbered, "ppt/notesSlides/notesSlide1.xml": slide(notes)}
    )


def odf(kind: str, body: str, encrypted: bool = False) -> bytes:
    """`kind`: text, spreadsheet, presentation."""
    manifest = "<m:manifest xmlns:m='m'><m:file-entry>{}</m:file-entry></m:manifest>"
    return zipped(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f"<office:document {_ODF}><office:body>{body}</office:body></office:document>",
            "META-INF/manifest.xml": manifest.format("<m:encryption-data/>" if encrypted else ""),
        },
        zipfile.ZIP_STORED,
    )


def pdf(objects: list[bytes], root: int = 1) -> bytes:
    out = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"trailer <</Size %d /Root %d 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, root, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + end


def stream(content: bytes, facts: bytes = b"") -> bytes:
    return b"<</Length %d %s>>stream\n" % (len(content), facts) + content + b"\nendstream"


_RESOURCES = b"/Resources<</Font<</F1 5 0 R>>/XObject<</Im1 6 0 R>>>>"
_FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def one_page(content: bytes, *more: bytes, page: bytes = b"") -> bytes:
    """A page whose content is the given object; `more` are the objects from number 6 on."""
    return pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R" + _RESOURCES + page + b">>",
            content,
            _FONT,
            *more,
        ]
    )


def text_pdf(*lines: str) -> bytes:
    shown = b"".join(b"(%s) Tj 0 -20 Td " % line.encode("latin-1") for line in lines)
    return one_page(stream(b"BT /F1 12 Tf 72 720 Td " + shown + b"ET"))


def scan_pdf(gray: bytes, width: int, height: int) -> bytes:
    """A page that is nothing but a picture: 8 bits of grey a pixel."""
    facts = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8" % (
        width,
        height,
    )
    picture = stream(zlib.compress(gray), facts + b"/Filter/FlateDecode")
    return one_page(stream(b"q 612 0 0 %d 0 0 cm /Im1 Do Q" % (612 * height // width)), picture)


def tarred(entries: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in entries.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def zeros_zip(octets: int, name: str = "zeros.txt") -> bytes:
    """A ZIP file of one entry that unpacks to so many zeros, made without ever having them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = bytes(1 << 20)
    packed = b"".join(packer.compress(block) for _ in range(octets >> 20)) + packer.flush()
    return raw_zip(name, packed, octets)


def raw_zip(name: str, packed: bytes, octets: int, flags: int = 0) -> bytes:
    """A ZIP file with one deflated entry, whose headers say what they are told to say."""
    encoded = name.encode()
    size = min(octets, 0xFFFFFFFE)
    facts = struct.pack("<HHHHHIIIHH", 20, flags, 8, 0, 0x21, 0, len(packed), size, len(encoded), 0)
    local = b"PK\x03\x04" + facts + encoded + packed
    central = b"PK\x01\x02\x14\x00" + facts + struct.pack("<HHHII", 0, 0, 0, 0, 0) + encoded
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
