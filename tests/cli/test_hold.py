"""`mailgw hold`: reviewers decide about mail that was held for real, by the command as people run it."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import orjson
import pytest

from gateway.archive import Reader
from tests.cli.installation import MAILGW, Installation

COACH, ANN, BO, PAT = (f"{name}@harbor.example" for name in ("carla", "ann", "bo", "pat"))
SECRET = "Meet me alone"
HOLD = {"coach/one-to-one": 'action = "hold"'}
NOTICES = '[notices]\nreviewers = ["pat@harbor.example"]\n'
TICK = 0.02  # seconds between looks at another process's doing


class Holding(Installation):
    """An installation that holds what coaches write to one student, and whose indexer is called, or runs."""

    def __init__(self, folder: Path) -> None:
        self._one_indexer = Lock()
        super().__init__(folder)

    def index(self) -> None:
        with self._one_indexer:
            super().index()

    def configure(self, rules: Mapping[str, str] | None = None, name: str = "gateway.toml") -> Path:
        return self.with_settings("", rules or HOLD, name)

    def with_settings(self, more: str, rules: Mapping[str, str] = HOLD, name: str = "gateway.toml") -> Path:
        path = super().configure(rules, name)
        path.write_text(path.read_text("utf-8") + NOTICES + more, "utf-8")
        return path

    def hold(
        self, *, ago: float = 1, subject: str = SECRET, to: tuple[str, ...] = (ANN,), raw: bytes = b""
    ) -> str:
        """Hold a message that came so many hours ago, and index it; its id."""
        at = datetime.now(UTC) - timedelta(hours=ago)
        envelope, document, octets = self.judged(COACH, *to, at=at, subject=subject)
        facts = orjson.loads(document)
        self.keep(envelope, orjson.dumps({**facts, "held": True}), raw or octets)
        self.note(envelope.id, at, {"event": "held"})
        self.index()
        return envelope.id

    def events(self, id: str) -> list[dict[str, Any]]:
        """The documents of what happened to a message, in the archive."""
        with closing(Reader(self.settings.storage.archive)) as reader:
            return [entry.document for entry in reader.events(id)]

    def last_seq(self) -> int:
        with closing(Reader(self.settings.storage.archive)) as reader:
            return reader.last_seq()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*MAILGW, *arguments, "--config", str(self.config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def decide(self, *arguments: str) -> tuple[int, str, str]:
        """A command that decides, its event indexed once it is in the archive: exit code and both outputs."""
        before = self.last_seq()
        with self.start("hold", *arguments, "--wait", "60") as process:
            pause = Event()
            while self.last_seq() == before and process.poll() is None:
                pause.wait(TICK)
            self.index()
            output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors


@pytest.fixture
def here(tmp_path: Path) -> Holding:
    return Holding(tmp_path)


@pytest.fixture
def indexed(here: Holding) -> Iterator[None]:
    """The indexer runs."""
    stop = Event()

    def follow() -> None:
        while not stop.wait(TICK):
            here.index()

    thread = Thread(target=follow)
    thread.start()
    yield
    stop.set()
    thread.join()


# --- list -----------------------------------------------------------------------------------------------


def test_help_names_the_four() -> None:
    done = subprocess.run([*MAILGW, "hold", "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert all(f" {name} " in done.stdout for name in ("list", "show", "release", "refuse"))


def test_nothing_waits(here: Holding) -> None:
    here.receive(PAT, ANN)
    here.index()
    done = here.mailgw("hold", "list")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "0 waiting\n")


def test_what_waits_is_listed_oldest_first(here: Holding) -> None:
    here.receive(COACH, ANN, BO)  # not held
    old, young = here.hold(ago=5), here.hold(ago=1, subject="again")
    rows = here.objects("hold", "list")
    assert [row["id"] for row in rows] == [old, young]
    row = rows[0]
    assert (row["state"], row["recipients"], row["then"]) == ("held", 1, "release")
    assert row["rules"] == ["coach/one-to-one"] and "carla@harbor.example" in row["author"]
    received, until = datetime.fromisoformat(row["received"]), datetime.fromisoformat(row["until"])
    assert until - received == timedelta(days=1)
    assert 5 * 3600 <= row["age_seconds"] < 6 * 3600
    text = here.mailgw("hold", "list")
    assert text.stdout.index(old) < text.stdout.index(young)
    assert "(5 hours" in text.stdout and ", then released" in text.stdout and "to 1 recipient " in text.stdout
    assert text.stderr.startswith("2 waiting, the oldest for 5 hours")
    assert SECRET not in text.stdout


def test_decided_ones_only_with_all(here: Holding) -> None:
    first, second = here.hold(ago=5), here.hold(subject="again")
    here.note(
        first,
        datetime.now(UTC),
        {"event": "hold-refused", "by": "pat", "reason": "not so", "automatic": False},
    )
    here.index()
    assert [row["id"] for row in here.objects("hold", "list")] == [second]
    rows = here.objects("hold", "list", "--all")
    assert [row["id"] for row in rows] == [first, second]
    assert (rows[0]["decided_by"], rows[0]["reason"], rows[0]["until"]) == ("pat", "not so", None)
    assert "refused by pat on" in here.mailgw("hold", "list", "--all").stdout


def test_escalation_and_return_are_listed(here: Holding) -> None:
    here.with_settings('[hold]\nthen = "escalate"\nescalate_to = ["head@harbor.example"]\n')
    id = here.hold(ago=30, to=(ANN,))
    now = datetime.now(UTC)
    here.note(id, now, {"event": "hold-escalated", "to": 1})
    here.index()
    (row,) = here.objects("hold", "list")
    assert (row["escalations"], row["then"]) == (1, "escalate")
    assert datetime.fromisoformat(row["until"]) == datetime.fromisoformat(row["escalated_at"]) + timedelta(
        days=1
    )
    assert "then escalated; escalated once" in here.mailgw("hold", "list").stdout
    here.note(id, now, {"event": "hold-released", "by": "pat", "reason": "", "automatic": False})
    outbox = {"left": [], "undelivered": [0]}
    here.note(id, now, {"event": "returned", "reply": "550 5.1.1 No such user", "outbox": outbox})
    here.index()
    (row,) = here.objects("hold", "list")
    assert (row["state"], row["undelivered"], row["reply"]) == ("returned", 1, "550 5.1.1 No such user")
    assert "could not be delivered" in here.mailgw("hold", "list").stdout


def test_a_withdrawn_finding_is_said(here: Holding) -> None:
    """An administrator was copied in another transaction; the message still has an author."""
    id = here.hold()
    row = here.objects("hold", "show", id)[0]
    records = [{"seq": row["seq"], "id": id}]
    verdict = {"findings": [], "errors": [], "rules_version": "r", "directory_version": "d"}
    here.note(
        id, datetime.now(UTC), {"event": "judged", "content_id": "c", "records": records, "verdict": verdict}
    )
    here.index()
    (row,) = here.objects("hold", "list")
    assert row["rules"] == [] and "carla@harbor.example" in row["author"]
    assert "no finding holds any longer" in here.mailgw("hold", "list").stdout
    assert "withdrawn since" in here.mailgw("hold", "show", id).stdout


def test_a_catalog_that_is_behind_says_so(here: Holding) -> None:
    here.hold()
    here.receive(PAT, ANN)
    assert "the catalog is 1 entry behind the archive" in here.mailgw("hold", "list").stderr


def test_without_a_catalog(here: Holding) -> None:
    for arguments in (["list"], ["show", "0123456789"], ["release", "0123456789"]):
        done = here.mailgw("hold", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("mailgw: ")


# --- show -----------------------------------------------------------------------------------------------


def test_show_tells_why_and_not_what_it_says(here: Holding) -> None:
    id = here.hold()
    (row,) = here.objects("hold", "show", id)
    assert row["envelope"]["mail_from"] == COACH
    assert [one["address"] for one in row["envelope"]["recipients"]] == [ANN]
    assert [finding["rule"] for finding in row["findings"]] == ["coach/one-to-one"]
    assert [event["event"] for event in row["events"]] == ["held"]
    text = here.mailgw("hold", "show", id[:13]).stdout
    assert "violation coach/one-to-one (certain)" in text and row["findings"][0]["explanation"] in text
    assert f"to   <{ANN}>" in text and "At five" not in text + json.dumps(row)
    assert here.events(id) == [{"event": "held"}]  # nothing to record: nobody saw anything


def test_who_looks_is_recorded(here: Holding) -> None:
    id = here.hold()
    text = here.mailgw("hold", "show", id, "--content", "--by", "Pat Kim").stdout
    assert f"  Subject: {SECRET}" in text and "  At five." in text and f"  To: {ANN}" in text
    assert here.events(id)[-1] == {"event": "viewed", "by": "Pat Kim", "what": "content"}
    done = subprocess.run(
        [*MAILGW, "hold", "show", id, "--raw", "--config", str(here.config)], capture_output=True, timeout=60,
        env={**os.environ, "SUDO_USER": "pat"},
    )  # fmt: skip
    assert done.stdout == here.raw(COACH, ANN, subject=SECRET)
    assert here.events(id)[-1] == {"event": "viewed", "by": "pat", "what": "raw"}
    (row,) = here.objects("hold", "show", id, "--content")
    assert {"name": "Subject", "value": SECRET} in row["content"]["header"] and "At five." in row["content"][
        "text"
    ]
    assert [event["what"] for event in row["events"] if event["event"] == "viewed"] == [
        "content",
        "raw",
        "content",
    ]
    here.index()
    assert here.objects("hold", "list")[0]["state"] == "held"


@pytest.mark.parametrize("way", ["--content", "--raw"])
def test_where_it_cannot_be_recorded_nothing_is_shown(here: Holding, way: str) -> None:
    """The disk is full: as full as the setting says it may be."""
    id = here.hold()
    text = here.config.read_text("utf-8").replace("min_free = 0", 'min_free = "1000000 TiB"')
    here.config.write_text(text, "utf-8")
    done = here.mailgw("hold", "show", id, way)
    assert (done.returncode, done.stdout) == (1, "")
    assert "not shown, for it cannot be recorded that you look" in done.stderr
    assert here.events(id) == [{"event": "held"}]


def test_a_message_cannot_harm_the_terminal(here: Holding) -> None:
    raw = (
        b"From: carla@harbor.example\r\nTo: ann@harbor.example\r\n"
        b"Subject: =?utf-8?Q?a=1B[2Jb=C2=9Bc=E2=80=AEd?=\r\n\r\n"
        b"\ta tab\r\n\x1b]0;owned\x07\x9b2J\rHeld message: released\r\n\xe2\x80\xaeevil\r\n"
    )
    id = here.hold(raw=raw)
    done = here.mailgw("hold", "show", id, "--content")
    assert done.returncode == 0
    assert "a\ufffd[2Jb\\x9bc\\u202ed" in done.stdout
    assert "\ufffd]0;owned\ufffd" in done.stdout and "evil" in done.stdout
    assert "  \ta tab\n" in done.stdout
    assert not {"\x1b", "\x07", "\r", "\x9b", "\u202e"} & set(done.stdout)


def test_damage_is_said_and_no_look_recorded(here: Holding) -> None:
    id = here.hold()
    here.damage(here.objects("hold", "show", id)[0]["seq"])
    done = here.mailgw("hold", "show", id, "--content")
    assert (done.returncode, done.stdout) == (1, "") and "cannot be read" in done.stderr
    assert here.events(id) == [{"event": "held"}]


# --- which message --------------------------------------------------------------------------------------


def test_names_of_messages(here: Holding) -> None:
    first, second = here.hold(), here.hold(subject="again")
    passed = here.receive(PAT, ANN)
    here.index()
    assert first[:8] == second[:8]  # a minute's messages begin alike
    cases = {
        first[:7]: (2, "first 8 characters"),
        "%%%%%%%%": (2, "first 8 characters"),
        first[:8]: (1, second),
        "ffffffff": (1, "no such held message"),
        passed: (1, "was never held"),
    }
    for name, (code, text) in cases.items():
        done = here.mailgw("hold", "show", name)
        assert (done.returncode, done.stdout) == (code, ""), name
        assert text in done.stderr
    assert here.objects("hold", "show", first.upper())[0]["id"] == first


def test_a_wrong_name_among_others_decides_nothing(here: Holding) -> None:
    id = here.hold()
    done = here.mailgw("hold", "release", id, "ffffffff")
    assert done.returncode == 1 and "ffffffff: no such held message" in done.stderr
    assert here.events(id) == [{"event": "held"}]


# --- release and refuse ---------------------------------------------------------------------------------


def test_release(here: Holding, indexed: None) -> None:
    id = here.hold()
    done = here.mailgw("hold", "release", id, "--by", "pat", "--reason", "the parents know")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{id}: released; it is on its way to 1 recipient\n"
    document = {"event": "hold-released", "by": "pat", "reason": "the parents know", "automatic": False}
    assert here.events(id)[-1] == document
    again = here.mailgw("hold", "refuse", id, "--by", "kim", "--reason", "no")
    assert (again.returncode, again.stdout) == (1, "")
    assert "nothing to decide: already released by pat on" in again.stderr
    assert here.events(id)[-1] == document


def test_refuse(here: Holding, indexed: None) -> None:
    id = here.hold()
    for arguments in ((), ("--reason", " ")):
        assert here.mailgw("hold", "refuse", id, *arguments).returncode == 2
    (row,) = here.objects("hold", "refuse", id, "--by", "pat", "--reason", "not to a student alone")
    assert (row["id"], row["outcome"], row["state"]) == (id, "refused", "refused")
    assert (row["decided_by"], row["reason"]) == ("pat", "not to a student alone")
    assert here.events(id)[-1]["event"] == "hold-refused"
    assert here.objects("hold", "list") == []


def test_several_at_once(here: Holding, indexed: None) -> None:
    """What was decided already does not hinder the others, and is told."""
    first, second, third = here.hold(ago=3), here.hold(subject="again"), here.hold(subject="more")
    here.objects("hold", "release", second, "--by", "pat")
    done = here.mailgw("hold", "release", first, second, third, first, "--by", "kim", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    outcomes = [(row["id"], row["outcome"], row["decided_by"]) for row in rows]
    assert outcomes == [(first, "released", "kim"), (second, "not-open", "pat"), (third, "released", "kim")]
    assert [len(here.events(id)) for id in (first, second, third)] == [2, 2, 2]


@pytest.mark.parametrize("word", ["release", "refuse"])
def test_of_two_reviewers_the_first_in_the_archive_counts(here: Holding, word: str) -> None:
    """Pat's decision is in the archive but not yet in the catalog when the other reviewer looks there."""
    id = here.hold()
    refusal = {"event": "hold-refused", "by": "pat", "reason": "not so", "automatic": False}
    here.note(id, datetime.now(UTC), refusal)
    code, output, errors = here.decide(word, id, "--by", "kim", "--reason", "fine")
    assert (code, output) == (1, "")
    assert f"{id}: pat was quicker: refused by pat on" in errors and ": not so" in errors
    assert [event.get("by") for event in here.events(id)] == [None, "pat", "kim"]
    here.index()
    (row,) = here.objects("hold", "list", "--all")
    assert (row["state"], row["decided_by"]) == ("refused", "pat")


def test_of_two_decisions_of_one_person_the_first_counts(here: Holding) -> None:
    """In two windows, say: the name is the same, and what is told is what holds."""
    id = here.hold()
    refusal = {"event": "hold-refused", "by": "kim", "reason": "not so", "automatic": False}
    here.note(id, datetime.now(UTC), refusal)
    code, output, errors = here.decide("release", id, "--by", "kim")
    assert (code, output) == (1, "") and "refused by kim on" in errors


def test_the_clock_may_be_quicker(here: Holding) -> None:
    id = here.hold()
    by = "mailgw (time limit)"
    here.note(id, datetime.now(UTC), {"event": "hold-released", "by": by, "reason": "so", "automatic": True})
    code, _, errors = here.decide("release", id, "--by", "kim")
    assert code == 1 and f"{by} was quicker: released by {by} on" in errors


def test_the_sender_was_told_to_send_again(here: Holding) -> None:
    """The hold ended by itself while the reviewer decided."""
    id = here.hold()
    here.note(id, datetime.now(UTC), {"event": "failed", "reply": "451 4.3.0 Try again"})
    code, _, errors = here.decide("release", id)
    assert code == 1 and "has to send it again" in errors


def test_no_indexer(here: Holding) -> None:
    id = here.hold()
    done = here.mailgw("hold", "release", id, "--wait", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{id}: recorded; the indexer has not taken it up yet")
    assert here.events(id)[-1]["event"] == "hold-released"
    here.index()
    assert here.objects("hold", "list") == []


def test_one_that_came_back_goes_to_those_who_were_not_reached(here: Holding) -> None:
    id = here.hold()
    now = datetime.now(UTC)
    here.note(id, now, {"event": "hold-released", "by": "pat", "reason": "", "automatic": False})
    here.note(id, now, {"event": "returned", "reply": "550 no", "outbox": {"left": [], "undelivered": [0]}})
    here.index()
    code, output, _ = here.decide("release", id, "--by", "pat")
    assert (code, output) == (0, f"{id}: released; it is on its way to 1 recipient\n")


def test_a_decision_that_cannot_be_recorded_is_none(here: Holding) -> None:
    id = here.hold()
    text = here.config.read_text("utf-8").replace("min_free = 0", 'min_free = "1000000 TiB"')
    here.config.write_text(text, "utf-8")
    done = here.mailgw("hold", "release", id, "--json")
    (row,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, row["outcome"], row["state"]) == (1, "not-recorded", "held")
    assert here.events(id) == [{"event": "held"}]


@pytest.mark.parametrize("name", ["", "mailgw (time limit)", "\x1b"])
def test_nobody_decides_in_the_name_of_the_gateway(here: Holding, name: str) -> None:
    id = here.hold()
    done = here.mailgw("hold", "release", id, "--by", name)
    assert done.returncode == 2 and "--by: expected" in done.stderr
    assert here.events(id) == [{"event": "held"}]


def test_who_decides_by_default(here: Holding) -> None:
    """The name behind sudo, or the one that was signed in with."""
    names = []
    for more in ({"SUDO_USER": "pat"}, {"LOGNAME": "kim"}):
        id = here.hold()
        environment = {key: value for key, value in os.environ.items() if key != "SUDO_USER"}
        subprocess.run(
            [*MAILGW, "hold", "release", id, "--wait", "0", "--config", str(here.config)],
            env={**environment, **more}, check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        names.append(here.events(id)[-1]["by"])
    assert names == ["pat", "kim"]


# --- as root --------------------------------------------------------------------------------------------


@pytest.fixture
def service() -> Iterator[Holding]:
    """An installation that belongs to a user of its own, in a folder that this user can reach."""
    user = pwd.getpwnam("nobody")
    folder = Path(tempfile.mkdtemp(prefix="mailgw-hold-"))
    folder.chmod(0o755)
    try:
        yield Holding(folder)
    finally:
        assert user.pw_uid
        shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_leaves_nothing_behind_that_the_service_cannot_write(service: Holding) -> None:
    """A new month's volume, its log and the locks: all made by the command, all the service's own."""
    user = pwd.getpwnam("nobody")
    id = service.hold()
    data = service.settings.storage.path
    archive = data / "archive"
    (archive / "append.lock").unlink()
    (volume,) = archive.glob("*.sqlite")
    volume.rename(archive / "2026-01.sqlite")  # as if nothing had been written for months
    for path in (data, *data.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    for arguments in (("show", id, "--content"), ("release", id, "--wait", "0")):
        done = service.mailgw("hold", *arguments, "--by", "pat")
        assert done.returncode == 0, done.stderr
    assert [event["event"] for event in service.events(id)] == ["held", "viewed", "hold-released"]
    assert len(list(archive.glob("*.sqlite"))) == 2 and (archive / "append.lock").exists()
    assert {path.lstat().st_uid for path in data.rglob("*")} == {user.pw_uid}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_who_may_not_is_told_how(service: Holding) -> None:
    id = service.hold()
    service.settings.storage.path.chmod(0o700)
    nobody = pwd.getpwnam("nobody")
    # Started by root: the interpreter may stand where only root can read.
    script = (
        "import os, sys; from gateway.cli.main import main; "
        f"os.setgroups([]); os.setgid({nobody.pw_gid}); os.setuid({nobody.pw_uid}); "
        "sys.argv[0] = 'mailgw'; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "hold", "release", id, "--config", str(service.config)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "not for this user; run this with sudo" in done.stderr


# --- one message in several transactions ---------------------------------------------------------------


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize(
    ("options", "decided"), [((), [True, True, False]), (("--single",), [True, False, False])]
)
def test_the_transactions_of_one_message_are_decided_together(
    here: Holding, options: tuple[str, ...], decided: list[bool]
) -> None:
    raw = b"Message-ID: <m@harbor.example>\r\nFrom: carla@harbor.example\r\nTo: ann@harbor.example\r\n\r\nHello\r\n"
    one, two = here.hold(ago=3, raw=raw), here.hold(ago=2, raw=raw)
    other = here.hold(ago=1, raw=raw.replace(b"Hello", b"Other"))
    listed = here.mailgw("hold", "list").stdout
    assert listed.count("one of 2 transactions of the same message") == 2
    done = here.mailgw("hold", "release", one, "--by", "Pat", *options)
    assert done.returncode == 0
    released = [
        any(document["event"] == "hold-released" for document in here.events(each))
        for each in (one, two, other)
    ]
    assert released == decided
