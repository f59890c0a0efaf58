"""What belongs in a backup: all that cannot be made again, in the order in which it must be copied.

Everything in `storage.path` does, but for catalog, search index and run-time files, locks, files that are just being
written (their names begin with a dot), and what SQLite keeps beside a database. So a kind of file that this
module has never heard of is copied rather than forgotten. The configuration and every file that it names do as well.

The order matters. What attests is copied before what is attested, and what is said of a checkpoint before the
checkpoint: published copies and time stamps, then the checkpoints, then the keys that signed them, then the tree's
hashes, of which there are never fewer than the newest checkpoint needs. After the ledger the archive: the volumes are
listed only then, so that whatever a checkpoint attests is in one of them.

Fails with OSError where a folder cannot be read.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gateway.archive import volume as volumes
from gateway.backup.manifest import Key, Named
from gateway.config import Config
from gateway.ledger.ledger import CHECKPOINTS, KEYS

CONFIGURATION = "config/gateway.toml"

# Not made by people, not evidence: locks, drafts, SQLite's memory files.
_PASSING = re.compile(r"\..*|lock|.*\.(lock|new)|.*-(shm|wal)")
_LEVEL = re.compile(r"level-\d+")
_SECRET = re.compile(r"(^|_)(key|keys|password|passwords|secret|secrets|token|users)(_|$)")


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be copied."""

    stored: str  # its path in the backup
    path: Path
    secret: bool = False
    grows: bool = False  # at its end only


def configuration(config: Path, settings: Config) -> tuple[list[Source], list[Named]]:
    """The configuration and the files that it names, or that have their place by default."""
    sources, named = [Source(CONFIGURATION, config)], []
    chosen = tomllib.loads(config.read_text("utf-8"))
    for key, path in named_paths(settings):
        if not path.exists() and not _is_set(chosen, key):
            continue
        inside = _inside(settings, path)
        if inside is not None:
            named.append(Named(key, str(path), inside))
            continue
        place = f"config/{'.'.join(map(str, key))}/{path.name}"
        secret = is_secret(key)
        if path.is_dir():
            found = [Source(f"{place}/{name}", each, secret) for name, each in _below(path)]
        else:
            found = [Source(place, path, secret)] if path.exists() else []
        named.append(Named(key, str(path), place if found else None))
        sources += found
    return sources, named


def kept(settings: Config) -> list[Source]:
    """What else lies in `storage.path`: old rosters, saved searches, and whatever people put there."""
    storage = settings.storage
    made_again = re.compile(rf"{re.escape(storage.search.name)}(-\d+)?")
    own = {storage.archive.name, storage.ledger.name, storage.catalog.name, storage.run.name}
    found = []
    for path in _listed(storage.path):
        if path.name in own or made_again.fullmatch(path.name):
            continue
        below = _below(path, path.name) if path.is_dir() else _single(path)
        found += [Source(f"storage/{name}", each, each == storage.log_key) for name, each in below]
    return found


def ledger(settings: Config) -> list[Source]:
    """The ledger's files, in their order."""
    folder = settings.storage.ledger
    found = [
        Source(f"ledger/{name}", path, path == settings.ledger_key, _grows(name))
        for name, path in (_below(folder) if folder.is_dir() else ())
    ]
    return sorted(found, key=_order)


def beside_volumes(settings: Config) -> list[Source]:
    """What else lies in the archive's folder, such as a log whose volume was lost."""
    folder = settings.storage.archive
    if not folder.is_dir():
        return []
    own = {volume.path for volume in volumes.list_volumes(folder)}
    return [Source(f"archive/{name}", path) for name, path in _below(folder) if path not in own]


def named_paths(section: BaseModel, above: Key = ()) -> Iterator[tuple[Key, Path]]:
    """Every path in the settings, but `storage.path` and the folders that checkpoints are published to."""
    for name in type(section).model_fields:
        key = (*above, name)
        if key not in (("storage", "path"), ("ledger", "publish")):
            yield from _paths(getattr(section, name), key)


def is_secret(key: Key) -> bool:
    """Whether a setting names a file that nobody else may read, by its name."""
    return _SECRET.search(str(key[-1])) is not None


def _paths(value: object, key: Key) -> Iterator[tuple[Key, Path]]:
    if isinstance(value, Path):
        yield key, value
    elif isinstance(value, BaseModel):
        yield from named_paths(value, key)
    elif isinstance(value, tuple):
        for at, each in enumerate(value):
            yield from _paths(each, (*key, at))
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _paths(each, (*key, name))


def _is_set(data: Any, key: Key) -> bool:
    """Whether the configuration says anything of a setting."""
    for part in key:
        if isinstance(part, str) and part not in data:
            return False
        data = data[part]
    return True


def _inside(settings: Config, path: Path) -> str | None:
    """The path in the backup of a file that is in `storage.path` anyway."""
    storage = settings.storage
    if not path.is_relative_to(storage.path):
        return None
    for part in (storage.archive, storage.ledger):
        if path.is_relative_to(part):
            return f"{part.name}/{path.relative_to(part)}"
    return f"storage/{path.relative_to(storage.path)}"


def _grows(name: str) -> bool:
    return name == CHECKPOINTS or _LEVEL.fullmatch(name) is not None


def _order(source: Source) -> tuple[int, str]:
    name = source.stored.removeprefix("ledger/")
    if "/" in name:
        return 0, name
    if name == CHECKPOINTS:
        return 1, name
    if name == KEYS or source.secret:
        return 2, name
    return 3, name


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not _PASSING.fullmatch(path.name))
    except FileNotFoundError:
        return []


def _below(folder: Path, above: str = "") -> Iterator[tuple[str, Path]]:
    """The files of a folder and of those in it, which are not entered by links: a link may lead around."""
    for path in _listed(folder):
        name = f"{above}/{path.name}" if above else path.name
        if path.is_dir():
            if not path.is_symlink():
                yield from _below(path, name)
        else:
            yield from ((name, each) for _, each in _single(path))


def _single(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield path.name, path
