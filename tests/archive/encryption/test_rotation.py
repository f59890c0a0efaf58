"""The master key changes hands: at every moment each volume opens with the old one or with the new one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.archive.encryption import Keyring, KeysUnavailable, wrapped
from gateway.archive.encryption.files import changing
from gateway.archive.encryption.master import MasterKey
from gateway.archive.encryption.rotation import rotate
from tests.archive.encryption.keys import NEW, OLD, OTHER, ROOT, Source, begun, drafts, opens

MONTHS = ("2026-09", "2026-10", "2026-11")
# Of each writing of a file: its draft is empty, is whole, has the name. All get the new key, then all lose the old.
STEPS = 3 * len(MONTHS) * 2


@dataclass(frozen=True)
class Sealed:
    """Volumes, and something sealed in each."""

    folder: Path
    known: dict[str, tuple[str, bytes]]

    def opened_by(self, *masters: MasterKey) -> list[str]:
        return [month for month, known in self.known.items() if opens(self.folder, month, *known, *masters)]


@pytest.fixture
def sealed(tmp_path: Path) -> Sealed:
    return Sealed(tmp_path, {month: begun(tmp_path, month, OLD) for month in MONTHS})


def run(folder: Path, kill_at: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.archive.encryption.rotator", str(folder), str(kill_at)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


def test_undisturbed(sealed: Sealed) -> None:
    volumes = {path: path.stat().st_ino for path in sealed.folder.glob("*.sqlite")}
    steps: list[str] = []
    done = rotate(sealed.folder, Source((OLD, NEW)), step=steps.append)
    assert (done.master, done.months, done.changed, done.closed) == (NEW.id, MONTHS, MONTHS, ())
    assert len(steps) == STEPS
    assert sealed.opened_by(NEW) == [*MONTHS]
    assert sealed.opened_by(OLD) == []
    assert volumes == {path: path.stat().st_ino for path in sealed.folder.glob("*.sqlite")}
    again = rotate(sealed.folder, Source((OLD, NEW)))
    assert (again.months, again.changed) == (MONTHS, ())


@pytest.mark.parametrize("kill_at", range(1, STEPS + 1))
def test_killed_at_each_step(sealed: Sealed, kill_at: int) -> None:
    killed = run(sealed.folder, kill_at)
    assert killed.returncode == -9, killed.stderr
    # While the new one is added, the old one opens everything; when the old one goes, the new one does.
    assert sealed.opened_by(OLD if kill_at <= STEPS // 2 else NEW) == [*MONTHS]
    done = run(sealed.folder, 0)
    assert done.returncode == 0, done.stderr
    assert sealed.opened_by(NEW) == [*MONTHS]
    assert sealed.opened_by(OLD) == []
    assert drafts(sealed.folder) == []


def test_nothing_is_dropped_before_all_have_the_new_key(sealed: Sealed) -> None:
    seen: list[tuple[int, int]] = []

    def step(_name: str) -> None:
        seen.append((len(sealed.opened_by(OLD)), len(sealed.opened_by(NEW))))

    rotate(sealed.folder, Source((OLD, NEW)), step=step)
    assert list(dict.fromkeys(seen)) == [(3, 0), (3, 1), (3, 2), (3, 3), (2, 3), (1, 3), (0, 3)]
    assert len(seen) == STEPS


def test_what_does_not_open_is_left_and_told_and_the_rest_goes_on(sealed: Sealed) -> None:
    lost = begun(sealed.folder, "2026-12", OTHER)
    second = begun(sealed.folder, "2026-11", OTHER)  # beside one that opens
    (sealed.folder / "2026-10.keys").write_text("damage")
    done = rotate(sealed.folder, Source((OLD, NEW)))
    assert done.changed == ("2026-09", "2026-11")
    told = [text.removeprefix(f"{sealed.folder}/") for text in done.closed]
    assert [text[:12] for text in told] == ["2026-10.keys", "2026-11.keys", "2026-12.keys"]
    assert f"is opened by master key {OTHER.id} only; put that key above the newest" in told[2]
    assert sealed.opened_by(NEW) == ["2026-09", "2026-11"]
    assert opens(sealed.folder, "2026-12", *lost, OTHER)
    assert opens(sealed.folder, "2026-11", *second, OTHER)
    done = rotate(sealed.folder, Source((OTHER, OLD, NEW)))
    assert [text.removeprefix(f"{sealed.folder}/")[:12] for text in done.closed] == ["2026-10.keys"]
    assert opens(sealed.folder, "2026-12", *lost, NEW)
    assert opens(sealed.folder, "2026-11", *second, NEW)


def test_a_wrap_in_the_new_keys_name_that_is_none_is_mended(sealed: Sealed) -> None:
    found = wrapped.load(sealed.folder, "2026-11")
    assert found is not None
    (key,) = found.keys
    false = wrapped.Wrap(NEW.id, bytes(12), bytes(48))
    forged = found.with_key(wrapped.DataKey(key.id, key.created, (*key.wraps, false)))
    (sealed.folder / "2026-11.keys").write_bytes(forged.to_octets())
    rotate(sealed.folder, Source((OLD, NEW)))
    assert sealed.opened_by(NEW) == [*MONTHS]


def test_who_may_not_begin_changes_nothing(sealed: Sealed) -> None:
    def refuse(newest: MasterKey) -> None:
        assert newest == NEW
        raise PermissionError

    with pytest.raises(PermissionError):
        rotate(sealed.folder, Source((OLD, NEW)), may_begin=refuse)
    assert sealed.opened_by(OLD) == [*MONTHS]
    with pytest.raises(KeysUnavailable, match="locked"):
        rotate(sealed.folder, Source(()))


def test_no_archive_yet(tmp_path: Path) -> None:
    done = rotate(tmp_path / "nowhere", Source((OLD,)))
    assert (done.months, done.closed) == ((), ())


def test_a_month_that_begins_meanwhile_waits_for_the_rotation(sealed: Sealed) -> None:
    """Else its key could be wrapped by the old master key after everything was looked at."""
    waiting: list[subprocess.Popen[bytes]] = []
    program = (
        "import sys; from pathlib import Path; from tests.archive.encryption.keys import *\n"
        "print('ready', flush=True); begun(Path(sys.argv[1]), '2026-12', OLD, NEW)"
    )

    def step(_name: str) -> None:
        if not waiting:
            begin = subprocess.Popen(
                [sys.executable, "-c", program, str(sealed.folder)], stdout=subprocess.PIPE, cwd=ROOT
            )
            assert begin.stdout is not None
            assert begin.stdout.readline() == b"ready\n"
            waiting.append(begin)
        assert not (sealed.folder / "2026-12.keys").exists()

    rotate(sealed.folder, Source((OLD, NEW)), step=step)
    with waiting[0] as begin:
        assert begin.wait(60) == 0
    with changing(sealed.folder):
        assert wrapped.months(sealed.folder) == [*MONTHS, "2026-12"]
    assert rotate(sealed.folder, Source((OLD, NEW))).changed == ()


def test_a_process_that_runs_on_reads_what_was_rotated(sealed: Sealed) -> None:
    source = Source((OLD,))
    ring = Keyring(sealed.folder, source, sealing=False)
    month, other = MONTHS[0], MONTHS[1]
    assert ring.cipher(month, sealed.known[month][0]) is not None
    rotate(sealed.folder, Source((OLD, NEW)))
    source.keys = (NEW,)
    assert ring.cipher(other, sealed.known[other][0]) is not None
    assert source.asked == 2
