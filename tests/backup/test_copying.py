"""A copy is of one moment, whatever happens to the original meanwhile."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.backup import BackupFailed
from gateway.backup.copying import BLOCK, Vanished, copy, destroy

OCTETS = os.urandom(3 * BLOCK)


def once(act: Callable[[], object]) -> Callable[[str, int], None]:
    """Do something after the first block, the first time only."""
    done: list[int] = []

    def tell(name: str, octets: int) -> None:
        if not done:
            act()
        done.append(octets)

    return tell


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(OCTETS)
    os.utime(path, (1, 1))
    return path


def test_a_file_that_changes_is_copied_again(source: Path, tmp_path: Path) -> None:
    copied = copy(source, tmp_path / "draft", once(lambda: source.write_bytes(OCTETS[::-1])))
    assert (tmp_path / "draft").read_bytes() == OCTETS[::-1]
    assert copied.original.file.mtime_ns == source.stat().st_mtime_ns


def test_one_that_was_replaced_and_overwritten_is_copied_again(source: Path, tmp_path: Path) -> None:
    """As a volume of which something was disposed of: its name goes to the new file, then the old one is blanked."""
    (tmp_path / "new").write_bytes(OCTETS[::-1])

    def replace() -> None:
        os.link(source, tmp_path / "old")
        (tmp_path / "new").replace(source)
        destroy(tmp_path / "old")

    copy(source, tmp_path / "draft", once(replace))
    assert (tmp_path / "draft").read_bytes() == OCTETS[::-1]


def test_one_that_grows_is_taken_as_it_was(source: Path, tmp_path: Path) -> None:
    def grow() -> None:
        with source.open("ab") as file:
            file.write(b"more")

    assert copy(source, tmp_path / "draft", once(grow), grows=True).size == len(OCTETS)
    assert (tmp_path / "draft").read_bytes() == OCTETS


def test_one_that_vanishes(source: Path, tmp_path: Path) -> None:
    with pytest.raises(Vanished):
        copy(source, tmp_path / "draft", once(source.unlink))


def test_one_that_changes_all_the_time(source: Path, tmp_path: Path) -> None:
    ticks = iter(range(10**6))
    with pytest.raises(BackupFailed, match="changes all the time"):
        copy(source, tmp_path / "draft", lambda name, octets: os.utime(source, (2, next(ticks))))


def test_a_full_disk_is_told_with_its_place(source: Path, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BLOCK + 10, before[1]))
    try:
        with pytest.raises(BackupFailed, match=f"{tmp_path / 'to'}: cannot be written: File too large"):
            copy(source, tmp_path / "to" / "draft", lambda name, octets: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
