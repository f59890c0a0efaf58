"""The newest volume is copied while several processes write to it: the copy is whole and misses nothing."""

from __future__ import annotations

import fcntl
import hashlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from gateway.archive import verify
from gateway.archive import volume as volumes
from gateway.archive.lock import APPEND, CHECKPOINT, raise_doubt
from gateway.archive.volume import volume_at
from gateway.backup import BackupFailed
from gateway.backup.living import copy_living
from tests.backup.place import Place, entries

# Writes for ever, with a log so short that it is copied into the volume and begun anew all the time; says each number.
WRITER = """
import asyncio, os, sys
from datetime import UTC, datetime
from pathlib import Path
from gateway.archive import Archive, uuid7

class Silence:
    def committed(self, entries, seconds): ...
    def failed(self, reason): print("failed", reason, flush=True)

async def main():
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    now = int(at.timestamp() * 1_000_000)
    archive = Archive(Path(sys.argv[1]), compression_level=1, min_free=0, observer=Silence(),
                      clock=lambda: now, log_limit=int(sys.argv[2]))
    async def one():
        raw = os.urandom(3000).hex().encode()
        await archive.append(id=uuid7(now, os.urandom(8)), received=at, document=b"{}", raw=raw)
    for _ in range(10 ** 6):
        await asyncio.gather(*(one() for _ in range(8)))
        print("wrote", flush=True)

asyncio.run(main())
"""


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for each in started:
        each.kill()
        each.wait()
        assert each.stdout is not None
        each.stdout.close()


def start(writers: list[subprocess.Popen[str]], archive: Path, log_limit: int) -> None:
    command = [sys.executable, "-c", WRITER, str(archive), str(log_limit)]
    writers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))


def wrote(writer: subprocess.Popen[str], times: int = 1) -> None:
    assert writer.stdout is not None
    for _ in range(times):
        assert writer.stdout.readline() == "wrote\n"


def last_durable(archive: Path) -> int:
    """In a process of its own: this one must have no volume open by SQLite while it copies."""
    code = "import sys; from pathlib import Path; from gateway.archive import Reader; "
    code += "print(Reader(Path(sys.argv[1])).last_seq())"
    done = subprocess.run(
        [sys.executable, "-c", code, str(archive)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.parametrize("log_limit", [2**18, 2**25])
def test_a_copy_made_under_load_is_whole(
    tmp_path: Path, writers: list[subprocess.Popen[str]], log_limit: int
) -> None:
    archive = tmp_path / "archive"
    for _ in range(2):
        start(writers, archive, log_limit)
    for writer in writers:
        wrote(writer, 40)
    lengths = []
    for number in range(4):
        copies = tmp_path / f"copy-{number}"
        surely = last_durable(archive)
        made = copy_living(
            archive,
            volume_at(archive, "2026-11"),
            copies / "2026-11.sqlite",
            lambda name, octets: wrote(writers[0]),
        )
        assert made.problems == []
        assert (made.first, made.last >= surely) == (1, True)
        assert [path.name for path in copies.iterdir()] == ["2026-11.sqlite"]
        assert list(verify(copies, pages=True)) == []
        lengths.append(made.last)
    assert lengths == sorted(set(lengths))  # it went on meanwhile
    for writer in writers:
        writer.kill()
        writer.wait()
    original = entries(archive)
    for number, last in enumerate(lengths):
        assert entries(tmp_path / f"copy-{number}") == {seq: original[seq] for seq in range(1, last + 1)}


def test_nobody_waits_and_nothing_is_copied_into_the_volume_meanwhile(
    tmp_path: Path, writers: list[subprocess.Popen[str]]
) -> None:
    """Writers go on between any two blocks, the append lock is free, and the checkpoint lock is not."""
    archive = tmp_path / "archive"
    start(writers, archive, 2**18)
    wrote(writers[0], 40)
    seen = []

    def look(name: str, octets: int) -> None:
        wrote(writers[0])
        seen.append((_free(archive / CHECKPOINT), (archive / "2026-11.sqlite").stat().st_mtime_ns))

    copy_living(archive, volume_at(archive, "2026-11"), tmp_path / "copy.sqlite", look)
    assert len(seen) > 1
    assert not any(free for free, _ in seen)
    assert len({changed for _, changed in seen}) == 1
    writers[0].kill()  # it may be at its own copying
    writers[0].wait()
    assert _free(archive / CHECKPOINT)


def _free(lock: Path) -> bool:
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@pytest.mark.parametrize("when", ["volume", "log"])
def test_a_log_that_is_begun_anew_while_it_is_copied(tmp_path: Path, when: str) -> None:
    """All of the log is in the volume: the next commit may begin it anew, between any two octets that are copied."""
    place = Place(tmp_path)
    place.add(300, size=5000)
    archive, volume = place.archive, volume_at(place.archive, "2026-11")
    folded = hashlib.sha256(volume.path.read_bytes()).hexdigest()
    keeper = subprocess.Popen(
        [sys.executable, "-c", KEEPER, str(volume.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        assert keeper.stdout.readline() == "all copied\n"
        assert volumes.log_size(volume) > 2**20  # frames of the old log, each of them in the volume
        wanted = volume.path.name if when == "volume" else volume.log.name
        told = []

        def look(name: str, octets: int) -> None:
            told.append(name)
            if name == wanted and told.count(name) == 1:
                keeper.stdin.write("anew\n")
                keeper.stdin.flush()
                assert keeper.stdout.readline() == "begun anew\n"

        made = copy_living(archive, volume, tmp_path / "copy" / "2026-11.sqlite", look)
    finally:
        keeper.kill()
        keeper.wait()
        keeper.stdin.close()
        keeper.stdout.close()
    assert wanted in told
    assert made.problems == []
    assert list(verify(tmp_path / "copy", pages=True)) == []
    assert 400 <= made.last <= 500  # those above 400 came after the copy had begun
    assert {seq: each for seq, each in entries(archive).items() if seq <= made.last} == entries(
        tmp_path / "copy"
    )
    assert hashlib.sha256(volume.path.read_bytes()).hexdigest() != folded


# Adds 100 entries and copies the log into the volume, so that all of it is there; then 100 more, when it is asked,
# with which the log is begun anew and written over.
KEEPER = """
import os, sys, time, apsw
from gateway.archive import volume as volumes
from gateway.archive.volume import Volume
from pathlib import Path

path = Path(sys.argv[1])
connection = volumes.open_for_append(Volume(path.stem, path))
cursor = connection.execute("SELECT * FROM entry WHERE seq = 1")
names = [name for name, _ in cursor.get_description()]
first = dict(zip(names, next(iter(cursor))))
cursor.close()

def add():
    last = connection.execute("SELECT max(seq) FROM entry").get
    row = first | {"seq": last + 1, "id": os.urandom(16), "subject": os.urandom(16)}
    connection.execute(f"INSERT INTO entry VALUES ({', '.join('?' * len(row))})", tuple(row.values()))

for _ in range(100):
    add()
frames, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
assert frames == copied, (frames, copied)
print("all copied", flush=True)
sys.stdin.readline()
before = os.pread(os.open(str(path) + "-wal", os.O_RDONLY), 32, 0)
for _ in range(100):
    add()
after = os.pread(os.open(str(path) + "-wal", os.O_RDONLY), 32, 0)
assert before != after
print("begun anew", flush=True)
time.sleep(3600)
"""


def test_a_process_that_ends_cannot_copy_the_log_into_the_volume_meanwhile(tmp_path: Path) -> None:
    """`sqlite3` of somebody, or a process that closes as the last one, knows nothing of our locks; SQLite's hold."""
    place = Place(tmp_path)
    place.add(300, size=5000)
    volume = volume_at(place.archive, "2026-11")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(place.archive), str(2**25)], stdout=subprocess.PIPE, text=True
    )
    wrote(writer, 20)
    writer.kill()
    writer.wait()
    assert writer.stdout is not None
    writer.stdout.close()
    told = []

    def look(name: str, octets: int) -> None:
        told.append(name)
        if len(told) == 1:
            subprocess.run([sys.executable, "-c", MEDDLER, str(volume.path)], check=True, timeout=60)

    assert volumes.log_size(volume) > 2**20
    made = copy_living(place.archive, volume, tmp_path / "copy" / "2026-11.sqlite", look)
    assert made.problems == []
    assert list(verify(tmp_path / "copy", pages=True)) == []
    assert entries(tmp_path / "copy") == {
        seq: raw for seq, raw in entries(place.archive).items() if seq <= made.last
    }
    assert made.last >= 300 + 20 * 8


MEDDLER = """
import sys, apsw
connection = apsw.Connection(sys.argv[1])
connection.set_busy_timeout(100)
try:
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    frames, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    assert frames > 0, "no log was there"
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
except apsw.BusyError:
    pass
connection.close()
"""


def test_a_doubt_about_the_disk_gives_way_to_mail(tmp_path: Path) -> None:
    """Making the log durable again needs the lock that we hold, and mail waits for it."""
    place = Place(tmp_path)
    place.add(300, size=5000)
    volume = volume_at(place.archive, "2026-11")

    def look(name: str, octets: int) -> None:
        raise_doubt(place.archive / APPEND)

    with pytest.raises(BackupFailed, match="mail comes first"):
        copy_living(place.archive, volume, tmp_path / "copy" / "2026-11.sqlite", look)
    assert _free(place.archive / CHECKPOINT)


def test_a_copy_that_is_held_no_more_is_given_up(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.add(300, size=5000)

    def look(name: str, octets: int) -> None:
        for child in multiprocessing.active_children():
            child.kill()
            child.join()

    with pytest.raises(BackupFailed, match="process that held the newest volume was ended"):
        copy_living(
            place.archive, volume_at(place.archive, "2026-11"), tmp_path / "copy" / "2026-11.sqlite", look
        )


def test_a_damaged_page_is_told(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.add(60, size=5000)
    volume = volume_at(place.archive, "2026-11")
    with volume.path.open("r+b") as file:
        file.seek(volumes.PAGE_SIZE * 5 + 100)
        octet = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([octet ^ 1]))
    made = copy_living(place.archive, volume, tmp_path / "copy" / "2026-11.sqlite", lambda name, octets: None)
    assert [each.kind for each in made.problems][:1] == ["pages"]
    with closing(apsw.Connection(str(tmp_path / "copy" / "2026-11.sqlite"))) as copy:
        assert copy.execute("SELECT count(*) FROM entry").get == 60
