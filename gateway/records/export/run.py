"""One export: from its plan to a folder that is there as a whole.

    .<name>.export/plan.json    what is to be made (plan.py); while it is there, the export is not finished
    .<name>.export/parts/       lines of chunks (chunk.py)
    .<name>.export/bag/         the bag, until it is whole and gets its name

Promises: killed at any moment, `resumed` and `run` go on, and the octets are those of a run that nobody disturbed; the
bag gets its name when all of it is on the disk and `record` has returned, so nothing is handed out of which the archive
does not know; two runs into one folder exclude each other. Every file is for its owner only: it is mail in clear.

Fails with FolderUnusable, ExportRunning, ExportFailed, ArchiveUnavailable, TreeDamaged and OSError; whatever it was,
the export can go on afterwards.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from gateway.archive import ArchiveUnavailable
from gateway.config import EncryptionSettings
from gateway.records.export import bag, cells, certificate, chunk, plan, rows
from gateway.records.export.certificate import Result
from gateway.records.export.payload import Payload, replace
from gateway.records.export.plan import Form, Plan
from gateway.records.export.task import Done, Failed, Place, Task
from gateway.records.proof.folder import FolderUnusable, require_free

_AHEAD = 2  # chunks given to each process before the first is back
PROOFS, CERTIFICATE = "data/proofs", "data/certificate.json"

Record = Callable[[Plan, Result], None]


class ExportRunning(Exception):
    """Another process makes this export."""


class ExportFailed(Exception):
    """A process that wrote messages could not go on."""


class Export:
    """An export into a folder, which is not there before all of it is."""

    def __init__(
        self, folder: Path, archive: Path, ledger: Path, encryption: EncryptionSettings | None = None
    ) -> None:
        self.folder = folder.absolute()
        draft = self.folder.parent / f".{self.folder.name}.export"
        self.place = Place(draft, archive, ledger, encryption or EncryptionSettings())
        self._plan = self.place.draft / "plan.json"

    @property
    def is_begun(self) -> bool:
        """Whether there is one to be resumed."""
        return self._plan.exists()

    def require_free(self) -> None:
        """Raise FolderUnusable unless a new export can be begun."""
        require_free(self.folder)
        if self.is_begun:
            raise FolderUnusable(
                f"{self.folder}: an export into it was broken off; `mailgw export --resume -o {self.folder}` finishes "
                f"it, and removing {self.place.draft} gives it up"
            )

    def begin(self, made: Plan) -> None:
        """Keep the plan: from now on it can be resumed."""
        if self.place.draft.exists():  # what is left of one that was finished
            shutil.rmtree(self.place.draft)
        self.place.draft.mkdir(mode=0o700, exist_ok=True)
        replace(self._plan, plan.to_json(made))
        _sync(self.place.draft)

    def resumed(self) -> Plan:
        """The plan of an export that was broken off. Raises FolderUnusable."""
        try:
            return plan.from_json(self._plan.read_bytes())
        except FileNotFoundError:
            raise FolderUnusable(f"{self.folder}: no export into it was broken off") from None
        except ValueError as error:
            raise FolderUnusable(
                f"{self._plan}: {error}; remove {self.place.draft} and export anew"
            ) from None

    def run(
        self, made: Plan, record: Record, *, processes: int = 1, step: Callable[[int], None] = lambda _: None
    ) -> Result:
        """All that is left to do. step: told how many more messages were looked at."""
        with self._alone():
            result = self._placed(made)
            if result is None:
                self._prepare(made)
                done = list(self._chunks(made, processes, step))
                result = _result(done)
                self._assemble(made, done, result)
                os.sync()  # thousands of files: one by one would take minutes
                record(made, result)
                require_free(self.folder)
                self.place.bag.replace(self.folder)
                _sync(self.folder.parent)
            shutil.rmtree(self.place.parts, ignore_errors=True)  # first: it has texts of mail
            self._plan.unlink()
            shutil.rmtree(self.place.draft)
        return result

    def _placed(self, made: Plan) -> Result | None:
        """The result, where the bag has its name already, and only the leftovers are to go."""
        if self.place.bag.exists():
            return None
        try:
            return certificate.read((self.folder / CERTIFICATE).read_bytes(), made.id)
        except (OSError, ValueError):
            return None

    # --- messages

    def _prepare(self, made: Plan) -> None:
        """The folders, and what the proofs lead to."""
        self.place.parts.mkdir(mode=0o700, exist_ok=True)
        folders = ["", "data", chunk.MESSAGES, PROOFS]
        folders += [chunk.NATIVES] if Form.CONCORDANCE in made.forms else []
        for name in folders:
            (self.place.bag / name).mkdir(mode=0o700, exist_ok=True)
        if made.ledger is not None:
            replace(self.place.bag / PROOFS / "checkpoint", made.ledger.note.encode())
            keys = "".join(f"{key}\n" for key in made.ledger.keys)
            replace(self.place.bag / PROOFS / "keys", keys.encode())

    def _chunks(self, made: Plan, processes: int, step: Callable[[int], None]) -> Iterator[Done]:
        """Each chunk as it is made, in their order."""
        for done in self._made(made, processes):
            step(len(made.places(done.chunk)))
            yield done

    def _made(self, made: Plan, processes: int) -> Iterator[Done]:
        tasks = (Task.of(made, each) for each in range(made.chunks))
        if processes == 1 or made.chunks < 2:
            yield from (chunk.make(self.place, task) for task in tasks)
            return
        work = partial(_make_elsewhere, self.place)
        waiting: deque[Future[Done]] = deque()
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            try:
                waiting.extend(pool.submit(work, each) for each in islice(tasks, processes * _AHEAD))
                while waiting:
                    done = waiting.popleft().result()
                    waiting.extend(pool.submit(work, each) for each in islice(tasks, 1))
                    yield done
            except BrokenExecutor:
                raise ExportFailed("a process that wrote messages ended early: out of memory?") from None
            finally:
                pool.shutdown(
                    cancel_futures=True
                )  # waits for what is begun: else Python 3.11 trips over it at exit

    # --- the bag

    def _assemble(self, made: Plan, done: Iterable[Done], result: Result) -> None:
        """What lists the messages, the manifests, and what describes the bag."""
        done = list(done)
        written = Payload(self.place.bag)
        if made.ledger is not None:
            written.known(f"{PROOFS}/checkpoint", f"{PROOFS}/keys")
        tables = {
            "data/index.csv": ("csv", cells.BOM + cells.csv_lines([rows.KEYS])),
            "data/index.jsonl": ("jsonl", b""),
            f"{PROOFS}/messages.jsonl": ("proofs", b""),
        }
        if Form.CONCORDANCE in made.forms:
            tables["data/concordance.dat"] = (
                "dat",
                cells.BOM + cells.concordance_lines([rows.CONCORDANCE]),
            )
        if Form.MBOXRD in made.forms:
            tables["data/mail.mbox"] = ("mbox", b"")
        for name, (kind, first) in tables.items():
            written.joined(name, first, [self.place.part(each.chunk, kind) for each in done])
        written.whole(CERTIFICATE, certificate.to_json(made, result))
        written.whole("data/certificate.txt", certificate.to_text(made, result))
        manifest = Payload(self.place.bag)
        parts = [self.place.part(each.chunk, "manifest") for each in done]
        manifest.joined(bag.MANIFEST, bag.lines(sorted(written.hashes)), parts)
        files = len(written.hashes) + sum(each.files for each in done)
        octets = written.octets + sum(each.octets for each in done)
        ((digest, _),) = manifest.hashes
        for name, content in bag.tags(made, files, octets, digest).items():
            replace(self.place.bag / name, content)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        descriptor = os.open(self.place.draft / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise ExportRunning(f"{self.folder}: another process makes this export") from None
        try:
            yield
        finally:
            os.close(descriptor)


def _make_elsewhere(place: Place, task: Task) -> Done:
    """A chunk, in a process of its own. An ArchiveUnavailable would not come back from there."""
    try:
        return chunk.make(place, task)
    except ArchiveUnavailable as error:
        raise ExportFailed(str(error)) from None


def _result(done: Iterable[Done]) -> Result:
    failed: list[Failed] = []
    unproven: list[int] = []
    written = 0
    for each in done:
        written += each.written
        failed += each.failed
        unproven += each.unproven
    return Result(written, tuple(failed), tuple(unproven))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
