"""An engine so simple that one sees it is right: it looks at every document, each time.

What an engine must answer is what this one answers.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from gateway.message.words import fold, words
from gateway.search.document import Document, Mailbox
from gateway.search.engine import (
    WORD_LETTERS,
    Bar,
    Collapse,
    Cursor,
    Facet,
    FacetValue,
    Histogram,
    Hit,
    Page,
    Sort,
    Step,
    Tier,
    Wanted,
)
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

TIERS = {
    Tier.SUBJECT: ("subject",),
    Tier.WRITTEN: ("subject", "new", "filename"),
    Tier.ATTACHED: ("subject", "new", "filename", "attachment"),
    Tier.ANYWHERE: ("subject", "new", "filename", "attachment", "quoted"),
}
FIELDS = {
    TextField.SUBJECT: ("subject",),
    TextField.NEW: ("new",),
    TextField.BODY: ("new", "quoted"),
    TextField.FILENAME: ("filename",),
    TextField.ATTACHMENT: ("attachment",),
}


class Reference:
    """Writer and searcher in one."""

    def __init__(self) -> None:
        self._committed: dict[int, Document] = {}
        self._pending: dict[int, Document | None] = {}
        self._position = 0

    def position(self) -> int:
        return self._position

    def add(self, documents: Iterable[Document]) -> None:
        self._pending |= {document.seq: document for document in documents}

    def remove(self, seqs: Iterable[int]) -> None:
        self._pending |= dict.fromkeys(seqs)

    def commit(self, position: int) -> None:
        if position < max([self._position, *(seq for seq, document in self._pending.items() if document)]):
            raise ValueError(position)
        merged = self._committed | self._pending
        self._committed = {seq: document for seq, document in merged.items() if document is not None}
        self._pending, self._position = {}, position

    def write(self, documents: Iterable[Document], position: int) -> None:
        self.add(documents)
        self.commit(position)

    def close(self) -> None:
        self._pending = {}

    def count(self, node: Node) -> int:
        return len(list(self.seqs(node)))

    def seqs(self, node: Node) -> Iterator[int]:
        return iter([seq for seq, document in sorted(self._committed.items()) if holds(node, document)])

    def similar(self, document: Document, limit: int = 10) -> Sequence[Hit]:
        raise NotImplementedError("what is similar is each engine's own opinion")

    def search(self, node: Node, wanted: Wanted) -> Page:
        after = Cursor.decode(wanted.cursor, wanted.sort) if wanted.cursor is not None else None
        until = after.until if after else self._position
        found = [self._committed[seq] for seq in self.seqs(node) if seq <= until]
        places = {document.seq: _place(document, node, wanted.sort) for document in found}
        ordered = sorted(found, key=lambda document: places[document.seq])
        if wanted.sort is Sort.OLDEST:
            ordered.sort(key=lambda document: (document.received, document.seq))
        tiers = tuple(Tier) if anywhere(node) else (Tier.ANYWHERE,)
        hits = [_hit(document, tiers[places[document.seq][0]], wanted) for document in ordered]
        if wanted.collapse:
            hits = _collapse(hits, ordered, wanted.collapse)
        if after is not None:
            mark = (after.tier, after.received, after.seq)
            hits = [hit for hit in hits if _beyond(hit, mark, places, wanted.sort)]
        page = hits[: wanted.limit]
        cursor = None
        if page and len(hits) > len(page):
            tier, _, _ = places[page[-1].seq]
            cursor = Cursor(wanted.sort, until, tier, _micros(page[-1].received), page[-1].seq).encode()
        return Page(
            tuple(page),
            until,
            cursor,
            len(found) if wanted.count else None,
            {facet: _facet(found, facet, wanted.facet_values) for facet in wanted.facets},
            histogram([document.received for document in found], wanted.histogram)
            if wanted.histogram
            else (),
        )


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _place(document: Document, node: Node, sort: Sort) -> tuple[int, int, int]:
    """Smaller is earlier: tier, then newest first."""
    tier = 0
    if sort is Sort.RELEVANCE and anywhere(node):
        tier = next(n for n, each in enumerate(Tier) if holds(node, document, each))
    return tier, -_micros(document.received), -document.seq


def _beyond(
    hit: Hit, mark: tuple[int, int, int], places: dict[int, tuple[int, int, int]], sort: Sort
) -> bool:
    tier, received, seq = mark
    if sort is Sort.OLDEST:
        return (_micros(hit.received), hit.seq) > (received, seq)
    return places[hit.seq] > (tier, -received, -seq)


def _hit(document: Document, tier: Tier, wanted: Wanted) -> Hit:
    told = wanted.sort is Sort.RELEVANCE
    return Hit(document.seq, document.id, document.received, tier if told else None)


def _collapse(hits: list[Hit], documents: list[Document], collapse: Collapse) -> list[Hit]:
    def key(document: Document) -> str:
        return {
            Collapse.MESSAGE: document.content_id,
            Collapse.TEXT: document.text_id,
            Collapse.FORWARDS: document.origin_id,
        }[collapse]

    sizes = Counter(map(key, documents))
    kept, seen = [], set[str]()
    for hit, document in zip(hits, documents, strict=True):
        content = key(document)
        if content in seen:
            continue
        if content:
            seen.add(content)
        kept.append(Hit(hit.seq, hit.id, hit.received, hit.tier, sizes[content] - 1 if content else 0))
    return kept


# --- whether a node holds ------------------------------------------------------------------------


def holds(node: Node, document: Document, tier: Tier = Tier.ANYWHERE) -> bool:
    match node:
        case Not(node=inner):
            return not holds(inner, document)
        case And(nodes=nodes):
            return all(holds(each, document, tier) for each in nodes)
        case Or(nodes=nodes):
            return any(holds(each, document, tier) for each in nodes)
        case Text(match=match, field=field):
            names = TIERS[tier] if field is TextField.ANY else FIELDS[field]
            return any(fits(match, text) for name in names for text in texts(document)[name])
        case Name(place=place, match=match):
            return any(
                fits(match, text)
                for box in boxes(document, place)
                for text in (box.name, box.address.rpartition("@")[0])
            )
        case Address(place=place, canonical=canonical):
            return any(box.address == canonical for box in boxes(document, place))
        case Domain(place=place, domain=domain):
            return any(
                box.domain == domain or box.domain.endswith("." + domain) for box in boxes(document, place)
            )
        case Is():
            return _is(node, document)
        case Between(field=field, low=low, high=high):
            value = {
                Number.RECEIVED: document.received,
                Number.DATE: document.date,
                Number.SIZE: document.size,
            }[field]
            return value is not None and (low is None or low <= value) and (high is None or value < high)  # type: ignore[operator]


def texts(document: Document) -> dict[str, tuple[str, ...]]:
    return {
        "subject": (document.subject,),
        "new": (document.body,),
        "quoted": (document.quoted, document.hidden),
        "filename": document.filenames,
        "attachment": document.attachments,
    }


def boxes(document: Document, place: Place) -> list[Mailbox]:
    if place is Place.TO:
        return [box for box in document.mailboxes if box.place is not Place.FROM]
    return [box for box in document.mailboxes if place in (Place.PARTICIPANT, box.place)]


def fits(match: Match, text: str) -> bool:
    stored = [word[:WORD_LETTERS] for word in words(text)]
    match match:
        case Near(word=word, distance=distance):
            return any(differ(word, each) <= distance for each in stored)
        case Beginning(words=wanted):
            *first, last = [word[:WORD_LETTERS] for word in wanted]
            return any(
                stored[place : place + len(first)] == first and stored[place + len(first)].startswith(last)
                for place in range(len(stored) - len(first))
            )
        case Phrase(words=wanted, slop=slop):
            cut = [word[:WORD_LETTERS] for word in wanted]
            return any(_stands(cut, stored, place, slop) for place in range(len(stored)))


def _stands(wanted: Sequence[str], stored: Sequence[str], place: int, slop: int) -> bool:
    """Whether the words stand from here on, with so many others between them."""
    if not wanted or stored[place] != wanted[0]:
        return False
    if len(wanted) == 1:
        return True
    return any(
        _stands(wanted[1:], stored, place + 1 + skipped, slop - skipped)
        for skipped in range(min(slop + 1, len(stored) - place - 1))
    )


def differ(a: str, b: str) -> int:
    """By how many letters put in, left out, replaced or swapped with the next one, none touched twice."""
    rows = [list(range(len(b) + 1))]
    for i in range(1, len(a) + 1):
        row = [i]
        for j in range(1, len(b) + 1):
            best = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                best = min(best, rows[i - 2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def keyword(document: Document, field: Keyword) -> tuple[str, ...]:
    many = {
        Keyword.PERSON: document.persons,
        Keyword.ROLE: document.roles,
        Keyword.RULE: document.rules,
        Keyword.SEVERITY: document.severities,
        Keyword.STATUS: document.statuses,
        Keyword.DEFECT: document.defects,
        Keyword.HAS: document.has,
        Keyword.TYPE: document.types,
        Keyword.GROUP: tuple(group.id for group in document.groups),
        Keyword.SCHOOL: tuple(school.id for school in document.schools),
        Keyword.HOLD: tuple(map(as_named, document.holds)),
        Keyword.REQUEST: tuple(map(as_named, document.requests)),
        Keyword.LABEL: document.labels,
    }
    one = {
        Keyword.DIRECTION: document.direction,
        Keyword.LISTENER: document.listener,
        Keyword.OUTCOME: document.outcome,
        Keyword.THREAD: document.thread,
        Keyword.ID: document.id,
        Keyword.MESSAGE_ID: document.message_id,
        Keyword.CONTENT: document.content_id,
        Keyword.SHA256: document.sha256,
        Keyword.LANGUAGE: document.language,
    }
    values = many[field] if field in many else (one[field],)
    return tuple(value for value in dict.fromkeys(values) if value)


def as_named(name: str) -> str:
    return fold(" ".join(name.split()))


def _is(node: Is, document: Document) -> bool:
    def same(value: str, wanted: str) -> bool:
        return value.startswith(wanted) if node.prefix else value == wanted

    wanted = as_named(node.value) if node.field in (Keyword.HOLD, Keyword.REQUEST) else node.value
    if any(same(value, wanted) for value in keyword(document, node.field)):
        return True
    named = {Keyword.GROUP: document.groups, Keyword.SCHOOL: document.schools}.get(node.field, ())
    return any(thing.name != "" and same(fold(thing.name), fold(node.value)) for thing in named)


def anywhere(node: Node) -> bool:
    """Whether words are looked for in any field."""
    match node:
        case Text(field=TextField.ANY):
            return True
        case And(nodes=nodes) | Or(nodes=nodes):
            return any(map(anywhere, nodes))
    return False


# --- counting ------------------------------------------------------------------------------------


def facet_values(document: Document, facet: Facet) -> tuple[str, ...]:
    authors = boxes(document, Place.FROM)
    if facet is Facet.SENDER:
        return tuple(dict.fromkeys(box.address for box in authors if box.address))
    if facet is Facet.DOMAIN:
        return tuple(dict.fromkeys(box.domain for box in authors if box.domain))
    return keyword(document, Keyword(facet.value))


def _facet(found: Sequence[Document], facet: Facet, values: int) -> tuple[FacetValue, ...]:
    counts = Counter(itertools.chain.from_iterable(facet_values(document, facet) for document in found))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(FacetValue(value, count) for value, count in ordered[:values])


def histogram(moments: Sequence[datetime], wanted: Histogram) -> tuple[Bar, ...]:
    if not moments:
        return ()
    starts = Counter(_start(moment.astimezone(wanted.zone).date(), wanted.step) for moment in moments)
    day, bars = min(starts), []
    while day <= max(starts):
        following = day + timedelta(days=1)
        while _start(following, wanted.step) == day:
            following += timedelta(days=1)
        ends = [datetime(each.year, each.month, each.day, tzinfo=wanted.zone) for each in (day, following)]
        bars.append(Bar(ends[0], ends[1], starts[day]))
        day = following
    return tuple(bars)


def _start(day: date, step: Step) -> date:
    match step:
        case Step.DAY:
            return day
        case Step.WEEK:
            return date.fromisocalendar(*day.isocalendar()[:2], 1)
        case Step.MONTH:
            return date(day.year, day.month, 1)
        case Step.YEAR:
            return date(day.year, 1, 1)
