"""Questions to the catalog: messages by number, one message, findings, coverage.

Functions over a connection (one read transaction, so that rows and coverage agree). Rows come as JSON objects
(`shapes`). Searching is a matter of the search index.

Fails with sqlalchemy.exc.DBAPIError where the database does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from gateway.catalog import shapes
from gateway.catalog.schema import events, finding_messages, messages, participants
from gateway.catalog.schema import findings as findings_table
from gateway.catalog.shapes import Json
from gateway.catalog.store import count_pending, read_watermark
from gateway.catalog.whole import SUPERSEDED
from gateway.catalog.words import clean, fold
from gateway.message.canonical import canonical_address

_DIGITS_OF_SEQ = 18  # fewer than a 64-bit number has
_FETCH = 500  # rows held at once while streaming


@dataclass(frozen=True, slots=True)
class Coverage:
    """What an answer is based on."""

    indexed: int  # the catalog holds the archive's entries up to this one
    last: int  # the archive's last entry
    lag: int  # entries that are not in the catalog yet
    unindexed: int  # messages that could be catalogued by their envelope only
    pending_judgement: int  # messages of which some rule could not be applied yet

    def to_json(self) -> Json:
        """A JSON object."""
        return asdict(self)


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


def coverage(connection: Connection, last_seq: int) -> Coverage:
    """How far the catalog is behind the archive, whose last sequence number is `last_seq`."""
    mark = read_watermark(connection)
    last = max(last_seq, mark.position)  # the archive may have been asked before the catalog
    return Coverage(
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
        wanted: ColumnElement[bool] = messages.c.seq == int(text)
    else:
        bare = text.removeprefix("<").removesuffix(">")
        wanted = or_(messages.c.id == text.lower(), messages.c.message_id == bare)
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
class RulePattern:
    """A rule by its id; with `prefix` those whose ids begin so."""

    text: str
    prefix: bool = False

    def matches(self, rule: str) -> bool:
        """Whether a rule is meant."""
        return rule.startswith(self.text) if self.prefix else rule == self.text


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Which findings; every value that is given must hold.

    `since` (inclusive) and `until` (exclusive), aware, are compared with the time of detection. `author` is a person
    id, an address or words of a name.
    """

    rule: RulePattern | None = None
    severity: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    author: str | None = None
    superseded: bool = False  # also what a later look at the whole message took back

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """The filter as SQL."""
        table = findings_table.c
        if not self.superseded:
            yield table.status != SUPERSEDED
        if self.rule is not None:
            text = self.rule.text
            yield table.rule.startswith(text, autoescape=True) if self.rule.prefix else table.rule == text
        if self.severity is not None:
            yield table.severity == self.severity
        if self.since is not None:
            yield table.detected_at >= self.since
        if self.until is not None:
            yield table.detected_at < self.until
        if self.author is not None:
            yield self._author(clean(self.author.strip()))

    @staticmethod
    def _author(text: str) -> ColumnElement[bool]:
        table = findings_table.c
        named = fold(text)
        options = [table.author_id == text, table.author_canonical == canonical_address(text)]
        if named:
            options.append(table.author_words.contains(named, autoescape=True))
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
