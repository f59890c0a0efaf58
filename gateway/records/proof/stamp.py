"""The time stamp in a proof package: the oldest one over a checkpoint that attests the message.

    ledger/timestamps/<size>.tsr    an authority's answer (RFC 3161) over the signed note of that size
    ledger/timestamps/roots.pem     the authority's root certificates; optional

Fails with OSError.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.ledger.checkpoint import Kept
from gateway.ledger.ledger import Ledger

FOLDER = "timestamps"
ROOTS = "roots.pem"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp, and what it is of."""

    kept: Kept
    response: bytes  # DER
    roots: bytes | None  # PEM


def oldest_stamp(folder: Path, ledger: Ledger, seq: int) -> Stamp | None:
    """The first time stamp over a checkpoint that attests an entry; None where there is none."""
    for kept in ledger.checkpoints:
        if kept.checkpoint.size >= seq:
            response = _content(folder / FOLDER / f"{kept.checkpoint.size}.tsr")
            if response is not None:
                return Stamp(kept, response, _content(folder / FOLDER / ROOTS))
    return None


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
