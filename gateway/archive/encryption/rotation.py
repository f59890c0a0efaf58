"""Rotation of the master key: every data key is wrapped by the new one, then the old one's wraps go.

Only the small files of keys are written, each replaced at once; the volumes stay as they are. Killed at any moment,
each data key opens with the new master key or with the old one, and the next run goes on. The old wraps go only
when all new ones are on the disk and were read back from there.

A data key that no master key opens is left as it is, and told.

Fails with KeysUnavailable where there is no master key, with OSError.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.archive.encryption import files, wrapped
from gateway.archive.encryption.errors import KeysUnavailable
from gateway.archive.encryption.files import Step, nothing
from gateway.archive.encryption.master import MasterKey
from gateway.archive.encryption.source import KeySource
from gateway.archive.encryption.wrapped import VolumeKeys

_MODE = 0o640


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation came to."""

    master: str  # the master key that opens everything now, but `closed`
    months: tuple[str, ...]  # all that have files of keys
    changed: tuple[str, ...]  # of these, those whose file was written
    closed: tuple[str, ...]  # what could not be opened, and why


def rotate(
    folder: Path,
    source: KeySource,
    *,
    may_begin: Callable[[MasterKey], None] = lambda _newest: None,
    step: Step = nothing,
    random: Callable[[int], bytes] = os.urandom,
) -> Rotated:
    """Let the newest master key open every data key, and it alone.

    may_begin: is asked with that key and raises where it must not be. step: is told how far it is.
    """
    with files.changing(folder):
        masters = source.read()
        may_begin(masters[-1])
        months = wrapped.months(folder)
        changed, closed = set[str](), list[str]()
        for month in months:
            try:
                changed |= {month} if _wrap_all(folder, month, masters, step, random) else set()
            except KeysUnavailable as error:
                closed.append(str(error))
        for month in months:
            try:
                changed |= {month} if _drop_others(folder, month, masters[-1], step) else set()
            except KeysUnavailable as error:
                closed.append(str(error))
    return Rotated(masters[-1].id, tuple(months), tuple(sorted(changed)), tuple(dict.fromkeys(closed)))


def _wrap_all(
    folder: Path, month: str, masters: tuple[MasterKey, ...], step: Step, random: Callable[[int], bytes]
) -> bool:
    """Make sure that the newest master key opens a volume's data keys; whether anything was written."""
    newest = masters[-1]
    before = _load(folder, month)
    after = before
    for key in before.keys:
        octets = wrapped.unwrap(key, month, masters)
        if octets is None or wrapped.unwrap(key, month, (newest,)) is not None:
            continue
        others = tuple(each for each in key.wraps if each.master != newest.id)
        wraps = (*others, wrapped.wrap(octets, month, key.id, newest, random=random))
        after = after.with_key(replace(key, wraps=wraps))
    if after == before:
        return False
    _write(folder, after, step)
    return True


def _drop_others(folder: Path, month: str, newest: MasterKey, step: Step) -> bool:
    """Drop the wraps of all other master keys; whether there were any.

    Raises KeysUnavailable where the newest does not open a data key, which is then left as it is.
    """
    before = _load(folder, month)
    opened = [key for key in before.keys if wrapped.unwrap(key, month, (newest,)) is not None]
    after = before
    for key in opened:
        only = tuple(each for each in key.wraps if each.master == newest.id)
        after = after.with_key(replace(key, wraps=only))
    if after != before:
        _write(folder, after, step)
    for key in before.keys:
        if key not in opened:
            raise KeysUnavailable(
                f"{wrapped.path_of(folder, month)}: is opened by master key {' or '.join(key.masters)} only;"
                " put that key above the newest, and run this again"
            )
    return after != before


def _load(folder: Path, month: str) -> VolumeKeys:
    found = wrapped.load(folder, month)
    if found is None:  # the lock keeps our own processes from it
        raise KeysUnavailable(f"{wrapped.path_of(folder, month)}: has disappeared")
    return found


def _write(folder: Path, keys: VolumeKeys, step: Step) -> None:
    path = wrapped.path_of(folder, keys.month)
    files.replace(path, keys.to_octets(), mode=_MODE, owner=folder, step=step)
