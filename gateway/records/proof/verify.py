"""Checks the proof package or exported bag in whose folder it lies: offline, without the gateway that made it.

    python3 verify.py [--key VKEY]... [--checkpoint FILE] [FOLDER]

Needs Python 3.9 or newer; for the signatures also the package `cryptography`, which it imports late, so that all other
steps are done without it. It implements what it checks by itself: Merkle trees (RFC 9162 §2.1), signed notes and
checkpoints (C2SP signed-note, tlog-checkpoint), and as much of time stamps (RFC 3161) as tells what was stamped.
It believes nothing in proof.json that can be worked out from the other files. Of an exported bag (RFC 8493) it checks
besides that every file is there as it was handed over; the proofs are of the messages in it.

Exit codes: 0 everything holds; 1 something does not; 2 wrong usage, or a file is missing; 3 everything holds so far,
but the signatures could not be checked for want of `cryptography`.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

MESSAGE, ENVELOPE, PROOF, KEYS, EVENTS = "message.eml", "envelope.json", "proof.json", "keys", "events"
CHECKPOINT, FIRST, STAMPED = "checkpoint", "first-checkpoint", "stamped-checkpoint"
STAMP, ROOTS = "timestamp.tsr", "timestamp-roots.pem"
EXPLAINING = ("README.txt", "verify.py")
BAG, INFO, MANIFEST, TAG_MANIFEST = (
    "bagit.txt",
    "bag-info.txt",
    "manifest-sha256.txt",
    "tagmanifest-sha256.txt",
)
BAG_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
BAG_TAGS = (BAG, INFO, MANIFEST, "README.txt", "verify.py")
BAG_MESSAGES, BAG_NATIVES, BAG_INDEX = "data/messages/", "data/natives/", "data/index.jsonl"
BAG_PROOFS, BAG_CHECKPOINT, BAG_KEYS = (
    "data/proofs/messages.jsonl",
    "data/proofs/checkpoint",
    "data/proofs/keys",
)
BAG_SHOWN = 20  # of what is wrong in one step, one by one
ALWAYS = (MESSAGE, ENVELOPE, PROOF, KEYS, CHECKPOINT)

HOLDS, WRONG, USAGE, NO_CRYPTOGRAPHY = range(4)
OK, FAILED, NOT_CHECKED, KNOW = "OK", "FAILED", "NOT CHECKED", "PLEASE NOTE"

HASH = re.compile(r"[0-9a-f]{64}\Z")
SALT = re.compile(r"[0-9a-f]{32}\Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
LARGEST = 1 << 63
ED25519 = b"\x01"  # the type of signature, in keys


class Wrong(Exception):
    """Something is not as it must be; the text tells a reader what."""


class Unreadable(Exception):
    """A file is missing or cannot be read."""


class NeedsCryptography(Exception):
    """Signatures cannot be checked by what is installed."""


# --- what a package is made of -----------------------------------------------------------------------


class Record(NamedTuple):
    """What proof.json says of one record. Everything but id, kind, subject, received, salt and path is redundant."""

    leaf: str
    facts: dict[str, Any]
    salt: bytes
    position: int  # from 0
    path: list[bytes]
    document: str
    content: str | None


class Growth(NamedTuple):
    """What proof.json says of two checkpoints: the tree of the one is the beginning of the other's."""

    name: str
    old: int
    new: int
    path: list[bytes]


class Proof(NamedTuple):
    """The content of proof.json."""

    size: int
    records: list[Record]
    growths: list[Growth]
    stamped: str | None  # the file of the checkpoint that the time stamp is of


class Key(NamedTuple):
    """A public key, written `name+id+key`."""

    name: str
    octets: bytes

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + ED25519 + self.octets).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.octets).decode()}"


class Signature(NamedTuple):
    """A line below a note."""

    name: str
    id: bytes
    octets: bytes


class Note(NamedTuple):
    """A signed checkpoint: the text, the signatures below it, and what the text says."""

    octets: bytes
    text: str
    signatures: list[Signature]
    origin: str
    size: int
    root: bytes


class Package(NamedTuple):
    """All files of the folder, read once."""

    proof: Proof
    files: dict[str, bytes]
    notes: dict[str, Note]
    keys: list[Key]


# --- Merkle trees (RFC 9162 §2.1) --------------------------------------------------------------------


def leaf_hash(octets: bytes) -> bytes:
    return sha256(b"\x00" + octets).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def root_by_inclusion(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """The root that a path leads to from a leaf (§2.1.3.2); None where it cannot be a path of this tree."""
    if not 0 <= index < size:
        return None
    at, last, above = index, size - 1, leaf
    for each in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            above = node_hash(each, above)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            above = node_hash(above, each)
        at, last = at >> 1, last >> 1
    return above if last == 0 else None


def is_beginning(old: int, new: int, path: list[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the tree of `old` leaves is the beginning of that of `new` (§2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    rest = [old_root, *path] if old & (old - 1) == 0 else path
    if not rest:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    low = high = rest[0]
    for each in rest[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            low, high = node_hash(each, low), node_hash(each, high)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            high = node_hash(high, each)
        at, last = at >> 1, last >> 1
    return last == 0 and low == old_root and high == new_root


# --- signed notes and keys (C2SP signed-note, tlog-checkpoint) ---------------------------------------


def decoded(text: str, what: str) -> bytes:
    """From base64, in its one canonical spelling."""
    try:
        octets = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise Wrong(f"{what} is not base64") from None
    if base64.b64encode(octets).decode() != text:
        raise Wrong(f"{what} is not in the canonical spelling of base64")
    return octets


def check_name(name: str, what: str) -> str:
    if not name or "+" in name or any(letter.isspace() or not letter.isprintable() for letter in name):
        raise Wrong(f"{what} is {shown(name)}, which cannot name a key")
    return name


def parse_key(text: str, what: str) -> Key:
    """A public key from `name+id+key`."""
    name, _, rest = text.partition("+")
    id, _, encoded = rest.partition("+")
    octets = decoded(encoded, f"the last part of {what}")
    if len(octets) != 33 or octets[:1] != ED25519:
        raise Wrong(f"{what} is no public key of Ed25519")
    key = Key(check_name(name, f"the name in {what}"), octets[1:])
    if key.id.hex() != id:
        raise Wrong(f"{what} has the id {shown(id)}, but its name and its key make {key.id.hex()}")
    return key


def parse_keys(octets: bytes) -> list[Key]:
    text = utf8(octets, KEYS)
    if not text.endswith("\n"):
        raise Wrong(f"{KEYS} does not end with a whole line")
    return [parse_key(line, f"line {at} of {KEYS}") for at, line in enumerate(text[:-1].split("\n"), 1)]


def parse_note(octets: bytes, name: str) -> Note:
    """A signed checkpoint."""
    written = utf8(octets, name)
    if any(ord(letter) < 32 and letter != "\n" for letter in written):
        raise Wrong(f"{name} has control characters")
    text, gap, below = written.rpartition("\n\n")
    if not gap or not text or not below.endswith("\n"):
        raise Wrong(f"{name} is not a text, an empty line and signatures below it")
    lines = text.split("\n")
    if len(lines) < 3:
        raise Wrong(f"{name} does not have three lines: whose tree, how many records, and the root")
    origin, size, root = check_name(lines[0], f"the first line of {name}"), lines[1], lines[2]
    if not re.match(r"[1-9][0-9]{0,18}\Z", size):
        raise Wrong(f"the second line of {name} is not a number of records: {shown(size)}")
    hashed = decoded(root, f"the third line of {name}")
    if len(hashed) != 32:
        raise Wrong(f"the third line of {name} is no SHA-256 hash")
    signatures = [parse_signature(line, name) for line in below[:-1].split("\n")]
    return Note(octets, f"{text}\n", signatures, origin, int(size), hashed)


def parse_signature(line: str, name: str) -> Signature:
    dash, _, rest = line.partition(" ")
    signer, _, encoded = rest.partition(" ")
    if dash != "\u2014":
        raise Wrong(f"below the text of {name} is a line that is no signature: {shown(line)}")
    octets = decoded(encoded, f"a signature in {name}")
    if len(octets) <= 4:
        raise Wrong(f"a signature in {name} is too short")
    return Signature(check_name(signer, f"the name at a signature in {name}"), octets[:4], octets[4:])


def signers(note: Note, name: str, keys: list[Key]) -> list[Key]:
    """Those of the keys that signed a note. A signature that does not hold is Wrong; of other keys, passed over."""
    found = []
    for signature in note.signatures:
        for key in keys:
            if (key.name, key.id) == (signature.name, signature.id) and key not in found:
                if not is_signed(key, signature.octets, note.text.encode()):
                    raise Wrong(
                        f"the signature of the key {key} in {name} does not hold: its text was changed"
                    )
                found.append(key)
    return found


def is_signed(key: Key, signature: bytes, octets: bytes) -> bool:
    """Whether a signature of Ed25519 (RFC 8032) holds."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise NeedsCryptography from None
    try:
        Ed25519PublicKey.from_public_bytes(key.octets).verify(signature, octets)
    except (InvalidSignature, ValueError):
        return False
    return True


# --- reading proof.json ------------------------------------------------------------------------------


def parse_proof(octets: bytes) -> Proof:
    """Strictly: every key, nothing else, and in the one spelling that the gateway writes."""
    try:
        value = json.loads(utf8(octets, PROOF))
        canonical = json.dumps(value, indent=1) + "\n"
    except (ValueError, RecursionError):
        raise Wrong(f"{PROOF} is not JSON") from None
    if canonical.encode() != octets:
        raise Wrong(f"{PROOF} is not spelt as the gateway spells it: it was edited")
    fields = having(value, ("format", "tree_size", "records", "consistency", "timestamp"), PROOF)
    if fields["format"] != 1 or isinstance(fields["format"], bool):
        raise Wrong(f"{PROOF} is of a format that this script does not know")
    records = [parse_record(each, at) for at, each in enumerate(array(fields["records"], "records"))]
    if not records:
        raise Wrong(f"{PROOF} has no records")
    growths = [parse_growth(each) for each in array(fields["consistency"], "consistency")]
    stamped = None
    if fields["timestamp"] is not None:
        stamp = having(fields["timestamp"], ("of", "file"), "timestamp")
        stamped = stamp["of"]
        if stamp["file"] != STAMP or stamped not in (CHECKPOINT, FIRST, STAMPED):
            raise Wrong(f"{PROOF}: timestamp names files that no package has")
    names = [each.name for each in growths]
    expected = [name for name in (FIRST, STAMPED) if name in names]
    if (
        names != expected
        or (STAMPED in names) != (stamped == STAMPED)
        or (stamped == FIRST and FIRST not in names)
    ):
        raise Wrong(f"{PROOF}: the checkpoints that it names are not those of a package")
    return Proof(number(fields["tree_size"], "tree_size"), records, growths, stamped)


def parse_record(value: Any, at: int) -> Record:
    where = f"record {at + 1}"
    fields = having(value, ("document", "content", "leaf", "facts", "salt", "index", "path"), where)
    index = number(fields["index"], f"{where}: index")
    message = at == 0
    document = ENVELOPE if message else f"{EVENTS}/{index + 1:06}.json"
    if (fields["document"], fields["content"]) != (document, MESSAGE if message else None):
        raise Wrong(f"{PROOF}: {where} is not kept in the files that it names")
    keys = ("content", "document", "id", "kind", "received", "seq", "size", "subject", "v")
    facts = having(fields["facts"], keys, f"{where}: facts")
    for name in ("id", "subject"):
        if not (isinstance(facts[name], str) and UUID.match(facts[name])):
            raise Wrong(f"{PROOF}: {where}: {name} is no UUID")
    number(facts["received"], f"{where}: received", -LARGEST)
    if not isinstance(fields["leaf"], str) or not fields["leaf"].isascii():
        raise Wrong(f"{PROOF}: {where}: leaf is no text of ASCII")
    salt = octets_of(fields["salt"], SALT, f"{where}: salt")
    path = path_of(fields["path"], where)
    return Record(fields["leaf"], facts, salt, index, path, document, fields["content"])


def parse_growth(value: Any) -> Growth:
    fields = having(value, ("from", "from_size", "to_size", "path"), "consistency")
    if fields["from"] not in (FIRST, STAMPED):
        raise Wrong(f"{PROOF}: consistency names a file that no package has")
    old, new = (number(fields[name], f"consistency: {name}") for name in ("from_size", "to_size"))
    return Growth(fields["from"], old, new, path_of(fields["path"], "consistency"))


def having(value: Any, keys: tuple[str, ...], where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or tuple(value) != keys:
        raise Wrong(f"{PROOF}: {where} does not have the entries {', '.join(keys)}")
    return value


def array(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise Wrong(f"{PROOF}: {where} is no list")
    return value


def number(value: Any, where: str, least: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < LARGEST:
        raise Wrong(f"{PROOF}: {where} is not a number that it can be")
    return value


def octets_of(value: Any, form: re.Pattern[str], where: str) -> bytes:
    if not isinstance(value, str) or not form.match(value):
        raise Wrong(f"{PROOF}: {where} is not as many hexadecimal digits as it must be")
    return bytes.fromhex(value)


def path_of(value: Any, where: str) -> list[bytes]:
    return [octets_of(each, HASH, f"{where}: path") for each in array(value, f"{where}: path")]


# --- reading the folder ------------------------------------------------------------------------------


def read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise Unreadable(f"{name}: {error.strerror or error}") from None


def read_package(folder: Path) -> Package:
    """Everything that a package of this kind consists of. Raises Unreadable, and Wrong."""
    files = {name: read(folder, name) for name in ALWAYS}
    proof = parse_proof(files[PROOF])
    growing = [each.name for each in proof.growths]
    named = [each.document for each in proof.records] + growing + ([STAMP] if proof.stamped else [])
    files.update((name, read(folder, name)) for name in named if name not in files)
    may_be = {*files, *EXPLAINING, *([ROOTS] if proof.stamped else [])}
    if strange := sorted(set(found_in(folder)) - may_be):
        raise Wrong(
            f"the folder holds what is no part of the proof: {', '.join(map(shown, strange))}. "
            "Nothing is proven of it; put it elsewhere"
        )
    notes = {name: parse_note(files[name], name) for name in (CHECKPOINT, *growing)}
    return Package(proof, files, notes, parse_keys(files[KEYS]))


def found_in(folder: Path) -> list[str]:
    """Everything in the folder; what file managers leave behind, whose names begin with a dot, is passed over."""
    found = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if not (path.name.startswith(".") or (name == EVENTS and path.is_dir())):
            found.append(name)
    return found


# --- the steps ---------------------------------------------------------------------------------------


def check_content(package: Package, record: Record) -> str:
    """The record's files make the leaf."""
    facts, name = record.facts, record.document
    document = package.files[name]
    said = commitment(record.salt, document)
    text = f"The SHA-256 hash of {name} ({len(document)} octets) is {sha256(document).hexdigest()}. "
    if record.content is not None:
        raw = package.files[record.content]
        kind, size, content = "message", len(raw), commitment(record.salt, raw)
        text += f"That of {record.content} ({size} octets) is {sha256(raw).hexdigest()}. "
    else:
        kind, size, content = "event", 0, None
    made = {
        "content": content,
        "document": said,
        "id": facts["id"],
        "kind": kind,
        "received": facts["received"],
        "seq": record.position + 1,
        "size": size,
        "subject": facts["subject"],
        "v": 1,
    }
    for key, value in made.items():
        if facts[key] != value or type(facts[key]) is not type(value):
            raise Wrong(
                f"{text}The ledger's line must therefore say {key} = {shown(value)}, but {PROOF} says "
                f"{shown(facts[key])}: the file is not the one that was recorded"
            )
    leaf = json.dumps(made, sort_keys=True, separators=(",", ":"))
    if record.leaf != leaf:
        raise Wrong(f"{text}With the salt they make the line {leaf}, but {PROOF} has {shown(record.leaf)}")
    return (
        f"{text}Hashed once more together with the salt {record.salt.hex()}, they give the values `document` and "
        f"`content` of the ledger's line on record number {record.position + 1}, received {moment(facts['received'])}, "
        f"which was put together anew and is the one in {PROOF}: {leaf}"
    )


def check_message(package: Package) -> str:
    """What the record of the message says of itself is what the ledger's line says."""
    facts = package.proof.records[0].facts
    if facts["subject"] != facts["id"]:
        raise Wrong(f"a message is its own subject, but id is {facts['id']} and subject {facts['subject']}")
    envelope = object_of(package.files[ENVELOPE], ENVELOPE).get("envelope")
    envelope = envelope if isinstance(envelope, dict) else {}
    told = []
    if "id" in envelope:
        if envelope["id"] != facts["id"]:
            raise Wrong(
                f"{ENVELOPE} is of message {shown(envelope['id'])}, the ledger's line of {facts['id']}"
            )
        told.append(f"the id {facts['id']}")
    if "received" in envelope:
        if (
            not isinstance(envelope["received"], str)
            or microseconds(envelope["received"]) != facts["received"]
        ):
            raise Wrong(
                f"{ENVELOPE} says that it was received {shown(envelope['received'])}, the ledger's line "
                f"{moment(facts['received'])}"
            )
        told.append(f"the time of receipt {moment(facts['received'])}")
    if not told:
        return f"{ENVELOPE} names neither id nor time; by the ledger's line it is of message {facts['id']}."
    return f"{ENVELOPE} and the ledger's line on the message agree on {' and '.join(told)}."


def check_events(package: Package) -> str:
    """Every event is about the message, and each is there once."""
    message, *events = package.proof.records
    if not events:
        return "The package has no events."
    for each in events:
        if each.facts["subject"] != message.facts["id"]:
            raise Wrong(
                f"{each.document} is about message {each.facts['subject']}, not about {message.facts['id']}"
            )
        object_of(package.files[each.document], each.document)
    numbers = [each.position + 1 for each in events]
    if numbers != sorted(set(numbers)) or message.position + 1 in numbers:
        raise Wrong(f"{PROOF} does not have the events in their order, each once")
    names = (
        f"{each.document} ({shown(object_of(package.files[each.document], '').get('event'))})"
        for each in events
    )
    return f"About message {message.facts['id']}, by the ledger's lines on them, are: {', '.join(names)}."


def check_inclusion(package: Package, record: Record) -> str:
    """The leaf is in the tree of the checkpoint."""
    note = package.notes[CHECKPOINT]
    leaf = leaf_hash(record.leaf.encode())
    root = root_by_inclusion(leaf, record.position, note.size, record.path)
    if root is None:
        raise Wrong(
            f"No path of {len(record.path)} hashes leads from record {record.position + 1} to the root of {note.size}"
        )
    text = (
        f"The line on record {record.position + 1} has the hash {leaf.hex()}. Joined one after the other with the "
        f"{len(record.path)} hashes of its path, it gives {root.hex()}. The root in {CHECKPOINT}, over "
        f"{note.size} records, is {note.root.hex()}. "
    )
    if root != note.root:
        raise Wrong(f"{text}They are not the same: the record is not among those that were attested")
    return f"{text}They are the same: the record is number {record.position + 1} of those that were attested."


def check_signatures(package: Package, name: str) -> str:
    """A checkpoint is signed by a key of its origin."""
    note = package.notes[name]
    found = [key for key in signers(note, name, package.keys) if key.name == note.origin]
    if not found:
        raise Wrong(f"{name} has no signature by a key of {note.origin} that is in {KEYS}")
    return (
        f"{name} says that the ledger {note.origin} had {note.size} records and the root {note.root.hex()}. This is "
        f"signed with the key {' and the key '.join(map(str, found))}, and the signature holds."
    )


def check_sameness(package: Package) -> str:
    """The checkpoints are of one ledger, and of the sizes in proof.json."""
    newest, proof = package.notes[CHECKPOINT], package.proof
    if proof.size != newest.size:
        raise Wrong(f"{PROOF} is made for {proof.size} records, but {CHECKPOINT} is of {newest.size}")
    for growth in proof.growths:
        note = package.notes[growth.name]
        if note.origin != newest.origin:
            raise Wrong(f"{growth.name} is of the ledger {note.origin}, {CHECKPOINT} of {newest.origin}")
        if (growth.old, growth.new) != (note.size, newest.size):
            raise Wrong(
                f"{PROOF} tells how {growth.old} records became {growth.new}; {growth.name} is of {note.size}, "
                f"{CHECKPOINT} of {newest.size}"
            )
    names = ", ".join(f"{name} of {note.size}" for name, note in package.notes.items())
    return f"All are of the ledger {newest.origin}: {names} records, as {PROOF} says."


def check_growth(package: Package, growth: Growth) -> str:
    """An older checkpoint is of the beginning of the newest one's tree, and attests the message."""
    old, new = package.notes[growth.name], package.notes[CHECKPOINT]
    seq = package.proof.records[0].position + 1
    if old.size < seq:
        raise Wrong(f"{growth.name} is of {old.size} records, before the message came as number {seq}")
    if old.size >= new.size or not is_beginning(old.size, new.size, growth.path, old.root, new.root):
        raise Wrong(
            f"the {len(growth.path)} hashes in {PROOF} do not join the root of {growth.name} to that of {CHECKPOINT}: "
            "the ledger was not only added to in between"
        )
    return (
        f"{growth.name} is of {old.size} records. With {len(growth.path)} hashes between, its root and the root in "
        f"{CHECKPOINT} were both worked out anew: the first {old.size} of the {new.size} records are those of "
        f"{growth.name}, unchanged and in their order, and the message is number {seq} of them."
    )


def check_given_keys(package: Package, given: list[Key]) -> str:
    """The newest checkpoint is signed with a key that the reader had from elsewhere."""
    if by := signers(package.notes[CHECKPOINT], CHECKPOINT, given):
        return f"{CHECKPOINT} is signed with the key that you gave: {by[0]}."
    others = [name for name, note in package.notes.items() if signers(note, name, given)]
    text = f"{CHECKPOINT} is not signed with a key that you gave"
    if others:
        text += (
            f"; {', '.join(others)} is. Ask the district which key signs today, and for what vouches for it"
        )
    raise Wrong(text)


def check_kept(package: Package, octets: bytes, given: list[Key]) -> tuple[str, str]:
    """A checkpoint that the reader kept says the same as those of the package."""
    kept = parse_note(octets, "the checkpoint that you gave")
    newest = package.notes[CHECKPOINT]
    if kept.origin != newest.origin:
        raise Wrong(
            f"the checkpoint that you gave is of the ledger {kept.origin}, the package of {newest.origin}"
        )
    for name, note in package.notes.items():
        if note.size == kept.size:
            if note.root != kept.root:
                raise Wrong(
                    f"the checkpoint that you gave has the root {kept.root.hex()} over {kept.size} records, but {name} "
                    f"has {note.root.hex()}: somebody was shown another ledger than you"
                )
            by = signers(kept, "the checkpoint that you gave", [*given, *package.keys])
            signed = (
                "It is signed with a key of the package or yours." if by else "Nobody known signed yours."
            )
            return (
                OK,
                f"It and {name} have the same root over {kept.size} records, {kept.root.hex()}. {signed}",
            )
    low, high = sorted((kept.size, newest.size))
    return NOT_CHECKED, (
        f"It is of {kept.size} records and the package has none of that size, so their roots cannot be compared. Ask "
        f"the district for the consistency proof from {low} to {high} records: there, `mailgw ledger consistency "
        f"{low} {high}` writes it."
    )


# --- a bag of many messages (RFC 8493) ---------------------------------------------------------------


class Proven(NamedTuple):
    """A line of data/proofs/messages.jsonl."""

    file: str
    leaf: str
    salt: bytes
    path: list[bytes]


class Bag(NamedTuple):
    """What is read of a bag once; messages are read one at a time."""

    folder: Path
    manifest: dict[str, str]  # hash of each payload file, by its path
    sizes: dict[str, int]  # of the payload files that are there
    note: Note | None
    keys: list[Key]


def hash_file(path: Path) -> tuple[str, int]:
    """SHA-256 of a file, however large, and its size."""
    digest, size = sha256(), 0
    try:
        with path.open("rb") as file:
            while octets := file.read(1 << 20):
                digest.update(octets)
                size += len(octets)
    except OSError as error:
        raise Unreadable(f"{path.name}: {error.strerror or error}") from None
    return digest.hexdigest(), size


def parse_manifest(octets: bytes, name: str) -> dict[str, str]:
    """Hash by path (RFC 8493 §2.1.3). A path that leads out of the bag is Wrong."""
    found: dict[str, str] = {}
    text = utf8(octets, name)
    if not text.endswith("\n"):
        raise Wrong(f"{name} does not end with a whole line")
    for line in text[:-1].split("\n"):
        digest, gap, path = line.partition("  ")
        parts = path.split("/")
        if not gap or not HASH.match(digest) or path in found or "" in parts or "." in parts or ".." in parts:
            raise Wrong(f"{name} has a line that is not the hash of one file: {shown(line)}")
        found[path] = digest
    return found


def read_bag(folder: Path) -> Bag:
    """Raises Unreadable, and Wrong."""
    manifest = parse_manifest(read(folder, MANIFEST), MANIFEST)
    note = None
    keys: list[Key] = []
    if BAG_CHECKPOINT in manifest:
        note = parse_note(read(folder, BAG_CHECKPOINT), CHECKPOINT)
        keys = parse_keys(read(folder, BAG_KEYS))
    return Bag(folder, manifest, {}, note, keys)


def check_tags(bag: Bag) -> str:
    """The files that describe the bag are those that its tag manifest has (RFC 8493 §2.2.1)."""
    if read(bag.folder, BAG) != BAG_DECLARATION:
        raise Wrong(f"{BAG} is not that of a bag of version 1.0")
    listed = parse_manifest(read(bag.folder, TAG_MANIFEST), TAG_MANIFEST)
    if sorted(listed) != sorted(BAG_TAGS):
        raise Wrong(f"{TAG_MANIFEST} does not list {', '.join(BAG_TAGS)}")
    for name, digest in listed.items():
        if hash_file(bag.folder / name)[0] != digest:
            raise Wrong(f"{name} was changed: its SHA-256 is not the one in {TAG_MANIFEST}")
    return f"{', '.join(listed)} have the SHA-256 hashes in {TAG_MANIFEST}."


def check_payload(bag: Bag) -> str:
    """Every file of the payload is there as the manifest has it, and nothing else is (§3)."""
    there = {name for name in found_in_bag(bag.folder) if name not in (*BAG_TAGS, TAG_MANIFEST)}
    wrong = [f"{shown(name)} is not in {MANIFEST}" for name in sorted(there - set(bag.manifest))]
    for name, digest in bag.manifest.items():
        if not name.startswith("data/"):
            wrong.append(f"{shown(name)} is not below data/")
        elif name not in there:
            wrong.append(f"{shown(name)} is missing")
        else:
            hashed, bag.sizes[name] = hash_file(bag.folder / name)
            if hashed != digest:
                wrong.append(f"{shown(name)} was changed")
    require_none(wrong)
    octets = sum(bag.sizes.values())
    oxum = f"Payload-Oxum: {octets}.{len(bag.sizes)}"
    if oxum not in utf8(read(bag.folder, INFO), INFO).splitlines():
        raise Wrong(f"{INFO} does not say {oxum}")
    return f"All {len(bag.sizes)} files ({octets} octets) are there with the hashes in {MANIFEST}, and no other is."


def found_in_bag(folder: Path) -> Iterator[str]:
    """Every file; what file managers leave behind beside data/, whose names begin with a dot, is passed over."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        is_file = path.is_symlink() or not path.is_dir()
        if is_file and (name.startswith("data/") or not path.name.startswith(".")):
            yield name


def require_none(wrong: list[str]) -> None:
    """Raise Wrong with the first of what is wrong, each a sentence of its own."""
    if wrong:
        more = f"; and {len(wrong) - BAG_SHOWN} more" if len(wrong) > BAG_SHOWN else ""
        raise Wrong(f"{'; '.join(wrong[:BAG_SHOWN])}{more}")


def check_bag_signature(bag: Bag, note: Note) -> str:
    found = [key for key in signers(note, CHECKPOINT, bag.keys) if key.name == note.origin]
    if not found:
        raise Wrong(f"{BAG_CHECKPOINT} has no signature by a key of {note.origin} that is in {BAG_KEYS}")
    return (
        f"{BAG_CHECKPOINT} says that the ledger {note.origin} had {note.size} records and the root {note.root.hex()}. "
        f"This is signed with the key {' and the key '.join(map(str, found))}, and the signature holds."
    )


def bag_proofs(bag: Bag) -> Iterator[Proven]:
    """The lines of the file of proofs, strictly. Raises Wrong and Unreadable."""
    try:
        with (bag.folder / BAG_PROOFS).open("rb") as file:
            for at, line in enumerate(file, 1):
                yield parse_proven(line, f"line {at}")
    except OSError as error:
        raise Unreadable(f"{BAG_PROOFS}: {error.strerror or error}") from None


def parse_proven(line: bytes, where: str) -> Proven:
    try:
        value = json.loads(utf8(line, BAG_PROOFS))
        canonical = json.dumps(value, separators=(",", ":")).encode() + b"\n"
    except (ValueError, RecursionError):
        raise Wrong(f"{BAG_PROOFS}: {where} is not JSON") from None
    if canonical != line or not isinstance(value, dict) or list(value) != ["file", "leaf", "salt", "path"]:
        raise Wrong(f"{BAG_PROOFS}: {where} is not spelt as the gateway spells it: it was edited")
    if (
        not isinstance(value["file"], str)
        or not isinstance(value["leaf"], str)
        or not value["leaf"].isascii()
    ):
        raise Wrong(f"{BAG_PROOFS}: {where} has no file or no leaf")
    salt = octets_of(value["salt"], SALT, f"{where}: salt")
    return Proven(value["file"], value["leaf"], salt, path_of(value["path"], where))


def check_bag_messages(bag: Bag, note: Note, facts: dict[str, dict[str, Any]]) -> tuple[str, str]:
    """Each message is what the ledger attests at its place. facts: filled with what the leaves say, by file."""
    wrong = []
    for each in bag_proofs(bag):
        if each.file in facts:
            wrong.append(f"{shown(each.file)} is proven twice")
        elif not each.file.startswith(BAG_MESSAGES) or each.file not in bag.manifest:
            wrong.append(f"{shown(each.file)} is no message of the bag")
        else:
            try:
                facts[each.file] = proven_facts(bag, note, each)
            except Wrong as error:
                wrong.append(f"{shown(each.file)}: {error}")
                facts[each.file] = {}
    seqs = [each["seq"] for each in facts.values() if each]
    if len(seqs) != len(set(seqs)):
        wrong.append("two files are said to be one record")
    require_none(wrong)
    unproven = sorted(name for name in bag.manifest if name.startswith(BAG_MESSAGES) and name not in facts)
    text = (
        f"{len(facts)} messages: each file, hashed together with its salt, gives the `content` of its line in the "
        f"ledger, and the line's hash leads to the root over {note.size} records in {BAG_CHECKPOINT}."
    )
    if unproven:
        named = ", ".join(map(shown, unproven[:BAG_SHOWN])) + (", ..." if len(unproven) > BAG_SHOWN else "")
        return NOT_CHECKED, (
            f"{text} But {len(unproven)} messages have no proof, so that of these nothing is shown but that they are "
            f"as they were handed over: {named}. The archive may have signed for them since: ask for a new export."
        )
    return OK, text


def proven_facts(bag: Bag, note: Note, proven: Proven) -> dict[str, Any]:
    """What the leaf of a message says, which holds. Raises Wrong."""
    facts = leaf_facts(proven.leaf)
    raw = read(bag.folder, proven.file)
    made = {"content": commitment(proven.salt, raw), "kind": "message", "size": len(raw)}
    for key, value in made.items():
        if facts[key] != value:
            raise Wrong(
                f"the ledger's line says {key} = {shown(facts[key])}, but of this file it is {shown(value)}"
            )
    root = root_by_inclusion(leaf_hash(proven.leaf.encode()), facts["seq"] - 1, note.size, proven.path)
    if root != note.root:
        raise Wrong(f"its path of {len(proven.path)} hashes does not lead to the root in {BAG_CHECKPOINT}")
    return facts


def leaf_facts(leaf: str) -> dict[str, Any]:
    """The entries of a leaf, in the one spelling that it has. Raises Wrong."""
    facts = object_of(leaf.encode(), "the ledger's line")
    keys = ["content", "document", "id", "kind", "received", "seq", "size", "subject", "v"]
    if list(facts) != keys or json.dumps(facts, sort_keys=True, separators=(",", ":")) != leaf:
        raise Wrong("the ledger's line is not in its one spelling")
    numbers = (facts["received"], facts["seq"], facts["size"], facts["v"])
    if any(type(each) is not int for each in numbers) or not 1 <= facts["seq"] < LARGEST or facts["v"] != 1:
        raise Wrong("the ledger's line has a number that it cannot have")
    if any(not isinstance(facts[name], str) or not UUID.match(facts[name]) for name in ("id", "subject")):
        raise Wrong("the ledger's line has an id that is no UUID")
    if facts["id"] != facts["subject"]:
        raise Wrong("a message is its own subject")
    return facts


def check_bag_index(bag: Bag, facts: dict[str, dict[str, Any]]) -> str:
    """The index lists the messages, and says of each what its file and the ledger say."""
    wrong, listed = [], set()
    for line in read(bag.folder, BAG_INDEX).splitlines():
        row = object_of(line, f"a line of {BAG_INDEX}")
        file = row.get("file")
        if not isinstance(file, str) or file in listed or not file.startswith(BAG_MESSAGES):
            wrong.append(f"{BAG_INDEX} lists {shown(file)}")
            continue
        listed.add(file)
        leaf = facts.get(file)
        said = {"sha256": bag.manifest.get(file), "size": bag.sizes.get(file), "proven": leaf is not None}
        if leaf:
            said.update(seq=leaf["seq"], id=leaf["id"])
            if microseconds(str(row.get("received"))) != leaf["received"]:
                wrong.append(f"{shown(file)} was received at another time than {BAG_INDEX} says")
        wrong += [
            f"{BAG_INDEX} says of {shown(file)} {name} = {shown(row.get(name))}, which is {shown(value)}"
            for name, value in said.items()
            if row.get(name) != value
        ]
    messages = {name for name in bag.manifest if name.startswith(BAG_MESSAGES)}
    wrong += [f"{shown(name)} is not in {BAG_INDEX}" for name in sorted(messages - listed)]
    for name, digest in bag.manifest.items():
        same = BAG_MESSAGES + name[len(BAG_NATIVES) :]
        if name.startswith(BAG_NATIVES) and bag.manifest.get(same) != digest:
            wrong.append(f"{shown(name)} is not the message of that name")
    require_none(wrong)
    return (
        f"{BAG_INDEX} lists the {len(listed)} messages, with their number in the archive, id, time of receipt, size "
        "and SHA-256 hash. What else it says of them, and all other lists in data/, the gateway made of the messages "
        "and of their envelopes; nothing is proven of that."
    )


def check_bag(folder: Path, report: Report, given: list[Key], kept: bytes | None) -> None:
    """Every step of a bag. Raises Unreadable."""
    try:
        bag = read_bag(folder)
    except Wrong as error:
        report.tell(FAILED, "The files of the bag", f"{error}.")
        return
    report.step("What describes the bag", lambda: check_tags(bag))
    report.step("The files of the bag", lambda: check_payload(bag))
    facts: dict[str, dict[str, Any]] = {}
    note = bag.note
    if note is None:
        report.tell(NOT_CHECKED, "The messages in the ledger", NO_LEDGER)
    else:
        report.step("The signature of the checkpoint", lambda: check_bag_signature(bag, note))
        report.judge("The messages in the ledger", lambda: check_bag_messages(bag, note, facts))
    report.step("The index", lambda: check_bag_index(bag, facts))
    if note is None:
        return
    package = Package(Proof(note.size, [], [], None), {}, {CHECKPOINT: note}, bag.keys)
    if given:
        report.step("The key that you gave", lambda: check_given_keys(package, given))
    else:
        report.tell(KNOW, "Whose key it is", OWN_KEYS)
    if kept is not None:
        report.judge("The checkpoint that you gave", lambda: check_kept(package, kept, given))


NO_LEDGER = (
    "The archive had signed no checkpoint when this was exported. The bag has no proof, of no message."
)


# --- the time stamp (RFC 3161) -----------------------------------------------------------------------

SEQUENCE, INTEGER, OCTETS, OBJECT, TIME, EXPLICIT = 0x30, 0x02, 0x04, 0x06, 0x18, 0xA0
SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
TST_INFO = bytes.fromhex("2a864886f70d0109100104")
OID_SHA256 = bytes.fromhex("608648016503040201")


class Der:
    """Reads the elements of DER (ITU-T X.690) one after the other."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def next(self, tag: int) -> bytes:
        """The content of the next element, which must have this tag."""
        octets = self.octets
        if len(octets) < 2 or octets[0] != tag:
            raise Wrong(f"{STAMP} is no answer of a time stamping authority")
        size, start = octets[1], 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(octets[2:start], "big")
        if start > 6 or start + size > len(octets):
            raise Wrong(f"{STAMP} was cut short")
        self.octets = octets[start + size :]
        return octets[start : start + size]

    def inside(self, tag: int) -> Der:
        return Der(self.next(tag))


def stamped_hash(response: bytes) -> tuple[bytes, str]:
    """The hash that was stamped, and the time that the token states."""
    answer = Der(response).inside(SEQUENCE)
    if answer.inside(SEQUENCE).next(INTEGER) not in (b"\x00", b"\x01"):
        raise Wrong(f"{STAMP} is a refusal of the authority, not a stamp")
    content = answer.inside(SEQUENCE)
    if content.next(OBJECT) != SIGNED_DATA:
        raise Wrong(f"{STAMP} is not signed")
    signed = content.inside(EXPLICIT).inside(SEQUENCE)
    signed.next(INTEGER)
    signed.next(0x31)  # the algorithms, a set
    stamped = signed.inside(SEQUENCE)
    if stamped.next(OBJECT) != TST_INFO:
        raise Wrong(f"{STAMP} holds something else than a time stamp")
    facts = stamped.inside(EXPLICIT).inside(OCTETS).inside(SEQUENCE)
    facts.next(INTEGER)
    facts.next(OBJECT)  # the authority's policy
    imprint = facts.inside(SEQUENCE)
    if imprint.inside(SEQUENCE).next(OBJECT) != OID_SHA256:
        raise Wrong(f"{STAMP} is of another hash than SHA-256")
    facts.next(INTEGER)  # serial number
    return imprint.next(OCTETS), facts.next(TIME).decode("ascii", "backslashreplace")


def check_stamp(package: Package, folder: Path) -> str:
    name = package.proof.stamped or CHECKPOINT
    stamped, time = stamped_hash(package.files[STAMP])
    digest = sha256(package.notes[name].octets).digest()
    if stamped != digest:
        raise Wrong(f"{STAMP} is of the hash {stamped.hex()}, but that of {name} is {digest.hex()}")
    roots = ROOTS if (folder / ROOTS).exists() else "ROOTS.pem"
    whose = (
        f"{ROOTS} came with the package; better use the root certificates"
        if roots == ROOTS
        else "ROOTS.pem stands for the root certificates"
    )
    return (
        f"{STAMP} is of the hash {digest.hex()}, which is that of {name}, and states the time {shown(time)} (UTC). "
        "NOT CHECKED HERE: the signature of the time stamping authority and its certificate, so neither that time. "
        "Check them in this folder with:\n"
        f"    openssl ts -verify -data {name} -in {STAMP} -CAfile {roots}\n"
        f"{whose} "
        "that the authority itself publishes."
    )


# --- words -------------------------------------------------------------------------------------------


def commitment(salt: bytes, octets: bytes) -> str:
    return sha256(salt + sha256(octets).digest()).hexdigest()


def utf8(octets: bytes, name: str) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise Wrong(f"{name} is not UTF-8") from None


def object_of(octets: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(octets.decode("utf-8"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Wrong(f"{name} is no JSON object")
    return value


def shown(value: Any) -> str:
    """Whatever it is, short and harmless on a screen."""
    return ascii(value)[:200]


EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - Python 3.9 has no datetime.UTC


def moment(us: int) -> str:
    try:
        return (EPOCH + timedelta(microseconds=us)).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
    except OverflowError:
        return f"{us} microseconds after 1970"


def microseconds(written: str) -> int | None:
    """From ISO 8601 with an offset."""
    try:
        return (datetime.fromisoformat(written) - EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError, OverflowError):
        return None


# --- telling -----------------------------------------------------------------------------------------


def filled(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text,
        100,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


class Report:
    """Prints each step, and remembers how they ended."""

    def __init__(self) -> None:
        self.results: list[str] = []

    def tell(self, result: str, title: str, text: str) -> None:
        self.results.append(result)
        number = len(self.results)
        print(f"{number}. {title}: {result}")
        for line in text.split("\n"):  # a command stands on a line of its own, to be copied
            print(f"   {line}" if line.startswith(" ") else filled(line, "   "))
        print()

    def step(self, title: str, check: Callable[[], str]) -> None:
        def always() -> tuple[str, str]:
            return OK, check()

        self.judge(title, always)

    def judge(self, title: str, check: Callable[[], tuple[str, str]]) -> None:
        try:
            result, text = check()
        except Wrong as error:
            result, text = FAILED, f"{error}."
        except NeedsCryptography:
            result, text = NOT_CHECKED, "Needs the Python package `cryptography`; see the end."
        self.tell(result, title, text)


def check_all(folder: Path, report: Report, given: list[Key], kept: bytes | None) -> None:
    """Every step. Raises Unreadable."""
    try:
        package = read_package(folder)
    except Wrong as error:
        report.tell(FAILED, "The files of the package", f"{error}.")
        return
    records = package.proof.records
    report.tell(OK, "The files of the package", f"All {len(package.files)} are there and can be read.")
    for each in records:
        report.step(f"The content of record {each.position + 1}", partial(check_content, package, each))
    report.step("The message", lambda: check_message(package))
    report.step("The events", lambda: check_events(package))
    for each in records:
        report.step(f"Record {each.position + 1} in the ledger", partial(check_inclusion, package, each))
    report.step("The checkpoints", lambda: check_sameness(package))
    for name in package.notes:
        report.step(f"The signature of {name}", partial(check_signatures, package, name))
    for growth in package.proof.growths:
        report.step(f"From {growth.name} to today", partial(check_growth, package, growth))
    if package.proof.stamped:
        report.step("The time stamp", lambda: check_stamp(package, folder))
    if given:
        report.step("The key that you gave", lambda: check_given_keys(package, given))
    else:
        report.tell(KNOW, "Whose key it is", OWN_KEYS)
    if kept is not None:
        report.judge("The checkpoint that you gave", lambda: check_kept(package, kept, given))


OWN_KEYS = (
    f"The public keys in `{KEYS}` came with this package. By themselves they prove nothing about who signed: "
    "anybody could make a package with keys of his own. Get the district's public key from elsewhere (its web site, "
    "a court file, a person you trust) and run:\n    python3 verify.py --key 'NAME+ID+KEY'"
)
WHAT = """\
What this proves: these files are, octet for octet, the records for which the holder of the key signed, at \
these places in the sequence of its archive; since it signed, neither they nor their places were changed. When it \
signed is shown only by a time stamp, or by somebody who kept a checkpoint. It does not prove who wrote the \
message, that what it says is true, or that there are no other events about it than those in the package."""
WHAT_BAG = """\
What this proves: the files in data/messages are, octet for octet, messages for which the holder of the key signed, at \
these places in the sequence of its archive; since it signed, neither they nor their places were changed. When it \
signed is shown only by somebody who kept a checkpoint. It does not prove who wrote a message, that what it says is \
true, or that the archive has no other messages than those in the bag; data/certificate.txt tells what was searched \
for."""
GET = """\
The signatures were not checked: Python does not have the package `cryptography`. Install it with \
`python3 -m pip install cryptography` and run this script again."""


def main(arguments: list[str], folder: Path) -> int:
    """Check the package in the folder that is named, or else in `folder`; the exit code."""
    parser = argparse.ArgumentParser(
        prog="verify.py", description="Checks a proof package, or an exported bag."
    )
    parser.add_argument("--key", action="append", default=[], help="public key that you have from elsewhere")
    parser.add_argument("--checkpoint", type=Path, help="file of a checkpoint that you kept")
    parser.add_argument("folder", nargs="?", type=Path, default=folder, help="default: where the script lies")
    options = parser.parse_args(arguments)
    report = Report()
    try:
        given = [parse_key(each.strip(), "the key that you gave") for each in options.key]
        kept = read(Path(), str(options.checkpoint)) if options.checkpoint else None
    except (Wrong, Unreadable) as error:
        print(f"verify.py: {error}", file=sys.stderr)
        return USAGE
    is_bag = (options.folder / BAG).exists()
    try:
        (check_bag if is_bag else check_all)(options.folder, report, given, kept)
    except Unreadable as error:
        what = "bag" if is_bag else "proof package"
        print(f"verify.py: this is no whole {what}: {error}", file=sys.stderr)
        return USAGE
    return conclude(report.results, needs_cryptography=not has_cryptography(), is_bag=is_bag)


def has_cryptography() -> bool:
    try:
        import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401
    except ImportError:
        return False
    return True


def conclude(results: list[str], *, needs_cryptography: bool, is_bag: bool = False) -> int:
    failed = results.count(FAILED)
    name = "bag" if is_bag else "package"
    if failed:
        print(f"FAILED: {failed} of {len(results)} steps failed. This {name} proves nothing as it is.")
        return WRONG
    if needs_cryptography:
        print(filled(GET))
        return NO_CRYPTOGRAPHY
    if NOT_CHECKED in results:
        print(
            "NOT EVERYTHING COULD BE CHECKED: what could be holds; see the step above that says NOT CHECKED."
        )
        return WRONG
    whose = f", by the keys that came with the {name}" if KNOW in results else ""
    print(f"OK: everything holds{whose}.\n")
    print(filled(WHAT_BAG if is_bag else WHAT))
    return HOLDS


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parent))
