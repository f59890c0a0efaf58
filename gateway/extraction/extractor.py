"""`Extractor`: attachments in, texts out; the reading is done by children that can do no harm.

    with Extractor(Settings()) as extractor:
        for part in extractor.extract(content, "application/pdf", "plan.pdf"):
            ...

Promises: `extract` never raises on any content, and gives at least one result. The first is the attachment itself; what
is in it follows, containers before their content. A part that ends its child (crash, time-out) says so, and what comes
behind it is read by a fresh child, `Settings.retries` times; after that a last result with the attachment's own path
says that the rest is not read. Thread-safe: `Settings.children` attachments at once, further callers wait.
"""

from __future__ import annotations

import queue
import shutil
import subprocess
import time
from dataclasses import replace
from types import TracebackType
from typing import Self

from gateway.extraction.job import clean_name
from gateway.extraction.model import Extracted, Protection, Settings, Status
from gateway.extraction.process import Begun, ChildProcess, Ended, Task


class Extractor:
    """Children are started when they are needed, and end with `close`, or with this process."""

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        # The child has no PATH: it is told where the command is.
        self._settings = replace(settings, tesseract=shutil.which(settings.tesseract) or "")
        self._slots: queue.LifoQueue[ChildProcess | None] = queue.LifoQueue()
        for _ in range(settings.children):
            self._slots.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the children. Waits for the attachments in hand; afterwards `extract` must not be called."""
        for _ in range(self._settings.children):
            child = self._slots.get()
            if child is not None:
                child.kill()

    def extract(self, content: bytes, content_type: str, name: str) -> tuple[Extracted, ...]:
        """What is in one attachment; `content_type` and `name` as declared, both may be empty or wrong."""
        path = (clean_name(name),)
        kind = clean_name(content_type)
        if len(content) > self._settings.content_octets:
            return (Extracted(path, kind, Status.TOO_LARGE, detail="too many octets"),)
        child = self._slots.get()
        attempt = _Attempt(self._settings, content, kind, path, child)
        try:
            return attempt.results()
        finally:
            self._slots.put(attempt.child)

    def protections(self) -> tuple[Protection, ...]:
        """Which walls stand around a child on this machine, and whether there is OCR."""
        child = self._slots.get()
        try:
            child = child or ChildProcess(self._settings)
            return (*child.protections, _ocr(self._settings))
        except Ended as ended:
            return (Protection("child process", False, ended.detail),)
        finally:
            self._slots.put(child)


class _Attempt:
    """One attachment through as many children as it takes. `child` is the one that is left, if any."""

    def __init__(
        self, settings: Settings, content: bytes, kind: str, path: tuple[str, ...], child: ChildProcess | None
    ) -> None:
        self._settings = settings
        self._path = path
        self._results: list[Extracted] = []
        self._in_hand: Begun | None = None
        self._heard = False
        self.child = child
        deadline = time.monotonic() + settings.seconds
        self._task = Task(content, kind, path[0], settings.characters, deadline)

    def results(self) -> tuple[Extracted, ...]:
        for _ in range(self._settings.retries + 1):
            fresh = self.child is None
            ended = self._run()
            if ended is None:
                return tuple(self._results)
            if not self._heard and not fresh:  # it had died before, of something else
                ended = self._run()
                if ended is None:
                    return tuple(self._results)
            if self._charge(ended):
                return tuple(self._results)
        self._rest_unread(Status.FAILED)
        return tuple(self._results)

    def _run(self) -> Ended | None:
        """Let a child do what is left; None where it did."""
        self._heard = False
        self._in_hand = None
        try:
            if self.child is None:
                self.child = ChildProcess(self._settings)
            for said in self.child.run(self._task):
                self._hear(said)
        except Ended as ended:
            self.child = None
            return ended
        except BaseException:
            self.child = None
            raise
        if self.child.served >= self._settings.jobs:
            self.child.kill()
            self.child = None
        return None

    def _hear(self, said: Begun | Extracted) -> None:
        self._heard = True
        if isinstance(said, Begun):
            self._in_hand = said
            return
        self._in_hand = None
        # A child that does what it shall stays within; one that does not is cut here.
        text = said.text[: self._task.characters]
        self._task = replace(self._task, characters=self._task.characters - len(text))
        if len(self._results) <= self._settings.parts:
            self._results.append(replace(said, text=text, path=self._path + said.path[1:]))

    def _charge(self, ended: Ended) -> bool:
        """Say which part the child died of; True where nothing is left to be read."""
        part = self._in_hand
        if part is None:
            if self._results:
                self._rest_unread(ended.status)
            else:
                self._results.append(
                    Extracted(self._path, self._task.type, ended.status, detail=ended.detail)
                )
            return True
        path = self._path + part.path[1:]
        self._results.append(Extracted(path, part.type, ended.status, detail=ended.detail))
        self._task = replace(self._task, resume=part.number + 1, left_out=(*self._task.left_out, part.number))
        if part.number == 0:
            return True
        if time.monotonic() >= self._task.deadline:
            self._rest_unread(Status.TIMED_OUT)
            return True
        return False

    def _rest_unread(self, status: Status) -> None:
        self._results.append(
            Extracted(self._path, self._task.type, status, detail="the rest of it is not read")
        )


def _ocr(settings: Settings) -> Protection:
    """Not a wall, but what `mailgw check` wants to know of the machine as well."""
    if not settings.ocr:
        return Protection("OCR", True, "switched off")
    if not settings.tesseract:
        return Protection("OCR", False, "tesseract is not installed: pictures and scans are not read")
    try:
        listed = subprocess.run(  # noqa: S603 -- a program of our own choice, no shell
            [settings.tesseract, "--list-langs"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return Protection("OCR", False, "tesseract does not run")
    missing = set(settings.languages.split("+")) - set(listed.stdout.split())
    if missing:
        return Protection("OCR", False, f"tesseract has no {', '.join(sorted(missing))}")
    return Protection("OCR", True, settings.languages)
