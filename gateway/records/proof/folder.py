"""Writing a proof package: the whole folder or nothing, for its owner only.

Fails with FolderUnusable, and with OSError.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path


class FolderUnusable(Exception):
    """The folder cannot be made there: it exists and is not an empty one, or is in none."""


def require_free(folder: Path) -> None:
    """Raise FolderUnusable unless a folder can be made there."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise FolderUnusable(f"{folder} exists and is not an empty folder: name another one")
    if not folder.absolute().parent.is_dir():
        raise FolderUnusable(f"{folder.parent} is no folder: make it first")


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make the folder with these files, by their paths in it; it appears when it is whole."""
    folder = folder.resolve()
    require_free(folder)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, octets in files.items():
            path = draft / name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.write_bytes(octets)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
