"""What is made anew beside the one in use: numbered generations, and a link to the one that counts.

    catalog/catalog.sqlite -> catalog-000002.sqlite     search -> search-000002
    catalog/catalog-000002.sqlite (-wal, -shm)          search-000002/
    catalog/rebuild.lock                                search.lock

A generation is a file or a folder. A new one becomes current by replacing the link, which is atomic. Nothing is ever
replaced under its name, so who has the old one open goes on with it, though it is unlinked by then, and finds the new
one at the next question. Catalog and index hold people's mail: nobody else may read their folders.

Fails with OSError, and `BuildRunning` where somebody else builds one.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class BuildRunning(Exception):
    """Another process builds one just now."""


class Generations:
    """The generations beside `link`, whose folder is created where missing."""

    def __init__(self, link: Path, *, lock: Path, companions: tuple[str, ...] = ()) -> None:
        """`companions`: what is appended to a generation's name by files that belong to it."""
        self.link = link
        self._lock = lock
        self._companions = companions
        self._name = re.compile(rf"{re.escape(link.stem)}-(\d{{6,}}){re.escape(link.suffix)}")

    def current(self) -> Path | None:
        """The one that counts; None before the first."""
        try:
            path = self.link.parent / self.link.readlink()
        except FileNotFoundError:
            return None
        return path if path.exists() else None

    @contextmanager
    def building(self, *, wait: bool = False) -> Iterator[Path]:
        """The path of a new one to build, while no other process builds one.

        What earlier builds left behind is removed first; what this one leaves without `swap`, last.
        Raises BuildRunning unless `wait`.
        """
        self._make_folder()
        descriptor = os.open(self._lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise BuildRunning(f"{self.link}: another process builds it anew") from None
            path = self._next()  # before sweeping: processes of a killed build may still write to theirs
            self._sweep()
            try:
                yield path
            finally:
                self._sweep()
        finally:
            os.close(descriptor)

    def swap(self, path: Path) -> None:
        """Make `path`, complete and on the disk, the one that counts. Only within `building`."""
        folder = self.link.parent
        if os.geteuid() == 0:  # `mailgw reindex` as root: the service must be able to write it
            owner = folder.stat()
            for ours in (self._lock, path, *path.rglob("*")):
                os.chown(ours, owner.st_uid, owner.st_gid)
        new_link = self.link.with_name(f"{self.link.name}.new")
        new_link.unlink(missing_ok=True)
        new_link.symlink_to(path.name)
        new_link.replace(self.link)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _make_folder(self) -> None:
        """Make the folder where missing; as root, for whoever owns the one it lies in: the service's user."""
        folder = self.link.parent
        if folder.is_dir():
            return
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        if os.geteuid() == 0:
            owner = folder.parent.stat()
            os.chown(folder, owner.st_uid, owner.st_gid)

    def _numbered(self) -> dict[Path, int]:
        found = ((path, self._name.fullmatch(path.name)) for path in self.link.parent.iterdir())
        return {path: int(match[1]) for path, match in found if match}

    def _next(self) -> Path:
        number = max(self._numbered().values(), default=0) + 1
        return self.link.with_name(f"{self.link.stem}-{number:06d}{self.link.suffix}")

    def _sweep(self) -> None:
        """Remove every one that does not count. A reader that still has it open keeps reading it."""
        current = self.current()
        for path in self._numbered():
            if path == current:
                continue
            # Itself last: a WAL left alone would be applied to a later file of that name.
            for companion in self._companions:
                Path(f"{path}{companion}").unlink(missing_ok=True)
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
