"""The child: `python -m gateway.extraction.child FD`, started by `process.py` and by nobody else.

It puts up its walls, says which stand, and reads one attachment after another until its socket is closed. It writes
nothing anywhere, and says nothing but frames (`frames.py`).
"""

from __future__ import annotations

import os
import resource
import socket
import sys
from dataclasses import asdict, replace
from functools import partial

from gateway.extraction import frames, sandbox
from gateway.extraction.job import Child
from gateway.extraction.model import Extracted, Settings


class _Report:
    """Tells the parent as soon as there is something to tell."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def begins(self, number: int, path: tuple[str, ...], declared: str) -> None:
        frames.write(self._sock, frames.BEGIN, {"number": number, "path": path, "type": declared})

    def ocr_begins(self) -> None:
        frames.write(self._sock, frames.OCR, {})

    def result(self, number: int, result: Extracted) -> None:
        facts = {
            "number": number,
            "path": result.path,
            "type": result.type,
            "status": result.status,
            "detail": result.detail,
            "seconds": result.seconds,
        }
        frames.write(self._sock, frames.RESULT, facts, result.text)


def serve(sock: socket.socket) -> None:
    settings = Settings(**frames.read(sock, 0).facts)
    sandbox.enclose(settings, sock)
    # Behind the walls at last: the readers of formats are loaded here, and not a line of theirs runs outside.
    from gateway.extraction.walk import Walk

    frames.write(sock, frames.READY, {"protections": [asdict(wall) for wall in sandbox.inspect()]})
    report = _Report(sock)
    while True:
        job, fd = frames.read_with_fd(sock, 0)
        if fd is None:
            return
        with os.fdopen(fd, "rb") as file:
            content = file.read()
        sandbox.allow_processor_time(settings.seconds)
        facts = job.facts
        allowed = replace(settings, characters=facts["characters"])
        walk = Walk(allowed, report, facts["resume"], frozenset(facts["left_out"]))
        walk.visit(Child(facts["name"], facts["type"], partial(bytes, content)))
        del content
        frames.write(sock, frames.DONE, {})
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10 > settings.memory // 4:
            return  # what is left of a large one must not be missing for the next: a fresh child takes over


def main() -> None:
    try:
        serve(socket.socket(fileno=int(sys.argv[1])))
    except (frames.Broken, BrokenPipeError, ConnectionResetError):
        return  # the parent has gone, or is done with this child


if __name__ == "__main__":
    main()
