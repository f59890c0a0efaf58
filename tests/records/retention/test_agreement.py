"""What the search engine is asked for, and what is said of each message, are the same: on a real index and catalog.

Thousands of messages made by chance, of sixty years, with every kind of series. What may be disposed of is worked out
for each message from its document by `tests.search.reference`, which is no engine at all.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection

from gateway.catalog.reader import Catalog
from gateway.indexer.follower import Follower
from gateway.message.envelope import Client, Envelope, Recipient
from gateway.records.retention.counting import report
from gateway.records.retention.eligible import eligible
from gateway.records.retention.finding import Candidate, Sources, candidates, coverage, facts_of
from gateway.records.retention.schedule import Schedule
from gateway.records.retention.standing import Facts, Standing, State, standing
from gateway.records.retention.triggers import Trigger
from gateway.search.document import Document, Mailbox, Named
from gateway.search.query import parse, unparse
from gateway.search.query.tree import Place
from gateway.search.tantivy import TantivySearcher, TantivyWriter
from tests.indexer.conftest import MAIL, MemoryArchive, MemoryEntry
from tests.records.retention.schedules import BOSTON, schedule, series
from tests.search.reference import holds

MESSAGES = 1_000
TODAYS = [date(1995, 7, 1), date(2013, 2, 28), date(2020, 2, 29), date(2026, 11, 23), date(2040, 7, 1)]
STUDENTS: Mapping[str, date | None] = {
    f"s{number}": None if number % 4 == 0 else date(1985 + number * 2, 6, 10 + number) for number in range(20)
}

DEFAULT = """
name = "rest"
title = "All other mail"
trigger = "received"
floor = "7 years"
ceiling = "20 years"
authority = "c.66 §8"
"""
SCHEDULES = {
    "only a default": schedule(default=DEFAULT),
    "a default that waits": schedule(
        series("coach", "role:coach", "received", "1 year"), default=DEFAULT.replace("received", "left")
    ),
    "all kinds": schedule(
        series("coach", "role:coach direction:out", "school-year", "5 years 6 months", "9 years"),
        series("team", 'group:"Varsity Soccer" OR group:club', "fiscal-year", "10 years"),
        series("transcript", "label:transcript", "left", "30 years"),
        series("student", "label:student-record -label:transitory", "left", "0 days", "7 years"),
        series("entry", "label:student-record", "received", "7 years"),
        series("payroll", "from:payroll@k12.example", "calendar-year", "3 years", "3 years"),
        series("heron", "heron -crane", "received", "15 years", "16 years"),
        series("old", "before:1990-01-01", "received", "40 years"),
        series("slip", "label:transitory", "received", "30 days"),
        head='fiscal_year_ends = "12-31"\n',
        default=DEFAULT,
    ),
}


class Leaving:
    """Students by their ids; when they left is known."""

    def of(self, persons: Iterable[str]) -> tuple[date | None, ...]:
        return tuple(STUDENTS[id] for id in sorted(set(persons)) if id in STUDENTS)


@dataclass
class Known:
    """Index and catalog of one archive, and what stands in them."""

    documents: list[Document]
    ids: list[str]  # of all messages, by number from 1
    held: set[int]
    unindexed: set[int]
    searcher: TantivySearcher
    connection: Connection

    @property
    def sources(self) -> Sources:
        return Sources(self.searcher, self.connection, Leaving())

    def facts(self, document: Document, table: Schedule) -> Facts:
        """What is true of a message, by looking at it."""

        certain = frozenset(each.name for each in table.others if holds(table.covered(each), document))
        # Of all series only one asks for words, `heron -crane`: they may stand where nobody can read.
        hidden = document.unreadable > 0 and "crane" not in document.body and table.named("heron")
        return Facts(
            document.received,
            certain,
            certain | ({"heron"} if hidden else set()),
            Leaving().of(document.persons),
            document.seq in self.held,
        )

    def expected(self, table: Schedule, today: date) -> dict[int, Standing]:
        """How each message stands that is known."""
        return {
            document.seq: standing(self.facts(document, table), table, today)
            for document in self.documents
            if document.seq not in self.unindexed
        }


def moment(source: random.Random) -> datetime:
    """Of all years, often at an edge: the ends of days, months and years, and February 29."""
    year = source.randrange(1971, 2041)
    month, day = source.choice(
        [(6, 30), (7, 1), (12, 31), (1, 1), (2, 28), (3, 1), (2, 29), (11, 23), (8, 15)]
    )
    if (month, day) == (2, 29) and year % 4:
        day = 28
    local = datetime(year, month, day, tzinfo=BOSTON)
    seconds = source.choice([0, 1, 86_399, source.randrange(86_400)])
    return (local + timedelta(seconds=seconds)).astimezone(UTC)


def document(seq: int, received: datetime, source: random.Random) -> Document:
    """A message as the index knows it."""

    def some(values: Iterable[str], share: float) -> tuple[str, ...]:
        return tuple(value for value in values if source.random() < share)

    sender = source.choice(["payroll@k12.example", "ann@k12.example", "mum@home.example"])
    students = source.sample(sorted(STUDENTS), source.choice([0, 0, 1, 1, 2]))
    unreadable = source.random() < 0.1
    held = source.random() < 0.03
    return Document(
        seq=seq,
        id=f"00000000-0000-7000-8000-{seq:012d}",
        received=received,
        body=source.choice(["a heron", "a crane and a heron", "a crane", "nothing", "nothing at all"]),
        mailboxes=(Mailbox(Place.FROM, sender, sender.rpartition("@")[2]),),
        persons=(*students, "t1"),
        roles=some(("coach", "student", "guardian"), 0.4),
        groups=tuple(
            Named(id, name)
            for id, name in (("g1", "Varsity Soccer"), ("club", "Chess"))
            if source.random() < 0.15
        ),
        direction=source.choice(["in", "out", "internal"]),
        labels=some(("transcript", "student-record", "transitory"), 0.15),
        outcome="held" if held else "relayed",
        has=("unreadable",) if unreadable else (),
        unreadable=int(unreadable),
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    source = random.Random(20261123)
    folder = tmp_path_factory.mktemp("retention")
    documents = [document(seq, moment(source), source) for seq in range(1, MESSAGES + 1)]
    held = {each.seq for each in documents if each.outcome == "held"}
    unindexed = set(source.sample(range(1, MESSAGES + 1), MESSAGES // 20))
    archive = MemoryArchive()
    for each in documents:
        add(archive, each, held=each.seq in held)
    follower = Follower(archive, folder / "catalog", clock=lambda: datetime(2041, 1, 1, tzinfo=UTC))
    while follower.step().remaining:
        pass
    follower.close()
    writer = TantivyWriter(folder / "index", memory=16 * 2**20)
    writer.write([each for each in documents if each.seq not in unindexed], MESSAGES)
    # Some are known twice: what the index says last counts.
    again = [each for each in documents if each.seq not in unindexed and each.seq % 7 == 0]
    writer.write([replace(each, body="a crane") for each in again], MESSAGES)
    writer.write(again, MESSAGES)
    writer.close()
    with (
        closing(TantivySearcher(folder / "index")) as searcher,
        closing(Catalog(folder / "catalog")) as catalog,
        catalog.connect() as connection,
    ):
        ids = [each.id for each in documents]
        yield Known(documents, ids, held, unindexed, searcher, connection)


def add(archive: MemoryArchive, one: Document, *, held: bool) -> None:
    """The message's entry in the archive; the catalog needs its envelope only."""
    envelope = Envelope(
        id=one.id,
        received=one.received,
        listener="inbound",
        role="journal" if not held else "inbound",
        client=Client("192.0.2.1", 1234, "out.example"),
        mail_from=one.mailboxes[0].address,
        recipients=(Recipient("bob@k12.example"),),
    )
    facts = {"envelope": envelope.to_json(), "verdict": MemoryArchive.verdict()} | (
        {"held": True} if held else {}
    )
    archive.raws[one.seq] = MAIL
    archive.entries.append(
        MemoryEntry(one.seq, "message", one.id, one.id, one.received, facts, None, len(MAIL))
    )


TABLES = [pytest.param(table, id=name) for name, table in SCHEDULES.items()]


@pytest.mark.parametrize("today", TODAYS)
@pytest.mark.parametrize("table", TABLES)
def test_what_may_be_disposed_of_is_what_stands_so(place: Known, table: Schedule, today: date) -> None:
    wanted = {
        seq: stands for seq, stands in place.expected(table, today).items() if stands.state is not State.KEPT
    }
    found = list(candidates(place.sources, table, today))
    assert [each.seq for each in found] == sorted(wanted)
    for each in found:
        stands = wanted[each.seq]
        assert each == Candidate(
            each.seq,
            place.ids[each.seq - 1],
            stands.series,
            stands.floor_until or date.max,
            stands.ceiling_at,
        )
    if today.year > 1995:
        assert found, "nothing was compared"


@pytest.mark.parametrize("today", TODAYS)
@pytest.mark.parametrize("table", TABLES)
def test_the_question_finds_no_less_and_without_students_no_more(
    place: Known, table: Schedule, today: date
) -> None:
    expected = place.expected(table, today)
    found = set(place.searcher.seqs(eligible(table, today)))
    assert {seq for seq, stands in expected.items() if stands.state is not State.KEPT} <= found
    for seq in found:
        if not any(term.series.trigger is Trigger.LEFT for term in expected[seq].terms):
            assert expected[seq].state is not State.KEPT
    assert not found & place.held
    assert not found & place.unindexed


@pytest.mark.parametrize("name", ["coach", "team", "student", "heron", "payroll", "rest", "slip"])
def test_of_one_series_only_what_it_covers(place: Known, name: str) -> None:
    table, today = SCHEDULES["all kinds"], date(2040, 7, 1)
    wanted = table.named(name)
    assert wanted is not None
    expected = place.expected(table, today)
    ours = [
        seq
        for seq, stands in expected.items()
        if stands.state is not State.KEPT
        and any(term.certain and term.series.name == name for term in stands.terms)
    ]
    assert [each.seq for each in candidates(place.sources, table, today, wanted)] == ours
    assert ours


@pytest.mark.parametrize("today", TODAYS)
@pytest.mark.parametrize("table", TABLES)
def test_the_report_counts_the_same(place: Known, table: Schedule, today: date) -> None:
    now = place.expected(table, today)
    soon = place.expected(table, later(today))
    steps: list[tuple[int, int]] = []
    found = report(place.sources, table, today, lambda done, total: steps.append((done, total)))
    for each in table:
        ours = {
            seq: next(term for term in stands.terms if term.series is each)
            for seq, stands in now.items()
            if any(term.certain and term.series is each for term in stands.terms)
        }
        count = found.series[each.name]
        assert count.messages == len(ours)
        assert count.eligible == sum(now[seq].state is not State.KEPT for seq in ours)
        assert count.within_year == sum(
            now[seq].state is State.KEPT and soon[seq].state is not State.KEPT for seq in ours
        )
        late = [seq for seq, term in ours.items() if term.ceiling_at is not None and term.ceiling_at < today]
        assert count.past_ceiling == len(late)
    assert found.together.messages == MESSAGES - len(place.unindexed)
    assert found.together.eligible == sum(stands.state is not State.KEPT for stands in now.values())
    assert found.together.past_ceiling == sum(stands.is_past_ceiling(today) for stands in now.values())
    assert [done for done, _ in steps] == list(range(1, len(steps) + 1))
    assert all(total == len(steps) for _, total in steps)


def later(today: date) -> date:
    return (
        today.replace(year=today.year + 1)
        if (today.month, today.day) != (2, 29)
        else date(today.year + 1, 2, 28)
    )


def test_one_message_is_told_as_all_are(place: Known) -> None:
    from gateway.catalog.facts import receipts

    table, today = SCHEDULES["all kinds"], date(2026, 11, 23)
    expected = place.expected(table, today)
    for seq, receipt in receipts(place.connection, range(1, MESSAGES + 1, 9)).items():
        facts = facts_of(place.sources, table, receipt)
        if seq in place.unindexed:
            assert facts is None
        else:
            assert facts is not None
            assert standing(facts, table, today) == expected[seq]


def test_the_coverage_says_what_nobody_knows(place: Known) -> None:
    found = coverage(place.sources, MESSAGES + 3)
    assert (found.searched, found.last, found.behind) == (MESSAGES, MESSAGES + 3, 3)
    assert (found.unindexed, found.by_envelope) == (len(place.unindexed), 0)


@pytest.mark.parametrize("table", TABLES)
def test_the_question_can_be_written_down(table: Schedule) -> None:
    for each in (None, *table):
        node = eligible(table, date(2026, 11, 23), each)
        text = unparse(node, zone=BOSTON)
        assert parse(text, now=datetime(2030, 1, 1, tzinfo=UTC), zone=BOSTON, limit=100_000) == node
