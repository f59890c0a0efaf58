"""The catalog's folder: numbered SQLite files and the link to the one that counts.

    catalog/catalog.sqlite -> catalog-000002.sqlite
    catalog/catalog-000002.sqlite (-wal, -shm)
    catalog/rebuild.lock

A rebuilt catalog is a new file, made current by replacing the link, which is atomic. A file is never
replaced under its name: its `-wal` and `-shm` belong to the old content, and SQLite would apply them to
the new. Readers of the old file go on reading it (it is unlinked, not emptied) and find the new one at
their next question. Folders and file modes: the catalog holds personal data, so nobody else may read it.

Fails with OSError, and `RebuildRunningError` where somebody else rebuilds.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_GENERATION = re.compile(r"catalog-(\d{6,})\.sqlite")


class RebuildRunningError(Exception):
    """Another process rebuilds the catalog just now."""


class CatalogFiles:
    """The files in `folder`, which is created where missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.link = folder / "catalog.sqlite"

    def current(self) -> Path | None:
        """The file that counts; None before the first."""
        try:
            path = self.folder / self.link.readlink()
        except FileNotFoundError:
            return None
        return path if path.exists() else None

    @contextmanager
    def rebuilding(self, *, wait: bool = False) -> Iterator[Path]:
        """The path of a new file to build, while no other process builds one.

        What earlier builds left behind is removed first; what this one leaves without `swap`, last.
        Raises RebuildRunningError unless `wait`.
        """
        self._make_folder()
        descriptor = os.open(self.folder / "rebuild.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise RebuildRunningError(f"{self.folder}: another process rebuilds the catalog") from None
            self._sweep()
            path = self._next()
            try:
                yield path
            finally:
                self._sweep()
        finally:
            os.close(descriptor)

    def swap(self, path: Path) -> None:
        """Make `path` (sealed, in this folder) the file that counts. Only within `rebuilding`."""
        if os.geteuid() == 0:  # `mailgw reindex` as root: the service must be able to write it
            owner = self.folder.stat()
            for ours in (path, self.folder / "rebuild.lock"):
                os.chown(ours, owner.st_uid, owner.st_gid)
        new_link = self.folder / "catalog.sqlite.new"
        new_link.unlink(missing_ok=True)
        new_link.symlink_to(path.name)
        new_link.replace(self.link)
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _make_folder(self) -> None:
        """Make the folder where missing; as root, for whoever owns the one it lies in: the service's user."""
        if self.folder.is_dir():
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        if os.geteuid() == 0:
            owner = self.folder.parent.stat()
            os.chown(self.folder, owner.st_uid, owner.st_gid)

    def _generations(self) -> dict[Path, int]:
        found = {}
        for path in self.folder.iterdir():
            match = _GENERATION.fullmatch(path.name)
            if match:
                found[path] = int(match[1])
        return found

    def _next(self) -> Path:
        return self.folder / f"catalog-{max(self._generations().values(), default=0) + 1:06d}.sqlite"

    def _sweep(self) -> None:
        """Remove every file that does not count. A reader that still has it open keeps reading it."""
        current = self.current()
        for path in self._generations():
            if path != current:
                # The file itself last: a WAL left alone would be applied to a later file of that name.
                for name in (Path(f"{path}-wal"), Path(f"{path}-shm"), path):
                    with suppress(FileNotFoundError):
                        name.unlink()
