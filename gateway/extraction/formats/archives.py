"""ZIP, TAR, and what is packed alone: gzip, bzip2, xz.

The text of an archive is the names in it: they are there even where the entries are encrypted or too large.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from typing import Final
from xml.parsers.expat import ExpatError

from gateway.extraction.job import Child, Job, Sink, Stream, Unread, clean_name
from gateway.extraction.model import Status

# What reading a damaged part of an office document raises; its other parts may be whole.
DAMAGES: Final = (ExpatError, zipfile.BadZipFile, zlib.error, EOFError)
_ENCRYPTED: Final = 0x1
_XZ_MEMORY: Final = 128 << 20


def open_zip(content: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(BytesIO(content))


def unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, job: Job) -> Iterator[bytes]:
    """The octets of an entry, bit by bit, within the limits."""
    if entry.flag_bits & _ENCRYPTED:
        raise Unread(Status.ENCRYPTED, "needs a password")
    try:
        stream = archive.open(entry)
    except NotImplementedError:
        raise Unread(Status.UNSUPPORTED, "an unknown way of packing") from None
    with stream:
        yield from job.unpacked(stream, entry.compress_size)


def read_zip(content: bytes, declared: str, sink: Sink, job: Job) -> None:
    with open_zip(content) as archive:
        for entry in archive.infolist():
            sink.add(clean_name(entry.filename) + "\n")


def in_zip(content: bytes, job: Job) -> Iterator[Child]:
    with open_zip(content) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                yield Child(entry.filename, "", partial(_load_zip, archive, entry, job))


def _load_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, job: Job) -> bytes:
    return b"".join(unpack(archive, entry, job))


def read_tar(content: bytes, declared: str, sink: Sink, job: Job) -> None:
    with tarfile.open(fileobj=BytesIO(content), mode="r:") as archive:
        for member in archive:
            sink.add(clean_name(member.name) + "\n")


def in_tar(content: bytes, job: Job) -> Iterator[Child]:
    """Regular files; a link has no content of its own."""
    with tarfile.open(fileobj=BytesIO(content), mode="r:") as archive:
        for member in archive:
            if member.isreg():
                yield Child(member.name, "", partial(_load_tar, archive, member, job))


def _load_tar(archive: tarfile.TarFile, member: tarfile.TarInfo, job: Job) -> bytes:
    # A sparse member claims any size, and reads as zeros.
    if member.issparse():
        raise Unread(Status.UNSUPPORTED, "a sparse file")
    stream = archive.extractfile(member)
    return b"" if stream is None else b"".join(job.unpacked(stream, max(member.size, 1)))


def read_packed(content: bytes, declared: str, sink: Sink, job: Job) -> None:
    """What is packed alone has no text of its own."""


def _in_packed(content: bytes, job: Job, open_stream: Callable[[BytesIO], Stream]) -> Iterator[Child]:
    yield Child("", "", lambda: b"".join(job.unpacked(open_stream(BytesIO(content)), len(content))))


def in_gzip(content: bytes, job: Job) -> Iterator[Child]:
    return _in_packed(content, job, lambda packed: gzip.GzipFile(fileobj=packed))


def in_bzip2(content: bytes, job: Job) -> Iterator[Child]:
    return _in_packed(content, job, bz2.BZ2File)


def in_xz(content: bytes, job: Job) -> Iterator[Child]:
    return _in_packed(content, job, _Xz)


class _Xz:
    """`lzma.LZMAFile` knows no limit of memory."""

    def __init__(self, packed: BytesIO) -> None:
        self._packed = packed
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    def read(self, size: int, /) -> bytes:
        while not self._decompressor.eof:
            octets = self._packed.read(size) if self._decompressor.needs_input else b""
            unpacked = self._decompressor.decompress(octets, size)
            if unpacked:
                return unpacked
            if not octets and self._decompressor.needs_input:
                raise EOFError
        return b""
