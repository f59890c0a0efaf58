"""The bytes of a message as they are stored: hashed, and compressed where that helps.

Both directions are pure. `unseal` never hands out bytes that do not have the recorded SHA-256.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import zstandard

from gateway.archive.entry import Buffer

ZSTD = "zstd"
IDENTITY = "identity"

# Below this gain the reader's time is worth more than the space.
_LEAST_GAIN = 0.03


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
        size = raw.nbytes if isinstance(raw, memoryview) else len(raw)
        sha256 = hashlib.sha256(raw).digest()
        if self._compressor is not None and size:
            packed = self._compressor.compress(raw)
            if len(packed) < size * (1 - _LEAST_GAIN):
                return Payload(sha256, size, ZSTD, packed)
        return Payload(sha256, size, IDENTITY, raw)


def unseal(data: bytes, encoding: str, size: int, sha256: bytes) -> bytes:
    """The bytes received. Raises ValueError, with what is wrong, unless they are exactly those."""
    if encoding == ZSTD:
        try:
            if zstandard.frame_content_size(data) != size:
                raise ValueError("the compressed bytes are of another message, or cut short")
            data = zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
        except zstandard.ZstdError as error:
            raise ValueError(f"cannot be decompressed: {error}") from error
    elif encoding != IDENTITY:
        raise ValueError(f"unknown encoding {encoding!r}")
    if len(data) != size:
        raise ValueError(f"has {len(data)} octets; {size} were received")
    if hashlib.sha256(data).digest() != sha256:
        raise ValueError("does not have the SHA-256 that was recorded")
    return data
