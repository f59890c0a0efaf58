"""An index on disk: how it is opened, how far it is, and what Tantivy's errors mean.

Tantivy raises ValueError for nearly everything and PanicException, which is no Exception, for what it did not think
of; both become an `EngineError` here that says what to do.

A reader writes one thing into the folder: Tantivy's lock that keeps files from being deleted while it opens them.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import tantivy

from gateway.search.engine import (
    EngineError,
    IndexDamaged,
    IndexLocked,
    IndexMissing,
    IndexOutdated,
    Unanswerable,
)
from gateway.search.tantivy import schema as fields

META = "meta.json"  # Tantivy replaces it as a whole with every commit
_TAIL = struct.Struct("<II")
_MAGIC = 1337
_PIECE = 2**20
_DAMAGE = ("Data corrupted", "Failed to open file for read", "Failed to open the directory")


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """What Tantivy raises, as an EngineError."""
    try:
        yield
    except EngineError:
        raise
    except (ValueError, OSError) as error:
        raise _meaning(doing, str(error)) from error
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise IndexDamaged(f"{doing}: the search index is damaged, rebuild it: {error}") from error


def _meaning(doing: str, text: str) -> EngineError:
    if "LockBusy" in text:
        return IndexLocked(f"{doing}: another process writes the search index")
    if "schema does not match" in text or "ncompatible" in text:
        return IndexOutdated(f"{doing}: the search index was made by another version, rebuild it")
    if "max expansions" in text:
        return Unanswerable(f"{doing}: too many words begin like this, give more letters")
    if any(words in text for words in _DAMAGE):
        return IndexDamaged(f"{doing}: the search index is damaged, rebuild it: {text}")
    return EngineError(f"{doing}: the search index failed: {text}")


def open_index(folder: Path, *, create: bool) -> tantivy.Index:
    """Open the index in a folder. Raises IndexMissing, IndexOutdated, IndexDamaged."""
    if create:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)  # the words of everybody's mail
    elif not (folder / META).exists():
        raise IndexMissing(f"nothing was indexed yet in {folder}")
    with explained("opening"):
        index = tantivy.Index(fields.build(), path=str(folder), reuse=True)
        fields.register(index)
        index.config_reader("manual")
        index.reload()
    return index


def damaged_files(folder: Path) -> tuple[str, ...]:
    """Names of the files of the last commit whose octets are not those that were written, by their checksums.

    Opening finds a file that is missing or cut short, but not a bit that flipped. Reads all of the index; files that
    a merge removes meanwhile do not matter.
    """
    with explained("verifying"):
        segments = json.loads((folder / META).read_bytes())["segments"]
    owners = {segment["segment_id"].replace("-", ""): segment["deletes"] for segment in segments}
    return tuple(sorted(path.name for path in folder.iterdir() if _counts(path, owners) and not _sound(path)))


def _counts(path: Path, owners: Mapping[str, Mapping[str, int] | None]) -> bool:
    """Whether a file belongs to the last commit; what a killed process began does not."""
    segment, _, rest = path.name.partition(".")
    if segment not in owners or not rest.endswith("del"):
        return segment in owners
    deletes = owners[segment]
    return deletes is not None and rest == f"{deletes['opstamp']}.del"


def _sound(path: Path) -> bool:
    """Tantivy ends each file with JSON about it, the length of that, and a magic number; little-endian."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _TAIL.size, 0))
            length, magic = _TAIL.unpack(file.read())
            file.seek(size - _TAIL.size - length)
            wanted = int(json.loads(file.read(length))["crc"])
            return bool(magic == _MAGIC) and _checksum(file, size - _TAIL.size - length) == wanted
    except FileNotFoundError:
        return True
    except (struct.error, ValueError, KeyError, TypeError, OSError):
        return False


def _checksum(file: BinaryIO, length: int) -> int:
    checksum = 0
    file.seek(0)
    while length and (octets := file.read(min(length, _PIECE))):
        checksum = zlib.crc32(octets, checksum)
        length -= len(octets)
    return checksum


def position(searcher: tantivy.Searcher, mark: tantivy.Query) -> int:
    """The position that stands in the index; 0 where none does, because nothing was committed."""
    found = searcher.search(mark, 1, count=False).hits
    if not found:
        return 0
    (value,) = searcher.fast_field_values(fields.POSITION, [found[0][1]])
    return int(value or 0)
