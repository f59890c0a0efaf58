"""Appends to an archive until it is killed or has appended enough; prints `seq id sha256` after each.

Arguments: folder, number of appends (0: without end), appenders at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from gateway.archive import Archive, uuid7


class Nobody:
    def committed(self, entries: int, seconds: float) -> None: ...

    def failed(self, reason: str) -> None:
        print("failed", reason, flush=True)


async def main(folder: Path, count: int, appenders: int) -> None:
    archive = Archive(folder, compression_level=1, min_free=0, observer=Nobody(), log_limit=2**18)
    left = count or sys.maxsize

    async def append() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            raw = os.urandom(random.choice((10, 2_000, 20_000, 300_000)) if random.random() < 0.3 else 500)
            id = uuid7(time.time_ns() // 1000, os.urandom(8))
            seq = await archive.append(id=id, received=datetime.now(UTC), document=b'{"a": 1}', raw=raw)
            archive.note(id, datetime.now(UTC), b'{"event": "relayed"}')
            print(seq, id, hashlib.sha256(raw).hexdigest(), flush=True)

    await asyncio.gather(*(append() for _ in range(appenders)))
    await archive.aclose()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
