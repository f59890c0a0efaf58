"""What is the same in all transactions into which a mail server split one message."""

from __future__ import annotations

import hashlib

from gateway.message.reading import Reading

_BODY_OCTETS = 16 * 1024  # of the beginning; with the body's length that tells messages apart


def content_id(reading: Reading, raw: bytes | bytearray) -> str:
    """A digest (32 hex digits) of what the author wrote: equal for copies of one message.

    Message-ID, date, subject and people of the header, the length of the body and how it begins. Trace lines are left
    out: a server that sends one message in two transactions may take two ways, and each writes lines of its own.
    Hashing the whole body would cost time on every large message.
    """
    boxes = (reading.from_, reading.sender, reading.to, reading.cc)
    facts = (
        reading.message_id or "",
        "" if reading.date is None else reading.date.isoformat(),
        reading.subject,
        *(",".join([box.address for box in some]) for some in boxes),
        str(len(raw) - reading.header_size),
    )
    digest = hashlib.blake2b("\0".join(facts).encode("utf-8", "surrogatepass"), digest_size=16)
    digest.update(memoryview(raw)[reading.header_size : reading.header_size + _BODY_OCTETS])
    return digest.hexdigest()
