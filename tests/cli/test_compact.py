"""`mailgw compact` on a whole installation, and the way to read what it made without the gateway."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from gateway.archive import Reader
from gateway.archive.lock import FolderLock
from gateway.archive.rewriting import rewrite
from tests.cli.installation import Installation

AUGUST, SEPTEMBER = (datetime(2026, month, 15, 15, 0, tzinfo=UTC) for month in (8, 9))
COACH, ANN, CY = (f"{name}@harbor.example" for name in ("carla", "ann", "cy"))
PAGE = Path(__file__).parents[2] / "docs" / "archive-format.md"
BATCH = UUID(int=5, version=4)
FILE = random.Random(3).randbytes(6_000)


def with_file(number: int) -> bytes:
    """A message with an attachment that others have as well."""
    lines = base64.encodebytes(FILE).replace(b"\n", b"\r\n")
    return (
        b'Subject: file %d\r\nContent-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\nContent-Type: '
        b"application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n%b--b%d--\r\n"
    ) % (number, number, number, lines, number)


class Old(Installation):
    """Two closed months, and one that is written to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for month in (AUGUST, SEPTEMBER):
            self.now = month
            kept = [
                self.judged(COACH, ANN, at=month + timedelta(minutes=n), subject=f"No {n}") for n in range(60)
            ]
            filed = [self.judged(COACH, CY, at=month + timedelta(hours=n)) for n in range(2, 4)]
            self.keep_all([*kept, *((one[0], one[1], with_file(n)) for n, one in enumerate(filed))])
            self.note(kept[0][0].id, month, {"event": "relayed", "reply": "250 2.0.0 Ok", "seconds": 0.1})
        self.now = None
        self.receive(COACH, CY, at=datetime.now(UTC))

    @property
    def archive(self) -> Path:
        return self.settings.storage.archive

    def raws(self) -> list[bytes]:
        with closing(Reader(self.archive)) as reader:
            return [reader.raw(entry.seq) for entry in reader.follow(0, 999) + reader.follow(63, 999)
                    if entry.kind == "message"]  # fmt: skip


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Old:
    """With August compacted."""
    made = Old(tmp_path_factory.mktemp("old"))
    before = made.raws()
    assert len(before) == 124
    (row,) = made.objects("compact", "2026-08")
    assert row["month"] == "2026-08"
    assert row["entries"] == 63
    assert 0 < row["octets_after"] < row["octets_before"]
    assert made.raws() == before
    return made


def test_the_rest_is_compacted_by_default_and_then_there_is_nothing_to_do(here: Old) -> None:
    before = here.raws()
    done = here.mailgw("compact", "--level", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"2026-09: 63 entries, [\d.]+ MB before, [\d.]+ MB after \(\d+%\)\n", done.stdout)
    assert here.raws() == before
    again = here.mailgw("compact")
    assert (again.returncode, again.stdout) == (0, "")
    assert "every closed month is compacted" in again.stderr
    assert here.mailgw("verify", "--no-catalog").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["2026-13"], 2, "expected a month such as 2026-10"),
        (["2019-01"], 1, "there is no volume of 2019-01"),
        ([datetime.now(UTC).strftime("%Y-%m")], 1, "still written to"),
        (["--level", "99"], 2, "22"),
    ],
)
def test_what_cannot_be_compacted(here: Old, arguments: list[str], code: int, text: str) -> None:
    done = here.mailgw("compact", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert text in done.stderr


def test_one_at_a_time(here: Old) -> None:
    lock = FolderLock(here.archive / "rewrite.lock")
    with closing(lock), lock.held():
        done = here.mailgw("compact", "2026-08")
    assert done.returncode == 1
    assert "another process rewrites a volume" in done.stderr


def test_without_an_archive_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert "nothing to compact" in Installation(tmp_path).mailgw("compact").stderr


# --- the page that says how to read such a volume -----------------------------------------------------------


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def entries(here: Old) -> dict[int, tuple[str, bytes]]:
    """The messages of August by number: how they are stored, and what was received."""
    with closing(Reader(here.archive)) as reader:
        (volume, *_) = reader.volumes()
        found = subprocess.run(
            ["sqlite3", str(volume.path), "SELECT seq, encoding FROM entry WHERE kind = 'message'"],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        rows = (line.split("|") for line in found.stdout.splitlines())
        return {int(seq): (encoding, reader.raw(int(seq))) for seq, encoding in rows}


def test_the_page_s_commands_read_a_compacted_message(here: Old, tmp_path: Path) -> None:
    seq, raw = next((seq, raw) for seq, (encoding, raw) in entries(here).items() if encoding == "dict")
    (commands,) = (block for block in blocks("sh") if "-D message.dict" in block)
    commands = commands.replace("2026-11.sqlite", str(here.archive / "2026-08.sqlite")).replace(
        "1234", str(seq)
    )
    done = subprocess.run(
        ["sh", "-e", "-c", commands], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"{seq}.eml").read_bytes() == raw
    with closing(Reader(here.archive)) as reader:
        assert (tmp_path / f"{seq}.json").read_bytes() == reader.evidence(seq).document
    assert hashlib.sha256(raw).hexdigest() in done.stdout


def test_the_page_s_program_reads_every_message_and_document(here: Old, tmp_path: Path) -> None:
    (program,) = (block for block in blocks("python") if "FROM attached" in block)
    path = tmp_path / "read.py"
    path.write_text(program)
    found = entries(here)
    assert {encoding for encoding, _ in found.values()} >= {"dict", "parts"}
    for seq, (_, raw) in found.items():
        done = subprocess.run(
            [sys.executable, "-I", str(path), str(here.archive / "2026-08.sqlite"), str(seq)],
            capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        assert done.stdout == raw
    with closing(Reader(here.archive)) as reader:
        (event,) = (entry for entry in reader.follow(0, 63) if entry.kind == "event")
        for number in (1, event.seq):
            done = subprocess.run(
                [sys.executable, "-I", str(path), str(here.archive / "2026-08.sqlite"), str(number), "document"],
                capture_output=True, check=True, timeout=60,
            )  # fmt: skip
            entry = reader.entry(number)
            assert entry is not None and json.loads(done.stdout) == entry.document


def test_what_became_of_a_message_that_was_disposed_of_is_told(tmp_path: Path) -> None:
    """By the commands that show messages."""
    here = Old(tmp_path)
    here.index()
    rewrite(here.archive, "2026-08", dispose={1: BATCH}, is_held=lambda _seq: False)
    with closing(Reader(here.archive)) as reader:
        entry = reader.entry(1)
        assert entry is not None
    for command in (["show", entry.id, "--raw"], ["prove", entry.id, "-o", str(tmp_path / "proof")]):
        done = here.mailgw(*command)
        assert done.returncode == 1
        if command[0] == "show":
            assert "was lawfully disposed of, by batch" in done.stderr
    verified = here.mailgw("verify", "--json", "--no-catalog")
    assert verified.returncode == 1
    (problem,) = map(json.loads, verified.stdout.splitlines())
    assert (problem["seq"], problem["kind"]) == (1, "disposed")
