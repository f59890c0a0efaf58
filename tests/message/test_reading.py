"""What is read of a whole message."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.message.addresses import MAILBOX_LIMIT, Mailbox
from gateway.message.headers import Buffer
from gateway.message.reading import read_message

DETERMINISTIC = settings(deadline=None, derandomize=True, max_examples=500)


@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview])
def test_an_ordinary_message(ordinary: bytes, buffer: type[Buffer]) -> None:
    reading = read_message(buffer(ordinary))
    assert reading.message_id == "CAF3x=abc123@mail.example"
    assert reading.subject == "Re: Practice on Friday – bring water"
    assert reading.date == datetime(2026, 11, 20, 15, tzinfo=UTC)
    assert reading.from_ == (
        Mailbox("Joan Doe", "joan.doe@mail.example", "Joan Doe <joan.doe@mail.example>"),
    )
    assert [mailbox.address for mailbox in reading.to] == [
        "sam.student@school.example",
        "jane.roe@school.example",
    ]
    assert reading.to[1].name == "Roe, Jane"
    assert [mailbox.address for mailbox in reading.cc] == ["coach@school.example"]
    assert (reading.sender, reading.reply_to) == ((), ())
    assert reading.in_reply_to == ("CAF3x=2@mail.example",)
    assert reading.references == ("CAF3x=1@mail.example", "CAF3x=2@mail.example")
    assert (reading.auto_submitted, reading.list_id, reading.privacy_matter) == (None, None, None)
    assert reading.received_count == 3
    assert reading.defects == ()
    assert ordinary[reading.header_size :].startswith(b"See you on the field")


def test_every_mailbox_of_repeated_fields_counts() -> None:
    reading = read_message(
        b"From: a@b\r\nfrom: c@d\r\nTo: e@f\r\nFROM: g@h, i@j\r\nTo: k@l\r\n"
        b"Subject: one\r\nSubject: two\r\nMessage-ID: <1>\r\n\r\n"
    )
    assert [mailbox.address for mailbox in reading.from_] == ["a@b", "c@d", "g@h", "i@j"]
    assert [mailbox.address for mailbox in reading.to] == ["e@f", "k@l"]
    assert reading.subject == "one"
    assert reading.defects == ("duplicate-from", "duplicate-to", "duplicate-subject")


@pytest.mark.parametrize(
    ("header", "name", "value"),
    [
        # Message-ID
        (b"Message-ID: <a@b>", "message_id", "a@b"),
        (b"Message-ID: < a@b >", "message_id", "a@b"),
        (b"Message-ID: a@b", "message_id", "a@b"),
        (b"Message-ID: <a@b", "message_id", "a@b"),
        (b"Message-ID: junk <a@b> <c@d>", "message_id", "a@b"),
        (b"Message-ID:\r\n <a@b>", "message_id", "a@b"),
        (b"Message-ID: <>", "message_id", None),
        (b"Message-ID:", "message_id", None),
        (b"X: y", "message_id", None),
        # In-Reply-To, References
        (b"References: <a@b>\r\n <c@d><e@f>", "references", ("a@b", "c@d", "e@f")),
        (b"References: a@b, c@d", "references", ("a@b", "c@d")),
        (b"References: <> <a@b>", "references", ("a@b",)),
        (b"In-Reply-To: Your message of Friday <a@b>", "in_reply_to", ("a@b",)),
        (b"In-Reply-To: Your message of Friday", "in_reply_to", ()),
        (b"In-Reply-To:", "in_reply_to", ()),
        # Subject
        (b"Subject: J\xc3\xb6rg", "subject", "Jörg"),
        (b"Subject: J\xf6rg", "subject", "Jörg"),
        (b"Subject: =?utf-8?Q?J=C3=B6?=\r\n =?utf-8?Q?rg?=", "subject", "Jörg"),
        (b"Subject: a\0b", "subject", "ab"),
        (b"X: y", "subject", ""),
        # Auto-Submitted
        (b"Auto-Submitted: no", "auto_submitted", None),
        (b"Auto-Submitted: No (really)", "auto_submitted", None),
        (b"Auto-Submitted: Auto-Replied; owner-email=a@b", "auto_submitted", "auto-replied"),
        (b"Auto-Submitted: auto-generated (cron)", "auto_submitted", "auto-generated"),
        (b"Auto-Submitted: ;", "auto_submitted", None),
        # List-Id
        (b"List-Id: Team mail <Team.School.example>", "list_id", "team.school.example"),
        (b'List-Id: "a <b>" <team.school.example>', "list_id", "team.school.example"),
        (b"List-Id: team.school.example", "list_id", "team.school.example"),
        (b"List-Id: the team", "list_id", None),
        (b"List-Id: <>", "list_id", None),
        # the district's own
        (b"X-Privacy-Matter:  medical ", "privacy_matter", "medical"),
        (b"X-Privacy-Matter: =?utf-8?Q?M=C3=A9dical?=", "privacy_matter", "Médical"),
        (b"X-Privacy-Matter:", "privacy_matter", None),
        # loop detection
        (b"Received: a\r\nRECEIVED: b\r\nX: y\r\nReceived: c", "received_count", 3),
    ],
)
def test_a_field(header: bytes, name: str, value: object) -> None:
    assert getattr(read_message(header + b"\r\n\r\nbody\r\n"), name) == value


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("Fri, 20 Nov 2026 10:00:00 -0500", datetime(2026, 11, 20, 15, tzinfo=UTC)),
        ("Fri, 20 Nov 2026 10:00:00 -0500 (EST)", datetime(2026, 11, 20, 15, tzinfo=UTC)),
        ("20 Nov 2026 10:00:00 +0530", datetime(2026, 11, 20, 4, 30, tzinfo=UTC)),
        ("20 nov 2026 10:00:00 -0000", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("Fri, 20 Nov 2026 10:00 GMT", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("Fri, 20 Nov 2026 10:00:00 EST", datetime(2026, 11, 20, 15, tzinfo=UTC)),
        ("Fri, 20 Nov 2026 10:00:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("Fri, 20 Nov 26 10:00:00 -0500", datetime(2026, 11, 20, 15, tzinfo=UTC)),
        ("Fri Nov 20 10:00:00 2026", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("Fri, 20\r\n Nov\r\n 2026 10:00:00\r\n -0500", datetime(2026, 11, 20, 15, tzinfo=UTC)),
        ("Fri, 20 Nov 2026 10(h) :  00 : 07 -0500", datetime(2026, 11, 20, 15, 0, 7, tzinfo=UTC)),
        ("Sat, 31 Dec 2016 23:59:60 +0000", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Fri, 31 Nov 2026 10:00:00 -0500", None),
        ("Fri, 20 Nov 2026 25:00:00 -0500", None),
        ("Fri, 20 Foo 2026 10:00:00 -0500", None),
        ("1 Jan 0001 00:00:00 +2300", None),
        ("31 Dec 9999 23:00:00 -2300", None),
        ("1 Jan 99999999999999999999 00:00 +0000", None),
        ("Whenever", None),
        ("0 ", None),
        ("(" * 500, None),
    ],
)
def test_date(text: str, utc: datetime | None) -> None:
    reading = read_message(f"From: a@b\r\nDate: {text}\r\n\r\n".encode())
    assert reading.date == utc
    assert reading.defects == (() if utc else ("unreadable-date",))


@pytest.mark.parametrize(
    ("raw", "defects"),
    [
        (b"To: a@b\r\n\r\n", ("no-from",)),
        (b"From: Joan\r\n\r\n", ("no-mailbox-in-from",)),
        (b"From: a@b\r\nDate:\r\n\r\n", ()),
        (b"From: a@b\r\nstray\n", ("no-blank-line", "line-without-colon", "bare-lf")),
        (b"From: a@b\r\nTo: " + b"c@d," * MAILBOX_LIMIT + b"\r\n\r\n", ("too-many-mailboxes",)),
    ],
)
def test_defects(raw: bytes, defects: tuple[str, ...]) -> None:
    assert read_message(raw).defects == defects


FIELD_NAMES = (
    b"From: ", b"Sender: ", b"Reply-To:", b"To: ", b"Cc: ", b"Subject: ", b"Date: ", b"Message-ID: ", b"References: ",
    b"In-Reply-To: ", b"Auto-Submitted: ", b"List-Id: ", b"X-Privacy-Matter: ", b"Received: ",
)  # fmt: skip
PIECES = (
    b"a@b", b"<", b">", b",", b"@", b'"', b"(", b")", b"=?utf-8?Q?", b"?=", b"\r\n ", b"\r\n", b"\n", b"\r", b"\0",
    b"\xff", b"\xc3\xa9", b"20 Nov 2026 10:00:00 -0500", b":", b" ",
)  # fmt: skip


@DETERMINISTIC
@given(
    st.lists(st.one_of(st.sampled_from(FIELD_NAMES), st.sampled_from(PIECES), st.binary(max_size=8))).map(
        b"".join
    )
)
def test_any_octets(raw: bytes) -> None:
    reading = read_message(raw)
    assert 0 <= reading.header_size <= len(raw)
    assert reading.date is None or reading.date.tzinfo is UTC
    # Everything can be written to a database and a log.
    repr(reading).encode()
    for mailbox in (*reading.from_, *reading.sender, *reading.reply_to, *reading.to, *reading.cc):
        assert mailbox.address
        f"{mailbox.name}{mailbox.address}{mailbox.raw}".encode()


@DETERMINISTIC
@given(st.binary(max_size=200))
def test_the_body_says_nothing(body: bytes) -> None:
    header = b"From: a@b\r\nSubject: c\r\n\r\n"
    assert read_message(header + body) == read_message(header)
