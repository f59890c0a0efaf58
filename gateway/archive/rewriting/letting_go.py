"""Letting go of data keys that no file of a closed volume needs any more.

Beside the key that a volume names there may be the old one's, while it is rewritten and after a rewriting that was
broken off, and for a volume that is not encrypted any more there may be a file of keys. Only while holding the lock of
rewriting: nobody makes a key for a closed volume then.

What cannot be done now, for want of the master key or because a volume is damaged, is done another time: nothing but
tidiness hangs on it. Fails with OSError.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import structlog

from gateway.archive import volume as volumes
from gateway.archive.encryption import Keyring
from gateway.archive.encryption.wrapped import load, months
from gateway.archive.errors import ArchiveDamaged, ArchiveUnavailable
from gateway.archive.opened import OpenVolume
from gateway.archive.volume import Volume

_log = structlog.get_logger(__name__)


def let_go(folder: Path, keys: Keyring) -> None:
    """Do what a rewriting that was broken off left to be done, for all volumes."""
    with_keys = months(folder)
    for volume in volumes.list_volumes(folder)[:-1]:
        if volume.month in with_keys:
            keep_only_named(volume, keys)


def keep_only_named(volume: Volume, keys: Keyring) -> None:
    """Let go of all data keys of a closed volume but the one that it names."""
    try:
        # With checksums: a damaged page must not say that the volume needs no key.
        with closing(OpenVolume(volume, closed=True, checked=True)) as opened:
            named = opened.data_key
        found = load(volume.path.parent, volume.month)
        if found is None or (named is not None and len(found.keys) < 2):
            return
        if named is None:
            keys.forget(volume.month)
        else:
            keys.keep_only(volume.month, named)
    except (ArchiveUnavailable, ArchiveDamaged, apsw.Error) as error:
        _log.warning("older keys of a volume are kept", volume=volume.month, error=str(error))
