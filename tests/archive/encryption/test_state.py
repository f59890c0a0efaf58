"""What `mailgw check` says of keys: backed up, reachable, the right ones, in the right place."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from gateway.archive.encryption.confirmation import FILE, confirm, confirmed
from gateway.archive.encryption.settings import keyring_of, source_of
from gateway.archive.encryption.source import FileSource, KeySource
from gateway.archive.encryption.state import LOSS, findings, state_of
from gateway.config import EncryptionSettings
from tests.archive.encryption.keys import NEW, OLD, OTHER, Source, begun

TODAY = date(2026, 11, 23)


def told(folder: Path, source: KeySource | None, *, sealing: bool = True) -> list[tuple[str, str]]:
    return [(each.grade, each.text) for each in findings(folder, source, sealing=sealing)]


def test_nothing_is_said_where_nothing_is_encrypted(tmp_path: Path) -> None:
    assert told(tmp_path, None, sealing=False) == []
    assert told(tmp_path / "nowhere", None, sealing=False) == []


def test_a_key_is_warned_of_until_its_copy_was_seen(tmp_path: Path) -> None:
    source = Source((OLD,))
    (grade, text), (ok, count) = told(tmp_path, source)
    assert (grade, ok) == ("warning", "ok")
    assert text.startswith(f"master key {OLD.id} is not known to be backed up. {LOSS}")
    assert "confirm-backup" in text
    assert count == "0 volumes are encrypted, and can be opened; new volumes are encrypted"
    assert confirm(tmp_path, [OTHER], source.keys, TODAY) == []
    assert told(tmp_path, source)[0][0] == "warning"
    assert confirm(tmp_path, [OTHER, OLD], source.keys, TODAY) == [OLD.id]
    assert told(tmp_path, source)[0] == ("ok", f"master key {OLD.id}; its copy was last seen on 2026-11-23")
    source.keys = (OLD, NEW)  # another key, another copy
    assert told(tmp_path, source)[0][0] == "warning"
    assert confirm(tmp_path, [NEW], source.keys, date(2026, 12, 1)) == [NEW.id]
    assert confirmed(tmp_path) == {OLD.id: TODAY, NEW.id: date(2026, 12, 1)}
    assert told(tmp_path, source)[0][0] == "ok"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"confirmed": 7}', '{"confirmed": [{"key": "a", "on": "x"}]}']
)
def test_a_damaged_list_of_copies_confirms_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert confirmed(tmp_path) == {}
    assert confirm(tmp_path, [OLD], [OLD], TODAY) == [OLD.id]
    assert confirmed(tmp_path) == {OLD.id: TODAY}


def test_volumes(tmp_path: Path) -> None:
    begun(tmp_path, "2026-10", OLD)
    begun(tmp_path, "2026-11", NEW)
    confirm(tmp_path, [NEW], [NEW], TODAY)
    lines = told(tmp_path, Source((NEW,)))
    assert [grade for grade, _ in lines] == ["ok", "error"]
    assert lines[1][1] == (
        f"2026-10 cannot be opened: needs master key {OLD.id}, which is not there; put it back from its copy"
    )
    lines = told(tmp_path, Source((OLD, NEW)), sealing=False)
    assert [grade for grade, _ in lines] == ["ok", "warning", "ok"]
    assert lines[1][1] == "1 opened by an older master key only (2026-10 first); `mailgw encryption rotate`"
    assert lines[2][1] == (
        "2 volumes are encrypted, and can be opened; new volumes are not encrypted (encryption.enabled)"
    )
    (tmp_path / "2026-11.keys").write_text("damage")
    lines = told(tmp_path, Source((OLD,)))
    assert [grade for grade, _ in lines] == ["warning", "error"]
    assert "2026-11.keys: is no file of keys" in lines[1][1]


def test_no_master_key(tmp_path: Path) -> None:
    assert told(tmp_path, Source(())) == [("error", f"the safe: is locked. {LOSS}")]
    begun(tmp_path, "2026-11", OLD)
    text = "1 volume is encrypted, and [encryption] names no master key; set one"
    assert told(tmp_path, None, sealing=False) == [("error", text)]
    state = state_of(tmp_path, None)
    assert [(each.month, each.masters, bool(each.problem)) for each in state.volumes] == [
        ("2026-11", (OLD.id,), True)
    ]


def test_a_key_beside_its_archive(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_text(OLD.to_text())
    path.chmod(0o600)
    archive = tmp_path / "archive"
    assert [text for _, text in told(archive, FileSource(path)) if "archive's own disk" in text]
    elsewhere = Path("/dev/shm")  # another file system than that of the tests' folder, usually
    if elsewhere.stat().st_dev != tmp_path.stat().st_dev:
        assert not [text for _, text in told(elsewhere / "archive", FileSource(path)) if "own disk" in text]


def test_a_key_that_the_service_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_text(OLD.to_text())
    path.chmod(0o600)
    archive = tmp_path / "archive"
    archive.mkdir()
    problem = [text for grade, text in told(archive, FileSource(path)) if grade == "error"]
    assert problem == []
    if os.geteuid() == 0:
        os.chown(archive, 12345, 12345)
        (problem,) = (text for grade, text in told(archive, FileSource(path)) if grade == "error")
        assert problem == f"{path} belongs to user 0, but the archive to 12345, who must read it; chown it"
        os.chown(path, 12345, 12345)
        assert not [text for grade, text in told(archive, FileSource(path)) if grade == "error"]


def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "archive").touch()
    ((grade, text),) = told(tmp_path / "archive", Source((OLD,)))
    assert (grade, text) == ("error", f"{tmp_path / 'archive'}: cannot be read: Not a directory")


def test_the_settings(tmp_path: Path) -> None:
    (tmp_path / "master.key").write_text(OLD.to_text())
    (tmp_path / "master.key").chmod(0o600)
    for settings in (
        EncryptionSettings(key_file=tmp_path / "master.key", enabled=True),
        EncryptionSettings(key_variable="KEY", enabled=True),
        EncryptionSettings(key_command=("echo", OLD.to_text()), enabled=True),
    ):
        source = source_of(settings, {"KEY": OLD.to_text()})
        assert source is not None
        assert source.read() == (OLD,)
    assert source_of(EncryptionSettings()) is None
    on = keyring_of(tmp_path, EncryptionSettings(key_file=tmp_path / "master.key", enabled=True)).begin(
        "2026-11"
    )
    assert on is not None
    off = keyring_of(tmp_path, EncryptionSettings(key_file=tmp_path / "master.key"))
    assert off.begin("2026-12") is None
    assert off.cipher("2026-11", on.key) is not None
    assert keyring_of(tmp_path, EncryptionSettings()).begin("2026-12") is None
