"""`mailgw import`, run as people run it: to the end, broken off, beside others; and then found by search."""

from __future__ import annotations

import asyncio
import csv
import fcntl
import hashlib
import json
import mailbox
import signal
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gateway.archive import Kind, Reader
from gateway.extraction.extractor import Extractor
from gateway.service.appending import open_archive
from gateway.telemetry.metrics import Metrics
from tests.cli.installation import MAILGW, Installation
from tests.indexer.test_searching import Searched

TOLD = ("--source", "old server", "--custodian", "carla@harbor.example")
INDEX = "data/search"
COACH, ANN = "Carla Coach <carla@harbor.example>", "Ann Lee <ann@harbor.example>"


def letter(number: int, body: str = "At five.\n", *, author: str = COACH, to: str = ANN) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = author, to, f"Practice {number}"
    message["Date"] = "Mon, 4 Mar 2019 09:30:00 -0500"
    message["Message-ID"] = f"<{number}@old.example>"
    message.set_content(body)
    return message.as_bytes()


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def run(here: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = here.mailgw("import", *arguments, *TOLD)
    assert "Traceback" not in done.stderr
    return done


def kept(here: Installation) -> Counter[str]:
    """How often the archive has which octets."""
    with closing(Reader(here.settings.storage.archive)) as reader:
        found: Counter[str] = Counter()
        after = 0
        while entries := reader.follow(after, 1000):
            after = entries[-1].seq
            for entry in entries:
                if entry.kind is Kind.MESSAGE:
                    assert hashlib.sha256(reader.raw(entry.seq)).hexdigest() == entry.sha256
                    found[entry.sha256 or ""] += 1
        return found


def digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def table(report: Path) -> list[dict[str, str]]:
    with report.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def boxed(path: Path, messages: list[bytes]) -> Path:
    with closing(mailbox.mbox(path)) as box:
        for each in messages:
            box.add(each)
        box.flush()
    return path


# --- to the end ------------------------------------------------------------------------------------------


def test_old_mail_of_all_kinds_and_a_report(here: Installation, tmp_path: Path) -> None:
    messages = [letter(number) for number in range(8)]
    box = boxed(tmp_path / "inbox.mbox", messages[:3])
    mail = mailbox.Maildir(tmp_path / "smith")
    for each in messages[3:5]:
        mail.add(each)
    with zipfile.ZipFile(tmp_path / "old.zip", "w") as file:
        file.writestr("=cmd.eml", messages[5])
        file.writestr("a/b.eml", messages[0])
    (tmp_path / "one.eml").write_bytes(messages[6])
    (tmp_path / "bad.mbox").write_bytes(b"none")
    report = tmp_path / "report.csv"
    paths = (str(box), *(str(tmp_path / name) for name in ("smith", "old.zip", "one.eml", "bad.mbox")))
    done = run(here, *paths, "--report", str(report))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        'not read: bad.mbox: does not begin with a line "From "',
        "8 messages found: 7 archived, 1 that the archive had; 1 not read",
    ]
    assert kept(here) == Counter({digest(each): 1 for each in messages[:7]})
    rows = table(report)
    assert Counter(row["status"] for row in rows) == {"archived": 7, "duplicate": 1, "unreadable": 1}
    bad = next(row for row in rows if row["place"] == "bad.mbox")
    assert bad["reason"] == 'does not begin with a line "From "'
    assert {row["sha256"] for row in rows} - {""} == {digest(each) for each in messages[:7]}
    assert len({row["run"] for row in rows}) == 1
    assert any(row["place"] == "old.zip!=cmd.eml" for row in rows)

    again = run(here, *paths[:4], "--report", str(report))
    assert (again.returncode, again.stderr) == (
        0,
        "8 messages found: 0 archived, 8 that the archive had; 0 not read\n",
    )
    rows = table(report)
    assert (len(rows), len({row["run"] for row in rows})) == (17, 2)


def test_one_object_a_line(here: Installation, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(letter(1))
    (row,) = here.objects("import", str(tmp_path / "a.eml"), *TOLD)
    with closing(Reader(here.settings.storage.archive)) as reader:
        entry = reader.entry(1)
    assert entry is not None
    assert row == {
        "place": "a.eml",
        "status": "archived",
        "id": entry.id,
        "sha256": digest(letter(1)),
        "reason": "",
    }


def test_a_dry_run_leaves_nothing(here: Installation, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(letter(1))
    done = run(here, str(tmp_path / "a.eml"), "--dry-run")
    assert done.returncode == 0
    assert done.stderr.startswith("1 messages found: 1 new, 0 that the archive had; 0 not read\n")
    assert not here.settings.storage.archive.exists()


@pytest.mark.parametrize("custodian", ["", "a\x07"])
def test_a_custodian_is_needed(here: Installation, tmp_path: Path, custodian: str) -> None:
    done = here.mailgw("import", str(tmp_path), "--source", "x", "--custodian", custodian)
    assert (done.returncode, "--custodian: expected" in done.stderr) == (2, True)
    assert here.mailgw("import", str(tmp_path), "--source", "x").returncode == 2


def test_of_many_that_cannot_be_read_some_are_named_and_all_are_counted(
    here: Installation, tmp_path: Path
) -> None:
    for number in range(25):
        (tmp_path / "roster" / f"\x1b{number}.eml").touch()
    lines = run(here, str(tmp_path / "roster")).stderr.splitlines()
    assert sum(line.startswith("not read: roster/\\x1b") for line in lines) == 20
    assert lines[20:22] == [
        "not read: 5 more; --report names all",
        "0 messages found: 0 archived, 0 that the archive had; 25 not read",
    ]


# --- broken off, and beside others -----------------------------------------------------------------------


def test_killed_in_the_middle_and_run_again_every_message_is_there_once(
    here: Installation, tmp_path: Path
) -> None:
    messages = [letter(number, "x" * (number % 700)) for number in range(3000)]
    box = str(boxed(tmp_path / "box", messages))
    command = [*MAILGW, "import", box, *TOLD, "--json", "--config", str(here.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        told = json.loads(child.stdout.readline())
        child.send_signal(signal.SIGKILL)  # the pipe holds a fraction of what it has to say
        rest = child.stdout.read()
    assert child.returncode == -signal.SIGKILL
    before = kept(here)
    assert before[told["sha256"]] == 1  # what was told is there
    for line in rest.splitlines()[:-1]:  # the last one may be cut off
        assert before[json.loads(line)["sha256"]] == 1
    assert 0 < len(before) < 3000

    done = run(here, box)
    assert done.returncode == 0, done.stderr
    assert kept(here) == Counter({digest(each): 1 for each in messages})
    assert f"3000 messages found: {3000 - len(before)} archived" in done.stderr


def test_without_room_it_says_how_to_go_on(here: Installation, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(letter(1))
    config = here.config.read_text("utf-8")
    full = tmp_path / "full.toml"
    full.write_text(config.replace("min_free = 0", 'min_free = "1000 TB"'), "utf-8")
    done = here.mailgw("import", str(tmp_path / "a.eml"), *TOLD, config=full)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("mailgw: import stopped: ")
    assert line.endswith("what was archived stays; the same command goes on from there")
    assert run(here, str(tmp_path / "a.eml")).returncode == 0


def test_one_import_at_a_time(here: Installation, tmp_path: Path) -> None:
    run_folder = here.settings.storage.run
    run_folder.mkdir(parents=True)
    with (run_folder / "import.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run(here, str(tmp_path))
    assert (done.returncode, "another import is running" in done.stderr) == (1, True)


def test_it_appends_while_another_process_does(here: Installation, tmp_path: Path) -> None:
    """As beside a running service: numbers stay dense, and nothing is lost."""
    messages = [letter(number) for number in range(300)]
    box = str(boxed(tmp_path / "box", messages))
    envelope, document, raw = here.judged("tim@harbor.example", "pat@harbor.example")

    async def both() -> tuple[int, int]:
        archive, appended = open_archive(here.settings, Metrics()), 0
        command = [*MAILGW, "import", box, *TOLD, "--config", str(here.config)]
        child = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
        ended = asyncio.create_task(child.wait())
        while not ended.done():
            octets = raw + str(appended).encode()
            await archive.append(id=uuid4(), received=envelope.received, document=document, raw=octets)
            appended += 1
            await asyncio.wait([ended], timeout=0.02)
        await archive.aclose()
        return await ended, appended

    code, appended = asyncio.run(both())
    assert code == 0
    found = kept(here)
    assert (set(found.values()), len(found)) == ({1}, 300 + appended)
    assert {digest(each) for each in messages} <= found.keys()
    with closing(Reader(here.settings.storage.archive)) as reader:
        numbers = [entry.seq for entry in reader.follow(0, 10_000)]
    assert numbers == list(range(1, 300 + appended + 1))


# --- found -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Searched, list[dict[str, Any]]]]:
    """An installation with one letter that came by SMTP, and two that were imported."""
    folder = tmp_path_factory.mktemp("found")
    with Extractor() as extractor:
        made = Searched(folder, extractor)
        made.take(letter(0, "The heron flew.\n"), "ann@harbor.example", author="carla@harbor.example")
        texts = [
            letter(1, "The heron stood still.\n"),
            letter(2, "A bittern called.\n", author="Mo Ray <mo@ray.example>"),
        ]
        made.objects("import", str(boxed(folder / "box", texts)), *TOLD)
        (folder / "again.eml").write_bytes(texts[0])
        told = ("--source", "old server", "--custodian", "ann@harbor.example")
        made.objects("import", str(folder / "again.eml"), *told)
        made.keep_roster()
        made.update(INDEX)
        yield made, made.objects("search")


@pytest.mark.parametrize(
    ("query", "seqs"),
    [
        ("heron", [2, 1]),
        ("subject:'practice 2'", [3]),
        ("from:mo@ray.example", [3]),
        ("to:ann", [3, 2, 1]),
        ("person:'Carla Coach'", [2, 1]),
        ("listener:import", [3, 2]),
        ("direction:in", []),
        ("direction:internal", [1]),
        ("direction:out", []),
        ("rcpt:ann", [1]),
        ("bcc:ann", []),
        ("has:finding", [1]),
        ("date:2019-03", [3, 2, 1]),
        ("before:2020", []),
    ],
)
def test_what_is_found(searched: tuple[Searched, Any], query: str, seqs: list[int]) -> None:
    rows = searched[0].objects("search", query.replace("'", '"'))
    assert [row["seq"] for row in rows if "seq" in row] == seqs


def test_what_is_shown(searched: tuple[Searched, list[dict[str, Any]]]) -> None:
    made, rows = searched
    by_seq = {row["seq"]: row for row in rows if "seq" in row}
    assert [(by_seq[seq]["role"], by_seq[seq]["outcome"]) for seq in (2, 3)] == [("import", "imported")] * 2
    shown = made.mailgw("show", by_seq[3]["id"])
    assert (shown.returncode, "mo@ray.example" in shown.stdout) == (0, True)
    raw = subprocess.run(
        [*MAILGW, "show", "--raw", by_seq[3]["id"], "--config", str(made.config)],
        capture_output=True,
        timeout=60,
    )
    assert raw.stdout == letter(2, "A bittern called.\n", author="Mo Ray <mo@ray.example>")
