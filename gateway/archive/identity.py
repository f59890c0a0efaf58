"""Identifiers of entries: UUID version 7, which sort by time (RFC 9562 §5.7)."""

from __future__ import annotations

from uuid import UUID


def uuid7(now_us: int, random: bytes) -> UUID:
    """A UUIDv7 of a moment (microseconds since 1970, UTC) and 8 random octets.

    The 12 bits of rand_a hold the fraction of the millisecond (RFC 9562 §6.2, method 3), so identifiers
    made more than a microsecond apart sort by time; within a microsecond their order is random. Pure: the
    same arguments give the same identifier. Raises ValueError for a time before 1970 or too little randomness.
    """
    if now_us < 0 or len(random) < 8:
        raise ValueError("expected a time since 1970 and 8 random octets")
    milliseconds, rest = divmod(now_us, 1000)
    fraction = (rest << 12) // 1000
    tail = int.from_bytes(random[:8], "big") & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=(milliseconds & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | tail)
