"""The archive as the configuration has it, with its keys: how everybody else opens it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from gateway.archive.encryption import Keyring
from gateway.archive.encryption.settings import keyring_of
from gateway.archive.reader import Reader
from gateway.config import Config, EncryptionSettings


def keys_of(config: Config) -> Keyring:
    """The keys of the archive. Make it in the process that uses it."""
    return keyring_of(config.storage.archive, config.encryption)


@lru_cache(maxsize=4)
def keys_here(folder: Path, encryption: EncryptionSettings) -> Keyring:
    """The keys for all the pieces of work that a process is given: asked for once."""
    return keyring_of(folder, encryption)


def reader_of(config: Config) -> Reader:
    """Opens nothing yet. Make it in the thread that uses it."""
    return reader_at(config.storage.archive, config.encryption)


def reader_at(folder: Path, encryption: EncryptionSettings) -> Reader:
    """The same of what another process can be told."""
    return Reader(folder, keyring_of(folder, encryption))
