"""Sealing what a volume holds: AES-256-GCM (NIST SP 800-38D), with a key of the volume's own.

What is sealed is `nonce (12 octets) + ciphertext + tag (16 octets)`. The tag covers the place as well, so that octets
which were moved to another row or column do not open there. Thread-safe.

Nonces are random, 96 bits. With such nonces a key may seal 2^32 times (§8.3: the chance of the same nonce twice then
stays below 2^-32). A key lives as long as its volume, which is a month, so no district comes near it; it is refused all
the same: here for what one process seals, and by `ENTRIES` for the volume that several processes write to.

Fails with ValueError where something does not open, and with OverflowError beyond the limit.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.archive.entry import Buffer

KEY = 32  # octets
NONCE = 12
TAG = 16

SEALS = 2**32  # SP 800-38D §8.3

# Entries of one volume at most: two columns each are half of SEALS, the rest is for batches that were rolled back.
ENTRIES = 2**30

_IDENTITY = 16


def place(identity: bytes, column: str) -> bytes:
    """What ties sealed octets to their place.

    identity: 16 octets, an entry's id, or the number of another row in big-endian order. column: "entry.raw", with
    its table, so that no two places are alike. Raises ValueError.
    """
    if len(identity) != _IDENTITY:
        raise ValueError(f"expected an identity of {_IDENTITY} octets, got {len(identity)}")
    return identity + column.encode("ascii")


class Cipher:
    """Seals and opens with one data key; `key` is its id, which the volume names."""

    __slots__ = ("_aead", "_left", "_random", "key")

    def __init__(
        self, octets: bytes, key: str, *, random: Callable[[int], bytes] = os.urandom, limit: int = SEALS
    ) -> None:
        """octets: 32. random: so many random octets; never a generator that a fork copies."""
        if len(octets) != KEY:
            raise ValueError(f"expected a key of {KEY} octets, got {len(octets)}")
        self._aead = AESGCM(octets)
        self._random = random
        self._left = itertools.repeat(None, limit)  # taking the next is one step for all threads
        self.key = key

    def seal(self, data: Buffer, place: bytes) -> bytes:
        """The octets sealed for a place. Raises OverflowError where the key has sealed as often as it may."""
        for _ in self._left:
            nonce = self._random(NONCE)
            return nonce + self._aead.encrypt(nonce, data, place)
        raise OverflowError(
            f"data key {self.key} has sealed as often as SP 800-38D allows; begin another volume"
        )

    def open(self, data: Buffer, place: bytes) -> bytes:
        """What was sealed for the place. Raises ValueError for anything else."""
        view = memoryview(data)
        try:
            return self._aead.decrypt(view[:NONCE], view[NONCE:], place)
        except (InvalidTag, ValueError):
            raise ValueError("not what was sealed for this place: changed, moved, or another key's") from None
