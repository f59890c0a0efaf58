"""The files of a roster, in a folder or a zip.

Only files with known names are opened (case, dashes and underscores do not matter): demographics and the
like are never read. Nothing is unpacked to the disk, and what is read has a limit, so that neither a path
in a zip nor a bomb does harm. Fails with `RosterError`.
"""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from gateway.directory.problems import RosterError
from gateway.directory.roles import folded

MOST_BYTES = 512 * 2**20  # uncompressed, all files together; a district of 100,000 people has about 60 MB
_KNOWN = {
    "manifest", "orgs", "academicsessions", "users", "roles", "relationships", "agents", "classes",
    "enrollments", "groups", "groupmembers", "accounts", "forms",
}  # fmt: skip
_USERS = "users"
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, NotImplementedError)


class Source(Protocol):
    """Files by key: the folded name without `.csv`, e.g. `groupmembers`."""

    @property
    def names(self) -> Mapping[str, str]:
        """The name of each file as it is in the folder or zip."""

    def read(self, key: str) -> bytes:
        """A file's content. Raises RosterError: unreadable, or more than the limit together with the rest."""

    def close(self) -> None: ...


def open_source(path: Path, most_bytes: int = MOST_BYTES) -> Source:
    """Open a roster of at most `most_bytes`. Raises RosterError: not a folder or zip, or without users.csv."""
    try:
        source = _Folder(path, most_bytes) if path.is_dir() else _Zip(path, most_bytes)
    except (OSError, ValueError, *_ZIP_ERRORS) as error:
        raise RosterError(f"{path}: expected a folder or a zip with users.csv; {_reason(error)}") from None
    if _USERS not in source.names:
        source.close()
        raise RosterError(f"{path}: expected users.csv among its files; there is none")
    return source


def fingerprint(path: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Name, size, mtime in ns and inode of every file that would be read; () where there is nothing."""
    try:
        files = [item for item in path.iterdir() if _key(item.name)] if path.is_dir() else [path]
        facts = [(file.name, file.stat()) for file in sorted(files)]
    except OSError:
        return ()
    return tuple((name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in facts)


def _key(name: str) -> str | None:
    """The key of a file's name; None for files that are no part of a roster."""
    stem, _, suffix = name.rpartition(".")
    return key if suffix.lower() == "csv" and (key := folded(stem)) in _KNOWN else None


def _reason(error: Exception) -> str:
    """Why a file cannot be read, without its content."""
    if isinstance(error, OSError):
        return error.strerror or "it cannot be read"
    if isinstance(error, NotImplementedError):
        return "its compression is not supported"
    return "it is encrypted" if isinstance(error, RuntimeError) else "it is damaged or no zip"


class _Folder:
    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path = path
        self._limit = _Limit(path, most_bytes)
        files = sorted(item.name for item in path.iterdir() if _key(item.name) and item.is_file())
        self.names = _by_key(path, files)

    def read(self, key: str) -> bytes:
        name = self.names[key]
        try:
            with (self._path / name).open("rb") as file:
                return self._limit.read(file, name)
        except OSError as error:
            raise RosterError(f"{self._path}: {name}: cannot be read: {_reason(error)}") from None

    def close(self) -> None:
        pass


class _Zip:
    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path = path
        self._limit = _Limit(path, most_bytes)
        self._zip = zipfile.ZipFile(path)
        self._members = self._find()
        try:
            self.names = _by_key(path, sorted(self._members))
        except RosterError:
            self.close()
            raise

    def _find(self) -> dict[str, zipfile.ZipInfo]:
        """The members in the folder that holds users.csv: some exports put everything into one."""
        inside = [(PurePosixPath(info.filename.replace("\\", "/")), info) for info in self._zip.infolist()]
        folders = [place.parent for place, _ in inside if _key(place.name) == _USERS]
        root = min(folders, key=lambda folder: (len(folder.parts), str(folder)), default=None)
        return {place.name: info for place, info in inside if place.parent == root and _key(place.name)}

    def read(self, key: str) -> bytes:
        name = self.names[key]
        try:
            with self._zip.open(self._members[name]) as file:
                return self._limit.read(file, name)
        except (OSError, ValueError, *_ZIP_ERRORS) as error:
            raise RosterError(f"{self._path}: {name}: cannot be unpacked: {_reason(error)}") from None

    def close(self) -> None:
        self._zip.close()


def _by_key(path: Path, files: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in files:
        key = _key(name) or ""
        if key in found:
            raise RosterError(f"{path}: {name} and {found[key]}: expected one file of that name")
        found[key] = name
    return found


class _Limit:
    """What may still be read, over all files of a roster."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path = path
        self._most = most_bytes
        self._left = most_bytes

    def read(self, file: IO[bytes], name: str) -> bytes:
        data = file.read(self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise RosterError(
                f"{self._path}: {name}: expected at most {self._most // 2**20} MiB of files in all"
            )
        return data
