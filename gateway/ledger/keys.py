"""The keys of a ledger: the private one that signs, and the public ones that ever did.

A private key is a PEM file that only the gateway may read. While a new key takes over, the file holds both, and
checkpoints bear both signatures: so the old key vouches for the new one. Public keys are kept beside the
checkpoints, one a line as `name+id+key`, oldest first; give them to whoever is to verify.

Fails with KeyFileError, which names the file and what to do, and with OSError.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.ledger.files import replace
from gateway.ledger.note import NoteError, PrivateKey, PublicKey

_PEM = re.compile(rb"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----", re.DOTALL)


class KeyFileError(Exception):
    """A file of keys that cannot be used."""


def new_key(name: str) -> PrivateKey:
    """A fresh key."""
    return PrivateKey(name, Ed25519PrivateKey.generate())


def load_private(path: Path, name: str) -> list[PrivateKey]:
    """The keys of a PEM file, oldest first. Raises FileNotFoundError and KeyFileError."""
    octets = path.read_bytes()
    keys = []
    for block in _PEM.findall(octets):
        try:
            key = load_pem_private_key(block, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"{path}: no private key that can be read: {error}") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFileError(f"{path}: expected keys of Ed25519; `mailgw ledger new-key` makes one")
        keys.append(PrivateKey(name, key))
    if not keys:
        raise KeyFileError(f"{path}: expected a private key in PEM")
    return keys


def save_private(path: Path, keys: Sequence[PrivateKey]) -> None:
    """Write keys, durably and at once, for the owner only. Raises OSError."""
    octets = b"".join(
        each.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) for each in keys
    )
    replace(path, octets, 0o600)


def read_public(path: Path) -> list[PublicKey]:
    """The public keys of a file, oldest first; none if there is no file. Raises KeyFileError."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as error:
        raise KeyFileError(f"{path}: not UTF-8: {error}") from None
    keys = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                keys.append(PublicKey.parse(line))
            except NoteError as error:
                raise KeyFileError(f"{path}: line {number}: {error}") from None
    return keys


def add_public(path: Path, key: PublicKey) -> None:
    """Make sure that a public key is in the file. Raises KeyFileError and OSError."""
    known = read_public(path)
    if key not in known:
        replace(path, "".join(f"{each}\n" for each in (*known, key)).encode())
