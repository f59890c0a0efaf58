"""What people wrote in other people's mail is found: words read in the messages by a person, with where they belong."""

from __future__ import annotations

from email import policy
from email.message import Message
from email.parser import BytesParser
from html.parser import HTMLParser

import pytest

from gateway.message.readable import Readable, readable
from gateway.message.text import decode_charset
from gateway.message.words import words

BODY, QUOTED, HIDDEN, NAME, ATTACHED = "body", "quoted", "hidden", "file name", "attachment"

# message; where; words that stand there
EXPECTED = [
    ("mikel-mail/attachment_emails_attachment_content_disposition.eml", BODY, "first part"),
    ("mikel-mail/attachment_emails_attachment_content_disposition.eml", NAME, "api.rb"),
    ("mikel-mail/attachment_emails_attachment_message_rfc822.eml", ATTACHED, "figure out what is going wrong"),
    ("mikel-mail/attachment_emails_attachment_message_rfc822.eml", NAME, "ForwardedMessage.eml broken.pdf"),
    ("mikel-mail/attachment_emails_attachment_nonascii_filename.eml", NAME, "ciële.txt"),
    ("mikel-mail/attachment_emails_attachment_only_email.eml", NAME, "blah.gz"),
    ("mikel-mail/attachment_emails_attachment_pdf_non_ascii.eml", BODY, "attaching another PDF"),
    ("mikel-mail/attachment_emails_attachment_with_base64_encoded_name.eml", NAME, "This is a test.pdf"),
    ("mikel-mail/attachment_emails_attachment_with_base64_encoded_name.eml", BODY, "vcards"),
    ("mikel-mail/attachment_emails_attachment_with_base64_encoded_name.eml", QUOTED, "Base64 encoded filename"),
    ("mikel-mail/attachment_emails_attachment_with_encoded_name.eml", NAME, "Quien Pitbull.mp3"),
    ("mikel-mail/attachment_emails_attachment_with_quoted_filename.eml", NAME, "Eelanalüüsi päring.jpg"),
    ("mikel-mail/attachment_emails_attachment_with_unquoted_name.eml", NAME, "This is a test.txt"),
    ("mikel-mail/error_emails_bad_encoded_subject.eml", BODY, "TEST"),
    ("mikel-mail/error_emails_bad_subject.eml", HIDDEN, "You have a survey waiting"),
    ("mikel-mail/error_emails_cant_parse_from.eml", BODY, "one solid piece of aluminum MacBook"),
    ("mikel-mail/error_emails_content_transfer_encoding_7-bit.eml", BODY, "Be Charitable Families of Freedom"),
    ("mikel-mail/error_emails_content_transfer_encoding_plain.eml", BODY, "Exciting Easter Investor Alert"),
    ("mikel-mail/error_emails_content_transfer_encoding_qp_with_space.eml", BODY, "you can't go wrong"),
    ("mikel-mail/error_emails_content_transfer_encoding_spam.eml", BODY, "darling telling you now"),
    ("mikel-mail/error_emails_content_transfer_encoding_text-html.eml", BODY, "chianfong cuthbert Account Manager"),
    ("mikel-mail/error_emails_content_transfer_encoding_with_8bits.eml", BODY, "Nostromo n45 Dual Analog"),
    ("mikel-mail/error_emails_content_transfer_encoding_with_semi_colon.eml", BODY, "Dear Homeowner Esteban Tanner"),
    ("mikel-mail/error_emails_content_transfer_encoding_x_uuencode.eml", BODY, "Public Generating Pool Preslynn"),
    ("mikel-mail/error_emails_content_transfer_encoding_x_uuencode.eml", NAME, "PGP_Cmts_on_12-14-01_Pkg.doc"),
    ("mikel-mail/error_emails_empty_group_lists.eml", BODY, "Attention Beneficiary"),
    ("mikel-mail/error_emails_encoding_madness.eml", BODY, "Body Text"),
    ("mikel-mail/error_emails_header_fields_with_empty_values.eml", QUOTED, "Jørn Støylen"),
    ("mikel-mail/error_emails_multiple_invalid_content_dispositions.eml", BODY, "foo"),
    ("mikel-mail/error_emails_new_line_in_to_header.eml", BODY, "prospect requestdate"),
    ("mikel-mail/error_emails_trademark_character_in_subject.eml", BODY, "not important"),
    ("mikel-mail/mime_emails_email_with_similar_boundaries.eml", NAME, "LOGO.png"),
    ("mikel-mail/mime_emails_email_with_similar_boundaries.eml", BODY, "Test"),
    ("mikel-mail/mime_emails_raw_email4.eml", QUOTED, "Orange Multi Media Message"),
    ("mikel-mail/mime_emails_raw_email7.eml", NAME, "test.rb test.pdf smime.p7s"),
    ("mikel-mail/mime_emails_raw_email_encoded_stack_level_too_deep.eml", BODY, "Nicolas Fouché has accepted"),
    ("mikel-mail/mime_emails_raw_email_with_binary_encoded.eml", NAME, "2013-08-13_19-08-28-1.jpg"),
    ("mikel-mail/mime_emails_raw_email_with_illegal_boundary.eml", BODY, "This is an outlook test"),
    ("mikel-mail/mime_emails_raw_email_with_mimepart_without_content_type.eml", ATTACHED, "tu me reconnais"),
    ("mikel-mail/mime_emails_raw_email_with_nested_attachment.eml", NAME, "truncated.png"),
    ("mikel-mail/mime_emails_sig_only_email.eml", BODY, "not signed correctly"),
    ("mikel-mail/mime_emails_two_from_in_message.eml", BODY, "do some digging tomorrow"),
    ("mikel-mail/multi_charset_japanese.eml", BODY, "かきくえこ"),
    ("mikel-mail/multi_charset_japanese.eml", QUOTED, "Life blog"),
    ("mikel-mail/multi_charset_japanese_attachment.eml", NAME, "てすと.txt"),
    ("mikel-mail/multi_charset_japanese_attachment_long_name.eml", NAME, "かきくけこ" * 5 + ".txt"),
    ("mikel-mail/multi_charset_japanese_iso_2022.eml", BODY, "すみません"),
    ("mikel-mail/multi_charset_japanese_shift_jis.eml", BODY, "このメールはテスト用のメールです"),
    ("mikel-mail/multi_charset_ks_c_5601-1987.eml", BODY, "스티해"),
    ("mikel-mail/multipart_report_emails_multi_address_bounce1.eml", BODY, "sorry to have to inform you"),
    ("mikel-mail/multipart_report_emails_multi_address_bounce1.eml", ATTACHED, "Rahul Software Developer"),
    ("mikel-mail/multipart_report_emails_multipart_report_multiple_status.eml", BODY, "has restricted SMS"),
    ("mikel-mail/multipart_report_emails_multipart_report_multiple_status.eml", ATTACHED, "Farida Malik thinks"),
    ("mikel-mail/plain_emails_basic_email.eml", BODY, "Hope it works well"),
    ("mikel-mail/plain_emails_raw_email.eml", BODY, "대부분의 마찬가지로 Jamis입니다"),
    ("mikel-mail/plain_emails_raw_email10.eml", BODY, "Bell Mobilité"),
    ("mikel-mail/plain_emails_raw_email_incorrect_header.eml", BODY, "Ad Ware and Spy Ware"),
    ("mikel-mail/plain_emails_raw_email_quoted_with_0d0a.eml", BODY, "A fax has arrived"),
    ("mikel-mail/plain_emails_raw_email_with_bad_date.eml", BODY, "hotnewsoft"),
    ("mikel-mail/rfc2822_example06.eml", BODY, "This is a reply to your hello"),
    ("mikel-mail/rfc2822_example13.eml", BODY, "message just to say hello"),
    ("mikel-mail/rfc6532_utf8_headers.eml", BODY, "body"),
    ("stalwart/rfc_000.eml", BODY, "illustrates explicit versus implicit typing cool"),
    ("stalwart/rfc_000.eml", ATTACHED, "Additional text in ISO"),
    ("stalwart/rfc_001.eml", NAME, "BodyFormats.ps"),
    ("stalwart/rfc_002.eml", BODY, "Fire up Air Force One"),
    ("stalwart/rfc_002.eml", ATTACHED, "finally figured out this MIME thing"),
    ("stalwart/rfc_002.eml", NAME, "map_of_Argentina.gif"),
    ("stalwart/rfc_004.eml", ATTACHED, "my different opinion another body"),
    ("stalwart/rfc_005.eml", HIDDEN, "This is the epilogue"),
    ("stalwart/rfc_006.eml", BODY, "This is the HTML Section"),
    ("stalwart/rfc_006.eml", HIDDEN, "Plain text email goes here"),
    ("stalwart/rfc_008.eml", ATTACHED, "This is an HTML test message"),
    ("stalwart/rfc_009.eml", ATTACHED, "elaborate request Please say Hello"),
    ("stalwart/thirdparty_002.eml", BODY, "päivää yötä vaan garbage"),
    ("stalwart/thirdparty_003.eml", BODY, "black king to queen's bishop"),
    ("stalwart/thirdparty_005.eml", BODY, "Test message 世界人権宣言"),
    ("stalwart/thirdparty_006.eml", BODY, "Don't find me here"),
    ("stalwart/thirdparty_006.eml", HIDDEN, "Search me and Find me here"),
    ("stalwart/thirdparty_007.eml", ATTACHED, "Lovely attachment for you Not agreeing one bit"),
    ("stalwart/thirdparty_008.eml", ATTACHED, "sub3 text2"),
    ("stalwart/thirdparty_009.eml", BODY, "fancy thing I was talking about"),
    ("stalwart/thirdparty_009.eml", ATTACHED, "first part of the message"),
    ("stalwart/thirdparty_010.eml", BODY, "人権の無視及"),
    ("stalwart/thirdparty_014.eml", BODY, "undefined reference SHPGetInfo Cheers"),
    ("stalwart/thirdparty_015.eml", BODY, "Daniela vor ein paar Tagen"),
    ("stalwart/thirdparty_015.eml", QUOTED, "Jonas Sterr ProxForge"),
    ("stalwart/thirdparty_015.eml", NAME, "training-mail.txt office-reply.txt shop-mail.txt"),
    ("stalwart/thirdparty_016.eml", BODY, "Search for höhö"),
    ("stalwart/thirdparty_017.eml", HIDDEN, "Search for hähä"),
    ("stalwart/thirdparty_019.eml", NAME, "attach2.png"),
]  # fmt: skip


def text_of(message: Readable, where: str) -> str:
    return {
        BODY: message.body,
        QUOTED: message.quoted,
        HIDDEN: message.hidden,
        NAME: "\n".join(message.filenames),
        ATTACHED: "\n".join(part.text for part in message.attachments),
    }[where]


@pytest.mark.parametrize(("name", "where", "expected"), EXPECTED)
def test_words_are_where_they_belong(
    corpus_mail: dict[str, bytes], name: str, where: str, expected: str
) -> None:
    found = set(words(text_of(readable(corpus_mail[name]), where)))
    assert set(words(expected)) <= found


def test_no_message_is_beyond_reading(corpus_mail: dict[str, bytes]) -> None:
    for name, raw in corpus_mail.items():
        assert "unreadable-message" not in readable(raw).defects, name


# Where Python's parser and this one rightly differ, each looked at.
DIFFERENT = {
    "error_emails_content_transfer_encoding_7-bit.eml",  # UTF-8 that is said to be Latin-1
    "error_emails_content_transfer_encoding_empty.eml",  # UTF-8 that is said to be Big5
    "error_emails_content_transfer_encoding_with_8bits.eml",  # words that tags divide
    "error_emails_empty_group_lists.eml",  # the same
    "thirdparty_006.eml",  # the same
    "mime_emails_raw_email11.eml",  # commands of text/enriched
    "rfc_000.eml",  # the same
    "plain_emails_raw_email_incorrect_header.eml",  # fields behind a line that is none
    "rfc2822_example13.eml",  # the same
    "rfc_008.eml",  # an attached message in base64
    "thirdparty_002.eml",  # garbage behind base64
    "thirdparty_003.eml",  # an encoding that is spelled wrongly
    "thirdparty_015.eml",  # the header of an attached message
}


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.skipped += tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self.skipped -= tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        self.pieces += [data] if not self.skipped else []


def python_reads(message: Message) -> set[str]:
    """The words of every text part, as the standard library reads it."""
    found: set[str] = set()
    for part in message.walk():
        if part.get_content_maintype() != "text":
            continue
        octets, charset = part.get_payload(decode=True), part.get_param("charset")
        text = decode_charset(
            octets if isinstance(octets, bytes) else b"", charset if isinstance(charset, str) else "utf-8"
        )
        if part.get_content_subtype() == "html":
            page = _Text()
            page.feed(text)
            text = "".join(page.pieces)
        found.update(words(text))
    return found


def test_what_python_reads_is_found(corpus_mail: dict[str, bytes]) -> None:
    for name, raw in corpus_mail.items():
        message = readable(raw)
        found = {
            word
            for where in (BODY, QUOTED, HIDDEN, NAME, ATTACHED)
            for word in words(text_of(message, where))
        }
        for link in message.links:
            found.update(words(f"{link.target} {link.text}"))
        for part in message.attachments:
            if part.content_type.startswith("text/"):
                found.update(words(part.content().decode("utf-8", "replace")))
        if name.rpartition("/")[2] not in DIFFERENT:
            assert python_reads(BytesParser(policy=policy.compat32).parsebytes(raw)) <= found, name
