"""Compressing what a rewritten volume holds, at a level that would be too slow for mail on its way. Pure.

Not thread-safe: it keeps compressors.
"""

from __future__ import annotations

from collections.abc import Mapping

import zstandard

from gateway.archive.layout import DICT, IDENTITY, ZSTD

# A larger one gains nothing from a dictionary.
_SMALL = 128 * 1024  # octets

# Below this gain the reader's time is worth more than the space.
_LEAST_GAIN = 0.03


class Packer:
    """Compresses, with the dictionaries of one volume."""

    def __init__(self, level: int, dictionaries: Mapping[str, zstandard.ZstdCompressionDict]) -> None:
        self._plain = zstandard.ZstdCompressor(level=level)
        self._with: dict[str, zstandard.ZstdCompressor] = {}
        for use, dictionary in dictionaries.items():
            dictionary.precompute_compress(level=level)
            self._with[use] = zstandard.ZstdCompressor(level=level, dict_data=dictionary)

    def packed(self, octets: bytes, use: str) -> tuple[str, bytes]:
        """The encoding, and the octets so encoded."""
        encoding, frame = self.frame(octets, use)
        if len(frame) < len(octets) * (1 - _LEAST_GAIN):
            return encoding, frame
        return IDENTITY, octets

    def frame(self, octets: bytes, use: str) -> tuple[str, bytes]:
        """One frame, whether or not it is smaller."""
        prepared = self._with.get(use) if len(octets) <= _SMALL else None
        if prepared is not None:
            return DICT, prepared.compress(octets)
        return ZSTD, self._plain.compress(octets)
