"""One run of `mailgw verify`: pieces checked by several processes, compared in sequence, to be broken off and resumed.

Promises: problems come as they are found, in sequence but for what is about no entry; a run that was broken off,
however, goes on after the last piece that was compared, also where archive and ledger grew since; nothing is changed
but the file that says how far a run is. Entries that come in meanwhile are not part of it.

Fails with OSError where the archive's folder cannot be read, with VerificationFailed where a process ended early, and
with NoteError or KeyFileError where the ledger's files are not as they were written (the archive is still checked).
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from gateway.archive import ArchiveDamaged, ArchiveUnavailable
from gateway.archive.configured import reader_at
from gateway.archive.encryption.settings import keyring_of
from gateway.archive.verify import Problem
from gateway.catalog.reader import Catalog, CatalogUnavailableError
from gateway.catalog.store import read_watermark
from gateway.config import EncryptionSettings
from gateway.ledger.checkpoint import Kept
from gateway.ledger.keys import KeyFileError
from gateway.ledger.ledger import Ledger
from gateway.ledger.note import NoteError
from gateway.ledger.tree import Tree, TreeDamaged
from gateway.records.verification.attested import Comparison, Signed
from gateway.records.verification.checkpoints import CHECKPOINT, signature_problems, unvouched
from gateway.records.verification.disposals import Disposal, Disposals, newer_records
from gateway.records.verification.pieces import Checked, Piece, check, check_elsewhere, plan

_AHEAD = 4  # pieces given to each process before the first is back
_WRITING = 0.2  # seconds
_HERE = "the ledger's checkpoint"


class VerificationFailed(Exception):
    """A process that checked a piece ended early."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be verified. `published`: files with checkpoints that were kept elsewhere."""

    archive: Path
    ledger: Path
    origin: str
    catalog: Path | None
    published: Sequence[Path] = ()
    pages: bool = True
    encryption: EncryptionSettings = field(default_factory=EncryptionSettings)


@dataclass(slots=True)
class Summary:
    """What a run says at its end, and while it goes on."""

    entries: int = 0  # checked
    total: int = 0  # to be checked
    octets: int = 0  # of messages, as they were received
    attested: int = 0  # entries
    checkpoints: int = 0
    problems: int = 0
    unopened: int = 0  # of `entries`: only what is in the clear was checked, for want of a key
    notes: list[str] = field(default_factory=list)  # what is no problem, but to be known
    disposals: list[Disposal] = field(
        default_factory=list
    )  # what was lawfully destroyed; at the end of a run


@dataclass(slots=True)
class Verification:
    """A run. `state`: the file by which it can be resumed."""

    subject: Subject
    state: Path
    processes: int = 1
    summary: Summary = field(default_factory=Summary)
    _disposals: Disposals = field(default_factory=Disposals, init=False)
    _closed: set[str] = field(default_factory=set, init=False)  # volumes that could not be opened

    def run(self, *, resume: bool = False) -> Iterator[Problem | None]:
        """Problems as they are found; None after each piece. Read `summary` at any time."""
        # The ledger first: what it attests then is in the archive, which only grows.
        ledger, tree, problems = self._ledger()
        signed = self._signed(ledger, problems)
        pieces, found = plan(self.subject.archive)
        problems += found
        pieces = [piece for piece in pieces if self.subject.pages or not piece.pages]
        self.summary.total = sum(_entries(piece) for piece in pieces)
        with closing(_Closing(tree)):
            comparison = Comparison(tree, signed)
            whole = set[str]()  # volumes of which all pages were checked
            if resume:
                comparison, whole = self._resumed(comparison)
            if not self.summary.entries:
                yield from self._counted(problems)
            left = [each for each in pieces if not _is_done(each, comparison.seq, whole)]
            for checked in self._checked(left):
                self._disposals.take(checked.tombstones, checked.records)
                yield from self._counted(checked.problems)
                if checked.piece.pages:
                    whole.add(checked.piece.volume.month)
                else:
                    yield from self._counted(self._compared(comparison, checked))
                self._save(comparison, whole)
                yield None
            yield from self._counted(comparison.end())
            if tree is not None:
                yield from self._counted(_tree_problems(tree))
            self._look_for_newer_records(comparison.seq)
            yield from self._counted(self._unrecorded())
            self.summary.disposals = self._disposals.told()
            self.summary.notes += self._disposals.notes(comparison.seq, self.summary.attested)
        self.state.unlink(missing_ok=True)

    def _unrecorded(self) -> Iterator[Problem]:
        """What was destroyed without a record, as far as records could be read."""
        found = list(self._disposals.end())
        if self.summary.unopened and found:
            self.summary.notes.append(
                f"whether the disposal of {len(found)} entries is on record could not be checked for want of a key"
            )
            return
        yield from found

    def _look_for_newer_records(self, after: int) -> None:
        """Where something is disposed of while this runs, the events that say so are not part of it."""
        if not self._disposals.tombstones:
            return
        reader = reader_at(self.subject.archive, self.subject.encryption)
        with closing(reader), suppress(ArchiveDamaged, ArchiveUnavailable):
            for record in newer_records(reader, after):
                self._disposals.take({}, [record])

    def _compared(self, comparison: Comparison, checked: Checked) -> Iterator[Problem]:
        self.summary.entries += checked.piece.last - max(checked.piece.first - 1, comparison.seq)
        self.summary.octets += checked.octets
        self.summary.unopened += checked.unopened
        yield from comparison.take(checked.piece.first, checked.leaves)

    def _counted(self, problems: Iterator[Problem] | list[Problem]) -> Iterator[Problem]:
        for problem in problems:
            if problem.kind == "keys":  # told once for a volume, and nothing is known to be wrong
                if problem.volume not in self._closed:
                    self._closed.add(problem.volume)
                    yield problem
                continue
            self.summary.problems += 1
            self._disposals.notice(problem)
            yield problem

    # --- the ledger ---

    def _ledger(self) -> tuple[Ledger | None, Tree | None, list[Problem]]:
        problems: list[Problem] = []
        try:
            ledger = Ledger(self.subject.ledger)
            if ledger.torn:  # or it is being written just now
                time.sleep(_WRITING)
                ledger = Ledger(self.subject.ledger)
        except (NoteError, KeyFileError, OSError) as error:
            return None, None, [Problem("", None, CHECKPOINT, str(error))]
        self.summary.attested, self.summary.checkpoints = ledger.size, len(ledger.checkpoints)
        problems += signature_problems(ledger.checkpoints, ledger.keys, self.subject.origin)
        self.summary.notes += [
            f"no older key vouches for the key {key.id.hex()}: it was made when the one before was lost"
            for key in unvouched(ledger.checkpoints, ledger.keys)
        ]
        if ledger.torn:
            text = "the file ends in the middle of a checkpoint; after a power cut the service signs it again"
            problems.append(Problem("", None, CHECKPOINT, text))
        if not ledger.checkpoints:
            self.summary.notes.append(
                "nothing was signed yet: only what the archive says of itself was checked"
            )
            return ledger, None, problems
        try:
            return ledger, ledger.tree(), problems
        except (TreeDamaged, OSError) as error:
            text = f"{error}; the service makes the tree again from the archive"
            return ledger, None, [*problems, Problem("", None, "ledger", text)]

    def _signed(self, ledger: Ledger | None, problems: list[Problem]) -> list[Signed]:
        signed = [Signed(each.checkpoint, _HERE) for each in ledger.checkpoints] if ledger else []
        for path in self.subject.published:
            try:
                kept = Kept.parse(path.read_text())
                if ledger and ledger.keys and not kept.note.signed_by(ledger.keys):
                    problems.append(Problem("", None, CHECKPOINT, f"{path}: no signature of a known key"))
                    continue
                signed.append(Signed(kept.checkpoint, str(path), str(path.parent)))
            except (NoteError, OSError, UnicodeDecodeError) as error:
                problems.append(Problem("", None, CHECKPOINT, f"{path}: {error}"))
        return sorted(signed, key=lambda each: each.checkpoint.size)

    # --- the pieces ---

    def _checked(self, pieces: Sequence[Piece]) -> Iterator[Checked]:
        """Each piece as it is checked, in their order."""
        archive, encryption = self.subject.archive, self.subject.encryption
        catalog, known = self.subject.catalog, self._catalogued()
        if self.processes == 1:
            keys = keyring_of(archive, encryption)
            yield from (check(each, catalog, known, keys) for each in pieces)
            return
        work = partial(check_elsewhere, catalog=catalog, known=known, encryption=encryption)
        waiting: deque[Future[Checked]] = deque()
        rest = iter(pieces)
        with ProcessPoolExecutor(self.processes, get_context("spawn")) as pool:
            try:
                waiting.extend(pool.submit(work, each) for each in islice(rest, self.processes * _AHEAD))
                while waiting:
                    checked = waiting.popleft().result()
                    waiting.extend(pool.submit(work, each) for each in islice(rest, 1))
                    yield checked
            except BrokenExecutor:
                raise VerificationFailed(
                    "a process that checked a piece ended early: out of memory?"
                ) from None
            finally:
                pool.shutdown(
                    cancel_futures=True
                )  # waits for what is begun: else Python 3.11 trips over it at exit

    def _catalogued(self) -> int:
        """Up to which entry the catalog knows the archive."""
        if self.subject.catalog is None:
            return 0
        try:
            with closing(Catalog(self.subject.catalog)) as catalog, catalog.connect() as connection:
                return read_watermark(connection).position
        except (CatalogUnavailableError, DBAPIError):
            return 0  # the pieces say why

    # --- to be resumed ---

    def _save(self, comparison: Comparison, whole: set[str]) -> None:
        facts = {
            "summary": asdict(self.summary),
            "whole": sorted(whole),
            "comparison": comparison.state(),
            "disposals": self._disposals.state(),
        }
        draft = self.state.with_name(f".{self.state.name}.new")
        draft.write_text(json.dumps(facts))
        draft.rename(self.state)

    def _resumed(self, comparison: Comparison) -> tuple[Comparison, set[str]]:
        """How far the last run came; nowhere, where none was broken off."""
        try:
            facts = json.loads(self.state.read_text())
            going_on = comparison.resumed(facts["comparison"])
            before, whole = Summary(**facts["summary"]), {str(each) for each in facts["whole"]}
            self._disposals = Disposals.resumed(facts["disposals"])
        except (OSError, ValueError, KeyError, TypeError):
            self.summary.notes.append("no run was broken off: this one began with the first entry")
            return comparison, set()
        self.summary.entries, self.summary.octets = before.entries, before.octets
        self.summary.problems, self.summary.unopened = before.problems, before.unopened
        self.summary.notes.append(
            f"resumed after entry {going_on.seq}, with {before.problems} problems before it"
        )
        return going_on, whole


def _entries(piece: Piece) -> int:
    return 0 if piece.pages else piece.last - piece.first + 1


def _is_done(piece: Piece, seq: int, whole: set[str]) -> bool:
    return piece.volume.month in whole if piece.pages else piece.last <= seq


def _tree_problems(tree: Tree) -> Iterator[Problem]:
    """Hashes above the leaves that are not those of what is below."""
    try:
        for place in tree.wrong_nodes():
            yield Problem("", None, "ledger", f"{place}: not the hash of what is below it")
    except TreeDamaged as error:
        yield Problem("", None, "ledger", str(error))


@dataclass(frozen=True, slots=True)
class _Closing:
    tree: Tree | None

    def close(self) -> None:
        if self.tree is not None:
            self.tree.close()
