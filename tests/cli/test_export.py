"""`mailgw export` and `mailgw access-log`, run as people run them, on mail that was received, indexed and signed."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from copy import copy
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import pytest

from gateway.archive import Entry, Reader
from gateway.extraction.extractor import Extractor
from gateway.records.proof import verify
from tests.cli.installation import OCTOBER, Installation
from tests.cli.test_prove import sign
from tests.indexer.test_searching import ANN, COACH, MOTHER, PAT, TEACHER, Searched
from tests.records.export.making import files_of

INDEX = "data/search"
OUTSIDE = "sales@vendor.example"
USERS = """\
sourcedId,role,givenName,familyName,email,agentSourcedIds
c1,teacher,Carla,Coach,carla@harbor.example,
t1,teacher,Tim,Kay,tim@harbor.example,
a1,administrator,Pat,Kim,pat@harbor.example,
s1,student,Ann,Lee,ann@harbor.example,g1
s2,student,Bo,Fox,bo@harbor.example,
s3,student,Cy,Day,cy@harbor.example,
g1,guardian,May,Lee,mother@lee.example,
"""
ACCOUNTS = "user,address,kind\nt1,tim@kay.example,personal\ns3,cy@home.example,personal\n"
TO = ("--for", "Lee Fox", "--position", "counsel", "--affiliation", "Fox LLP", "--reason", "request 7")
WHO = ("--by", "Pat Kim")


def letter(author: str, to: str, subject: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = author, to, subject
    message.set_content(f"About the {subject}.\n")
    return message.as_bytes()


def received(here: Searched) -> None:
    """Two messages with a firm, one each to a student, to her mother, to another student; one that is held (entries 6
    and 7); and one between accounts elsewhere, which no kept roster knows."""
    mail = [
        (TEACHER, OUTSIDE, "heron invoice"),
        (PAT, OUTSIDE, "heron contract"),
        (TEACHER, ANN, "heron project"),
        (TEACHER, MOTHER, "heron trip"),
        (COACH, "bo@harbor.example", "heron practice"),
    ]
    here.roster(users=USERS, accounts=ACCOUNTS)
    for day, (author, to, subject) in enumerate(mail):
        here.take(letter(author, to, subject), to, author=author, at=OCTOBER + timedelta(days=day))
    raw, at = letter(TEACHER, ANN, "heron secret"), OCTOBER + timedelta(days=9)
    envelope = here.envelope(TEACHER, ANN, at=at)
    document = {"envelope": envelope.to_json(), "verdict": here.judge([envelope], raw), "held": True}
    here.keep(envelope, json.dumps(document).encode(), raw)
    here.note(envelope.id, at, {"event": "held"})
    author, to = "tim@kay.example", "cy@home.example"
    here.take(letter(author, to, "egret"), to, author=author, at=OCTOBER + timedelta(days=10))
    here.keep_roster()
    here.update(INDEX)
    sign(here)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searched]:
    with Extractor() as extractor:
        found = Searched(tmp_path_factory.mktemp("made"), extractor)
        received(found)
        yield found


@pytest.fixture
def here(made: Searched, tmp_path: Path) -> Installation:
    """A copy, into which exports are recorded."""
    shutil.copytree(made.folder, tmp_path / "here", symlinks=True)
    found = copy(made)
    found.folder = tmp_path / "here"
    found.config = found.folder / "gateway.toml"
    return found


def export(here: Installation, out: Path, *arguments: str) -> dict[str, Any]:
    """What an export that succeeds tells."""
    (facts,) = here.objects("export", *arguments, *WHO, "-o", str(out))
    return facts


def refused(here: Installation, *arguments: str, code: int = 2) -> str:
    done = here.mailgw("export", *arguments, *WHO)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def acts(here: Installation, id: str) -> list[Entry]:
    with closing(Reader(here.settings.storage.archive)) as reader:
        return reader.events(id)


# --- what is exported ------------------------------------------------------------------------------------


def test_mail_with_outside_firms(here: Installation, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = here.mailgw("export", "domain:vendor.example", *WHO, "-o", str(out))
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{out}: 2 of 2 messages found" in done.stderr
    assert sorted(path.name for path in (out / "data/messages").iterdir()) == [
        "000000001.eml",
        "000000002.eml",
    ]
    assert verify.main([], out) == 0


def test_the_certificate_tells_what_was_asked_and_how_complete_it_is(
    here: Installation, tmp_path: Path
) -> None:
    facts = export(here, tmp_path / "out", "domain:vendor.example", "subject:heron")
    kept = json.loads((tmp_path / "out/data/certificate.json").read_bytes())
    assert facts == {"folder": str(tmp_path / "out")} | kept
    assert kept["query"] == "domain:vendor.example subject:heron"
    assert "vendor.example" in kept["meaning"][0]
    assert kept["coverage"]["searched"] == kept["coverage"]["last"] == 8
    assert kept["by"] == "Pat Kim"
    assert kept["student_records"] == {"known": True, "messages": 0}


def test_what_is_left_out_is_listed_with_its_reason(here: Installation, tmp_path: Path) -> None:
    out = tmp_path / "out"
    facts = export(
        here, out, "heron", *TO, "--exclude", "subject:contract", "--because", "attorney-client privilege",
        "--exclude", "subject:contract OR from:carla", "--because", "not asked for",
    )  # fmt: skip
    assert [(each["reason"], each["messages"]) for each in facts["excluded"]] == [
        ("held, not decided", "6"),
        ("attorney-client privilege", "2"),
        ("not asked for", "5"),
    ]
    assert (facts["hits"], facts["exported"], facts["messages"]) == (6, 3, "1,3-4")
    text = (out / "data/certificate.txt").read_text()
    assert "1 left out: attorney-client privilege (found by: subject:contract)" in text


def test_a_held_message_is_exported_once_it_is_decided(here: Installation, tmp_path: Path) -> None:
    with closing(Reader(here.settings.storage.archive)) as reader:
        held = reader.entry(6)
    assert held is not None
    here.note(
        held.id, OCTOBER + timedelta(days=10), {"event": "hold-released", "by": "Pat Kim", "reason": ""}
    )
    here.index()
    facts = export(here, tmp_path / "out", "subject:secret", *TO)
    assert (facts["exported"], facts["excluded"]) == (1, [])


def test_damage_is_reported_and_stops_nothing(here: Installation, tmp_path: Path) -> None:
    here.damage(1)
    done = here.mailgw("export", "domain:vendor.example", *WHO, "-o", str(tmp_path / "out"))
    assert done.returncode == 1
    assert "not exported: 000000001 (entry 1): damaged" in done.stderr
    assert "1 of 2 messages found" in done.stderr
    assert verify.main([], tmp_path / "out") == 0


def test_a_saved_search(here: Installation, tmp_path: Path) -> None:
    assert here.mailgw("search", "domain:vendor.example", "--save", "vendor").returncode == 0
    facts = export(here, tmp_path / "out", "--saved", "vendor", "subject:invoice")
    assert facts["messages"] == "1"


def test_a_query_with_a_minus(here: Installation, tmp_path: Path) -> None:
    assert export(here, tmp_path / "out", "domain:vendor.example", "-subject:invoice")["messages"] == "2"


def test_a_folder_whose_name_is_no_text(here: Installation, tmp_path: Path) -> None:
    facts = export(here, tmp_path / "caf\udce9", "subject:invoice")
    assert facts["folder"] == f"{tmp_path}/caf\\xe9"
    assert verify.main([], tmp_path / "caf\udce9") == 0


# --- student records -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "missing", [TO, TO[2:], TO[:2] + TO[4:], TO[:4] + TO[6:], TO[:6]], ids=["all", *TO[:8:2]]
)
def test_student_records_are_not_released_without_a_word_on_to_whom_and_why(
    here: Installation, tmp_path: Path, missing: tuple[str, ...]
) -> None:
    given = () if missing == TO else missing
    text = refused(here, "heron", *given, "-o", str(tmp_path / "out"))
    assert "expected" in text or "3 of 5 messages hold student records" in text
    assert not list(tmp_path.glob("*out*"))


def test_the_access_log(here: Installation, tmp_path: Path) -> None:
    """Ann's mother writes about Ann; whose records they are is known by the roster of the day."""
    facts = export(here, tmp_path / "out", "heron", *TO)
    export(here, tmp_path / "other", "domain:vendor.example")  # no student's
    here.index()
    (line,) = here.objects("access-log")
    assert line["export"] == facts["export"]
    assert line["by"] == "Pat Kim"
    assert line["to"] == {"name": "Lee Fox", "position": "counsel", "affiliation": "Fox LLP"}
    assert line["reason"] == "request 7"
    assert line["messages"] == "3-5"
    assert line["students"] == {"s1": "3-4", "s2": "5"}
    (mine,) = here.objects("access-log", "--student", "ann@harbor.example")
    assert (mine["messages"], mine["students"]) == ("3-4", {"s1": "3-4"})
    assert here.objects("access-log", "--student", "s3") == []
    shown = here.mailgw("access-log").stdout
    assert "Pat Kim to Lee Fox, counsel, Fox LLP: request 7" in shown
    assert "student s1: entries 3-4" in shown


def test_a_student_whom_only_a_finding_knows(here: Installation, tmp_path: Path) -> None:
    facts = export(here, tmp_path / "out", "subject:egret", *TO)
    (act,) = acts(here, facts["export"])
    assert act.document["access"]["students"] == {"s3": "8"}


def test_what_the_catalog_does_not_have_yet_is_told(here: Installation, tmp_path: Path) -> None:
    export(here, tmp_path / "out", "heron", *TO)
    done = here.mailgw("access-log")
    assert (done.returncode, done.stdout) == (0, "")
    assert "1 entry behind the archive: what is newer is not shown" in done.stderr


def test_a_message_that_could_not_be_had_was_not_released(here: Installation, tmp_path: Path) -> None:
    here.damage(3)
    done = here.mailgw("export", "heron", *TO, *WHO, "--json", "-o", str(tmp_path / "out"))
    assert done.returncode == 1
    (act,) = acts(here, json.loads(done.stdout)["export"])
    assert act.document["access"]["messages"] == "4-5"
    assert act.document["access"]["students"] == {"s1": "4", "s2": "5"}
    assert act.document["failed"] == "3"


def test_no_roster_was_kept(here: Installation, tmp_path: Path) -> None:
    shutil.rmtree(here.settings.storage.rosters)
    done = here.mailgw("export", "domain:vendor.example", *WHO, "-o", str(tmp_path / "out"))
    assert done.returncode == 0
    assert "it is not known which messages hold student records" in done.stderr
    assert "not known: the gateway has kept no roster" in (tmp_path / "out/data/certificate.txt").read_text()


# --- the act, numbers ------------------------------------------------------------------------------------


def test_the_archive_keeps_what_was_exported(here: Installation, tmp_path: Path) -> None:
    facts = export(here, tmp_path / "out", "domain:vendor.example", "--bates", "DIST-", "--format", "mboxrd")
    (act,) = acts(here, facts["export"])
    assert act.document == {
        "event": "exported",
        "by": "Pat Kim",
        "reason": "",
        "at": facts["at"],
        "query": "domain:vendor.example",
        "formats": ["eml", "mboxrd"],
        "messages": "1-2",
        "excluded": 0,
        "failed": "",
        "bates": {"prefix": "DIST-", "first": 1, "last": 2, "begin": "DIST-0000001", "end": "DIST-0000002"},
        "tree_size": 8,
        "to": None,
    }


def test_numbers_follow_each_other_over_exports(here: Installation, tmp_path: Path) -> None:
    first = export(here, tmp_path / "one", "domain:vendor.example", "--bates", "DIST-")
    second = export(here, tmp_path / "two", "subject:invoice", "--bates", "DIST-")
    assert (first["bates"]["end"], second["bates"]["begin"]) == ("DIST-0000002", "DIST-0000003")
    here.index()
    (here.settings.storage.path / "exports/bates.json").unlink()  # lost: the archive has them as well
    third = export(here, tmp_path / "three", "subject:invoice", "--bates", "DIST-")
    assert third["bates"]["begin"] == "DIST-0000004"


def test_no_number_is_taken_by_what_is_refused(here: Installation, tmp_path: Path) -> None:
    refused(here, "heron", "--bates", "DIST-", "-o", str(tmp_path / "out"))
    assert not (here.settings.storage.path / "exports").exists()


# --- killed ----------------------------------------------------------------------------------------------

# The command as it is installed, which kills itself when a file of that name is about to get it.
KILLED = """
import os, signal, sys
place, sys.argv = sys.argv[1], ["mailgw", *sys.argv[2:]]
real = os.replace
def replace(source, target, **options):
    if str(target).endswith(place):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(source, target, **options)
os.replace = replace
from gateway.cli.main import main
main()
"""


@pytest.mark.parametrize("at", ["messages/DIST-0000002.eml", "index.csv", "/out"])
def test_killed_it_goes_on(here: Installation, tmp_path: Path, at: str) -> None:
    """The last one: the archive has the act, and the folder does not have its name yet."""
    out = tmp_path / "out"
    asked = ["export", "domain:vendor.example", "--bates", "DIST-", "--format", "concordance", *WHO]
    command = [*asked, "-o", str(out), "--processes", "1", "--config", str(here.config)]
    done = subprocess.run([sys.executable, "-c", KILLED, at, *command], timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert not out.exists()
    assert "--resume" in refused(here, "subject:invoice", "-o", str(out), code=1)
    plan = (tmp_path / ".out.export/plan.json").read_bytes()
    (facts,) = here.objects("export", "--resume", "-o", str(out))
    assert len(acts(here, facts["export"])) == 1
    assert facts["export"] in plan.decode()
    assert verify.main([], out) == 0
    # Undisturbed, the same plan makes the same octets.
    again = tmp_path / "again/.out.export"
    again.mkdir(parents=True)
    (again / "plan.json").write_bytes(plan)
    assert here.mailgw("export", "--resume", "-o", str(tmp_path / "again/out")).returncode == 0
    assert files_of(tmp_path / "again/out") == files_of(out)
    assert len(acts(here, facts["export"])) == 1


# --- what is typed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "expected a query"),
        (("heron", "--bates", "D1"), "--bates: expected up to 20 letters"),
        (("heron", "--exclude", "x"), "--because: expected one for each --exclude; got 0 for 1"),
        (("heron", "--exclude", "x", "--because", " "), "--because: expected a reason"),
        (("heron", "--exclude", " ", "--because", "x"), "--exclude: expected a query"),
        (("heron", "--for", "Lee"), "--position: expected"),
        (
            ("heron", "--for", "x" * 201, "--position", "a", "--affiliation", "b"),
            "--for: expected at most 200",
        ),
        (("heron", "--reason", "x" * 3000), "--reason: expected a reason of at most 2000"),
        (("from:", "heron"), "from:"),
        (("heron", "--resume"), "--resume: expected without"),
    ],
)
def test_wrong_usage(here: Installation, tmp_path: Path, arguments: tuple[str, ...], text: str) -> None:
    assert text in refused(here, *arguments, "-o", str(tmp_path / "out"))
    assert not list(tmp_path.glob("*out*"))


def test_nothing_to_resume(here: Installation, tmp_path: Path) -> None:
    done = here.mailgw("export", "--resume", "-o", str(tmp_path / "out"))
    assert done.returncode == 1
    assert "no export into it was broken off" in done.stderr


def test_a_catalog_that_lacks_messages(here: Installation, tmp_path: Path) -> None:
    """Nobody knows then which of them are held."""
    connection = apsw.Connection(str(here.settings.storage.catalog / "catalog.sqlite"))
    connection.execute("DELETE FROM messages WHERE seq = 1")
    connection.close()
    text = refused(here, "domain:vendor.example", "-o", str(tmp_path / "out"), code=1)
    assert "1 of 2 messages are not in the catalog" in text


# --- as root ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_run_by_root_the_service_can_go_on(here: Installation, tmp_path: Path) -> None:
    """The act and the numbers are written as the service's user; the export stays root's."""
    user = pwd.getpwnam("nobody")
    with TemporaryDirectory(prefix="mailgw-export-") as name:
        place = Path(name)
        place.chmod(0o755)
        here.folder.rename(place / "here")
        here.folder, here.config = place / "here", place / "here/gateway.toml"
        here.folder.chmod(0o755)
        data = here.settings.storage.path
        for path in (data, *data.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
        facts = export(here, tmp_path / "out", "domain:vendor.example", "--bates", "DIST-")
        assert len(acts(here, facts["export"])) == 1
        assert (data / "exports/bates.json").exists()
        assert {path.lstat().st_uid for path in data.rglob("*")} == {user.pw_uid}
    assert (tmp_path / "out").stat().st_uid == 0
