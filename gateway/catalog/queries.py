"""Questions to the catalog: search, one message, findings, coverage.

Functions over a connection (one read transaction, so that hits, rows and coverage agree). Results are
newest first and paged by a cursor, never silently cut; every search answer states its coverage.
Rows come as JSON objects (`shapes`).

Fails with sqlalchemy.exc.DBAPIError where the database does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo

from sqlalchemy import Connection, and_, func, or_, select

from gateway.catalog import shapes
from gateway.catalog.conditions import Condition, condition, contains, has_message_id, matches
from gateway.catalog.grammar import Node, Phrase, Value
from gateway.catalog.schema import events, finding_messages, messages, participants
from gateway.catalog.schema import findings as findings_table
from gateway.catalog.shapes import Json
from gateway.catalog.store import count_pending, read_watermark
from gateway.catalog.whole import SUPERSEDED
from gateway.catalog.words import clean, words
from gateway.message.canonical import canonical_address

_DIGITS_OF_SEQ = 18  # fewer than a 64-bit number has
_FETCH = 500  # rows held at once while streaming


@dataclass(frozen=True, slots=True)
class Coverage:
    """What an answer is based on."""

    hits: int | None  # messages that satisfy the query; None where they were not counted
    indexed: int  # the catalog holds the archive's entries up to this one
    last: int  # the archive's last entry
    lag: int  # entries that are not in the catalog yet
    unindexed: int  # messages that could be catalogued by their envelope only
    pending_judgement: int  # messages of which some rule could not be applied yet

    def to_json(self) -> Json:
        """A JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of results, the cursor of the next (None: this was the last), and the coverage."""

    rows: tuple[Json, ...]
    cursor: int | None
    coverage: Coverage


def search(
    connection: Connection,
    query: Node,
    *,
    zone: tzinfo,
    last_seq: int,
    limit: int = 50,
    before: int | None = None,
    count: bool = True,
) -> Answer:
    """Messages that satisfy `query`, newest first.

    `zone`: the district's time zone, for days. `last_seq`: the archive's last sequence number, for the
    coverage. `limit`: rows of one page. `before`: the cursor of the page before. `count=False` leaves
    the hits uncounted, which is quicker for later pages.
    """
    wanted = condition(query, zone)
    page = wanted if before is None else and_(wanted, messages.c.seq < before)
    chosen = select(messages).where(page).order_by(messages.c.seq.desc()).limit(limit + 1)
    rows = connection.execute(chosen).mappings().all()
    shown = rows[:limit]
    seqs = [row["seq"] for row in shown]
    to, rules = _recipients(connection, seqs), _rules(connection, seqs)
    hits = connection.scalar(select(func.count()).select_from(messages).where(wanted)) if count else None
    return Answer(
        rows=tuple(shapes.hit(row, to[row["seq"]], rules[row["seq"]]) for row in shown),
        cursor=seqs[-1] if len(rows) > limit and seqs else None,
        coverage=coverage(connection, last_seq, hits),
    )


def hits(connection: Connection, seqs: Sequence[int]) -> dict[int, Json]:
    """Messages as search results, by sequence number, in the order of `seqs`; one that is not here is left out."""
    rows = {
        row["seq"]: row
        for chunk in _chunks(seqs)
        for row in connection.execute(select(messages).where(messages.c.seq.in_(chunk))).mappings()
    }
    to, rules = _recipients(connection, rows), _rules(connection, rows)
    return {seq: shapes.hit(rows[seq], to[seq], rules[seq]) for seq in seqs if seq in rows}


def messages_up_to(connection: Connection, position: int) -> int:
    """How many messages the archive's entries up to this one are, of which the catalog has all."""
    later = select(func.count()).select_from(messages).where(messages.c.seq > position)
    return read_watermark(connection).messages - (connection.scalar(later) or 0)


def coverage(connection: Connection, last_seq: int, hits: int | None = None) -> Coverage:
    """How far the catalog is behind the archive, whose last sequence number is `last_seq`."""
    mark = read_watermark(connection)
    last = max(last_seq, mark.position)  # the archive may have been asked before the catalog
    return Coverage(
        hits=hits,
        indexed=mark.position,
        last=last,
        lag=last - mark.position,
        unindexed=mark.unindexed,
        pending_judgement=count_pending(connection),
    )


def message(connection: Connection, name: str) -> Json | None:
    """One message by its archive id, sequence number or Message-ID (then the newest); None if none."""
    text = clean(name.strip())
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS_OF_SEQ:
        wanted: Condition = messages.c.seq == int(text)
    else:
        wanted = or_(messages.c.id == text.lower(), has_message_id(text))
    chosen = select(messages).where(wanted).order_by(messages.c.seq.desc()).limit(1)
    row = connection.execute(chosen).mappings().first()
    if row is None:
        return None
    seq = row["seq"]
    people = select(participants).where(participants.c.seq == seq).order_by(participants.c.number)
    found = (
        select(findings_table)
        .join(finding_messages, finding_messages.c.finding_id == findings_table.c.id)
        .where(finding_messages.c.seq == seq)
        .order_by(findings_table.c.rule, findings_table.c.id)
    )
    happened = select(events).where(events.c.message_id == row["id"]).order_by(events.c.seq)
    return shapes.message(
        row,
        connection.execute(people).mappings().all(),
        connection.execute(found).mappings().all(),
        connection.execute(happened).mappings().all(),
    )


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Which findings; every value that is given must hold.

    `rule` and `severity` as values of the grammar's `rule:` and `severity:`. `since` (inclusive) and
    `until` (exclusive), aware, are compared with the time of detection. `author` is a person id, an
    address or words of a name.
    """

    rule: Value | None = None
    severity: Value | None = None
    since: datetime | None = None
    until: datetime | None = None
    author: str | None = None
    superseded: bool = False  # also what a later look at the whole message took back

    def conditions(self) -> Iterator[Condition]:
        """The filter as SQL."""
        table = findings_table.c
        if not self.superseded:
            yield table.status != SUPERSEDED
        if self.rule is not None:
            yield matches(table.rule, self.rule)
        if self.severity is not None:
            yield matches(table.severity, self.severity)
        if self.since is not None:
            yield table.detected_at >= self.since
        if self.until is not None:
            yield table.detected_at < self.until
        if self.author is not None:
            yield self._author(clean(self.author.strip()))

    @staticmethod
    def _author(text: str) -> Condition:
        table = findings_table.c
        named = words(text)
        options = [table.author_id == text, table.author_canonical == canonical_address(text)]
        if named:
            options.append(contains(table.author_words, Phrase(tuple(named))))
        return or_(*options)


def findings(
    connection: Connection,
    wanted: FindingFilter | None = None,
    *,
    limit: int | None = None,
    before: tuple[int, str] | None = None,
) -> Iterator[Json]:
    """Findings, those of the newest messages first, streamed while `connection` is open.

    `before`: sequence number and id of the last finding of the page before (`cursor_of`).
    """
    table = findings_table.c
    chosen = select(findings_table).where(*(wanted or FindingFilter()).conditions())
    if before is not None:
        seq, finding_id = before
        chosen = chosen.where(or_(table.seq < seq, and_(table.seq == seq, table.id > finding_id)))
    chosen = chosen.order_by(table.seq.desc(), table.id).limit(limit)
    for row in connection.execute(chosen.execution_options(yield_per=_FETCH)).mappings():
        yield shapes.finding(row)


def _chunks(seqs: Sequence[int]) -> Iterator[Sequence[int]]:
    return (seqs[at : at + _FETCH] for at in range(0, len(seqs), _FETCH))


def _recipients(connection: Connection, seqs: Iterable[int]) -> defaultdict[int, list[str]]:
    """The addresses each message went to, those that its headers name first, each once."""
    table = participants.c
    chosen = (
        select(table.seq, table.address)
        .where(table.seq.in_(list(seqs)), table.kind.in_(("to", "cc", "envelope_to")))
        .order_by(table.seq, table.number)
    )
    found: defaultdict[int, dict[str, None]] = defaultdict(dict)
    for seq, address in connection.execute(chosen):
        found[seq].setdefault(address)
    return defaultdict(list, {seq: list(addresses) for seq, addresses in found.items()})


def _rules(connection: Connection, seqs: Iterable[int]) -> defaultdict[int, list[str]]:
    """The rules with findings on each message."""
    chosen = (
        select(finding_messages.c.seq, findings_table.c.rule)
        .join(findings_table, findings_table.c.id == finding_messages.c.finding_id)
        .where(finding_messages.c.seq.in_(list(seqs)), findings_table.c.status != SUPERSEDED)
        .order_by(finding_messages.c.seq, findings_table.c.rule)
    )
    found: defaultdict[int, list[str]] = defaultdict(list)
    for seq, rule in connection.execute(chosen):
        if rule not in found[seq]:
            found[seq].append(rule)
    return found
