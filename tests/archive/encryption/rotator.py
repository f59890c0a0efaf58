"""Rotates the master key from OLD to NEW, and is killed at a step. Arguments: folder, number of the step (0: never)."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from gateway.archive.encryption.rotation import rotate
from tests.archive.encryption.keys import NEW, OLD, Source


def main(folder: Path, kill_at: int) -> None:
    steps = 0

    def step(_name: str) -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    done = rotate(folder, Source((OLD, NEW)), step=step)
    print(steps, *done.changed)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
