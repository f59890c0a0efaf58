"""A whole installation whose archive is encrypted: from the first key to the way back; and without the key."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import apsw
import pytest

from gateway.archive import ArchiveUnavailable, Reason
from gateway.archive.configured import reader_of
from gateway.config import load
from gateway.service.appending import open_archive
from gateway.service.compacting import Compactor
from gateway.service.ledger import new_writer
from gateway.telemetry.metrics import Metrics
from tests.cli.installation import MAILGW, Installation

AUGUST, SEPTEMBER = (datetime(2026, month, 15, 15, 0, tzinfo=UTC) for month in (8, 9))
COACH, ANN = (f"{name}@harbor.example" for name in ("carla", "ann"))
SECRET = "Pomegranate"  # in the subjects


class Encrypted(Installation):
    """August as it was before, September encrypted, and the month that is written to as well."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fill(AUGUST)
        self.key = folder / "safe" / "master.key"
        self.key.parent.mkdir()
        with self.config.open("a") as file:
            file.write(f'[encryption]\nenabled = true\nkey_file = "{self.key}"\n')
        assert self.mailgw("encryption", "new-key").returncode == 0
        self.fill(SEPTEMBER)
        self.now = None
        self.last = self.receive(COACH, ANN, at=datetime.now(UTC), subject=f"{SECRET} today")

    def fill(self, month: datetime) -> None:
        self.now = month
        kept = [
            self.judged(COACH, ANN, at=month + timedelta(minutes=n), subject=f"{SECRET} {month:%B} {n}")
            for n in range(40)
        ]
        self.keep_all(kept)

    @property
    def archive(self) -> Path:
        return self.settings.storage.archive

    def in_the_clear(self) -> list[str]:
        """The archive's files that tell who wrote to whom, and what."""
        words = [SECRET.encode(), b"carla@", b"ann@", b"At five"]
        return [
            path.name
            for path in sorted(self.archive.iterdir())
            if any(word in path.read_bytes() for word in words)
        ]

    def sign(self) -> None:
        """Sign a checkpoint of the ledger."""
        with (
            closing(reader_of(self.settings)) as reader,
            closing(new_writer(self.settings, reader)) as writer,
        ):
            writer.turn()

    def take_the_key_away(self) -> Path:
        return self.key.rename(self.key.with_name("elsewhere"))


@pytest.fixture
def here(tmp_path: Path) -> Encrypted:
    return Encrypted(tmp_path)


def test_everything_works_with_the_key(here: Encrypted, tmp_path: Path) -> None:
    assert here.in_the_clear() == ["2026-08.sqlite"]
    assert here.mailgw("reindex", "--processes", "2").returncode == 0
    here.sign()
    for processes in ("1", "2"):
        done = here.mailgw("verify", "--processes", processes)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert "81 entries, 0 problems" in done.stderr
    found = here.mailgw("search", f'subject:"{SECRET} September"', "--json", "--limit", "100")
    assert found.returncode == 0, found.stderr
    assert found.stdout.count(f"{SECRET} September") >= 40
    shown = here.mailgw("show", here.last, "--raw")
    assert (shown.returncode, f"Subject: {SECRET} today" in shown.stdout) == (0, True), shown.stderr
    package = tmp_path / "package"
    assert here.mailgw("prove", here.last, "-o", str(package)).returncode == 0
    assert SECRET.encode() in b"".join(path.read_bytes() for path in package.iterdir())
    compacted = here.objects("compact")
    assert [each["month"] for each in compacted] == ["2026-08", "2026-09"]
    assert here.in_the_clear() == []  # August is encrypted now, too
    assert here.mailgw("verify").returncode == 0
    assert here.mailgw("show", here.last, "--raw").stdout == shown.stdout
    checked = here.mailgw("check", "--json").stdout
    assert "3 volumes are encrypted, and can be opened" in checked


def test_an_export_by_several_processes(here: Encrypted, tmp_path: Path) -> None:
    assert here.mailgw("reindex").returncode == 0
    bag = tmp_path / "bag"
    arguments = [
        f"subject:{SECRET}",
        "-o",
        str(bag),
        "--processes",
        "2",
        "--by",
        "Pat Kim",
        "--for",
        "Lee family",
        "--position",
        "parents",
        "--affiliation",
        "none",
        "--reason",
        "request 7",
    ]
    done = here.mailgw("export", *arguments)
    assert done.returncode == 0, done.stderr
    mails = [path.read_text() for path in (bag / "data" / "messages").rglob("*.eml")]
    assert len(mails) == 81
    assert all(f"Subject: {SECRET}" in mail for mail in mails)


async def appended(config: Path) -> int:
    """As the service archives a message."""
    archive = open_archive(load(config), Metrics())
    try:
        return await archive.append(id=UUID(int=7), received=datetime.now(UTC), document=b"{}", raw=b"x")
    finally:
        await archive.aclose()


def test_without_the_key_mail_waits_and_nothing_is_called_damaged(here: Encrypted, tmp_path: Path) -> None:
    assert here.mailgw("reindex").returncode == 0
    here.sign()
    before = {path.name: path.read_bytes() for path in here.archive.glob("*.sqlite")}
    elsewhere = here.take_the_key_away()
    with pytest.raises(ArchiveUnavailable, match="the master key is not there; put it back") as caught:
        asyncio.run(appended(here.config))
    assert caught.value.reason is Reason.IO
    for command in (("show", here.last, "--raw"), ("prove", here.last, "-o", str(tmp_path / "p")),
                    ("compact",), ("reindex",), ("reindex", "--processes", "2")):  # fmt: skip
        done = here.mailgw(*command)
        assert done.returncode == 1, (command, done.stderr)
        assert "master.key: the master key is not there; put it back from its copy" in done.stderr, command
        assert "damaged" not in done.stderr
        assert "Traceback" not in done.stderr
    for processes in ("1", "2"):
        done = here.mailgw("verify", "--json", "--processes", processes)
        assert done.returncode == 3, done.stderr
        problems = [json.loads(line) for line in done.stdout.splitlines()]
        assert [each["kind"] for each in problems] == ["keys", "keys"]
        assert "81 entries, 0 problems" in done.stderr
        assert "41 of them are encrypted, and were not opened" in done.stderr
    checked = here.mailgw("check")
    assert checked.returncode != 0
    assert "the master key is not there" in checked.stdout + checked.stderr
    after = {path.name: path.read_bytes() for path in here.archive.glob("*.sqlite")}
    assert {name for name in before if before[name] != after[name]} <= {
        "2026-08.sqlite"
    }  # compact did that one
    elsewhere.rename(here.key)
    assert here.mailgw("verify").returncode == 0
    here.receive(COACH, ANN, at=datetime.now(UTC), subject="after all")
    assert here.mailgw("reindex").returncode == 0
    assert here.mailgw("verify").returncode == 0


def test_damage_is_told_also_without_the_key(here: Encrypted) -> None:
    here.take_the_key_away()
    with closing(apsw.Connection(str(here.archive / "2026-09.sqlite"))) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DELETE FROM entry WHERE seq = 50")
    done = here.mailgw("verify", "--no-catalog", "--no-pages")
    assert done.returncode == 1
    assert "entry 50: gap" in done.stdout


def test_the_way_back(here: Encrypted) -> None:
    """Encryption is given up: every closed month becomes plain, and needs no key."""
    assert here.mailgw("compact", "--decrypt").returncode == 2
    text = here.config.read_text().replace("enabled = true", "enabled = false")
    here.config.write_text(text)
    done = here.mailgw("compact", "--decrypt", "2026-09")
    assert done.returncode == 0, done.stderr
    assert not (here.archive / "2026-09.keys").exists()
    assert "2026-09.sqlite" in here.in_the_clear()
    here.take_the_key_away()
    with closing(reader_of(here.settings)) as reader:
        assert f"Subject: {SECRET} September".encode() in reader.raw(41)
        with pytest.raises(ArchiveUnavailable):
            reader.raw(81)


async def test_the_service_compacts_with_the_key(here: Encrypted) -> None:
    for _ in range(2):
        await Compactor(here.settings).turn()
    assert here.in_the_clear() == []
    done = here.mailgw("verify", "--no-catalog")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("source", ["variable", "command"])
def test_other_sources_reach_the_child_processes(
    here: Encrypted, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = here.key.read_text().splitlines()[-1]
    count = here.folder / "count"
    program = f"open({str(count)!r}, 'a').write('x'); print({key!r})"
    name = (
        'key_variable = "MAIL_KEY"'
        if source == "variable"
        else f"key_command = {json.dumps([sys.executable, '-c', program])}"
    )
    here.config.write_text(here.config.read_text().replace(f'key_file = "{here.key}"', name))
    if source == "variable":
        monkeypatch.setenv("MAIL_KEY", key)
    here.take_the_key_away()
    for command in (
        ("reindex", "--processes", "2"),
        ("verify", "--processes", "2"),
        ("show", here.last, "--raw"),
    ):
        count.write_text("")
        done = here.mailgw(*command)
        assert done.returncode == 0, (command, done.stderr)
        assert len(count.read_text()) <= 8  # once for each keyring, not for each message


def test_a_backup_needs_no_key_and_a_restored_one_does(here: Encrypted, tmp_path: Path) -> None:
    assert here.mailgw("reindex").returncode == 0
    here.sign()
    elsewhere = here.take_the_key_away()
    copy = tmp_path / "backup"
    done = here.mailgw("backup", str(copy))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (copy / "archive").glob("*.keys")} == {
        path.name for path in here.archive.glob("*.keys")
    }
    done = here.mailgw("backup", str(copy), "--verify")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "41 entries are encrypted, and were not opened: no key" in done.stderr
    elsewhere.rename(here.key)
    command = [*MAILGW, "restore", str(copy), "--to", str(tmp_path / "again"), "--processes", "1"]
    restored = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert restored.returncode == 0, restored.stderr
    assert "encryption.key_file: put the file there" in restored.stderr
    assert "81 entries" in restored.stderr
    made = tmp_path / "again" / "gateway.toml"
    assert here.mailgw("verify", config=made).returncode == 0
    assert f"Subject: {SECRET} today" in here.mailgw("show", here.last, "--raw", config=made).stdout
