"""One run: everything that is new copied, and the list of it written last.

Promises: see the package. A file is taken to be what it was if size, time and inode are; with `full`, if its SHA-256
is. Then a file whose octets changed while its size and time did not is told, and the backup keeps its own.

Fails with BackupFailed, and with OSError where something cannot be read or written; the state before is kept.
"""

from __future__ import annotations

import pwd
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway import __version__
from gateway.backup import sources
from gateway.backup.copying import Tell
from gateway.backup.errors import BackupFailed
from gateway.backup.loss import refuse_less
from gateway.backup.manifest import Manifest, Named
from gateway.backup.store import Point, Store
from gateway.backup.taking import Taking, Wanted
from gateway.config import Config


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did."""

    manifest: Manifest
    files: int  # copied
    octets: int  # copied
    removed: int  # files that the backup has no more
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def backup(
    settings: Config, config: Path, folder: Path, wanted: Wanted, *, now: datetime, tell: Tell, point: Point
) -> Outcome:
    """Bring the backup in `folder` up to date, or begin one.

    config: the file that `settings` were read from. tell, point: told what is copied and what is about to be changed.
    """
    for own in (settings.storage.path, *(path for _, path in sources.named_paths(settings))):
        if folder.resolve().is_relative_to(own.resolve()):
            raise BackupFailed(f"{folder}: lies in {own}, which is backed up; give a folder on another disk")
    store = Store(folder, point)
    store.prepare()
    with store.locked():
        old = store.manifest()
        store.settle(old)
        taking = Taking(settings, store, old, wanted, tell)
        try:
            named = taking.take_all(config)
            manifest = _manifest(taking, config, named, now)
            if old is not None:
                refuse_less(store, old, manifest)
        except BaseException:
            with suppress(Exception):
                store.settle(old)  # makes room; what is left, the next run removes
            raise
        store.commit(manifest)
        store.settle(manifest)
    gone = {each.path for each in old.files} - {each.path for each in manifest.files} if old else set()
    return Outcome(
        manifest, taking.copied, taking.octets, len(gone), tuple(taking.problems), tuple(taking.notes)
    )


def _manifest(taking: Taking, config: Path, named: list[Named], now: datetime) -> Manifest:
    settings = taking.settings
    return Manifest(
        run=taking.number,
        made=now.isoformat(timespec="seconds"),
        gateway=__version__,
        origin=settings.ledger_origin,
        hostname=settings.hostname,
        config=str(config.resolve()),
        storage=str(settings.storage.path),
        owner=_owner(settings.storage.path),
        named=tuple(named),
        left_out=tuple(taking.left_out),
        files=tuple(taking.files),
    )


def _owner(folder: Path) -> str | None:
    try:
        return pwd.getpwuid(folder.stat().st_uid).pw_name
    except (OSError, KeyError):
        return None
