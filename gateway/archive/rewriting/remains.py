"""Destroying the files that a rewriting leaves: the old volume, where something was disposed of, and broken-off drafts.

    .2026-10.rewrite   the new file of a volume, before it takes the old one's place
    .2026-10.old       another name of the old file, until its octets are overwritten

Promises: no file is overwritten that is a volume now; killed at any moment, `sweep` goes on. What this cannot reach is
in docs/archive-format.md: what a flash drive, a copy-on-write file system, a snapshot or a backup keeps.
Fails with OSError.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import structlog

from gateway.archive import volume as volumes
from gateway.archive.volume import Volume, volume_at

_DRAFT = re.compile(r"\.(\d{4}-\d{2})\.rewrite(-wal|-shm|-journal)?")
_OLD = re.compile(r"\.(\d{4}-\d{2})\.old")
_STEP = 2**20  # octets

_log = structlog.get_logger(__name__)


def draft_of(volume: Volume) -> Path:
    """Where the new file of a volume is written."""
    return volume.path.with_name(f".{volume.month}.rewrite")


def old_of(volume: Volume) -> Path:
    """The other name of a volume's old file."""
    return volume.path.with_name(f".{volume.month}.old")


def sweep(folder: Path) -> list[Path]:
    """Destroy what broken-off rewritings left; only while holding the lock of rewriting. The files that were there."""
    found = sorted(
        path for path in folder.iterdir() if _DRAFT.fullmatch(path.name) or _OLD.fullmatch(path.name)
    )
    return [path for path in found if _gone(folder, path)]


def destroy(path: Path, reached: Callable[[str], None] = lambda _step: None) -> None:
    """Overwrite a file and remove it. One that has other names keeps its octets: it is a copy, as a backup is."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        facts = os.fstat(fd)
        if facts.st_nlink > 1:
            _log.warning("file not overwritten: it has other names", file=str(path), names=facts.st_nlink)
        else:
            _zero(fd, facts.st_size)
    finally:
        os.close(fd)
    reached("overwritten")
    path.unlink()
    volumes.sync_path(path.parent)


def _gone(folder: Path, path: Path) -> bool:
    """Whether a file of a broken-off rewriting could be destroyed."""
    old = _OLD.fullmatch(path.name)
    if old is not None:
        volume = volume_at(folder, old[1])
        if not volume.path.exists():
            _log.error("a volume is gone, and its old file is there", volume=old[1], file=path.name)
            return False
        if path.samefile(volume.path):  # broken off before the new file took its place
            path.unlink()
            return True
    destroy(path)
    return True


def _zero(fd: int, size: int) -> None:
    zeros = bytes(_STEP)
    at = 0
    while at < size:
        at += os.pwrite(fd, zeros[: size - at], at)
    os.fsync(fd)
