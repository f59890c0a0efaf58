"""The time stamp in a proof package: the oldest one over a checkpoint that attests the message.

Fails with OSError.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.ledger import stamps
from gateway.ledger.checkpoint import Kept
from gateway.ledger.ledger import Ledger


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
            response = stamps.read(folder, kept.checkpoint.size)
            if response is not None:
                return Stamp(kept, response, stamps.roots(folder))
    return None
