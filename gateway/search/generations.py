"""Where a search index is, so that a new one can take the place of the old one while both are in use.

    search -> search-000002
    search-000002/
    search.lock

A new index is built in a folder of its own and becomes the current one by replacing the link, which is atomic. Who has
the old one open goes on with it, though its files are unlinked, and finds the new one at the next question.

Fails with OSError, and `BuildRunning` where somebody else builds. Folders and modes: an index holds the words of
everybody's mail, so nobody else may read it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.search.engine import EngineError


class BuildRunning(EngineError):
    """Another process builds an index just now."""


class Generations:
    """The indexes beside each other; `link` leads to the one that counts."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._name = re.compile(rf"{re.escape(link.name)}-(\d{{6,}})")

    def current(self) -> Path | None:
        """The folder that counts; None before the first."""
        path = self.link.resolve()
        return path if path.is_dir() else None

    @contextmanager
    def building(self) -> Iterator[Path]:
        """A new, empty folder, while no other process builds one.

        What earlier builds left behind is removed first; what this one leaves without `swap`, last.
        Raises BuildRunning.
        """
        parent = self.link.parent
        parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        lock = self.link.with_name(f"{self.link.name}.lock")
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BuildRunning(f"{self.link}: another process builds the search index") from None
            self._sweep()
            path = self._next()
            path.mkdir(mode=0o750)
            try:
                yield path
            finally:
                self._sweep()
        finally:
            os.close(descriptor)

    def swap(self, path: Path) -> None:
        """Make `path` the one that counts. Only within `building`."""
        if os.geteuid() == 0:  # `mailgw reindex` as root: the service must be able to write it
            owner = self.link.parent.stat()
            for ours in (self.link.with_name(f"{self.link.name}.lock"), path, *path.rglob("*")):
                os.chown(ours, owner.st_uid, owner.st_gid)
        new_link = self.link.with_name(f"{self.link.name}.new")
        new_link.unlink(missing_ok=True)
        new_link.symlink_to(path.name)
        new_link.replace(self.link)
        descriptor = os.open(self.link.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _numbered(self) -> dict[Path, int]:
        found = ((path, self._name.fullmatch(path.name)) for path in self.link.parent.iterdir())
        return {path: int(match[1]) for path, match in found if match}

    def _next(self) -> Path:
        number = max(self._numbered().values(), default=0) + 1
        return self.link.with_name(f"{self.link.name}-{number:06d}")

    def _sweep(self) -> None:
        """Remove every index that does not count. A reader that still has it open keeps reading it."""
        current = self.current()
        for path in self._numbered():
            if path != current:
                shutil.rmtree(path, ignore_errors=True)
