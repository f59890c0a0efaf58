"""Files as they hang on school mail: PDF and Word with text in them, lists, pictures. Real files, made here."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_STILL = (2026, 9, 1, 0, 0, 0)  # when every file in a ZIP was written


@dataclass(frozen=True, slots=True)
class File:
    """A file with the type that mail programs give it."""

    name: str
    type: str
    content: bytes


def made(chance: random.Random, sentences: Sequence[str], name: str) -> File:
    """A file; half of them PDF."""
    kind, type, make = chance.choices(_KINDS, _WEIGHTS)[0]
    return File(f"{name}.{kind}", type, make(chance, sentences))


def _pdf(chance: random.Random, sentences: Sequence[str]) -> bytes:
    pages = [chance.choices(sentences, k=chance.randint(10, 40)) for _ in range(chance.choice((1, 1, 2, 4)))]
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>"
        % (len(pages), b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(pages)))),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, lines in enumerate(pages):
        shown = b"".join(
            b"(%s) Tj T*\n" % line.encode("ascii").replace(b"(", b"").replace(b")", b"") for line in lines
        )
        drawn = zlib.compress(b"BT /F1 10 Tf 14 TL 50 780 Td\n%sET\n" % shown)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 842] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * number)
        )
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(drawn), drawn))
    return _numbered(objects)


def _numbered(objects: Sequence[bytes]) -> bytes:
    """A PDF of its objects, with the table that says where each one is (ISO 32000 §7.5.4)."""
    file = io.BytesIO()
    file.write(b"%PDF-1.4\n")
    places = []
    for number, each in enumerate(objects, 1):
        places.append(file.tell())
        file.write(b"%d 0 obj\n%s\nendobj\n" % (number, each))
    table = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    file.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    file.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))
    return file.getvalue()


_CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)


def _docx(chance: random.Random, sentences: Sequence[str]) -> bytes:
    lines = chance.choices(sentences, k=chance.randint(10, 90))
    text = "".join(f"<w:p><w:r><w:t>{line}</w:t></w:r></w:p>" for line in lines)
    document = (
        '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        f"<w:body>{text}</w:body></w:document>"
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in (
            ("[Content_Types].xml", _CONTENT_TYPES),
            ("_rels/.rels", _RELATIONS),
            ("word/document.xml", document),
        ):
            zipped.writestr(zipfile.ZipInfo(name, _STILL), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _csv(chance: random.Random, sentences: Sequence[str]) -> bytes:
    rows = (
        f"{number},{chance.choice(sentences).replace(',', '')},{chance.randint(1, 99)}"
        for number in range(60)
    )
    return "\r\n".join(("number,remark,points", *rows)).encode()


def _png(chance: random.Random, sentences: Sequence[str]) -> bytes:
    """A grey picture of noise, which is as large as a photograph and says as much."""
    wide, high = 320, chance.randint(60, 240)
    rows = b"".join(b"\0" + chance.randbytes(wide) for _ in range(high))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 1)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


_Make = Callable[[random.Random, Sequence[str]], bytes]
_KINDS: tuple[tuple[str, str, _Make], ...] = (
    ("pdf", "application/pdf", _pdf),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", _docx),
    ("csv", "text/csv", _csv),
    ("png", "image/png", _png),
)
_WEIGHTS = (5, 2, 1, 2)
