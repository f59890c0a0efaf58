"""The folder of a backup, and how it gets from one state to the next without ever being between two.

    manifest.json    what counts (manifest.py)
    archive/  ledger/  storage/  config/    the files
    SHA256SUMS       the same digests for `sha256sum -c`, without this program
    backup.lock      held by whoever works on it

A run writes each new file beside the old one under a hidden name that bears the run's number, such as
`archive/.2026-11.sqlite.12`. When all are complete and on the disk, the new list is renamed over the old one: that is
the moment in which the backup changes. Only then are the hidden files renamed. Where the list names a file of run
12 and there is a hidden file of run 12, that is the file; so a run that is killed while it renames has lost nothing,
and the next one ends its work (`settle`). What no list names is overwritten and removed.

Fails with BackupFailed, `BackupRunning` where another process works on it, and OSError.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.backup import manifest as manifests
from gateway.backup.copying import blank, destroy, writing
from gateway.backup.errors import BackupFailed, BackupRunning
from gateway.backup.manifest import FOLDERS, Manifest, Stored

_LOCK = "backup.lock"
_SUMS = "SHA256SUMS"
_OURS = frozenset({manifests.NAME, f".{manifests.NAME}.new", _LOCK, _SUMS, f".{_SUMS}.new", *FOLDERS})

Point = Callable[[str], None]  # told what is about to be done to the folder


def _nothing(_what: str) -> None:
    """Nobody wants to know."""


class Store:
    """A backup's folder."""

    def __init__(self, folder: Path, point: Point = _nothing) -> None:
        """point: called before each change of names; what it raises leaves a state that can be restored."""
        self.folder = folder
        self._point = point

    @contextmanager
    def locked(self, *, for_reading: bool = False) -> Iterator[None]:
        """Work on it alone; for_reading: with others who read, and also on a medium that cannot be written to."""
        path = self.folder / _LOCK
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if not for_reading or error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
                raise
            yield
            return
        try:
            kind = fcntl.LOCK_SH if for_reading else fcntl.LOCK_EX
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise BackupRunning(
                f"{self.folder}: another `mailgw` works on this backup; wait for it"
            ) from None
        finally:
            os.close(descriptor)

    def prepare(self) -> None:
        """Make the folder, or make sure that it is a backup. Raises BackupFailed."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        strange = sorted(
            path.name for path in self.folder.iterdir() if path.name not in _OURS | {"lost+found"}
        )
        if strange:
            raise BackupFailed(
                f"{self.folder}: has other files in it, such as {strange[0]}; give an empty folder, or a backup's"
            )
        if not (self.folder / manifests.NAME).exists() and (without := next(self._finished(), None)):
            raise BackupFailed(
                f"{self.folder}: has files of a backup, such as {without.name}, and no {manifests.NAME}: put that back "
                "from a copy, or give an empty folder"
            )

    def manifest(self) -> Manifest | None:
        """What is in it; None where nothing was ever finished."""
        try:
            return manifests.read(self.folder / manifests.NAME)
        except FileNotFoundError:
            return None

    def known(self) -> Manifest:
        """What is in it. Raises BackupFailed where nothing is."""
        found = self.manifest()
        if found is None:
            raise BackupFailed(f"{self.folder}: no backup: there is no {manifests.NAME} in it")
        return found

    def where(self, stored: Stored) -> Path:
        """Where a file is now."""
        draft = self.draft(stored.path, stored.run)
        return draft if draft.exists() else self.folder / stored.path

    def draft(self, path: str, run: int) -> Path:
        """Where a run writes a file."""
        final = self.folder / path
        return final.with_name(f".{final.name}.{run}")

    def commit(self, manifest: Manifest) -> None:
        """Make a list of files, all of which are there and on the disk, the one that counts."""
        for name in FOLDERS:
            for folder in (self.folder / name, *_folders(self.folder / name)):
                _sync(folder)
        self._point("commit")
        self._replace(manifests.NAME, manifests.to_octets(manifest))

    def settle(self, manifest: Manifest | None) -> None:
        """Give each file its name, and destroy whatever the list does not name; without one, what has no name yet."""
        for each in manifest.files if manifest else ():
            self._name(each)
        named = {self.folder / each.path for each in manifest.files} if manifest else set(self._finished())
        for path in self._all():
            if path not in named:
                self._point(f"remove {path.name}")
                destroy(path)
        for name in FOLDERS:
            for folder in sorted(_folders(self.folder / name), reverse=True):
                with suppress(OSError):  # has something in it
                    folder.rmdir()
        if manifest is not None:
            sums = "".join(f"{each.sha256}  {each.path}\n" for each in manifest.files)
            self._replace(_SUMS, sums.encode())

    def _all(self) -> list[Path]:
        return [path for name in FOLDERS for path in _files(self.folder / name)]

    def _finished(self) -> Iterator[Path]:
        """Files with the names that only a list gives them."""
        return (path for path in self._all() if not path.name.startswith("."))

    def _name(self, stored: Stored) -> None:
        draft, final = self.draft(stored.path, stored.run), self.folder / stored.path
        if not draft.exists():
            return
        if stored.rewritten and final.exists():
            # The draft counts already, so nothing is lost when this is broken off.
            self._point(f"blank {final.name}")
            blank(final)
        if final.is_dir():  # a folder's name was given to a file
            shutil.rmtree(final)
        self._point(f"rename {final.name}")
        draft.replace(final)
        _sync(final.parent)

    def _replace(self, name: str, octets: bytes) -> None:
        draft = self.folder / f".{name}.new"
        with writing(draft) as write:
            write(octets)
        draft.replace(self.folder / name)
        _sync(self.folder)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _folders(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())


def _sync(folder: Path) -> None:
    """Make a folder's list of names durable, where the file system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
