"""The time stamps that a ledger has (RFC 3161), one a day where an authority is named.

    ledger/timestamps/<size>.tsr    the authority's answer over the signed note of that size, DER
    ledger/timestamps/roots.pem     the root certificates that it leads to

Fails with OSError.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from gateway.ledger.files import replace

_FOLDER = "timestamps"
_ROOTS = "roots.pem"


def keep(ledger: Path, size: int, response: bytes, roots: bytes) -> None:
    """Keep the stamp of a checkpoint, durably."""
    folder = ledger / _FOLDER
    folder.mkdir(mode=0o750, exist_ok=True)
    replace(folder / _ROOTS, roots)
    replace(_path(ledger, size), response)


def read(ledger: Path, size: int) -> bytes | None:
    """The stamp of the checkpoint of a size; None where there is none."""
    return _content(_path(ledger, size))


def roots(ledger: Path) -> bytes | None:
    """The authority's root certificates in PEM; None where there are none."""
    return _content(ledger / _FOLDER / _ROOTS)


def last_day(ledger: Path) -> date | None:
    """The day (UTC) on which the last stamp was kept."""
    times = [path.stat().st_mtime for path in (ledger / _FOLDER).glob("*.tsr")]
    return datetime.fromtimestamp(max(times), UTC).date() if times else None


def _path(ledger: Path, size: int) -> Path:
    return ledger / _FOLDER / f"{size}.tsr"


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
