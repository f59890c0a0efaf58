"""The writing side: transactions, watermark, outcomes, findings that are revised."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError, StatementError
from sqlalchemy.schema import CreateIndex, CreateTable

from gateway.catalog import schema
from gateway.catalog.rows import FindingRow, Watermark, merged
from gateway.catalog.sqlite import is_damaged, open_reader, open_writer
from gateway.catalog.store import SchemaMismatchError, Store, WatermarkMovedError

Write = Callable[..., Store]


def table(store: Store, name: str) -> list[dict[str, Any]]:
    chosen = schema.PROJECTION.tables[name]
    with store.engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(chosen)).mappings()]


def test_an_empty_catalog_is_at_the_beginning(store: Store) -> None:
    assert store.prepare() == Watermark()


def test_a_batch_is_written_with_its_watermark(rows: Any, written: Write) -> None:
    store = written(
        rows.batch(
            2,
            messages=[rows.message(1), rows.message(2, indexed=False)],
            participants=[rows.participant(1, 0, "from", "a@out.example", "A")],
        )
    )
    assert store.prepare() == Watermark(2, "id-2", messages=2, events=0, unindexed=1)
    assert [row["id"] for row in table(store, "messages")] == ["id-1", "id-2"]
    assert table(store, "messages")[0]["received"] == rows.noon + timedelta(minutes=1)


def test_what_fails_in_a_batch_leaves_nothing_of_it(rows: Any, written: Write) -> None:
    store = written(rows.batch(1, messages=[rows.message(1)]))
    mark = store.prepare()
    with pytest.raises(IntegrityError):
        store.write(rows.batch(3, messages=[rows.message(2), rows.message(1)]), mark)
    with pytest.raises(StatementError):
        store.write(rows.batch(2, messages=[rows.message(2, received=rows.noon.replace(tzinfo=None))]), mark)
    assert store.prepare() == mark
    assert len(table(store, "messages")) == 1


def test_a_batch_is_applied_once_whoever_writes(rows: Any, written: Write) -> None:
    store = written(rows.batch(1, messages=[rows.message(1)]))
    for seen in (Watermark(), Watermark(1, "another")):
        with pytest.raises(WatermarkMovedError):
            store.write(rows.batch(2, messages=[rows.message(2)]), seen)
    assert store.prepare().position == 1


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
def test_events_become_the_outcome(rows: Any, written: Write, together: bool) -> None:
    happened = [rows.event(3, 1, "deferred", "450 wait"), rows.event(4, 1, "relayed", "250 done")]
    both = [rows.message(1), rows.message(2)]
    if together:
        store = written(rows.batch(4, messages=both, events=happened))
    else:
        store = written(rows.batch(2, messages=both), rows.batch(4, events=happened))
    first, second = table(store, "messages")
    assert (first["outcome"], first["reply"], first["attempts"]) == ("relayed", "250 done", 2)
    assert first["outcome_at"] == rows.noon + timedelta(minutes=4)
    assert (second["outcome"], second["attempts"]) == (None, 0)
    assert [row["kind"] for row in table(store, "events")] == ["deferred", "relayed"]


def test_an_event_without_its_message_is_kept(rows: Any, written: Write) -> None:
    store = written(rows.batch(1, events=[rows.event(1, 99)]))
    assert len(table(store, "events")) == 1


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
def test_a_second_transaction_revises_a_finding(rows: Any, written: Write, together: bool) -> None:
    one, two = rows.finding("f", 1), rows.finding("f", 2, confidence="likely", groups=["team-2"])
    if together:
        store = written(rows.batch(2, findings=[one, two]))
    else:
        store = written(rows.batch(1, findings=[one]), rows.batch(2, findings=[two]))
    (row,) = table(store, "findings")
    assert row["messages"] == 2
    assert (row["seq"], row["archive_id"], row["revised_seq"]) == (1, "id-1", 2)
    assert row["detected_at"] == rows.noon + timedelta(minutes=1)
    assert (row["confidence"], row["explanation"]) == ("likely", "As seen in 2.")
    assert [person["person_id"] for person in row["people"]] == ["student-1", "student-2"]
    assert row["groups"] == ["team-1", "team-2"]
    assert [(link["finding_id"], link["seq"]) for link in table(store, "finding_messages")] == [
        ("f", 1),
        ("f", 2),
    ]


def test_the_same_finding_again_changes_nothing(rows: Any, written: Write) -> None:
    store = written(rows.batch(1, findings=[rows.finding("f", 1)]))
    before = table(store, "findings")
    store.judged(1, [rows.finding("f", 1, detected_at=rows.noon + timedelta(days=1))])
    assert table(store, "findings") == before
    assert len(table(store, "finding_messages")) == 1


def test_messages_waiting_for_judgement(rows: Any, written: Write) -> None:
    waiting = {
        "seq": 1,
        "id": "id-1",
        "errors": ["coach/one-to-one"],
        "attempts": 0,
        "next_attempt": rows.noon,
    }
    store = written(rows.batch(1, messages=[rows.message(1)], pending=[waiting]))
    assert store.pending(rows.noon - timedelta(seconds=1), 10) == []
    (row,) = store.pending(rows.noon, 10)
    assert row == waiting
    store.postpone({**row, "attempts": 1, "next_attempt": rows.noon + timedelta(hours=1)}, [])
    assert store.pending(rows.noon, 10) == []
    (row,) = store.pending(rows.noon + timedelta(hours=1), 10)
    assert row["attempts"] == 1
    store.judged(1, [rows.finding("f", 1)])
    assert store.pending(rows.noon + timedelta(days=1), 10) == []
    assert [each["id"] for each in table(store, "findings")] == ["f"]


def test_another_schema_is_refused(store: Store) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE watermark SET schema_version = 999"))
    with pytest.raises(SchemaMismatchError, match=f"schema 999, expected {schema.SCHEMA_VERSION}"):
        store.prepare()


def test_a_damaged_file_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(b"this is no database, and long enough to be seen as none" * 100)
    store = Store(open_writer(path))
    with pytest.raises(DatabaseError) as caught:
        store.prepare()
    assert is_damaged(caught.value)
    assert not is_damaged(OSError("disk"))
    store.close()


def test_a_reader_cannot_write(store: Store, tmp_path: Path) -> None:
    reader = open_reader(tmp_path / "catalog.db")
    with reader.connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(text("DELETE FROM watermark"))
    reader.dispose()


def test_errors_never_carry_what_was_to_be_stored(rows: Any, store: Store) -> None:
    with pytest.raises(StatementError) as caught:
        store.write(rows.batch(1, messages=[rows.message(1, "secret subject", size=[])]), Watermark())
    assert "secret" not in str(caught.value)


def test_the_tables_are_valid_for_postgresql() -> None:
    dialect = postgresql.dialect()
    statements: list[str] = []
    for each in schema.PROJECTION.sorted_tables:
        statements.append(str(CreateTable(each).compile(dialect=dialect)))
        statements += [str(CreateIndex(index).compile(dialect=dialect)) for index in each.indexes]
    assert any("TIMESTAMP WITH TIME ZONE" in statement for statement in statements)
    assert any("seq BIGINT NOT NULL" in statement for statement in statements)


# What a finding looks like as transactions of one message come in, one after the other.
seen = st.lists(
    st.tuples(st.sampled_from(["violation", "notice"]), st.lists(st.sampled_from("abcd"), max_size=3)),
    min_size=2,
)


@given(seen=seen, data=st.data())
@settings(deadline=None)
def test_revisions_add_up_the_same_however_they_are_grouped(
    rows: Any, seen: list[tuple[str, list[str]]], data: st.DataObject
) -> None:
    found: list[FindingRow] = [
        rows.finding(
            "f", seq, severity=severity, people=[rows.person(who, f"{who}@x", "student") for who in people]
        )
        for seq, (severity, people) in enumerate(seen, 1)
    ]
    cut = data.draw(st.integers(1, len(found) - 1))
    assert merged(reduce(merged, found[:cut]), reduce(merged, found[cut:])) == reduce(merged, found)
