"""Copying one file, and reading back what was written.

Promises: the copy is of one moment (of a file that only grows: its octets up to where it ended when it was opened),
it is on the disk, and it was read again from there as far as the system lets one. A volume must not be open
in this process by SQLite: closing any descriptor of it would drop SQLite's locks (`gateway/archive/volume.py`).

Fails with BackupFailed, and with `Vanished` where the original is gone.
"""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time_ns

from gateway.backup.errors import BackupFailed
from gateway.backup.manifest import Facts, Original

BLOCK = 2**20
_TRIES = 5  # copies of a file that changes meanwhile

# Told the name of a file and how many octets of it were copied now, often; what it raises ends the run.
Tell = Callable[[str, int], None]


class Vanished(Exception):
    """The original is not there any more."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that was read back."""

    size: int
    sha256: str
    mode: int
    owner: str  # "user:group"
    original: Original


def copy(source: Path, draft: Path, tell: Tell, *, grows: bool = False) -> Copied:
    """Copy a file to `draft`, which is written anew. grows: octets are only added to it at its end."""
    for _ in range(_TRIES):
        seen = time_ns()
        with _opened(source) as descriptor:
            before = os.fstat(descriptor)
            with writing(draft) as file:
                digest = hashlib.sha256()
                for block in blocks(descriptor, before.st_size if grows else None):
                    digest.update(block)
                    file(block)
                    tell(source.name, len(block))
            if not _still(source, descriptor, before, grows=grows):
                continue
        size, sha256 = read_back(draft)
        if sha256 != digest.hexdigest():
            raise BackupFailed(
                f"{draft.parent}: what was written is not what is read back; the disk may be failing"
            )
        facts = Facts(before.st_size, before.st_mtime_ns, before.st_ino)
        original = Original(str(source), seen, facts)
        return Copied(size, sha256, before.st_mode & 0o777, owner_of(before), original)
    raise BackupFailed(f"{source}: changes all the time; try again later")


def blocks(descriptor: int, size: int | None = None) -> Iterator[bytes]:
    """The octets of a file from its beginning, up to `size` where that is given. Raises OSError."""
    at = 0
    while size is None or at < size:
        block = os.pread(descriptor, BLOCK if size is None else min(BLOCK, size - at), at)
        if not block:
            return
        at += len(block)
        yield block


@contextmanager
def writing(draft: Path) -> Iterator[Callable[[bytes], None]]:
    """A function that writes to a new file, which is on the disk at the end. Raises BackupFailed."""

    def write(octets: bytes) -> None:
        view = memoryview(octets)
        try:
            while view:
                view = view[os.write(descriptor, view) :]
        except OSError as error:
            raise cannot_write(draft, error) from error

    try:
        make_folder(draft.parent, 0o700)
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise cannot_write(draft, error) from error
    try:
        yield write
        try:
            os.fsync(descriptor)
        except OSError as error:
            raise cannot_write(draft, error) from error
    finally:
        os.close(descriptor)


def make_folder(folder: Path, mode: int) -> None:
    """Make a folder, and those it lies in, where they are missing, all with these permissions. Raises OSError."""
    if not folder.is_dir():
        make_folder(folder.parent, mode)
        folder.mkdir(mode=mode, exist_ok=True)


def read_back(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file, from the disk and not from memory where that can be asked for. Raises OSError."""
    size, digest = 0, hashlib.sha256()
    with _opened(path) as descriptor:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        for block in blocks(descriptor):
            size += len(block)
            digest.update(block)
    return size, digest.hexdigest()


def owner_of(file: os.stat_result) -> str:
    """User and group of a file, by name where they have one."""
    user, group = str(file.st_uid), str(file.st_gid)
    with suppress(KeyError):
        user = pwd.getpwuid(file.st_uid).pw_name
    with suppress(KeyError):
        group = grp.getgrgid(file.st_gid).gr_name
    return f"{user}:{group}"


def destroy(path: Path) -> None:
    """Overwrite a file with zeros, durably, and remove it. Raises OSError."""
    if path.is_file() and not path.is_symlink():
        blank(path)
    path.unlink()


def blank(path: Path) -> None:
    """Overwrite a file with zeros, durably, unless it has other names: then it is part of an older generation, too.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        facts = os.fstat(descriptor)
        left = facts.st_size if facts.st_nlink == 1 else 0
        while left > 0:
            left -= os.write(descriptor, bytes(min(BLOCK, left)))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot_write(path: Path, error: OSError) -> BackupFailed:
    return BackupFailed(f"{path.parent}: cannot be written: {error.strerror or error}")


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Vanished(str(path)) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _still(source: Path, descriptor: int, before: os.stat_result, *, grows: bool) -> bool:
    """Whether the file is what it was when the copy began, and still the one of this name.

    A volume that was replaced meanwhile may have been overwritten: its name goes to the new one first.
    """
    try:
        there = source.stat()
    except FileNotFoundError:
        raise Vanished(str(source)) from None
    if there.st_ino != before.st_ino:
        return False
    now = os.fstat(descriptor)
    if grows:
        return now.st_size >= before.st_size
    return (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
