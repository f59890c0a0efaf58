"""Answers: what the filters find, pages, coverage, one message, findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from gateway.catalog import queries
from gateway.catalog.queries import FindingFilter, RulePattern
from gateway.catalog.store import Store


@pytest.fixture
def catalog(rows: Any, written: Callable[..., Store]) -> Iterator[Connection]:
    """Six messages, two findings, three events, one message waiting."""
    midnight = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)  # in New York
    store = written(
        rows.batch(
            9,
            messages=[
                rows.message(1, "Practice moved to 5", role="outbound"),
                rows.message(2, "Re: Practice moved", attachment_count=1, attachments=[{"name": "map.pdf"}]),
                rows.message(3, "Élève absent", defects=["nul-octet"], defect_count=1),
                rows.message(4, "start of the art fair", received=midnight - timedelta(microseconds=1)),
                rows.message(5, "late bus", received=midnight),
                rows.message(6, "", indexed=False, message_id=None, received=midnight + timedelta(days=1)),
            ],
            participants=[
                rows.participant(1, 0, "from", "Carla.Coach@District.Example", "Carla Coach"),
                rows.participant(1, 1, "to", "bob@district.example", "Bob Émile"),
                rows.participant(1, 2, "envelope_from", "bounce@lists.out.example"),
                rows.participant(1, 3, "envelope_to", "bob@district.example"),
                rows.participant(1, 4, "envelope_to", "hidden@district.example"),
                rows.participant(2, 0, "from", "bob@district.example", "Bob Émile"),
                rows.participant(2, 1, "cc", "carla.coach+team@district.example"),
                rows.participant(3, 0, "reply_to", "carla.coach@district.example"),
            ],
            findings=[
                rows.finding("f1", 1),
                rows.finding("f1", 2),
                rows.finding("f2", 5, rule="off-channel/student", severity="advisory", author_id="t-9",
                             author_canonical="t@out.example", author_words=" tom teacher "),
            ],
            events=[rows.event(7, 1), rows.event(8, 2, "refused", "550 no"), rows.event(9, 3, "deferred", "451")],
            pending=[{"seq": 6, "id": "id-6", "errors": ["engine"], "attempts": 0, "next_attempt": rows.noon}],
        )
    )  # fmt: skip
    with store.engine.connect() as connection:
        yield connection


def test_the_coverage(catalog: Connection) -> None:
    assert queries.coverage(catalog, 12).to_json() == {
        "indexed": 9, "last": 12, "lag": 3, "unindexed": 1, "pending_judgement": 1,
    }  # fmt: skip
    assert queries.coverage(catalog, 0).lag == 0  # asked before the indexer went on


def test_messages_up_to_a_position(catalog: Connection) -> None:
    assert [queries.messages_up_to(catalog, position) for position in (0, 3, 6, 9)] == [0, 3, 6, 6]


def test_hits_come_in_the_order_of_the_question(catalog: Connection) -> None:
    assert list(queries.hits(catalog, [2, 99, 5, 1])) == [2, 5, 1]


def test_a_hit_in_json(catalog: Connection) -> None:
    row = queries.hits(catalog, [1])[1]
    assert row == {
        "id": "id-1",
        "seq": 1,
        "received": "2026-11-20T12:01:00.000000+00:00",
        "role": "outbound",
        "from": "A <a@out.example>",
        "mail_from": "a@out.example",
        "to": ["bob@district.example", "hidden@district.example"],
        "subject": "Practice moved to 5",
        "date": None,
        "message_id": "m1@out.example",
        "size": 1000,
        "attachments": 0,
        "outcome": "relayed",
        "rules": ["coach/one-to-one"],
        "defects": [],
        "indexed": True,
    }


@pytest.mark.parametrize("name", ["id-1", "ID-1", " 1 ", "<m1@out.example>", "m1@out.example"])
def test_one_message_by_any_of_its_names(catalog: Connection, name: str) -> None:
    found = queries.message(catalog, name)
    assert found is not None
    assert (found["seq"], found["outcome"], found["attempts"]) == (1, "relayed", 1)
    assert [finding["id"] for finding in found["findings"]] == ["f1"]
    assert [event["event"] for event in found["events"]] == ["relayed"]
    assert found["participants"][0] == {
        "kind": "from", "address": "Carla.Coach@District.Example", "name": "Carla Coach",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["", "id-99", "99", "9" * 40, "²", "\udcff\0"])
def test_no_such_message(catalog: Connection, name: str) -> None:
    assert queries.message(catalog, name) is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["f2", "f1"]),
        ({"rule": RulePattern("coach/one-to-one")}, ["f1"]),
        ({"rule": RulePattern("coach/", prefix=True)}, ["f1"]),
        ({"severity": "advisory"}, ["f2"]),
        ({"since": datetime(2026, 11, 20, 12, 2, tzinfo=UTC)}, ["f2"]),
        ({"until": datetime(2026, 11, 20, 12, 2, tzinfo=UTC)}, ["f1"]),
        ({"author": "coach-1"}, ["f1"]),
        ({"author": "C+x@District.example"}, ["f1"]),
        ({"author": "tom"}, ["f2"]),
        ({"author": "?"}, []),
        ({"author": "coach-1", "severity": "advisory"}, []),
    ],
)
def test_findings(catalog: Connection, wanted: dict[str, Any], found: list[str]) -> None:
    assert [each["id"] for each in queries.findings(catalog, FindingFilter(**wanted))] == found


def test_findings_by_pages(catalog: Connection) -> None:
    assert [each["id"] for each in queries.findings(catalog, limit=1)] == ["f2"]
    assert [each["id"] for each in queries.findings(catalog, before=(5, "f2"))] == ["f1"]


def test_a_finding_in_json_has_what_policy_asks_for(catalog: Connection) -> None:
    *_, found = queries.findings(catalog)
    assert list(found)[:13] == [
        "id", "rule", "severity", "confidence", "message_id", "archive_id", "author", "people", "groups",
        "explanation", "action", "status", "detected_at",
    ]  # fmt: skip
    assert (found["archive_id"], found["status"], found["messages"]) == ("id-1", "open", 2)
    assert found["detected_at"] == "2026-11-20T12:01:00.000000+00:00"
    assert found["author"]["person_id"] == "coach-1"
    assert [person["person_id"] for person in found["people"]] == ["student-1", "student-2"]
