"""Where mail hides a word: messages that hold a given word in one place each, as mail programs send them."""

from __future__ import annotations

import base64
import io
import quopri
import shutil
import struct
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import quote

from PIL import Image, ImageDraw, ImageFont

from tests.extraction import files

Make = Callable[[str], bytes]
Attachment = tuple[bytes, str, str]  # octets, content type, file name

HEAD = "From: Tim Kay <tim@harbor.example>\r\nTo: ann@harbor.example\r\nMIME-Version: 1.0\r\n"
OFFICE = "application/vnd.openxmlformats-officedocument."
OCR = shutil.which("tesseract") is not None


# --- bricks --------------------------------------------------------------------------------------


def raw(body: str | bytes, *fields: str, subject: str = "Practice") -> bytes:
    """A message of these fields and this body, not touched by any library."""
    head = HEAD + "".join(f"{field}\r\n" for field in (f"Subject: {subject}", *fields))
    octets = body.encode() if isinstance(body, str) else body
    return head.encode("utf-8") + b"\r\n" + octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def part(body: str | bytes, *fields: str) -> bytes:
    """A part of a multipart."""
    octets = body.encode() if isinstance(body, str) else body
    return "".join(f"{field}\r\n" for field in fields).encode() + b"\r\n" + octets


def parts(kind: str, *bodies: bytes, boundary: str = "=_b") -> bytes:
    """A message in parts."""
    line = f"--{boundary}".encode()
    body = b"".join(line + b"\r\n" + one + b"\r\n" for one in bodies) + line + b"--\r\n"
    return raw(body, f'Content-Type: multipart/{kind}; boundary="{boundary}"')


def packed(content: bytes, *fields: str) -> bytes:
    """A part in base64."""
    return part(base64.encodebytes(content), *fields, "Content-Transfer-Encoding: base64")


def mixed(*bodies: bytes) -> bytes:
    return parts("mixed", part("See below.\r\n", "Content-Type: text/plain"), *bodies)


def attached(*attachments: Attachment) -> bytes:
    """A short text with attachments."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = (
        "Tim Kay <tim@harbor.example>", "ann@harbor.example", "Practice",
    )  # fmt: skip
    message.set_content("See below.\n")
    for content, kind, name in attachments:
        main, _, sub = kind.partition("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return message.as_bytes()


def html(text: str) -> bytes:
    """A message in HTML, in base64."""
    return raw(
        base64.encodebytes(f"<html><body>{text}</body></html>".encode()),
        "Content-Type: text/html; charset=utf-8",
        "Content-Transfer-Encoding: base64",
    )


def forwarded(message: bytes) -> bytes:
    """A message with another one attached."""
    return mixed(part(message, "Content-Type: message/rfc822"))


def picture_of(text: str) -> Image.Image:
    """A text as a scanner sees it."""
    picture = Image.new("L", (1000, 200), 255)
    ImageDraw.Draw(picture).text((40, 60), text, fill=0, font=ImageFont.load_default(48))
    return picture


def scan(text: str) -> bytes:
    """A PDF that is a picture of a text, and nothing else."""
    picture = picture_of(text)
    return files.scan_pdf(picture.tobytes(), *picture.size)


def photograph(text: str) -> bytes:
    file = io.BytesIO()
    picture_of(text).save(file, "PNG")
    return file.getvalue()


def calendar(word: str) -> str:
    """An invitation; a line of it is folded within the word, as RFC 5545 allows."""
    half = len(word) // 2
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "METHOD:REQUEST", "BEGIN:VEVENT", "UID:1@harbor.example",
        "DTSTART:20261015T150000Z", "SUMMARY:Meeting of parents",
        f"DESCRIPTION:About the {word[:half]}", f" {word[half:]}\\, and more", "END:VEVENT", "END:VCALENDAR", "",
    ]  # fmt: skip
    return "\r\n".join(lines)


# --- Outlook's winmail.dat (MS-OXTNEF) and S/MIME (RFC 5652) ---------------------------------------


def _attribute(level: int, name: int, value: bytes) -> bytes:
    return struct.pack("<BII", level, name, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def _property(kind: int, name: int, value: bytes) -> bytes:
    padded = value + b"\0" * (-len(value) % 4)
    return struct.pack("<IHHII", 1, kind, name, 1, len(value)) + padded


def winmail(*attributes: bytes) -> bytes:
    octets = struct.pack("<IH", 0x223E9F78, 1) + b"".join(attributes)
    return mixed(packed(octets, 'Content-Type: application/ms-tnef; name="winmail.dat"'))


def winmail_text(word: str) -> bytes:
    page = f"<html><body>About the <i>{word}</i></body></html>".encode()
    return winmail(_attribute(1, 0x00069003, _property(0x102, 0x1013, page)))


def winmail_file(word: str) -> bytes:
    return winmail(
        _attribute(2, 0x00069002, b"\0" * 14),
        _attribute(2, 0x00018010, b"NOTES.DOC\0"),
        _attribute(2, 0x0006800F, files.docx(f"One {word}.")),
    )


def _der(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    return bytes([tag]) + (bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")) + content


_DATA, _SIGNED, _ENVELOPED = (bytes.fromhex("06092a864886f70d0107" + last) for last in ("01", "02", "03"))


def smime(octets: bytes, kind: str) -> bytes:
    return raw(
        base64.encodebytes(octets),
        f"Content-Type: application/pkcs7-mime; smime-type={kind}; name=smime.p7m",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment; filename=smime.p7m",
    )


def signed(word: str) -> bytes:
    """The text is within the signature: in no part that a mail program without S/MIME shows."""
    inner = part(f"Signed, and about a {word}.\r\n", "Content-Type: text/plain")
    content = _der(0x30, b"\x02\x01\x01", _der(0x31), _der(0x30, _DATA, _der(0xA0, _der(0x04, inner))))
    return smime(_der(0x30, _SIGNED, _der(0xA0, content)), "signed-data")


def enveloped(word: str) -> bytes:
    """Nobody reads it without a key; the word is in it, as ciphertext."""
    scrambled = bytes(octet ^ 0x5A for octet in word.encode())
    return smime(_der(0x30, _ENVELOPED, _der(0xA0, _der(0x30, _der(0x04, scrambled)))), "enveloped-data")


# --- a word in every place -----------------------------------------------------------------------


def soft_break(word: str) -> bytes:
    """Quoted-printable whose soft line break is within the word (RFC 2045 §6.7)."""
    half = len(word) // 2
    before = quopri.encodestring(f"Über den {word[:half]}".encode()).rstrip(b"=\n")
    after = quopri.encodestring(f"{word[half:]} = ja.\n".encode())
    return raw(
        before + b"=\r\n" + after,
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
    )


def split_subject(word: str) -> bytes:
    """The word divided between two encoded words: what is between those is no blank (RFC 2047 §6.2)."""
    half = len(word) // 2
    first = base64.b64encode(f"Für alle: {word[:half]}".encode()).decode()
    second = quote(word[half:]).replace("%", "=")
    return raw("At five.\r\n", subject=f"=?utf-8?B?{first}?=\r\n =?utf-8?Q?{second}?=")


def continued_name(word: str) -> bytes:
    """A file name in numbered sections, the word divided between two of them (RFC 2231 §4.1)."""
    half = len(word) // 2
    return mixed(
        packed(
            b"name;count\nsomebody;3\n",
            "Content-Type: text/csv",
            "Content-Disposition: attachment;\r\n"
            f" filename*0*=utf-8''%C3%9Cber%20{quote(word[:half])};\r\n filename*1*={quote(word[half:])}.csv",
        )
    )


def encoded_name(word: str) -> bytes:
    """A file name as an encoded word in quotes, which RFC 2047 forbids and everybody sends."""
    name = base64.b64encode(f"über {word}.csv".encode()).decode()
    return mixed(
        packed(
            b"a;b\n", f'Content-Type: text/csv; name="=?utf-8?B?{name}?="', "Content-Disposition: attachment"
        )
    )


def quoted_history(word: str) -> bytes:
    return raw(
        "Yes, gladly.\r\n\r\nOn Mon, Oct 12, 2026 at 9:00 AM, Ann Lee <ann@harbor.example> wrote:\r\n"
        f"> Have you seen the {word} again?\r\n> Ann\r\n",
        "Content-Type: text/plain; charset=utf-8",
    )


def beside_html(word: str) -> bytes:
    """The version that nobody sees says more."""
    return parts(
        "alternative",
        part(f"At five. The {word} comes too.\r\n", "Content-Type: text/plain"),
        part("<p>At five.</p>\r\n", "Content-Type: text/html"),
    )


def invitation(word: str) -> bytes:
    return parts(
        "alternative",
        part("You are invited.\r\n", "Content-Type: text/plain"),
        part(calendar(word), "Content-Type: text/calendar; charset=utf-8; method=REQUEST"),
    )


def pgp(word: str) -> bytes:
    scrambled = base64.b64encode(bytes(octet ^ 0x5A for octet in word.encode())).decode()
    return raw(f"Hi,\r\n-----BEGIN PGP MESSAGE-----\r\n\r\n{scrambled}\r\n-----END PGP MESSAGE-----\r\n")


def other_charset(word: str) -> bytes:
    """Cyrillic in a charset of its own, said to be another one's cousin by an old program."""
    return raw(
        f"Привет, {word}!\r\n".encode("koi8-r"),
        "Content-Type: text/plain; charset=KOI8-R",
        "Content-Transfer-Encoding: 8bit",
    )


# Where a word is, and a message that has it there. By the field in which it is asked for.
FOUND: Mapping[str, Mapping[str, Make]] = {
    "new": {
        "text": lambda word: raw(f"The {word} flew.\r\n"),
        "text in a Russian charset": other_charset,
        "quoted-printable, a soft line break in the word": soft_break,
        "base64 HTML, tags in the word": lambda word: html(f"<p>The <b>{word[:3]}</b>{word[3:]} dived.</p>"),
        "HTML with entities": lambda word: html(f"<p>The {''.join(f'&#{ord(each)};' for each in word)}</p>"),
        "text in place of a picture": lambda word: html(f'<p>Hi</p><img src="x.png" alt="A {word}">'),
        "nested multiparts": lambda word: parts(
            "mixed",
            parts("related", part(f"<p>The {word}.</p>", "Content-Type: text/html"), boundary="=_in"),
        ),
        "winmail.dat, its text": winmail_text,
        "signed opaquely": signed,
    },
    "body": {
        "quoted history": quoted_history,
        "HTML that is not shown": lambda word: html(f'<p>Hi</p><div style="display:none">a {word}</div>'),
        "where a link leads": lambda word: html(f'<p><a href="https://files.example/{word}/2">Here</a></p>'),
        "the version beside HTML": beside_html,
    },
    "subject": {
        "subject": lambda word: raw("At five.\r\n", subject=f"About the {word}"),
        "subject, the word in two encoded words": split_subject,
        "subject in raw UTF-8": lambda word: raw("At five.\r\n", subject=f"Über {word}"),
    },
    "filename": {
        "file name": lambda word: attached((b"a;b\n", "text/csv", f"{word}-2026.csv")),
        "file name by RFC 2231, in sections": continued_name,
        "file name by RFC 2047": encoded_name,
        "file name within a ZIP": lambda word: attached(
            (files.zipped({f"in/{word}.txt": "Nothing."}), "application/zip", "all.zip")
        ),
    },
    "attachment": {
        "DOCX": lambda word: attached(
            (files.docx(f"A {word} boomed."), OFFICE + "wordprocessingml.document", "a.docx")
        ),
        "DOCX in a ZIP": lambda word: attached(
            (files.zipped({"in/notes.docx": files.docx(f"One {word}.")}), "application/zip", "all.zip")
        ),
        "DOCX in a ZIP in a ZIP": lambda word: attached(
            (
                files.zipped({"in.zip": files.zipped({"notes.docx": files.docx(f"One {word}.")})}),
                "application/zip",
                "all.zip",
            )
        ),
        "XLSX without its type": lambda word: attached(
            (files.xlsx([[word, "7"]]), "application/octet-stream", "n.xlsx")
        ),
        "PPTX": lambda word: attached(
            (files.pptx(f"The {word}"), OFFICE + "presentationml.presentation", "s.pptx")
        ),
        "notes of a PPTX": lambda word: attached(
            (files.pptx("Hi", notes=f"Say {word}"), OFFICE + "presentationml.presentation", "s.pptx")
        ),
        "PDF": lambda word: attached((files.text_pdf(f"A {word} called"), "application/pdf", "w.pdf")),
        "PDF with another name": lambda word: attached(
            (files.text_pdf(f"A {word} called"), "application/octet-stream", "w.dat")
        ),
        "CSV in UTF-16": lambda word: attached(
            (f"name;count\n{word};3\n".encode("utf-16"), "text/csv", "n.csv")
        ),
        "compressed text": lambda word: attached(
            (files.gzipped(f"a {word}\n".encode()), "application/gzip", "n.txt.gz")
        ),
        "attached message, its text": lambda word: forwarded(raw(f"The {word} stood still.\r\n")),
        "attached message, its subject": lambda word: forwarded(raw("Hi.\r\n", subject=f"A {word}")),
        "attached message, its DOCX": lambda word: forwarded(
            attached((files.docx(f"A {word}"), "application/octet-stream", "a.docx"))
        ),
        "message in a message in base64": lambda word: mixed(
            packed(forwarded(raw(f"The {word}.\r\n")), "Content-Type: message/rfc822")
        ),
        "message in a ZIP": lambda word: attached(
            (files.zipped({"old.eml": raw(f"The {word} left.\r\n")}), "application/zip", "old.zip")
        ),
        "file in winmail.dat": winmail_file,
        "RTF": lambda word: attached(
            ((r"{\rtf1\ansi A \b " + word + r"\b0 .}").encode(), "application/rtf", "a.rtf")
        ),
        "ODT": lambda word: attached(
            (
                files.odf("text", f"<office:text><text:p>A {word}</text:p></office:text>"),
                "application/vnd.oasis.opendocument.text",
                "a.odt",
            )
        ),
        "HTML file": lambda word: attached((f"<p>A <i>{word}</i>".encode(), "text/html", "a.html")),
        "visiting card": lambda word: attached(
            (f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{word}\r\nEND:VCARD\r\n".encode(), "text/vcard", "a.vcf")
        ),
        "invitation": invitation,
        "calendar file": lambda word: attached((calendar(word).encode(), "text/calendar", "day.ics")),
    },
}

# Nobody can read it: the message must be in the coverage list.
UNREADABLE: Mapping[str, Make] = {
    "encrypted with S/MIME": enveloped,
    "encrypted with PGP": pgp,
    "of no known format": lambda word: attached(
        (b"\0\1\2" + word.encode().hex().encode() + b"\xff\0\0\x07", "application/octet-stream", "data.bin")
    ),
    "of no known format, words of two octets a letter in it": lambda word: attached(
        (b"\0\1\2" + word.encode("utf-16-le") + b"\xff\0", "application/octet-stream", "data.bin")
    ),
    "encrypted, in an attached message": lambda word: forwarded(enveloped(word)),
    "encrypted with PGP, in an attached message": lambda word: forwarded(pgp(word)),
    "encrypted, in a message in a ZIP": lambda word: attached(
        (files.zipped({"old.eml": enveloped(word)}), "application/zip", "old.zip")
    ),
    "encrypted with PGP, in a message in a ZIP": lambda word: attached(
        (files.zipped({"old.eml": pgp(word)}), "application/zip", "old.zip")
    ),
    "ZIP with a password": lambda word: attached(
        (
            files.raw_zip("in.txt", bytes(each ^ 90 for each in word.encode()), 8, flags=1),
            "application/zip",
            "z.zip",
        )
    ),
    "damaged DOCX": lambda word: attached(
        (files.docx(f"A {word}")[:-200], OFFICE + "wordprocessingml.document", "a.docx")
    ),
    "old Office file": lambda word: attached(
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504) + word.encode(), "application/msword", "a.doc")
    ),
}

# Found where there is OCR, else in the coverage list. Needs words that OCR reads well.
PICTURED: Mapping[str, Make] = {
    "scanned PDF": lambda word: attached((scan(f"The {word} form"), "application/pdf", "scan.pdf")),
    "photograph": lambda word: attached((photograph(f"The {word} form"), "image/png", "photo.png")),
    "scanned PDF in a ZIP": lambda word: attached(
        (files.zipped({"scan.pdf": scan(f"A {word} slip")}), "application/zip", "scans.zip")
    ),
}
