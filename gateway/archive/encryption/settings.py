"""The keyring as the configuration has it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from gateway.archive.encryption.keyring import Keyring
from gateway.archive.encryption.source import CommandSource, FileSource, KeySource, VariableSource
from gateway.config import EncryptionSettings


def source_of(settings: EncryptionSettings, environment: Mapping[str, str] = os.environ) -> KeySource | None:
    """Where the master keys come from; None where none are named."""
    if settings.key_file is not None:
        return FileSource(settings.key_file)
    if settings.key_variable:
        return VariableSource(settings.key_variable, environment)
    if settings.key_command:
        return CommandSource(settings.key_command, settings.key_timeout)
    return None


def keyring_of(folder: Path, settings: EncryptionSettings) -> Keyring:
    """The keys of the archive in a folder. Make it in the process that uses it."""
    return Keyring(folder, source_of(settings), sealing=settings.enabled)
