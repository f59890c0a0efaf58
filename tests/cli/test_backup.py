"""`mailgw backup` beside a service under load, the original destroyed, `mailgw restore` elsewhere; and what is told."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import smtplib
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.backup.place import FILES, Place, entries
from tests.cli.installation import MAILGW
from tests.service.conftest import counting_hop, service, until

__all__ = ["counting_hop", "service", "until"]  # fixtures

LEDGER = "[ledger]\ninterval = 1.0\n"


def mailgw(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "MAILGW_CONFIG"}
    return subprocess.run([*MAILGW, *arguments], capture_output=True, text=True, timeout=120, env=environment)


class Sender(threading.Thread):
    """Sends one message after the other; `accepted`: those that were answered 250, by the word in them."""

    def __init__(self, port: int, number: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._number = number
        self.accepted: dict[str, bytes] = {}

    def run(self) -> None:
        with suppress(OSError):  # the service was killed
            self._send()

    def _send(self) -> None:
        with smtplib.SMTP("127.0.0.1", self._port, timeout=30) as client:
            while True:
                word = f"quokka{self._number}x{len(self.accepted)}"
                lines = ["From: a@x.example", f"Subject: {word} harvest", "", "." + os.urandom(400).hex()]
                raw = "\r\n".join([*lines, ""]).encode()
                client.sendmail("a@x.example", ["b@district.example"], raw)
                self.accepted[word] = raw


def all_of(senders: list[Sender]) -> dict[str, bytes]:
    return {word: raw for sender in senders for word, raw in dict(sender.accepted).items()}


async def test_destroyed_and_restored_elsewhere(
    service: Any, counting_hop: Any, until: Any, tmp_path: Path
) -> None:
    gateway = service(f"127.0.0.1:{counting_hop.port}", more=LEDGER)
    gateway.start()
    await gateway.ready()
    senders = [Sender(gateway.port(), number) for number in range(4)]
    for sender in senders:
        sender.start()
    await until(lambda: len(all_of(senders)) > 40)
    await until(lambda: (gateway.data / "ledger/checkpoints").exists())
    copy, config = tmp_path / "copy", ("--config", str(gateway.config))

    accepted: dict[str, bytes] = {}
    for _ in range(2):  # while mail comes in
        accepted = all_of(senders)
        done = await asyncio.to_thread(mailgw, "backup", str(copy), *config)
        assert done.returncode == 0, done.stderr
        assert len(all_of(senders)) > len(accepted)
    for pid in (gateway.process.pid, *gateway.children().values()):
        os.kill(pid, signal.SIGKILL)
    gateway.process.wait()
    shutil.rmtree(gateway.data)
    gateway.config.unlink()

    checked = await asyncio.to_thread(mailgw, "backup", str(copy), "--verify")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    restored = await asyncio.to_thread(mailgw, "restore", str(copy), "--to", str(tmp_path / "elsewhere"))
    assert restored.returncode == 0, restored.stdout + restored.stderr
    archive = tmp_path / "elsewhere/data/archive"
    assert set(accepted.values()) <= set(entries(archive).values())
    anew = ("--config", str(tmp_path / "elsewhere/gateway.toml"))
    verified = await asyncio.to_thread(mailgw, "verify", *anew)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    attested = int(verified.stderr.split(" entries attested")[0].split()[-1])
    assert attested > 0
    found = await asyncio.to_thread(mailgw, "search", "--count", "harvest", *anew)
    assert int(found.stdout) >= len(accepted)
    for word in list(accepted)[-3:]:
        found = await asyncio.to_thread(mailgw, "search", "--count", word, *anew)
        assert found.stdout.strip() == "1"


async def test_a_restored_installation_goes_on(
    service: Any, counting_hop: Any, until: Any, tmp_path: Path
) -> None:
    """The service takes mail, numbers it from where the backup ended, and the ledger grows from its checkpoint."""
    gateway = service(f"127.0.0.1:{counting_hop.port}", more=LEDGER)
    gateway.start()
    await gateway.ready()
    with smtplib.SMTP("127.0.0.1", gateway.port(), timeout=30) as client:
        await asyncio.to_thread(
            client.sendmail, "a@x.example", ["b@district.example"], b"Subject: one\r\n\r\n"
        )
    checkpoints = gateway.data / "ledger/checkpoints"
    await until(checkpoints.exists)
    assert await asyncio.to_thread(gateway.stop) == 0
    copy = tmp_path / "copy"
    assert mailgw("backup", str(copy), "--config", str(gateway.config)).returncode == 0
    shutil.rmtree(gateway.data)
    restored = await asyncio.to_thread(mailgw, "restore", str(copy), "--config", str(gateway.config))
    assert restored.returncode == 0, restored.stderr
    before = checkpoints.read_bytes()
    gateway.start()
    await gateway.ready()
    with smtplib.SMTP("127.0.0.1", gateway.port(), timeout=30) as client:
        await asyncio.to_thread(
            client.sendmail, "a@x.example", ["b@district.example"], b"Subject: two\r\n\r\n"
        )
    await until(lambda: checkpoints.stat().st_size > len(before))
    assert await asyncio.to_thread(gateway.stop) == 0
    assert checkpoints.read_bytes().startswith(before)
    assert [raw[:12] for raw in entries(gateway.data / "archive").values()] == [
        b"Subject: one",
        b"Subject: two",
    ]
    verified = await asyncio.to_thread(mailgw, "verify", "--config", str(gateway.config))
    assert verified.returncode == 0, verified.stdout


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.add(10, "2026-10")
    made.add(10, "2026-11")
    return made


def backed_up(place: Place, *options: str) -> subprocess.CompletedProcess[str]:
    return mailgw("backup", str(place.copy), *options, "--config", str(place.config))


@pytest.mark.parametrize(
    "name",
    ["archive/2026-10.sqlite", "archive/2026-11.sqlite", "ledger/checkpoints", "storage/searches/kay.json"],
)
def test_a_flipped_octet_is_found(place: Place, tmp_path: Path, name: str) -> None:
    """And restored as it is: the rest of the file may be all that is left."""
    assert backed_up(place).returncode == 0
    path = place.copy / name
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 4
    path.write_bytes(octets)
    checked = mailgw("backup", str(place.copy), "--verify", "--json")
    assert checked.returncode == 1
    problems = [json.loads(line) for line in checked.stdout.splitlines()]
    assert [each["text"] for each in problems if each["kind"] == "file"] == [
        f"{name}: is not what was copied; take it from another copy of the backup"
    ]
    restored = mailgw("restore", str(place.copy), "--to", str(tmp_path / "elsewhere"))
    assert restored.returncode == 1
    assert f"file: {name}: is not what was copied, and was restored as it is" in restored.stdout


def test_a_changed_list_is_found(place: Place) -> None:
    assert backed_up(place).returncode == 0
    path = place.copy / "manifest.json"
    path.write_text(path.read_text().replace('"last": 20', '"last": 21'))
    for arguments in (
        ("backup", str(place.copy), "--verify"),
        ("restore", str(place.copy), "--to", "nowhere"),
    ):
        done = mailgw(*arguments)
        assert done.returncode == 1
        assert "manifest.json: damaged (its digest is not that of its content)" in done.stderr


def test_an_archive_that_is_not_the_attested_one_is_told(place: Place, tmp_path: Path) -> None:
    """The list is right, the archive was wrong before it was copied: only the ledger knows."""
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other")
    other.add(10, "2026-10")
    other.add(10, "2026-11")
    shutil.copy(other.archive / "2026-10.sqlite", place.archive / "2026-10.sqlite")
    assert backed_up(place).returncode == 0
    checked = mailgw("backup", str(place.copy), "--verify")
    assert checked.returncode == 1
    assert "altered" in checked.stdout or "fork" in checked.stdout


def test_secrets_are_said_loudly(place: Place) -> None:
    done = backed_up(place)
    assert "SECRETS ARE IN THIS BACKUP: " in done.stderr
    for name in ("config/tls.key/private.pem", "ledger/key.pem", "storage/log.key"):
        assert name in done.stderr
    assert "SECRETS" not in backed_up(place, "--without-secrets").stderr


def test_what_is_to_be_done_by_hand(place: Place, tmp_path: Path) -> None:
    assert backed_up(place, "--without-secrets").returncode == 0
    done = mailgw("restore", str(place.copy), "--to", str(tmp_path / "elsewhere"), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["by_hand"]
    left_out = f"was left out of the backup; put it in its place in {tmp_path}/elsewhere/data"
    assert told == [
        f"tls.key: put the file there that was at {tmp_path}/tls/private.pem",
        f"{tmp_path}/data/log.key: {left_out}",
        f"{tmp_path}/data/ledger/key.pem: {left_out}",
    ]


def test_everything_in_its_place_again(place: Place) -> None:
    assert backed_up(place).returncode == 0
    names = [
        name for name in FILES if "catalog" not in name and "search-" not in name and "/run/" not in name
    ]
    names = [
        name for name in (*names, "gateway.toml", "data/ledger/checkpoints") if not name.endswith(".old")
    ]
    before = {
        name: ((place.folder / name).read_bytes(), (place.folder / name).stat().st_mode) for name in names
    }
    archived = entries(place.archive)
    for name in ("data", "roster", "tls"):
        shutil.rmtree(place.folder / name)
    place.config.unlink()
    done = mailgw("restore", str(place.copy), "--config", str(place.config))
    assert done.returncode == 0, done.stderr
    after = {
        name: ((place.folder / name).read_bytes(), (place.folder / name).stat().st_mode) for name in names
    }
    assert {name: octets for name, (octets, _) in after.items()} == {
        name: octets for name, (octets, _) in before.items()
    }
    assert (place.folder / "tls/private.pem").stat().st_mode & 0o007 == 0
    assert entries(place.archive) == archived
    assert mailgw("search", "--count", "message", "--config", str(place.config)).stdout.strip() == "20"


@pytest.mark.parametrize("where", ["--to", "--config"])
def test_nothing_is_restored_over_what_is_there(place: Place, where: str) -> None:
    assert backed_up(place).returncode == 0
    before = (place.archive / "2026-11.sqlite").read_bytes()
    target = place.folder if where == "--to" else place.config
    done = mailgw("restore", str(place.copy), where, str(target))
    assert done.returncode == 1
    assert "is not empty; nothing is restored over what is there" in done.stderr
    assert (place.archive / "2026-11.sqlite").read_bytes() == before


def test_a_configuration_that_is_there_is_kept(place: Place) -> None:
    assert backed_up(place).returncode == 0
    shutil.rmtree(place.folder / "data")
    (place.folder / "tls/chain.pem").write_text("a newer certificate")
    done = mailgw("restore", str(place.copy), "--config", str(place.config))
    assert done.returncode == 0, done.stderr
    assert (place.folder / "tls/chain.pem").read_text() == "a newer certificate"
    assert "chain.pem: is there and is not the one of the backup" in done.stderr


def test_nothing_was_archived_yet(tmp_path: Path) -> None:
    place = Place(tmp_path / "original")
    shutil.rmtree(place.archive)
    assert backed_up(place).returncode == 0
    assert mailgw("backup", str(place.copy), "--verify").returncode == 0
    done = mailgw("restore", str(place.copy), "--to", str(tmp_path / "elsewhere"))
    assert done.returncode == 0, done.stderr


def test_no_backup(tmp_path: Path) -> None:
    for arguments in (
        ("backup", str(tmp_path), "--verify"),
        ("restore", str(tmp_path), "--to", str(tmp_path / "to")),
    ):
        done = mailgw(*arguments)
        assert done.returncode == 1
        assert "no backup: there is no manifest.json in it" in done.stderr


def test_either_place(tmp_path: Path) -> None:
    assert mailgw("restore", str(tmp_path)).returncode == 2


def test_json(place: Place) -> None:
    told = json.loads(backed_up(place, "--json").stdout)
    assert (told["run"], told["last_entry"], told["problems"]) == (1, 20, [])
    assert told["copied_octets"] == told["octets"]
