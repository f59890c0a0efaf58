"""The files of keys in the archive's folder: replaced at once, one process at a time, and the service user's own.

Fails with OSError.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.archive.lock import FolderLock

LOCK = "keys.lock"

Step = Callable[[str], None]


def nothing(_step: str) -> None:
    """Nobody wants to know."""


def make_folder(folder: Path) -> None:
    """Make the archive's folder where it is missing, for whoever owns the one it lies in."""
    if not folder.is_dir():
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        _give_to(folder.parent, folder)


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """While nobody else makes or changes files of keys. A folder that is not there yet has none."""
    if not folder.is_dir():
        yield
        return
    lock = FolderLock(folder / LOCK)
    lock.open()
    try:
        _give_to(folder, folder / LOCK)
        with lock.held():
            yield
    finally:
        lock.close()


def replace(path: Path, octets: bytes, *, mode: int, owner: Path, step: Step = nothing) -> None:
    """Write a file, durably, in the place of the one of that name; root gives it to whom `owner` belongs.

    A reader sees the old one or the new one, whole. `step` is told how far it is.
    """
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    step(f"begun {path.name}")
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        _give_to(owner, draft)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    step(f"draft {path.name}")
    draft.rename(path)
    sync_folder(path.parent)
    step(f"file {path.name}")


def sync_folder(folder: Path) -> None:
    """Make a folder's list of files durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _give_to(owner: Path, path: Path) -> None:
    """Root makes keys, the gateway uses them."""
    if os.geteuid() == 0:
        whose = next(each for each in (owner, *owner.parents) if each.exists()).stat()
        os.chown(path, whose.st_uid, whose.st_gid)
