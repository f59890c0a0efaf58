"""Some hundred messages of an export at once: their files, and their lines of everything that lists them.

    bag/data/messages/<name>.eml     the octets received
    bag/data/natives/<name>.eml      the same file, for a load file
    parts/000007.*                   lines of the index, the load file, the mbox, the proofs and the manifest
    parts/000007.json                that all of this is there, with its hashes; written last

Promises: what a killed process left is either found whole, by its hashes, or made anew, and the octets are the same;
one message that cannot be read is told of and stops nothing. Names of files are made of numbers, never of mail.

Fails with ArchiveUnavailable, TreeDamaged and OSError, which concern all messages.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict
from hashlib import file_digest
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import orjson

from gateway.archive import ArchiveDamaged, ArchiveUnavailable, Reader
from gateway.archive.configured import keys_here
from gateway.archive.entry import Evidence, from_microseconds, read_document
from gateway.archive.errors import Disposed
from gateway.ledger.leaf import Leaf, leaf_of
from gateway.ledger.tree import TreeDamaged
from gateway.message import events
from gateway.records.export import cells, mboxrd, rows
from gateway.records.export.plan import HELD, Form
from gateway.records.export.prover import NotTheLedgers, Prover
from gateway.records.export.task import Done, Failed, Place, Task

MESSAGES, NATIVES = "data/messages", "data/natives"
LINES = ("jsonl", "csv", "dat", "mbox", "proofs", "manifest")
_DECIDED = frozenset({events.RELEASED, events.TURNED_DOWN, events.ABANDONED, events.FAILED})


def make(place: Place, task: Task) -> Done:
    """A chunk, whole: the one that is there, or made anew."""
    return _found(place, task.chunk) or _Making(place, task).make()


# --- one that is there -----------------------------------------------------------------------------------


def _found(place: Place, chunk: int) -> Done | None:
    """What an earlier run made of a chunk, if every octet of it is still there."""
    try:
        facts: dict[str, Any] = orjson.loads(place.part(chunk, "json").read_bytes())
        done = Done(**facts | {"failed": [Failed(**each) for each in facts["failed"]]})
        for kind in LINES:
            if _hash(place.part(chunk, kind)) != done.hashes[kind]:
                return None
        for line in place.part(chunk, "manifest").read_text("ascii").splitlines():
            digest, _, name = line.partition("  ")
            if _hash(place.bag / name) != digest:
                return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return done


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


# --- making one ------------------------------------------------------------------------------------------


class _Making:
    """One chunk in the making."""

    def __init__(self, place: Place, task: Task) -> None:
        self._place, self._task = place, task
        self._done = Done(task.chunk)
        self._lines = {kind: BytesIO() for kind in LINES if kind != "mbox"}
        self._messages, self._natives = place.bag / MESSAGES, place.bag / NATIVES
        self._draft = self._part("tmp")

    def make(self) -> Done:
        with ExitStack() as stack:
            reader = stack.enter_context(
                closing(Reader(self._place.archive, keys_here(self._place.archive, self._place.encryption)))
            )
            prover = self._prover(stack)
            mbox = stack.enter_context(self._part("mbox").open("wb"))
            for seq, name in self._task.messages:
                try:
                    self._message(seq, name, reader, prover, mbox)
                except (OSError, ArchiveUnavailable, TreeDamaged):
                    raise
                except Exception as error:
                    self._fail(seq, name, _reason(error))
        for kind, lines in self._lines.items():
            self._part(kind).write_bytes(lines.getbuffer())
        self._done.hashes = {kind: _hash(self._part(kind)) for kind in LINES}
        self._replace(self._part("json"), orjson.dumps(asdict(self._done)))
        return self._done

    def _prover(self, stack: ExitStack) -> Prover | None:
        ledger = self._task.ledger
        if ledger is None:
            return None
        return stack.enter_context(
            closing(Prover(self._place.ledger, ledger.size, bytes.fromhex(ledger.root)))
        )

    def _message(self, seq: int, name: str, reader: Reader, prover: Prover | None, mbox: IO[bytes]) -> None:
        """One message, or nothing of it. Raises whatever is wrong with it."""
        evidence = reader.evidence(seq)
        digests, raw = evidence.digests, evidence.raw
        if raw is None or digests.sha256 is None:
            raise KeyError(seq)
        document = read_document(evidence.document)
        if _waits(reader, document, digests.id.hex()):
            self._fail(seq, name, HELD)
            return
        leaf = leaf_of(*digests)
        path = prover.path(leaf) if prover is not None else None
        found = document.get("envelope")
        envelope = found if isinstance(found, dict) else {}
        received = from_microseconds(digests.received)
        stored = rows.Stored(seq, leaf.id, received, digests.sha256.hex())
        row = rows.row(name, f"{MESSAGES}/{name}.eml", stored, raw, envelope) | {"proven": path is not None}
        lines = self._listed(row, name, leaf, path, evidence)
        joined = (
            mboxrd.entry(raw, rows.sender(envelope), received) if Form.MBOXRD in self._task.forms else b""
        )
        # From here on nothing is wrong with the message itself.
        self._files(f"{name}.eml", raw, stored.sha256)
        mbox.write(joined)
        for kind, octets in lines.items():
            self._lines[kind].write(octets)
        self._done.written += 1
        if path is None:
            self._done.unproven.append(seq)

    def _listed(
        self, row: Mapping[str, Any], name: str, leaf: Leaf, path: list[bytes] | None, evidence: Evidence
    ) -> dict[str, bytes]:
        """The message's line of each part."""
        lines = {"jsonl": orjson.dumps(row) + b"\n", "csv": cells.csv_lines([rows.csv_cells(row)])}
        if Form.CONCORDANCE in self._task.forms:
            link = f"natives\\{name}.eml"  # as the Windows programs that read load files write paths
            lines["dat"] = cells.concordance_lines([rows.concordance_cells(row, link)])
        if path is not None:
            proof = {
                "file": row["file"],
                "leaf": leaf.octets().decode("ascii"),
                "salt": evidence.digests.salt.hex(),
                "path": [each.hex() for each in path],
            }
            lines["proofs"] = orjson.dumps(proof) + b"\n"
        return lines

    def _fail(self, seq: int, name: str, reason: str) -> None:
        for folder in (self._messages, self._natives):  # what an earlier run wrote, when it could
            (folder / f"{name}.eml").unlink(missing_ok=True)
        self._done.failed.append(Failed(seq, name, reason))

    # --- files

    def _part(self, kind: str) -> Path:
        return self._place.part(self._done.chunk, kind)

    def _files(self, name: str, octets: bytes, digest: str) -> None:
        """A message, and its second name for a load file."""
        path = self._messages / name
        self._replace(path, octets)
        self._listed_file(f"{MESSAGES}/{name}", digest, len(octets))
        if Form.CONCORDANCE in self._task.forms:
            self._link(path, self._natives / name)
            self._listed_file(f"{NATIVES}/{name}", digest, len(octets))

    def _link(self, path: Path, other: Path) -> None:
        """A second name of a file, or a second file where there can be none."""
        try:
            other.hardlink_to(path)
        except OSError:
            other.unlink(missing_ok=True)  # of an earlier run
            try:
                other.hardlink_to(path)
            except OSError:
                shutil.copyfile(path, self._draft)
                self._draft.replace(other)

    def _replace(self, path: Path, octets: bytes) -> None:
        """A whole file, or none."""
        self._draft.write_bytes(octets)
        self._draft.replace(path)

    def _listed_file(self, name: str, digest: str, size: int) -> None:
        self._lines["manifest"].write(f"{digest}  {name}\n".encode("ascii"))
        self._done.files += 1
        self._done.octets += size


def _waits(reader: Reader, document: Mapping[str, Any], id: str) -> bool:
    """Whether a message is held, whatever the catalog says: nobody reads it past the record of who looked."""
    if document.get("held") is not True:
        return False
    return not _DECIDED & {event.document.get("event") for event in reader.events(id)}


def _reason(error: Exception) -> str:
    match error:
        case Disposed():
            return error.text
        case ArchiveDamaged():
            return f"damaged: {error.text}"
        case KeyError():
            return "the archive has no such message"
        case NotTheLedgers():
            return str(error)
        case _:
            return f"cannot be written: {type(error).__name__}"
