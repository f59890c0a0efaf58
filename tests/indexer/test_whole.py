"""Messages judged as a whole: split by a mail server, or answers to what is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from gateway.catalog import queries
from gateway.catalog.files import catalog_files
from gateway.catalog.schema import findings as findings_table
from gateway.catalog.schema import whole_judgement
from gateway.catalog.sqlite import open_reader, open_writer
from gateway.indexer.follower import Follower
from gateway.message.envelope import Recipient

ANSWER = (
    b"From: Bob <bob@mail.example>\r\nTo: carol@district.example\r\nSubject: Re: Practice\r\n"
    b"Message-ID: <2@mail.example>\r\nIn-Reply-To: <1@out.example>\r\n\r\nYes.\r\n"
)


@dataclass
class Whole:
    """A follower with a judge whose answers the test sets, and a clock."""

    archive: Any
    folder: Path
    watcher: Any
    verdict: Any = None
    asked: list[tuple[list[str], frozenset[str]]] = field(default_factory=list)
    later: timedelta = timedelta(minutes=1)

    def __post_init__(self) -> None:
        self.follower = Follower(
            self.archive,
            self.folder,
            observer=self.watcher,
            judge=self.judge,
            note=self.note,
            clock=lambda: self.now,
        )

    @property
    def now(self) -> datetime:
        last: datetime = self.archive.entries[-1].received
        return last + self.later

    def judge(self, envelopes: Any, _raw: bytes, thread: frozenset[str] = frozenset()) -> Any:
        self.asked.append(([one.recipients[0].address for one in envelopes], thread))
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict

    def note(self, message_id: UUID, _at: datetime, document: dict[str, Any]) -> None:
        seq = len(self.archive.entries) + 1
        self.archive.add("event", f"00000000-0000-7000-9000-{seq:012d}", str(message_id), document)

    def settle(self) -> int:
        """Follow, judge what is due, follow what that wrote."""
        self.drain()
        judged = self.follower.judge_wholes()
        self.drain()
        return judged

    def drain(self) -> None:
        while self.follower.step().entries:
            pass

    def split(self, *verdicts: Any) -> None:
        """One message in so many transactions, each with a recipient and a verdict of its own."""
        for number, verdict in enumerate(verdicts):
            self.archive.message(verdict=verdict, recipients=(Recipient(f"{number}@district.example"),))

    def found(self) -> list[tuple[Any, ...]]:
        """Id, status, people and number of transactions of all findings."""
        path = catalog_files(self.folder).current()
        assert path is not None
        engine = open_reader(path)
        table = findings_table.c
        with engine.connect() as connection:
            rows = connection.execute(select(table.id, table.status, table.people, table.messages))
            found = [(row[0], row[1], [one["person_id"] for one in row[2]], row[3]) for row in rows]
        engine.dispose()
        return sorted(found)

    def waiting(self) -> int:
        path = catalog_files(self.folder).current()
        assert path is not None
        engine = open_reader(path)
        with engine.connect() as connection:
            count = len(connection.execute(select(whole_judgement)).all())
        engine.dispose()
        return count

    def listed(self, *, superseded: bool = False) -> list[str]:
        """What `mailgw findings` lists."""
        path = catalog_files(self.folder).current()
        assert path is not None
        engine = open_reader(path)
        with engine.connect() as connection:
            wanted = queries.FindingFilter(superseded=superseded)
            found = [row["id"] for row in queries.findings(connection, wanted)]
        engine.dispose()
        return found


@pytest.fixture
def whole(archive: Any, watcher: Any, tmp_path: Path) -> Iterator[Whole]:
    made = Whole(archive, tmp_path / "catalog", watcher, archive.verdict())
    yield made
    made.follower.close()


def test_an_administrator_in_another_transaction_takes_a_finding_back(whole: Whole) -> None:
    a, one_to_one, copy = whole.archive, "coach/one-to-one", "coach/privacy-copy"
    whole.split(a.verdict(a.finding("f1", "bob", rule=one_to_one)), a.verdict())
    whole.verdict = a.verdict(a.finding("f2", "bob", rule=copy))
    assert whole.settle() == 1
    assert whole.asked == [(["0@district.example", "1@district.example"], frozenset())]
    assert whole.found() == [("f1", "superseded", ["bob"], 1), ("f2", "open", ["bob"], 2)]
    assert (whole.listed(), whole.listed(superseded=True)) == (["f2"], ["f1", "f2"])
    assert whole.waiting() == 0
    assert whole.settle() == 0


def test_the_event_tells_a_rebuild_all_of_it(whole: Whole) -> None:
    a = whole.archive
    whole.split(a.verdict(a.finding("f1")), a.verdict())
    whole.verdict = a.verdict(a.finding("f2"))
    whole.settle()
    before = whole.found()
    whole.asked.clear()
    whole.follower.rebuild()
    assert whole.settle() == 0
    assert (whole.found(), whole.waiting(), whole.asked) == (before, 0, [])
    event = whole.archive.entries[-1].document
    assert event["event"] == "judged"
    assert [record["seq"] for record in event["records"]] == [1, 2]


def test_the_outcome_of_a_message_is_not_touched(whole: Whole) -> None:
    a = whole.archive
    whole.split(a.verdict(a.finding("f1")), a.verdict())
    a.event(a.entries[0].id, "relayed")
    whole.settle()
    path = catalog_files(whole.folder).current()
    assert path is not None
    engine = open_reader(path)
    with engine.connect() as connection:
        row = queries.message(connection, a.entries[0].id)
    engine.dispose()
    assert row is not None
    assert row["outcome"] == "relayed"
    assert [event["event"] for event in row["events"]] == ["relayed"]


def test_people_seen_by_several_transactions_are_those_of_the_whole(whole: Whole) -> None:
    a = whole.archive
    whole.split(a.verdict(a.finding("f1", "bob")), a.verdict(a.finding("f1", "carl")))
    whole.drain()
    assert whole.found() == [("f1", "open", ["bob", "carl"], 2)]
    whole.verdict = a.verdict(a.finding("f1", "carl"))
    whole.settle()
    assert whole.found() == [("f1", "open", ["carl"], 2)]


def test_nothing_is_written_where_nothing_changes(whole: Whole) -> None:
    a = whole.archive
    verdict = a.verdict(a.finding("f1"))
    whole.split(verdict, verdict)
    whole.verdict = verdict
    assert whole.settle() == 1
    assert len(a.entries) == 2
    assert whole.waiting() == 0


def test_a_message_in_one_transaction_does_not_wait(whole: Whole) -> None:
    whole.split(whole.archive.verdict())
    whole.drain()
    assert whole.waiting() == 0


def test_transactions_are_given_a_moment(whole: Whole) -> None:
    whole.split(whole.archive.verdict(), whole.archive.verdict())
    whole.later = timedelta(seconds=4)
    assert whole.settle() == 0
    assert whole.waiting() == 1
    whole.later = timedelta(seconds=5)
    assert whole.settle() == 1


@pytest.mark.parametrize(("after", "together"), [(600, True), (601, False)])
def test_the_settle_window(whole: Whole, after: int, together: bool) -> None:
    """Transactions a few minutes apart are one message; what comes later is the same again."""
    a = whole.archive
    whole.split(a.verdict(a.finding("f1")))
    later = timedelta(seconds=after)
    first = a.entries[0]
    a.message(recipients=(Recipient("late@district.example"),))
    late = a.entries[-1]
    object.__setattr__(late, "received", first.received + later)
    whole.settle()
    both = ["0@district.example", "late@district.example"]
    assert (both in [recipients for recipients, _ in whole.asked]) is together
    assert whole.waiting() == 0


def test_old_mail_is_not_judged_by_todays_roster(whole: Whole) -> None:
    whole.split(whole.archive.verdict(), whole.archive.verdict())
    whole.later = timedelta(days=8)
    assert whole.settle() == 0
    assert whole.waiting() == 0


def test_another_transaction_after_the_judgement(whole: Whole) -> None:
    a = whole.archive
    whole.split(a.verdict(a.finding("f1")), a.verdict())
    whole.settle()
    assert whole.found() == [("f1", "superseded", ["bob"], 1)]
    whole.split(a.verdict(a.finding("f3")))
    whole.verdict = a.verdict(a.finding("f1", "dora"))
    whole.settle()
    assert len(whole.asked[-1][0]) == 3
    assert whole.found() == [("f1", "open", ["dora"], 3), ("f3", "superseded", ["bob"], 1)]


def test_what_people_decided_stays(whole: Whole) -> None:
    a = whole.archive
    whole.split(a.verdict(a.finding("f1")), a.verdict(a.finding("f2")))
    whole.drain()
    path = catalog_files(whole.folder).current()
    assert path is not None
    engine = open_writer(path)
    with engine.begin() as connection:
        connection.execute(text("UPDATE findings SET status = 'reviewed'"))
    engine.dispose()
    whole.verdict = a.verdict(a.finding("f2", "carl"))
    whole.settle()
    assert whole.found() == [("f1", "reviewed", ["bob"], 1), ("f2", "reviewed", ["carl"], 2)]


def test_a_finding_that_another_message_shows_too_is_not_taken_back(whole: Whole) -> None:
    """Once for a group and a day: the finding is not about one message."""
    a = whole.archive
    a.message(raw=ANSWER.replace(b"In-Reply-To", b"X-Not"), verdict=a.verdict(a.finding("day")))
    whole.split(a.verdict(a.finding("day")), a.verdict())
    whole.settle()
    assert whole.found() == [("day", "open", ["bob"], 2)]


def test_a_judge_that_fails_is_asked_again_later(whole: Whole, logged: list[Any]) -> None:
    a = whole.archive
    whole.split(a.verdict(a.finding("f1")), a.verdict())
    whole.verdict = RuntimeError("broken")
    assert whole.settle() == 0
    assert whole.watcher.failures == ["judge"]
    whole.verdict = a.verdict(errors=("coach/one-to-one",))
    assert whole.settle() == 0  # not due yet
    whole.later += timedelta(minutes=1)
    assert whole.settle() == 0  # a rule failed: what it would have found must not be taken back
    assert whole.found() == [("f1", "open", ["bob"], 1)]
    whole.later += timedelta(minutes=1)
    whole.verdict = a.verdict()
    assert whole.settle() == 1
    assert whole.found() == [("f1", "superseded", ["bob"], 1)]


def test_an_answer_from_elsewhere_is_judged_with_what_it_answers(whole: Whole) -> None:
    whole.split(whole.archive.verdict())
    whole.archive.message(raw=ANSWER, recipients=(Recipient("carol@district.example"),))
    whole.verdict = whole.archive.verdict(whole.archive.finding("f9"))
    assert whole.settle() == 1
    ((_, thread),) = whole.asked
    assert {"alice@out.example", "bob@district.example", "0@district.example"} <= thread
    assert "bob@mail.example" not in thread
    assert [found[0] for found in whole.found()] == ["f9"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<1@out.example>", b"<unknown@out.example>"),
        (b"From: Bob <bob@mail.example>", b"From: Bob <bob@district.example>"),
        (b"In-Reply-To", b"X-Nothing"),
    ],
    ids=["answers what is not here", "comes from the district", "answers nothing"],
)
def test_no_other_answer_waits(whole: Whole, old: bytes, new: bytes) -> None:
    whole.split(whole.archive.verdict())
    whole.archive.message(raw=ANSWER.replace(old, new), recipients=(Recipient("carol@district.example"),))
    whole.drain()
    assert whole.waiting() == 0
