"""Taking the files of an installation into a backup, one after the other, as far as it has not got them already.

Fails with BackupFailed, and with OSError where something cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import sleep

from gateway.archive import volume as volumes
from gateway.archive.volume import Volume, log_size
from gateway.backup import copying, sources
from gateway.backup.copying import Copied, Tell, Vanished
from gateway.backup.errors import BackupFailed
from gateway.backup.living import bounds, copy_living
from gateway.backup.manifest import Manifest, Named, Stored, facts_if_any, facts_of
from gateway.backup.replacing import KEPT, require_attested, require_rewritten
from gateway.backup.sources import Source
from gateway.backup.store import Store
from gateway.config import Config
from gateway.ledger.checkpoint import Checkpoints
from gateway.ledger.ledger import CHECKPOINTS
from gateway.ledger.note import NoteError

_CHECKPOINTS = f"ledger/{CHECKPOINTS}"
_SIGNING = 0.2  # seconds that writing a checkpoint may take
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person who makes the backup chose."""

    full: bool = False  # compare octets, not times
    secrets: bool = True  # passwords and private keys
    ledger_key: bool = True


@dataclass(slots=True)
class Taking:
    """What a run has taken so far."""

    settings: Config
    store: Store
    old: Manifest | None
    wanted: Wanted
    tell: Tell
    files: list[Stored] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    copied: int = 0
    octets: int = 0
    before: dict[str, Stored] = field(init=False)
    number: int = field(init=False)

    def __post_init__(self) -> None:
        self.before = {each.path: each for each in self.old.files} if self.old else {}
        self.number = self.old.run + 1 if self.old else 1

    def take_all(self, config: Path) -> list[Named]:
        """Take all, in the order that `sources.py` gives reasons for; what is to be at the paths that settings name."""
        found, named = sources.configuration(config, self.settings)
        for each in named:
            if each.stored is None:
                self.notes.append(f"{each.original} ({each.setting}): is not there")
        for source in (*found, *sources.kept(self.settings), *sources.ledger(self.settings)):
            self._plain(source)
        archive = self.settings.storage.archive
        listed = volumes.list_volumes(archive) if archive.is_dir() else []
        for volume in listed:
            if volume == listed[-1] or log_size(volume):
                self._living(volume)
            else:
                self._closed(volume)
        for source in sources.beside_volumes(self.settings):
            self._plain(source)
        self.problems += self._replaced(listed)
        return [self._as_stored(each) for each in named]

    def _replaced(self, listed: list[Volume]) -> Iterator[str]:
        """Volumes that were rewritten while the run went on: their keys, copied later, may be those of the new file."""
        taken = {each.path: each.original.file.inode for each in self.files}
        for volume in listed:
            now = facts_if_any(volume.path)
            if now is not None and taken.get(f"archive/{volume.path.name}") not in (None, now.inode):
                yield f"{volume.path}: was written anew while the backup was made; make it once more"

    def _as_stored(self, named: Named) -> Named:
        """What a setting named, with nothing where it was left out."""
        there = any(f"{each.path}/".startswith(f"{named.stored}/") for each in self.files)
        return named if there else replace(named, stored=None)

    # --- one file

    def _plain(self, source: Source) -> None:
        if self._is_left_out(source):
            return
        try:
            if self._is_unchanged(source.stored, source.path):
                return
            draft = self.store.draft(source.stored, self.number)
            copied = copying.copy(source.path, draft, self.tell, grows=source.grows)
            for _ in range(_TRIES):
                if source.stored != _CHECKPOINTS or not _is_torn(draft):
                    break
                sleep(_SIGNING)  # one is being written just now; or it was cut short for good, by a power cut
                copied = copying.copy(source.path, draft, self.tell, grows=True)
        except Vanished:
            return
        except PermissionError as error:
            self.problems.append(f"{source.path}: cannot be read: {error.strerror}; it is not in the backup")
            return
        self._add(source.stored, copied, secret=source.secret)

    def _closed(self, volume: Volume) -> None:
        """A volume that nobody writes to; it may be replaced by another, from which something was removed."""
        path = f"archive/{volume.path.name}"
        if self._is_unchanged(path, volume.path):
            return
        draft = self.store.draft(path, self.number)
        copied = copying.copy(volume.path, draft, self.tell)
        before, copy = self.before.get(path), Volume(volume.month, draft)
        if before and copied.sha256 == before.sha256:  # only touched
            draft.unlink()
            self.files.append(replace(before, original=copied.original, closed=True, rewritten=False))
            return
        rewritten = before is not None and before.original.file.inode != copied.original.file.inode
        if before:
            require_rewritten(before, copied.original)
        if rewritten:
            require_attested(copy, self.settings.storage.ledger)
        first, last = self._bounds(copy, before)
        self._add(path, copied, first=first, last=last, closed=True, rewritten=rewritten)

    def _bounds(self, copy: Volume, before: Stored | None) -> tuple[int | None, int | None]:
        """The numbers of a volume's entries; a damaged one is backed up as it is, where there is no other."""
        try:
            return bounds(copy)
        except BackupFailed as error:
            if before:
                raise BackupFailed(f"{error}; {KEPT}") from None
            self.problems.append(str(error))
            return None, None

    def _living(self, volume: Volume) -> None:
        path = f"archive/{volume.path.name}"
        before = self.before.get(path)
        now = facts_of(volume.path), facts_if_any(volume.log)
        if before and not self.wanted.full and before.original.is_surely(*now):
            self._keep(before)
            return
        draft = self.store.draft(path, self.number)
        made = copy_living(self.settings.storage.archive, volume, draft, self.tell)
        told = [f"{volume.month}: {each.kind}: {each.text}" for each in made.problems]
        if told and before:
            raise BackupFailed(
                f"{volume.path}: is damaged ({told[0]}), and the backup has a copy that may not be; {KEPT}"
            )
        self.problems += told
        rewritten = before is not None and before.original.file.inode != made.copied.original.file.inode
        self._add(path, made.copied, first=made.first, last=made.last, rewritten=rewritten)

    def _is_left_out(self, source: Source) -> bool:
        is_key = source.path == self.settings.ledger_key
        if not source.secret or (self.wanted.secrets and (self.wanted.ledger_key or not is_key)):
            return False
        self.left_out.append(str(source.path))
        self.notes.append(f"{source.path}: a secret")
        return True

    def _is_unchanged(self, path: str, source: Path) -> bool:
        """Whether the backup has a file already; it is noted then."""
        before = self.before.get(path)
        if before is None:
            return False
        try:
            same = before.original.is_surely(facts_of(source), None)
        except FileNotFoundError:
            raise Vanished(str(source)) from None
        if self.wanted.full:
            _, sha256 = copying.read_back(source)
            if same and sha256 != before.sha256:
                self.problems.append(
                    f"{source}: its octets are not those that were copied, though its size and time are: a failing "
                    f"disk? The backup keeps its copy ({before.path}); compare both"
                )
            elif sha256 != before.sha256:
                return False
            same = True
        if same:
            self._keep(before)
        return same

    def _keep(self, before: Stored) -> None:
        self.files.append(replace(before, rewritten=False))

    def _add(
        self,
        path: str,
        copied: Copied,
        *,
        secret: bool = False,
        first: int | None = None,
        last: int | None = None,
        closed: bool = False,
        rewritten: bool = False,
    ) -> None:
        self.copied += 1
        self.octets += copied.size
        facts = (path, copied.size, copied.sha256, copied.mode, copied.owner, self.number, copied.original)
        self.files.append(
            Stored(*facts, secret=secret, first=first, last=last, closed=closed, rewritten=rewritten)
        )


def _is_torn(checkpoints: Path) -> bool:
    try:
        return Checkpoints(checkpoints).torn
    except NoteError:
        return False  # `mailgw verify` tells
