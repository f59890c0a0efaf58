"""Which master keys are known to have a copy elsewhere: somebody gave the copy, and it was the key.

A small file in the archive's folder keeps the ids with the day. It is for people, and nothing hangs on it: where it
cannot be read, no key is confirmed. Fails with OSError.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from gateway.archive.encryption import files
from gateway.archive.encryption.master import MasterKey

FILE = "confirmed-keys.json"
_FORMAT = 1


def confirmed(folder: Path) -> dict[str, date]:
    """The day on which each master key's copy was last seen, by the key's id."""
    try:
        body = json.loads((folder / FILE).read_bytes())
        return {str(row["key"]): date.fromisoformat(row["on"]) for row in body["confirmed"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def confirm(folder: Path, copies: Iterable[MasterKey], keys: Iterable[MasterKey], today: date) -> list[str]:
    """Note which keys have a copy; their ids. The folder is made where it is missing."""
    given = list(copies)
    seen = [key.id for key in keys if any(hmac.compare_digest(key.octets, one.octets) for one in given)]
    if seen:
        files.make_folder(folder)
        with files.changing(folder):
            _write(folder, confirmed(folder) | dict.fromkeys(seen, today))
    return seen


def _write(folder: Path, days: Mapping[str, date]) -> None:
    rows = [{"key": key, "on": day.isoformat()} for key, day in sorted(days.items())]
    text = json.dumps({"format": _FORMAT, "confirmed": rows}, indent=1) + "\n"
    files.replace(folder / FILE, text.encode(), mode=0o640, owner=folder)
