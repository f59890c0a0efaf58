"""The data keys of a folder of volumes: made, opened, and let go.

A volume names the data key that it is sealed with; one that names none is not sealed. (Were it told by the file of
keys alone, a lost file would turn mail into garbage, and a leftover one garbage into mail.)

Promises: a data key is on the disk, wrapped, before anything is sealed with it; no file of keys ever loses a key that
some volume may need; keys are made and changed by one process at a time (`keys.lock`), each time with the master keys
as they are then. Master keys stay in memory as long as the keyring does, and data keys too. Thread-safe.

Fails with KeysUnavailable: a master key cannot be had, a file of keys is missing or damaged, none fits.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from gateway.archive.encryption import files, wrapped
from gateway.archive.encryption.cipher import KEY, Cipher
from gateway.archive.encryption.errors import KeysUnavailable
from gateway.archive.encryption.files import Step, nothing
from gateway.archive.encryption.master import MasterKey
from gateway.archive.encryption.source import KeySource
from gateway.archive.encryption.wrapped import DataKey, VolumeKeys

_ID = 8  # octets of a data key's id
_MODE = 0o640  # as the volumes have: nobody reads a wrapped key without the master key

# Seconds for which a failure is believed, so that a command which fails is not run for each batch of mail.
PATIENCE = 5.0
_SOURCE = "source"

_NAMES_NONE = "no master key is named; set [encryption]"

_log = structlog.get_logger(__name__)


class Keyring:
    """One process's way to the keys of an archive."""

    def __init__(
        self,
        folder: Path,
        source: KeySource | None,
        *,
        sealing: bool,
        random: Callable[[int], bytes] = os.urandom,
        clock: Callable[[], float] = time.monotonic,
        step: Step = nothing,
    ) -> None:
        """Does not touch the disk yet. source: none where no master key is named. sealing: new volumes are sealed.

        random: so many random octets. clock: seconds. step: is told how far the writing of a file is.
        Raises ValueError for sealing without a source.
        """
        if sealing and source is None:
            raise ValueError("sealing needs a master key")
        self._folder = folder
        self._source = source
        self._sealing = sealing
        self._random = random
        self._clock = clock
        self._step = step
        self._lock = threading.Lock()
        self._ciphers: dict[tuple[str, str], Cipher] = {}
        self._masters: tuple[MasterKey, ...] = ()
        self._failures: dict[
            str, tuple[str, float]
        ] = {}  # by what failed: its text, and until when it is believed

    def cipher(self, month: str, key: str | None) -> Cipher | None:
        """What opens a volume, by the data key that it names; None for a volume that names none.

        Raises KeysUnavailable.
        """
        if key is None:
            return None
        known = self._ciphers.get((month, key))
        if known is not None:
            return known
        with self._lock:
            return self._ciphers.get((month, key)) or self._opened(month, key)

    def begin(self, month: str) -> Cipher | None:
        """What seals a volume that is about to be created; None where volumes are not to be sealed.

        Its key is durable when this returns. Only while holding the append lock. Raises KeysUnavailable and OSError.
        """
        if not self._sealing:
            return None
        with self._lock, files.changing(self._folder):
            masters = self._fresh()
            found = self._set_aside_damaged(month)
            # One that was made just before a crash, for a volume that never came to be.
            for key in reversed(found.keys):
                octets = wrapped.unwrap(key, month, masters)
                if octets is not None:
                    return self._known(month, key.id, octets)
            return self._made(found, masters[-1])

    def renew(self, month: str, was: str | None) -> Cipher | None:
        """What seals a volume that is rewritten: another key, beside the old one, which stays until `keep_only`.

        was: the data key that the volume names today. A sealed volume stays sealed, whatever is set for new ones.
        Raises KeysUnavailable and OSError.
        """
        if was is None and not self._sealing:
            return None
        with self._lock, files.changing(self._folder):
            masters = self._fresh()
            return self._made(wrapped.load(self._folder, month) or VolumeKeys(month), masters[-1])

    def keep_only(self, month: str, key: str) -> None:
        """Let go of all data keys of a volume but the one that it names, once nothing else is sealed with them.

        Raises KeysUnavailable if that one is not there, or does not open, and OSError.
        """
        with self._lock, files.changing(self._folder):
            found = _present(self._folder, month)
            kept = _named(self._folder, found, key)
            if wrapped.unwrap(kept, month, self._fresh()) is None:
                raise _closed(self._folder, month, kept, self._masters)
            if len(found.keys) > 1:
                self._write(replace(found, keys=(kept,)))
            for known in [each for each in self._ciphers if each[0] == month and each[1] != key]:
                del self._ciphers[known]

    def forget(self, month: str) -> None:
        """Remove a volume's file of keys, once its file is not encrypted and durable. Raises OSError."""
        with self._lock, files.changing(self._folder):
            wrapped.path_of(self._folder, month).unlink(missing_ok=True)
            files.sync_folder(self._folder)
            for known in [each for each in self._ciphers if each[0] == month]:
                del self._ciphers[known]

    # --- under the lock

    def _opened(self, month: str, key: str) -> Cipher:
        """Raises KeysUnavailable."""
        if self._source is None:
            raise KeysUnavailable(f"{month}: the volume is encrypted, and {_NAMES_NONE}")
        found = _named(self._folder, _present(self._folder, month), key)
        octets = wrapped.unwrap(found, month, self._masters)
        if octets is None:
            self._patient(key)
            masters = self._fresh()
            # Once more, for it may have been wrapped anew between the look at it and that at the master keys.
            found = _named(self._folder, _present(self._folder, month), key)
            octets = wrapped.unwrap(found, month, masters)
        if octets is None:
            raise self._remember(key, _closed(self._folder, month, found, self._masters))
        return self._known(month, key, octets)

    def _fresh(self) -> tuple[MasterKey, ...]:
        """The master keys as they are now. Raises KeysUnavailable."""
        if self._source is None:
            raise KeysUnavailable(f"{self._folder}: volumes are encrypted, and {_NAMES_NONE}")
        self._patient(_SOURCE)
        try:
            self._masters = self._source.read()
        except KeysUnavailable as error:
            raise self._remember(_SOURCE, error) from None
        return self._masters

    def _patient(self, what: str) -> None:
        """Raises KeysUnavailable again for a while after it was raised."""
        text, until = self._failures.get(what, ("", 0.0))
        if text and self._clock() < until:
            raise KeysUnavailable(text)

    def _remember(self, what: str, error: KeysUnavailable) -> KeysUnavailable:
        self._failures[what] = (str(error), self._clock() + PATIENCE)
        return error

    def _set_aside_damaged(self, month: str) -> VolumeKeys:
        """The keys that are there already. A damaged file is kept under another name: mail must not wait for it."""
        try:
            return wrapped.load(self._folder, month) or VolumeKeys(month)
        except KeysUnavailable as error:
            path = wrapped.path_of(self._folder, month)
            number = 1
            while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
                number += 1
            path.rename(kept)
            _log.error("damaged keys without a volume", kept_as=kept.name, error=str(error))
            return VolumeKeys(month)

    def _made(self, found: VolumeKeys, master: MasterKey) -> Cipher:
        """Another data key, durable. Raises OSError."""
        octets, id = self._random(KEY), self._random(_ID).hex()
        kept = wrapped.wrap(octets, found.month, id, master, random=self._random)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._write(found.with_key(DataKey(id, now, (kept,))))
        return self._known(found.month, id, octets)

    def _write(self, keys: VolumeKeys) -> None:
        path = wrapped.path_of(self._folder, keys.month)
        files.replace(path, keys.to_octets(), mode=_MODE, owner=self._folder, step=self._step)

    def _known(self, month: str, key: str, octets: bytes) -> Cipher:
        return self._ciphers.setdefault((month, key), Cipher(octets, key, random=self._random))


def _present(folder: Path, month: str) -> VolumeKeys:
    found = wrapped.load(folder, month)
    if found is None:
        path = wrapped.path_of(folder, month)
        raise KeysUnavailable(
            f"{path}: is not there; put it back from a backup: WITHOUT IT THE VOLUME CANNOT BE READ"
        )
    return found


def _named(folder: Path, keys: VolumeKeys, id: str) -> DataKey:
    found = keys.key(id)
    if found is None:
        path = wrapped.path_of(folder, keys.month)
        raise KeysUnavailable(
            f"{path}: has no data key {id}, which the volume names; put the right file back"
        )
    return found


def _closed(folder: Path, month: str, key: DataKey, masters: tuple[MasterKey, ...]) -> KeysUnavailable:
    path = wrapped.path_of(folder, month)
    needed = " or ".join(key.masters) or "none"
    have = ", ".join(each.id for each in masters)
    return KeysUnavailable(
        f"{path}: is opened by master key {needed}, and there is only {have}; put that key back from its copy"
    )
