"""The bytes of a message as they are stored: hashed, and compressed where that helps.

Both directions are pure. `unseal` never hands out bytes that do not have the recorded SHA-256.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import zstandard

from gateway.archive.entry import Buffer

ZSTD = "zstd"
IDENTITY = "identity"

# Below this gain the reader's time is worth more than the space.
_LEAST_GAIN = 0.03

# Octets up to which hashlib does not give the interpreter's lock away (HASHLIB_GIL_MINSIZE is one more).
_KEPT = 2047


@dataclass(frozen=True, slots=True)
class Payload:
    """A message's bytes, ready to be stored."""

    sha256: bytes  # of the bytes received
    size: int  # octets received
    encoding: str  # ZSTD or IDENTITY
    data: Buffer  # for IDENTITY the very buffer given, not a copy


class Sealer:
    """Makes payloads; not thread-safe, each thread has its own.

    level: of zstd; 0 stores every message as it is.
    """

    def __init__(self, level: int) -> None:
        self._compressor = zstandard.ZstdCompressor(level=level) if level else None

    def seal(self, raw: Buffer) -> Payload:
        """Hash and compress; neither copies `raw`."""
        packed = self._compressor.compress(raw) if self._compressor is not None and len(raw) else None
        return _payload(raw, hashlib.sha256(raw).digest(), packed)

    def seal_all(self, raws: Sequence[Buffer]) -> list[Payload]:
        """The same for several small messages, giving the interpreter's lock away once, not for each of them.

        Beside a busy event loop it takes longer to get that lock back than to do all of this work.
        """
        if len(raws) < 2 or self._compressor is None or not all(map(len, raws)):
            return [self.seal(raw) for raw in raws]
        frames = self._compressor.multi_compress_to_buffer(list(raws))
        return [_payload(raw, _sha256(raw), frames[at].tobytes()) for at, raw in enumerate(raws)]


def _payload(raw: Buffer, sha256: bytes, packed: bytes | None) -> Payload:
    size = len(raw)
    if packed is not None and len(packed) < size * (1 - _LEAST_GAIN):
        return Payload(sha256, size, ZSTD, packed)
    return Payload(sha256, size, IDENTITY, raw)


def _sha256(raw: Buffer) -> bytes:
    """The digest, in pieces for which hashlib keeps the interpreter's lock."""
    digest = hashlib.sha256()
    view = memoryview(raw)
    for at in range(0, len(raw), _KEPT):
        digest.update(view[at : at + _KEPT])
    return digest.digest()


def unseal(data: bytes, encoding: str, size: int, sha256: bytes) -> bytes:
    """The bytes received. Raises ValueError, with what is wrong, unless they are exactly those."""
    if encoding == ZSTD:
        try:
            if zstandard.frame_content_size(data) != size:
                raise ValueError("the compressed bytes are of another message, or cut short")
            data = _decompressor().decompress(data, max_output_size=size)
        except zstandard.ZstdError as error:
            raise ValueError(f"cannot be decompressed: {error}") from error
    elif encoding != IDENTITY:
        raise ValueError(f"unknown encoding {encoding!r}")
    if len(data) != size:
        raise ValueError(f"has {len(data)} octets; {size} were received")
    if hashlib.sha256(data).digest() != sha256:
        raise ValueError("does not have the SHA-256 that was recorded")
    return data


_own = threading.local()


def _decompressor() -> zstandard.ZstdDecompressor:
    """This thread's: making one takes as long as decompressing a message."""
    found: zstandard.ZstdDecompressor | None = getattr(_own, "decompressor", None)
    if found is None:
        found = _own.decompressor = zstandard.ZstdDecompressor()
    return found
