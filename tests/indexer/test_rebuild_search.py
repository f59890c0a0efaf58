"""An index that followed bit by bit answers as one that was made anew in one go, and as one from a new catalog."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from gateway.archive import Reader
from gateway.catalog.reader import Catalog
from gateway.directory.history import History
from gateway.extraction.extractor import Extractor
from gateway.indexer.follower import Follower
from gateway.indexer.making import Maker
from gateway.indexer.searching import SearchFollower
from gateway.message.envelope import Envelope
from gateway.search.engine import Collapse, Facet, Histogram, Page, Sort, Step, Wanted
from gateway.search.query import parse
from gateway.search.tantivy import TantivySearcher, TantivyWriter
from tests.cli.installation import MEMBERS, OCTOBER, USERS, to_one
from tests.indexer.plants import FOUND, UNREADABLE, raw
from tests.indexer.test_searching import ANN, COACH, MOTHER, PAT, TEACHER, Searched, coined

HOME = "tim@kay.example"  # the teacher's personal account
BO, CY = "bo@harbor.example", "cy@harbor.example"
ADDRESSES = (ANN, BO, CY, PAT, TEACHER, COACH, MOTHER, HOME)
WORDS = ("late", "bus", "practice", "trip", "permission", "grade", "heron", "five", "field", "coach")
ATTEMPTS = ("relayed", "deferred", "refused", "abandoned", "failed", "rejected")

# What people ask, and more.
QUERIES = [
    "", "late", "late bus", '"late bus"', "late OR bus", "late -bus", "-late", "NOT (late OR bus)", "pract*", "grde~",
    '"late bus"~5', "l*", "subject:late", "subject:(late OR trip)", "body:heron", "new:five", "attachment:report",
    "filename:old", "filename:n.xlsx", "seen", "from:carla", f"from:{TEACHER}", f"from:{HOME}", "from:@harbor.example",
    f"to:{ANN}", "to:@lee.example", f"bcc:{PAT}", f"rcpt:{BO}", "with:ann", f"participant:{MOTHER}",
    "domain:harbor.example", "domain:kay.example", "person:t1", "person:s1", "person:x1", "role:student", "role:coach",
    "role:staff", "role:guardian", "group:soccer", 'group:"varsity soccer"', "has:attachment", "has:finding",
    "has:unreadable", "has:calendar", "has:defect", "type:docx", "type:zip OR type:pdf", "lang:en", "after:2026-10-20",
    "before:2026-10-20", "on:2026-10", "larger:2KB", "smaller:1KB", "direction:out", "direction:in",
    "direction:internal", "rule:coach", "rule:coach/one-to-one", "rule:off-channel/student", "severity:violation",
    "severity:advisory", "status:open", "status:superseded", "outcome:pending",
    *(f"outcome:{each}" for each in ATTEMPTS),
    "role:student has:finding -outcome:relayed late", "(from:carla OR from:tim) -(bus trip)",
]  # fmt: skip


class Town(Searched):
    """An installation to which things happen, with an index that follows in odd steps."""

    def __init__(self, folder: Path, extractor: Extractor, seed: int) -> None:
        super().__init__(folder, extractor)
        self.source = random.Random(seed)
        self.taken: set[str] = set()
        self.kept: list[tuple[Envelope, bytes]] = []
        self.now = OCTOBER
        self.seqs: dict[str, int] = {}  # of messages, by archive id
        self.entries = 0

    # --- what happens

    def happens(self) -> None:
        """One thing of those that happen."""
        self.now += timedelta(minutes=self.source.randrange(1, 600))
        doing = self.source.choices(
            [self.message, self.again, self.shown, self.attempt, self.judgement, self.view, self.new_roster],
            weights=[10, 3, 4, 6, 3, 1, 1],
        )
        doing[0]()

    def message(self) -> None:
        """Somebody writes."""
        author = self.source.choice([COACH, COACH, TEACHER, HOME, MOTHER, PAT])
        to = self.source.sample([each for each in ADDRESSES if each != author], self.source.randrange(1, 4))
        content = self.content().replace(b"tim@harbor.example", author.encode())
        self.receive_raw(self.envelope(author, *to, at=self.now), content)

    def content(self) -> bytes:
        if self.source.random() < 0.4:
            makers = [make for kinds in (*FOUND.values(), UNREADABLE) for make in kinds.values()]
            return self.source.choice(makers)(coined(self.source, self.taken))
        said = " ".join(self.source.choices(WORDS, k=self.source.randrange(2, 60)))
        mark = f"Message-ID: <{len(self.kept)}@x.example>"
        return raw(said, mark, subject=" ".join(self.source.sample(WORDS, 3)))

    def again(self) -> None:
        """Another transaction of a message that is here already."""
        if self.kept:
            envelope, content = self.source.choice(self.kept)
            other = replace(to_one(envelope, self.source.choice(ADDRESSES)), received=self.now)
            self.receive_raw(other, content)

    def shown(self) -> None:
        """A message with a finding that others show as well, for other people or more gravely."""
        found = self.source.sample(range(4), self.source.randrange(1, 3))
        people = self.source.sample(["s1", "s2", "s3", "t1"], self.source.randrange(1, 3))
        severity = self.source.choice(["violation", "advisory", "notice"])
        verdict = self.saying(*(self.finding(f"f{number}", severity, *people) for number in found))
        self.receive_raw(self.envelope(COACH, MOTHER, at=self.now), self.content(), verdict)

    def finding(self, identity: str, severity: str, *people: str) -> dict[str, Any]:
        """A finding as the policy writes it."""

        def somebody(id: str) -> dict[str, Any]:
            return {"person_id": id, "name": id, "role": "student", "address": "x@x.example", "why": "alias"}

        return {
            "id": identity, "rule": "coach/one-to-one", "severity": severity, "confidence": "certain",
            "author": somebody("c1"), "people": [somebody(each) for each in people], "groups": ["soccer"],
            "sentence": "x", "explanation": "x", "action": "record", "message_id": "<x>", "marks": [],
            "directory_version": "d1", "rules_version": "r1",
        }  # fmt: skip

    def saying(self, *found: dict[str, Any]) -> dict[str, Any]:
        """A verdict with some findings."""
        return {
            "findings": found, "action": "record", "tag": None, "reject": None, "errors": [],
            "rules_version": "r1", "directory_version": "d1", "not_judged": None,
        }  # fmt: skip

    def receive_raw(self, envelope: Envelope, content: bytes, verdict: dict[str, Any] | None = None) -> None:
        verdict = verdict or self.judge([envelope], content)
        self.keep(envelope, orjson.dumps({"envelope": envelope.to_json(), "verdict": verdict}), content)
        self.entries += 1
        self.seqs[envelope.id] = self.entries
        self.kept.append((envelope, content))

    def attempt(self) -> None:
        """An attempt to deliver some message, seldom the last one."""
        if self.kept:
            kind = self.source.choice(ATTEMPTS)
            self.tell({"event": kind, "reply": "250 2.0.0 ok", "next_hop": "mail:25", "seconds": 0.1})

    def view(self) -> None:
        """Somebody reads a message: that changes nothing."""
        self.tell({"event": "viewed", "by": "pat", "what": "content"})

    def tell(self, document: dict[str, Any], about: str = "") -> None:
        if self.kept:
            self.note(about or self.source.choice(self.kept)[0].id, self.now, document)
            self.entries += 1

    def judgement(self) -> None:
        """All transactions of a message are judged together, by the roster of now: findings go and come."""
        if not self.kept:
            return
        _, content = self.source.choice(self.kept)
        parts = [envelope for envelope, each in self.kept if each == content]
        verdict = self.judge(parts, content)
        records = [{"seq": self.seqs[part.id], "id": part.id} for part in parts]
        self.tell(
            {"event": "judged", "content_id": "whole", "records": records, "verdict": verdict}, parts[0].id
        )

    def new_roster(self) -> None:
        """Somebody comes or goes, by the directory of today."""
        self.roster(
            users=USERS + self.source.choice(["", "x1,student,Xi,Orr,pat@lee.example\n"]),
            group_members=self.source.choice([MEMBERS, MEMBERS.replace("soccer,s2,member\n", "")]),
        )
        self.keep_roster(self.now)

    # --- who follows

    @contextmanager
    def following(self, folder: str) -> Iterator[SearchFollower]:
        """A follower, as after a start of the service."""
        settings = self.settings
        with closing(Reader(settings.storage.archive)) as reader:
            writer = TantivyWriter(self.folder / folder)
            maker = Maker(
                reader,
                history=History(settings.storage.rosters),
                domains=settings.district.domains,
                zone=settings.district.zone,
                extract=self._extractor.extract,
                now=OCTOBER,
            )
            catalog = Catalog(settings.storage.catalog)
            try:
                yield SearchFollower(reader, catalog, writer, maker, structlog.get_logger())
            finally:
                writer.close()
                catalog.close()

    def rebuild_catalog(self) -> None:
        """As `mailgw reindex` does."""
        settings = self.settings
        with closing(Reader(settings.storage.archive)) as reader:
            follower = Follower(reader, settings.storage.catalog)
            try:
                follower.rebuild()
            finally:
                follower.close()

    # --- what is asked

    def answers(self, folder: str) -> dict[tuple[object, ...], object]:
        """The answers to all queries, in all ways to ask them."""
        zone = self.settings.district.zone
        told: dict[tuple[object, ...], object] = {}
        with closing(TantivySearcher(self.folder / folder)) as searcher:
            for query in QUERIES:
                tree = parse(query, now=self.now, zone=zone)
                for sort in Sort:
                    told[query, sort] = searcher.search(tree, Wanted(sort=sort, limit=1000))
                steps = Histogram(self.source_step(query), zone)
                every = Wanted(limit=0, facets=tuple(Facet), facet_values=1000, histogram=steps)
                told[query, "facets"] = searcher.search(tree, every)
                told[query, "count"] = searcher.count(tree)
                told[query, "all"] = list(searcher.seqs(tree))
                for collapse in Collapse:
                    told[query, collapse] = searcher.search(tree, Wanted(limit=1000, collapse=collapse))
                told[query, "pages"] = pages(searcher, query, self)
        return told

    @staticmethod
    def source_step(query: str) -> Step:
        return list(Step)[len(query) % len(Step)]


def pages(searcher: TantivySearcher, query: str, town: Town) -> list[Page]:
    """All pages of seven."""
    tree = parse(query, now=town.now, zone=town.settings.district.zone)
    found: list[Page] = []
    cursor = None
    while True:
        page = searcher.search(tree, Wanted(sort=Sort.RELEVANCE, limit=7, cursor=cursor))
        found.append(page)
        cursor = page.cursor
        if cursor is None:
            return found


def drained(follower: SearchFollower) -> None:
    while (step := follower.step()).documents or step.remaining:
        pass


def differing(one: dict[tuple[object, ...], object], other: dict[tuple[object, ...], object]) -> list[str]:
    assert one.keys() == other.keys()
    return [f"{key}: {one[key]} is not {other[key]}" for key in one if one[key] != other[key]]


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_followed_in_odd_steps_and_made_anew(tmp_path: Path, extractor: Extractor, seed: int) -> None:
    town = Town(tmp_path, extractor, seed)
    town.keep_roster()
    for _ in range(6):  # the service is started anew now and then
        town.message()
        town.index()
        with town.following("followed") as follower:
            for _ in range(3):
                for _ in range(town.source.randrange(1, 14)):
                    town.happens()
                town.index()
                for _ in range(town.source.randrange(4)):
                    asked = iter(range(town.source.randrange(1, 6)))
                    follower.step(lambda asked=asked: next(asked, None) is None)  # type: ignore[misc]
    with town.following("followed") as follower:
        drained(follower)
    with town.following("anew") as follower:
        drained(follower)
    followed = town.answers("followed")
    assert differing(followed, town.answers("anew")) == []
    town.rebuild_catalog()
    with town.following("followed") as follower:
        assert follower.step().documents == 0  # a new catalog is no reason to make an index anew
    with town.following("from a new catalog") as follower:
        drained(follower)
    assert differing(followed, town.answers("from a new catalog")) == []
    found = {query: followed[query, "count"] for query in QUERIES}
    assert sum(1 for count in found.values() if count) > len(QUERIES) * 3 // 4  # it was about something
    assert found[""] == len(town.kept)


def test_what_another_message_shows_of_a_finding(tmp_path: Path, extractor: Extractor) -> None:
    """Two transactions of one message, or two messages on one day, show one finding; what is known of it, both show."""
    town = Town(tmp_path, extractor, 1)
    town.keep_roster()
    for severity, person in (("notice", "s1"), ("violation", "s2")):
        verdict = town.saying(town.finding("f", severity, person))
        town.receive_raw(town.envelope(COACH, MOTHER, at=town.now), raw(f"For {person}.\r\n"), verdict)
        town.index()
        with town.following("followed") as follower:
            drained(follower)
    with town.following("anew") as follower:
        drained(follower)
    for query in ("person:s1", "person:s2", "severity:violation"):
        assert len(town.found(query, "anew")) == 2
        assert town.found(query, "followed") == town.found(query, "anew")
