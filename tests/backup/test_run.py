"""A backup has all that cannot be made again, copies only what is new, and never gives up what it has for less."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import apsw
import pytest
import zstandard

from gateway.archive import Reader
from gateway.archive import volume as volumes
from gateway.archive.rewriting import rewrite as dispose
from gateway.archive.volume import volume_at
from gateway.backup import BackupFailed, BackupRunning
from gateway.backup.checking import damages
from gateway.backup.manifest import Manifest
from gateway.backup.store import Store
from gateway.backup.taking import Wanted
from tests.backup.place import FILES, Place, entries


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Two months that are over, and one that is not."""
    made = Place(tmp_path)
    made.add(20, "2026-09")
    made.add(20, "2026-10", text="secret plan")
    made.add(20, "2026-11")
    made.age()
    return made


def stored(place: Place) -> set[str]:
    return {path.relative_to(place.copy).as_posix() for path in place.copy.rglob("*") if path.is_file()}


def sound(place: Place) -> bool:
    store = Store(place.copy)
    return list(damages(store, store.known(), lambda name, octets: None)) == []


def test_what_is_in_it(place: Place) -> None:
    done = place.backup()
    assert done.problems == ()
    assert stored(place) == {
        "manifest.json", "SHA256SUMS", "backup.lock",
        "archive/2026-09.sqlite", "archive/2026-10.sqlite", "archive/2026-11.sqlite",
        "ledger/checkpoints", "ledger/keys", "ledger/key.pem", "ledger/level-00",
        "storage/log.key", "storage/searches/kay.json", "storage/rosters/kept.json.zst",
        "config/gateway.toml", "config/tls.certificate/chain.pem", "config/tls.key/private.pem",
        "config/directory.path/roster/users.csv", "config/directory.path/roster/forms.csv",
    }  # fmt: skip
    assert entries(place.copy / "archive") == entries(place.archive)
    assert (place.copy / "config/tls.key/private.pem").read_text() == FILES["tls/private.pem"]
    assert {(each.first, each.last) for each in place.manifest().volumes.values()} == {
        (1, 20),
        (21, 40),
        (41, 60),
    }
    assert {path.stat().st_mode & 0o077 for path in place.copy.rglob("*")} == {0}  # nobody else may read it
    assert sound(place)


def test_what_is_said_is_copied_before_what_it_is_said_of(place: Place) -> None:
    """What a checkpoint attests is in the archive that is copied after it; a published one is among the ledger's."""
    public = place.settings.storage.ledger_public
    public.mkdir()
    (public / "checkpoint").write_text("the newest")
    told: list[str] = []
    place.backup(tell=lambda name, octets: told.append(name))
    order = [
        "checkpoint",
        "checkpoints",
        "keys",
        "level-00",
        "2026-09.sqlite",
        "2026-10.sqlite",
        "2026-11.sqlite",
    ]
    assert [name for name in dict.fromkeys(told) if name in order] == order


def test_what_an_archivist_needs_to_check_it(place: Place) -> None:
    place.backup()
    sums = (place.copy / "SHA256SUMS").read_text().splitlines()
    assert {line.split("  ")[1] for line in sums} == {each.path for each in place.manifest().files}


def test_only_what_is_new_is_copied(place: Place) -> None:
    first = place.backup()
    assert (first.files, first.octets) == (len(first.manifest.files), first.manifest.octets)
    again = place.backup()
    assert (again.files, again.octets) == (0, 0)
    place.add(5, "2026-11")
    more = place.backup()
    names = {each.path for each in more.manifest.files if each.run == more.manifest.run}
    assert names == {"archive/2026-11.sqlite", "ledger/checkpoints", "ledger/level-00"}
    assert more.octets == sum(each.size for each in more.manifest.files if each.path in names)
    assert len(entries(place.copy / "archive")) == 65
    assert sound(place)


def test_a_file_that_was_changed_just_before_it_was_copied_is_copied_again(place: Place) -> None:
    """A second change within the clock's tick shows neither in size nor in time."""
    file = place.folder / "roster/users.csv"
    file.write_text("one\n")
    place.backup()
    before = file.stat()
    file.write_text("two\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    place.backup()
    assert (place.copy / "config/directory.path/roster/users.csv").read_text() == "two\n"


def test_full_finds_what_changed_without_its_time(place: Place) -> None:
    place.backup()
    file = place.folder / "roster/users.csv"
    before = file.stat()
    file.write_text("sourcedId,rose\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert place.backup().problems == ()
    done = place.backup(Wanted(full=True))
    assert [each.partition(":")[0] for each in done.problems] == [str(file)]
    assert (place.copy / "config/directory.path/roster/users.csv").read_text() == FILES["roster/users.csv"]
    assert sound(place)


def test_what_is_gone_goes(place: Place) -> None:
    place.backup()
    (place.folder / "data/searches/kay.json").unlink()
    assert place.backup().removed == 1
    assert "storage/searches/kay.json" not in stored(place)
    assert sound(place)


def test_secrets_are_left_out_and_those_of_before_are_destroyed(place: Place) -> None:
    place.backup()
    done = place.backup(Wanted(secrets=False))
    assert not {"config/tls.key/private.pem", "ledger/key.pem", "storage/log.key"} & stored(place)
    assert len(done.manifest.left_out) == 3
    assert {each.setting: each.stored for each in done.manifest.named}["tls.key"] is None
    done = place.backup(Wanted(ledger_key=False))
    assert {"config/tls.key/private.pem", "storage/log.key"} < stored(place)
    assert "ledger/key.pem" not in stored(place)


def test_a_log_beside_a_volume_of_a_month_that_is_over(place: Place) -> None:
    """Just after the month's end, or a kill then, entries of the old volume are only in its log."""
    place.add(3, "2026-11")
    volume = volume_at(place.archive, "2026-11")
    code = KILLED.format(path=str(volume.path))
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert volumes.log_size(volume) > 0
    volumes.create(place.archive, "2026-12", 65, 0)
    place.backup()
    with closing(volumes.open_for_reading(volume_at(place.copy / "archive", "2026-11"), closed=True)) as copy:
        assert copy.execute("SELECT max(seq) FROM entry").get == 64
    assert place.manifest().volumes["2026-12"].first == 65


KILLED = """
import os, signal
from pathlib import Path
from gateway.archive import volume as volumes
from gateway.archive.volume import Volume
connection = volumes.open_for_append(Volume("2026-11", Path({path!r})))
connection.execute("INSERT INTO entry (seq, kind, id, subject, received, document, size) "
                   "SELECT 64, 'event', id, subject, received, document, 0 FROM entry WHERE seq = 63")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_two_at_once(place: Place) -> None:
    place.backup()

    def second(name: str, octets: int) -> None:
        with pytest.raises(BackupRunning):
            place.backup()

    place.add(1)
    place.backup(tell=second)
    assert sound(place)


@pytest.mark.parametrize("inside", ["data/copy", "roster/copy"])
def test_not_into_itself(place: Place, inside: str) -> None:
    with pytest.raises(BackupFailed, match="on another disk"):
        place.backup(to=place.folder / inside)


def test_not_into_a_folder_with_other_things(place: Place) -> None:
    place.copy.mkdir()
    (place.copy / "holiday.jpg").touch()
    with pytest.raises(BackupFailed, match=r"holiday\.jpg"):
        place.backup()


def test_a_backup_whose_list_was_lost_is_left_alone(place: Place) -> None:
    """Its files may be all that is left of something."""
    place.backup()
    (place.copy / "manifest.json").unlink()
    before = stored(place)
    with pytest.raises(BackupFailed, match=r"and no manifest\.json"):
        place.backup()
    assert stored(place) == before
    assert entries(place.copy / "archive") == entries(place.archive)


def test_a_backup_whose_list_is_damaged_is_left_alone(place: Place) -> None:
    place.backup()
    (place.copy / "manifest.json").write_text("{}")
    before = stored(place)
    with pytest.raises(BackupFailed, match=r"manifest\.json: damaged"):
        place.backup()
    assert stored(place) == before


def test_a_key_that_lies_elsewhere(place: Place) -> None:
    """And what the configuration names but is not there is told."""
    (place.folder / "safe").mkdir()
    (place.settings.storage.ledger / "key.pem").rename(place.folder / "safe/key.pem")
    ledger = '[ledger]\nkey_file = "safe/key.pem"\ntimestamp_roots = "roots.pem"\n'
    place.config.write_text(place.config.read_text() + ledger)
    done = place.backup()
    assert "config/ledger.key_file/key.pem" in stored(place)
    assert done.notes == (f"{place.folder}/roots.pem (ledger.timestamp_roots): is not there",)
    assert place.manifest().file("config/ledger.key_file/key.pem").secret  # type: ignore[union-attr]
    place.backup(Wanted(ledger_key=False))
    assert "config/ledger.key_file/key.pem" not in stored(place)


def test_a_key_whose_place_in_the_storage_folder_is_named(place: Place) -> None:
    place.config.write_text(place.config.read_text() + '[ledger]\nkey_file = "data/ledger/key.pem"\n')
    place.backup()
    (named,) = [each for each in place.manifest().named if each.setting == "ledger.key_file"]
    assert named.stored == "ledger/key.pem"
    assert not list((place.copy / "config").glob("ledger*"))


# --- never less


def refused(place: Place, match: str) -> None:
    """The run is refused, and everything is as it was before."""
    before = place.manifest(), stored(place)
    with pytest.raises(BackupFailed, match=match):
        place.backup()
    assert (place.manifest(), stored(place)) == before
    assert sound(place)


def test_a_volume_that_is_gone_stays_in_the_backup(place: Place) -> None:
    place.backup()
    (place.archive / "2026-09.sqlite").unlink()
    refused(place, "is gone, and the backup has it")


def test_entries_that_are_gone_stay_in_the_backup(place: Place) -> None:
    place.backup()
    older = place.folder / "older.sqlite"
    shutil.copy(place.archive / "2026-11.sqlite", older)
    place.add(5)
    place.backup()
    older.replace(place.archive / "2026-11.sqlite")
    refused(place, "entries 41 to 60, and the backup has 41 to 65")


def test_checkpoints_that_are_gone_stay_in_the_backup(place: Place) -> None:
    place.backup()
    (place.settings.storage.ledger / "checkpoints").write_bytes(b"")
    refused(place, "does not begin with the 3 checkpoints")


def test_another_installation(place: Place) -> None:
    place.backup()
    place.config.write_text(place.config.read_text().replace("harbor.example", "quarry.example"))
    refused(place, "is the backup of harbor.example/mail")


def damage(volume: Path, *, page: int) -> None:
    """Flip a bit, as a failing disk does."""
    with volume.open("r+b") as file:
        file.seek(page * volumes.PAGE_SIZE + 5000)
        octet = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([octet ^ 1]))


def test_a_damaged_newest_volume_does_not_replace_a_sound_copy(place: Place) -> None:
    place.backup()
    damage(place.archive / "2026-11.sqlite", page=2)
    refused(place, "is damaged")


def test_a_damaged_archive_is_backed_up_as_it_is_where_there_is_no_other(place: Place) -> None:
    damage(place.archive / "2026-11.sqlite", page=2)
    (place.archive / "2026-09.sqlite").write_bytes(b"no database" * 100)
    done = place.backup()
    assert list(dict.fromkeys(each.partition(":")[0] for each in done.problems)) == ["2026-09", "2026-11"]
    assert (place.copy / "archive/2026-09.sqlite").read_bytes() == b"no database" * 100
    assert sound(place)


def test_a_checkpoint_that_was_cut_short_is_kept_as_it_is(place: Place) -> None:
    """By a power cut; the service signs it again."""
    checkpoints = place.settings.storage.ledger / "checkpoints"
    checkpoints.write_bytes(checkpoints.read_bytes()[:-20])
    place.backup()
    assert (place.copy / "ledger/checkpoints").read_bytes() == checkpoints.read_bytes()
    place.sign()
    place.backup()
    assert (place.copy / "ledger/checkpoints").read_bytes() == checkpoints.read_bytes()


def test_damaged_checkpoints_do_not_replace_sound_ones(place: Place) -> None:
    place.backup()
    checkpoints = place.settings.storage.ledger / "checkpoints"
    checkpoints.write_bytes(checkpoints.read_bytes().replace(b"\n20\n", b"\nxx\n"))
    refused(place, "checkpoint 1")


def test_a_volume_that_cannot_be_compared_with_the_ledger(place: Place) -> None:
    place.backup()
    rewrite(place, "2026-10")
    (place.settings.storage.ledger / "level-00").write_bytes(b"")
    refused(place, "cannot be compared with the ledger")


def test_a_closed_volume_that_was_changed_in_its_place(place: Place) -> None:
    place.backup()
    with closing(sqlite3.connect(place.archive / "2026-09.sqlite")) as connection:
        connection.execute("DROP TRIGGER entry_never_changes")
        connection.execute("UPDATE entry SET received = received + 1 WHERE seq = 7")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    refused(place, "was changed, and is of a month that is over")


def test_a_volume_that_was_only_touched(place: Place) -> None:
    first = place.backup().manifest
    os.utime(place.archive / "2026-09.sqlite")
    assert place.backup().manifest.volumes["2026-09"].run == first.run


# --- a volume that was written anew


def rewrite(place: Place, month: str, *, alter: int = 0) -> None:
    """Another file with the same entries, otherwise compressed, in the place of a volume."""
    volume = volume_at(place.archive, month)
    columns = "seq, kind, id, subject, received, document, document_sha256, sha256, size, salt, encoding"
    with closing(volumes.open_for_reading(volume, closed=True)) as old:
        first = old.execute("SELECT first_seq FROM volume").get
        rows = old.execute(f"SELECT {columns}, raw FROM entry ORDER BY seq").fetchall()
    folder = place.folder / "anew"
    folder.mkdir(exist_ok=True)
    made = volumes.create(folder, month, first, rows[0][4])
    with closing(volumes.open_for_append(made)) as connection:
        for *row, encoding, raw in rows:
            assert encoding == "identity"
            row[4] += row[0] == alter
            values = (*row, "zstd", zstandard.ZstdCompressor().compress(raw))
            connection.execute(f"INSERT INTO entry ({columns}, raw) VALUES ({', '.join('?' * 12)})", values)
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
    made.path.replace(volume.path)
    volume.log.unlink(missing_ok=True)


def test_what_was_disposed_of_is_destroyed_in_the_backup(place: Place) -> None:
    """The old copy is overwritten before its name goes to the new one."""
    place.backup()
    copy = place.copy / "archive/2026-10.sqlite"
    made = dispose(place.archive, "2026-10", dispose={25: uuid4()}, is_held=lambda seq: False)
    assert made.disposed == (25,)
    with copy.open("rb") as old:
        assert b"secret plan 4" in old.read()
        assert place.backup().files == 1
        old.seek(0)
        assert set(old.read()) == {0}
    assert copy.read_bytes() == (place.archive / "2026-10.sqlite").read_bytes()
    with closing(Reader(place.copy / "archive")) as reader:
        assert [each.seq for each in reader.follow(20, 20) if each.disposed] == [25]
    assert sound(place)


def test_a_generation_of_hard_links_is_not_overwritten(place: Place) -> None:
    """Who keeps older states so must let them go by themselves; docs/backup.md says it."""
    place.backup()
    older = place.folder / "older.sqlite"
    os.link(place.copy / "archive/2026-10.sqlite", older)
    before = older.read_bytes()
    rewrite(place, "2026-10")
    place.backup()
    assert older.read_bytes() == before
    assert entries(place.copy / "archive") == entries(place.archive)


def test_the_copy_of_a_volume_that_only_grew_is_not_overwritten(place: Place) -> None:
    place.backup()
    with (place.copy / "archive/2026-11.sqlite").open("rb") as old:
        before = old.read()
        place.add(5)
        place.backup()
        old.seek(0)
        assert old.read() == before


def test_a_volume_written_anew_with_another_entry(place: Place) -> None:
    place.backup()
    rewrite(place, "2026-10", alter=25)
    refused(place, "entry 25: altered")


def test_a_copy_that_was_broken_off_holds_nothing_afterwards(place: Place) -> None:
    """What was written by then may be disposed of before the next run."""

    class Broken(Exception):
        pass

    with ExitStack() as stack:
        drafts: list[BinaryIO] = []

        def stop(name: str, octets: int) -> None:
            if name == "2026-11.sqlite":
                found = (place.copy / "archive").glob(".*")
                drafts.extend(stack.enter_context(path.open("rb")) for path in found)
                raise Broken

        with pytest.raises(Broken):
            place.backup(tell=stop)
        assert stored(place) == {"backup.lock"}
        assert [set(each.read()) for each in drafts] == [{0}, {0}, {0}]


def test_the_list_names_what_every_run_copied(place: Place) -> None:
    first: Manifest = place.backup().manifest
    place.add(1)
    second = place.backup().manifest
    assert (first.run, second.run) == (1, 2)
    assert second.volumes["2026-09"].run == 1
    assert second.volumes["2026-11"].run == 2


def test_a_volume_that_is_rewritten_meanwhile_is_told(tmp_path: Path) -> None:
    """Its keys are copied after it, and may be those of the new file only."""
    place = Place(tmp_path)
    place.add(5, "2026-10")
    place.add(5, "2026-11")
    closed, keys = place.archive / "2026-10.sqlite", place.archive / "2026-10.keys"
    keys.write_text("{}")

    def tell(name: str, _: int) -> None:
        if name == keys.name and not rewritten:
            rewritten.append(dispose(place.archive, "2026-10", is_held=lambda seq: True))

    rewritten: list[object] = []
    (problem,) = place.backup(tell=tell).problems
    assert problem.startswith(f"{closed}: was written anew")
    assert place.backup().problems == ()
    assert (place.copy / "archive" / closed.name).read_bytes() == closed.read_bytes()
