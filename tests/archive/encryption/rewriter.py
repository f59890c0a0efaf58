"""Rewrites October, and kills itself with -9 where it is told to: `rewriter FOLDER MODE STEP NUMBER...`.

MODE: `seal`, `open` (the new file is not encrypted). STEP is one that `rewrite` tells. Of the entries with
the NUMBERs nothing is to be left.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from uuid import UUID

from gateway.archive.encryption import Keyring
from gateway.archive.rewriting import rewrite
from tests.archive.encryption.keys import OLD, Source

BATCH = UUID(int=1, version=4)


def main(folder: str, mode: str, step: str, *numbers: str) -> None:
    def reached(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    rewrite(
        Path(folder),
        "2026-10",
        keys=Keyring(Path(folder), Source((OLD,)), sealing=True),
        decrypt=mode == "open",
        dispose={int(number): BATCH for number in numbers},
        is_held=lambda _seq: False,
        reached=reached,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
