"""Putting an installation together from a backup, in a folder of its own or in the places it was in.

Promises: nothing that is there is overwritten; each file is compared with the list while it is copied. One that is
damaged is put in its place all the same, and named: the rest of it may be needed. A restore that was broken off
can be begun again. Catalog and search index are not made here: they are no part of a backup.

Fails with BackupFailed, and with OSError where something cannot be read or written.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from gateway.backup import copying, toml
from gateway.backup.copying import Tell, Vanished
from gateway.backup.errors import BackupFailed
from gateway.backup.manifest import Key, Manifest, Stored
from gateway.backup.sources import CONFIGURATION, named_paths
from gateway.backup.store import Store
from gateway.config import Config, ConfigError, load

_UNFINISHED = ".restoring"  # while a restore is not at its end
_DATA = "data"
_STORED = {
    "archive": "archive",
    "ledger": "ledger",
    "storage": ".",
}  # folder of the backup: of `storage.path`
_SECRET_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put together. `by_hand`: what nobody but a person can do."""

    config: Path
    storage: Path
    manifest: Manifest
    problems: tuple[str, ...]
    by_hand: tuple[str, ...]


@dataclass(slots=True)
class _Work:
    store: Store
    manifest: Manifest
    tell: Tell
    owners: bool  # files are to belong to those who had them
    problems: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)


def restore_to(backup: Path, folder: Path, tell: Tell) -> Restored:
    """Put everything below `folder`, with a configuration whose paths point there."""
    store = Store(backup)
    with store.locked(for_reading=True):
        work = _Work(store, store.known(), tell, owners=False)
        _claim(folder, folder)
        config = folder / "gateway.toml"

        def place(stored: Stored) -> Path:
            top, *rest = PurePosixPath(stored.path).parts
            if stored.path == CONFIGURATION:
                return folder / "gateway.toml.original"
            return folder.joinpath(*((_DATA, _STORED[top]) if top in _STORED else (top,)), *rest)

        _copy_all(work, place)
        _write_configuration(work, folder / "gateway.toml.original", config)
        return _finished(work, config, folder / _DATA, folder)


def restore_in_place(backup: Path, config: Path, tell: Tell) -> Restored:
    """Put everything where the configuration says, which is put at `config` first if it is not there."""
    store = Store(backup)
    with store.locked(for_reading=True):
        work = _Work(store, store.known(), tell, owners=True)
        stored = work.manifest.file(CONFIGURATION)
        if stored is not None and not config.exists():
            _copy(work, stored, config)
        settings = _loaded(config)
        if settings.ledger_origin != work.manifest.origin:
            raise BackupFailed(
                f"{config}: is of {settings.ledger_origin}, and the backup of {work.manifest.origin}; name another file"
            )
        _claim(settings.storage.path, settings.storage.archive, settings.storage.ledger)
        _copy_all(work, _places(work, settings))
        return _finished(work, config, settings.storage.path, settings.storage.path)


def _places(work: _Work, settings: Config) -> Callable[[Stored], Path | None]:
    """Where each file of the backup was, or is to be by this configuration."""
    now = dict(named_paths(settings))
    named = [(f"{each.stored}/", now.get(each.key)) for each in work.manifest.named if each.stored]

    def place(stored: Stored) -> Path | None:
        top, *rest = PurePosixPath(stored.path).parts
        if top in _STORED:
            return settings.storage.path.joinpath(_STORED[top], *rest)
        for above, path in named:
            if path is not None and f"{stored.path}/".startswith(above):
                return path / stored.path.removeprefix(above) if f"{stored.path}/" != above else path
        return None

    return place


def _claim(folder: Path, *never_over: Path) -> None:
    """Make a folder, in which a mark says that it is not finished. Raises BackupFailed where something is there."""
    mark = folder / _UNFINISHED
    if not mark.exists():
        for path in never_over:
            if path.exists() and any(path.iterdir()):
                raise BackupFailed(
                    f"{path}: is not empty; nothing is restored over what is there: give another place"
                )
    copying.make_folder(folder, 0o750)
    mark.touch(mode=0o600)


def _copy_all(work: _Work, place: Callable[[Stored], Path | None]) -> None:
    for stored in work.manifest.files:
        path = place(stored)
        if path is None:
            continue
        top = PurePosixPath(stored.path).parts[0]
        if top == "config" and path.exists() and not path.with_name(_draft(path)).exists():
            if copying.read_back(path) != (stored.size, stored.sha256):
                work.by_hand.append(
                    f"{path}: is there and is not the one of the backup ({stored.path}); it was kept"
                )
            work.tell(stored.path, stored.size)
            continue
        _copy(work, stored, path)


def _copy(work: _Work, stored: Stored, path: Path) -> None:
    draft = path.with_name(_draft(path))
    source = work.store.where(stored)
    try:
        made = [each for each in path.parents if not each.exists()]
        copying.make_folder(path.parent, 0o750)
        copied = copying.copy(source, draft, work.tell)
    except Vanished:
        work.problems.append(f"{stored.path}: is missing in the backup; take it from another copy")
        return
    if (copied.size, copied.sha256) != (stored.size, stored.sha256):
        work.problems.append(
            f"{stored.path}: is not what was copied, and was restored as it is; take it from another copy of the backup"
        )
    given = work.owners and _give(work, stored, [draft, *made])
    mode = stored.mode | 0o600
    draft.chmod(mode if not stored.secret else mode & 0o770 if given else _SECRET_MODE)
    draft.replace(path)


def _give(work: _Work, stored: Stored, paths: Sequence[Path]) -> bool:
    """As root, give files to those who had them; whether that was done."""
    if os.geteuid() != 0:
        return False
    try:
        for path in paths:
            shutil.chown(path, *stored.owner.split(":"))
    except LookupError:
        text = (
            f"files that belonged to {stored.owner} belong to root now: there is no such user or group here"
        )
        if text not in work.by_hand:
            work.by_hand.append(text)
        return False
    return True


def _draft(path: Path) -> str:
    return f".{path.name}.restored"


def _write_configuration(work: _Work, original: Path, config: Path) -> None:
    """Write the configuration with paths that point into the folder it is in."""
    try:
        data = tomllib.loads(original.read_text("utf-8"))
        _set(data, ("storage", "path"), _DATA)
        for each in work.manifest.named:
            if each.stored is not None:
                top, *rest = PurePosixPath(each.stored).parts
                inside = PurePosixPath(_DATA, _STORED[top]) if top in _STORED else PurePosixPath(top)
                _set(data, each.key, str(inside.joinpath(*rest)))
        ledger = data.get("ledger", {})
        if ledger.pop("publish", None):
            work.by_hand.append(
                "ledger.publish: was taken out, so that a rehearsal does not write to the real folders; put it back"
            )
        text = toml.written(data)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise BackupFailed(
            f"{original}: cannot be used as a configuration: {error}; write {config} by hand, then `mailgw reindex`"
        ) from None
    with copying.writing(config) as write:
        write(text.encode())


def _set(data: dict[str, Any], key: Key, value: str) -> None:
    """Raises KeyError, IndexError and TypeError where there is no such place."""
    *above, last = key
    place: Any = data
    for part in above:
        place = place.setdefault(part, {}) if isinstance(place, dict) else place[part]
    place[last] = value


def _finished(work: _Work, config: Path, storage: Path, marked: Path) -> Restored:
    missing = [each for each in work.manifest.named if each.stored is None]
    for each in missing:
        work.by_hand.append(f"{each.setting}: put the file there that was at {each.original}")
    for path in work.manifest.left_out:
        if not any(Path(path).is_relative_to(each.original) for each in missing):
            work.by_hand.append(f"{path}: was left out of the backup; put it in its place in {storage}")
    storage.mkdir(mode=0o750, exist_ok=True)
    (marked / _UNFINISHED).unlink()
    os.sync()
    return Restored(config, storage, work.manifest, tuple(work.problems), tuple(dict.fromkeys(work.by_hand)))


def _loaded(config: Path) -> Config:
    try:
        return load(config)
    except ConfigError as error:
        raise BackupFailed(
            f"{error}\nnothing was restored yet: mend the configuration, then begin again"
        ) from None
