"""Whether an installation has less than its backup: a volume, entries or checkpoints that are gone.

Then something was lost or put back, and a backup that followed would lose it as well.

Fails with BackupFailed.
"""

from __future__ import annotations

from pathlib import Path

from gateway.backup.errors import BackupFailed
from gateway.backup.manifest import Manifest
from gateway.backup.store import Store
from gateway.ledger.checkpoint import Checkpoints
from gateway.ledger.ledger import CHECKPOINTS
from gateway.ledger.note import NoteError

_NEVER_LESS = (
    "a backup is not replaced by less: keep this one, find out why, and give an empty folder for the next"
)
_CHECKPOINTS = f"ledger/{CHECKPOINTS}"


def refuse_less(store: Store, old: Manifest, new: Manifest) -> None:
    """Raises BackupFailed where the old list has mail or checkpoints that the new one has not."""
    if new.origin != old.origin:
        raise BackupFailed(
            f"{store.folder}: is the backup of {old.origin}, not of {new.origin}; give another one"
        )
    volumes = new.volumes
    for month, before in old.volumes.items():
        now = volumes.get(month)
        if now is None:
            raise BackupFailed(f"{before.original.path}: is gone, and the backup has it; {_NEVER_LESS}")
        if before.first is None:  # was damaged when it was copied
            continue
        if now.first != before.first or (now.last or 0) < (before.last or 0):
            raise BackupFailed(
                f"{before.original.path}: has entries {now.first} to {now.last}, and the backup has {before.first} to "
                f"{before.last}; {_NEVER_LESS}"
            )
    _refuse_less_attested(store, old, new)


def _refuse_less_attested(store: Store, old: Manifest, new: Manifest) -> None:
    before, now = old.file(_CHECKPOINTS), new.file(_CHECKPOINTS)
    if before is None or before == now:
        return
    had = _signed(store.where(before))
    has = _signed(store.where(now)) if now else []
    if has[: len(had)] != had:
        raise BackupFailed(
            f"{before.original.path}: does not begin with the {len(had)} checkpoints that the backup has; {_NEVER_LESS}"
        )


def _signed(checkpoints: Path) -> list[str]:
    """The checkpoints of a file. Raises BackupFailed where they are damaged."""
    try:
        return [str(each.note) for each in Checkpoints(checkpoints).kept]
    except NoteError as error:
        raise BackupFailed(f"{checkpoints}: {error}; {_NEVER_LESS}") from None
