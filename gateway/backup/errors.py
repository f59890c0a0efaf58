"""Why a backup cannot be made, read or restored; the text is for the person who asked for it."""

from __future__ import annotations


class BackupFailed(Exception):
    """What is wrong, where, and what to do about it."""


class BackupRunning(BackupFailed):
    """Another process works on the same backup."""
