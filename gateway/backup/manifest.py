"""The list of what is in a backup: `manifest.json`, written last, by which everything else is believed.

Each file has its path, size and SHA-256; a volume the numbers of its first and last entry; and what the file that was
copied looked like, by which the next run knows whether it changed. `digest` is the SHA-256 of all the rest,
as JSON with sorted keys and without blanks, so that a changed list is found too.

Fails with BackupFailed where the list is not as it was written, and with OSError.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from gateway.backup.errors import BackupFailed

FORMAT = 1
NAME = "manifest.json"
FOLDERS = ("archive", "config", "ledger", "storage")

Key = tuple[str | int, ...]  # where a setting stands in the configuration

# A file may change twice within one tick of the file system's clock; what was changed so shortly before it was
# copied is copied again by the next run.
_TICK = 2_000_000_000  # nanoseconds


@dataclass(frozen=True, slots=True)
class Facts:
    """By which it is known that a file did not change."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Original:
    """The file that was copied, as it was then."""

    path: str
    seen_ns: int  # when the copy was begun, nanoseconds since 1970
    file: Facts
    log: Facts | None = None  # of a volume's write-ahead log, where it had one

    def is_surely(self, file: Facts, log: Facts | None) -> bool:
        """Whether a file and its log have not changed since."""
        newest = max(file.mtime_ns, log.mtime_ns if log else 0)
        return (file, log) == (self.file, self.log) and newest < self.seen_ns - _TICK


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the backup."""

    path: str  # below the backup's folder, with "/"
    size: int
    sha256: str
    mode: int  # of the original
    owner: str  # of the original: "user:group"
    run: int  # by which it was copied
    original: Original
    secret: bool = False
    first: int | None = None  # entries of a volume
    last: int | None = None
    closed: bool = False  # a volume to which nothing was added any more
    rewritten: bool = False  # another file than the one before it, whose octets are to be destroyed


@dataclass(frozen=True, slots=True)
class Named:
    """A path in the configuration, and what of the backup is to stand there."""

    key: Key
    original: str
    stored: str | None  # a file or a folder; None where it was left out

    @property
    def setting(self) -> str:
        return setting_of(self.key)


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that is known of a backup."""

    run: int
    made: str  # ISO 8601, UTC: when the run began
    gateway: str
    origin: str  # of the ledger
    hostname: str
    config: str  # the configuration's original path
    storage: str  # storage.path
    owner: str | None  # user whom storage.path belonged to
    named: tuple[Named, ...]
    left_out: tuple[str, ...]  # original paths of secrets
    files: tuple[Stored, ...] = field(repr=False)

    @property
    def volumes(self) -> dict[str, Stored]:
        """The archive's volumes by month."""
        found = ((PurePosixPath(each.path), each) for each in self.files)
        return {
            path.stem: each for path, each in found if path.parts[0] == "archive" and path.suffix == ".sqlite"
        }

    @property
    def octets(self) -> int:
        return sum(each.size for each in self.files)

    def file(self, path: str) -> Stored | None:
        return next((each for each in self.files if each.path == path), None)


def setting_of(key: Key) -> str:
    """The name of a setting, as in "route.0.ca_file"."""
    return ".".join(str(part) for part in key)


def facts_of(path: Path) -> Facts:
    """Raises OSError."""
    found = path.stat()
    return Facts(found.st_size, found.st_mtime_ns, found.st_ino)


def facts_if_any(path: Path) -> Facts | None:
    """None where there is no such file, or nothing in it."""
    try:
        found = facts_of(path)
    except FileNotFoundError:
        return None
    return found if found.size else None


def to_octets(manifest: Manifest) -> bytes:
    facts = {"format": FORMAT, **asdict(manifest)}
    return orjson.dumps(facts | {"digest": _digest(facts)}, option=orjson.OPT_INDENT_2) + b"\n"


def read(path: Path) -> Manifest:
    """Raises BackupFailed, and FileNotFoundError where there is none."""
    octets = path.read_bytes()
    try:
        facts = orjson.loads(octets)
        if facts["format"] != FORMAT:
            raise BackupFailed(f"{path}: of format {facts['format']!r}; this version reads {FORMAT}")
        digest = facts.pop("digest")
        if digest != _digest(facts):
            raise ValueError("its digest is not that of its content")
        return _manifest(facts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupFailed(
            f"{path}: damaged ({error}); the files beside it may be whole: take the list from another copy"
        ) from None


def _digest(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _manifest(facts: dict[str, Any]) -> Manifest:
    """Raises KeyError, TypeError and ValueError."""
    del facts["format"]
    files = tuple(_stored(each) for each in facts.pop("files"))
    named = tuple(Named(tuple(each["key"]), each["original"], each["stored"]) for each in facts.pop("named"))
    return Manifest(files=files, named=named, left_out=tuple(facts.pop("left_out")), **facts)


def _stored(facts: dict[str, Any]) -> Stored:
    path = PurePosixPath(facts["path"])
    if path.is_absolute() or ".." in path.parts or path.parts[0] not in FOLDERS:
        raise ValueError(f"{facts['path']!r} is no path of a backup")
    original = facts.pop("original")
    log = original.pop("log")
    file = Facts(**original.pop("file"))
    return Stored(original=Original(file=file, log=Facts(**log) if log else None, **original), **facts)
