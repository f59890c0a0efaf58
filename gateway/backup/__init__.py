"""Backups of an installation: made while it runs, only what is new copied, checked, and put together again elsewhere.

A backup is a folder of plain files with a list of them (`manifest.py`). `run.py` makes one, `checking.py` compares its
files with the list, `restoring.py` makes an installation of it. `docs/backup.md` tells what is in it, and how to
live with it.

Promises:

- Whatever was in the archive when a run began is in the backup when it ends; what came in meanwhile may be.
- The ledger of a backup attests nothing that its archive does not have: it is copied first (`sources.py`).
- A run that is killed, or finds the disk full, leaves the state before it, which can be restored (`store.py`).
- Nobody who sends or archives mail waits for a backup (`holding.py`, `living.py`).
- A volume that the backup has is never given up for less: where the archive has lost it, or entries of it, the
  run is refused.

Fails with `BackupFailed`, whose text names the place and the remedy.
"""

from __future__ import annotations

from gateway.backup.errors import BackupFailed, BackupRunning

__all__ = ["BackupFailed", "BackupRunning"]
