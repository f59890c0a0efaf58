"""Where master keys come from: a file, a variable of the environment, or what a command prints.

Each `read` looks anew, so that a key which was added counts without a restart (but a variable, which is the process's
own). Fails with KeysUnavailable.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.archive.encryption import files
from gateway.archive.encryption.command import CommandFailed, output_of
from gateway.archive.encryption.errors import KeysUnavailable
from gateway.archive.encryption.master import REMARK, MasterKey, parse

_LARGEST = 64 * 1024  # octets; a thousand keys


class KeySource(Protocol):
    """Whoever hands out the master keys."""

    @property
    def name(self) -> str:
        """What it is, for messages."""

    def read(self) -> tuple[MasterKey, ...]:
        """The keys, oldest first; at least one. Raises KeysUnavailable."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file that only its owner may read."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def read(self) -> tuple[MasterKey, ...]:
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                if is_open_to_others(found):
                    raise KeysUnavailable(f"{self.path}: can be read by others; chmod 600 it")
                text = file.read(_LARGEST)
        except FileNotFoundError:
            raise KeysUnavailable(
                f"{self.path}: the master key is not there; put it back from its copy"
                " (`mailgw encryption new-key` makes the first)"
            ) from None
        except OSError as error:
            raise KeysUnavailable(
                f"{self.path}: cannot be read: {error.strerror}; it must be the service user's own"
            ) from None
        return parse(text, self.name)


@dataclass(frozen=True, slots=True)
class VariableSource:
    """A variable of the environment."""

    variable: str
    environment: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"environment variable {self.variable}"

    def read(self) -> tuple[MasterKey, ...]:
        text = self.environment.get(self.variable)
        if text is None:
            raise KeysUnavailable(f"{self.name}: not set; set it to the master key, for commands as well")
        return parse(text.encode("utf-8", "surrogateescape"), self.name)


@dataclass(frozen=True, slots=True)
class CommandSource:
    """A command that prints the keys."""

    command: tuple[str, ...]
    seconds: float  # after which it is killed

    @property
    def name(self) -> str:
        return f"command {self.command[0]}"  # its arguments may hold a secret

    def read(self) -> tuple[MasterKey, ...]:
        try:
            text = output_of(self.command, seconds=self.seconds, largest=_LARGEST)
        except CommandFailed as error:
            raise KeysUnavailable(
                f"{self.name}: {error}; run it by hand as the service's user: it must print the master key"
            ) from None
        return parse(text, self.name)


def add_to_file(source: FileSource, key: MasterKey, *, owner: Path) -> tuple[MasterKey, ...]:
    """Add a key to a file of keys, durably, below those that are there; all of them.

    Makes the file, but not its folder. Run by root, the file belongs to whoever `owner`, the archive's folder, does.
    Raises KeysUnavailable and OSError.
    """
    with files.changing(owner):
        older = source.path.read_bytes() if source.path.exists() else REMARK.encode()
        keys = (*source.read(), key) if source.path.exists() else (key,)
        text = older + (b"" if older.endswith(b"\n") else b"\n") + key.to_text().encode() + b"\n"
        files.replace(source.path, text, mode=0o600, owner=owner)
        return keys


def is_open_to_others(file: os.stat_result) -> bool:
    """Whether anybody but the owner may read or write a file of keys.

    A file that systemd hands to a service (LoadCredential=) is root's, with mode 0440: the group's bit stands for an
    access list there, which names the service's user alone.
    """
    is_credential = (file.st_uid, file.st_gid, stat.S_IMODE(file.st_mode)) == (0, 0, 0o440)
    return bool(file.st_mode & (stat.S_IRWXG | stat.S_IRWXO)) and not is_credential
