"""Files that want the machine: each costs a child at most, says so, and the next file is read as ever.

None of the bombs is ever unpacked here: they are put together from packed pieces.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable

import pytest

from gateway.extraction.extractor import Extractor
from gateway.extraction.model import Status
from tests.extraction import files

GIGABYTE = 1 << 30


def deflated(block: bytes, times: int) -> bytes:
    """A deflate stream of `block` so many times, without ever having it: after a full flush it can repeat."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return piece * times + zlib.compressobj(9, zlib.DEFLATED, -15).flush()


def zlibbed(block: bytes, times: int) -> bytes:
    return b"\x78\x9c" + deflated(block, times)


def zeros(gigabytes: int) -> bytes:
    return files.raw_zip("zeros.txt", deflated(bytes(1 << 20), gigabytes << 10), gigabytes * GIGABYTE)


def many_in_many() -> bytes:
    """Like 42.zip: 16 files in each of 16 files in each of 16 files, of 100 MB each."""
    content = files.raw_zip("zeros", deflated(bytes(1 << 20), 100), 100 << 20)
    for _ in range(3):
        content = files.zipped({f"{number}.zip": content for number in range(16)})
    return content


ENTITIES = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(12)
)


def entity_docx() -> bytes:
    bomb = f"{ENTITIES}]><w:document {files.W}><w:t>&m;</w:t></w:document>"
    return files.zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": bomb})


def outside_docx() -> bytes:
    """An external entity: a file of the machine that would become text."""
    bomb = f"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><w:document {files.W}><w:t>&a;</w:t></w:document>"
    return files.zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": bomb})


def large_docx() -> bytes:
    """1 GB of document.xml, as a real package."""
    text = f"<w:document {files.W}>".encode() + b"<w:p><w:t>word</w:t></w:p>" * 4_000
    return _package("word/document.xml", text, 10_000)


def deep_docx() -> bytes:
    """Elements in elements in elements."""
    return _package("word/document.xml", f"<w:document {files.W}>".encode() + b"<w:p>" * 20_000, 1000)


def _package(name: str, block: bytes, times: int) -> bytes:
    types = files.raw_zip("[Content_Types].xml", deflated(b"<Types/>", 1), 8)
    part = files.raw_zip(name, deflated(block, times), len(block) * times)
    return _joined(types, part)


def _joined(*archives: bytes) -> bytes:
    """ZIP files of one entry each as one."""
    locals_, centrals = b"", b""
    for archive in archives:
        at = archive.rindex(b"PK\x01\x02")
        end = archive.rindex(b"PK\x05\x06")
        central = archive[at : at + 42] + struct.pack("<I", len(locals_)) + archive[at + 46 : end]
        locals_ += archive[:at]
        centrals += central
    count = len(archives)
    return (
        locals_
        + centrals
        + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(centrals), len(locals_), 0)
    )


def repeated_string_xlsx() -> bytes:
    """One long string, and a million cells that show it."""
    rows = "<row>" + "<c t='s'><v>0</v></c>" * 1_000_000 + "</row>"
    return files.zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "xl/sharedStrings.xml": f"<sst {files.S}><si><t>{'long ' * 6_000}</t></si></sst>",
            "xl/worksheets/sheet1.xml": f"<worksheet {files.S}>{rows}</worksheet>",
        }
    )


def large_stream_pdf() -> bytes:
    return files.one_page(files.stream(zlibbed(b" " * (1 << 20), 4096), b"/Filter/FlateDecode"))


def many_words_pdf() -> bytes:
    block = b"BT /F1 12 Tf 72 720 Td " + b"(bomb) Tj " * 100_000 + b"ET\n"
    return files.one_page(files.stream(zlibbed(block, 300), b"/Filter/FlateDecode"))


def filters_pdf() -> bytes:
    """A stream packed three times over."""
    once = zlib.compress(zlib.compress(zlibbed(bytes(1 << 20), 4096), 9), 9)
    return files.one_page(files.stream(once, b"/Filter[/FlateDecode/FlateDecode/FlateDecode]"))


def pages_pdf(kids: bytes) -> bytes:
    return files.pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[" + kids * 50_000 + b"]/Count 100000>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
            files.stream(b"BT /F1 12 Tf 72 720 Td (Hello) Tj ET"),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        ]
    )


def forms_pdf() -> bytes:
    """Ten forms, each of which draws the next one ten times."""
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</Font<</F1 5 0 R>>/XObject<</Im1 %d 0 R>>>>"
    forms = [files.stream(b"/Im1 Do " * 10, form % number) for number in range(7, 16)]
    last = files.stream(b"BT /F1 12 Tf (x) Tj ET", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]")
    return files.one_page(files.stream(b"/Im1 Do"), *forms, last)


def nested_mail() -> bytes:
    heads = [f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(3_000)]
    return ("From: a@b.example\r\n" + "".join(heads)).encode()


def sparse_tar() -> bytes:
    """A header that claims 8 GB."""
    content = bytearray(files.tarred({"huge": b"x"}))
    content[124:136] = b"77777777777\0"
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    return bytes(content)


LIMITED = {Status.TOO_LARGE}
UNREAD = {Status.TOO_LARGE, Status.FAILED, Status.TIMED_OUT}
ANY = set(Status)

# (what, file, declared type, what the worst part may be)
BOMBS: list[tuple[str, Callable[[], bytes], str, set[Status]]] = [
    ("10 GB of zeros in a ZIP file", lambda: zeros(10), "", LIMITED),
    ("ZIP files in ZIP files", many_in_many, "", LIMITED),
    ("65,000 entries", lambda: files.zipped(dict.fromkeys(map(str, range(65_000)), b"")), "", LIMITED),
    (
        "4 GB in GZIP",
        lambda: b"\x1f\x8b\x08" + bytes(6) + b"\x03" + deflated(bytes(1 << 20), 4096) + bytes(8),
        "",
        LIMITED,
    ),
    ("512 MB in bzip2", lambda: bz2.compress(bytes(1 << 25)) * 16, "", LIMITED),
    ("512 MB in XZ", lambda: lzma.compress(bytes(1 << 29), preset=0), "", LIMITED),
    ("a TAR file that claims 8 GB", sparse_tar, "", ANY),
    ("DOCX of 1 GB", large_docx, "", LIMITED),
    ("DOCX with elements without end", deep_docx, "", UNREAD),
    ("DOCX with entities", entity_docx, "", {Status.FAILED}),
    ("DOCX with a file of the machine", outside_docx, "", {Status.FAILED}),
    ("XLSX with one string a million times", repeated_string_xlsx, "", LIMITED),
    ("PDF with a stream of 4 GB", large_stream_pdf, "", UNREAD),
    ("PDF with 30 million words", many_words_pdf, "", UNREAD),
    ("PDF packed three times", filters_pdf, "", ANY),
    ("PDF with 100,000 pages", lambda: pages_pdf(b"3 0 R 3 0 R "), "", LIMITED),
    ("PDF whose pages hold themselves", lambda: pages_pdf(b"2 0 R 3 0 R "), "", LIMITED),
    ("PDF of forms in forms", forms_pdf, "", ANY),
    ("RTF with 10 million groups", lambda: b"{\\rtf1 " + b"{" * 10_000_000, "", ANY),
    ("HTML with a million open comments", lambda: b"<html>" + b"<!-- " * 1_000_000, "", ANY),
    ("HTML with a million open tags", lambda: b"<html>" + b"<a " * 1_000_000, "", ANY),
    ("HTML with a million less-thans", lambda: b"<html>" + b"<" * 1_000_000, "", ANY),
    ("HTML with a million scripts", lambda: b"<html>" + b"<script>" * 1_000_000, "", ANY),
    (
        "a card of a million soft line breaks",
        lambda: b"BEGIN:VCARD\nFN;ENCODING=QUOTED-PRINTABLE:" + b"=\n" * 1_000_000,
        "",
        ANY,
    ),
    (
        "a card of 100,000 beginnings",
        lambda: b"BEGIN:VCARD\n" + b";ENCODING=QUOTED-PRINTABLE" * 100_000,
        "",
        ANY,
    ),
    ("a message nested 3,000 times", nested_mail, "message/rfc822", ANY),
]


@pytest.mark.parametrize(
    ("make", "declared", "allowed"), [bomb[1:] for bomb in BOMBS], ids=[bomb[0] for bomb in BOMBS]
)
def test_a_bomb_costs_a_child_at_most(
    extractor: Extractor, make: Callable[[], bytes], declared: str, allowed: set[Status]
) -> None:
    content = make()
    assert len(content) < 50 << 20, "a bomb is small"
    parts = extractor.extract(content, declared, "bomb")
    assert {part.status for part in parts} & allowed, parts
    assert sum(len(part.text) for part in parts) <= 10_000_000
    assert "root:" not in "".join(part.text for part in parts)
    (after,) = extractor.extract(files.docx("still here"), "", "next.docx")
    assert (after.status, after.text.split()) == (Status.EXTRACTED, ["still", "here"])
