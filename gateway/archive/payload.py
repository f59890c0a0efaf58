"""The bytes of a message as they are stored when it comes in: hashed, and compressed where that helps. Pure.

`unpacking` has the way back, and `rewriting` what closed months are compressed with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import zstandard

from gateway.archive.entry import Buffer
from gateway.archive.layout import IDENTITY, ZSTD

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
