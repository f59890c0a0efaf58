"""How it stands with the keys of an archive: what opens what, and what somebody has to do about it.

Reads only. Fails with OSError where the folder cannot be read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import apsw

from gateway.archive import volume as volumes
from gateway.archive.encryption import wrapped
from gateway.archive.encryption.confirmation import confirmed
from gateway.archive.encryption.errors import KeysUnavailable
from gateway.archive.encryption.master import MasterKey
from gateway.archive.encryption.source import FileSource, KeySource
from gateway.archive.encryption.wrapped import VolumeKeys
from gateway.archive.errors import ArchiveDamaged, ArchiveUnavailable
from gateway.archive.opened import OpenVolume

LOSS = "WHO LOSES THIS KEY LOSES THE MAIL"


@dataclass(frozen=True, slots=True)
class VolumeState:
    """The keys of one volume."""

    month: str
    keys: tuple[str, ...]  # ids of its data keys
    masters: tuple[str, ...]  # ids of all master keys that were ever to open one of them
    newest: bool  # the newest master key opens all
    problem: str  # why some cannot be opened; empty: all can


@dataclass(frozen=True, slots=True)
class State:
    """The keys of an archive."""

    masters: tuple[str, ...]  # ids, oldest first; none where they cannot be had
    problem: str  # why they cannot be had
    confirmed: Mapping[str, date]
    volumes: tuple[VolumeState, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One result, for `mailgw check`."""

    grade: Literal["ok", "warning", "error"]
    subject: str
    text: str


def state_of(folder: Path, source: KeySource | None) -> State:
    """Look at all files of keys with the master keys that there are."""
    masters: tuple[MasterKey, ...] = ()
    problem = "" if source is not None else "[encryption] names no master key"
    try:
        masters = source.read() if source is not None else ()
    except KeysUnavailable as error:
        problem = str(error)
    named = _named(folder)
    months = sorted({*wrapped.months(folder), *named})
    found = tuple(_volume(folder, month, masters, named.get(month)) for month in months)
    return State(tuple(key.id for key in masters), problem, confirmed(folder), found)


def _named(folder: Path) -> dict[str, str]:
    """The data keys that volumes name, by month; of volumes that can be read, and are encrypted."""
    found = {}
    listed = volumes.list_volumes(folder) if folder.is_dir() else []
    for volume in listed:
        with suppress(ArchiveUnavailable, ArchiveDamaged, apsw.Error):  # which is others' to tell
            opened = OpenVolume(volume, closed=volume != listed[-1])
            with closing(opened):
                if opened.data_key is not None:
                    found[volume.month] = opened.data_key
    return found


def _volume(folder: Path, month: str, masters: tuple[MasterKey, ...], named: str | None) -> VolumeState:
    try:
        found = wrapped.load(folder, month) or VolumeKeys(month)
    except KeysUnavailable as error:
        return VolumeState(month, (), (), newest=False, problem=str(error))
    needed = tuple(dict.fromkeys(master for key in found.keys for master in key.masters))
    ids = tuple(key.id for key in found.keys)
    closed = [key for key in found.keys if wrapped.unwrap(key, month, masters) is None]
    newest = all(wrapped.unwrap(key, month, masters[-1:]) is not None for key in found.keys)
    problem = f"needs master key {' or '.join(closed[0].masters)}, which is not there" if closed else ""
    if named is not None and found.key(named) is None:
        problem = f"{wrapped.path_of(folder, month).name} is not there, or has no data key {named}"
    return VolumeState(month, ids, needed, newest=newest, problem=problem)


def findings(folder: Path, source: KeySource | None, *, sealing: bool) -> Iterator[Finding]:
    """What an administrator should know. Nothing where nothing is encrypted, nor to be."""
    try:
        state = state_of(folder, source)
    except OSError as error:
        yield Finding("error", "encryption", f"{folder}: cannot be read: {error.strerror}")
        return
    if source is None:
        if state.volumes:
            yield Finding("error", "encryption", f"{_count(state)} encrypted, and {state.problem}; set one")
        return
    if state.problem:
        yield Finding("error", "encryption.key", f"{state.problem}. {LOSS}")
        return  # of each volume it would be said again
    yield from _of_the_key(folder, source, state)
    yield from _of_volumes(state, sealing=sealing)


def _of_the_key(folder: Path, source: KeySource, state: State) -> Iterator[Finding]:
    newest = state.masters[-1]
    if newest in state.confirmed:
        text = f"master key {newest}; its copy was last seen on {state.confirmed[newest]}"
        yield Finding("ok", "encryption.key", text)
    else:
        text = (
            f"master key {newest} is not known to be backed up. {LOSS}: keep a copy in another building, then"
        )
        yield Finding("warning", "encryption.key", f"{text} run `mailgw encryption confirm-backup`")
    if not isinstance(source, FileSource):
        return
    if _on_one_disk(source.path, folder):
        text = f"{source.path} is on the archive's own disk: who takes the disk has both; keep it elsewhere"
        yield Finding("warning", "encryption.key_file", text)
    text = _unreadable_for_owner(source.path, folder)
    if text:
        yield Finding("error", "encryption.key_file", text)


def _of_volumes(state: State, *, sealing: bool) -> Iterator[Finding]:
    for volume in state.volumes:
        if volume.problem:
            text = f"{volume.month} cannot be opened: {volume.problem}; put it back from its copy"
            yield Finding("error", "encryption", text)
    old = [volume.month for volume in state.volumes if not volume.newest and not volume.problem]
    if old:
        text = f"{len(old)} opened by an older master key only ({old[0]} first); `mailgw encryption rotate`"
        yield Finding("warning", "encryption", text)
    if not any(volume.problem for volume in state.volumes):
        new = "new volumes are encrypted" if sealing else "new volumes are not encrypted (encryption.enabled)"
        yield Finding("ok", "encryption", f"{_count(state)} encrypted, and can be opened; {new}")


def _count(state: State) -> str:
    return f"{len(state.volumes)} volume{'s are' if len(state.volumes) != 1 else ' is'}"


def _on_one_disk(key: Path, folder: Path) -> bool:
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    return key.stat().st_dev == nearest.stat().st_dev


def _unreadable_for_owner(key: Path, folder: Path) -> str:
    """Why the service's user cannot read a file that root can; empty where there is no reason to think so."""
    if os.geteuid() != 0 or not folder.exists():
        return ""
    file, user = key.stat(), folder.stat().st_uid
    if user in (0, file.st_uid) or file.st_mode & 0o040:
        return ""
    return f"{key} belongs to user {file.st_uid}, but the archive to {user}, who must read it; chown it"
