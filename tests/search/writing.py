"""A process that writes an index until it is killed: `python writing.py folder documents-per-commit [octets per file]`.

Tells each position once it is committed, and ends with the name of what went wrong.
"""

from __future__ import annotations

import itertools
import resource
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from gateway.search.document import Document
from gateway.search.tantivy import TantivyWriter


def main() -> None:
    folder, batch = Path(sys.argv[1]), int(sys.argv[2])
    writer = TantivyWriter(folder, memory=16 * 2**20)
    if len(sys.argv) > 3:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
    try:
        for first in itertools.count(writer.position() + 1, batch):
            last = first + batch - 1
            writer.write([_document(seq) for seq in range(first, last + 1)], last)
            print(last, flush=True)
    except Exception as error:
        print(type(error).__name__, flush=True)


def _document(seq: int) -> Document:
    body = f"plain words and number{seq} " * 20
    return Document(seq, f"id-{seq}", datetime.fromtimestamp(seq, UTC), subject=f"letter {seq}", body=body)


if __name__ == "__main__":
    main()
