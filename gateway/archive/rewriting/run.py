"""One rewriting of a closed volume, from the lock to the last octet destroyed.

Promises: every entry has its number, and what identifies it in the ledger; the new file counts only when each entry in
it was read back and is, octet for octet, what the old one has, or a tombstone that somebody ordered and nobody forbade;
killed at any moment, the old volume or the new one is there, whole, and `sweep_leftovers` removes the rest. Where
something is disposed of, the old file's octets are overwritten; a new file never held them, nor do its dictionaries.
One rewriting at a time in a folder; mail flows meanwhile. The new file of an encrypted volume has another key, and the
old key is let go once it needs none (`letting_go.py`). Where new volumes are encrypted, so is one that was not.

Fails with NotRewritable (RewriteRunning), with ArchiveDamaged where an entry is not what was stored (nothing is changed
then: put the volume back from a backup first), with ArchiveUnavailable (KeysUnavailable), and with whatever `is_held`
raises.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from uuid import UUID

import apsw

from gateway.archive import volume as volumes
from gateway.archive.checkpoint import seal
from gateway.archive.encryption import Cipher, Keyring
from gateway.archive.errors import (
    ArchiveDamaged,
    ArchiveUnavailable,
    NotRewritable,
    Reason,
    RewriteRunning,
    unavailable,
)
from gateway.archive.lock import CHECKPOINT, FolderLock
from gateway.archive.opened import OpenVolume
from gateway.archive.rewriting.draft import Draft, read_description
from gateway.archive.rewriting.letting_go import keep_only_named, let_go
from gateway.archive.rewriting.remains import destroy, draft_of, old_of, sweep
from gateway.archive.rewriting.survey import EACH, Survey, survey
from gateway.archive.rewriting.training import trained
from gateway.archive.rewriting.whole import Whole, whole_of
from gateway.archive.verify import bounds_of, page_problems
from gateway.archive.volume import Volume

# Measured on lifelike mail: 19 makes a volume 1.5 % smaller and takes four times as long.
LEVEL = 12

_LOCK = "rewrite.lock"
_PATIENCE = 10_000  # milliseconds for readers to leave the log of a volume that was not sealed yet
_READINGS = 3  # of a volume in one rewriting: survey, writing, comparing

Progress = Callable[[int, int], None]
IsHeld = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What became of a volume."""

    entries: int
    disposed: tuple[int, ...]  # by this rewriting
    kept: tuple[int, ...]  # that were to be disposed of, and are held
    octets_before: int
    octets_after: int


def rewrite(
    folder: Path,
    month: str,
    *,
    level: int = LEVEL,
    keys: Keyring | None = None,
    decrypt: bool = False,
    dispose: Mapping[int, UUID] | None = None,
    is_held: IsHeld,
    progress: Progress = lambda _done, _total: None,
    min_free: int = 0,
    clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    reached: Callable[[str], None] = lambda _step: None,
) -> Rewritten:
    """Write a closed volume anew.

    level: of zstd, 1 to 22. keys: of the volumes; without any, an encrypted one cannot be rewritten. decrypt: the new
    file is not encrypted, whatever the old one was. dispose: numbers of entries to be destroyed, with the batches that
    order it; others than this volume's are passed over. is_held: asked of each before its tombstone is written, and of
    all of them again right before the new file takes the old one's place; one that is held stays whole. progress: done,
    and all there is to do. min_free: octets of disk space that are to be left. clock: microseconds since 1970. reached:
    told of steps.
    """
    try:
        with _alone(folder):
            sweep(folder)
            keys = keys or Keyring(folder, None, sealing=False)
            let_go(folder, keys)
            volume = _closed(folder, month)
            _require_space(volume, min_free)
            with _no_checkpoint(folder):
                _require_sealed(volume)
            work = _Work(volume, level, keys, decrypt, dict(dispose or {}), is_held, progress, clock, reached)
            return work.run()
    except (apsw.Error, OSError) as error:
        raise unavailable(error) from error


def sweep_leftovers(folder: Path) -> list[Path]:
    """Destroy what broken-off rewritings left, unless one is going on. Raises OSError."""
    if not folder.is_dir():
        return []
    try:
        with _alone(folder):
            return sweep(folder)
    except RewriteRunning:
        return []


def not_compacted(folder: Path) -> list[str]:
    """The closed months that were never rewritten, oldest first. Raises ArchiveUnavailable and OSError."""
    found = []
    try:
        for volume in volumes.list_volumes(folder)[:-1]:
            with closing(OpenVolume(volume, closed=True)) as opened:
                if opened.format == 1 or not opened.rows(0, "SELECT rewritten FROM volume")[0][0]:
                    found.append(volume.month)
    except apsw.Error as error:
        raise unavailable(error) from error
    return found


@contextmanager
def _no_checkpoint(folder: Path) -> Iterator[None]:
    """While nobody copies a log; brief."""
    lock = FolderLock(folder / CHECKPOINT)
    try:
        with lock.held():
            yield
    finally:
        lock.close()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = FolderLock(folder / _LOCK)
    try:
        with lock.held_if_free() as free:
            if not free:
                raise RewriteRunning(
                    f"{folder}: another process rewrites a volume; try again when it is done"
                )
            yield
    finally:
        lock.close()


def _closed(folder: Path, month: str) -> Volume:
    found = volumes.list_volumes(folder)
    volume = next((each for each in found if each.month == month), None)
    if volume is None:
        raise NotRewritable(f"{folder}: there is no volume of {month}")
    if volume == found[-1]:
        raise NotRewritable(
            f"{month}: the newest volume is still written to; it can be rewritten when another is begun"
        )
    return volume


def _require_space(volume: Volume, min_free: int) -> None:
    """A new file is not larger than the old one by much."""
    size, free = volume.path.stat().st_size, shutil.disk_usage(volume.path.parent).free
    if free < size + min_free:
        needed = f"{size} octets are needed beside the {min_free} to be kept"
        raise ArchiveUnavailable(Reason.FULL, f"{volume.path.parent}: {free} octets free; {needed}")


def _require_sealed(volume: Volume) -> None:
    """That all of the volume is in one file."""
    if volumes.log_size(volume):
        seal(volume, _PATIENCE)
    if volumes.log_size(volume):
        text = f"{volume.log.name}: is not empty, for somebody reads the volume; try again"
        raise ArchiveUnavailable(Reason.IO, text)


@dataclass(slots=True)
class _Work:
    volume: Volume
    level: int
    keys: Keyring
    decrypt: bool
    dispose: dict[int, UUID]
    is_held: IsHeld
    progress: Progress
    clock: Callable[[], int]
    reached: Callable[[str], None]
    done: int = 0
    total: int = 0
    cipher: Cipher | None = None  # of the new file

    def run(self) -> Rewritten:
        draft, old = draft_of(self.volume), old_of(self.volume)
        before = self.volume.path.stat().st_size
        try:
            with closing(OpenVolume(self.volume, closed=True, keys=self.keys)) as opened:
                _ = opened.cipher  # before another key is made
                if not self.decrypt:
                    self.cipher = self.keys.renew(self.volume.month, opened.data_key)
                    self.reached("keys")
                bounds = bounds_of(opened)
                count = bounds.last - bounds.first + 1
                self.dispose = {
                    seq: batch for seq, batch in self.dispose.items() if bounds.first <= seq <= bounds.last
                }
                disposed, kept = self._written(opened, draft, count)
            after = draft.stat().st_size
            self._put_in_place(draft, old if disposed else None)
        except BaseException:
            with suppress(OSError):
                destroy(draft)
            raise
        if disposed:
            destroy(old, self.reached)
        keep_only_named(self.volume, self.keys)
        self.reached("done")
        return Rewritten(count, tuple(sorted(disposed)), tuple(sorted(kept)), before, after)

    def _written(self, opened: OpenVolume, draft: Path, count: int) -> tuple[set[int], set[int]]:
        """Write the draft until it holds nothing less than it must; what it disposed of, and what is held."""
        kept: set[int] = set()
        self.total = _READINGS * count
        with survey(opened, count, self.dispose, self._advance) as found:
            self.reached("surveyed")
            while True:
                disposed = self._write(opened, draft, found, kept)
                self.reached("written")
                self._compare(opened, draft, disposed)
                self.reached("compared")
                late = {seq for seq in sorted(disposed) if self.is_held(seq)}
                if not late:
                    return disposed, kept
                kept |= late
                destroy(draft)
                self.total += (_READINGS - 1) * count

    def _write(self, opened: OpenVolume, path: Path, found: Survey, kept: set[int]) -> set[int]:
        key = self.cipher.key if self.cipher is not None else None
        now = volumes.iso(self.clock())
        described = replace(read_description(opened.connection), rewritten=now, data_key=key)
        disposed: set[int] = set()
        dictionaries = trained(found.samples)
        with closing(Draft(path, described, dictionaries, self.level, found.is_shared, self.cipher)) as draft:
            for whole in _entries(opened):
                seq = whole.digests.seq
                batch = self.dispose.get(seq) if whole.batch is None and seq not in kept else None
                if batch is not None and self.is_held(seq):
                    kept.add(seq)
                    batch = None
                if batch is not None:
                    draft.bury(whole, batch.bytes)
                    disposed.add(seq)
                else:
                    draft.add(whole)
                self._advance()
            draft.finish(self.volume.path)
        return disposed

    def _compare(self, opened: OpenVolume, path: Path, disposed: set[int]) -> None:
        """That the new file has, entry for entry, what the old one has. Raises ArchiveDamaged where it has not."""
        month = self.volume.month
        made = Volume(month, path)
        for problem in page_problems(made, closed=True):
            raise ArchiveDamaged(month, problem.seq or 0, f"was not written as it should be: {problem.text}")
        with closing(OpenVolume(made, closed=True, keys=self.keys)) as new:
            for before, after in zip_longest(_entries(opened), _entries(new)):
                if before is None or after is None or not self._is_same(before, after, disposed):
                    seq = before.digests.seq if before else after.digests.seq if after else 0
                    raise ArchiveDamaged(month, seq, "was not written as it should be; nothing was changed")
                self._advance()

    def _is_same(self, before: Whole, after: Whole, disposed: set[int]) -> bool:
        seq = before.digests.seq
        if seq not in disposed:
            return before == after
        place = before.digests[:6] == after.digests[:6]
        gone = after.batch == self.dispose[seq].bytes and not after.document and after.raw is None
        return place and gone and before.commitments == after.digests.commitments

    def _put_in_place(self, draft: Path, old: Path | None) -> None:
        """From one instant to the next. old: the name that the old file keeps until it is destroyed."""
        folder = self.volume.path.parent
        if old is not None:
            old.hardlink_to(self.volume.path)
            volumes.sync_path(folder)
            self.reached("linked")
        with _no_checkpoint(folder):
            _require_sealed(self.volume)
            # They tell of the old file: who opened the new one with them would look for pages that it does not have.
            for beside in ("-wal", "-shm"):
                self.volume.path.with_name(self.volume.path.name + beside).unlink(missing_ok=True)
            draft.rename(self.volume.path)
            volumes.sync_path(folder)
        self.reached("replaced")

    def _advance(self) -> None:
        self.done += 1
        self.progress(self.done, self.total)


def _entries(opened: OpenVolume) -> Iterator[Whole]:
    """Every entry, one at a time. Raises ArchiveDamaged where one is missing, too."""
    expected = opened.first_seq
    for row in opened.each(expected, EACH, expected):
        if row[0] != expected:
            raise ArchiveDamaged(opened.volume.month, expected, "entry is missing")
        yield whole_of(opened, row)
        expected += 1
