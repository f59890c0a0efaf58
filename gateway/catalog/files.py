"""The catalog's files: numbered SQLite files in its folder, and the link to the one that counts.

A file is never replaced under its name: its `-wal` and `-shm` belong to the old content, and SQLite would apply them
to the new.
"""

from __future__ import annotations

from pathlib import Path

from gateway.generations import Generations


def catalog_files(folder: Path) -> Generations:
    """The catalogs in a folder."""
    return Generations(folder / "catalog.sqlite", lock=folder / "rebuild.lock", companions=("-wal", "-shm"))
