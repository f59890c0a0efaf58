"""Files of mail: where they are, and the messages in them.

Promises: a folder is read to its depths, in the order of its names; links are not followed; nothing is written. What
cannot be read is handed out as `Unread`, with the reason, and the rest follows. Never raises.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.importing.found import Unread, named, unreadable
from gateway.importing.kinds import PEEK, Items, is_message, is_zip, message, others
from gateway.importing.zips import in_zip


@dataclass(frozen=True, slots=True)
class File:
    """A file that may hold mail."""

    path: Path
    place: str


def files(paths: Iterable[Path]) -> Iterator[File | Unread]:
    """The files that some paths are, or that are in them; what is neither file nor folder as `Unread`."""
    for path in paths:
        whole = path.absolute()
        waiting = [(whole.parent, whole.name, "")]  # a folder, a name in it, and the place of the folder
        while waiting:
            folder, name, above = waiting.pop()
            at, place = folder / name, above + named(name)
            try:
                mode = at.lstat().st_mode
                if stat.S_ISDIR(mode):
                    with os.scandir(at) as entries:
                        names = sorted((entry.name for entry in entries), reverse=True)
                    waiting += [(at, each, f"{place}/") for each in names]
                    continue
            except OSError as error:
                yield unreadable(place, _why(error))
                continue
            yield File(at, place) if stat.S_ISREG(mode) else unreadable(place, _what(mode))


def _what(mode: int) -> str:
    return "a link; links are not followed" if stat.S_ISLNK(mode) else "neither a file nor a folder"


def read(file: File) -> Items:
    """The messages of a file."""
    try:
        with _open(file.path) as stream:
            yield from _read(stream, file)
    except OSError as error:
        yield unreadable(file.place, _why(error))


def _open(path: Path) -> BinaryIO:
    """A file, and neither a link that took its place nor anything whose opening would wait."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def _read(stream: BinaryIO, file: File) -> Items:
    size = os.fstat(stream.fileno()).st_size
    folder = file.path.parent
    begin = stream.read(PEEK)
    stream.seek(0)
    if is_message(file.path.name, folder.name, lambda each: (folder.parent / each).is_dir()):
        yield message(file.place, size, stream.read)
    elif is_zip(begin):
        yield from in_zip(stream, size, file.place)
    else:
        yield from others(file.place, begin, stream.read)


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
