"""A leaf: what the ledger says of one archived entry, as the octets that are hashed into the tree.

    {"content":"…","document":"…","id":"…","kind":"message","received":…,"seq":…,"size":…,"subject":"…","v":1}

JSON in the canonical form of RFC 8785: keys sorted, no blanks, ASCII only. `content` and `document` are commitments:
SHA-256 of the entry's salt and of the SHA-256 of the octets received, or of the JSON document. So a leaf is made from
what the archive keeps beside an entry, without reading the message; it tells nothing about the message to somebody
without the salt, not even to one who guesses it; and once the salt is destroyed, nobody can tell any more. Of an entry
that was disposed of the archive keeps the two commitments, so its leaf can still be made.
Pure.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from gateway.ledger.merkle import leaf_hash

VERSION = 1


class Leaf(NamedTuple):
    """What is hashed. `received`: microseconds since 1970, UTC. `size`: octets received."""

    seq: int
    kind: str
    id: str
    subject: str
    received: int
    size: int
    document: str  # hex
    content: str | None  # hex; None for an event

    def octets(self) -> bytes:
        """The canonical octets."""
        content = f'"{self.content}"' if self.content is not None else "null"
        return (
            f'{{"content":{content},"document":"{self.document}","id":"{self.id}","kind":"{self.kind}",'
            f'"received":{self.received},"seq":{self.seq},"size":{self.size},"subject":"{self.subject}",'
            f'"v":{VERSION}}}'
        ).encode("ascii")

    def hash(self) -> bytes:
        """The leaf's hash in the tree (RFC 9162 §2.1.1)."""
        return leaf_hash(self.octets())


def leaf_of(
    seq: int,
    kind: str,
    id: bytes,
    subject: bytes,
    received: int,
    size: int,
    salt: bytes,
    document_sha256: bytes,
    sha256: bytes | None,
    commitments: tuple[bytes, bytes | None] | None = None,
) -> Leaf:
    """The leaf of an archived entry, by the columns of its row.

    id, subject: the 16 octets of a UUID. sha256: of the octets received; None for an event. commitments: to document
    and content of an entry that was disposed of, which has neither salt nor digests any more. Raises ValueError.
    """
    content: str | None
    if commitments is not None:
        document, content = commitments[0].hex(), commitments[1].hex() if commitments[1] is not None else None
    else:
        document = commitment(salt, document_sha256)
        content = commitment(salt, sha256) if sha256 is not None else None
    own = _uuid(id)
    return Leaf(seq, kind, own, own if subject == id else _uuid(subject), received, size, document, content)


def commitment(salt: bytes, digest: bytes) -> str:
    """What binds to a digest without telling it, in hex."""
    return hashlib.sha256(salt + digest).hexdigest()


def _uuid(octets: bytes) -> str:
    """A UUID as text (RFC 9562 §4). Raises ValueError."""
    if len(octets) != 16:
        raise ValueError("an id does not have 16 octets")
    text = octets.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
