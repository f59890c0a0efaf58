"""One index made of several that were written beside each other, without reading a word of them again.

An index of Tantivy's is a list of segments, each complete in itself, in files that bear its name. So the files move
into one folder, and one `meta.json` names them all; merging them is the next writer's matter. Tantivy's own way to do
this (`merge_indices`) is not in its Python binding.

Promises: until `meta.json` is there, which is last, the folder is no index. The marks of how far each part was stay, so
the next thing to do is a commit, which replaces them by its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.search.engine import IndexDamaged
from gateway.search.tantivy.place import META, explained

_MANAGED = ".managed.json"  # what Tantivy may delete when no segment needs it


def combine(parts: Sequence[Path], into: Path) -> None:
    """Make the index `into`, an empty folder on the same disk, of those in `parts`, which are none afterwards.

    Raises IndexDamaged where one is not as the others.
    """
    with explained("combining"):
        metas: list[dict[str, Any]] = [json.loads((part / META).read_bytes()) for part in parts]
        whole = metas[0] | {
            "segments": [segment for meta in metas for segment in meta["segments"]],
            "opstamp": max(meta["opstamp"] for meta in metas),
        }
        if any(meta["schema"] != whole["schema"] for meta in metas):
            raise IndexDamaged("combining: parts of different versions")
        names = {segment["segment_id"].replace("-", "") for segment in whole["segments"]}
        moved = [path for part in parts for path in part.iterdir() if path.name.partition(".")[0] in names]
        for path in moved:
            path.rename(into / path.name)
        _write(into / _MANAGED, [META, *(path.name for path in moved)])
        _write(into / META, whole)


def _write(path: Path, value: object) -> None:
    """As a whole, and on the disk."""
    partial = path.with_name(f"{path.name}.new")
    with partial.open("wb") as file:
        file.write(json.dumps(value).encode())
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
