"""`mailgw dispose`, from a proposal to a certificate, on a whole installation with mail of 2018 and of today."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from gateway.archive import Disposed, Reader
from gateway.cli.dispose.asking import asked
from gateway.indexer.ledger import LedgerWriter, Pace
from tests.cli.installation import MAILGW, Installation

MARCH, APRIL = (datetime(2018, month, 15, 15, 0, tzinfo=UTC) for month in (3, 4))
SCHEDULE = """
[[series]]
name = "correspondence"
title = "All mail"
trigger = "received"
floor = "7 years"
authority = "M.G.L. c.66 §8"
[[series]]
name = "about-ann"
title = "Mail with Ann"
covers = "with:ann@harbor.example"
trigger = "received"
floor = "5 years"
authority = "a test"
"""
COACH, ANN, BO, CY = (f"{name}@harbor.example" for name in ("carla", "ann", "bo", "cy"))


class Aged(Installation):
    """Mail of years, with a ledger that attests it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "retention.toml").write_text(SCHEDULE, "utf-8")
        self.ids = {
            name: self.at(when, author, to, name)
            for name, when, author, to in (
                ("zanzibar", MARCH, COACH, ANN),
                ("yellowstone", MARCH + timedelta(minutes=1), COACH, BO),
                ("xylophone", APRIL, ANN, COACH),
                ("walrus", datetime(2025, 1, 1, tzinfo=UTC), COACH, CY),
            )
        }
        self.now = None
        self.ids["vulture"] = self.receive(COACH, CY, at=datetime.now(UTC), subject="vulture")
        self.sign()
        self.ok("reindex", "--processes", "1")

    def at(self, when: datetime, author: str, to: str, subject: str) -> str:
        """A message of a day, and what became of it a moment later."""
        self.now = when
        id = self.receive(author, to, at=when, subject=subject)
        reply = {"event": "relayed", "reply": f"250 2.0.0 {subject}", "next_hop": "mail:25", "seconds": 0.1}
        self.note(id, when + timedelta(seconds=1), reply)
        return id

    def sign(self) -> None:
        """A checkpoint over all that there is."""
        settings = self.settings
        with closing(Reader(settings.storage.archive)) as reader:
            pace = Pace(interval=0, entries=1)
            with closing(
                LedgerWriter(
                    reader, settings.storage.ledger, settings.ledger_origin, settings.ledger_key, pace
                )
            ) as writer:
                writer.turn(at_once=True)

    def ok(self, *arguments: str) -> str:
        done = self.mailgw(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def refused(self, *arguments: str) -> str:
        done = self.mailgw(*arguments)
        assert done.returncode in (1, 2), done.stdout
        return done.stderr

    def approved(self, *more: str) -> str:
        """A batch that may be executed; its id."""
        batch = self.ok("dispose", "propose", "--reason", "seven years are over", *more)
        self.permit(batch)
        for name in ("Pat Kim", "Lou Day"):
            self.ok("dispose", "approve", batch, "--by", name)
        return batch

    def permit(self, batch: str) -> None:
        paper = self.folder / "permission.pdf"
        paper.write_bytes(b"%PDF-1.7 permitted")
        number = ("--number", "RCB-117", "--date", "2026-01-05")
        self.ok("dispose", "permit", batch, *number, "--document", str(paper))

    def matter(self, verb: str, *more: str) -> None:
        """Something about the matter of Smith, which the catalog knows then."""
        self.ok("matter", verb, "smith", *more, "--wait", "0")
        self.index()

    def found(self) -> set[str]:
        """The subjects that a search finds, of all mail."""
        return {row["subject"] for row in self.objects("search", "before:2100")}

    def traces(self, word: str) -> list[str]:
        """The files of the installation in which a word stands in the clear, or as an id does."""
        there = word.encode()
        return [
            path.name
            for path in (self.folder / "data").rglob("*")
            if path.is_file() and there in path.read_bytes()
        ]


@pytest.fixture
def here(tmp_path: Path) -> Aged:
    return Aged(tmp_path)


OLD, KEPT = {"zanzibar", "yellowstone", "xylophone"}, {"walrus", "vulture"}


def test_from_a_proposal_to_a_certificate(here: Aged) -> None:
    assert here.found() == OLD | KEPT
    batch = here.approved()
    (shown,) = here.objects("dispose", "show", batch)
    assert (shown["state"], shown["messages"], shown["approved_by"]) == (
        "approved",
        3,
        ["Pat Kim", "Lou Day"],
    )
    listed = here.ok("dispose", "show", batch, "--messages")
    assert all(name in listed for name in OLD)

    (done,) = here.objects("dispose", "execute", batch, "--by", "Lou Day")
    assert (done["state"], done["messages"], done["entries"], done["kept"]) == ("done", 3, 6, [])
    assert here.found() == KEPT
    for name in OLD:
        assert here.traces(name) == [], name
        assert "disposed" in here.refused("show", here.ids[name]).lower()
    assert here.ok("show", here.ids["walrus"], "--raw").startswith("From:")
    with closing(Reader(here.settings.storage.archive)) as reader, pytest.raises(Disposed):
        reader.raw(1)

    here.sign()
    verified = here.mailgw("verify", "--json")
    assert verified.returncode == 0, verified.stdout
    told = here.mailgw("verify")
    assert "RCB-117" in told.stdout + told.stderr

    folder = here.folder / "certificates"
    here.ok("dispose", "certificate", batch, "-o", str(folder))
    facts = json.loads((folder / f"disposal-{batch}.json").read_text())
    assert (facts["messages"], facts["entries"]["count"], facts["permission"]["number"]) == (3, 6, "RCB-117")
    assert (folder / f"disposal-{batch}.pdf").read_bytes().startswith(b"%PDF")
    assert here.ok("reindex", "--json")
    assert here.found() == KEPT


def test_only_what_a_series_covers(here: Aged) -> None:
    batch = here.approved("--series", "about-ann")
    here.ok("dispose", "execute", batch)
    assert here.found() == {"yellowstone"} | KEPT


def test_what_a_matter_holds_stays_at_every_step(here: Aged) -> None:
    here.matter("open", "--title", "Smith v. District", "--reason", "suit", "--authority", "counsel")
    here.matter("hold", "with:ann@harbor.example", "--since", "2018-04-01", "--reason", "discovery")
    batch = here.approved()
    (shown,) = here.objects("dispose", "show", batch)
    assert [(each["why"], each["messages"]) for each in shown["spared"]] == [("held for smith", [[5, 5]])]
    # A hold that comes after the approvals, before the execution.
    here.matter("hold", "--id", here.ids["yellowstone"], "--reason", "named by the plaintiff")
    (done,) = here.objects("dispose", "execute", batch)
    assert done["messages"] == 1
    assert here.found() == {"xylophone", "yellowstone"} | KEPT
    assert here.traces("zanzibar") == []
    here.ok("verify")


def test_a_hold_placed_meanwhile_keeps_what_is_left(here: Aged) -> None:
    """The guard of an execution sees a hold that comes after it looked, from a second later on."""
    yellowstone = 3
    with closing(Reader(here.settings.storage.archive)) as reader, asked(here.settings, reader) as found:
        found.guard.watch([1, yellowstone])
        assert not found.guard.is_held(yellowstone)
        here.matter("open", "--title", "Smith v. District", "--reason", "suit", "--authority", "counsel")
        here.matter("hold", "--id", here.ids["yellowstone"], "--reason", "named by the plaintiff")
        until = time.monotonic() + 30
        while not found.guard.is_held(yellowstone):
            assert time.monotonic() < until
        assert not found.guard.is_held(1)


def test_nothing_goes_while_an_entry_cannot_be_read(here: Aged) -> None:
    volume = here.settings.storage.archive / "2025-01.sqlite"
    connection = apsw.Connection(str(volume))
    for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute("UPDATE entry SET document = '{' WHERE seq = 8")
    connection.close()
    here.ok("reindex", "--processes", "1")
    assert "entry 8 of the archive cannot be read" in here.refused("dispose", "propose", "--reason", "x")


def test_what_the_schedule_keeps_again_stays(here: Aged) -> None:
    batch = here.approved()
    schedule = here.folder / "retention.toml"
    schedule.write_text(SCHEDULE.replace("5 years", "50 years"), "utf-8")
    (done,) = here.objects("dispose", "execute", batch)
    assert done["messages"] == 1
    assert here.found() == {"zanzibar", "xylophone"} | KEPT


def test_nothing_without_permission_and_two_people(here: Aged) -> None:
    batch = here.ok("dispose", "propose", "--reason", "over")
    assert "is proposed; expected approved or begun" in here.refused("dispose", "execute", batch)
    assert "is proposed; expected permitted" in here.refused("dispose", "approve", batch, "--by", "Pat")
    here.permit(batch)
    here.ok("dispose", "approve", batch, "--by", "Pat Kim")
    assert "has approved before" in here.refused("dispose", "approve", batch, "--by", "pat  KIM")
    assert "is permitted; expected approved" in here.refused("dispose", "execute", batch)
    here.ok("dispose", "withdraw", batch, "--reason", "not now")
    assert "is withdrawn" in here.refused("dispose", "approve", batch, "--by", "Lou Day")
    assert here.found() == OLD | KEPT


def test_nothing_is_eligible_twice(here: Aged) -> None:
    here.ok("dispose", "execute", here.approved())
    assert "nothing is eligible" in here.refused("dispose", "propose", "--reason", "again")


def test_killed_at_any_moment_it_goes_on(here: Aged) -> None:
    """Killed after each of the acts that it writes, again and again, until it comes to its end."""
    batch = here.approved()
    killed = 0
    for acts in range(1, 20):
        if _killed_after(here, batch, acts):
            killed += 1
            verified = here.mailgw("verify", "--no-catalog")
            assert verified.returncode == 0, verified.stdout + verified.stderr
        else:
            break
    assert killed >= 3
    (shown,) = here.objects("dispose", "show", batch)
    assert shown["state"] == "done"
    assert here.found() == KEPT
    assert all(here.traces(name) == [] for name in OLD)
    here.ok("verify")


def _killed_after(here: Aged, batch: str, acts: int) -> bool:
    """Execute a batch, and kill it with -9 once it has written one more act; whether it could be killed."""
    with closing(Reader(here.settings.storage.archive)) as reader:
        before = len(reader.events(batch))
        command = [*MAILGW, "dispose", "execute", batch, "--config", str(here.config)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and len(reader.events(batch)) == before:
            pass
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
    if process.returncode == 0 or "is done; expected" in errors:
        return False
    assert process.returncode == -signal.SIGKILL, errors
    return True


def test_a_hostile_name_and_reason(here: Aged) -> None:
    batch = here.ok("dispose", "propose", "--reason", '#panic() "\x1b[31m" Nguyễn', "--by", "Ødegård\u202e")
    (shown,) = here.objects("dispose", "show", batch)
    assert shown["steps"][0]["by"] == "Ødegård"
    text = here.ok("dispose", "show", batch)
    assert "\x1b" not in text


def test_what_is_told_of_a_batch_that_is_not_there(here: Aged) -> None:
    assert "no such batch" in here.refused("dispose", "show", "00000000")
    assert "expected a batch's id" in here.refused("dispose", "show", "x")
    assert "expected one of about-ann, correspondence" in here.refused(
        "dispose", "propose", "--reason", "x", "--series", "nope"
    )


def test_lists_say_what_comes_next(here: Aged) -> None:
    batch = here.ok("dispose", "propose", "--reason", "over", "--limit", "1")
    rows: list[dict[str, Any]] = here.objects("dispose", "list")
    assert [(row["batch"], row["messages"], row["next"]) for row in rows] == [
        (batch, 1, "the Supervisor's permission: `mailgw dispose permit`")
    ]
