"""Rewrites October, and kills itself with -9 where it is told to: `rewriter.py FOLDER STEP NUMBER...`.

STEP is one of those that `rewrite` tells, `row:N` for the Nth entry that it is asked about, or `never`. Of the entries
with the NUMBERs nothing is to be left.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from uuid import UUID

from gateway.archive.rewriting import rewrite

BATCH = UUID(int=1, version=4)


def main(folder: str, step: str, *numbers: str) -> None:
    def reached(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    asked = 0

    def is_held(_seq: int) -> bool:
        nonlocal asked
        asked += 1
        reached(f"row:{asked}")
        return False

    dispose = {int(number): BATCH for number in numbers}
    rewrite(Path(folder), "2026-10", dispose=dispose, is_held=is_held, reached=reached)


if __name__ == "__main__":
    main(*sys.argv[1:])
