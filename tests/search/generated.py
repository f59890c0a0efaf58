"""Documents and questions made by chance from few words, so that many questions have hits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from gateway.message.words import words
from gateway.search.document import Document, Mailbox, Named
from gateway.search.query.tree import (
    Address,
    And,
    Beginning,
    Between,
    Domain,
    Is,
    Keyword,
    Match,
    Name,
    Near,
    Node,
    Not,
    Number,
    Or,
    Phrase,
    Place,
    Text,
    TextField,
)

WORDS = [
    "field",
    "trip",
    "Trips",
    "fiedl",
    "feld",
    "café",
    "CAFE",
    "straße",
    "école",
    "x1",
    "東京",
    "a",
    "trip-form",
]
PLACES = [place for place in Place if place is not Place.PARTICIPANT]
DOMAINS = ["school.org", "mail.school.org", "old-school.org", "xn--mnchen-3ya.de", "org"]
MOMENTS = [
    datetime(2026, 3, 7, 23, 30, tzinfo=UTC) + timedelta(hours=9 * n, microseconds=n % 2) for n in range(8)
]
IDS = ["r1", "r2", "Grade 5", "grade 5", "École A", "ecole a", "r", "a:b/c\\d", "x y"]

_text = st.lists(st.sampled_from([*WORDS, ",", "—", "’s", "_"]), max_size=7).map(" ".join)
_ids = st.lists(st.sampled_from(IDS), max_size=2).map(tuple)
_id = st.sampled_from(["", *IDS])
_named = st.lists(st.builds(Named, id=st.sampled_from(IDS), name=_id), max_size=2).map(tuple)
_local = st.sampled_from(["ann", "bob.field", "trip", "x1"])


@st.composite
def _mailboxes(draw: st.DrawFn) -> Mailbox:
    domain = draw(st.sampled_from(DOMAINS))
    return Mailbox(draw(st.sampled_from(PLACES)), f"{draw(_local)}@{domain}", domain, draw(_text))


@st.composite
def corpora(draw: st.DrawFn, size: int = 8) -> list[Document]:
    """Documents with sequence numbers from 1 on, some left out."""
    seqs = sorted(draw(st.sets(st.integers(1, 3 * size), max_size=size)))
    return [draw(documents(seq)) for seq in seqs]


def documents(seq: int) -> st.SearchStrategy[Document]:
    return st.builds(
        Document,
        seq=st.just(seq),
        id=st.just(f"id-{seq}"),
        received=st.sampled_from(MOMENTS),
        date=st.none()
        | st.sampled_from([*MOMENTS, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]),
        size=st.sampled_from([0, 1, 10, 2**40]),
        subject=_text,
        body=_text,
        quoted=_text,
        hidden=_text,
        attachments=st.lists(_text, max_size=3).map(tuple),
        filenames=st.lists(_text, max_size=2).map(tuple),
        mailboxes=st.lists(_mailboxes(), max_size=4).map(tuple),
        persons=_ids,
        roles=_ids,
        groups=_named,
        schools=_named,
        direction=st.sampled_from(["in", "out", "internal"]),
        listener=_id,
        outcome=_id,
        rules=_ids,
        severities=_ids,
        statuses=_ids,
        holds=_ids,
        requests=_ids,
        labels=_ids,
        message_id=_id,
        content_id=_id,
        text_id=_id,
        origin_id=_id,
        thread=_id,
        sha256=_id,
        language=_id,
        defects=_ids,
        types=_ids,
        has=_ids,
    )


_asked = st.sampled_from(sorted({word for each in WORDS for word in words(each)} | {"nobody", "fi", "tri"}))
_beginning = st.builds(lambda word, letters: word[:letters], _asked, st.integers(1, 4))
_run = st.lists(_asked, min_size=1, max_size=3)
_match: st.SearchStrategy[Match] = st.one_of(
    st.builds(Phrase, _run.map(tuple), st.integers(0, 4)),
    st.builds(lambda first, last: Beginning((*first, last)), st.lists(_asked, max_size=2), _beginning),
    st.builds(Near, _asked, st.integers(0, 2)),
)


def _ends(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | values


_leaves: st.SearchStrategy[Node] = st.one_of(
    st.builds(Text, _match, st.sampled_from(TextField)),
    st.builds(Text, _match),
    st.builds(Name, st.sampled_from(Place), _match),
    st.builds(Address, st.sampled_from(Place), st.builds("{}@{}".format, _local, st.sampled_from(DOMAINS))),
    st.builds(Domain, st.sampled_from(Place), st.sampled_from([*DOMAINS, "de", "l.org"])),
    st.builds(Is, st.sampled_from(Keyword), st.sampled_from([*IDS, "in", "id-1", "nobody"]), st.booleans()),
    *(
        st.builds(Between, st.just(field), _ends(values), _ends(values))
        for field, values in (
            (Number.RECEIVED, st.sampled_from(MOMENTS)),
            (Number.DATE, st.sampled_from(MOMENTS)),
            (Number.SIZE, st.sampled_from([-(10**30), -1, 0, 1, 10, 11, 10**30])),
        )
    ),
)

nodes: st.SearchStrategy[Node] = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
