"""What is the same in all transactions into which a mail server split one message."""

from __future__ import annotations

import hashlib

from gateway.message.reading import Reading

_HEADER_OCTETS = 512 * 1024  # more of a header block than any honest message has


def content_id(reading: Reading, raw: bytes | bytearray) -> str:
    """A digest (32 hex digits) of the header block and the size: equal for copies of one message.

    The header block carries Message-ID, date, people and every trace line, so two messages that agree in it and in
    their size are one message for policy; hashing the body as well would cost time on every large message.
    """
    header = bytes(memoryview(raw)[: min(reading.header_size, _HEADER_OCTETS)])
    digest = hashlib.blake2b(header, digest_size=16)
    digest.update(str(len(raw)).encode())
    return digest.hexdigest()
