"""The messages in a zip file, which is read where it lies: nothing is unpacked to the disk.

A zip may be made to do harm. So it may hold at most so many files, each message is at most as large as one anywhere,
and neither a large file in it nor all of them together may be very many times as large as they are packed: mail packs
to a tenth, not to a thousandth. (A file never gives more octets than the zip's table of contents says.)

Fails as `sources` does: what cannot be read is handed out as `Unread`.
"""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from contextlib import closing
from typing import BinaryIO, cast

from gateway.importing.found import named, unreadable
from gateway.importing.kinds import PEEK, Items, is_message, is_zip, message, others

MOST_FILES = 1_000_000
_RATIO = 250
_ALWAYS = 16 * 2**20  # octets that are no bomb however well they pack
_HEADER = 46  # octets, at least, that the table of contents has of each file (APPNOTE 4.3.12)
_END = struct.Struct("<4s4H2LH")  # the end record (APPNOTE 4.3.16)
_LONGEST_COMMENT = 2**16

_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, OSError, struct.error)


def in_zip(stream: BinaryIO, size: int, place: str) -> Items:
    """The messages in a zip of so many octets."""
    try:
        if _table(stream, size) > MOST_FILES * _HEADER * 4:
            yield unreadable(place, f"a zip of more than {MOST_FILES} files")
            return
        opened = zipfile.ZipFile(stream)
    except (*_DAMAGE, NotImplementedError) as error:
        yield unreadable(place, f"a zip that cannot be read: {_why(error)}")
        return
    with closing(opened):
        entries = [each for each in opened.infolist() if not each.filename.endswith("/")]
        whole = sum(each.file_size for each in entries)
        if len(entries) > MOST_FILES:
            yield unreadable(place, f"a zip of more than {MOST_FILES} files")
        elif _is_bomb(whole, size):
            yield unreadable(place, f"{whole} octets in a zip of {size}: more than mail can be packed")
        else:
            folders = _folders(entries)
            for entry in entries:
                yield from _in_entry(opened, entry, f"{place}!{named(entry.filename)}", folders)


def _table(stream: BinaryIO, size: int) -> int:
    """How many octets the table of contents has, as far as the end of the file tells; 0 where it does not."""
    stream.seek(max(size - _END.size - _LONGEST_COMMENT, 0))
    end = stream.read()
    stream.seek(0)
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) - at < _END.size:
        return 0
    octets = int(_END.unpack_from(end, at)[5])
    return octets if octets != 0xFFFFFFFF else size  # the true number is elsewhere, and large


def _folders(entries: list[zipfile.ZipInfo]) -> frozenset[str]:
    return frozenset(_path(each).rpartition("/")[0] for each in entries)


def _is_bomb(unpacked: int, packed: int) -> bool:
    return unpacked > _ALWAYS and unpacked > _RATIO * max(packed, 1)


def _in_entry(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, place: str, folders: frozenset[str]) -> Items:
    """The messages of one file in the zip."""
    if stat.S_ISLNK(entry.external_attr >> 16):
        yield unreadable(place, "a link; links are not followed")
    elif entry.flag_bits & 1:
        yield unreadable(place, "encrypted")
    elif _is_bomb(entry.file_size, entry.compress_size):
        yield unreadable(
            place, f"{entry.file_size} octets packed to {entry.compress_size}: no mail packs so well"
        )
    else:
        try:
            yield from _unpacked(opened, entry, place, folders)
        except (*_DAMAGE, NotImplementedError, RuntimeError) as error:
            yield unreadable(place, f"damaged, or packed in a way that is not known: {_why(error)}")


def _unpacked(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, place: str, folders: frozenset[str]) -> Items:
    folder, _, name = _path(entry).rpartition("/")
    above, slash, folder_name = folder.rpartition("/")
    with cast(zipfile.ZipExtFile, opened.open(entry)) as stream:
        if is_message(name, folder_name, lambda each: f"{above}{slash}{each}" in folders):
            yield message(place, entry.file_size, stream.read)
            return
        begin = stream.peek(PEEK)[:PEEK]
        if is_zip(begin):
            yield unreadable(place, "a zip within a zip: unpack it first")
        else:
            yield from others(place, begin, stream.read)


def _path(entry: zipfile.ZipInfo) -> str:
    """Its place in the zip; some programs separate folders by backslashes."""
    return entry.filename.replace("\\", "/")


def _why(error: BaseException) -> str:
    text = str(error)
    return text if text and text.isprintable() else type(error).__name__
