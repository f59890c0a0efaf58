"""`mailgw encryption`: a master key from its first day to the one on which the next takes over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.archive.encryption import place
from gateway.archive.encryption.master import MasterKey
from gateway.archive.encryption.settings import keyring_of
from tests.cli.installation import Installation

COMMAND = [sys.executable, "-c", "from gateway.cli.encryption import app; app()"]
WHERE = place(bytes(16), "entry.raw")
KEY = MasterKey(bytes(range(32)))


class Here(Installation):
    """An installation whose archive may be encrypted."""

    @property
    def key(self) -> Path:
        return self.folder / "safe" / "master.key"

    @property
    def archive(self) -> Path:
        return self.settings.storage.archive

    def set(self, lines: str) -> None:
        self.config.write_text(
            f"{self.config.read_text().partition('[encryption]')[0]}[encryption]\n{lines}\n"
        )

    def use_file(self) -> None:
        self.key.parent.mkdir(exist_ok=True)
        self.set('key_file = "safe/master.key"\nenabled = true')

    def encryption(
        self, *arguments: str, typed: str = "", environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments, "--config", str(self.config)],
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ | (environment or {}),
        )

    def shown(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.encryption("show", "--json").stdout.splitlines()]

    def begin(self, month: str) -> tuple[str, str, bytes]:
        """Begin a volume as the gateway does; something sealed in it."""
        self.archive.mkdir(parents=True, exist_ok=True)
        cipher = keyring_of(self.archive, self.settings.encryption).begin(month)
        assert cipher is not None
        return month, cipher.key, cipher.seal(b"mail", WHERE)

    def opened(self, month: str, key: str, sealed: bytes) -> bytes:
        cipher = keyring_of(self.archive, self.settings.encryption).cipher(month, key)
        assert cipher is not None
        return cipher.open(sealed, WHERE)


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def test_the_life_of_a_master_key(here: Here, tmp_path: Path) -> None:
    here.use_file()
    made = here.encryption("new-key")
    assert made.returncode == 0, made.stderr
    first = made.stdout.strip()
    assert "WHO LOSES THIS KEY LOSES THE MAIL" in made.stderr
    assert here.key.read_text().splitlines()[-1] not in made.stdout + made.stderr
    november = here.begin("2026-11")

    # no copy yet: the key itself is none, and another key is none
    assert here.shown()[0] == {"master": first, "newest": True, "confirmed": None}
    assert "NO COPY CONFIRMED" in here.encryption("show").stdout
    done = here.encryption("confirm-backup", "--from", str(here.key))
    assert (done.returncode, "is the key's own file" in done.stderr) == (1, True)
    done = here.encryption("confirm-backup", typed=KEY.to_text())
    assert (done.returncode, f"the copy holds {KEY.id}, but not master key {first}" in done.stderr) == (
        1,
        True,
    )
    done = here.encryption("confirm-backup", typed="what?")
    assert (done.returncode, "the copy: line 1: expected a master key" in done.stderr) == (1, True)
    assert here.shown()[0]["confirmed"] is None

    # a copy on paper, typed
    copy = here.key.read_text().splitlines()[-1]
    done = here.encryption("confirm-backup", typed=f"{copy}\n")
    assert (done.returncode, done.stderr) == (
        0,
        f"mailgw: master key {first}: the copy is right\n".removeprefix("mailgw: "),
    )
    assert here.shown()[0]["confirmed"] is not None

    # the next key takes over, once it has a copy of its own
    second = here.encryption("new-key").stdout.strip()
    assert [row["master"] for row in here.shown()[:2]] == [first, second]
    done = here.encryption("rotate")
    assert (done.returncode, f"master key {second} is not known to be backed up" in done.stderr) == (1, True)
    assert here.shown()[2]["opened_by"] == [first]
    (tmp_path / "usb.key").write_text(here.key.read_text())
    assert here.encryption("confirm-backup", "--from", str(tmp_path / "usb.key")).returncode == 0
    done = here.encryption("rotate", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "master": second, "volumes": ["2026-11"], "changed": ["2026-11"], "problems": [],
    }  # fmt: skip
    assert here.shown()[2]["opened_by"] == [second]
    assert "opens all, and no other does" in here.encryption("rotate").stderr

    # the old one is needed no more
    here.key.write_text(here.key.read_text().splitlines()[-1])
    assert here.opened(*november) == b"mail"
    assert here.opened(*here.begin("2026-12")) == b"mail"


def test_a_volume_that_does_not_open(here: Here) -> None:
    here.use_file()
    here.encryption("new-key")
    lost = here.key.read_text().splitlines()[-1]
    here.begin("2026-11")
    here.key.unlink()
    here.encryption("new-key")
    here.encryption("confirm-backup", typed=here.key.read_text())
    done = here.encryption("show")
    assert done.returncode == 1
    assert "which is not there" in done.stdout
    done = here.encryption("rotate")
    assert (done.returncode, "put that key above the newest, and run this again" in done.stderr) == (1, True)
    here.key.write_text(f"{lost}\n{here.key.read_text()}")
    assert here.encryption("rotate").returncode == 0
    assert here.encryption("show").returncode == 0


def test_a_file_that_cannot_be_used_is_not_added_to(here: Here) -> None:
    here.use_file()
    here.encryption("new-key")
    here.key.chmod(0o644)
    before = here.key.read_bytes()
    for command in ("new-key", "rotate", "show"):
        done = here.encryption(command)
        assert (done.returncode, "chmod 600 it" in done.stderr) == (1, True), command
    assert here.key.read_bytes() == before


def test_a_folder_that_is_not_there(here: Here) -> None:
    here.set('key_file = "nowhere/master.key"')
    done = here.encryption("new-key")
    assert (done.returncode, "No such file or directory" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr


def test_a_key_that_is_kept_elsewhere_is_printed(here: Here) -> None:
    made = here.encryption("new-key")
    assert made.returncode == 0, made.stderr
    here.set('key_variable = "MAILGW_TEST_KEY"\nenabled = true')
    text = here.encryption("new-key").stdout
    assert (len(text), text == made.stdout) == (45, False)
    assert not list(here.folder.rglob("*.key"))
    done = here.encryption("show")
    assert (done.returncode, "environment variable MAILGW_TEST_KEY: not set" in done.stderr) == (1, True)
    done = here.encryption("confirm-backup", typed=text, environment={"MAILGW_TEST_KEY": text})
    assert done.returncode == 0, done.stderr
    here.set(f'key_command = ["printf", "{text.strip()}"]')
    assert here.shown()[0]["confirmed"] is not None


@pytest.mark.parametrize("command", ["rotate", "confirm-backup"])
def test_without_encryption(here: Here, command: str) -> None:
    done = here.encryption(command)
    assert (done.returncode, "no master key is named" in done.stderr) == (3, True)
    shown = here.encryption("show")
    assert (shown.returncode, shown.stdout) == (0, "")
    assert "Nothing is encrypted" in shown.stderr


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            "enabled = true",
            "encryption: enabled: expected key_file, key_variable or key_command; nothing is encrypted",
        ),
        (
            'key_file = "a"\nkey_command = ["b"]',
            "encryption: expected one of key_file and key_command, not several",
        ),
        ('key_variable = "A B"', "encryption.key_variable: String should match pattern"),
        ("key_timeout = 0.0", "encryption.key_timeout: Input should be greater than 0"),
        ("key = 7", "encryption.key: unknown key"),
    ],
)
def test_a_section_that_is_refused(here: Here, lines: str, expected: str) -> None:
    here.set(lines)
    done = here.encryption("show")
    assert (done.returncode, done.stderr.startswith(f"mailgw: {here.config}: {expected}")) == (3, True), (
        done.stderr
    )


def test_check(here: Here) -> None:
    def told() -> dict[str, str]:
        rows = [json.loads(line) for line in here.mailgw("check", "--json").stdout.splitlines()]
        return {row["subject"]: row["grade"] for row in rows if row["subject"].startswith("encryption")}

    assert told() == {}
    here.use_file()
    assert told() == {"encryption.key": "error"}
    here.encryption("new-key")
    # the safe of this test is on the archive's own disk
    assert told() == {"encryption.key": "warning", "encryption.key_file": "warning", "encryption": "ok"}
    here.encryption("confirm-backup", typed=here.key.read_text())
    assert told() == {"encryption.key": "ok", "encryption.key_file": "warning", "encryption": "ok"}
