"""What the readers of formats find in well-meant files, made here from a few words."""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import zlib

import pytest
from PIL import Image, ImageDraw, ImageFont

from gateway.extraction.model import Settings, Status
from tests.extraction import files
from tests.extraction.reading import read, words

RTF = (
    rb"{\rtf1\ansi\ansicpg1252\uc1{\fonttbl{\f0 Hiddenfont;}}{\*\generator Hiddenapp;}{\info{\title Trip plan}}"
    rb"\pard Caf\'e9 \u8364?5\par {\b bold}word\tab next\line \{braces\}"
    rb"{\pict\pngblip 89504e47}{\footnote note text}\par}"
)
CALENDAR = (
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Parent confer\r\n ence\\, Room 5\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)
CARD = (
    "BEGIN:VCARD\r\nVERSION:2.1\r\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg M=\r\n=C3=BCller\r\n"
    "END:VCARD\r\n"
)
HTML = (
    "<!DOCTYPE html><html><head><style>p{color:hiddenstyle}</style><title>News</title></head><body>"
    "<SCRIPT>var hiddenscript</SCRIPT><p>Caf&eacute; at no<b>on</b></p><p>1 < 2</p><!-- hiddencomment -->"
    '<a href="https://link.example/form">here</a><img alt="Map of the route"></body></html>'
)
MAIL = (
    "From: =?utf-8?q?J=C3=B6rg?= <j@x.example>\r\nSubject: Permission slip\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nTWVldCBhdCB0aGUgYnVz\r\n--b\r\nContent-Type: text/csv\r\n"
    "Content-Disposition: attachment; filename=list.csv\r\n\r\nAda;Ben\r\n--b--\r\n"
)

# (what, file, declared type, name, type found, words that are there, words that are not)
TEXTS = [
    (
        "pdf",
        files.text_pdf("Field trip", "to Plymouth"),
        "",
        "",
        "application/pdf",
        "Field trip to Plymouth",
        "",
    ),
    (
        "docx",
        files.docx("First", "Second &amp; third"),
        "",
        "",
        "wordprocessingml",
        "First Second & third",
        "w:p",
    ),
    (
        "docx with a footnote, a deletion, and a link",
        files.docx(
            "Body",
            more={
                "word/footnotes.xml": f"<w:footnotes {files.W}><w:p><w:t>Foot</w:t></w:p></w:footnotes>",
                "word/comments.xml": f"<w:comments {files.W}><w:p><w:delText>Gone</w:delText></w:p></w:comments>",
                "word/styles.xml": f"<w:styles {files.W}><w:t>Nostyle</w:t></w:styles>",
                "word/_rels/document.xml.rels": "<Relationships><Relationship Type='x/hyperlink' "
                "Target='https://link.example/' TargetMode='External'/></Relationships>",
            },
        ),
        "",
        "",
        "wordprocessingml",
        "Body Foot Gone https://link.example/",
        "Nostyle",
    ),
    (
        "xlsx",
        files.xlsx([["Name", "Mark"], ["Ada", "97"]]),
        "",
        "",
        "spreadsheetml",
        "Marks Name Mark Ada 97",
        "",
    ),
    (
        "pptx",
        files.pptx("One", "Two", notes="Speak slowly"),
        "",
        "",
        "presentationml",
        "One Two Speak slowly",
        "",
    ),
    (
        "odt",
        files.odf("text", "<text:h>Title</text:h><text:p>one<text:tab/>two<text:line-break/>three</text:p>"),
        "",
        "",
        "opendocument.text",
        "Title one two three",
        "",
    ),
    (
        "ods",
        files.odf(
            "spreadsheet",
            "<table:table table:name='Grades'><table:table-row><table:table-cell><text:p>Ada</text:p>"
            "</table:table-cell><table:table-cell><text:p>97</text:p></table:table-cell></table:table-row></table:table>",
        ),
        "",
        "",
        "opendocument.spreadsheet",
        "Grades Ada 97",
        "",
    ),
    (
        "odp",
        files.odf("presentation", "<text:p>Slide</text:p>"),
        "",
        "",
        "opendocument.presentation",
        "Slide",
        "",
    ),
    (
        "rtf",
        RTF,
        "application/msword",
        "plan.doc",
        "application/rtf",
        "Trip plan Café €5 boldword next {braces} note text",
        "Hiddenfont Hiddenapp 89504e47",
    ),
    (
        "html",
        HTML.encode(),
        "",
        "",
        "text/html",
        "News Café at noon 1 < 2 https://link.example/form here Map of the route",
        "hiddenstyle hiddenscript hiddencomment",
    ),
    ("html by its type", b"<p>plain &amp; simple</p>", "text/html", "", "text/html", "plain & simple", "<p>"),
    ("html by its name", b"<p>plain</p>", "application/octet-stream", "A.HTM", "text/html", "plain", "<p>"),
    ("csv", b"Ada;97\nBen;85\n", "text/csv", "", "text/csv", "Ada;97 Ben;85", ""),
    ("calendar", CALENDAR.encode(), "", "", "text/calendar", "SUMMARY:Parent conference, Room 5", ""),
    ("card", CARD.encode(), "", "", "text/vcard", "Jörg Müller", ""),
    ("text", b"just text", "application/octet-stream", "notes", "text/plain", "just text", ""),
    ("cp1252", b"Caf\xe9 \x80 5", "", "", "text/plain", "Café € 5", ""),
    ("utf-8", "Café".encode(), "text/plain; charset=iso-8859-1", "", "text/plain", "Café", ""),
    (
        "declared charset",
        "Привет".encode("koi8-r"),
        "text/plain; charset=koi8-r",
        "",
        "text/plain",
        "Привет",
        "",
    ),
    ("utf-16 with a mark", "Café menu".encode("utf-16"), "", "", "text/plain", "Café menu", ""),
    ("utf-16 without one", "Cafeteria menu".encode("utf-16-le"), "", "", "text/plain", "Cafeteria menu", ""),
    (
        "a PDF that says it is text",
        files.text_pdf("Hello"),
        "text/plain",
        "a.txt",
        "application/pdf",
        "Hello",
        "",
    ),
]


@pytest.mark.parametrize(
    ("content", "declared", "name", "kind", "there", "not_there"),
    [row[1:] for row in TEXTS],
    ids=[row[0] for row in TEXTS],
)
def test_text_is_found(
    content: bytes, declared: str, name: str, kind: str, there: str, not_there: str
) -> None:
    (part, *_) = read(content, declared, name)
    assert (part.status, part.detail) == (Status.EXTRACTED, "")
    assert kind in part.type
    found = " ".join(words(part))
    missing = [word for word in there.split() if word not in found.split() and word not in found]
    assert not missing, found
    assert not [word for word in not_there.split() if word in found]


def test_paragraphs_and_cells_do_not_run_together() -> None:
    assert words(read(files.docx("one", "two"))[0]) == ["one", "two"]
    assert read(files.xlsx([["Ada", "97"], ["Ben", "85"]]))[0].text.splitlines()[-2:] == [
        "Ada\t97\t",
        "Ben\t85\t",
    ]


def test_slides_come_in_their_order() -> None:
    slides = [f"slide{number}" for number in range(1, 13)]
    assert words(read(files.pptx(*slides))[0]) == slides


# (what, file, status)
UNREAD = [
    ("nothing", b"", Status.EMPTY),
    ("white space", b" \r\n\t", Status.EMPTY),
    ("an empty page", files.one_page(files.stream(b"")), Status.EMPTY),
    ("an old Word file", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), Status.UNSUPPORTED),
    (
        "a Word file with a password",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
        Status.ENCRYPTED,
    ),
    ("an ODT with a password", files.odf("text", "", encrypted=True), Status.ENCRYPTED),
    ("7-Zip", b"7z\xbc\xaf\x27\x1c" + bytes(50), Status.UNSUPPORTED),
    ("RAR", b"Rar!\x1a\x07\x00" + bytes(50), Status.UNSUPPORTED),
    ("a program", b"\x7fELF" + bytes(range(32)) * 40, Status.UNSUPPORTED),
    ("a cut PDF", files.text_pdf("Hello")[:200], Status.FAILED),
    ("a cut DOCX", files.docx("Hello")[:300], Status.FAILED),
    ("no real DOCX", files.docx("Hello <"), Status.FAILED),
    ("a cut GZIP", files.gzipped(b"hello" * 1000)[:30], Status.FAILED),
]


@pytest.mark.parametrize(("content", "status"), [row[1:] for row in UNREAD], ids=[row[0] for row in UNREAD])
def test_what_is_not_read_says_why(content: bytes, status: Status) -> None:
    parts = read(content)
    assert parts[-1].status is status
    assert bool(parts[-1].detail) == (status is not Status.EMPTY)


def test_a_pdf_with_a_password_is_encrypted() -> None:
    """Written out as PDF 1.4 with the standard handler: what it takes to open it without its password."""
    keys = b"<</Filter/Standard/V 1/R 2/P -4/O<" + b"ab" * 32 + b">/U<" + b"cd" * 32 + b">>>"
    plain = files.one_page(files.stream(b"BT ET"), keys)
    locked = plain.replace(b"trailer <<", b"trailer <</Encrypt 6 0 R/ID[<00><00>]")
    assert [part.status for part in read(locked)] == [Status.ENCRYPTED]


def test_notes_and_form_fields_of_a_pdf_are_text() -> None:
    def utf16(text: str) -> bytes:
        return b"<FEFF" + text.encode("utf-16-be").hex().encode() + b">"

    note = b"<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/Contents(Sticky remark)>>"
    field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/Rect[0 0 9 9]/V" + utf16("Zoë Field") + b">>"
    content = files.one_page(files.stream(b""), note, field, page=b"/Annots[6 0 R 7 0 R]")
    assert words(read(content)[0]) == ["Sticky", "remark", "Zoë", "Field"]


def test_files_attached_to_a_pdf_are_parts() -> None:
    tree = b"/Names<</EmbeddedFiles<</Names[(a)6 0 R]>>>>"
    content = files.one_page(
        files.stream(b"BT /F1 12 Tf 72 720 Td (A cover for what is attached) Tj ET"),
        b"<</Type/Filespec/F(inner.csv)/UF(inner.csv)/EF<</F 7 0 R>>>>",
        files.stream(b"Ada;Ben"),
    ).replace(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Catalog/Pages 2 0 R" + tree + b">>")
    # Offsets are wrong now; readers find the objects all the same.
    parts = read(content, name="cover.pdf")
    assert [(part.path, part.text.strip()) for part in parts] == [
        (("cover.pdf",), "A cover for what is attached"),
        (("cover.pdf", "inner.csv"), "Ada;Ben"),
    ]


def test_a_word_that_a_pdf_breaks_over_lines_is_one_word() -> None:
    assert words(read(files.text_pdf("the man-", "agement of it"))[0]) == ["the", "management", "of", "it"]


def test_a_damaged_part_of_a_document_does_not_hide_the_others() -> None:
    note = f"<w:comments {files.W}><w:t>remark"
    foot = f"<w:footnotes {files.W}><w:t>below</w:t></w:footnotes>"
    content = files.docx("body", more={"word/comments.xml": note, "word/footnotes.xml": foot})
    (part,) = read(content)
    assert (part.status, words(part)) == (Status.FAILED, ["body", "remark", "below"])


# --- containers -----------------------------------------------------------------------------------


def test_a_zip_names_its_entries_and_reads_them() -> None:
    content = files.zipped(
        {"trip/plan.docx": files.docx("bus"), "photo.bin": b"\x00\x01\x02", "a.txt": b"hello"}
    )
    parts = read(content, "application/zip", "all.zip")
    assert [(part.path, part.status) for part in parts] == [
        (("all.zip",), Status.EXTRACTED),
        (("all.zip", "trip/plan.docx"), Status.EXTRACTED),
        (("all.zip", "photo.bin"), Status.UNSUPPORTED),
        (("all.zip", "a.txt"), Status.EXTRACTED),
    ]
    assert words(parts[0]) == ["trip/plan.docx", "photo.bin", "a.txt"]
    assert [words(part) for part in parts[1:]] == [["bus"], [], ["hello"]]


def test_encrypted_entries_are_named_and_said_to_be_encrypted() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b"secret") + packer.flush()
    parts = read(files.raw_zip("salaries.txt", packed, 6, flags=1), name="a.zip")
    assert [(part.status, words(part)) for part in parts] == [
        (Status.EXTRACTED, ["salaries.txt"]),
        (Status.ENCRYPTED, []),
    ]


@pytest.mark.parametrize("pack", [files.gzipped, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
def test_packed_archives_are_unpacked(pack: object) -> None:
    assert callable(pack)
    parts = read(pack(files.tarred({"one.txt": b"first", "two.csv": b"second"})), name="both.tar.x")
    assert [part.path[1:] for part in parts] == [(), ("",), ("", "one.txt"), ("", "two.csv")]
    assert [words(part) for part in parts] == [[], ["one.txt", "two.csv"], ["first"], ["second"]]


def test_archives_nest_so_deep_and_no_deeper() -> None:
    content = b"the innermost"
    for number in range(5):
        content = files.zipped({f"level{number}": content})
    parts = read(content, name="top", settings=Settings(depth=3))
    assert [part.status for part in parts] == [Status.EXTRACTED] * 3 + [Status.TOO_LARGE]
    assert words(parts[-1]) == ["level1"], "what is in the last one is named"
    assert read(content, settings=Settings(depth=5))[-1].text == "the innermost"


def test_too_many_parts_are_said_to_be() -> None:
    content = files.zipped({f"{number}.txt": b"text" for number in range(20)})
    parts = read(content, settings=Settings(parts=5))
    assert [part.status for part in parts] == [Status.EXTRACTED] * 5 + [Status.TOO_LARGE]
    assert len(words(parts[0])) == 20


def test_too_much_text_is_cut_and_said_to_be() -> None:
    parts = read(files.zipped({"a": b"x" * 60, "b": b"y" * 60}), settings=Settings(characters=100))
    assert [(part.status, len(part.text)) for part in parts] == [
        (Status.EXTRACTED, 4),
        (Status.EXTRACTED, 60),
        (Status.TOO_LARGE, 36),
    ]


# (limits, entries, what becomes of them)
LIMITS = [
    (Settings(entry_octets=1000), [b"x" * 1000, b"x" * 1001], ["", "unpacks to too many octets"]),
    (
        Settings(total_octets=2000),
        [b"x" * 900, b"x" * 900, b"x" * 900],
        ["", "", "unpacks to too many octets"],
    ),
    (
        Settings(ratio=20, ratio_from=10_000),
        [bytes(range(32, 127)) * 2, b"x" * 10_000, b"x" * 10_001],
        ["", "", "unpacks to far more than it is"],
    ),
]


@pytest.mark.parametrize(("settings", "entries", "details"), LIMITS, ids=["entry", "total", "ratio"])
def test_limits_hold_to_the_octet(settings: Settings, entries: list[bytes], details: list[str]) -> None:
    parts = read(files.zipped({str(n): entry for n, entry in enumerate(entries)}), settings=settings)
    assert [part.detail for part in parts[1:]] == details
    assert [part.status for part in parts[1:]] == [
        Status.TOO_LARGE if detail else Status.EXTRACTED for detail in details
    ]


def test_a_message_in_a_zip_is_read_with_its_attachments() -> None:
    parts = read(files.zipped({"slip.eml": MAIL}), name="a.zip")
    assert [part.name for part in parts] == ["a.zip", "slip.eml", "list.csv"]
    assert (
        "Jörg" in parts[1].text and "Permission slip" in parts[1].text and "Meet at the bus" in parts[1].text
    )
    assert words(parts[2]) == ["Ada;Ben"]


def test_files_in_a_document_are_parts() -> None:
    parts = read(
        files.docx("body", more={"word/embeddings/sheet.xlsx": files.xlsx([["Ada"]])}), name="d.docx"
    )
    assert [(part.path, words(part)) for part in parts] == [
        (("d.docx",), ["body"]),
        (("d.docx", "sheet.xlsx"), ["Marks", "Ada"]),
    ]


def test_names_and_texts_hold_nothing_that_cannot_be_stored() -> None:
    parts = read(
        files.zipped({"a\x01\x85b.txt": "x\x00\x08\x1by\ufffe".encode() + b"z" * 300}), name="\udcff\n.zip"
    )
    for text in [part.text for part in parts] + [name for part in parts for name in part.path]:
        text.encode()
        assert not set(text) & set(map(chr, {*range(9), 11, *range(14, 32), 127}))


# --- going on after a part that ended a child ------------------------------------------------------


def test_reading_goes_on_behind_a_part_that_is_left_out() -> None:
    from gateway.extraction.job import Child
    from gateway.extraction.walk import Walk
    from tests.extraction.reading import Heard

    inner = files.zipped({"three.txt": b"3", "four.txt": b"4"})
    content = files.zipped({"one.txt": b"1", "two.zip": inner, "five.txt": b"5"})
    whole = Heard()
    Walk(Settings(), whole).visit(Child("a.zip", "", lambda: content))
    assert [result.name for result in whole.results] == [
        "a.zip", "one.txt", "two.zip", "three.txt", "four.txt", "five.txt",
    ]  # fmt: skip
    for number in range(1, 6):
        if whole.results[number].name == "two.zip":
            continue  # what is in it is left out with it
        rest = Heard()
        Walk(Settings(), rest, resume=number + 1, left_out=frozenset({number})).visit(
            Child("a.zip", "", lambda: content)
        )
        assert [result.name for result in rest.results] == [
            result.name for result in whole.results[number + 1 :]
        ]


# --- pictures -------------------------------------------------------------------------------------


def picture_of(text: str) -> Image.Image:
    picture = Image.new("L", (1000, 200), 255)
    ImageDraw.Draw(picture).text((40, 60), text, fill=0, font=ImageFont.load_default(48))
    return picture


@pytest.mark.needs("tesseract")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"])
def test_words_in_pictures_are_read(kind: str) -> None:
    file = io.BytesIO()
    picture_of("Plymouth Rock").save(file, kind)
    (part,) = read(file.getvalue())
    assert (part.status, words(part), part.type) == (
        Status.EXTRACTED, ["Plymouth", "Rock"], f"image/{kind.lower()}",
    )  # fmt: skip


@pytest.mark.needs("tesseract")
def test_a_scanned_pdf_is_read() -> None:
    picture = picture_of("Permission slip")
    content = files.scan_pdf(picture.tobytes(), *picture.size)
    (part,) = read(content)
    assert (part.status, words(part)) == (Status.EXTRACTED, ["Permission", "slip"])


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        (Settings(ocr=False), Status.UNSUPPORTED),
        (Settings(tesseract="no-such-command"), Status.UNSUPPORTED),
        (Settings(ocr_pages=0), Status.TOO_LARGE),
        (Settings(ocr_seconds=0), Status.TIMED_OUT),
    ],
    ids=["switched off", "not installed", "no page left", "no time left"],
)
@pytest.mark.needs("tesseract")
def test_a_scan_that_nobody_reads_is_never_called_empty(settings: Settings, status: Status) -> None:
    picture = picture_of("Permission slip")
    assert [
        part.status for part in read(files.scan_pdf(picture.tobytes(), *picture.size), settings=settings)
    ] == [status]


def test_a_picture_of_too_many_pixels_is_not_opened() -> None:
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 50_000, 50_000, 8, 0, 0, 0, 0)
    (part,) = read(head + bytes(100))
    assert (part.status, part.detail) == (Status.TOO_LARGE, "a picture of too many pixels")


def test_a_tracking_pixel_is_empty() -> None:
    file = io.BytesIO()
    Image.new("L", (1, 1)).save(file, "GIF")
    assert [part.status for part in read(file.getvalue())] == [Status.EMPTY]


def mixed_pdf() -> bytes:
    """A page of text, a scan, a scan with a stamp on it, and an empty page."""
    picture = picture_of("Permission slip")
    facts = b"/Type/XObject/Subtype/Image/Width 1000/Height 200/ColorSpace/DeviceGray/BitsPerComponent 8"
    scan, stamp = b"q 612 0 0 122 0 400 cm /Im1 Do Q ", b"BT /F1 12 Tf 72 720 Td (Page 3) Tj ET"
    text = b"BT /F1 12 Tf 72 720 Td (The trip leaves at eight from the gym) Tj ET"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R"
    page += b"/Resources<</Font<</F1 7 0 R>>/XObject<</Im1 8 0 R>>>>>>"
    return files.pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R 4 0 R 5 0 R 6 0 R]/Count 4>>",
            *[page % number for number in (9, 10, 11, 12)],
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            files.stream(zlib.compress(picture.tobytes()), facts + b"/Filter/FlateDecode"),
            *[files.stream(content) for content in (text, scan, scan + stamp, b"")],
        ]
    )


@pytest.mark.needs("tesseract")
def test_scans_among_pages_of_text_are_read_too() -> None:
    (part,) = read(mixed_pdf())
    assert part.status is Status.EXTRACTED
    assert part.text.split("\n")[0] == "The trip leaves at eight from the gym"
    assert part.text.count("Permission slip") == 2
    assert "Page 3" in part.text


@pytest.mark.needs("tesseract")
def test_pages_that_are_not_read_are_not_forgotten() -> None:
    (part,) = read(mixed_pdf(), settings=Settings(ocr_pages=1))
    assert (part.status, part.detail) == (Status.TOO_LARGE, "too many pictures")
    assert part.text.count("Permission slip") == 1
    (part,) = read(mixed_pdf(), settings=Settings(ocr=False))
    assert part.status is Status.UNSUPPORTED
    assert words(part)[:2] == ["The", "trip"]
