"""The writing side of the catalog: one transaction for each batch, the watermark in it.

Promises: a batch is in the catalog wholly or not at all, together with the watermark that says so; a
batch is never applied twice, by whomever (the watermark moves only from where the writer saw it).
A finding id that is there already revises that finding.

Fails with `SchemaMismatchError` (rebuild), `WatermarkMovedError` (somebody else wrote: prepare again)
and sqlalchemy.exc.DBAPIError or StatementError; nothing of the batch is then in the catalog.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, inspect, select, update

from gateway.catalog import bulk, disposed, holds, notified, outbox, whole
from gateway.catalog.rows import Batch, EventRow, FindingRow, MessageRow, Part, PendingRow, Watermark, merged
from gateway.catalog.schema import (
    LATE_INDEXES,
    PROJECTION,
    SCHEMA_VERSION,
    acts,
    events,
    finding_messages,
    findings,
    messages,
    participants,
    pending_judgement,
    watermark,
)
from gateway.message.events import NO_ATTEMPT, NO_OUTCOME

SETTLE_WINDOW = timedelta(minutes=10)
_IN_LIST = 500  # ids in one IN (...); PostgreSQL and SQLite both take many more
_T = TypeVar("_T")
_MARK = tuple(Watermark.__dataclass_fields__)

_ADVANCE = (
    update(watermark)
    .where(
        watermark.c.name == "archive",
        watermark.c.position == bindparam("old_position"),
        watermark.c.entry_id == bindparam("old_entry_id"),
    )
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in ("position", "entry_id", "messages", "events", "unindexed")
        }
    )
)
_OUTCOME = (
    update(messages)
    .where(messages.c.id == bindparam("message"))
    .values(
        outcome=bindparam("new_outcome"),
        reply=bindparam("new_reply"),
        outcome_at=bindparam("new_outcome_at"),
        attempts=messages.c.attempts + bindparam("more"),
    )
)


class SchemaMismatchError(Exception):
    """The catalog was written by another version of the gateway; only a rebuild helps."""


class WatermarkMovedError(Exception):
    """Another writer was here since the watermark was read."""


class Store:
    """Writes to the catalog behind `engine`. One thread at a time."""

    def __init__(self, engine: Engine, window: timedelta = SETTLE_WINDOW) -> None:
        """`window`: how long transactions of one message may come after each other."""
        self.engine = engine
        self._window = window
        self._unindexed = False

    def prepare(self, *, index_later: bool = False) -> Watermark:
        """Make the tables of an empty catalog; the watermark. Raises SchemaMismatchError.

        `index_later`: without what `index` makes.
        """
        with self.engine.begin() as connection:
            if not inspect(connection).has_table(watermark.name):
                PROJECTION.create_all(connection)
                if index_later:
                    for index in LATE_INDEXES:
                        index.drop(connection)
                    self._unindexed = True
                connection.execute(
                    insert(watermark),
                    {"name": "archive", "position": 0, "entry_id": "", "schema_version": SCHEMA_VERSION}
                    | {"messages": 0, "events": 0, "unindexed": 0},
                )
            version = connection.scalar(select(watermark.c.schema_version))
            if version != SCHEMA_VERSION:
                raise SchemaMismatchError(f"the catalog has schema {version}, expected {SCHEMA_VERSION}")
            return read_watermark(connection)

    def index(self) -> None:
        """Make the indexes that `prepare` left for later, if it did."""
        if self._unindexed:
            with self.engine.begin() as connection:
                for index in LATE_INDEXES:
                    index.create(connection)
            self._unindexed = False

    def write(self, batch: Batch, seen: Watermark) -> Watermark:
        """Add a batch that starts after `seen`, and forget what it says was disposed of; the new watermark.

        Raises WatermarkMovedError.
        """
        recent = whole.recent(batch)
        if recent:
            self.index()
        after = Watermark(
            position=batch.position,
            entry_id=batch.entry_id,
            messages=seen.messages + len(batch.messages),
            events=seen.events + len(batch.events),
            unindexed=seen.unindexed + sum(not row["indexed"] for row in batch.messages),
        )
        with self.engine.begin() as connection:
            self._advance(connection, seen, after)
            rows, outcomes = _with_outcomes(batch.messages, batch.events)
            bulk.add(connection, messages, rows)
            bulk.add(connection, participants, batch.participants)
            bulk.add(connection, events, batch.events)
            bulk.add(connection, pending_judgement, batch.pending)
            bulk.add(connection, acts, batch.acts)
            if outcomes:
                connection.execute(_OUTCOME, outcomes)
            holds.add(connection, batch.holds)
            outbox.add_notices(connection, batch.notices)
            notified.add(connection, batch.notices)
            for decision in batch.decisions:
                outbox.apply(connection, decision)
                holds.apply(connection, decision)
            if recent:
                whole.await_judgement(connection, recent, batch.answers, self._window)
            _find(connection, batch)
            return disposed.forget(connection, batch.acts, after)

    def pending(self, now: datetime, limit: int) -> list[PendingRow]:
        """Messages whose judgement is due to be tried again, the longest due first."""
        query = (
            select(pending_judgement)
            .where(pending_judgement.c.next_attempt <= now)
            .order_by(pending_judgement.c.next_attempt, pending_judgement.c.seq)
            .limit(limit)
        )
        with self.engine.begin() as connection:
            return [cast(PendingRow, dict(row)) for row in connection.execute(query).mappings()]

    def judged(self, seq: int, found: Sequence[FindingRow]) -> None:
        """Store what a judgement that succeeded at last has found, and end its waiting."""
        with self.engine.begin() as connection:
            _revise(connection, found)
            connection.execute(delete(pending_judgement).where(pending_judgement.c.seq == seq))

    def postpone(self, row: PendingRow, found: Sequence[FindingRow]) -> None:
        """Store what a judgement has found that failed in part again, and when to try next."""
        with self.engine.begin() as connection:
            _revise(connection, found)
            connection.execute(
                update(pending_judgement)
                .where(pending_judgement.c.seq == row["seq"])
                .values(errors=row["errors"], attempts=row["attempts"], next_attempt=row["next_attempt"])
            )

    def due_as_a_whole(self, now: datetime, limit: int) -> list[tuple[whole.Waiting, list[Part]]]:
        """Messages to be judged as a whole, with their transactions."""
        with self.engine.begin() as connection:
            return [
                (one, whole.parts(connection, one, self._window)) for one in whole.due(connection, now, limit)
            ]

    def thread(self, message_ids: Iterable[str], before: int) -> frozenset[str]:
        """Canonical addresses that took part in some messages which came before a transaction (its seq)."""
        with self.engine.begin() as connection:
            return whole.thread(connection, message_ids, before)

    def standing(self, parts: Sequence[Part]) -> list[FindingRow]:
        """The findings about some transactions that hold now."""
        with self.engine.begin() as connection:
            return whole.standing(connection, [part.seq for part in parts])

    def settled(self, waiting: whole.Waiting) -> None:
        """Nothing changes for a message by judging it as a whole."""
        with self.engine.begin() as connection:
            whole.done(connection, waiting.content_id, waiting.seq)

    def settle_later(self, waiting: whole.Waiting, until: datetime) -> None:
        """Let a message wait longer for its judgement as a whole."""
        with self.engine.begin() as connection:
            whole.postpone(connection, waiting, until)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    @staticmethod
    def _advance(connection: Connection, seen: Watermark, after: Watermark) -> None:
        moved = connection.execute(
            _ADVANCE,
            {
                "old_position": seen.position,
                "old_entry_id": seen.entry_id,
                **{f"new_{name}": getattr(after, name) for name in _MARK},
            },
        )
        if moved.rowcount != 1:
            raise WatermarkMovedError(f"expected the watermark at {seen.position}")


def read_watermark(connection: Connection) -> Watermark:
    """Where the catalog is."""
    row = connection.execute(select(watermark).where(watermark.c.name == "archive")).mappings().one()
    return Watermark(**{name: row[name] for name in _MARK})


def _with_outcomes(
    rows: Sequence[MessageRow], happened: Sequence[EventRow]
) -> tuple[list[MessageRow], list[dict[str, Any]]]:
    """The messages with what became of them in this batch; updates for messages that came before it."""
    by_message: dict[str, list[EventRow]] = defaultdict(list)
    for event in happened:
        if event["kind"] not in NO_OUTCOME:
            by_message[event["message_id"]].append(event)
    done: list[MessageRow] = []
    for row in rows:
        own = by_message.pop(row["id"], None)
        if own:
            row = {**row, "attempts": row["attempts"] + _attempts(own)}
            row["outcome"], row["reply"] = own[-1]["kind"], own[-1]["reply"]
            row["outcome_at"] = own[-1]["received"]
        done.append(row)
    return done, [
        {
            "message": message,
            "new_outcome": own[-1]["kind"],
            "new_reply": own[-1]["reply"],
            "new_outcome_at": own[-1]["received"],
            "more": _attempts(own),
        }
        for message, own in by_message.items()
    ]


def _attempts(happened: Sequence[EventRow]) -> int:
    return sum(event["kind"] not in NO_ATTEMPT for event in happened)


def _find(connection: Connection, batch: Batch) -> None:
    """What messages show and what judgements say of them, in the archive's order: a judgement knows nothing of messages
    that came after it, however the entries fell into batches."""
    found = deque(sorted(batch.findings, key=lambda row: row["revised_seq"]))
    for judged in sorted(batch.judged, key=lambda each: each.seq):
        before = []
        while found and found[0]["revised_seq"] < judged.seq:
            before.append(found.popleft())
        _revise(connection, before)
        whole.apply(connection, judged)
    _revise(connection, found)


def _revise(connection: Connection, found: Iterable[FindingRow]) -> None:
    """Add findings, each merged with what the catalog and this batch hold under its id."""
    by_id: dict[str, FindingRow] = {}
    links: dict[str, set[int]] = defaultdict(set)
    for row in found:
        links[row["id"]].add(row["seq"])
        by_id[row["id"]] = merged(by_id[row["id"]], row) if row["id"] in by_id else row
    for ids in _chunks(by_id):
        known = connection.execute(select(findings).where(findings.c.id.in_(ids))).mappings().all()
        for old in known:
            before = cast(FindingRow, dict(old))
            by_id[before["id"]] = merged(before, by_id[before["id"]])
        linked = defaultdict(set)
        chosen = select(finding_messages).where(finding_messages.c.finding_id.in_(ids))
        for finding_id, seq in connection.execute(chosen):
            linked[finding_id].add(seq)
        new_links = [
            {"finding_id": finding_id, "seq": seq}
            for finding_id in ids
            for seq in sorted(links[finding_id] - linked[finding_id])
        ]
        if known:
            connection.execute(delete(findings).where(findings.c.id.in_([old["id"] for old in known])))
        rows = [{**by_id[key], "messages": len(links[key] | linked[key])} for key in ids]
        bulk.add(connection, findings, rows)
        bulk.add(connection, finding_messages, new_links)


def _chunks(ids: Iterable[_T]) -> Iterable[list[_T]]:
    remaining = iter(ids)
    while chunk := list(islice(remaining, _IN_LIST)):
        yield chunk


def count_pending(connection: Connection) -> int:
    """How many messages wait for a judgement."""
    return connection.scalar(select(func.count()).select_from(pending_judgement)) or 0
