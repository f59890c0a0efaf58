"""Files of a bag, hashed while they are written; each is whole or not there. Fails with OSError.

Nothing is durable before the run's end, which syncs all of it at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

_BUFFER = 2**20


class Payload:
    """Files of the bag, hashed while they are written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.hashes: list[tuple[str, str]] = []  # and path
        self.octets = 0

    def known(self, *names: str) -> None:
        """Files that are there."""
        for name in names:
            self._add(name, (self._folder / name).read_bytes())

    def whole(self, name: str, octets: bytes) -> None:
        """A file."""
        replace(self._folder / name, octets)
        self._add(name, octets)

    def joined(self, name: str, first: bytes, parts: Iterable[Path]) -> None:
        """A file of what it begins with and of what the parts hold."""
        path = self._folder / name
        draft = path.with_name(f".{path.name}.new")
        digest, size = sha256(first), len(first)
        with draft.open("wb") as file:
            file.write(first)
            for part in parts:
                with part.open("rb") as source:
                    while octets := source.read(_BUFFER):
                        file.write(octets)
                        digest.update(octets)
                        size += len(octets)
        draft.replace(path)
        self.hashes.append((digest.hexdigest(), name))
        self.octets += size

    def _add(self, name: str, octets: bytes) -> None:
        self.hashes.append((sha256(octets).hexdigest(), name))
        self.octets += len(octets)


def replace(path: Path, octets: bytes) -> None:
    """A whole file, or none. What makes it durable is the end of the run."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(octets)
    draft.replace(path)
