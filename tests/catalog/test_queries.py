"""Answers: what the filters find, pages, coverage, one message, findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql

from gateway.catalog import queries
from gateway.catalog.conditions import condition
from gateway.catalog.grammar import FIELDS, Pattern, QueryError, parse
from gateway.catalog.queries import FindingFilter
from gateway.catalog.schema import messages
from gateway.catalog.store import Store

NEW_YORK = ZoneInfo("America/New_York")


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


def ask(catalog: Connection, query: str, **more: Any) -> queries.Answer:
    return queries.search(catalog, parse(query), zone=NEW_YORK, **{"last_seq": 12, **more})


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [6, 5, 4, 3, 2, 1]),
        ("practice", [2, 1]),
        ("PRACTICE moved", [2, 1]),
        ('"practice moved to"', [1]),
        ('"moved practice"', []),
        ("art", [4]),  # a word, not a part of "start"
        ("star*", [4]),
        ("subject:eleve", [3]),
        ("-practice", [6, 5, 4, 3]),
        ("100%", []),
        ("from:carla.coach@district.example", [1]),
        ("from:CARLA.COACH+x@district.example", [1]),
        ("from:@out.example", [1]),
        ("from:@lists.out.example", [1]),
        ("from:@ut.example", []),
        ('from:"carla coach"', [1]),
        ("from:emile", [2]),
        ("from:bounce", [1]),
        ("to:bob@district.example", [1]),
        ("to:hidden@district.example", [1]),  # Bcc shows in the envelope only
        ("to:carla", [2]),
        ("cc:carla.coach@district.example", [2]),
        ("with:carla", [3, 2, 1]),
        ("-with:carla", [6, 5, 4]),
        ("rule:coach/one-to-one", [2, 1]),
        ("rule:coach", [2, 1]),
        ("rule:off-channel/*", [5]),
        ("-rule:coach", [6, 5, 4, 3]),
        ("severity:advisory", [5]),
        ("outcome:relayed", [1]),
        ("outcome:refused", [2]),
        ("outcome:pending", [6, 5, 4]),
        ("-outcome:relayed", [6, 5, 4, 3, 2]),
        ("-outcome:pending", [3, 2, 1]),
        ("role:outbound", [1]),
        ("listener:inbound role:inbound", [6, 5, 4, 3, 2]),
        ("has:finding", [5, 2, 1]),
        ("has:attachment", [2]),
        ("has:defect", [3]),
        ("after:2026-11-21", [6, 5]),
        ("before:2026-11-21", [4, 3, 2, 1]),
        ("on:2026-11-21", [5]),
        ("on:2026-11-20 -has:finding", [4, 3]),
        ("id:id-3", [3]),
        ("id:m4@out.example", [4]),
        ("id:<m4@out.example>", [4]),
        ("-id:id-3", [6, 5, 4, 2, 1]),
        ("from:carla to:bob subject:practice rule:coach/one-to-one outcome:relayed has:finding moved", [1]),
    ],
)
def test_filters(catalog: Connection, query: str, found: list[int]) -> None:
    answer = ask(catalog, query)
    assert [row["seq"] for row in answer.rows] == found
    assert answer.coverage.hits == len(found)
    assert answer.cursor is None


def test_every_field_of_the_grammar_can_be_asked(catalog: Connection) -> None:
    samples = {"severity": "notice", "outcome": "held", "role": "journal", "has": "defect"}
    days = dict.fromkeys(("after", "before", "on"), "2026-01-01")
    for name in FIELDS:
        value = (samples | days).get(name, "x")
        ask(catalog, f"{name}:{value} -{name}:{value}")
        wanted = condition(parse(f"{name}:{value}"), NEW_YORK)
        assert str(select(messages).where(wanted).compile(dialect=postgresql.dialect()))


pieces = st.one_of(
    st.sampled_from([f"{name}:" for name in FIELDS]),
    st.sampled_from(['"', "-", "*", " ", "@", "%", "_", "/", "a.b", "2026-11-01", "relayed", "\ufdfa" * 60]),
    st.text(max_size=3),
)


@given(query=st.lists(pieces, max_size=8).map("".join))
@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # the catalog is only read
def test_whatever_can_be_read_can_be_answered(catalog: Connection, query: str) -> None:
    try:
        tree = parse(query)
    except QueryError:
        return
    answer = queries.search(catalog, tree, zone=NEW_YORK, last_seq=9)
    assert answer.coverage.hits == len(answer.rows)


def test_a_search_states_its_coverage(catalog: Connection) -> None:
    assert ask(catalog, "practice").coverage.to_json() == {
        "hits": 2, "indexed": 9, "last": 12, "lag": 3, "unindexed": 1, "pending_judgement": 1,
    }  # fmt: skip
    assert ask(catalog, "practice", count=False).coverage.hits is None
    assert ask(catalog, "", last_seq=0).coverage.lag == 0  # asked before the indexer went on


def test_pages(catalog: Connection) -> None:
    found: list[int] = []
    cursor = None
    for _ in range(3):
        answer = ask(catalog, "", limit=2, before=cursor)
        found += [row["seq"] for row in answer.rows]
        cursor = answer.cursor
        assert answer.coverage.hits == 6
    assert (found, cursor) == ([6, 5, 4, 3, 2, 1], None)


def test_a_hit_in_json(catalog: Connection) -> None:
    *_, row = ask(catalog, "practice").rows
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
        ({"rule": Pattern("coach/one-to-one")}, ["f1"]),
        ({"rule": Pattern("coach/", prefix=True)}, ["f1"]),
        ({"severity": Pattern("advisory")}, ["f2"]),
        ({"since": datetime(2026, 11, 20, 12, 2, tzinfo=UTC)}, ["f2"]),
        ({"until": datetime(2026, 11, 20, 12, 2, tzinfo=UTC)}, ["f1"]),
        ({"author": "coach-1"}, ["f1"]),
        ({"author": "C+x@District.example"}, ["f1"]),
        ({"author": "tom"}, ["f2"]),
        ({"author": "?"}, []),
        ({"author": "coach-1", "severity": Pattern("advisory")}, []),
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
