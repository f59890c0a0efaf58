"""Replacing a file at once: a reader sees the old one or the new one, whole. Fails with OSError."""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, octets: bytes, mode: int = 0o640) -> None:
    """Write a file, durably, in the place of the one of that name."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
