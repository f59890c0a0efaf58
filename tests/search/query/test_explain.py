"""The sentence that a records officer checks, for each kind of question and its negation."""

from __future__ import annotations

import pytest

from gateway.search.query import explain
from gateway.search.query.tree import And, Keyword, Or
from tests.search.query.trees import ZONE, fact, parse, text

ROWS = [
    ("", "All messages."),
    ("bus", "Messages that contain the word “bus”."),
    ("-bus", "Messages that do not contain the word “bus”."),
    ('"late bus"', "Messages that contain the phrase “late bus”."),
    (
        '"late bus"~5',
        "Messages that contain the words “late … bus” in this order with at most 5 other words between them.",
    ),
    (
        '"late bus"~1',
        "Messages that contain the words “late … bus” in this order with at most 1 other word between them.",
    ),
    ("pract*", "Messages that contain a word that begins with “pract”."),
    ('"late bu"*', "Messages that contain a phrase that begins with “late bu”."),
    ("practice~1", "Messages that contain the word “practice” or one that differs by at most 1 letter."),
    ("practice~2", "Messages that contain the word “practice” or one that differs by at most 2 letters."),
    ("subject:bus", "Messages that have the word “bus” in the subject."),
    ("-subject:bus", "Messages that do not have the word “bus” in the subject."),
    ("body:bus", "Messages that have the word “bus” in the text."),
    ("new:bus", "Messages that have the word “bus” in what the author wrote anew."),
    ("filename:bus", "Messages that have the word “bus” in the file name of an attachment."),
    ("attachment:bus", "Messages that have the word “bus” inside an attachment."),
    ("from:ann@x.org", "Messages that are from ann@x.org."),
    ("-from:ann@x.org", "Messages that are not from ann@x.org."),
    ("from:@x.org", "Messages that are from an address in x.org or below it."),
    ("to:smith", "Messages that are to somebody with the word “smith” in the name or address."),
    ("cc:ann@x.org", "Messages that have ann@x.org in Cc."),
    ("bcc:ann@x.org", "Messages that have ann@x.org as a recipient whom no header names."),
    ("rcpt:ann@x.org", "Messages that have ann@x.org among those whom the envelope names as recipients."),
    ("with:ann@x.org", "Messages that have ann@x.org as sender or recipient."),
    ("domain:x.org", "Messages that have an address in x.org or below it as sender or recipient."),
    ("has:attachment", "Messages that have an attachment."),
    ("-has:attachment", "Messages that do not have an attachment."),
    ("has:unreadable", "Messages that have a part that could not be read."),
    ('person:"Ann Smith"', "Messages that involve the person “Ann Smith”."),
    ("role:student", "Messages that involve somebody with the role “student”."),
    ("group:soccer", "Messages that involve the group “soccer”."),
    ("direction:in", "Messages that were received from outside the district."),
    ("-direction:out", "Messages that were not sent out of the district."),
    ("-listener:inbound", "Messages that were not received through the listener “inbound”."),
    ("label:transcript", "Messages that have the label “transcript”."),
    ("-label:student*", "Messages that do not have some label that begins with “student”."),
    ("rule:coach/one-to-one", "Messages that have a finding by the rule “coach/one-to-one”."),
    ("rule:coach", "Messages that have a finding by some rule that begins with “coach/”."),
    ("lang:es", "Messages that are in the language “es”."),
    ("type:pdf", "Messages that have an attachment of the type “pdf”."),
    ('hold:"Doe v. Harbor"', "Messages that are kept for the legal matter “Doe v. Harbor”."),
    ("hold:*", "Messages that are kept for any legal matter."),
    ("-hold:*", "Messages that are not kept for any legal matter."),
    ("-request:2026*", "Messages that are not part of some public-records request that begins with “2026”."),
    ("after:2026-11-05", "Messages that were received on or after November 5, 2026."),
    ("before:2026-11-05", "Messages that were received before November 5, 2026."),
    ("-before:2026-11-05", "Messages that were not received before November 5, 2026."),
    ("on:2026-11-05", "Messages that were received on November 5, 2026."),
    (
        "on:2026-11",
        "Messages that were received from November 1, 2026 to the end of November 30, 2026.",
    ),
    ("date:2026-11-05", "Messages that were written on November 5, 2026 by the author's clock."),
    ("after:2026-11-05T14:30", "Messages that were received on or after November 5, 2026, 14:30 (EST)."),
    (
        "on:2026-07-05T14:30:05",
        "Messages that were received from July 5, 2026, 14:30:05 (EDT) "
        "up to, but not at, July 5, 2026, 14:30:06 (EDT).",
    ),
    ("larger:5MB", "Messages that are larger than 5 MB."),
    ("smaller:1000", "Messages that are smaller than 1000 octets."),
    ("size:1KB..2KB", "Messages that are of 1 KB to 2 KB."),
    ("size:77", "Messages that are of 77 octets exactly."),
    ("-larger:5MB", "Messages that are not larger than 5 MB."),
    (
        "late bus OR early",
        "Messages that either (contain the word “late” and contain the word “bus”) "
        "or contain the word “early”.",
    ),
    (
        "(late OR early) -bus",
        "Messages that (either contain the word “late” or contain the word “early”) "
        "and do not contain the word “bus”.",
    ),
    (
        "-(late bus)",
        "Messages that do not do this: (contain the word “late” and contain the word “bus”).",
    ),
]


@pytest.mark.parametrize(("query", "said"), ROWS)
def test_a_query_in_a_sentence(query: str, said: str) -> None:
    assert explain(parse(query), zone=ZONE) == said


@pytest.mark.parametrize("field", Keyword)
def test_every_fact_has_a_sentence(field: Keyword) -> None:
    value = "attachment" if field is Keyword.HAS else "in" if field is Keyword.DIRECTION else "v*"
    assert explain(fact(field, value)).startswith("Messages that ")


def test_what_never_holds_and_what_always_does() -> None:
    assert explain(Or(())) == "No messages."
    assert explain(And(())) == "All messages."
    assert explain(And((text("a"), Or(())))) == "Messages that contain the word “a” and (are none at all)."
