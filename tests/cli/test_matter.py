"""`mailgw matter`, and `hold:` in a search, as people type them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from gateway.archive import Reader
from gateway.catalog.reader import Catalog
from gateway.cli.main import app
from gateway.cli.searching.matters import held_for
from gateway.extraction.extractor import Extractor
from gateway.indexer.follower import Follower
from gateway.message import events
from gateway.records.matters import acts, held
from gateway.search.tantivy import TantivySearcher
from tests.cli.installation import MAILGW, OCTOBER
from tests.indexer.test_searching import ANN, COACH, MOTHER, TEACHER, Searched, letter

INDEX = "data/search"
TICK = 0.02  # seconds between looks of the indexer
DOE = 'Doe v. "Härbor" (II)'
TYPED = 'hold:"Doe v. \\"Harbor\\" (II)"'  # as a search asks for it


class Office(Searched):
    """An installation with three messages, whose catalog follows the archive."""

    def __init__(self, folder: Path, extractor: Extractor) -> None:
        self._one_indexer = Lock()
        super().__init__(folder, extractor)
        self.keep_roster()
        self.first = self.take(letter("Bus", "The heron.\n"), ANN, author=TEACHER)
        self.take(letter("Practice"), ANN, author=COACH, at=OCTOBER + timedelta(days=1))
        self.take(letter("Report"), MOTHER, author=COACH, at=OCTOBER + timedelta(days=40))
        self.update(INDEX)

    def index(self) -> None:
        with self._one_indexer:
            super().index()

    def follow(self, stop: Event) -> None:
        """What the indexer does, until `stop`."""
        storage = self.settings.storage
        with (
            closing(Reader(storage.archive)) as reader,
            closing(Follower(reader, storage.catalog)) as follower,
        ):
            while not stop.wait(TICK):
                with self._one_indexer:
                    follower.step()

    def acts(self) -> list[dict[str, Any]]:
        """What the archive has about matters, in sequence."""
        with closing(Reader(self.settings.storage.archive)) as reader:
            found = [entry.document for entry in reader.follow(0, 1000)]
        return [document for document in found if document.get("event") in events.ACTS]

    def one(self, *arguments: str) -> dict[str, Any]:
        """The object of a command that must succeed."""
        (row,) = self.objects(*arguments)
        return row

    def found(self, query: str, folder: str = "") -> list[int]:
        return [row["seq"] for row in self.objects("search", query)]

    def refused(self, *arguments: str, code: int = 1) -> str:
        """What a command says that must fail, and changes nothing."""
        before = self.acts()
        done = self.mailgw(*arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
        assert self.acts() == before
        return done.stderr

    def refused_at_once(self, *arguments: str) -> str:
        """What a command says that is used wrongly, without a process of its own; it changes nothing."""
        before = self.acts()
        done = CliRunner().invoke(app, [*arguments, "--config", str(self.config)])
        assert done.exit_code == 2, done.output
        assert self.acts() == before
        return done.stderr

    def held(self, *seqs: int) -> dict[int, tuple[str, ...]]:
        """What a disposal is told of some messages."""
        storage = self.settings.storage
        with (
            closing(Reader(storage.archive)) as reader,
            closing(Catalog(storage.catalog)) as catalog,
            closing(TantivySearcher(storage.search)) as searcher,
            catalog.connect() as connection,
        ):
            return dict(held(connection, searcher, seqs, last=reader.last_seq(), tell=pytest.fail))


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


@pytest.fixture
def here(tmp_path: Path, extractor: Extractor) -> Iterator[Office]:
    made = Office(tmp_path, extractor)
    stop = Event()
    thread = Thread(target=made.follow, args=(stop,))
    thread.start()
    yield made
    stop.set()
    thread.join()


def opened(here: Office, name: str = DOE) -> str:
    """Open a matter; its id."""
    row = here.one("matter", "open", name, "--reason", "a letter came", "--by", "Pat Kim")
    assert (row["outcome"], row["name"]) == ("opened", name)
    matter: str = row["matter"]
    return matter


def hold(here: Office, *arguments: str, name: str = DOE) -> dict[str, Any]:
    return here.one("matter", "hold", name, *arguments, "--reason", "as asked", "--by", "Pat Kim")


def given(here: Office, name: str, *queries: str) -> str:
    """A matter with holds, as the archive has it; its id."""
    matter = str(uuid4())
    here.note(matter, OCTOBER, acts.opened(name, "", "", "Pat Kim", "a letter came"))
    for number, query in enumerate(queries, 1):
        here.note(matter, OCTOBER, acts.placed(number, query, (), (), "Pat Kim", "as asked"))
    here.index()
    return matter


# --- from opening to closing ---------------------------------------------------------------------------


def test_mail_that_comes_later_is_held_at_once(here: Office) -> None:
    opened(here)
    assert here.found(TYPED) == []
    first = hold(here, "--custodian", "carla", "--since", "2026-10-01")
    assert (first["hold"], first["now"]["messages"]) == (1, 2)
    second = hold(here, "subject:bus")
    assert (second["hold"], second["now"]["messages"]) == (2, 1)
    assert here.found(TYPED) == [3, 2, 1]
    here.take(letter("Bus again"), ANN, author=TEACHER, at=OCTOBER + timedelta(days=41))
    here.update(INDEX)
    assert here.found(TYPED) == [7, 3, 2, 1]
    assert here.held(1, 2, 3, 7) == dict.fromkeys((1, 2, 3, 7), (DOE,))


def test_lifting_and_closing(here: Office) -> None:
    given(here, DOE, "person:c1", "subject:bus")
    assert here.held(1, 2, 3) == dict.fromkeys((1, 2, 3), (DOE,))
    lifted = here.one("matter", "lift", DOE, "2", "--reason", "settled", "--by", "Kim")
    assert (lifted["outcome"], lifted["hold"]) == ("lifted", 2)
    assert lifted["text"] == "hold 2 is lifted; 1 hold of the matter still in force"
    assert here.found(TYPED) == [3, 2]
    assert here.held(1, 2, 3) == {2: (DOE,), 3: (DOE,)}
    closed = here.one("matter", "close", DOE, "--reason", "the court said so", "--by", "Kim")
    assert closed["text"] == "closed; 1 hold is lifted with it"
    assert here.found(TYPED) == []
    assert here.held(1, 2, 3) == {}
    assert [(act["event"], act["by"], act["reason"]) for act in here.acts()[3:]] == [
        ("matter-lifted", "Kim", "settled"),
        ("matter-closed", "Kim", "the court said so"),
    ]
    assert here.found("subject:bus") == [1]  # nothing was deleted


def test_what_is_over_is_over(here: Office) -> None:
    matter = given(here, "Doe", "person:c1", "subject:bus")
    here.note(matter, OCTOBER, acts.lifted(2, "pat", "settled"))
    here.index()
    assert "was lifted already, on " in here.refused("matter", "lift", "Doe", "2", "--reason", "again")
    assert "no hold 3; there is 1, 2" in here.refused("matter", "lift", "Doe", "3", "--reason", "x")
    here.note(matter, OCTOBER, acts.closed("pat", "settled"))
    here.index()
    for arguments in (("hold", "Doe", "bus"), ("close", "Doe"), ("lift", matter, "1")):
        assert " by pat: settled" in here.refused("matter", *arguments, "--reason", "x")


def test_what_the_archive_is_told_has_ids_for_names(here: Office) -> None:
    matter = opened(here)
    assert here.acts()[0]["name"] == DOE
    row = hold(
        here, "person:tim", "-subject:\"late bus\"", "--custodian", "c1", "--address", "Mother@Lee.example",
        "--until", "2026-12-31", "--id", "1",
    )  # fmt: skip
    (act,) = here.acts()[1:]
    whose = "(person:c1 OR participant:mother@lee.example)"
    assert act["query"] == f'{whose} before:2027-01-01T05:00:00Z person:t1 -subject:"late bus"'
    assert act["said"] == ["custodian c1 (Carla Coach)", "“tim” is t1 (Tim Kay)"]
    assert len(act["ids"]) == 1
    assert row["explanation"].startswith(
        "Messages that (either involve the person “c1” or have mother@lee.example"
    )
    assert row["explanation"].endswith(f" And 1 single message: {act['ids'][0]}.")
    assert here.found(TYPED) == [3, 2, 1]
    shown = here.one("matter", "show", matter)
    assert [each["query"] for each in shown["holds"]] == [act["query"]]


def test_what_it_would_cover_is_told_before_anything_is_recorded(here: Office) -> None:
    opened(here)
    done = here.mailgw("matter", "hold", DOE, "from:carla", "--reason", "x", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Messages that are from somebody with the word “carla” in the name or address."
    assert lines[1].startswith("Covers 2 messages now (") and lines[1].endswith(
        "received from 2026-10-15 to 2026-11-23"
    )
    assert lines[2].startswith("2 found; searched up to entry 3 of 4, 1 behind")
    assert len(here.acts()) == 1
    row = here.one("matter", "hold", DOE, "from:carla", "--reason", "x", "--dry-run")
    assert (row["outcome"], row["now"]["messages"], row["coverage"]["searched"]) == ("dry-run", 2, 3)
    assert len(here.acts()) == 1


def test_at_a_terminal_it_is_asked(here: Office) -> None:
    opened(here)
    ours, theirs = pty.openpty()
    command = [*MAILGW, "matter", "hold", DOE, "from:carla", "--reason", "x", "--config", str(here.config)]
    try:
        with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
            said = b""
            while b"Place this hold? [y/N]" not in said:
                said += os.read(ours, 1000)
            assert b"Covers 2 messages now" in said
            os.write(ours, b"n\n")
            assert process.wait(60) == 1
    finally:
        os.close(ours)
        os.close(theirs)
    assert len(here.acts()) == 1


# --- what is refused -----------------------------------------------------------------------------------


def test_what_cannot_be_held(here: Office) -> None:
    opened(here)
    more = ("--reason", "x")
    for arguments, said in {
        ("after:30d",): "moves with time",
        ("outcome:relayed",): "can change for a message",
        ("label:legal",): "can change for a message",
        (TYPED,): "can change for a message",
        ("subject:",): "nothing after 'subject:'",
        (): "expected what to hold",
        ("--custodian", "lee or day"): "nobody in today's roster",
        ("--custodian", "x@nowhere.example"): "--address holds by it",
        ("--custodian", " "): "--custodian",
        ("person:nobody*",): "nobody in today's roster",
        ("--address", "ann"): "expected an address",
        ("--since", "yesterday"): "moves with time",
        ("--until", "tomorrow"): "expected a date",
    }.items():
        assert said in here.refused_at_once("matter", "hold", DOE, *arguments, *more), arguments
    assert "no such message in the catalog" in here.refused("matter", "hold", DOE, "--id", "999", *more)
    assert "no such legal matter" in here.refused("matter", "hold", "Roe", "bus", *more)


def test_reasons_are_needed(here: Office) -> None:
    given(here, DOE, "bus")
    for arguments in (
        ("open", "Roe"), ("hold", DOE, "bus"), ("lift", DOE, "1"), ("close", DOE)
    ):  # fmt: skip
        for reason in ((), ("--reason", " \u200e")):
            assert "--reason" in here.refused_at_once("matter", *arguments, *reason)


def test_a_name_is_taken_for_ever(here: Office) -> None:
    here.note(given(here, DOE), OCTOBER, acts.closed("pat", "over"))
    here.index()
    text = here.refused("matter", "open", 'DOE V.   "harbor" (ii)', "--reason", "x")
    assert "there is a matter by this name, opened on " in text
    for name in ("", "…", "doe*", "a\x1b[2J"):
        assert "expected a name" in here.refused_at_once("matter", "open", name, "--reason", "x")


def test_an_address_of_somebody_with_others_is_told_of(here: Office) -> None:
    opened(here)
    row = hold(here, "--address", TEACHER)
    (warning,) = row["warnings"]
    assert warning.startswith(f"{TEACHER} is an address of t1 (Tim Kay): only this address is held")
    (warning,) = hold(here, "--address", TEACHER, "--custodian", "t1")["warnings"]
    assert warning.startswith("t1 (Tim Kay): 1 personal address is registered, which the index does not know")
    assert "kay.example" not in json.dumps([warning, *here.acts()])  # exempt from disclosure
    assert hold(here, "--address", COACH, "--custodian", "c1")["warnings"] == []
    assert hold(here, "--address", "@out.example")["warnings"] == []


def test_who_has_left_is_held_by_id_where_there_is_mail(here: Office) -> None:
    opened(here)
    users = "sourcedId,role,givenName,familyName,email\na1,administrator,Pat,Kim,pat@harbor.example\n"
    none = {"groups": "group_id,name,kind\n", "group_members": "group_id,user,role\n"}
    here.roster(users=users, accounts="user,address,kind\n", **none)
    row = hold(here, "--custodian", "c1")
    assert (row["now"]["messages"], row["said"]) == (2, ["custodian c1 (not in today's roster)"])
    text = here.refused("matter", "hold", DOE, "--custodian", "c9", "--reason", "x", code=2)
    assert "c9: this is nobody in today's roster, and no message" in text


# --- two at the same time ------------------------------------------------------------------------------


def test_somebody_was_quicker(tmp_path: Path, extractor: Extractor) -> None:
    """Acts that are in the archive but not in the catalog when the command looks there."""
    here = Office(tmp_path, extractor)
    doe, roe = str(uuid4()), str(uuid4())
    now = datetime.now(UTC)
    for matter, name in ((doe, "Doe"), (roe, "Roe")):
        here.note(matter, now, acts.opened(name, "", "", "pat", "so"))
        here.note(matter, now, acts.placed(1, "bus", (), (), "pat", "so"))
    here.index()
    for subject, before, arguments, code, said in [
        (doe, acts.lifted(1, "pat", "settled"), ("lift", "Doe", "1"), 1, "somebody was quicker: ended on "),
        (doe, acts.placed(2, "van", (), (), "pat", "so"), ("hold", "Doe", "bus"), 0, "hold 3 is placed"),
        (str(uuid4()), acts.opened("New", "", "", "pat", "so"), ("open", "new"), 1, "a matter by this name"),
        (doe, acts.closed("pat", "settled"), ("hold", "Doe", "bus"), 1, "this matter is closed"),
        (roe, acts.closed("pat", "settled"), ("close", "Roe"), 1, "somebody was quicker: ended on "),
    ]:
        here.note(subject, now, before)
        done, output = raced(here, "matter", *arguments, "--reason", "x", "--wait", "60")
        assert (done, said in output) == (code, True), output


def raced(here: Office, *arguments: str) -> tuple[int, str]:
    """A command whose act is indexed only once it is in the archive: exit code and output."""
    before, pause = len(here.acts()), Event()
    command = [*MAILGW, *arguments, "--config", str(here.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        while len(here.acts()) == before and process.poll() is None:
            pause.wait(TICK)
        here.index()
        output, _ = process.communicate(timeout=60)
    return process.returncode, output


def test_without_an_indexer_it_is_recorded_all_the_same(tmp_path: Path, extractor: Extractor) -> None:
    here = Office(tmp_path, extractor)
    done = here.mailgw("matter", "open", "Doe", "--reason", "x", "--wait", "0")
    assert (done.returncode, done.stdout.startswith("Doe: recorded; the indexer has not")) == (0, True)
    here.index()
    done = here.mailgw("matter", "hold", "Doe", "bus", "--reason", "x", "--wait", "0")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("Doe: recorded; the indexer has not")
    here.index()
    assert here.found("hold:doe") == [1]


def test_without_an_index_a_hold_is_placed_all_the_same(here: Office) -> None:
    opened(here)
    (here.settings.storage.search).rename(here.folder / "gone")
    done = here.mailgw("matter", "hold", DOE, "subject:bus", "--reason", "x")
    assert done.returncode == 0
    assert "no search index yet" in done.stderr
    assert "it is not known how much the hold covers" in done.stderr
    assert [act["event"] for act in here.acts()] == ["matter-opened", "matter-held"]
    here.refused("matter", "hold", DOE, "subject:bus", "--reason", "x", "--dry-run")
    done = here.mailgw("matter", "show", DOE)
    assert done.returncode == 1
    assert "hold 1, placed on" in done.stdout
    (here.folder / "gone").rename(here.settings.storage.search)
    assert here.found(TYPED) == [1]


def test_what_cannot_be_recorded_is_not_done(here: Office) -> None:
    opened(here)
    text = here.config.read_text("utf-8").replace("min_free = 0", 'min_free = "1000000 TiB"')
    here.config.write_text(text, "utf-8")
    assert "not recorded, so nothing has changed" in here.refused(
        "matter", "hold", DOE, "bus", "--reason", "x"
    )


# --- showing -------------------------------------------------------------------------------------------


def test_list_and_show(here: Office) -> None:
    title = ("--title", "Bus 12", "--authority", "Superintendent, 2026-11-20")
    here.one("matter", "open", "Doe", "--reason", "a letter came", "--by", "Pat Kim", *title)
    roe = given(here, "Roe")
    hold(here, "from:carla", name="Doe")
    hold(here, "subject:bus", "--id", "2", name="Doe")
    here.one("matter", "lift", "Doe", "1", "--reason", "too wide", "--by", "Kim")
    here.note(roe, OCTOBER, acts.closed("kim", "withdrawn"))
    here.index()

    done = here.mailgw("matter", "list")
    assert done.stdout.splitlines()[:2] == ["Doe  Bus 12", "    imposed by: Superintendent, 2026-11-20"]
    assert "1 hold in force, of 2 in all" in done.stdout
    assert (done.stderr, "Roe" in done.stdout) == ("1 open, 1 closed\n", False)
    rows = here.objects("matter", "list", "--all")
    assert [(row["name"], row["state"], row["standing"]) for row in rows] == [
        ("Doe", "open", 1),
        ("Roe", "closed", 0),
    ]

    row = here.one("matter", "show", "DOE")
    first, second = row["holds"]
    assert (first["lifted"]["by"], first["lifted"]["reason"], first["now"]) == ("Kim", "too wide", None)
    assert (second["now"]["messages"], second["placed"]["by"]) == (2, "Pat Kim")
    assert second["now"]["first"].startswith("2026-10-14") and second["now"]["last"].startswith("2026-10-15")
    size = sum(one["size"] for one in here.objects("search", "subject:bus OR subject:practice"))
    assert second["now"]["octets"] == size
    lines = here.mailgw("matter", "show", "Doe").stdout.splitlines()
    assert lines[0] == "Doe  Bus 12"
    assert any(" by Kim: too wide" in line for line in lines)
    assert f"      covers 2 messages now ({size} octets), received from 2026-10-14 to 2026-10-15" in lines


def test_a_name_that_no_matter_has(here: Office) -> None:
    given(here, "Doe")
    given(here, "Roe")
    done = here.mailgw("matter", "show", "nobody")
    assert (done.returncode, done.stderr) == (
        1,
        "mailgw: nobody: no such legal matter; there are “Doe”, “Roe”\n",
    )


def test_hostile_text_acts_upon_no_terminal(here: Office) -> None:
    """Written into the archive by somebody else than these commands."""
    matter = str(uuid4())
    here.note(
        matter, OCTOBER, acts.opened("Evil\x1b[2J \u202ename", "a\x9bb", "\x07", "pat\r\n", "so\x1b]0;x")
    )
    here.note(matter, OCTOBER, acts.placed(1, 'subject:"\x1b', ["\x1b"], ["\x1b[31m"], "pat\u202e", "so"))
    here.index()
    for arguments in (("matter", "list"), ("matter", "show", matter), ("search", "hold:evil*", "--explain"),
                      ("search", "hold:nobody")):  # fmt: skip
        done = here.mailgw(*arguments)
        assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & set(done.stdout + done.stderr), arguments
    assert "EVERYTHING" in here.mailgw("matter", "show", matter).stdout


# --- hold: in a search ---------------------------------------------------------------------------------


def test_what_is_asked_by_a_matter_is_told(here: Office) -> None:
    given(here, "Doe", "subject:bus")
    given(here, "Doe II")
    done = here.mailgw("search", "hold:doe", "heron")
    assert done.stderr.splitlines()[:2] == [
        "Messages that are kept for the legal matter “doe” and contain the word “heron”.",
        "“Doe”, hold 1: Messages that have the word “bus” in the subject.",
    ]
    done = here.mailgw("search", "hold:doe*", "--count")
    assert done.stdout == "1\n"
    assert "Nothing is held for the matter “Doe II”" in done.stderr
    row = here.one("search", "-hold:doe", "--explain")
    assert row["query"] == "-hold:doe"
    assert here.found("-hold:doe") == [3, 2]
    done = here.mailgw("search", "hold:do")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "mailgw: hold:do: no such legal matter; there are “Doe”, “Doe II”\n"
    here.mailgw("search", "--save", "mine", "hold:doe")
    assert [
        json.loads(line)["seq"]
        for line in here.mailgw("search", "--saved", "mine", "--json").stdout.splitlines()
    ] == [1]


def test_any_matter_and_what_show_tells(here: Office) -> None:
    assert here.found("hold:*") == []
    assert "there is none yet" in here.mailgw("search", "hold:*").stderr
    given(here, "Doe", "subject:bus")
    given(here, "Roe", "subject:report")
    assert here.found("hold:*") == [3, 1]
    assert here.found("-hold:*") == [2]
    assert [here.one("show", seq)["matters"] for seq in "123"] == [["Doe"], [], ["Roe"]]
    assert "\nmatters: Doe\n" in here.mailgw("show", "1").stdout
    here.one("matter", "close", "Doe", "--reason", "over")
    assert here.found("hold:*") == [3]


def test_by_which_matters_a_message_is_held(here: Office, capsys: pytest.CaptureFixture[str]) -> None:
    def held_by(seq: int) -> tuple[str, ...]:
        with closing(Catalog(here.settings.storage.catalog)) as catalog, catalog.connect() as connection:
            return held_for(here.settings, connection, seq)

    assert held_by(1) == ()
    given(here, "Doe", "subject:bus")
    given(here, "Roe", "-subject:report")
    given(here, "Nothing")
    assert (held_by(1), held_by(2), held_by(3)) == (("Doe", "Roe"), ("Roe",), ())
    here.settings.storage.search.rename(here.folder / "gone")
    assert held_by(3) == ("Doe", "Roe")
    assert "so the message counts as held by each matter" in capsys.readouterr().err


def test_a_message_that_nobody_could_read_counts_as_held(here: Office) -> None:
    here.take(letter("Other"), ANN)
    here.damage(4)
    given(here, DOE, "subject:heron")
    here.update(INDEX)
    assert here.found(TYPED) == []
    assert here.held(1, 2, 3, 4) == {4: (DOE,)}
