"""Gathering a proof package: the files that let anybody check one message and its events.

Promises: everything in it is what archive and ledger have, to the octet, and was checked to belong together before it
is handed out; the same archive and ledger give the same files. Only reads.

Fails with NotProvable, which names the place and what to do; with KeyFileError and NoteError where the ledger's files
are not as they were written; with ArchiveUnavailable and OSError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from gateway.archive import ArchiveDamaged, Disposed, Reader
from gateway.archive.entry import Entry, Evidence, Kind
from gateway.ledger.checkpoint import Kept
from gateway.ledger.leaf import Leaf, leaf_of
from gateway.ledger.ledger import Ledger
from gateway.ledger.merkle import consistency_holds, inclusion_holds
from gateway.ledger.note import NoteError
from gateway.ledger.tree import Tree, TreeDamaged
from gateway.message import events
from gateway.records.proof.readme import readme
from gateway.records.proof.stamp import Stamp, oldest_stamp

FORMAT = 1
_LONGEST_NUMBER = 18  # digits; no archive has more
_SCRIPT = Path(__file__).with_name("verify.py")


class NotProvable(Exception):
    """There is no proof of it, or not yet; one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """A proof package before it is written, and what is in it."""

    id: str
    seq: int
    origin: str
    size: int  # entries that the checkpoint attests
    events: tuple[int, ...]  # numbers of those in the package
    newer: int  # events that the checkpoint does not attest yet
    stamped: bool
    files: Mapping[str, bytes]  # by their path in the folder


@dataclass(frozen=True, slots=True)
class _Record:
    """An entry, its leaf, and the path from there to the root."""

    evidence: Evidence
    leaf: Leaf
    path: list[bytes]


def gather(reader: Reader, ledger_folder: Path, name: str, interval: float) -> Package:
    """The package of a message, by its id or sequence number. interval: seconds between checkpoints."""
    ledger = Ledger(ledger_folder)
    newest = ledger.newest
    if newest is None:
        raise NotProvable(
            f"{ledger_folder}: there is no checkpoint yet; `mailgw serve` makes the first within {interval:g} "
            "seconds of the first mail"
        )
    try:
        message = _message(reader, name)
        if message.seq > ledger.size:
            raise NotProvable(
                f"message {message.id} is entry {message.seq}, and the newest checkpoint attests {ledger.size}; while "
                f"`mailgw serve` runs, one is made every {interval:g} seconds: try again then"
            )
        if message.disposed:
            raise NotProvable(_gone(reader, message))
        happened = [event for event in reader.events(message.id) if not event.disposed]
        _require_not_held(message, happened)
        attested = [event.seq for event in happened if event.seq <= ledger.size]
        with closing(ledger.tree()) as tree:
            records = [_record(reader, tree, newest, seq) for seq in (message.seq, *attested)]
            stamp = oldest_stamp(ledger_folder, ledger, message.seq)
            first = ledger.first_with(message.seq)
            files = _files(ledger, tree, records, newest, first, stamp)
    except ArchiveDamaged as error:
        raise NotProvable(
            f"{error}; `mailgw verify` tells what else is damaged: use a backup's copy"
        ) from None
    except TreeDamaged as error:
        raise NotProvable(
            f"{ledger_folder}: {error}; `mailgw serve` makes the hashes again when it starts"
        ) from None
    return Package(
        id=message.id,
        seq=message.seq,
        origin=newest.checkpoint.origin,
        size=ledger.size,
        events=tuple(attested),
        newer=len(happened) - len(attested),
        stamped=stamp is not None,
        files=files,
    )


def _message(reader: Reader, name: str) -> Entry:
    """Raises NotProvable and ArchiveDamaged."""
    found = None
    if name.isascii() and name.isdecimal() and len(name) <= _LONGEST_NUMBER:
        found = reader.entry(int(name))
        if found is not None and found.kind is not Kind.MESSAGE:
            raise NotProvable(
                f"entry {name} is an event: `mailgw prove {found.subject_id}` proves its message"
            )
    elif (id := _uuid(name)) is not None:
        found = reader.get(id)
    if found is None:
        raise NotProvable(f"{name}: no such message; `mailgw search` shows the ids")
    return found


def _gone(reader: Reader, message: Entry) -> str:
    """What there is to say of a message that was disposed of."""
    try:
        reader.raw(message.seq)
    except Disposed as error:
        return f"message {message.id} {error.text}: there is nothing left to prove; `mailgw verify` tells of the batch"
    return f"message {message.id} was put back just now: try again"


def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def _require_not_held(message: Entry, happened: Sequence[Entry]) -> None:
    """What waits for a reviewer is not read past the record of who looked."""
    decided = {event.document.get("event") for event in happened} & {events.RELEASED, events.TURNED_DOWN}
    if message.document.get("held") is True and not decided:
        raise NotProvable(
            f"{message.id} is held: decide on it by `mailgw hold`, which records who looked, and prove it then"
        )


def _record(reader: Reader, tree: Tree, newest: Kept, seq: int) -> _Record:
    """An entry with the proof of it, which holds. Raises NotProvable, TreeDamaged and ArchiveDamaged."""
    try:
        evidence = reader.evidence(seq)
    except KeyError:
        raise NotProvable(f"entry {seq} is missing: `mailgw verify` tells what else is") from None
    leaf, index = leaf_of(*evidence.digests), seq - 1
    if tree.leaf(index) != leaf.hash():
        raise NotProvable(
            f"entry {seq} of the archive is not the one that the ledger has there: `mailgw verify` tells which of "
            "them was changed"
        )
    path = tree.inclusion_proof(index)
    if not inclusion_holds(leaf.hash(), index, tree.size, path, newest.checkpoint.root):
        raise TreeDamaged(f"the hashes above entry {seq} do not lead to the root that was signed")
    return _Record(evidence, leaf, path)


# --- the files -------------------------------------------------------------------------------------------


def _files(
    ledger: Ledger,
    tree: Tree,
    records: Sequence[_Record],
    newest: Kept,
    first: Kept | None,
    stamp: Stamp | None,
) -> dict[str, bytes]:
    """Every file by its path. Raises NoteError and TreeDamaged."""
    notes = {"checkpoint": newest}
    if first is not None and first.checkpoint != newest.checkpoint:
        notes["first-checkpoint"] = first
    of = None
    if stamp is not None:
        of = next(
            (name for name, kept in notes.items() if kept.note == stamp.kept.note), "stamped-checkpoint"
        )
        notes[of] = stamp.kept
    for kept in notes.values():
        if kept.checkpoint.origin != newest.checkpoint.origin:
            raise NoteError(f"it was of {kept.checkpoint.origin} before: its origin was changed, or its file")
        if not kept.note.signed_by(ledger.keys):
            raise NoteError(
                f"the checkpoint of {kept.checkpoint.size} entries is signed by no key of this ledger"
            )
    files: dict[str, bytes] = {}
    proof: dict[str, Any] = {
        "format": FORMAT,
        "tree_size": tree.size,
        "records": [_keep(record, files) for record in records],
        "consistency": [
            _growth(tree, name, kept, newest) for name, kept in notes.items() if name != "checkpoint"
        ],
        "timestamp": {"of": of, "file": "timestamp.tsr"} if stamp is not None else None,
    }
    files["proof.json"] = (json.dumps(proof, indent=1) + "\n").encode()
    files |= {name: str(kept.note).encode() for name, kept in notes.items()}
    files["keys"] = "".join(f"{key}\n" for key in ledger.keys).encode()
    if stamp is not None:
        files["timestamp.tsr"] = stamp.response
        files |= {"timestamp-roots.pem": stamp.roots} if stamp.roots is not None else {}
    files["verify.py"] = _SCRIPT.read_bytes()
    message = records[0]
    files["README.txt"] = readme(
        files, message.leaf, message.evidence.digests.salt, newest.checkpoint
    ).encode()
    return files


def _keep(record: _Record, files: dict[str, bytes]) -> dict[str, Any]:
    """What proof.json says of a record; its octets go into the files."""
    evidence, leaf = record.evidence, record.leaf
    content = None
    if evidence.raw is None:
        document = f"events/{leaf.seq:06}.json"
    else:
        document, content = "envelope.json", "message.eml"
        files[content] = evidence.raw
    files[document] = evidence.document
    octets = leaf.octets().decode("ascii")
    return {
        "document": document,
        "content": content,
        "leaf": octets,
        "facts": json.loads(octets),
        "salt": evidence.digests.salt.hex(),
        "index": leaf.seq - 1,
        "path": [each.hex() for each in record.path],
    }


def _growth(tree: Tree, name: str, old: Kept, newest: Kept) -> dict[str, Any]:
    """That an older checkpoint's tree is the beginning of the newest one's. Raises TreeDamaged."""
    before, after = old.checkpoint, newest.checkpoint
    path = tree.consistency_proof(before.size)
    if not consistency_holds(before.size, after.size, path, before.root, after.root):
        raise TreeDamaged(
            f"the hashes do not lead from the checkpoint of {before.size} entries to the newest"
        )
    return {
        "from": name,
        "from_size": before.size,
        "to_size": after.size,
        "path": [each.hex() for each in path],
    }
