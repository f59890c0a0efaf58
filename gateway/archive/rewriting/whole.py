"""An entry as a rewriting reads it: everything that there is of it, checked.

Fails with `ArchiveDamaged`, naming the entry: what is damaged is not rewritten, for the damage would look like mail.
Fails with `KeysUnavailable` where the volume is encrypted and its key cannot be had.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.archive.entry import Digests, Kind, commitment
from gateway.archive.errors import ArchiveDamaged
from gateway.archive.layout import OF_DOCUMENTS, OF_EVENTS
from gateway.archive.opened import OpenVolume, Row
from gateway.archive.rows import digests_of, octets_of, require_tombstone, unsealed


@dataclass(frozen=True, slots=True)
class Whole:
    """An entry. `batch`: by which it was disposed of; then there is neither document nor message."""

    digests: Digests
    document: bytes = b""
    raw: bytes | None = None
    batch: bytes | None = None

    @property
    def use(self) -> str:
        """What the dictionary of its document is for."""
        return OF_EVENTS if self.digests.kind is Kind.EVENT else OF_DOCUMENTS

    @property
    def commitments(self) -> tuple[bytes, bytes | None]:
        """What the ledger's leaf is made of."""
        found = self.digests
        if found.commitments is not None:
            return found.commitments
        content = commitment(found.salt, found.sha256) if found.sha256 is not None else None
        return commitment(found.salt, found.document_sha256), content


def whole_of(opened: OpenVolume, row: Row) -> Whole:
    """An entry from its row (`opened.ALL`)."""
    *columns, how, stored, encoding, data = row
    seq, kind = columns[0], columns[1]
    digests = digests_of(opened, seq, tuple(columns))
    if digests.commitments is not None:
        if not how is stored is encoding is data is None:
            raise ArchiveDamaged(
                opened.volume.month, seq, "something is left of an entry that was disposed of"
            )
        return Whole(digests, batch=require_tombstone(opened, seq).batch)
    document = octets_of(opened, seq, digests.id, kind, how, stored, digests.document_sha256)
    if digests.kind is Kind.EVENT:
        return Whole(digests, document)
    raw = unsealed(opened, seq, (digests.id, encoding, digests.size, digests.sha256, data))
    return Whole(digests, document, raw)
