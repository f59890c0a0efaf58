"""`mailgw policy test`: a message explained, with real files, a real roster and the real command."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.installation import MAILGW, Installation

AT = ("--at", "2026-10-14T12:00:00")


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def write(folder: Path, sender: str, to: str, name: str = "message.eml") -> Path:
    path = folder / name
    path.write_bytes(
        f"From: {sender}\r\nTo: {to}\r\nSubject: Practice\r\nMessage-ID: <1@x.example>\r\n\r\nBring shoes.\r\n".encode()
    )
    return path


def run(
    installation: Installation, *arguments: object, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    words = [*MAILGW, "policy", "test", *map(str, arguments), "--config", str(installation.config)]
    return subprocess.run(words, input=stdin, capture_output=True, check=False, timeout=60)


def told(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_step_is_told(installation: Installation) -> None:
    message = write(installation.folder, "Carla Coach <carla@harbor.example>", "ann@harbor.example")
    done = run(installation, message, *AT)
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    for words in (
        "1. Who wrote it?",
        "Carla Coach (coach, staff), certain",
        "by school account: the message came from Carla Coach's school account",
        "2. Whom does it reach?",
        "Ann Lee (student): named in To",
        "3. What do the rules say?",
        "found something: coach/one-to-one",
        "4. What is found?",
        "violation coach/one-to-one (certain)",
        "What would be done: record.",
    ):
        assert words in text, text
    assert "Bring shoes" not in text


def test_as_json(installation: Installation) -> None:
    message = write(installation.folder, "Tim Kay <tim@kay.example>", "ann@harbor.example, aunt@x.example")
    (row,) = told(run(installation, message, *AT, "--json"))
    assert [author["step"] for author in row["authors"]] == ["registered address"]
    assert row["authors"][0]["standing"] == "known"
    assert [one["name"] for one in row["recipients"]] == ["Ann Lee"]
    assert row["unknown_recipients"] == 1
    assert [finding["rule"] for finding in row["findings"]] == ["off-channel/student"]
    assert row["rules"]["off-channel/student"] == "found"
    assert row["rules"]["coach/one-to-one"] == "not asked"  # he leads no group
    assert row["rules"]["safesport/team"] == "off"


def test_a_blind_copy_changes_what_is_found(installation: Installation) -> None:
    message = write(installation.folder, "carla@harbor.example", "ann@harbor.example")
    (row,) = told(run(installation, message, *AT, "--json", "--to", "pat@harbor.example"))
    assert [finding["rule"] for finding in row["findings"]] == ["coach/privacy-copy"]


def test_a_sender_whom_nothing_vouches_for_is_not_accused(installation: Installation) -> None:
    installation.configure({"identity/possible-impersonation": ""})
    message = write(installation.folder, "Tim Kay <tim@kay.example>", "ann@harbor.example")
    (row,) = told(run(installation, message, *AT, "--json", "--authentication", "fail"))
    assert [finding["rule"] for finding in row["findings"]] == ["identity/possible-impersonation"]
    assert row["authors"][0]["standing"] == "doubtful"
    assert row["rules"]["off-channel/student"] == "not asked"
    (row,) = told(run(installation, message, *AT, "--json", "--authentication", "pass"))
    assert [finding["rule"] for finding in row["findings"]] == ["off-channel/student"]


def test_what_is_not_judged_says_so(installation: Installation) -> None:
    message = write(installation.folder, "carla@harbor.example", "ann@harbor.example")
    done = run(installation, message, *AT, "--mail-from", "")
    assert "It is not judged: null sender." in done.stdout.decode()


def test_standard_input_and_several_files(installation: Installation) -> None:
    message = write(installation.folder, "stranger@x.example", "ann@harbor.example")
    done = run(installation, "-", message, *AT, "--json", stdin=message.read_bytes())
    assert [row["file"] for row in told(done)] == ["-", str(message)]
    assert all(row["findings"] == [] for row in told(done))


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_told(installation: Installation) -> None:
    message = write(installation.folder, "stranger@x.example", "ann@harbor.example")
    done = run(installation, installation.folder / "none.eml", message, *AT, "--json")
    assert done.returncode == 1
    assert "none.eml: No such file or directory" in done.stderr.decode()
    assert [row["file"] for row in told(done)] == [str(message)]


def test_what_is_no_address_is_refused(installation: Installation) -> None:
    message = write(installation.folder, "stranger@x.example", "ann@harbor.example")
    done = run(installation, message, "--to", "Ann Lee")
    assert (done.returncode, b"expected an address" in done.stderr) == (2, True)


def test_nothing_is_written(installation: Installation) -> None:
    message = write(installation.folder, "carla@harbor.example", "ann@harbor.example")
    before = sorted(installation.folder.rglob("*"))
    assert run(installation, message).returncode == 0
    assert sorted(installation.folder.rglob("*")) == before
