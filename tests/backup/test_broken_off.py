"""kill -9 at every step of a run, and a full disk: what can be restored is the state before, or the one after."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.backup import BackupFailed
from gateway.backup.checking import damages
from gateway.backup.restoring import restore_to
from gateway.backup.store import Store
from gateway.config import load
from tests.backup.place import Place, entries
from tests.backup.test_run import rewrite

# Makes one more backup in a process of its own, which is killed at its n-th step; for each n, in a copy of the folder.
KILLER = """
import itertools, os, shutil, signal, sys
from pathlib import Path
from tests.backup.place import Place

place = Place.__new__(Place)
place.folder = Path(sys.argv[1])
place.config = place.folder / "gateway.toml"
before = place.folder / "copy"
for step in itertools.count(1):
    place.copy = place.folder / f"copy-{step}"
    shutil.copytree(before, place.copy)
    child = os.fork()
    if not child:
        left = step

        def count(*told):
            global left
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

        place.backup(tell=count, point=count)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        assert status == 0, status
        break
    assert os.WTERMSIG(status) == signal.SIGKILL
"""


def test_killed_at_every_step(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.add(5, "2026-09")
    place.add(5, "2026-10")
    place.add(5, "2026-11")
    place.age()
    old = place.backup().manifest
    before = entries(place.copy / "archive")
    for left in (place.copy / "archive").glob("*-shm"):
        left.unlink()
    place.add(5, "2026-11")
    rewrite(place, "2026-10")
    (place.folder / "data/searches/lee.json").write_text("{}")
    (place.folder / "data/searches/kay.json").unlink()
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path)], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    after = entries(place.archive)
    copies = sorted(tmp_path.glob("copy-*"), key=lambda path: int(path.name.removeprefix("copy-")))
    assert len(copies) > 10
    runs = []
    for copy in copies:
        store = Store(copy)
        manifest = store.known()
        assert list(damages(store, manifest, lambda name, octets: None)) == []
        runs.append(manifest.run)
        folder = tmp_path / "restored"
        restored = restore_to(copy, folder, lambda name, octets: None)
        assert restored.problems == ()
        assert entries(folder / "data/archive") == (before if manifest.run == old.run else after)
        shutil.rmtree(folder)
    assert runs == sorted(runs)
    assert set(runs) == {old.run, old.run + 1}
    assert runs.count(old.run + 1) > 3  # also while files are given their names


def test_the_next_run_ends_what_was_broken_off(tmp_path: Path) -> None:
    """Files get their names, what was half written goes, and the copy is that of today."""
    place = Place(tmp_path)
    place.add(5, "2026-10")
    place.add(5, "2026-11")
    place.backup()
    rewrite(place, "2026-10")
    place.add(5, "2026-11")

    class Stop(Exception):
        pass

    def stop(what: str) -> None:
        if what == "rename 2026-11.sqlite":
            raise Stop

    with pytest.raises(Stop):
        place.backup(point=stop)
    assert len(list((place.copy / "archive").glob(".*"))) == 1
    assert Store(place.copy).known().volumes["2026-11"].last == 15
    place.backup()
    assert sorted(path.name for path in (place.copy / "archive").iterdir()) == [
        "2026-10.sqlite",
        "2026-11.sqlite",
    ]
    assert entries(place.copy / "archive") == entries(place.archive)


LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.argv = ["mailgw", *sys.argv[2:]]
runpy.run_module("gateway", run_name="__main__")
"""


@pytest.mark.parametrize("room", [40_000, 1_500_000])
def test_a_full_disk_leaves_the_state_before(tmp_path: Path, room: int) -> None:
    """No room for a file, or none for the rest of one: as with ENOSPC, writing fails (here: EFBIG)."""
    place = Place(tmp_path)
    place.add(5, "2026-11")
    place.backup()
    before = sorted(path.relative_to(place.copy) for path in place.copy.rglob("*"))
    octets = (place.copy / "manifest.json").read_bytes()
    place.add(400, "2026-11", size=5000)
    command = [
        sys.executable,
        "-c",
        LIMITED,
        str(room),
        "backup",
        str(place.copy),
        "--config",
        str(place.config),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert "no backup was made" in done.stderr
    assert sorted(path.relative_to(place.copy) for path in place.copy.rglob("*")) == before
    assert (place.copy / "manifest.json").read_bytes() == octets
    store = Store(place.copy)
    assert list(damages(store, store.known(), lambda name, octets: None)) == []


@pytest.mark.parametrize("after", [1, 3, 6, 9])
def test_a_restore_that_was_broken_off_is_begun_again(tmp_path: Path, after: int) -> None:
    """With the same command: the folder is not finished, so what is there is the restore's own."""
    place = Place(tmp_path / "original")
    place.add(5)
    place.backup()
    told = []

    class Stop(Exception):
        pass

    def stop(name: str, octets: int) -> None:
        told.append(name)
        if len(told) == after:
            raise Stop

    folder = tmp_path / "restored"
    with pytest.raises(Stop):
        restore_to(place.copy, folder, stop)
    assert restore_to(place.copy, folder, lambda name, octets: None).problems == ()
    assert entries(folder / "data/archive") == entries(place.archive)
    assert load(folder / "gateway.toml").storage.path == folder / "data"
    assert not list(folder.rglob(".*"))
    with pytest.raises(BackupFailed, match="is not empty"):
        restore_to(place.copy, folder, stop)


def test_a_rehearsal_writes_to_no_real_folder(tmp_path: Path) -> None:
    place = Place(tmp_path / "original")
    place.config.write_text(place.config.read_text() + '[ledger]\npublish = ["/srv/share"]\n')
    place.add(1)
    place.backup()
    restored = restore_to(place.copy, tmp_path / "restored", lambda name, octets: None)
    assert load(restored.config).ledger.publish == ()
    assert any(each.startswith("ledger.publish: was taken out") for each in restored.by_hand)
