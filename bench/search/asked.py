"""Asks one engine all the questions once, in a process of its own, and says how long each took and what it needed.

    python -m bench.search.asked gateway|notmuch FOLDER

FOLDER is that of the index, or of the Maildir. Prints JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

from bench.search.mail import SEED
from bench.search.notmuch import Asked
from bench.search.questions import Question, questions
from bench.search.vocabulary import Vocabulary

SHOWN = 20  # messages on a page

Ask = Callable[[Question], int]


def main(engine: str, folder: Path) -> None:
    asked = questions(Vocabulary(SEED))
    before = _anonymous()
    with ExitStack() as stack:
        ask = _gateway(folder, stack) if engine == "gateway" else _notmuch(folder, stack)
        took, counts = [], []
        for question in asked:
            began = time.perf_counter()
            counts.append(ask(question))
            took.append(time.perf_counter() - began)
        print(
            json.dumps(
                {
                    "seconds": took,
                    "counts": counts,
                    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                    "own": _anonymous() - before,
                }
            )
        )


def _gateway(folder: Path, stack: ExitStack) -> Ask:
    from gateway.search.engine import Facet, Wanted
    from gateway.search.query import parse
    from gateway.search.tantivy import TantivySearcher

    searcher = stack.enter_context(closing(TantivySearcher(folder)))
    facets = (Facet.RULE, Facet.SCHOOL, Facet.DIRECTION)

    def ask(question: Question) -> int:
        node = parse(question.gateway, now=datetime.now(UTC), zone=UTC)
        wanted = Wanted(limit=SHOWN, facets=facets if question.facets else ())
        return searcher.search(node, wanted).count or 0

    return ask


def _notmuch(folder: Path, stack: ExitStack) -> Ask:
    asked = stack.enter_context(closing(Asked(folder / "mail", folder / "config")))
    return lambda question: asked.page(question.notmuch, SHOWN)[0]


def _anonymous() -> int:
    """Octets that belong to this process alone; pages of the index that the kernel keeps are not among them."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no RssAnon in /proc/self/status")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
