"""What of a query is left where a part of a message could not be read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.search.document import Document
from gateway.search.query import unparse
from gateway.search.query.hiding import may_hide
from gateway.search.query.tree import And, Is, Keyword, Node
from tests.search.generated import documents, nodes
from tests.search.query.trees import ZONE, parse
from tests.search.reference import holds

# A query, and what a message must be for a hit to hide in it; beside having an unreadable part.
ROWS = [
    # Words may stand in the part.
    ("", ""),
    ("bus", ""),
    ('"late bus"', ""),
    ("pract*", ""),
    ("practise~1", ""),
    ("body:bus", ""),
    ("new:bus", ""),
    ("attachment:budget", ""),
    ("filename:budget", ""),  # of a file in an encrypted archive
    ("late OR early", ""),
    # Who, when and what became of it is known.
    ("from:ann@x.org", "from:ann@x.org"),
    ("to:smith", "to:smith"),
    ("domain:x.org", "domain:x.org"),
    ("person:s1", "person:s1"),
    ("role:student", "role:student"),
    ("after:2026-11-01", "after:2026-11-01"),
    ("date:2026-11-01..2026-11-30", "date:2026-11-01..2026-11-30"),
    ("larger:5MB", "larger:5MB"),
    ("rule:coach/*", "rule:coach/*"),
    ("outcome:relayed", "outcome:relayed"),
    ("thread:7f3a", "thread:7f3a"),
    ("has:finding", "has:finding"),
    ("bus from:ann@x.org after:2026-11-01", "from:ann@x.org after:2026-11-01"),
    ("from:ann@x.org OR from:bob@x.org", "(from:ann@x.org OR from:bob@x.org)"),
    ("from:ann@x.org OR bus", ""),
    ("(from:ann@x.org bus) OR (from:bob@x.org van)", "(from:ann@x.org OR from:bob@x.org)"),
    ("from:ann@x.org (bus OR after:2026-11-01)", "from:ann@x.org"),
    # A subject is always read, unless another one is encrypted.
    ("subject:bus", "(subject:bus OR defect:encrypted)"),
    ("subject:bus from:ann@x.org", "(subject:bus OR defect:encrypted) from:ann@x.org"),
    ("-subject:bus", "-subject:bus"),
    # A word that was seen is there, whatever the part says.
    ("-bus", "-bus"),
    ("late -bus", "-bus"),
    ("-(late bus)", "-(late bus)"),
    ("-(late OR bus)", "-(late OR bus)"),
    ("-(bus from:ann@x.org)", "-(bus from:ann@x.org)"),
    ("NOT -bus", ""),
    ("-(bus -van)", ""),  # a message with the bus that was seen, and perhaps a van
    ("-from:ann@x.org", "-from:ann@x.org"),
    # An archive or an encrypted message may have anything in it.
    ("type:pdf", ""),
    ("-type:pdf", "-type:pdf"),
    ("has:attachment", ""),
    ("has:calendar", ""),
    ("-has:image", "-has:image"),
    ("defect:no-from", ""),
    # Of more text the language may be another one.
    ("lang:es", ""),
    ("-lang:es", ""),
    # What cannot be.
    ("bus -has:unreadable", "-has:unreadable"),
]


@pytest.mark.parametrize(("query", "left"), ROWS)
def test_what_is_left(query: str, left: str) -> None:
    assert unparse(may_hide(parse(query)), zone=ZONE) == f"{left} has:unreadable".strip()


_more = st.lists(st.sampled_from(["field", "trip", "Trips", "x1", "school field trip"]), max_size=2).map(
    tuple
)
_parts = st.lists(st.sampled_from(["r1", "r2", "Grade 5", "pdf"]), max_size=2).map(tuple)


@st.composite
def read_whole(draw: st.DrawFn, seen: Document) -> Document:
    """The same message, were all its parts readable."""
    inner = draw(st.sampled_from([(), ("trip",)])) if "encrypted" in seen.defects else ()
    return replace(
        seen,
        subject=" ".join((seen.subject, *inner)),
        body=" ".join((seen.body, *draw(_more))),
        quoted=" ".join((*draw(_more), seen.quoted)),
        hidden=" ".join((seen.hidden, *draw(_more))),
        attachments=(*seen.attachments, *draw(_more)),
        filenames=(*seen.filenames, *draw(_more)),
        types=(*seen.types, *draw(_parts)),
        defects=(*seen.defects, *draw(_parts)),
        has=(*seen.has, *draw(_parts)),
        language=draw(st.sampled_from([seen.language, "r1", "r2"])),
    )


@st.composite
def seen_and_whole(draw: st.DrawFn) -> tuple[Document, Document]:
    made = draw(documents(1))
    encrypted = draw(st.booleans())
    seen = replace(
        made,
        has=(*made.has, "unreadable"),
        defects=(*made.defects, "encrypted") if encrypted else made.defects,
    )
    return seen, draw(read_whole(seen))


@given(seen_and_whole(), nodes)
@settings(deadline=None, max_examples=1_000, suppress_health_check=[HealthCheck.too_slow])
def test_no_hit_hides_elsewhere(both: tuple[Document, Document], node: Node) -> None:
    seen, whole = both
    if holds(node, whole):
        assert holds(may_hide(node), seen)


def test_nothing_hides_in_what_was_read() -> None:
    assert Is(Keyword.HAS, "unreadable") == may_hide(And(()))
