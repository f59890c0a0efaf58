"""One entry as rows: golden, and whatever comes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.indexer import projection
from gateway.message.content import content_id
from gateway.message.envelope import Recipient
from gateway.message.reading import read_message

MULTIPART = (
    b"From: =?utf-8?q?=C3=89lise?= <Elise.M+news@Out.Example>, second@out.example\r\n"
    b"Sender: office@out.example\r\n"
    b"Reply-To: elise@home.example\r\n"
    b"To: bob@district.example\r\n"
    b"Cc: bob@district.example, Carol <carol@district.example>\r\n"
    b"Subject: =?iso-8859-1?q?Caf=E9_=26_Cake?=\r\n"
    b"In-Reply-To: <0@district.example>\r\n"
    b"List-Id: Team <team.out.example>\r\n"
    b"X-Privacy-Matter: medical\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n"
    b"\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    b"--b\r\nContent-Type: application/pdf; name=map.pdf\r\n"
    b"Content-Disposition: attachment; filename=map.pdf\r\n\r\n%PDF-\r\n"
    b"--b--\r\n"
)


def test_a_message_as_rows(archive: Any) -> None:
    message_id = archive.message(
        MULTIPART,
        mail_from="bounce@out.example",
        recipients=(Recipient("bob@district.example"), Recipient("hidden@district.example")),
        verdict=archive.verdict(archive.finding()),
    )
    entry = archive.entries[0]
    got = projection.message(entry, MULTIPART)
    assert got.message == {
        "seq": 1,
        "id": message_id,
        "received": entry.received,
        "listener": "inbound",
        "role": "inbound",
        "client_address": "192.0.2.1",
        "mail_from": "bounce@out.example",
        "message_id": None,
        "content_id": content_id(read_message(MULTIPART), MULTIPART),
        "subject": "Café & Cake",
        "date": None,
        "from_display": "Élise <Elise.M+news@Out.Example>, second@out.example",
        "size": len(MULTIPART),
        "sha256": entry.sha256,
        "header_size": MULTIPART.index(b"\r\n\r\n") + 4,
        "received_count": 0,
        "in_reply_to": ["0@district.example"],
        "auto_submitted": None,
        "list_id": "team.out.example",
        "privacy_matter": "medical",
        "attachments": [{"name": "map.pdf", "type": "application/pdf", "size": 5}],
        "attachment_count": 1,
        "defects": [],
        "defect_count": 0,
        "indexed": True,
        "action": "record",
        "not_judged": None,
        "route": "district.example",
        "next_hop": "mail:25",
        "outcome": None,
        "reply": None,
        "outcome_at": None,
        "attempts": 0,
    }
    assert [(row["number"], row["kind"], row["address"], row["name"]) for row in got.participants] == [
        (0, "from", "Elise.M+news@Out.Example", "Élise"),
        (1, "from", "second@out.example", ""),
        (2, "sender", "office@out.example", ""),
        (3, "reply_to", "elise@home.example", ""),
        (4, "to", "bob@district.example", ""),
        (5, "cc", "bob@district.example", ""),
        (6, "cc", "carol@district.example", "Carol"),
        (7, "envelope_from", "bounce@out.example", ""),
        (8, "envelope_to", "bob@district.example", ""),
        (9, "envelope_to", "hidden@district.example", ""),
    ]
    first = got.participants[0]
    assert (first["canonical"], first["domain"]) == ("elise.m@out.example", "out.example")
    assert got.pending is None
    assert got.event is None


def test_a_journaled_message_waits_for_no_outcome(archive: Any) -> None:
    archive.message(role="journal")
    row = projection.message(archive.entries[0], b"").message
    assert row is not None
    assert (row["outcome"], row["outcome_at"]) == ("journaled", archive.entries[0].received)


def test_a_finding_as_a_row(archive: Any) -> None:
    archive.message(verdict=archive.verdict(archive.finding("f7", "bob", "dan")))
    entry = archive.entries[0]
    (row,) = projection.message(entry, b"Subject: x\r\n\r\n").findings
    wanted = archive.finding("f7", "bob", "dan")
    assert row == {
        **wanted,
        "seq": 1,
        "archive_id": entry.id,
        "author_id": "coach",
        "author_canonical": "coach@district.example",
        "author_words": " coach ",
        "status": "open",
        "detected_at": entry.received,
        "revised_seq": 1,
        "messages": 1,
    }


def test_an_event_as_a_row(archive: Any) -> None:
    archive.event("some-message", "refused", "550 5.1.1 who?")
    assert projection.event(archive.entries[0]).event == {
        "seq": 1,
        "message_id": "some-message",
        "kind": "refused",
        "reply": "550 5.1.1 who?",
        "next_hop": "mail:25",
        "seconds": 0.25,
        "by": None,
        "reason": None,
        "received": archive.entries[0].received,
    }


@pytest.mark.parametrize(
    ("header", "attachments"),
    [
        (b"Content-Type: text/plain; name=notes.txt", 0),
        (b"Content-Type: text/plain\r\nContent-Disposition: attachment; filename=notes.txt", 1),
        (b"Content-Type:\r\n application/pdf; name=scan.pdf", 1),
        (b"content-type: image/png; name=a.png", 1),
        (b"X-Content-Type: image/png; name=a.png", 0),
        (b"", 0),
    ],
)
def test_the_parts_of_a_message_are_read_where_it_may_have_some(
    archive: Any, header: bytes, attachments: int
) -> None:
    raw = b"From: a@b\r\n" + header + (b"\r\n" if header else b"") + b"\r\nContent-Type: image/png\r\n"
    archive.message(raw)
    row = projection.message(archive.entries[0], raw).message
    assert row is not None
    assert row["attachment_count"] == attachments


@pytest.mark.parametrize(
    ("verdict", "defect", "errors"),
    [
        (None, [], ["engine"]),
        ("nonsense", ["verdict-unreadable: TypeError"], ["engine"]),
        ([], ["verdict-unreadable: TypeError"], ["engine"]),
        ({}, ["verdict-unreadable: KeyError"], ["engine"]),
        ({"findings": [{"rule": "x"}]}, ["verdict-unreadable: KeyError"], ["engine"]),
        ({"findings": [], "errors": ["coach/one-to-one"]}, [], ["coach/one-to-one"]),
        ({"findings": []}, [], None),
    ],
)
def test_a_verdict_that_is_missing_or_unreadable_waits_for_another(
    archive: Any, verdict: Any, defect: list[str], errors: list[str] | None
) -> None:
    raw = b"From: a@b\r\nSubject: x\r\n\r\n"
    archive.message(raw, verdict=verdict)
    got = projection.message(archive.entries[0], raw)
    assert got.message is not None
    assert got.message["defects"] == defect
    assert (got.pending["errors"] if got.pending else None) == errors


def test_what_people_cannot_read_is_no_more_than_a_name_for_many_addresses(archive: Any) -> None:
    raw = b"From: a@b\r\nTo: " + b",".join(b"a%d@b" % number for number in range(11_000)) + b"\r\n\r\n"
    archive.message(raw)
    got = projection.message(archive.entries[0], raw)
    assert got.message is not None
    assert "too-many-addresses" in got.message["defects"]
    assert len(got.participants) == projection.MAX_MAILBOXES + 2  # the envelope's are always there


def test_octets_that_are_no_text_stay_readable(archive: Any) -> None:
    archive.message(mail_from=b"caf\xe9@out.example".decode("utf-8", "surrogateescape"))
    got = projection.message(archive.entries[0], b"")
    assert got.message is not None
    assert got.message["mail_from"] == "caf\\xe9@out.example"


def test_by_envelope(archive: Any) -> None:
    archive.message(verdict=archive.verdict(archive.finding()))
    got = projection.by_envelope(archive.entries[0], OSError("damaged"))
    assert got.message is not None
    assert (got.message["indexed"], got.message["defects"]) == (False, ["index-error: OSError"])
    assert [row["kind"] for row in got.participants] == ["envelope_from", "envelope_to"]
    assert len(got.findings) == 1


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["envelope", "verdict", "client", "recipients", "findings", "author", "id", "rule", "errors"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    document=st.dictionaries(st.sampled_from(["envelope", "verdict", "event"]), json),
    raw=st.binary(max_size=300),
)
@settings(deadline=None)
def test_any_document_gives_rows_or_falls_back(
    fresh_archive: Any, document: dict[str, Any], raw: bytes
) -> None:
    archive = fresh_archive()
    archive.add("message", "id", "id", document, raw)
    entry = archive.entries[0]
    try:
        got = projection.message(entry, raw)
    except Exception as error:
        try:
            got = projection.by_envelope(entry, error)
        except Exception:
            got = projection.bare(entry, error)
    assert got.message is not None
    assert got.message["received"] == datetime(2026, 11, 20, 12, 0, 1, tzinfo=UTC)
    orjson.dumps([got.message["defects"], [dict(row) for row in got.findings]])
