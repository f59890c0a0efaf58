"""Parts: what they are, what they are called, what they hold."""

from __future__ import annotations

import base64
import struct

import pytest

from gateway.message.readable import Kind, Limits, readable
from gateway.message.readable.rtf import unpacked_rtf
from tests.message.readable.letters import letter, multipart, part, within


def b64(octets: bytes) -> str:
    return base64.encodebytes(octets).decode()


# --- names and kinds -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ('attachment; filename="plan.pdf"', "plan.pdf"),
        ("attachment; filename=plan for May.pdf", "plan for May.pdf"),
        ("attachment; filename*=UTF-8''horaire%20%C3%A9t%C3%A9.pdf", "horaire été.pdf"),
        ("attachment; filename*0*=iso-8859-1'fr'horaire%20; filename*1*=%E9t%E9; filename*2=.pdf", "horaire été.pdf"),
        ("attachment; filename*1=b.pdf; filename*0=a", "ab.pdf"),
        ('attachment; filename="=?utf-8?B?aG9yYWlyZSDDqXTDqS5wZGY=?="', "horaire été.pdf"),
        ("attachment; filename=\"horaire été.pdf\"", "horaire été.pdf"),
        ('attachment; filename="a\\"b.pdf"', 'a"b.pdf'),
        ('attachment; filename="unclosed.pdf', "unclosed.pdf"),
        ('attachment; filename="report\u202efdp.exe"', "report\ufffdfdp.exe"),
        ("attachment; filename=", ""),
    ],
)  # fmt: skip
def test_file_names(field: str, name: str) -> None:
    raw = multipart("mixed", part("Hi"), part("x", "application/pdf", f"Content-Disposition: {field}"))
    assert readable(raw).attachments[0].filename == name


def test_raw_latin_file_name() -> None:
    raw = multipart(
        "mixed", part("x", "application/pdf", "Content-Disposition: attachment; filename=été.pdf")
    )
    assert readable(raw.replace("é".encode(), b"\xe9")).filenames == ("été.pdf",)


@pytest.mark.parametrize(
    ("content_type", "disposition", "kind"),
    [
        ("text/plain", "", Kind.TEXT),
        ("text/html", "inline", Kind.HTML),
        ("text/plain", "attachment; filename=a.txt", Kind.ATTACHMENT),
        ("text/csv", "attachment; filename=a.csv", Kind.ATTACHMENT),
        ("application/pdf", "inline; filename=a.pdf", Kind.ATTACHMENT),
        ("image/png", "inline; filename=a.png", Kind.IMAGE),
        ("text/calendar", "", Kind.CALENDAR),
        ("application/octet-stream", "attachment; filename=invite.ics", Kind.CALENDAR),
        ("message/rfc822", "", Kind.MESSAGE),
        ("application/octet-stream", "attachment; filename=old.eml", Kind.MESSAGE),
        ("application/pkcs7-mime", "attachment; filename=smime.p7m", Kind.ENCRYPTED),
        ("application/pkcs7-signature", "attachment; filename=smime.p7s", Kind.SIGNATURE),
        ("message/delivery-status", "", Kind.TEXT),
        ("no type at all", "", Kind.TEXT),
        ("no type at all", "attachment; filename=x", Kind.ATTACHMENT),
    ],
)
def test_kinds(content_type: str, disposition: str, kind: Kind) -> None:
    fields = [f"Content-Disposition: {disposition}"] if disposition else []
    raw = multipart("mixed", part("Hello"), part("Hello\r\n\r\nyou", content_type, *fields))
    assert readable(raw).parts[1].kind is kind


def test_content_and_size_of_an_attachment() -> None:
    data = bytes(range(256)) * 10
    raw = multipart(
        "mixed",
        part("Hi"),
        part(b64(data), 'application/pdf; name="a.pdf"', "Content-Transfer-Encoding: base64"),
    )
    (found,) = readable(raw).attachments
    assert (found.path, found.size, found.content()) == ("2", len(data), data)


def test_paths_count_as_imap_does() -> None:
    inner = multipart("mixed", part("inner"), part("x", "application/pdf; name=a.pdf"), boundary="i")
    raw = multipart(
        "mixed",
        within("alternative", part("plain"), part("<p>plain", "text/html"), boundary="a"),
        part(inner, "message/rfc822"),
        part(letter("single"), "message/rfc822"),
    )
    message = readable(raw)
    assert [one.path for one in message.parts] == ["1.1", "1.2", "2", "3"]
    assert [one.path for one in message.attachments] == ["2", "2.2", "3"]
    third = message.parts[3].message
    assert third is not None and [one.path for one in third.parts] == ["3.1"]


# --- versions --------------------------------------------------------------------------------------


def test_html_is_the_text_and_what_only_plain_text_says_is_hidden() -> None:
    raw = multipart(
        "alternative",
        part("The trip is on Friday.\r\nBring cash for the driver."),
        part("<p>The trip is on <b>Friday</b>.</p>", "text/html"),
    )
    message = readable(raw)
    assert message.body == "The trip is on Friday."
    assert message.hidden == "Bring cash for the driver."
    assert "versions-differ" in message.defects


def test_empty_html_leaves_the_plain_text() -> None:
    raw = multipart("alternative", part("The trip is on Friday."), part("<html><body></body>", "text/html"))
    assert readable(raw).body == "The trip is on Friday."


def test_equal_versions_hide_nothing() -> None:
    raw = multipart("alternative", part("Bring lunch."), part("<p>Bring lunch.</p>", "text/html"))
    message = readable(raw)
    assert (message.body, message.hidden, message.defects) == ("Bring lunch.", "", ())


# --- attached messages -----------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["", "base64"])
def test_attached_message(encoding: str) -> None:
    inner = letter("Nobody may know this.", "text/plain")
    body = base64.encodebytes(inner) if encoding else inner
    fields = [f"Content-Transfer-Encoding: {encoding}"] if encoding else []
    message = readable(multipart("mixed", part("See below"), part(body, "message/rfc822", *fields)))
    (attached,) = message.attachments
    assert attached.message is not None and attached.message.body == "Nobody may know this."
    assert "Subject: Trip" in attached.text and "Nobody may know this." in attached.text
    assert message.body == "See below"


def test_messages_in_messages_end_somewhere() -> None:
    raw = letter("deep")
    for _ in range(30):
        raw = letter(raw, "message/rfc822")
    message = readable(raw, Limits(messages=5))
    assert "nested-too-deep" in message.defects
    assert len(message.unreadable) == 1


def test_digest_parts_are_messages() -> None:
    raw = multipart("digest", b"\r\n" + letter("one"), b"\r\n" + letter("two"))
    assert [one.text.splitlines()[-1] for one in readable(raw).attachments] == ["one", "two"]


# --- limits ----------------------------------------------------------------------------------------


def test_too_many_parts() -> None:
    message = readable(multipart("mixed", *[part("x")] * 50), Limits(parts=10))
    assert len(message.parts) == 10 and "too-many-parts" in message.defects
    assert [one.defects for one in message.unreadable] == [("too-many-parts",)]


def test_text_beyond_the_limit_is_said_to_be_unreadable() -> None:
    message = readable(letter("word " * 1000), Limits(text=500))
    assert len(message.body) <= 500
    assert [one.path for one in message.unreadable] == ["1"]


def test_multiparts_in_multiparts_end_somewhere() -> None:
    raw = part("inside")
    for number in range(60):
        raw = within("mixed", raw, boundary=f"b{number}")
    message = readable(multipart("mixed", raw, boundary="top"))
    assert "nested-too-deep" in message.defects and "inside" in message.body


# --- trees that are not well made ------------------------------------------------------------------


def test_missing_end() -> None:
    raw = multipart("mixed", part("first"), part("second")).removesuffix(b"--=_b0--\r\n")
    message = readable(raw)
    assert message.body == "first\n\nsecond" and "close-boundary-not-found" in message.defects


def test_boundary_that_is_not_declared() -> None:
    raw = letter("--zz\nContent-Type: text/html\n\n<b>Hi</b>\n--zz--\n", "multipart/mixed")
    message = readable(raw)
    assert message.body == "Hi" and "no-boundary" in message.defects


def test_boundary_that_is_declared_wrongly() -> None:
    raw = letter("--zz\nContent-Type: text/html\n\n<b>Hi</b>\n--zz--\n", "multipart/mixed; boundary=yy")
    message = readable(raw)
    assert message.body == "Hi" and "wrong-boundary" in message.defects


def test_part_behind_the_end() -> None:
    raw = multipart("mixed", part("first")) + b"--=_b0\r\n" + part("late") + b"\r\n--=_b0--\r\n"
    message = readable(raw)
    assert message.body == "first\n\nlate" and "part-after-end" in message.defects


def test_similar_boundaries() -> None:
    inner = within("mixed", part("one"), part("two"), boundary="abc-1")
    assert readable(multipart("mixed", inner, part("three"), boundary="abc")).body == "one\n\ntwo\n\nthree"


def test_text_around_parts_is_found_but_not_the_usual_sentence() -> None:
    raw = multipart("mixed", part("inside"))
    usual = raw.replace(b"\r\n\r\n--=", b"\r\n\r\nThis is a multi-part message in MIME format.\r\n--=")
    secret = raw.replace(b"\r\n\r\n--=", b"\r\n\r\nmeet me behind the gym\r\n--=")
    assert readable(usual).hidden == ""
    assert readable(secret).hidden == "meet me behind the gym"


def test_message_without_empty_line() -> None:
    message = readable(b"From: a@b.example\r\nSubject: x\r\nThe field is wet today\r\nno practice")
    assert message.body == "The field is wet today\nno practice"


def test_nothing_at_all() -> None:
    message = readable(b"")
    assert (message.body, message.thread, message.filenames) == ("", "", ())


# --- encodings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "octets", "body"),
    [
        ("base64", b"UHJhY3RpY2UgYXQgc2l4\r\n", "Practice at six"),
        ("BASE64 (odd)", b"UHJhY3RpY2UgYXQgc2l4", "Practice at six"),
        ("base64", b"UHJhY3RpY2U=\r\n____\r\nThe list of the parents\r\n", "Practice\n____\nThe list of the parents"),
        ("base64", b"Practice at six on the field, please be there.", "Practice at six on the field, please be there."),
        ("base64", b"UHJhY3RpY2UgYXQgc2l4I", "Practice at six"),
        ("quoted-printable", b"caf=C3=A9 at =\r\nsix", "café at six"),
        ("quoted printable", b"caf=C3=A9", "café"),
        ("quoted-printable", b"100=% =ZZ", "100=% =ZZ"),
        ("7-bit", b"plain", "plain"),
        ("nonsense", b"plain", "plain"),
        ("x-uuencode", b"begin 644 x\r\n%:&5L;&\\\r\n`\r\nend\r\n", "hello"),
    ],
)  # fmt: skip
def test_transfer_encodings(encoding: str, octets: bytes, body: str) -> None:
    raw = letter(octets, "text/plain; charset=utf-8", f"Content-Transfer-Encoding: {encoding}")
    assert readable(raw).body == body


@pytest.mark.parametrize(
    ("charset", "octets", "body"),
    [
        ("utf-8", "mañana".encode(), "mañana"),
        ("iso-8859-1", b"\x93ma\xf1ana\x94", "“mañana”"),  # Windows' quotes
        ("us-ascii", "mañana".encode(), "mañana"),
        ("us-ascii", b"ma\xf1ana", "mañana"),
        ("utf-8", b"ma\xf1ana", "mañana"),
        ("iso-8859-1", "mañana".encode(), "mañana"),
        ("x-nobody-knows", "mañana".encode(), "mañana"),
        ("", b"\xef\xbb\xbfma\xc3\xb1ana", "mañana"),
        ("utf-8", "mañana".encode("utf-16"), "mañana"),
        ("utf-16", b"tomorrow", "tomorrow"),
        ("utf-16le", "mañana".encode("utf-16-le"), "mañana"),
        ("", b"ma\xf1ana", "mañana"),
        ("gb2312", "家长会".encode("gbk"), "家长会"),
        ("gb2312", "家长会".encode(), "家长会"),
        ("gb2312", "联通".encode("gbk"), "联通"),
        ("iso-2022-jp", "練習".encode("iso-2022-jp"), "練習"),
        ("utf-7", b"+AG0-orning", "+AG0-orning"),
        ('3D"utf-8"', "mañana".encode(), "mañana"),
    ],
)
def test_charsets(charset: str, octets: bytes, body: str) -> None:
    assert readable(letter(octets, f"text/plain; charset={charset}")).body == body


def test_utf7_is_found_decoded_too() -> None:
    message = readable(letter(b"+AHMAZQBjAHIAZQB0-", "text/plain; charset=utf-7"))
    assert message.hidden == "secret" and "utf-7" in message.defects


@pytest.mark.parametrize(
    "said", ['<meta charset="shift_jis">', "<meta content='text/html; charset=Shift_JIS'>"]
)
def test_charset_that_only_html_declares(said: str) -> None:
    raw = letter(said.encode() + "<p>練習".encode("shift_jis"), "text/html")
    assert readable(raw).body == "練習"


def test_enriched_text() -> None:
    raw = letter("<bold>Bring</bold> water << 2 l\n", "text/enriched")
    assert readable(raw).body == "Bring water < 2 l"


def test_what_an_external_body_says_is_found() -> None:
    raw = letter("Content-Type: application/pdf\n\nget plan.pdf", "message/external-body; name=plan.pdf")
    message = readable(raw)
    assert "get plan.pdf" in message.hidden and message.filenames == ("plan.pdf",)


def test_a_part_of_a_message_that_came_in_parts() -> None:
    raw = letter("Subject: long\n\nthe first third", "message/partial; id=x; number=1; total=3")
    message = readable(raw)
    assert "the first third" in message.attachments[0].text
    assert [one.defects for one in message.unreadable] == [("partial-message",)]


def test_flowed_paragraphs() -> None:
    text = "The bus leaves at \neight.\n> The old \n> text.\nNew.\n-- \nJoan\n"
    message = readable(letter(text, "text/plain; format=flowed"))
    assert message.body == "The bus leaves at eight.\nNew."
    assert message.quoted == "> The old text.\n-- \nJoan"
    assert readable(letter("in \nter\n", "text/plain; format=flowed; delsp=yes")).body == "inter"


def test_invisible_characters_do_not_tear_words() -> None:
    assert readable(letter("pass\u00adword pay\u200bment")).body == "password payment"


# --- files in the text -----------------------------------------------------------------------------


def test_uuencoded_file_in_the_text() -> None:
    message = readable(letter("Here it is:\nbegin 644 plan.txt\n%:&5L;&\\\n`\nend\nBye\n"))
    (file,) = message.attachments
    assert (file.filename, file.content(), file.size) == ("plan.txt", b"hello", 5)
    assert message.body.split() == ["Here", "it", "is:", "Bye"]


def test_yenc_file_in_the_text() -> None:
    encoded = bytes((octet + 42) % 256 for octet in b"hello") + b"=" + bytes([(19 + 42 + 64) % 256])
    raw = letter(b"See:\r\n=ybegin line=128 size=6 name=plan.bin\r\n" + encoded + b"\r\n=yend size=6\r\n")
    (file,) = readable(raw).attachments
    assert (file.filename, file.content()) == ("plan.bin", b"hello\x13")


def test_prose_that_begins_like_uuencode_is_prose() -> None:
    assert readable(letter("begin 644 lines of homework\nplease\n")).body.startswith("begin 644 lines")


# --- encrypted and signed --------------------------------------------------------------------------


def test_pgp_in_mime() -> None:
    message = readable(
        multipart(
            "encrypted",
            part("Version: 1", "application/pgp-encrypted"),
            part("x", "application/octet-stream"),
        )
    )
    assert [(one.path, one.kind) for one in message.unreadable] == [("2", Kind.ENCRYPTED)]


def test_pgp_in_the_text() -> None:
    message = readable(letter("Hi,\n-----BEGIN PGP MESSAGE-----\nhQEMA\n-----END PGP MESSAGE-----\nJoan\n"))
    assert message.body == "Hi,\nJoan" and len(message.unreadable) == 1


def _der(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


DATA, SIGNED, ENVELOPED = (bytes.fromhex("06092a864886f70d0107" + last) for last in ("01", "02", "03"))


def test_opaque_signature_is_read() -> None:
    inner = part("Signed words", "text/plain")
    signed = _der(0x30, b"\x02\x01\x01", _der(0x31), _der(0x30, DATA, _der(0xA0, _der(0x04, inner))))
    octets = _der(0x30, SIGNED, _der(0xA0, signed))
    kind = "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"
    message = readable(letter(b64(octets), kind, "Content-Transfer-Encoding: base64"))
    assert message.body == "Signed words" and message.unreadable == ()


def test_opaque_signature_in_pieces_of_unknown_length_is_read() -> None:
    inner = part("Signed words", "text/plain")
    pieces = b"\x24\x80" + _der(0x04, inner[:20]) + _der(0x04, inner[20:]) + b"\0\0"
    body = b"\x30\x80" + b"\x02\x01\x01" + _der(0x31) + b"\x30\x80" + DATA + b"\xa0\x80" + pieces + b"\0" * 8
    octets = b"\x30\x80" + SIGNED + b"\xa0\x80" + body + b"\0" * 4
    raw = letter(b64(octets), "application/x-pkcs7-mime", "Content-Transfer-Encoding: base64")
    assert readable(raw).body == "Signed words"


def test_enveloped_data_is_unreadable() -> None:
    octets = _der(0x30, ENVELOPED, _der(0xA0, _der(0x30)))
    raw = letter(b64(octets), "application/pkcs7-mime", "Content-Transfer-Encoding: base64")
    message = readable(raw)
    assert [one.kind for one in message.unreadable] == [Kind.ENCRYPTED] and "encrypted" in message.defects


# --- winmail.dat -----------------------------------------------------------------------------------


def _attribute(level: int, name: int, value: bytes) -> bytes:
    return struct.pack("<BII", level, name, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def _properties(*properties: tuple[int, int, bytes]) -> bytes:
    packed = struct.pack("<I", len(properties))
    for kind, name, value in properties:
        packed += struct.pack("<HHII", kind, name, 1, len(value)) + value + b"\0" * (-len(value) % 4)
    return packed


def _tnef(*attributes: bytes) -> bytes:
    return struct.pack("<IH", 0x223E9F78, 1) + b"".join(attributes)


def _winmail(octets: bytes) -> bytes:
    kind = 'application/ms-tnef; name="winmail.dat"'
    return multipart("mixed", part("See it"), part(b64(octets), kind, "Content-Transfer-Encoding: base64"))


def test_winmail() -> None:
    html = b"<html><body>Budget <i>meeting</i></body></html>"
    octets = _tnef(
        _attribute(1, 0x00069007, struct.pack("<II", 1252, 0)),
        _attribute(1, 0x00069003, _properties((0x102, 0x1013, html))),
        _attribute(2, 0x00069002, b"\0" * 14),
        _attribute(2, 0x00018010, b"BUDG~1.XLS\0"),
        _attribute(2, 0x0006800F, b"numbers"),
        _attribute(2, 0x00069005, _properties((0x1F, 0x3707, "Présupuesto 2026.xlsx\0".encode("utf-16-le")))),
    )
    message = readable(_winmail(octets))
    assert message.body == "See it\n\nBudget meeting"
    found = message.attachments[0]
    assert (found.path, found.filename, found.content()) == ("2.1", "Présupuesto 2026.xlsx", b"numbers")
    assert message.parts[1].kind is Kind.TNEF


def test_winmail_properties_of_all_types() -> None:
    named = struct.pack("<HH16sII4s", 0x1F, 0x8001, b"g" * 16, 1, 4, "ab".encode("utf-16-le"))
    named += struct.pack("<II4s", 1, 4, "xy".encode("utf-16-le"))
    numbered = struct.pack("<HH16sIII", 0x3, 0x8002, b"g" * 16, 0, 7, 42)
    several = struct.pack("<HHIII", 0x1003, 0x0E01, 2, 1, 2)  # two numbers
    text = struct.pack("<HHII", 0x1E, 0x1000, 1, 6) + b"words\0\0\0"
    octets = _tnef(_attribute(1, 0x00069003, struct.pack("<I", 4) + named + numbered + several + text))
    assert readable(_winmail(octets)).body == "See it\n\nwords"


def test_winmail_with_a_message_in_it() -> None:
    inner = _tnef(_attribute(1, 0x0002800C, b"inner words\0"))
    octets = _tnef(
        _attribute(2, 0x00069002, b"\0" * 14),
        _attribute(2, 0x00069005, _properties((0x0D, 0x3701, b"\0" * 16 + inner))),
    )
    assert readable(_winmail(octets)).body == "See it\n\ninner words"


def test_winmail_whose_text_is_compressed_is_unreadable_where_nothing_else_says_it() -> None:
    octets = _tnef(_attribute(1, 0x00069003, _properties((0x102, 0x1009, b"LZFu"))))
    alone = letter(b64(octets), "application/ms-tnef", "Content-Transfer-Encoding: base64")
    assert [one.defects for one in readable(alone).unreadable] == [("rtf-only",)]
    assert readable(_winmail(octets)).unreadable == ()


# MS-OXRTFCP §3.1.1
RTF = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
)


def test_winmail_whose_text_is_rtf_hands_it_to_extraction() -> None:
    octets = _tnef(_attribute(1, 0x00069003, _properties((0x102, 0x1009, RTF))))
    message = readable(_winmail(octets))
    (found,) = message.attachments
    assert found.content_type == "application/rtf"
    assert found.content() == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    assert message.unreadable == ()


def test_rtf_that_refers_to_itself() -> None:
    assert unpacked_rtf(bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")) == (
        b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"
    )


@pytest.mark.parametrize("length", range(6, 120, 7))
def test_winmail_that_was_cut_off(length: int) -> None:
    octets = _tnef(
        _attribute(1, 0x0002800C, b"some words\0"),
        _attribute(1, 0x00069003, _properties((0x102, 0x1013, b"<p>more"))),
    )
    assert readable(_winmail(octets[:length])).body.startswith("See it")


# --- calendars -------------------------------------------------------------------------------------

INVITATION = """BEGIN:VCALENDAR
BEGIN:VEVENT
SUMMARY:Parent conference\\, room 12
DESCRIPTION:Bring the report\\ncard
 s of May
LOCATION:Library
DTSTART;TZID=America/New_York:20261120T153000
ORGANIZER;CN="Doe, Joan":mailto:joan@school.example
ATTENDEE;ROLE=REQ-PARTICIPANT;CN=Rosa Silva:MAILTO:rosa@silva.example
END:VEVENT
END:VCALENDAR
"""


def test_invitation() -> None:
    message = readable(multipart("alternative", part("Please come."), part(INVITATION, "text/calendar")))
    assert message.body.splitlines() == [
        "Please come.",
        "",
        "Parent conference, room 12",
        "Bring the report",
        "cards of May",
        "Library",
        "Start: 2026-11-20 15:30",
        "Organizer: Doe, Joan <joan@school.example>",
        "Attendee: Rosa Silva <rosa@silva.example>",
    ]
    (calendar,) = message.attachments
    assert calendar.kind is Kind.CALENDAR and "Rosa Silva" in calendar.text
