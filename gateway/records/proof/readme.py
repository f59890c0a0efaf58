"""README.txt of a proof package: what each file is, and how to check by hand. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from gateway.ledger.checkpoint import Checkpoint
from gateway.ledger.leaf import Leaf

_FILES = {
    "message.eml": "the message, to the octet as it was received",
    "envelope.json": "what the archive recorded of its transport and of the rules' verdict",
    "events/": "what became of it, one file for each event, named by its number in the archive",
    "proof.json": "for each of these records: its line in the ledger, and the hashes that lead from there to the root",
    "checkpoint": "the ledger's newest checkpoint: whose it is, how many records, the root over them; signed",
    "first-checkpoint": "the first checkpoint that attests the message; proof.json joins it to the newest",
    "stamped-checkpoint": "the checkpoint that the time stamp is of; proof.json joins it to the newest",
    "keys": "the ledger's public keys, one a line",
    "timestamp.tsr": "a time stamping authority's answer over one of the checkpoints (RFC 3161)",
    "timestamp-roots.pem": "that authority's root certificates, as the gateway has them",
    "verify.py": "checks all of this, offline; a text that can be read before it is run",
}

_TEXT = """\
Proof of an archived message

Message {id}, record number {seq} of the archive {origin},
with {events} that the archive has about it up to record {size}.

FILES

{files}

TO CHECK IT

    python3 verify.py

needs Python 3.9 or newer, and for the signatures its package `cryptography` (python3 -m pip install cryptography).
It tells each step in words, and ends with OK only if everything holds. The keys in this folder came with it, so
get the district's public key from elsewhere too, and the checkpoint of another day if somebody kept one:

    python3 verify.py --key 'NAME+ID+KEY' --checkpoint FILE

verify.py and this text are no evidence themselves. Who does not trust this copy of verify.py takes another one
from the gateway's source code (gateway/records/proof/verify.py), keeps it elsewhere, and lets it check this folder:

    python3 /elsewhere/verify.py THIS-FOLDER

TO CHECK THE MESSAGE BY HAND

1.  sha256sum message.eml
        gives {raw}
    sha256sum envelope.json
        gives {document}

2.  The salt in proof.json and such a hash, as octets, hashed again, are "content" and "document" in the leaf:
    printf '%s' {salt}{raw} | xxd -r -p | sha256sum
        gives {content_commitment}
    printf '%s' {salt}{document} | xxd -r -p | sha256sum
        gives {document_commitment}

3.  The leaf is one line of text; its hash, with an octet 0 before it, is where the path in proof.json begins:
    printf '\\000%s' '{leaf}' | sha256sum
        gives {leaf_hash}

4.  RFC 9162, section 2.1.3.2, tells how the path leads from there to the root in the third line of checkpoint.
"""


def readme(files: dict[str, bytes], leaf: Leaf, salt: bytes, checkpoint: Checkpoint) -> str:
    """The text. files: what else is in the package. leaf, salt: of the message."""
    events = sum(name.startswith("events/") for name in files)
    return _TEXT.format(
        id=leaf.id,
        seq=leaf.seq,
        origin=checkpoint.origin,
        size=checkpoint.size,
        events="the one event" if events == 1 else f"the {events} events" if events else "no event",
        files=_named(files),
        raw=sha256(files["message.eml"]).hexdigest(),
        document=sha256(files["envelope.json"]).hexdigest(),
        salt=salt.hex(),
        content_commitment=leaf.content,
        document_commitment=leaf.document,
        leaf=leaf.octets().decode("ascii"),
        leaf_hash=leaf.hash().hex(),
    )


def _named(files: Iterable[str]) -> str:
    there = {"events/" if name.startswith("events/") else name for name in files}
    return "\n".join(f"    {name:<20} {text}" for name, text in _FILES.items() if name in there)
