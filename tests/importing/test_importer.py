"""From files into the archive: what is kept, once, and what never comes of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import orjson
import pytest
from sqlalchemy import func, select

from gateway.archive import ArchiveUnavailable, Entry, Kind, Reader
from gateway.catalog import holds
from gateway.catalog.reader import Catalog
from gateway.catalog.schema import events, findings, messages, outbox, pending_judgement, whole_judgement
from gateway.directory.importer import read_roster
from gateway.importing.found import Status
from gateway.importing.importer import Importer, Outcome
from gateway.importing.known import Known
from gateway.importing.reading import Feed
from gateway.importing.record import Given, text_given
from gateway.importing.sources import files
from gateway.notices.plan import plan
from gateway.service.appending import open_archive
from gateway.service.follower import new_follower
from gateway.telemetry.metrics import Metrics
from tests.cli.installation import Installation

COACH, ANN = "carla@harbor.example", "ann@harbor.example"
# A coach writes to one student alone: of mail that came by SMTP, two rules have something to say.
LETTER = (
    b"Received: from old by mail; Mon, 4 Mar 2019 15:00:00 +0000\n"
    b"From: Carla Coach <carla@harbor.example>\nTo: ann@harbor.example\n"
    b"Date: Mon, 4 Mar 2019 09:30:00 -0500\nSubject: Practice\nMessage-ID: <1@harbor.example>\n\nAt five.\n"
)
LOOSE = {
    "off-channel/student": 'action = "hold"',
    "coach/one-to-one": 'action = "notify"',
}


@dataclass
class Place:
    """An installation, and a folder of old mail."""

    installation: Installation
    mail: Path

    def put(self, **octets: bytes) -> None:
        """Messages by name."""
        for name, each in octets.items():
            (self.mail / f"{name}.eml").write_bytes(each)

    def take(
        self,
        custodian: str = "carla@harbor.example",
        source: str = "old server",
        *,
        run: str = "run 1",
        dry: bool = False,
        min_free: int = 0,
    ) -> list[Outcome]:
        """Import the folder; what became of each file, by place."""
        settings = self.installation.settings
        storage = settings.storage.model_copy(update={"min_free": min_free})
        settings = settings.model_copy(update={"storage": storage})
        told: list[Outcome] = []

        async def run_it() -> None:
            archive = None if dry else open_archive(settings, Metrics())
            feed = Feed(files([self.mail]), 2)
            with closing(Reader(settings.storage.archive)) as reader, closing(Known(reader)) as known:
                try:
                    given = Given(source, custodian, run, "gateway.harbor.example")
                    await Importer(archive, reader, known, given).run(feed, told.append)
                finally:
                    feed.close()
                    if archive is not None:
                        await archive.aclose()

        asyncio.run(run_it())
        return sorted(told, key=lambda each: each.place)

    def entries(self, kind: Kind = Kind.MESSAGE) -> list[Entry]:
        with closing(Reader(self.installation.settings.storage.archive)) as reader:
            return [entry for entry in reader.follow(0, 10_000) if entry.kind is kind]

    def raw(self, seq: int) -> bytes:
        with closing(Reader(self.installation.settings.storage.archive)) as reader:
            return reader.raw(seq)

    def count(self, table: object) -> int:
        with (
            closing(Catalog(self.installation.settings.storage.catalog)) as catalog,
            catalog.connect() as connection,
        ):
            return connection.scalar(select(func.count()).select_from(table)) or 0  # type: ignore[arg-type]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    mail = tmp_path / "mail"
    mail.mkdir()
    yield Place(Installation(tmp_path), mail)


def statuses(outcomes: list[Outcome]) -> list[str]:
    return [each.status.value for each in outcomes]


# --- what is kept ----------------------------------------------------------------------------------------


def test_what_a_record_holds(here: Place) -> None:
    before = datetime.now(UTC)
    here.put(a=LETTER)
    (outcome,) = here.take()
    (entry,) = here.entries()
    assert outcome == Outcome("mail/a.eml", Status.ARCHIVED, entry.id, hashlib.sha256(LETTER).hexdigest())
    assert here.raw(entry.seq) == LETTER  # its line ends are not made into others
    assert before - timedelta(seconds=1) < entry.received <= datetime.now(UTC)
    assert entry.document["import"] == {
        "source": "old server",
        "custodian": "carla@harbor.example",
        "place": "mail/a.eml",
        "run": "run 1",
        "claimed": {"date": "2019-03-04T14:30:00+00:00", "received": "2019-03-04T15:00:00+00:00"},
    }
    envelope, verdict = entry.document["envelope"], entry.document["verdict"]
    assert (envelope["role"], envelope["listener"]) == ("import", "import")
    assert (envelope["mail_from"], envelope["recipients"]) == ("", [])
    assert (verdict["not_judged"], verdict["findings"]) == ("import", [])
    assert datetime.fromisoformat(envelope["received"]) == entry.received


@pytest.mark.parametrize("text", ["", "  ", "a\x1b[31m", "x" * 501, "\udcff"])
def test_a_source_is_a_text(text: str) -> None:
    with pytest.raises(ValueError, match="expected 1 to 500 characters"):
        text_given(text)
    assert text_given(" old \n server ") == "old server"


# --- once ------------------------------------------------------------------------------------------------


def test_the_same_octets_are_archived_once(here: Place) -> None:
    here.put(a=LETTER, b=LETTER, c=LETTER + b"x")
    first = here.take()
    assert sorted(statuses(first)) == ["archived", "archived", "duplicate"]
    assert first[0].id == first[1].id
    second = here.take(run="run 2")
    assert statuses(second) == ["duplicate"] * 3
    assert [each.id for each in second] == [each.id for each in first]
    assert (len(here.entries()), here.entries(Kind.EVENT)) == (2, [])


def test_who_else_had_it_is_noted_once(here: Place) -> None:
    here.put(a=LETTER)
    (first,) = here.take()
    for run in ("run 2", "run 3"):
        (again,) = here.take("ann@harbor.example", run=run)
        assert (again.status, again.id) == (Status.DUPLICATE, first.id)
    here.take(source="another server", run="run 4")
    noted = here.entries(Kind.EVENT)
    assert [entry.subject_id for entry in noted] == [first.id] * 2
    assert [entry.document for entry in noted] == [
        {
            "event": "also-found",
            "source": "old server",
            "custodian": "ann@harbor.example",
            "place": "mail/a.eml",
            "run": "run 2",
        },
        {
            "event": "also-found",
            "source": "another server",
            "custodian": "carla@harbor.example",
            "place": "mail/a.eml",
            "run": "run 4",
        },
    ]
    assert len(here.entries()) == 1


def test_what_came_by_smtp_is_not_archived_again(here: Place) -> None:
    envelope, document, raw = here.installation.judged(COACH, ANN)
    here.installation.keep(envelope, document, raw)
    here.put(a=raw, b=raw)
    assert [each.id for each in here.take()] == [envelope.id] * 2
    assert [entry.document["custodian"] for entry in here.entries(Kind.EVENT)] == [COACH]


def test_of_a_record_that_cannot_be_read_the_octets_are_archived(here: Place) -> None:
    here.put(a=LETTER)
    here.take()
    (volume,) = here.installation.settings.storage.archive.glob("*.sqlite")
    here.installation.damage(1)  # its triggers are gone now
    connection = apsw.Connection(str(volume))
    connection.execute("UPDATE entry SET document = '{}'")
    connection.close()
    assert statuses(here.take()) == ["archived"]
    assert here.raw(2) == LETTER


def test_a_dry_run_archives_nothing(here: Place) -> None:
    here.put(a=LETTER)
    here.take()
    here.put(b=LETTER + b"b", c=LETTER + b"b", d=b"")
    dry = here.take("ann@harbor.example", dry=True)
    assert sorted(statuses(dry)) == ["archived", "duplicate", "duplicate", "unreadable"]
    assert (len(here.entries()), here.entries(Kind.EVENT)) == (1, [])


def test_many_messages_are_each_told_and_kept(here: Place) -> None:
    """More than are read ahead, in batches, of all sizes."""
    raws = {f"m{number}": b"Subject: %d\n\n" % number + b"x" * (number * 97 % 3000) for number in range(1500)}
    here.put(large=b"Subject: large\n\n" + b"y" * 20_000_000, **raws)
    outcomes = here.take()
    assert statuses(outcomes) == ["archived"] * 1501
    kept = {entry.id: entry.sha256 for entry in here.entries()}
    assert {each.id: each.sha256 for each in outcomes} == kept
    octets = [*raws.values(), (here.mail / "large.eml").read_bytes()]
    assert set(kept.values()) == {hashlib.sha256(each).hexdigest() for each in octets}


# --- what goes wrong -------------------------------------------------------------------------------------


def test_without_room_nothing_is_told_and_the_next_run_goes_on(here: Place) -> None:
    here.put(a=LETTER)
    with pytest.raises(ArchiveUnavailable, match="octets free"):
        here.take(min_free=2**62)
    assert here.entries() == []
    assert statuses(here.take()) == ["archived"]


def test_an_error_that_no_file_accounts_for_is_raised() -> None:
    def broken() -> Iterator[object]:
        raise RuntimeError("broken")
        yield

    feed = Feed(broken(), 2)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="broken"):
        while feed.take() is not None:
            pass
    feed.close()


def test_reading_ends_where_nobody_takes(here: Place) -> None:
    here.put(**{f"m{number}": bytes(2_000_000) for number in range(60)})
    feed = Feed(files([here.mail]), 2)
    assert feed.take()
    feed.close()  # waits for its threads


# --- what never comes of it ------------------------------------------------------------------------------


def test_no_rule_no_hold_and_no_notice(here: Place) -> None:
    """Though the same message would be held, and a copy of it that came by SMTP is judged."""
    here.installation.configure(LOOSE)
    config = here.installation.config.read_text()
    here.installation.config.write_text(f'{config}\n[notices]\nreviewers = ["pat@harbor.example"]\n')
    # Copies of one message by its content id, as in the mailboxes of those who got it.
    here.put(a=LETTER, b=b"Received: from x by y\n" + LETTER, c=LETTER.replace(b"five", b"six"))
    here.take()
    here.take("ann@harbor.example", run="run 2")
    noted: list[object] = []
    settings = here.installation.settings
    follower = new_follower(settings, Metrics(), lambda *event: noted.append(event))
    while follower.step().remaining:
        pass
    assert (follower.judge_again(), follower.judge_wholes()) == (0, 0)
    follower.close()
    assert noted == []
    for table in (findings, pending_judgement, whole_judgement, outbox):
        assert here.count(table) == 0
    later = datetime.now(UTC) + timedelta(days=2)
    assert settings.directory.path is not None
    roster = read_roster(
        settings.directory.path, settings.district.domains, now=later, previous=None, max_shrink=1.0
    )
    with closing(Catalog(settings.storage.catalog)) as catalog, catalog.connect() as connection:
        assert holds.open_holds(connection) == []
        told = plan(connection, settings, roster.directory, later)
    assert (told.notices, told.untellable) == ((), ())


def test_a_copy_that_was_imported_changes_nothing_about_mail_that_came(here: Place) -> None:
    """The envelope of an import names nobody: judged with it as one message, the other would lose its findings."""
    letter = LETTER.replace(b"\n", b"\r\n")
    here.put(a=letter)
    now = datetime.now(UTC)
    here.take()
    envelope = here.installation.envelope(COACH, ANN, at=now + timedelta(seconds=1))
    verdict = here.installation.judge([envelope], b"X: y\r\n" + letter)
    assert verdict["findings"]
    here.installation.keep(
        envelope, orjson.dumps({"envelope": envelope.to_json(), "verdict": verdict}), b"X: y\r\n" + letter
    )
    noted: list[object] = []
    follower = new_follower(here.installation.settings, Metrics(), lambda *event: noted.append(event))
    while follower.step().remaining:
        pass
    assert here.count(whole_judgement) == 0
    assert follower.judge_wholes() == 0
    follower.close()
    assert noted == []
    assert here.count(findings.select().where(findings.c.status == "open").subquery()) > 0


def test_a_replay_of_the_rules_finds_nothing_in_it(here: Place) -> None:
    here.put(a=LETTER)
    here.take()
    (summary,) = here.installation.objects("policy", "replay", "--since", "1d")
    assert (summary["messages"], summary["today"]) == (1, 0)


def test_what_the_catalog_says_of_it(here: Place) -> None:
    here.put(a=LETTER)
    here.take()
    here.take("ann@harbor.example")
    here.installation.index()
    with (
        closing(Catalog(here.installation.settings.storage.catalog)) as catalog,
        catalog.connect() as connection,
    ):
        (row,) = connection.execute(select(messages)).mappings()
        (event,) = connection.execute(select(events)).mappings()
    assert (event["by"], event["reason"]) == ("ann@harbor.example", "old server: mail/a.eml")
    assert (row["role"], row["outcome"], row["not_judged"]) == ("import", "imported", "import")
    assert (row["subject"], row["from_display"]) == ("Practice", "Carla Coach <carla@harbor.example>")
    assert row["date"] == datetime(2019, 3, 4, 14, 30, tzinfo=UTC)


def test_an_answer_to_imported_mail_is_judged_as_if_there_were_none(here: Place) -> None:
    """What a file says of who wrote to whom is no ground to judge somebody by."""
    here.put(a=LETTER)
    here.take()
    now = datetime.now(UTC)
    raw = here.installation.raw("ann@home.example", COACH, subject="Re", answers="x")
    raw = raw.replace(b"<x@mail.example>", b"<1@harbor.example>")
    envelope = replace(here.installation.envelope("ann@home.example", COACH, at=now), role="inbound")
    verdict = here.installation.judge([envelope], raw)
    here.installation.keep(envelope, orjson.dumps({"envelope": envelope.to_json(), "verdict": verdict}), raw)
    follower = new_follower(here.installation.settings, Metrics(), lambda *event: None)
    while follower.step().remaining:
        pass
    follower.close()
    assert here.count(whole_judgement) == 0
