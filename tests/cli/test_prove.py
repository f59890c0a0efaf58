"""`mailgw prove`, as it is installed: a folder that others can check, or one line that says why there is none."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.archive import Reader
from gateway.indexer.ledger import LedgerWriter, Pace
from gateway.ledger.ledger import Ledger
from tests.cli.installation import OCTOBER, Installation

Installed = tuple[Installation, str]


def sign(place: Installation) -> None:
    """Make a checkpoint of all there is, as the gateway does."""
    settings = place.settings
    with closing(Reader(settings.storage.archive)) as reader:
        writer = LedgerWriter(
            reader, settings.storage.ledger, settings.ledger_origin, settings.ledger_key, Pace(0.0, 1)
        )
        try:
            writer.turn()
        finally:
            writer.close()


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    """Three messages, the second with two events, all of them signed for; and the second one's id."""
    place = Installation(tmp_path)
    place.receive("tim@kay.example", "ann@harbor.example")
    id = place.receive("carla@harbor.example", "ann@harbor.example", subject="Überraschung")
    place.note(id, OCTOBER + timedelta(seconds=1), {"event": "deferred", "reply": "451 later"})
    place.note(id, OCTOBER + timedelta(seconds=9), {"event": "relayed", "reply": "250 ok"})
    place.receive("pat@harbor.example", "bo@harbor.example")
    sign(place)
    return place, id


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(folder / "verify.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
    )


def refused(place: Installation, *arguments: str) -> str:
    """The one line that says why not."""
    done = place.mailgw("prove", *arguments)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_a_proof_is_written_and_holds(installed: Installed, tmp_path: Path) -> None:
    place, id = installed
    out = tmp_path / "proof"
    done = place.mailgw("prove", id, "-o", str(out))
    assert done.returncode == 0, done.stderr
    assert id in done.stderr
    assert "2 of its events" in done.stderr
    assert json.loads((out / "envelope.json").read_bytes())["envelope"]["id"] == id
    key = str(Ledger(place.settings.storage.ledger).keys[0])
    checked = check(out, "--key", key)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"agree on the id {id} and the time of receipt 2026-10-14 16:00:00" in " ".join(
        checked.stdout.split()
    )
    assert "('relayed')" in checked.stdout
    assert not list(tmp_path.glob(".proof*"))


def test_the_facts_as_json(installed: Installed, tmp_path: Path) -> None:
    place, id = installed
    out = tmp_path / "proof"
    (facts,) = place.objects("prove", "2", "-o", str(out))
    files = [path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()]
    assert facts == {
        "id": id,
        "seq": 2,
        "folder": str(out),
        "origin": "harbor.example/mail",
        "tree_size": 5,
        "events": [3, 4],
        "newer_events": 0,
        "timestamp": False,
        "files": sorted(files),
    }


def test_events_that_came_since_are_told_of(installed: Installed, tmp_path: Path) -> None:
    place, id = installed
    place.note(id, OCTOBER + timedelta(days=1), {"event": "viewed"})
    done = place.mailgw("prove", id, "-o", str(tmp_path / "proof"))
    assert done.returncode == 0
    assert "1 newer events are not attested yet" in done.stderr
    assert check(tmp_path / "proof").returncode == 0


def test_no_such_message(installed: Installed, tmp_path: Path) -> None:
    place, _ = installed
    for name in ("nobody", "77", "01a20320-a200-7000-8449-000000000000"):
        line = refused(place, name, "-o", str(tmp_path / "proof"))
        assert line.startswith(f"mailgw: {name}: no such message")
        assert not (tmp_path / "proof").exists()


def test_a_message_that_is_not_attested_yet(installed: Installed, tmp_path: Path) -> None:
    place, _ = installed
    id = place.receive("tim@kay.example", "bo@harbor.example")
    line = refused(place, id, "-o", str(tmp_path / "proof"))
    assert "is entry 6, and the newest checkpoint attests 5" in line
    assert "every 600 seconds" in line


def test_no_ledger(tmp_path: Path) -> None:
    place = Installation(tmp_path)
    id = place.receive("tim@kay.example", "ann@harbor.example")
    line = refused(place, id, "-o", str(tmp_path / "proof"))
    assert "ledger: there is no checkpoint yet" in line


def test_a_folder_that_exists(installed: Installed, tmp_path: Path) -> None:
    place, id = installed
    (tmp_path / "proof").mkdir()
    (tmp_path / "proof" / "mine").touch()
    assert "not an empty folder" in refused(place, id, "-o", str(tmp_path / "proof"))
    assert "make it first" in refused(place, id, "-o", str(tmp_path / "none" / "proof"))


def test_a_message_that_is_damaged(installed: Installed, tmp_path: Path) -> None:
    place, id = installed
    place.damage(2)
    line = refused(place, id, "-o", str(tmp_path / "proof"))
    assert "2026-" in line
    assert "entry 2: message" in line
    assert "`mailgw verify`" in line
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize("file", ["checkpoints", "keys"])
def test_a_ledger_that_is_damaged(installed: Installed, tmp_path: Path, file: str) -> None:
    place, id = installed
    path = place.settings.storage.ledger / file
    octets = path.read_bytes()
    path.write_bytes(octets.replace(b"harbor", b"harbox"))
    assert "put the file back" in refused(place, id, "-o", str(tmp_path / "proof"))
    path.write_bytes(octets.replace(b"\n", b"\xff", 1))
    assert file in refused(place, id, "-o", str(tmp_path / "proof"))


def test_it_works_from_a_copy(installed: Installed, tmp_path: Path) -> None:
    """Archive and ledger are all it needs: no catalog, no key that signs."""
    place, id = installed
    (tmp_path / "copy").mkdir()
    copy = Installation(tmp_path / "copy")
    shutil.copytree(place.settings.storage.archive, copy.settings.storage.archive)
    shutil.copytree(place.settings.storage.ledger, copy.settings.storage.ledger)
    copy.settings.ledger_key.unlink()
    (facts,) = copy.objects("prove", id, "-o", str(tmp_path / "proof"))
    assert facts["events"] == [3, 4]
