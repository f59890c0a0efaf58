"""The fields of the index, and a document as its fields.

Words have their positions; facts are whole terms; numbers are columns. Stored is only what a hit must tell and no
column can (`kept`). Facts by which nothing is counted share one field, for each field costs an octet of every message;
they carry what they are in front, and addresses and domains their place ("address:to:ann@x.org"). Most messages forward
nothing, so their text and its origin are one term, which says of which it is one.
One more document marks the position: it has no field of a message, so only what asks for all must leave it out.

A change here, or in how words are made (`text`, `message.words`), needs a new VERSION: it is part of the schema, and
Tantivy opens no index with another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import tantivy

from gateway.message.words import fold
from gateway.search.document import Document, Mailbox
from gateway.search.engine import Facet
from gateway.search.query.tree import Keyword, Place, TextField
from gateway.search.tantivy.kept import Kept, pack
from gateway.search.tantivy.text import NOBODY, joined, plain

VERSION = 3
MARK = f"mark_{VERSION}"
POSITION = "position"
MARKED = "position"  # the term of the document that marks it

ANALYSER = "words"
WHOLE = "raw"
SEQ, RECEIVED, DATE, SIZE = "seq", "received", "date", "size"
KEPT, FACTS = "kept", "facts"
SUBJECT, NEW, QUOTED, FILENAME, ATTACHMENT = "subject", "new", "quoted", "filename", "attachment"
TEXTS = {
    TextField.SUBJECT: (SUBJECT,),
    TextField.NEW: (NEW,),
    TextField.BODY: (NEW, QUOTED),
    TextField.FILENAME: (FILENAME,),
    TextField.ATTACHMENT: (ATTACHMENT,),
    TextField.ANY: (SUBJECT, NEW, FILENAME, ATTACHMENT, QUOTED),
}
PLACES = (Place.FROM, Place.TO, Place.CC, Place.BCC, Place.RCPT)
ADDRESS, DOMAIN = "address", "domain"
GROUP_NAME, SCHOOL_NAME = "group_name", "school_name"
TEXT, ORIGIN, TEXT_AND_ORIGIN = "text", "origin", "text_and_origin"

# The names of keywords and facets; what is a facet has a field of its own, which is a column.
KEYWORDS = {keyword: keyword.value.replace("-", "_") for keyword in Keyword}
FACETS = {facet: facet.value for facet in Facet} | {Facet.SENDER: "sender", Facet.DOMAIN: "author_domain"}
_COLUMNS = frozenset(FACETS.values())
# In which field a fact stands, and behind what.
_STANDS = {
    name: (name, "") if name in _COLUMNS else (FACTS, f"{name}:")
    for name in (
        *KEYWORDS.values(), *_COLUMNS, ADDRESS, DOMAIN, GROUP_NAME, SCHOOL_NAME, TEXT, ORIGIN, TEXT_AND_ORIGIN,
    )
}  # fmt: skip

DIGESTS = frozenset({Keyword.CONTENT, Keyword.SHA256})
DIGEST_LETTERS = 24  # 96 bits in hexadecimal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def name_field(place: Place) -> str:
    """The field of names in a place."""
    return _NAMES[place]


_NAMES = {place: f"name_{place.value}" for place in Place}


def build() -> tantivy.Schema:
    """The schema."""
    builder = tantivy.SchemaBuilder()
    for name in (SUBJECT, NEW, QUOTED, FILENAME, ATTACHMENT, *map(name_field, PLACES)):
        builder.add_text_field(name, tokenizer_name=ANALYSER, index_option="position")
    for name in sorted({*_COLUMNS, FACTS, MARK}):
        builder.add_text_field(name, tokenizer_name=WHOLE, index_option="basic", fast=name in _COLUMNS)
    builder.add_bytes_field(KEPT, stored=True)
    builder.add_integer_field(SEQ, indexed=True, fast=True)
    # Signed all of them: a Python int put into an unsigned field ends Tantivy's writing thread.
    for name in (RECEIVED, DATE, SIZE, POSITION):
        builder.add_integer_field(name, fast=True)
    return builder.build()


def register(index: tantivy.Index) -> None:
    """Make known how words are told apart; an index must hear it each time that it is opened."""
    words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
    index.register_tokenizer(ANALYSER, words.filter(tantivy.Filter.custom_stopword([NOBODY])).build())


def microseconds(moment: datetime) -> int:
    """Since 1970; exact. Raises TypeError for a time without zone."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(number: int) -> datetime:
    """The other way."""
    return _EPOCH + number * _MICROSECOND


def digest(value: str) -> str:
    """As much of a digest as tells it from all others: its letters are what the dictionary of terms is full of."""
    return value[:DIGEST_LETTERS]


def whole(value: str) -> str:
    """A fact as it is stored; half of a surrogate pair is no text, and becomes a question mark."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def term(name: str, value: str) -> tuple[str, str]:
    """In which field a fact stands, and as what."""
    field, prefix = _STANDS[name]
    return field, prefix + whole(value)


def mark(position: int) -> tantivy.Document:
    """The document that says how far the index is."""
    made = tantivy.Document()
    made.add_text(MARK, MARKED)
    made.add_integer(POSITION, position)
    return made


def to_tantivy(document: Document) -> tantivy.Document:
    """A document as its fields."""
    made = tantivy.Document()
    made.add_integer(SEQ, document.seq)
    made.add_integer(RECEIVED, microseconds(document.received))
    made.add_integer(SIZE, document.size)
    if document.date is not None:
        made.add_integer(DATE, microseconds(document.date))
    add = made.add_text
    for name, text in _texts(document):
        if text:
            add(name, text)
    for name, values in _facts(document):
        if values:
            field, prefix = _STANDS[name]
            for value in values if len(values) < 2 else dict.fromkeys(values):
                if value:
                    add(field, prefix + (value if value.isascii() else whole(value)))
    made.add_bytes(KEPT, pack(kept(document)))
    return made


def _texts(document: Document) -> Iterator[tuple[str, str]]:
    yield SUBJECT, joined((document.subject,))
    yield NEW, joined((document.body,))
    yield QUOTED, joined((document.quoted, document.hidden))
    if document.filenames:
        yield FILENAME, joined(document.filenames)
    if document.attachments:
        yield ATTACHMENT, joined(document.attachments)
    names: dict[Place, dict[str, None]] = {}
    for box in document.mailboxes:
        of_place = names.setdefault(box.place, {})
        of_place[box.name] = of_place[local(box)] = None
    for place, texts in names.items():
        yield name_field(place), joined(texts, _plain_name)


# The same people write again and again, and who writes stands in the envelope, too.
_plain_name = lru_cache(maxsize=2_048)(plain)


def _facts(document: Document) -> list[tuple[str, Sequence[str]]]:
    """What is compared as a whole; empty values are none."""
    boxes = document.mailboxes
    authors = [box for box in boxes if box.place is Place.FROM]
    domains_of = dict.fromkeys([(box.place, box.domain) for box in boxes])
    text, origin = document.text_id, document.origin_id
    return [
        (FACETS[Facet.SENDER], [box.address for box in authors]),
        (FACETS[Facet.DOMAIN], [box.domain for box in authors]),
        (ADDRESS, [box.place + f":{box.address}" for box in boxes]),
        (DOMAIN, [place + f":{each}" for place, domain in domains_of for each in domains(domain)]),
        (KEYWORDS[Keyword.GROUP], [group.id for group in document.groups]),
        (KEYWORDS[Keyword.SCHOOL], [school.id for school in document.schools]),
        (GROUP_NAME, [fold(group.name) for group in document.groups]),
        (SCHOOL_NAME, [fold(school.name) for school in document.schools]),
        (TEXT_AND_ORIGIN, (text if text == origin else "",)),
        (TEXT, (text if text != origin else "",)),
        (ORIGIN, (origin if text != origin else "",)),
        (KEYWORDS[Keyword.PERSON], document.persons),
        (KEYWORDS[Keyword.ROLE], document.roles),
        (KEYWORDS[Keyword.DIRECTION], (document.direction,)),
        (KEYWORDS[Keyword.LISTENER], (document.listener,)),
        (KEYWORDS[Keyword.RULE], document.rules),
        (KEYWORDS[Keyword.SEVERITY], document.severities),
        (KEYWORDS[Keyword.STATUS], document.statuses),
        (KEYWORDS[Keyword.OUTCOME], (document.outcome,)),
        (KEYWORDS[Keyword.HOLD], [*map(named, document.holds)]),
        (KEYWORDS[Keyword.REQUEST], [*map(named, document.requests)]),
        (KEYWORDS[Keyword.LABEL], document.labels),
        (KEYWORDS[Keyword.THREAD], (document.thread,)),
        (KEYWORDS[Keyword.ID], (document.id,)),
        (KEYWORDS[Keyword.MESSAGE_ID], (document.message_id,)),
        (KEYWORDS[Keyword.CONTENT], (digest(document.content_id),)),
        (KEYWORDS[Keyword.SHA256], (digest(document.sha256),)),
        (KEYWORDS[Keyword.DEFECT], document.defects),
        (KEYWORDS[Keyword.LANGUAGE], (document.language,)),
        (KEYWORDS[Keyword.HAS], document.has),
        (KEYWORDS[Keyword.TYPE], document.types),
    ]


def kept(document: Document) -> Kept:
    """What is kept of a document."""
    return Kept(document.id, digest(document.content_id), document.text_id, document.origin_id)


def named(name: str) -> str:
    """A name that is compared as a whole, without case and accents, and however many blanks are in it."""
    return fold(" ".join(name.split()))


def local(box: Mailbox) -> str:
    """The part of an address before the @."""
    return box.address.rpartition("@")[0]


def domains(domain: str) -> list[str]:
    """A domain and each one that it is in."""
    found = []
    while domain:
        found.append(domain)
        domain = domain.partition(".")[2]
    return found
