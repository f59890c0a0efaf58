"""The file that holds a volume's data keys, `2026-11.keys`, each wrapped by one master key or several.

JSON, in exactly one form, which ends in the SHA-256 of the rest: a file that was changed by accident is refused whole.
Whoever changes it on purpose cannot make a key open that is not its own: wrapping is AES-256-GCM, and covers month,
data key and master key. They can destroy it, though; it belongs into every copy of the volume.

Usually a volume has one data key. While a volume is rewritten there are two, the old file's and the new one's.

Fails with KeysUnavailable, which names the file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.archive.encryption.cipher import KEY, NONCE, TAG
from gateway.archive.encryption.errors import KeysUnavailable
from gateway.archive.encryption.master import MasterKey

FORMAT = 1
_WRAPPED = b"district-mail-gateway data key 1\0"
_NAME = re.compile(r"\d{4}-(0[1-9]|1[0-2])\.keys")
_LARGEST = 2**20  # octets; more is no file of keys


@dataclass(frozen=True, slots=True)
class Wrap:
    """A data key as one master key keeps it."""

    master: str  # its id
    nonce: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class DataKey:
    """A data key, closed."""

    id: str  # 16 hexadecimal digits, random
    created: str  # ISO 8601, UTC
    wraps: tuple[Wrap, ...]

    @property
    def masters(self) -> tuple[str, ...]:
        """The master keys that open it."""
        return tuple(wrap.master for wrap in self.wraps)


@dataclass(frozen=True, slots=True)
class VolumeKeys:
    """All data keys of one volume, oldest first."""

    month: str
    keys: tuple[DataKey, ...] = ()

    def key(self, id: str) -> DataKey | None:
        return next((each for each in self.keys if each.id == id), None)

    def with_key(self, key: DataKey) -> VolumeKeys:
        """The same with a key more, or with another form of one that is there."""
        if self.key(key.id) is None:
            return replace(self, keys=(*self.keys, key))
        return replace(self, keys=tuple(key if each.id == key.id else each for each in self.keys))

    def to_octets(self) -> bytes:
        body = {"format": FORMAT, "volume": self.month, "keys": [_key_to_json(each) for each in self.keys]}
        return _written(body)


def path_of(folder: Path, month: str) -> Path:
    return folder / f"{month}.keys"


def months(folder: Path) -> list[str]:
    """The months of the files of keys in a folder, oldest first. Raises OSError if it cannot be read."""
    if not folder.exists():
        return []
    return sorted(path.stem for path in folder.iterdir() if _NAME.fullmatch(path.name))


def load(folder: Path, month: str) -> VolumeKeys | None:
    """The keys of a volume; None if there is no file. Raises KeysUnavailable."""
    path = path_of(folder, month)
    try:
        with path.open("rb") as file:
            octets = file.read(_LARGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeysUnavailable(f"{path}: cannot be read: {error.strerror}") from None
    try:
        found = read(octets)
    except ValueError as error:
        raise KeysUnavailable(
            f"{path}: {error}; put it back from a backup: WITHOUT IT THE VOLUME CANNOT BE READ"
        ) from None
    if found.month != month:
        raise KeysUnavailable(f"{path}: holds the keys of {found.month}; put the right file back")
    return found


def read(octets: bytes) -> VolumeKeys:
    """The keys in a file's octets. Raises ValueError for any that `to_octets` did not write."""
    try:
        body = json.loads(octets)
        stored = body.pop("sha256")
        whole = _written(body) == octets and stored == _digest(body)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise ValueError("is no file of keys, or was damaged") from None
    if not whole:
        raise ValueError("was damaged or changed by hand")
    if body.get("format") != FORMAT:
        raise ValueError(f"has format {body.get('format')!r}, which this version cannot read")
    try:
        return VolumeKeys(str(body["volume"]), tuple(_key_from_json(each) for each in body["keys"]))
    except (ValueError, AttributeError, KeyError, TypeError):
        raise ValueError("is not what this program writes") from None


def wrap(
    octets: bytes, month: str, id: str, master: MasterKey, *, random: Callable[[int], bytes] = os.urandom
) -> Wrap:
    """A data key as a master key keeps it."""
    nonce = random(NONCE)
    sealed = AESGCM(master.octets).encrypt(nonce, octets, _bound(month, id, master.id))
    return Wrap(master.id, nonce, sealed)


def unwrap(key: DataKey, month: str, masters: Iterable[MasterKey]) -> bytes | None:
    """The data key itself; None where none of these master keys opens it."""
    for master in masters:
        for each in key.wraps:
            if each.master == master.id:
                try:
                    bound = _bound(month, key.id, master.id)
                    return AESGCM(master.octets).decrypt(each.nonce, each.sealed, bound)
                except InvalidTag:
                    continue
    return None


def _bound(month: str, key: str, master: str) -> bytes:
    return _WRAPPED + f"{month} {key} {master}".encode()


def _written(body: dict[str, Any]) -> bytes:
    return json.dumps(body | {"sha256": _digest(body)}, indent=1).encode() + b"\n"


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()


def _key_to_json(key: DataKey) -> dict[str, Any]:
    wraps = [
        {"master": each.master, "nonce": _text(each.nonce), "key": _text(each.sealed)} for each in key.wraps
    ]
    return {"id": key.id, "created": key.created, "wraps": wraps}


def _key_from_json(row: dict[str, Any]) -> DataKey:
    """Raises ValueError, KeyError, TypeError and AttributeError."""
    wraps = tuple(Wrap(str(each["master"]), *_sealed(each["nonce"], each["key"])) for each in row["wraps"])
    return DataKey(str(row["id"]), str(row["created"]), wraps)


def _sealed(nonce: str, key: str) -> tuple[bytes, bytes]:
    octets = base64.b64decode(nonce, validate=True), base64.b64decode(key, validate=True)
    if (len(octets[0]), len(octets[1])) != (NONCE, KEY + TAG):
        raise ValueError("expected a nonce and a wrapped key")
    return octets


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
